"""No read, whatever is in the log, holds up the others or grows the service: through all routes of the application."""

import asyncio
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

import orjson
import pytest

from incidentlog.api.paging import ANSWER_OCTETS
from incidentlog.embedded import Server
from incidentlog.folding.shapes import Tally
from incidentlog.live import PROTOCOL
from incidentlog.live.frames import PART_BYTES
from incidentlog.projections import PROJECTIONS
from incidentlog.turns import SLICE_OCTETS, Turns
from tests.api.serving import Answer, Served, serving
from tests.conftest import log_called
from tests.nasty import CHAINED, HEAVY, LONG, MERGED, TRACK, make_nasty

ITEM = 320 * 1024
"""What one event, or what one changes of a subject, takes in an answer at most."""
READ = 2 * 256 * 1024 + 64 * 1024
"""What is read of a version of a subject at most: as much as an event, and as much again of the whole one that it rests on."""
GROWTH = 64 * 2**20
LENGTH = 700
PAGES = 3
"""So many pages of one answer are measured: the later ones are as long."""
KNOWN = "known_at=2027-01-01&basis=reported"
"""All of the log was reported by then."""
STREAMS = (LONG, HEAVY, CHAINED, MERGED)
PARQUET = ("parquet",) if find_spec("pyarrow") else ()
TABLED = ("ndjson", "csv", "geojson", *PARQUET)
STREAMED = {"/v1/live", "/v1/events/stream", "/v1/projections/{name}/stream"}
"""What does not end; it is followed until it has told what is there."""
NOT_SEALED = {
    "/log/checkpoint", "/log/tile/entries/{index:.+}", "/log/tile/{level:[^/]+}/{index:.+}", "/v1/log/consistency",
    "/v1/log/root", "/v1/log/heads", "/v1/log/key",
}  # fmt: skip
"""What is bounded by the form of the tree: the log here is not signed, and they say so."""


@dataclass
class Nasty:
    """The service on such a log, and an event of each stream."""

    served: Served
    imported: int
    """The number of an import: each of its subjects may be any of the others."""
    webhook: str
    events: dict[str, str] = field(default_factory=dict)


@pytest.fixture(scope="module")
async def nasty(server: Server) -> AsyncIterator[Nasty]:
    async with log_called("test_api_nasty", server) as access, serving(access, runner_apart=True) as served:
        number = await make_nasty(served, length=LENGTH, heavies=20, talks=15, links=40, merges=50)
        nowhere = {"url": "https://example.invalid/", "filters": {"stream": ["strike:none"]}}
        made = await served.post(nowhere, path="/v1/webhooks")
        assert made.status == 201, made
        found = Nasty(served, number, made.json["id"])
        for stream in STREAMS:
            told = await served.get(f"/v1/streams/{stream}", limit=1)
            found.events[stream] = told.json["events"][0]["id"]
        yield found


