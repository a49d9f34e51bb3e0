"""Who may do what, and who sees what."""

from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest

from incidentlog.config import Settings
from incidentlog.events.values import Tlp
from incidentlog.projections import PROJECTIONS
from incidentlog.service.keys import SCOPES
from incidentlog.store.connect import Access
from tests.api.serving import ADMIN, NDJSON, Served, make_key, serving
from tests.commands import about, retraction, strike
from tests.subjects.given import merge

READS = [
    "/v1/events",
    "/v1/events/00000000-0000-4000-8000-000000000000",
    "/v1/streams/strike:one",
    "/v1/subjects/strike:one",
    "/v1/subjects/strike:one/history",
    "/v1/projections",
    "/v1/projections/city_incidents",
    "/v1/projections/city_incidents/geonames:698740",
    "/v1/diff?from_position=0",
    "/v1/places?q=Odesa",
]
WRITES = ["/v1/events", "/v1/events/bulk", "/v1/streams/strike:one/events"]
READER, REPORTER = "a-key-that-reads-only", "a-key-that-reports-only"


@pytest.fixture
async def open_service(access: Access) -> AsyncIterator[Served]:
    """A service that anybody may read, asked without a key."""
    async with serving(access, settings=Settings(open_read=True)) as served:
        yield served.by(None)


async def write(service: Served, path: str):
    kind = NDJSON if path.endswith("bulk") else "application/json"
    return await service.post(strike(stream="strike:one"), path=path, headers={"Content-Type": kind})


@pytest.mark.parametrize("path", READS)
async def test_reading_needs_a_key(timeline: Served, path: str):
    answer = await timeline.by(None).get(path)
    assert (answer.status, answer.slug) == (401, "unauthenticated")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="incidentlog"'


@pytest.mark.parametrize("path", WRITES)
async def test_writing_needs_a_key_that_reports(service: Served, path: str):
    answer = await write(service.by(None), path)
    assert (answer.status, answer.slug) == (401, "unauthenticated")
    await make_key(service.access, "reader", READER, scopes=("read",))
    answer = await write(service.by(READER), path)
    assert (answer.status, answer.slug) == (403, "forbidden")
    assert await service.head() == 0
    assert (await write(service, path)).status == 201


async def test_a_key_that_reports_need_not_read(service: Served):
    await make_key(service.access, "reporter", REPORTER, scopes=("report",))
    reporter = service.by(REPORTER)
    assert (await reporter.post(strike())).status == 201
    answer = await reporter.get("/v1/events")
    assert (answer.status, answer.slug) == (403, "forbidden")


async def test_the_key_says_who_recorded_it_and_the_body_cannot(service: Served):
    await make_key(service.access, "reporter", REPORTER, scopes=("report",))
    event = strike()
    await service.by(REPORTER).add(event)
    assert (await service.get(f"/v1/events/{event['id']}")).json["recorded_by"] == "reporter"
    assert (await service.post(strike(recorded_by="me"))).faults == {"/recorded_by": "extra_forbidden"}


async def test_what_is_no_key_is_not_let_in(open_service: Served):
    """Not even where a request without any key would be."""
    for header in NO_KEYS:
        answer = await open_service.get("/v1/events", {"Authorization": header})
        assert (answer.status, answer.slug) == (401, "unauthenticated"), header


NO_KEYS = [
    "",
    "Bearer",
    "Bearer ",
    "Bearer  ",
    "Basic YWRtaW46",
    f"Basic {ADMIN}",
    ADMIN,
    "Bearer nobody",
    f"Bearer {ADMIN}x",
    f"Bearer {ADMIN} {ADMIN}",
    "Bearer \udcff\udcfe",
    f"Bearer {'x' * 7000}",
    "Bearer ' OR 1=1 --",
]


async def test_the_scheme_is_bearer_in_any_case(service: Served):
    assert (await service.by(None).get("/v1/events", {"Authorization": f"bearer {ADMIN}"})).status == 200


async def test_a_key_is_never_taken_from_the_address(service: Served):
    answer = await service.by(None).get("/v1/events", access_token=ADMIN)
    assert answer.status == 401


# ------------------------------------------------------------------------------------------- open reading


async def test_open_reading_reads(open_service: Served):
    await open_service.by(ADMIN).add(strike(stream="strike:one"))
    await open_service.settled()
    for path in READS:
        assert (await open_service.get(path)).status == (404 if path == READS[1] else 200), path


@pytest.mark.parametrize("path", WRITES)
async def test_open_reading_never_writes(open_service: Served, path: str):
    answer = await write(open_service, path)
    assert (answer.status, answer.slug) == (401, "unauthenticated")
    assert await open_service.head() == 0


def red(event: dict[str, Any]) -> dict[str, Any]:
    return event | {"tlp": "RED"}


def on(kind: str, stream: str, **data: Any) -> dict[str, Any]:
    event = strike(type=kind, stream=stream)
    return {k: v for k, v in event.items() if k not in {"place", "actors"}} | {"data": data}


