"""The description of the API: whole, valid, and true of what is answered."""

import ast
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import pytest
from aiohttp import web
from openapi_spec_validator import validate
from pydantic import ValidationError
from yarl import URL

from incidentlog.api.app import MODULES
from incidentlog.api.openapi import make_document
from incidentlog.api.operations import Header, Number, Segment, operation_of
from incidentlog.api.webhooks import EXAMPLE
from incidentlog.events.schema import event_schema
from incidentlog.events.values import MAX_INT
from incidentlog.projections import PROJECTIONS
from incidentlog.shares import OfKey
from incidentlog.store.webhooks import add_webhook
from incidentlog.subjects import EVENTS
from tests.api.serving import NOW, Answer, Served, make_key
from tests.commands import strike

API = Path(__file__).parents[2] / "incidentlog" / "api"
DOCUMENT: dict[str, Any] = orjson.loads(orjson.dumps(make_document(MODULES)))
METHODS = ("get", "post", "patch", "delete")
OPERATIONS = [(m, path) for path, item in DOCUMENT["paths"].items() for m in METHODS if m in item]


def followed(value: Any) -> Any:
    """What a reference leads to; anything else as it is."""
    while isinstance(value, dict) and "$ref" in value:
        at = DOCUMENT
        for part in value["$ref"].removeprefix("#/").split("/"):
            at = at[part.replace("~1", "/").replace("~0", "~")]
        value = at
    return value


def test_it_is_openapi():
    validate(DOCUMENT)
    assert DOCUMENT["openapi"].startswith("3.1.")


async def test_it_is_served_to_everybody_packed_and_with_what_tells_it_from_others(busy: Served):
    reader = busy.by(None)
    answer = await reader.get("/openapi.json", {"Accept-Encoding": "gzip"})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert orjson.loads(answer.unpacked) == DOCUMENT
    again = await reader.get("/openapi.json", {"If-None-Match": answer.headers["ETag"], "Accept-Encoding": "gzip"})
    assert (again.status, again.raw) == (304, b"")


def test_every_route_is_told_with_what_it_is_for_and_what_it_answers():
    there = {(r.method.lower(), r.path) for module in MODULES for r in module.routes if isinstance(r, web.RouteDef)}
    told = {
        (m, path.replace(f"/{name}", "/{name}")) if path.startswith(f"/v1/projections/{name}") else (m, path)
        for m, path in OPERATIONS
        for name in [path.split("/")[3] if path.startswith("/v1/projections/") else "-"]
    }
    plain = {(m, path.replace(":.+", "").replace(":[^/]+", "")) for m, path in there}
    assert told == plain
    assert {p.split("/")[3] for _, p in OPERATIONS if p.startswith("/v1/projections/")} == {*PROJECTIONS}
    for method, path in OPERATIONS:
        operation = DOCUMENT["paths"][path][method]
        assert operation["summary"].endswith("."), path
        assert {"400", "500"} < operation["responses"].keys(), path
        assert [status for status in operation["responses"] if status < "400"], path
        for parameter in map(followed, operation["parameters"]):
            assert parameter["description"].strip(), (path, parameter)


def test_every_part_of_a_path_is_declared():
    for module in MODULES:
        for route in module.routes:
            assert isinstance(route, web.RouteDef)
            segments = {p.name for p in operation_of(route).takes if p.where == "path"}
            assert segments == {part.partition(":")[0].partition("}")[0] for part in route.path.split("{")[1:]}


# ----------------------------------------------------------------------------------- declared is what is read


ALLOWED = {
    "operations.py": {"query"},  # where parameters are read
    "folds.py": {"query"},  # whether a read folds: it then takes its turn
    "generations.py": {"query"},  # whether a state of knowledge is named: a read is made again for it
    "diff.py": {"query"}, "projections.py": {"query"}, "subjects.py": {"query"},  # what was asked is asked again by the address of the next page
}  # fmt: skip


def test_parameters_are_read_by_their_declarations_alone():
    for file in API.glob("*.py"):
        tree = ast.parse(file.read_text("utf-8"))
        taken = {
            node.attr
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute)
            and node.attr in {"query", "query_string"}
            and isinstance(node.value, ast.Name)
            and node.value.id == "request"
        }
        assert taken <= ALLOWED.get(file.name, set()), file.name


