"""What parameters have in common, whatever is asked: given once, one name for one thing, one way to write a value."""

from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
from aiohttp import web

from incidentlog.api.app import MODULES
from incidentlog.embedded import Server
from tests.api.serving import Served, serving
from tests.commands import about, strike
from tests.conftest import log_called
from tests.subjects.given import KYIV

CITIES = "/v1/projections/city_incidents"
ODESA = {"name": "Odesa", "country": "UA", "precision": "settlement"}
NO_API = ("/log/", "/readyz", "/livez", "/docs", "/asyncapi.json", "/openapi.json", "/schemas", "/verify", "/problems/", "/session",
          "/embed", "/basemap", "/page/")  # fmt: skip
"""Pages, probes and files of tiles, whose parameters nobody reads; a session needs a key of its own."""


EVENT = strike(stream="strike:one")


@pytest.fixture(scope="module")
async def asked(server: Server) -> AsyncIterator[Served]:
    """A service with a strike and another, folded: for questions alone."""
    async with log_called("test_parameters", server) as access, serving(access) as served:
        await served.add(EVENT, strike())
        await served.settled()
        yield served


def paths() -> list[str]:
    """Every path of the API that can be read."""
    routes = [r for module in MODULES for r in module.routes if isinstance(r, web.RouteDef) and r.method == "GET"]
    given = {
        "{name}": "city_incidents",
        "{stream}": "strike:one",
        "{id}": "%s",
        "{key}": "geonames:698740",
        "{webhook}": "none",
    }
    found = []
    for route in routes:
        path = route.path
        for name, value in given.items():
            path = path.replace(name, value)
        if path != "/" and not any(own in path for own in NO_API):
            found.append(path)
    return found


@pytest.mark.parametrize("path", paths())
async def test_an_unknown_parameter_is_refused_by_every_route(asked: Served, path: str):
    needed = {"from_position": "0"} if path == "/v1/diff" else {}
    answer = await asked.get(path.replace("%s", EVENT["id"]), nonsense="1", **needed)
    assert (answer.status, answer.slug) == (400, "bad-request"), answer
    assert "/nonsense" in answer.faults


OWN = [
    ("/v1/events", ["after", "limit", "format", "at", "known_at", "at_position", "min_position", "basis", "since",
                    "until", "recorded_since", "bbox", "bom"]),
    ("/v1/cloudevents", ["after", "limit", "at", "since"]),
    ("/v1/events/stream", ["after", "min_interval_ms", "since"]),
    (f"{CITIES}/stream", ["min_interval_ms", "last_event_id", "since"]),
    ("/v1/streams/strike:one", ["after_version", "limit", "at_position"]),
    (CITIES, ["at", "known_at", "position", "at_position", "by", "basis", "open", "version", "generation", "top",
              "order_by", "compare", "since", "until", "format"]),
    ("/v1/subjects", ["after", "limit", "format", "bom", "at_position", "since", "until", "bbox"]),
    ("/v1/subjects/strike:one", ["at", "at_position"]),
    ("/v1/subjects/strike:one/history", ["after", "limit"]),
    ("/v1/subjects/strike:one/candidates", ["at"]),
    ("/v1/candidates", ["import", "after", "limit", "at", "at_position"]),
    ("/v1/replay", ["from", "to", "speed", "by", "max_gap", "after", "at_position", "format"]),
    ("/v1/diff", ["from_position", "to_position", "at", "limit", "after", "subject", "projection", "min_position"]),
    ("/v1/places", ["q", "country", "limit"]),
    ("/v1/access", ["after", "limit"]),
    ("/v1/log/heads", ["after", "limit"]),
    ("/v1/webhooks", ["after", "limit"]),
    ("/v1/log/root", ["size"]),
    ("/v1/log/consistency", ["from", "to"]),
]  # fmt: skip
GOOD = {
    "at": "2025-11-19", "known_at": "2025-11-19", "since": "2025-11-19", "until": "2025-11-20", "from": "1", "to": "1",
    "recorded_since": "2025-11-19", "bbox": "0,0,1,1", "basis": "recorded", "by": "recorded", "open": "true",
    "order_by": "incidents", "compare": "previous", "format": "ndjson", "q": "Odesa", "country": "UA",
    "import": "1", "projection": "city_incidents", "subject": "strike:one", "last_event_id": "x", "bom": "1",
}  # fmt: skip