CEASEFIRE = on(
    "ceasefire.agreed",
    "ceasefire:one",
    sidedness="bilateral",
    scope=["general"],
    parties=["RUS", "UKR"],
    effective_from="2025-11-19",
    effective_until="2026-11-19",
)
CEASEFIRE["class"] = None
del CEASEFIRE["class"]


async def everything(service: Served, event_ids: list[str]) -> dict[str, Any]:
    """All that a reader sees in every route, without what says how long the log is."""
    paths = [
        "/v1/events?limit=1000",
        *(f"/v1/events/{event_id}" for event_id in event_ids),
        *(f"/v1/events?{f}" for f in ("category=strike", "city=geonames:698740", "since=2025-01-01", "actor=RUS")),
        *(f"/v1/{kind}/{stream}" for kind in ("streams", "subjects") for stream in STREAMS),
        *(f"/v1/subjects/{stream}/{what}" for stream in STREAMS for what in ("history", "candidates")),
        *(f"/v1/subjects/{stream}{more}?basis=reported" for stream in STREAMS for more in ("", "/history")),
        *(f"/v1/projections/{name}" for name in PROJECTIONS),
        *(f"/v1/projections/{name}?basis=reported" for name in PROJECTIONS),
        "/v1/projections/city_incidents?group_by=place,day,verification,side",
        "/v1/projections/city_incidents/geonames:698740",
        "/v1/projections/ceasefire_status/ceasefire:one",
    ]
    head = await service.head()
    seen = {}
    for path in paths:
        answer = await service.get(f"{path}{'&' if '?' in path else '?'}min_position={head}&at=2026-02-01")
        body = answer.json
        for hidden in ("basis", "trace_id", "next"):
            body.pop(hidden, None)
        seen[path] = (answer.status, body)
    return seen


STREAMS = ["strike:one", "strike:two", "strike:hidden", "ceasefire:one", "ceasefire:hidden", "violation:hidden"]


async def test_what_is_red_makes_no_difference_to_open_reading(open_service: Served):
    """Not a row, not a count, not a version, not the position of a change."""
    admin = open_service.by(ADMIN)
    one, two = strike(stream="strike:one", killed=1), strike(stream="strike:two", killed=2)
    seen_violation = on(
        "violation.reported", "violation:seen", ceasefires=["ceasefire:one"], accused=["RUS"], claimed_by="UKR",
        severity="serious", count=3,
    )  # fmt: skip
    await admin.add(one, two, CEASEFIRE, seen_violation)
    hidden = [
        red(strike(stream="strike:hidden", killed=100)),
        red(on("strike.assessed", "strike:one", as_of="2025-11-21", casualties={"killed": {"best": 50}})),
        red(about("amended", two["id"], patch={"data": {"casualties": {"killed": {"best": 70}}}}, reason="known")),
        red(retraction(one["id"])),
        red(about("disputed", two["id"])),
        red(on("ceasefire.position_stated", "ceasefire:one", party="RUS", stated_status="expired",
               stated_until="2025-12-01")),
        red(on("ceasefire.terminated", "ceasefire:one", mode="collapsed")),
        red(on("violation.reported", "violation:hidden", ceasefires=["ceasefire:one"], accused=["UKR"],
               claimed_by="RUS", severity="grave", count=9)),
        red(CEASEFIRE | {"id": strike()["id"], "stream": "ceasefire:hidden"}),
        red(merge("strike:one", "strike:two", name="hidden merge")),
    ]  # fmt: skip
    ids = [e["id"] for e in (one, two, *hidden)]
    before = await everything(open_service, ids)
    assert before["/v1/projections/city_incidents"][1]["rows"]["geonames:698740"]["incidents"] == 2
    for event in hidden:
        await admin.add(event)
        after = await everything(open_service, ids)
        for path, seen in before.items():
            assert after[path] == seen, (event["type"], path)
    assert (await everything(admin, ids))["/v1/projections/city_incidents"] != before["/v1/projections/city_incidents"]


async def test_a_key_sees_up_to_its_clearance(service: Served):
    labels = ["CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED"]
    await service.add(*(strike(tlp=label) for label in labels))
    for level, label in enumerate(labels):
        await make_key(service.access, label, f"a-key-cleared-for-{label}", scopes=("read",), clearance=level)
        reader = service.by(f"a-key-cleared-for-{label}")
        listed = (await reader.get("/v1/events", min_position=5)).json["events"]
        assert [e["tlp"] for e in listed] == labels[: level + 1]
        (row,) = (await reader.get("/v1/projections/city_incidents")).json["rows"].values()
        assert row["incidents"] == level + 1
    assert Tlp.RED == 4


async def test_a_key_that_is_revoked_opens_no_more(service: Served):
    await make_key(service.access, "reader", READER, scopes=("read",))
    assert (await service.by(READER).get("/v1/events")).status == 200
    connection = await service.access.connect()
    await connection.execute("UPDATE api_keys SET revoked_at = clock_timestamp() WHERE key_id = 'reader'")
    await connection.close()
    from datetime import timedelta

    await service.clock.advance(service.clock.now() + timedelta(minutes=1))
    answer = await service.by(READER).get("/v1/events")
    assert (answer.status, answer.slug) == (401, "unauthenticated")