def questions(nasty: Nasty, head: int) -> dict[str, list[str]]:
    """What is asked of each route, by its path as the application has it."""
    events = [*nasty.events.values()]
    rows = [f"/v1/projections/{name}" for name in PROJECTIONS]
    return {
        "/": ["/"],
        "/asyncapi.json": ["/asyncapi.json"],
        "/basemap": ["/basemap"],
        "/basemap/{z}/{x}/{y}": [],
        "/docs": ["/docs"],
        "/docs/live": ["/docs/live"],
        "/docs/{name}": ["/docs/app.js"],
        "/docs/live/{name}": ["/docs/live/app.js"],
        "/embed": ["/embed"],
        "/livez": ["/livez"],
        "/metrics": ["/metrics"],
        "/openapi.json": ["/openapi.json"],
        "/page/{name}": ["/page/shell.css"],
        "/problems/{slug}": ["/problems/not-found"],
        "/readyz": ["/readyz?verbose"],
        "/schemas": ["/schemas"],
        "/schemas/{type}.json": ["/schemas/strike.reported.json"],
        "/v1/access": ["/v1/access?limit=1000"],
        "/v1/builds": ["/v1/builds"],
        "/v1/candidates": [f"/v1/candidates?import={nasty.imported}&limit=1000"],
        "/v1/cloudevents": ["/v1/cloudevents?limit=1000"],
        "/v1/cloudevents/{id}": [f"/v1/cloudevents/{event}{mode}" for event in events for mode in ("", "?mode=binary")],
        "/v1/diff": [
            f"/v1/diff?from_position=0&to_position={head}&limit=1000",
            *(f"/v1/diff?from_position=0&to_position={head}&subject={s}" for s in STREAMS),
            *(f"/v1/diff?from_position=0&to_position={head}&limit=1000&projection={p}" for p in PROJECTIONS),
        ],
        "/v1/events": [
            "/v1/events?limit=1000",
            *(f"/v1/events?limit=1000&format={form}" for form in TABLED),
            f"/v1/events?limit=1000&stream={HEAVY}&stream={LONG}",
        ],
        "/v1/events/ids": [f"/v1/events/ids?import={nasty.imported}&limit=1000"],
        "/v1/events/{id}": [f"/v1/events/{event}" for event in events],
        "/v1/events/{id}/proof": [f"/v1/events/{event}/proof" for event in events],
        "/v1/keys": ["/v1/keys?limit=1000"],
        "/v1/keys/{name}": ["/v1/keys/admin"],
        "/v1/parked": ["/v1/parked"],
        "/v1/places": ["/v1/places?q=sa&limit=50"],
        "/v1/projections": ["/v1/projections"],
        "/v1/projections/{name}": [
            *rows,
            *(f"{path}?at=2026-01-01&at_position={head // 2}" for path in rows),
            *(f"{path}?format=ndjson" for path in rows),
            *(
                f"/v1/projections/{name}?format={form}"
                for name, p in PROJECTIONS.items()
                if isinstance(p, Tally)
                for form in ("csv", *PARQUET)
            ),
            "/v1/projections/actor_participation?group_by=actor,role,category,month",
            f"/v1/projections/talks_ledger?{KNOWN}",
        ],
        "/v1/projections/{name}/{key}": [f"/v1/projections/talks_ledger/{TRACK}"],
        "/v1/replay": ["/v1/replay?speed=0&format=ndjson", "/v1/replay?speed=0&by=occurred&format=sse"],
        "/v1/session": ["/v1/session"],
        "/v1/streams/{stream}": [f"/v1/streams/{stream}?limit=1000" for stream in STREAMS],
        "/v1/subjects": [
            f"/v1/subjects?limit=1000{by}" for by in ("", "&category=strike&format=csv", f"&{KNOWN}", "&bbox=0,0,1,1")
        ]
        + [f"/v1/subjects?limit=1000&category=strike&status=retracted&format={form}" for form in TABLED],
        "/v1/subjects/{stream}": [f"/v1/subjects/{stream}{by}" for stream in STREAMS for by in ("", f"?{KNOWN}")],
        "/v1/subjects/{stream}/candidates": [f"/v1/subjects/{stream}/candidates" for stream in STREAMS],
        "/v1/subjects/{stream}/history": [
            f"/v1/subjects/{stream}/history?limit=10000{by}" for stream in STREAMS for by in ("", f"&{KNOWN}")
        ],
        "/v1/webhooks": ["/v1/webhooks?limit=1000"],
        "/v1/webhooks/{webhook}": [f"/v1/webhooks/{nasty.webhook}"],
        "/v1/webhooks/{webhook}/dead-letters": [f"/v1/webhooks/{nasty.webhook}/dead-letters?limit=1000"],
        "/verify": ["/verify"],
        "/verify/{name}": ["/verify/app.js"],
    }


def routes(served: Served) -> set[str]:
    """What the application's router has that can be read."""
    return {r.resource.canonical for r in served.app.router.routes() if r.method == "GET" and r.resource is not None}