@pytest.mark.parametrize(("path", "name"), [(path, name) for path, names in OWN for name in names])
async def test_a_parameter_that_means_one_thing_is_refused_when_it_is_given_twice(asked: Served, path: str, name: str):
    value = "2025-11-19" if (path, name) in {("/v1/replay", "from"), ("/v1/replay", "to")} else GOOD.get(name, "1")
    answer = await asked.ask("GET", path, params=[(name, value), (name, value)])
    assert (answer.status, answer.slug) == (400, "bad-request"), answer
    assert answer.faults[f"/{name}"] == "repeated"


@pytest.mark.parametrize("path", ["/v1/events", "/v1/streams/strike:one/events", "/v1/events/bulk"])
async def test_an_append_says_once_what_it_waits_for(asked: Served, path: str):
    head = await asked.head()
    headers = {"Content-Type": "application/x-ndjson" if path.endswith("bulk") else "application/json"}
    for params in ([("wait", "sealed")] * 2, [("wiat", "sealed")]):
        answer = await asked.ask(
            "POST", path, params=params, headers=headers, data=orjson.dumps(strike(stream="strike:one"))
        )
        assert (answer.status, answer.slug) == (400, "bad-request")
    assert await asked.head() == head


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("/v1/events", ("at_position", "position")),
        (CITIES, ("at_position", "position")),
        (CITIES, ("basis", "by")),
        ("/v1/subjects/strike:one", ("at_position", "position")),
        ("/v1/diff", ("basis", "by")),
    ],
)
async def test_two_names_of_one_thing_are_refused_together(asked: Served, path: str, names: tuple[str, str]):
    values = ("1", "2") if names[0] == "at_position" else ("recorded", "reported")
    params = {"from_position": "1"} if path == "/v1/diff" else {}
    answer = await asked.get(path, **params, **dict(zip(names, values, strict=True)))
    assert (answer.status, answer.faults) == (400, {f"/{names[1]}": "one_of_two"})
    assert names[0] in answer.json["errors"][0]["detail"]


UNESCAPED = [
    *(f"/v1/events?{name}=" for name in ("since", "until", "recorded_since", "at", "known_at")),
    *(f"{CITIES}?{name}=" for name in ("at", "known_at")),
    "/v1/events/stream?since=",
    "/v1/subjects/strike:one?at=",
    "/v1/replay?speed=0&from=",
    "/v1/replay?speed=0&to=",
    "/v1/diff?from_position=0&at=",
    "/v1/diff?from_known=",
]


@pytest.mark.parametrize("path", UNESCAPED)
async def test_the_plus_sign_of_an_offset_may_be_left_unescaped_in_every_instant(asked: Served, path: str):
    for blank in ("+", "%20", "%2B"):
        url = f"{asked.url}{path}2025-11-19T04:00{blank}02:00"
        headers = {"Authorization": f"Bearer {asked.key}"}
        async with asked.session.get(yarl(url), headers=headers) as answer:
            assert answer.status == 200, await answer.text()
    answer = await asked.get(f"{path}2025-11-19%2004:00")
    assert (answer.status, [*answer.faults.values()]) == (400, ["not_a_time"])


async def test_an_offset_means_the_same_escaped_and_not(service: Served):
    night = {"start": "2025-11-19T03:30", "precision": "minute", "tz": KYIV}
    await service.add(strike(occurred=night))
    for since, found in (("03:30", 1), ("03:31", 0)):
        for blank in ("+", "%2B"):
            url = yarl(f"{service.url}/v1/events?since=2025-11-19T{since}{blank}02:00")
            async with service.session.get(url, headers={"Authorization": f"Bearer {service.key}"}) as answer:
                assert len((await answer.json())["events"]) == found