async def test_reporting_is_not_correcting_and_nobody_corrects_what_they_may_not_see(service: Served):
    hidden, shown = strike(tlp="RED"), strike()
    for event in (hidden, shown):
        assert (await service.post(event)).status == 201
    await make_key(service.access, "reporter", REPORTER, scopes=("report",))
    assert (await service.post(retraction(shown["id"]), headers={"Authorization": f"Bearer {REPORTER}"})).status == 403
    await make_key(service.access, "editor", READER, scopes=("report", "edit"))
    refused = await service.post(retraction(hidden["id"]), headers={"Authorization": f"Bearer {READER}"})
    assert (refused.status, refused.json["errors"][0]["code"]) == (422, "unknown_target")
    unknown = await service.post(
        retraction("0198c0de-0000-7000-8000-00000000dead"), headers={"Authorization": f"Bearer {READER}"}
    )
    assert (
        unknown.json["errors"][0]["detail"].replace("0198c0de-0000-7000-8000-00000000dead", hidden["id"])
        == (refused.json["errors"][0]["detail"])
    )
    assert (await service.post(retraction(shown["id"]), headers={"Authorization": f"Bearer {READER}"})).status == 201


REGISTRIES: dict[str, tuple[str, dict[str, Any]]] = {
    "place.registered": ("edit", {"slug": "kyiv", "name": "Kyiv", "lat": 46.4, "lon": 30.2, "country": "UA"}),
    "actor.registered": ("edit", {"code": "ZZZ", "name": "Z"}),
    "source.graded": ("edit", {"old": None, "new": "F"}),
    "policy.changed": ("admin", {"policy": "compliance", "values": {"strained_corroborated": 100_000}}),
    "audit.exported": ("audit", {"to_position": 0}),
}
"""What everybody's answers depend on: the scope that it needs, and an event's data."""


@pytest.mark.parametrize("kind", REGISTRIES)
async def test_a_registry_is_not_for_whoever_reports_by_whatever_road(service: Served, kind: str):
    scope, data = REGISTRIES[kind]
    event = {"id": strike()["id"], "type": kind, "stream": f"{kind.partition('.')[0]}:x", "data": data}
    await make_key(service.access, "reporter", REPORTER, scopes=[s for s in SCOPES if s != scope], clearance=Tlp.RED)
    reporter = service.by(REPORTER)
    assert (await reporter.post(event)).status == 403
    assert (await reporter.post(event, path=f"/v1/streams/{event['stream']}/events")).status == 403
    assert (await reporter.bulk(strike(), event)).status == 403
    assert await service.head() == 0
    each = await reporter.bulk(strike(), event, mode="partial")
    told = [orjson.loads(line) for line in each.raw.splitlines()]
    assert [line.get("status") for line in told] == [201, 403, None]
    await service.add(event)
    # Nor by what is said about it: a correction that names no stream is on its target's all the same.
    for said in (about("disputed", event["id"]), retraction(event["id"])):
        assert (await reporter.post(said)).status == 403
        assert (await reporter.bulk(strike(), said)).status == 403
        each = await reporter.bulk(strike(), said, mode="partial")
        assert [orjson.loads(line).get("status") for line in each.raw.splitlines()] == [201, 403, None]
    assert (await service.post(retraction(event["id"]))).status == 201


async def test_what_is_said_of_an_event_is_marked_as_that_is_unless_higher(service: Served):
    one, two = strike(tlp="AMBER", stream="strike:one"), strike(stream="strike:two")
    await service.add(one, two)

    async def marking(event: dict[str, Any]) -> str:
        return str((await service.get(f"/v1/events/{event['id']}")).json["tlp"])

    merged = {k: v for k, v in merge("strike:two", "strike:one", name="marked").items() if k != "tlp"}
    for said in (about("disputed", one["id"]), about("corroborated", one["id"]), merged):
        assert (await service.post(said | {"tlp": "GREEN"})).faults == {"/tlp": "below_target"}
        assert (await service.bulk(said | {"tlp": "CLEAR"})).faults == {"/tlp": "below_target"}
        await service.add(said)
        assert await marking(said) == "AMBER"
        assert (await service.post(said)).status == 200  # the body is what was sent: nothing was put into it
    higher = about("disputed", one["id"]) | {"tlp": "RED"}
    await service.add(higher)
    assert await marking(higher) == "RED"
    await service.add(about("remarked", two["id"], tlp="RED", reason="raised"))
    late = about("disputed", two["id"])
    assert (await service.post(late | {"tlp": "AMBER"})).faults == {"/tlp": "below_target"}
    await service.add(late)
    assert await marking(late) == "RED"
    await service.add(about("remarked", two["id"], tlp="CLEAR", reason="lowered") | {"tlp": "CLEAR"})
    free = about("disputed", two["id"])
    await service.add(free)
    assert await marking(free) == "CLEAR"