def paths(nasty: Nasty, head: int) -> Iterator[str]:
    for asked in questions(nasty, head).values():
        yield from asked


async def test_every_route_is_asked_something_here(nasty: Nasty):
    known = {*questions(nasty, 1), *STREAMED, *(path.replace(":.+", "").replace(":[^/]+", "") for path in NOT_SEALED)}
    assert routes(nasty.served) == known, "say above how a new route is asked"


async def test_no_read_is_more_than_a_slice_at_a_stretch_or_more_than_a_page(nasty: Nasty):
    served = nasty.served
    head = await served.head()
    for form in PARQUET:
        await served.get("/v1/events", limit=1, format=form)  # what is imported for it stays
    Turns.largest = 0
    tracemalloc.start()
    try:
        for path in paths(nasty, head):
            following: str | None = path
            for _ in range(PAGES if "basis=reported" not in path else 1):
                if following is None:
                    break
                answer, grown = await measured(served, following)
                assert answer.status in {200, 404, 413, 503}, (following, answer.raw[:500])
                assert grown < GROWTH, (following, grown // 2**20)
                assert Turns.largest <= SLICE_OCTETS + READ, (following, Turns.largest)
                if not path.startswith("/v1/replay"):  # which is one long answer, in pieces
                    assert len(answer.raw) <= ANSWER_OCTETS + ITEM, following
                json = answer.headers["Content-Type"].startswith("application/json")
                following = answer.json.get("next") if json else None
    finally:
        tracemalloc.stop()


async def measured(served: Served, path: str) -> tuple[Answer, int]:
    """An answer, and how many bytes of memory were taken for it at most: by the service, and by who asks it here."""
    tracemalloc.reset_peak()
    before, _ = tracemalloc.get_traced_memory()
    answer = await served.ask("GET", path)
    return answer, tracemalloc.get_traced_memory()[1] - before


async def test_the_pages_of_a_long_history_are_all_of_it_once(nasty: Nasty):
    told: list[dict[str, Any]] = []
    following = f"/v1/subjects/{LONG}/history"
    pages = 0
    while following:
        page = (await nasty.served.ask("GET", following)).json
        told += page["versions"]
        following, pages = page.get("next"), pages + 1
    assert pages > 1
    assert [len(v["state"]["entries"]) for v in told] == list(range(1, LENGTH + 1))
    assert [v["to_position"] for v in told[:-1]] == [v["from_position"] for v in told[1:]]
    whole = (await nasty.served.get(f"/v1/subjects/{LONG}")).json
    assert told[-1]["state"] == whole["state"]
    assert whole["state"] == (await nasty.served.ask("GET", f"/v1/subjects/{LONG}?{KNOWN}")).json["state"]
    assert told[-1]["to_position"] is None


@pytest.mark.parametrize("asked", [{"projection": name} for name in (*PROJECTIONS, "events")], ids=str)
async def test_what_is_followed_comes_in_parts_too(nasty: Nasty, asked: dict[str, str]):
    served, from_start = nasty.served, {"from": 0} if asked["projection"] == "events" else {}
    Turns.largest = 0
    headers = {"Authorization": f"Bearer {served.key}"}
    url = f"{served.url}/v1/live"
    async with (
        asyncio.timeout(60),
        served.session.ws_connect(url, protocols=[PROTOCOL], headers=headers, max_msg_size=0) as socket,
    ):
        await socket.send_str(orjson.dumps({"type": "subscribe", "id": "a", **asked, **from_start}).decode())
        async for message in socket:
            assert len(message.data) <= PART_BYTES + ITEM
            said = orjson.loads(message.data)
            assert said["type"] != "error", said
            if said["type"] == "snapshot" and said["part"] == said["parts"]:
                break
            if said["type"] == "events" and said["to"] == await served.head():
                break
    assert Turns.largest <= SLICE_OCTETS + ITEM