HEADERS_OF_HTTP = {
    "Accept", "Accept-Encoding", "Access-Control-Request-Method", "Authorization", "Content-Encoding", "If-None-Match", "Origin", "Sec-Fetch-Site", "X-Request-Id",
    "traceparent", "PURPOSE",
}  # fmt: skip
"""Of the transport, or of every request: the description tells of them for all routes together."""


def test_headers_are_declared_or_those_of_every_request():
    for file in API.glob("*.py"):
        calls = [node for node in ast.walk(ast.parse(file.read_text("utf-8"))) if isinstance(node, ast.Call)]
        for call in calls:
            if call.args and ast.unparse(call.func) in {"request.headers.get", "request.headers.getall"}:
                name = call.args[0]
                said = name.value if isinstance(name, ast.Constant) else ast.unparse(name)
                assert said in HEADERS_OF_HTTP, (file.name, said)


async def test_what_is_read_and_not_declared_fails(service: Served):
    """Each kind of parameter is asked of a request whose route does not have it."""
    from aiohttp.test_utils import make_mocked_request

    from incidentlog.api.operations import OPERATION, Operation

    request = make_mocked_request("GET", "/v1/x?limit=1", headers={"Prefer": "wait=1"})
    for parameter in (Number("limit", "n"), Header("Prefer", "n"), Segment("name", "n", example="x")):
        request[OPERATION] = Operation()
        read = parameter.of if isinstance(parameter, Number | Segment) else parameter.given
        with pytest.raises(AssertionError, match="is read and not declared"):
            read(request)
        if not isinstance(parameter, Segment):
            request[OPERATION] = Operation(takes=(parameter,))
            read(request)


# ------------------------------------------------------------------------------------------------- examples


GIVEN = {"/v1/diff": {"from_known": "2026-01-01", "projection": "city_incidents"}, "/v1/places": {"q": "Odessa"}}
"""Without which a route answers nothing."""
UNSIGNED = ("/log/", "/v1/log/", "/proof")
"""What is there of logs that are signed; that one is not, and tests/audit/ asks them."""
OF_IMPORTS = ("/v1/candidates", "/v1/events/ids")
"""What is asked of an import, and the timeline came with none; tests/api/test_candidates.py and test_imports.py ask it."""
OF_BASEMAP = ("/basemap/{z}",)
"""Tiles of an operator's base map, of which the timeline has none; tests/page/test_basemap.py asks for them."""
STREAMED = ("/stream", "/v1/live", "/replay")
"""What does not end, or takes its time; tests/api/test_sse.py, test_replay.py and tests/live/ ask them."""


def exemplary(path: str, parameters: list[dict[str, Any]]) -> str:
    for parameter in parameters:
        if parameter["in"] == "path":
            path = path.replace(f"{{{parameter['name']}}}", str(parameter["example"]))
    return path


UNASKED = (*UNSIGNED, *OF_IMPORTS, *OF_BASEMAP, *STREAMED)
READS = [p for m, p in OPERATIONS if m == "get" and not any(part in p for part in UNASKED)]


@pytest.mark.parametrize("path", READS)
async def test_every_example_of_a_read_is_answered(timeline: Served, path: str):
    await make_key_once(timeline)
    parameters = [followed(p) for p in DOCUMENT["paths"][path]["get"]["parameters"]]
    where = exemplary(path, parameters)
    if "{id}" in path:
        where = f"/v1/events/{(await timeline.get('/v1/events', limit=1)).json['events'][0]['id']}"
    if path.startswith("/v1/projections/") and "{key}" in path:
        rows = (await timeline.get(where.rpartition("/")[0])).json["rows"]
        if not rows:
            return
        where = f"{where.rpartition('/')[0]}/{URL.build(path=next(iter(rows))).raw_path}"
    needed = GIVEN.get(path, {})
    answer = await timeline.get(where, **needed)
    assert answer.status == 200, answer
    for parameter in parameters:
        if "example" not in parameter or parameter["in"] == "path":
            continue
        given = parameter["example"][0] if isinstance(parameter["example"], list) else str(parameter["example"])
        in_query = parameter["in"] == "query"
        params = {**needed, **({parameter["name"]: given} if in_query else {})}
        if parameter["name"] == "subject":  # instead of a projection
            del params["projection"]
        answer = await timeline.get(where, {} if in_query else {parameter["name"]: given}, **params)
        # What the path names need not have been known at the moment of an example.
        assert answer.status in ({200, 404} if "{" in path else {200}), (parameter, answer)


