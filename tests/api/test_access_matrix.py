"""Who is answered what: every route, asked with a key of each scope and clearance, and without one."""

from collections.abc import Mapping
from itertools import product
from typing import Any, Final

import orjson
from aiohttp import web
from yarl import URL

from incidentlog.api.app import MODULES
from incidentlog.api.operations import operation_of
from incidentlog.events.values import Tlp
from incidentlog.service.keys import SCOPES
from tests.api.serving import Served, make_key
from tests.commands import strike
from tests.subjects.given import id_of

OPEN: Final = None
"""Needs no key."""
HIDDEN, STREAM, MARKED = id_of("hidden"), "strike:hidden", Tlp.AMBER
"""An event that is there for those who are cleared for AMBER."""
ELSEWHERE = {"name": "Kyiv", "country": "UA", "precision": "settlement"}
EXAMPLE = {k: v for k, v in strike(place=ELSEWHERE).items() if k not in {"id", "stream"}}

# For each route: the scope that it needs; what one with that scope is answered; and, where that is another answer, what
# one is who is not cleared for it, with the clearance. `{...}` of a path are filled in below.
MATRIX: Final[Mapping[str, tuple[Any, ...]]] = {
    "GET /": (OPEN, 200),
    "GET /asyncapi.json": (OPEN, 200),
    "GET /basemap": (OPEN, 200),
    "GET /basemap/{z}/{x}/{y}": (OPEN, 404),
    "GET /docs": (OPEN, 200),
    "GET /docs/live": (OPEN, 200),
    "GET /docs/{name}": (OPEN, 200),
    "GET /docs/live/{name}": (OPEN, 200),
    "GET /embed": (OPEN, 200),
    "GET /livez": (OPEN, 200),
    "GET /log/checkpoint": ("read", 404),
    "GET /log/tile/entries/{index:.+}": ("read", 404),
    "GET /log/tile/{level:[^/]+}/{index:.+}": ("read", 404),
    "GET /metrics": ("read", 200),
    "GET /openapi.json": (OPEN, 200),
    "GET /page/{name:.+}": (OPEN, 200),
    "GET /problems/{slug}": (OPEN, 200),
    "GET /readyz": (OPEN, 200),
    "GET /schemas": (OPEN, 200),
    "GET /schemas/{type}.json": (OPEN, 200),
    "GET /v1/access": ("audit", 200, 403, Tlp.RED),
    "GET /v1/builds": ("read", 200),
    "POST /v1/builds": ("admin", 404),
    "GET /v1/cloudevents": ("read", 200),
    "POST /v1/cloudevents": ("report", 415),
    "GET /v1/cloudevents/{id}": ("read", 200, 404, MARKED),
    "GET /v1/diff": ("read", 200),
    "GET /v1/events": ("read", 200),
    "POST /v1/events": ("report", 201),
    "POST /v1/events/bulk": ("report", 201),
    "GET /v1/events/ids": ("read", 404),
    "GET /v1/events/stream": ("read", 200),
    "GET /v1/events/{id}": ("read", 200, 404, MARKED),
    "GET /v1/events/{id}/proof": ("read", 404),
    "POST /v1/imports": ("report", 415),
    "GET /v1/keys": ("admin", 200),
    "GET /v1/keys/{name}": ("admin", 404),
    "DELETE /v1/keys/{name}": ("admin", 404),
    "GET /v1/live": ("read", 400),
    "GET /v1/log/consistency": ("read", 404),
    "GET /v1/log/heads": ("read", 404),
    "GET /v1/log/key": ("read", 404),
    "GET /v1/log/root": ("read", 404),
    "GET /v1/parked": ("read", 200),
    "POST /v1/parked": ("admin", 404),
    "GET /v1/candidates": ("read", 404),
    "GET /v1/places": ("read", 200),
    "GET /v1/projections": ("read", 200),
    "GET /v1/projections/{name}": ("read", 200),
    "GET /v1/projections/{name}/stream": ("read", 200),
    "GET /v1/projections/{name}/{key}": ("read", 200, 404, MARKED),
    "GET /v1/replay": ("read", 200),
    "GET /v1/session": (OPEN, 200),
    "POST /v1/session": ("read", 200),
    "DELETE /v1/session": (OPEN, 204),
    "GET /v1/streams/{stream}": ("read", 200, 404, MARKED),
    "POST /v1/streams/{stream}/events": ("report", 201),
    "GET /v1/subjects": ("read", 200),
    "GET /v1/subjects/{stream}": ("read", 200, 404, MARKED),
    "GET /v1/subjects/{stream}/candidates": ("read", 200, 404, MARKED),
    "GET /v1/subjects/{stream}/history": ("read", 200, 404, MARKED),
    "GET /v1/webhooks": ("read", 200),
    "POST /v1/webhooks": ("read", 400),
    "GET /v1/webhooks/{webhook}": ("read", 404),
    "PATCH /v1/webhooks/{webhook}": ("read", 404),
    "DELETE /v1/webhooks/{webhook}": ("read", 404),
    "POST /v1/webhooks/{webhook}/secret": ("read", 404),
    "POST /v1/webhooks/{webhook}/test": ("read", 404),
    "GET /v1/webhooks/{webhook}/dead-letters": ("read", 404),
    "POST /v1/webhooks/{webhook}/dead-letters": ("read", 404),
    "GET /verify": (OPEN, 200),
    "GET /verify/{name}": (OPEN, 200),
}  # fmt: skip
ASKED: Final = {
    "GET /log/tile/entries/{index:.+}": "/log/tile/entries/000.p/1",
    "GET /log/tile/{level:[^/]+}/{index:.+}": "/log/tile/0/000.p/1",
    "GET /v1/candidates": "/v1/candidates?import=1",
    "GET /v1/events/ids": "/v1/events/ids?import=1",
    "GET /v1/diff": "/v1/diff?from_position=0",
    "GET /v1/places": "/v1/places?q=Odesa",
    "GET /v1/replay": "/v1/replay?speed=0",
    "GET /v1/keys/{name}": "/v1/keys/nobody",
    "DELETE /v1/keys/{name}": "/v1/keys/nobody",
    "GET /v1/projections/{name}/{key}": "/v1/projections/city_incidents/geonames:698740",
    "GET /v1/projections/{name}": "/v1/projections/city_incidents",
    "GET /v1/projections/{name}/stream": "/v1/projections/city_incidents/stream",
    "POST /v1/streams/{stream}/events": "/v1/streams/strike:open/events",
}
FILLED: Final = {"{id}": HIDDEN, "{stream}": STREAM, "{name}": "app.js", "{name:.+}": "app.js", "{slug}": "not-found",
                 "{type}": "strike.reported", "{webhook}": id_of("no webhook"),
                 "{z}": "0", "{x}": "0", "{y}": "0"}  # fmt: skip