async def test_who_is_accused_with_another_is_found_with_an_unescaped_plus(service: Served):
    data = {"ceasefires": ["ceasefire:easter"], "accused": ["UKR", "RUS"], "claimed_by": "OSCE", "severity": "minor"}
    await service.add({**strike(type="violation.reported"), "data": data})
    for said in ("RUS+UKR", "UKR+RUS", "RUS%2BUKR"):
        url = yarl(f"{service.url}/v1/projections/violations?min_position=1&accused={said}")
        async with service.session.get(url, headers={"Authorization": f"Bearer {service.key}"}) as answer:
            assert (await answer.json())["rows"].keys() == {"ceasefire:easter|OSCE"}, said


def yarl(url: str) -> Any:
    """A URL that is sent as it is written."""
    from yarl import URL

    return URL(url, encoded=True)


async def test_what_no_row_can_have_is_told_with_what_can(asked: Served):
    answer = await asked.get(CITIES, country="UKR", kind="Strike", verification="maybe", month="May", admin1="07")
    assert (answer.status, answer.slug) == (400, "bad-request")
    assert answer.faults == {
        "/country": "not_a_country", "/kind": "unknown_value", "/verification": "unknown_value",
        "/month": "not_a_month", "/admin1": "not_an_admin1",
    }  # fmt: skip
    details = {fault["pointer"]: fault["detail"] for fault in answer.json["errors"]}
    assert "strike" in details["/kind"]
    assert "UA.17" in details["/admin1"]
    assert (await asked.get(CITIES, day="2025-5-2")).faults == {"/day": "not_a_day"}
    assert (await asked.get("/v1/diff", from_position="0", projection="city_incidents", kind="Strike")).faults == {
        "/kind": "unknown_value"
    }


async def test_a_region_is_told_in_the_form_in_which_it_is_asked_for(service: Served):
    event = strike(stream="strike:one", place=ODESA)
    moved = about("amended", event["id"], patch={"place": {"name": "Kyiv"}}, reason="it was there")
    await service.add(event, moved)
    listed = (await service.get("/v1/events", admin1="UA.17")).json["events"]
    assert [e["place"]["resolved"]["admin1"] for e in listed] == ["UA.17"]
    assert (await service.get(f"/v1/events/{moved['id']}")).json["patched_place"]["admin1"] == "UA.12"
    table = (await service.get("/v1/events", format="csv", limit=1)).raw
    assert b",UA,UA.17," in table
    for path in ("/v1/subjects/strike:one", "/v1/subjects/strike:one/history"):
        answer = (await service.get(path, min_position=2)).json
        state = answer["state"] if "state" in answer else answer["versions"][-1]["state"]
        assert state["place"]["admin1"] == "UA.12", path
    assert [*await service.rows("city_incidents", group_by="admin1")] == ["UA.12"]
    found = (await service.get("/v1/places", q="Odesa", country="UA")).json
    told = {
        found["resolution"]["admin1"],
        found["suggestions"][0]["admin1"],
        found["resolution"]["candidates"][0]["admin1"],
    }
    assert told == {"UA.17"}
    # And so it may be given: of the village Mayaky there are several.
    mayaky = {"name": "Mayaky", "country": "UA", "precision": "settlement"}
    (alike, as_code) = [strike(place={**mayaky, "admin1": region}) for region in ("UA.17", "17")]
    await service.add(alike, as_code)
    one, other = [(await service.get(f"/v1/events/{e['id']}")).json["place"]["resolved"] for e in (alike, as_code)]
    assert one == other


async def test_what_is_kept_of_a_region_is_as_it_always_was(service: Served):
    await service.add(strike(place=ODESA))
    row = await service.service.pool.fetchrow("SELECT admin1, meta FROM events")
    assert (row["admin1"], orjson.loads(row["meta"])["place"]["admin1"]) == ("17", "17")