async def make_key_once(service: Served) -> None:
    if (await service.get("/v1/keys/an-example")).status == 404:
        await make_key(service.access, "an-example", "a-key-of-an-example", scopes=("read",))
        async with service.service.kept(OfKey("an-example")) as connection:  # one that is sent nothing
            await add_webhook(
                connection, UUID(EXAMPLE), "an-example", 0, url="https://example.org/hook", filters="{}", note=None,
                secret=b"x" * 32, now=NOW, position=MAX_INT, most=1,
            )  # fmt: skip


async def sent(service: Served, path: str, where: str) -> Answer:
    """The example of a body, in each of the types in which it may be sent; the last answer."""
    answer = None
    for media, content in DOCUMENT["paths"][path]["post"]["requestBody"]["content"].items():
        answer = await service.ask(
            "POST", where, data=orjson.dumps(content["example"]), headers={"Content-Type": media}
        )
    assert answer is not None
    return answer


async def test_every_example_of_a_body_is_taken(service: Served):
    await service.add(strike(stream="strike:one"))
    await service.settled()
    found = {path: await sent(service, path, path.replace("{stream}", "ceasefire:one")) for _, path in bodies()}
    assert {path: answer.status for path, answer in found.items()} == {
        "/v1/builds": 202,
        "/v1/events": 201,
        "/v1/events/bulk": 201,
        "/v1/parked": 404,  # nothing is parked
        "/v1/streams/{stream}/events": 201,
    }


UNSHOWN = {"/v1/cloudevents", "/v1/imports", *(path for _, path in OPERATIONS if path.startswith("/v1/webhooks"))}
"""Whose bodies are of another form for each of their types, files, or name addresses of others: test_cloudevents.py,
test_imports.py and test_webhooks.py send them."""


def bodies() -> list[tuple[str, str]]:
    return [(m, p) for m, p in OPERATIONS if "requestBody" in DOCUMENT["paths"][p][m] and p not in UNSHOWN]


# -------------------------------------------------------------------------------------------------- schemas


@pytest.mark.parametrize("name", EVENTS.newest)
async def test_the_schema_of_each_type_is_served_and_is_that_of_its_model(busy: Served, name: str):
    answer = await busy.by(None).get(f"/schemas/{name}.json")
    found = EVENTS.find(name)
    assert found is not None
    assert answer.headers["Content-Type"].startswith("application/schema+json")
    assert answer.json == orjson.loads(orjson.dumps(event_schema(found)))
    assert answer.json["properties"]["type"]["const"] == name
    assert answer.json["description"]


async def test_the_types_are_listed_and_others_are_not_found(busy: Served):
    listed = (await busy.by(None).get("/schemas")).json["types"]
    assert {(each["type"], each["version"]) for each in listed} == {*EVENTS.types}
    assert (await busy.get("/schemas/strike.none.json")).status == 404
    assert (await busy.get("/schemas/strike.reported.json", version=2)).status == 404
    assert (await busy.get("/schemas/strike.reported.json", version=1)).status == 200
    assert (await busy.get("/schemas/strike.reported.json", versoin=1)).faults == {"/versoin": "unknown_parameter"}


def test_what_the_timeline_holds_is_as_its_schemas_say():
    from jsonschema import Draft202012Validator

    from tests.subjects.given import TIMELINE

    validators: dict[str, Draft202012Validator] = {}
    for line in TIMELINE.read_bytes().splitlines():
        event = orjson.loads(line)
        if event["type"] not in validators:
            found = EVENTS.find(event["type"])
            assert found is not None
            validators[event["type"]] = Draft202012Validator(event_schema(found))
        validators[event["type"]].validate(event)


def test_an_answer_with_a_member_that_is_not_told_is_not_as_described():
    from tests.api.described import operation_at, undescribed

    operation = operation_at("GET", "/livez")
    assert operation is not None
    assert [*undescribed(operation, 200, "application/json", b'{"status":"ok"}')] == []
    with pytest.raises(ValidationError):
        [*undescribed(operation, 200, "application/json", b'{"status":"ok","more":1}')]
    assert [*undescribed(operation, 201, "application/json", b"{}")]
    assert [*undescribed(operation, 404, "application/problem+json", b'{"type":"/problems/not-found"}')]
