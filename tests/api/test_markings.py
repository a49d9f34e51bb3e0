"""An event that is marked higher is hidden from then on, with what was said of it, by every road on which events are told."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from itertools import product
from typing import Any, Final

import orjson
import pytest

from incidentlog.events.values import TLP_LABELS
from incidentlog.store.read import _read_said
from tests.api.serving import Served, make_key, serving
from tests.api.test_replay import on
from tests.api.test_sse import stream as event_stream
from tests.audit.conftest import sealed
from tests.audit.sealing import Sealing
from tests.commands import about, strike
from tests.live.following import client
from tests.nasty import heavy
from tests.subjects.given import Event, id_of, merge

__all__ = ["sealed"]
CLEAR, GREEN, AMBER, STRICT, RED = range(5)
STREAM, LAST = "strike:secret", "strike:last"
REPORT = strike(id=id_of("report"), stream=STREAM, notes="secret report", private={"name": "secret name"})
PATCH = {
    "occurred": {"start": "2025-11-17", "precision": "day", "tz": "UTC"},
    "data": {"target_object": "secret depot"},
}
SHOWN = {
    "sha256": "0" * 64, "media_type": "image/png", "captured_at": "2025-11-19", "collector": "secret", "method": "m"
}  # fmt: skip


def called(name: str, said: Event) -> Event:
    return {**said, "id": id_of(name)}


SAID: Final = [
    called("amended", about("amended", REPORT["id"], patch=PATCH, reason="secret patch")),
    called("taken back", about("retracted", id_of("amended"), reason="secret retraction")),
    called("in force", about("retracted", id_of("taken back"), reason="secret reinstatement")),
    called("disputed", about("disputed", REPORT["id"], note="secret dispute")),
    called("evidence", about("", REPORT["id"]) | {"type": "evidence.attached", "data": {"target": REPORT["id"], **SHOWN}}),
    called("custody", {"type": "custody.transferred", "stream": STREAM, "data": {"sha256": "0" * 64, "from": "secret", "to": "b"}}),
    {k: v for k, v in merge("strike:survivor", STREAM, name="merged").items() if k != "tlp"},
    called("unmerged", about("retracted", id_of("merged"), reason=f"{STREAM} is another")),
]  # fmt: skip
"""What is said of the report, and of what is said of it, before its marking changes."""
ABOUT: Final = [REPORT, *SAID]
OPEN: Final = [
    strike(id=id_of("survivor"), stream="strike:survivor", notes="open"),
    strike(id=id_of("other"), stream="strike:other", notes="open"),
]
BEFORE: Final = len(OPEN) + len(ABOUT)
"""The position at which all this is told, and nothing marked otherwise yet."""


def raised(tlp: int, name: str = "raised") -> Event:
    return called(name, about("remarked", REPORT["id"], tlp=TLP_LABELS[tlp], reason="secret reason"))


SECRET: Final = {e["id"] for e in ABOUT} | {"secret"}


# ---------------------------------------------------------------------------------------------- the roads

Told = Sequence[bytes]
"""What was answered, or followed."""
Road = Callable[[Served, str], Awaitable[Told]]


def asking(*queries: Mapping[str, Any], paths: Sequence[str] = (), **headers: str) -> Road:
    """A road that is asked, once with each of these queries; of what is not found nothing is told."""

    async def ask(service: Served, route: str) -> Told:
        asked = product(paths or [route], queries or [{}])
        answers = [await service.get(path, headers, **query) for path, query in asked]
        assert {a.status for a in answers} <= {200, 404}, answers
        return [a.raw for a in answers if a.status == 200]

    return ask


async def followed(service: Served, _: str) -> Told:
    """All events by server-sent events, up to the head."""
    head, told = await service.head(), list[bytes]()
    async with event_stream(service, "/v1/events/stream", after="0") as events:
        while head:
            message = await events.next()
            told.append(orjson.dumps(message))
            head = 0 if message.get("to") == head else head
    return told


async def subscribed(service: Served, _: str) -> Told:
    """All events over a WebSocket, up to the head; then those of one stream."""
    await service.ready()
    url, headers = service.url.replace("http", "ws") + "/v1/live", {"Authorization": f"Bearer {service.key}"}
    async with client(url, additional_headers=headers) as c:
        every = await c.subscribe("events", **{"from": 0})
        await c.reach(every, await service.head())
        one = await c.subscribe("events", "one", filter={"stream": [STREAM, LAST]}, **{"from": 0})
        await c.reach(one, await service.head())
    return [orjson.dumps(message) for message in (*every.seen, *one.seen)]


AT: Final = {"at_position": BEFORE}
REPLAYS: Final = [{"speed": 0, "by": by, **at} for by, at in product(("recorded", "occurred"), ({}, AT))]
EVENTS: Final = [f"/v1/events/{e['id']}" for e in ABOUT]
ROADS: Final[dict[str, Road]] = {
    "/v1/events": asking(
        {}, AT, {"stream": STREAM}, {"stream": STREAM, **AT}, {"type": "record.disputed"}, {"category": "strike"},
        *({"format": f} for f in ("csv", "ndjson", "geojson")), {"limit": 3, "after": 2},
    ),
    "/v1/cloudevents": asking({}, AT, {"stream": STREAM}, {"limit": 3, "after": 2}),
    "/v1/cloudevents/{id}": asking({}, AT, {"mode": "binary"}, paths=[p.replace("/events/", "/cloudevents/") for p in EVENTS]),
    "/v1/events/{id}": asking({}, AT, {"private": "true"}, paths=EVENTS),
    "/v1/events/{id}/proof": asking(paths=[f"{path}/proof" for path in EVENTS], Accept="application/json"),
    "/v1/streams/{stream}": asking({}, AT, {"limit": 2}, paths=[f"/v1/streams/{STREAM}", "/v1/streams/strike:survivor"]),
    "/v1/replay": asking(*REPLAYS),
    "/v1/events/stream": followed,
    "/v1/live": subscribed,
}  # fmt: skip
"""Where events are told as they were sent."""
CAUSES: Final = "/v1/diff"
"""Where it is said which events made something another one, and of which type they are."""
DERIVED: Final = {
    "/v1/projections/{name}": "city_incidents",
    "/v1/projections/{name}/{key}": "city_incidents/geonames:698740",
    "/v1/subjects": "",
    "/v1/subjects/{stream}": STREAM,
    "/v1/subjects/{stream}/history": STREAM,
    "/v1/subjects/{stream}/candidates": STREAM,
}
"""Where what events add up to is told."""
OTHERS: Final = {
    "/", "/asyncapi.json", "/docs", "/openapi.json", "/schemas", "/schemas/{type}.json", "/docs/live", "/docs/{name}", "/docs/live/{name}", "/embed", "/basemap", "/basemap/{z}/{x}/{y}", "/livez", "/metrics", "/page/{name}", "/readyz",
    "/log/checkpoint", "/log/tile/entries/{index}", "/log/tile/{level}/{index}", "/problems/{slug}",
    "/v1/access", "/v1/builds", "/v1/candidates", "/v1/events/ids", "/v1/keys", "/v1/keys/{name}", "/v1/log/consistency", "/v1/log/heads", "/v1/log/key",
    "/v1/log/root", "/v1/parked", "/v1/places", "/v1/projections", "/v1/projections/{name}/stream", "/v1/session",
    "/v1/webhooks", "/v1/webhooks/{webhook}", "/v1/webhooks/{webhook}/dead-letters", "/verify", "/verify/{name}",
}  # fmt: skip
"""Where no event is told: ids of an import (test_imports.py), registries, leaves and roots, webhooks (test_webhooks.py), the rows of projections as they change, and the service itself."""


@pytest.fixture
async def served(sealed: Sealing) -> AsyncIterator[Served]:
    """A service whose notary signs, with a key for each clearance and what is told before anything is marked."""
    async with serving(sealed.access, folder=sealed.folder) as service:
        for clearance in range(5):
            scopes = ("read", "audit", "report", "edit")
            await make_key(service.access, f"reader-{clearance}", key_of(clearance), scopes=scopes, clearance=clearance)
        await service.add(*OPEN, *ABOUT)
        yield service


def key_of(clearance: int) -> str:
    return f"a-key-of-a-reader-cleared-for-{clearance}"


async def told(service: Served, route: str, clearance: int) -> bytes:
    return b"\n".join(await ROADS[route](service.by(key_of(clearance)), route))


def secrets(text: bytes) -> set[str]:
    return {word for word in SECRET if word.encode() in text}


async def settled(service: Served) -> None:
    """Wait until everything is derived and sealed; the last event is one for everybody, so that no follower waits."""
    await service.add(strike(stream=LAST))
    head = await service.settled()
    assert await service.service.notary.sealed(head, 20), service.service.notary.status


def test_every_road_is_known(busy: Served):
    there = {r.resource.canonical for r in busy.app.router.routes() if r.method == "GET" and r.resource is not None}
    assert there == {*ROADS, CAUSES, *DERIVED, *OTHERS}


async def test_what_is_marked_higher_is_told_on_no_road_to_those_below(served: Served):
    await settled(served)
    for route in ROADS:
        assert secrets(await told(served, route, CLEAR)) == SECRET, f"{route} does not tell what it could"
    await served.add(raised(AMBER))
    await settled(served)
    shown = {(route, clearance): await told(served, route, clearance) for route, clearance in product(ROADS, range(5))}
    wrong = {
        road: found
        for road, text in shown.items()
        if (found := secrets(text)) != (SECRET if road[1] >= AMBER else set())
    }
    assert not wrong
    for road, text in shown.items():
        assert LAST.encode() in text or "{" in road[0], road


async def test_what_became_another_by_an_event_that_is_hidden_since_does_not_name_it(served: Served):
    asked = {"projection": "city_incidents", "from_position": 0, "to_position": BEFORE}
    await served.settled()
    before = await served.by(key_of(CLEAR)).get(CAUSES, **asked)
    assert id_of("report").encode() in before.raw
    await served.add(raised(AMBER))
    await served.settled()
    for clearance in range(5):
        answer = await served.by(key_of(clearance)).get(CAUSES, **asked)
        causes = {cause["event_id"] for row in answer.json["added"].values() for cause in row["causes"]}
        assert id_of("survivor") in causes
        assert (id_of("report") in causes) == (clearance >= AMBER), clearance


async def test_what_events_add_up_to_has_nothing_of_one_that_is_hidden_since(served: Served):
    await served.add(raised(AMBER))
    await served.settled()
    for path, clearance in product(DERIVED, range(5)):
        route = path.partition("{")[0]
        answer = await served.by(key_of(clearance)).get(route + DERIVED[path])
        shown = secrets(answer.raw) if answer.status == 200 else set()
        if path.endswith("history"):  # it has what was answered before, which stays (P3)
            continue
        assert not shown or clearance >= AMBER, (path, clearance, shown)
        assert (answer.status == 404) == (DERIVED[path] == STREAM and clearance < AMBER), (path, clearance)


async def test_what_is_marked_lower_is_told_from_that_position_on(served: Served):
    hidden = strike(id=id_of("hidden"), tlp="RED", notes="hidden")
    opened = about("remarked", hidden["id"], tlp="GREEN", reason="it is public by now")
    _, at = await served.add(hidden, opened)
    await settled(served)
    path = f"/v1/events/{hidden['id']}"
    for clearance in range(5):
        reader, expected = served.by(key_of(clearance)), 200 if clearance >= GREEN else 404
        assert [(await reader.get(path + more)).status for more in ("", "/proof")] == [expected] * 2, clearance
        assert (await reader.get(path, at_position=at)).status == expected
        assert (await reader.get(path, at_position=at - 1)).status == (200 if clearance == RED else 404)
        for route in ("/v1/events", "/v1/events/stream", "/v1/live", "/v1/replay"):
            assert (hidden["id"].encode() in await told(served, route, clearance)) == (expected == 200), (
                route,
                clearance,
            )


async def test_what_is_marked_higher_for_a_while_stays_hidden_in_answers_about_that_while(served: Served):
    (up, down) = await served.add(raised(RED), raised(CLEAR, "lowered"))
    reader = served.by(key_of(CLEAR))
    shown = [(await reader.get(EVENTS[0], at_position=at)).status for at in (up - 1, up, down)]
    assert shown == [200, 404, 200]
    for event in ABOUT:
        assert (await reader.get(f"/v1/events/{event['id']}")).status == 200
    assert (await reader.get(f"/v1/events/{id_of('raised')}")).status == 200  # it says nothing that is hidden any more


@pytest.mark.parametrize(
    ("correction", "shown"),
    [
        (about("retracted", id_of("raised"), reason="by mistake"), range(CLEAR, RED + 1)),
        (about("amended", id_of("raised"), reason="less", patch={"data": {"tlp": "GREEN"}}), range(GREEN, RED + 1)),
        (about("retracted", id_of("disputed"), reason="of another"), range(RED, RED + 1)),
    ],
)
async def test_a_remark_that_is_corrected_hides_what_it_says_by_then(served: Served, correction: Event, shown: range):
    await served.add(raised(RED), correction)
    assert [
        clearance for clearance in range(5) if (await served.by(key_of(clearance)).get(EVENTS[0])).status == 200
    ] == list(shown)


async def test_pages_are_full_whatever_is_hidden_between(service: Served):
    await make_key(service.access, "reader", key_of(CLEAR), scopes=("read",))
    strikes = [strike(stream=f"strike:{n % 7}") for n in range(60)]
    await service.fill(*strikes)
    await service.fill(*(about("remarked", e["id"], tlp="RED", reason="-") for n, e in enumerate(strikes) if n % 3))
    await service.fill(*(strike(tlp="RED", stream="strike:0") for _ in range(20)))
    expected = [e["id"] for n, e in enumerate(strikes) if n % 3 == 0]
    reader = service.by(key_of(CLEAR))
    for limit in (1, 3, 7, 20, 1_000):
        listed, sizes = await paged(reader, "/v1/events", limit)
        assert listed == expected
        assert set(sizes[:-1]) <= {limit}, "a page that is not the last one is full"
    for n in range(7):
        listed, _ = await paged(reader, f"/v1/streams/strike:{n}", 2)
        assert listed == [e["id"] for e in strikes if e["stream"] == f"strike:{n}" and e["id"] in expected]


async def paged(service: Served, path: str, limit: int) -> tuple[list[str], list[int]]:
    """The ids on all pages of a list, and how many were on each."""
    found, sizes, query = list[str](), list[int](), f"?limit={limit}"
    while True:
        page = await service.ask("GET", path + query)
        found += [e["id"] for e in page.json["events"]]
        sizes.append(len(page.json["events"]))
        if "next" not in page.json:
            return found, sizes
        query = "?" + page.json["next"].partition("?")[2]


async def test_nobody_speaks_of_what_was_hidden_from_them(served: Served):
    editor = served.by(key_of(CLEAR))
    await served.add(raised(AMBER))
    for said in (about("disputed", REPORT["id"]), about("retracted", id_of("amended"), reason="-")):
        answer = await editor.post(said)
        assert (answer.status, answer.faults) == (422, {"/data/target": "unknown_target"})
    merged = {k: v for k, v in merge("strike:other", STREAM).items() if k != "tlp"}
    assert (await editor.post(merged)).faults == {"/data/absorbed/0": "unknown_target"}
    free = about("disputed", id_of("hidden"))
    hidden = strike(id=id_of("hidden"), tlp="RED")
    await served.add(hidden)
    assert (await editor.post(free)).faults == {"/data/target": "unknown_target"}
    await served.add(about("remarked", hidden["id"], tlp="CLEAR", reason="it is public by now"))
    await editor.add(free)


async def test_where_a_page_ends_does_not_hang_on_how_much_was_marked_higher(service: Served):
    """Pages are bounded by bytes; what is hidden between two events fills none of them."""
    hidden = [heavy(f"strike:heavy-{n}", n) for n in range(24)]
    first, last = strike(stream="strike:light"), strike(stream="strike:light")
    await service.add(first)
    await service.add(*hidden)
    await service.add(last)
    await service.add(*(about("remarked", e["id"], tlp="RED", reason="r") | {"stream": e["stream"]} for e in hidden))
    await make_key(service.access, "reader", key_of(CLEAR), scopes=("read",))
    page = (await service.by(key_of(CLEAR)).get("/v1/events", limit=2)).json
    assert [e["id"] for e in page["events"]] == [first["id"], last["id"]]


@pytest.mark.parametrize("reported", [{}, {"reported_at": "2026-03-01"}])
@pytest.mark.parametrize("asked", [{}, {"known_at": "2025-12-01"}])
async def test_what_was_marked_higher_is_hidden_on_the_basis_reported_whenever_that_was_reported(
    service: Served, reported: Event, asked: Mapping[str, str]
):
    event = strike(stream="strike:k", reported_at="2025-11-20")
    await service.add(event, strike(stream="strike:other", reported_at="2025-11-20"))
    await make_key(service.access, "reader", key_of(CLEAR), scopes=("read",))
    reader = service.by(key_of(CLEAR))
    paths = ["/v1/subjects/strike:k", "/v1/projections/city_incidents"]
    before = [await reader.get(path, basis="reported", **asked) for path in paths]
    assert [answer.status for answer in before] == [200, 200]
    await service.add(about("remarked", event["id"], tlp="RED", reason="x") | reported)
    subject, rows = [await reader.get(path, basis="reported", **asked) for path in paths]
    assert subject.status == 404
    assert [row["incidents"] for row in rows.json["rows"].values()] == [1]
    assert [row["incidents"] for row in before[1].json["rows"].values()] == [2]


async def test_a_replay_by_occurred_goes_on_after_what_is_shown_now_and_nothing_else(service: Served):
    raised, lowered = on(9), on(6, tlp="RED")
    await service.add(on(5), raised, on(7), lowered)
    await service.add(about("remarked", raised["id"], tlp="RED", reason="x"))
    await service.add(about("remarked", lowered["id"], tlp="CLEAR", reason="x"))
    await make_key(service.access, "reader", key_of(CLEAR), scopes=("read",))
    reader = service.by(key_of(CLEAR))
    asked = {"by": "occurred", "at_position": 6, "speed": "0", "format": "ndjson"}
    answers = {n: await reader.get("/v1/replay", after=n, **asked) for n in range(1, 6)}
    assert {n: answer.status for n, answer in answers.items()} == {1: 200, 2: 400, 3: 200, 4: 200, 5: 400}
    assert answers[2].faults == answers[5].faults == {"/after": "unknown_event"}
    assert [orjson.loads(line).get("position") for line in answers[4].raw.splitlines()][:1] == [3]


async def test_the_cause_of_what_a_raised_marking_takes_away_names_no_event(service: Served):
    await make_key(service.access, "reader", key_of(CLEAR), scopes=("read",))
    reader, event = service.by(key_of(CLEAR)), strike(stream="strike:b")
    await service.add(strike(stream="strike:a"), event)
    await service.settled()
    path = "/v1/projections/city_incidents/stream"
    async with event_stream(reader, path) as followed:
        await followed.next("snapshot")
        reached = followed.last_id
        await service.add(about("remarked", event["id"], tlp="RED", reason="x"))
        live = await followed.next("update")
    async with event_stream(reader, path, last_id=reached) as followed:
        resumed = await followed.next("update")
    for update in (live, resumed):
        assert (update["cause"]["kind"], update["cause"]["event_id"]) == ("restated", None)


async def test_a_merge_is_not_told_of_where_what_it_absorbed_was_hidden(service: Served):
    one, other = strike(stream="strike:a"), strike(stream="strike:b")
    merged = called("merged", {k: v for k, v in merge("strike:a", "strike:b", name="m").items() if k != "tlp"})
    await service.add(one, other, merged)
    await service.add(about("remarked", other["id"], tlp="RED", reason="x"))
    await service.add(about("remarked", other["id"], tlp="CLEAR", reason="x"))
    await make_key(service.access, "reader", key_of(CLEAR), scopes=("read",))
    reader = service.by(key_of(CLEAR))
    told = [(await reader.get(f"/v1/events/{merged['id']}", at_position=n)).status for n in (4, 5)]
    assert told == [404, 200]


async def test_what_is_said_at_length_is_told_whole_and_read_in_short_with_all_else(service: Served):
    """A stream's events are read with all that is said about them: of that only what corrects and marks."""
    event = strike(stream="strike:k")
    sources = [{**event["sources"][0], "source_id": f"s{n}", "title": "x" * 200} for n in range(40)]
    said = about("disputed", event["id"], note="contested") | {"sources": sources, "notes": "n" * 400}
    await service.add(event, said, about("remarked", said["id"], tlp="GREEN", reason="r") | {"sources": sources})
    told = (await service.get(f"/v1/events/{said['id']}")).json
    assert (told["sources"], told["notes"], told["data"]["note"]) == (sources, "n" * 400, "contested")
    (listed,) = [e for e in (await service.get("/v1/events")).json["events"] if e["id"] == said["id"]]
    assert listed == told
    await make_key(service.access, "reader", key_of(CLEAR), scopes=("read",))
    assert [e["id"] for e in (await service.by(key_of(CLEAR)).get("/v1/events")).json["events"]] == [event["id"]]
    read = await _read_said(service.service.pool, ["strike:k"])
    assert [len(e.body or "") < 1_000 for e in read] == [True, True]