BODIES: Final = {
    "POST /v1/builds": {"projection": "nothing"},
    "POST /v1/webhooks": {"url": "http://10.0.0.1/hook"},
    "POST /v1/parked": {"projection": "city_incidents", "stream": STREAM, "do": "retry"},
}


def test_every_route_has_a_line_that_says_what_its_module_says():
    said = {
        f"{route.method} {route.path}": operation_of(route).scope
        for module in MODULES
        for route in module.routes
        if isinstance(route, web.RouteDef)
    }
    assert {name: line[0] for name, line in MATRIX.items()} == said


async def test_each_is_answered_what_the_matrix_says(service: Served):
    await service.add(strike(id=HIDDEN, stream=STREAM, tlp=MARKED.label))
    await service.settled()
    for scope, clearance in product(SCOPES, Tlp):
        key = key_of(scope, clearance)
        await make_key(service.access, key.removeprefix("a-key-of-"), key, scopes=(scope,), clearance=clearance)
    wrong = {
        (route, *asker): (answered, expected)
        for route in MATRIX
        for asker in [(None, Tlp.CLEAR), *product(SCOPES, Tlp)]
        if (answered := await status(service, route, *asker)) != (expected := expected_of(route, *asker))
    }
    assert not wrong


def expected_of(route: str, scope: str | None, clearance: Tlp) -> int:
    needed, answer, *otherwise = MATRIX[route]
    if needed is not OPEN and scope is None and route != "GET /v1/live":
        return 401
    if needed is not OPEN and scope not in {None, needed}:
        return 403
    below, least = otherwise or (answer, Tlp.CLEAR)
    return int(answer if clearance >= least else below)


async def status(service: Served, route: str, scope: str | None, clearance: Tlp) -> int:
    """What is answered, without waiting for the end of what is streamed."""
    method, _, path = route.partition(" ")
    path = ASKED.get(route, path)
    for part, value in FILLED.items():
        path = path.replace(part, value)
    headers = {} if scope is None else {"Authorization": f"Bearer {key_of(scope, clearance)}"}
    data = None
    if method == "POST":
        data = orjson.dumps(BODIES.get(route, EXAMPLE))
        headers["Content-Type"] = "application/x-ndjson" if path.endswith("bulk") else "application/json"
    async with service.session.request(method, URL(service.url + path), data=data, headers=headers) as answer:
        return answer.status


def key_of(scope: str, clearance: Tlp) -> str:
    return f"a-key-of-{scope}-{clearance.value}"
