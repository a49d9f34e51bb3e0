"""Two logs that differ only in what a reader may not see: whatever it asks, it is told the same, positions aside (P5).

At four clearances: reads in every format that a route declares, refusals, appends with their warnings one by one and many
at once, files that are brought in and compared, every live message over WebSockets and event streams, and those for a reader
that comes back. That it finds what it looks for is shown in `test_pairs_broken.py`, by breaking one rule at a time. With
`PAIRS=deep` in the environment every projection is also asked what was reported, and what changed with each event.
"""

import asyncio
import os
import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from http import HTTPStatus
from importlib.util import find_spec
from types import ModuleType
from typing import Any, Final, get_args, get_type_hints

import orjson
import pytest
from aiohttp import web

from incidentlog.api.app import MODULES
from incidentlog.api.operations import operation_of
from incidentlog.embedded import Server
from incidentlog.events.values import TLP_LABELS, Tlp
from incidentlog.folding import steps
from incidentlog.folding.shapes import Tally
from incidentlog.live.answers import ServerMessage
from incidentlog.projections import PROJECTIONS
from tests.api.serving import ADMIN, NDJSON, Answer, Served
from tests.api.test_imports import send
from tests.api.test_sse import Events, stream
from tests.api.test_two_logs import ABOVE, HELD, NOWHERE, PARTIES, SEEN, TRUCE, claim, struck
from tests.live.following import Client, Held, client
from tests.pairs import LEVELS, READER, Pair, Side, pair_of
from tests.pairs import PARQUET as PARQUET_MEDIA
from tests.subjects.given import Event, about, amend, day, event, id_of, merge, remark, retract

AT: Final = "2026-02-12T12:00"
REPORTED: Final = {"basis": "reported", "known_at": "2026-02-20"}
DEEP: Final = "PAIRS" in os.environ


def said(on: str, topic: str, name: str, **more: Any) -> Event:
    data = {"speaker": "UKR", "topic": topic, "stance": "hope"}
    return event("statement.made", f"statement:{on}", name, data=data, **{"reported_at": "2025-11-20", **more})


def toll(of: str, name: str, killed: int, on: str = "2026-01-10", **more: Any) -> Event:
    data = {"as_of": on, "casualties": {"killed": {"best": killed}}}
    return event("toll.reported", f"toll:{of}", name, occurred=day(on), data=data, **more)


def exchanged(of: str, name: str, total: int, **more: Any) -> Event:
    data = {"released": {"UKR": {"total": total}, "RUS": {"total": total}}}
    return event("exchange.completed", f"exchange:{of}", name, occurred=day("2026-01-15"), data=data, **more)


def history(mark: str) -> list[Event]:
    """What everybody sees, and between it what is marked `mark`: moves, merges, retractions, streams of its own."""
    mixed: list[Event] = []
    for n in range(len(SEEN) + 1):
        mixed += [{**e, "tlp": mark} if e["tlp"] == "RED" else e for e in ABOVE.get(n, ())]
        mixed += SEEN[n : n + 1]
    events = [
        *mixed,
        said("a", "t2", "on t2"),
        said("b", "t1", "on t1"),
        amend("on t1", {"data": {"topic": "t2"}}, "moved", tlp=mark),
        said("b", "t1", "on t1 again", occurred=day("2025-11-21")),
        said("c", "t3", "on t3", tlp=mark),
        amend("talk", {"occurred": day("2026-01-19")}, "held later", tlp=mark),
        retract("on t2", "not on t2", tlp=mark),
        said("c", "t1", "c on t1", tlp=mark, occurred=day("2025-11-22")),
        toll("one", "toll", 10),
        toll("one", "higher toll", 12, tlp=mark),
        toll("two", "another toll", 90, tlp=mark),
        toll("one", "later toll", 11, on="2026-01-20"),
        retract("later toll", "no later toll", tlp=mark),
        exchanged("one", "exchange", 40),
        exchanged("two", "another exchange", 70, tlp=mark),
        amend("exchange", {"data": {"released": {"UKR": {"total": 41}}}}, "one more", tlp=mark),
        said("a", "t4", "on t4"),  # what is listed with how far it was folded, names an event that all see
    ]
    return [{"id": id_of(f"event {n}"), "reported_at": "2026-02-10", **e} for n, e in enumerate(events)]


def further(mark: str) -> list[Event]:
    """What comes while the reader follows."""
    events = [
        said("d", "t3", "d on t3", tlp=mark),
        said("d", "t5", "on t5"),
        amend("on t5", {"data": {"topic": "t4"}}, "d moved", tlp=mark),
        about("record.corroborated", "on t5", "so it was"),
        struck("late", "strike:late", killed=3),
        merge("strike:late", "strike:low", name="hidden later", tlp=mark),
        {**struck("later", "strike:low", killed=1), "occurred": day("2025-11-21")},
        {**claim("d", "2026-02-11T11:00"), "tlp": mark},
        claim("e", "2026-02-11T12:00"),
        event("ceasefire.agreed", "ceasefire:secret", "secret", occurred=day("2026-02-01"), tlp=mark,
              data={"sidedness": "unilateral", "scope": ["general"], "effective_from": "2026-02-01", "parties": ["RUS"]}),
        {**claim("f", "2026-02-11T13:00"),
         "data": {"ceasefires": [TRUCE, "ceasefire:secret"], "accused": ["RUS"], "claimed_by": "UKR", "severity": "grave"}},
        event("talk.held", "talk:three", "talk3", occurred=day("2026-01-21"), actors=PARTIES, data=HELD, tlp=mark),
        amend("talk", {"occurred": day("2026-01-11")}, "held a day later"),
        retract("late", "never", tlp=mark),
        retract("late", "never, all say"),
        amend("on t5", {"data": {"topic": "t5"}}, "d moved back", tlp=mark),
    ]  # fmt: skip
    return [{"id": id_of(f"further {n}"), "tlp": "CLEAR", **e} for n, e in enumerate(events)]


STREAMS: Final = (
    TRUCE, "exchange:one", "exchange:two", "toll:one", "toll:two", "statement:a", "statement:b", "statement:c", "strike:one", "strike:two", "strike:low", "strike:hidden", "talk:one",
    "talk:two", "violation:a", "violation:c",
)  # fmt: skip
ODESA: Final = "geonames:698740"
PARQUET: Final = ("parquet",) if find_spec("pyarrow") is not None else ()
"""It is in the dependency group tools, which `.ci/run` installs."""
SOME: Final = tuple(PROJECTIONS) if DEEP else ("positions_board", "city_incidents", "talks_ledger")
"""Those that are also asked what was reported, and what changed."""
TALLIES: Final = tuple(name for name, each in PROJECTIONS.items() if isinstance(each, Tally))
FEW: Final = STREAMS if DEEP else STREAMS[2::3]
LISTED: Final = ("events", *(f"streams/{s}" for s in STREAMS))
ASKED: Final[list[tuple[str, dict[str, Any]]]] = [
    *((f"/v1/{path}", {"at": AT}) for path in LISTED),
    *(("/v1/events", {"at": AT, "limit": 2, "format": form}) for form in ("json", "ndjson", "csv", "geojson", *PARQUET)),
    ("/v1/cloudevents", {"at": AT}),
    ("/v1/cloudevents", {"at": AT, "limit": 2}),
    *((f"/v1/cloudevents/{id_of(name)}", {}) for name in ("on t1", "on t3", "never heard of")),
    ("/v1/events", {"at": AT, "category": "strike", "city": ODESA}),
    ("/v1/projections", {}),
    *((f"/v1/projections/{name}", {"at": AT}) for name in PROJECTIONS),
    *((f"/v1/projections/{name}", {"at": AT, **REPORTED}) for name in SOME),
    *((f"/v1/projections/{name}", {"at": AT, "format": form}) for name in SOME for form in ("ndjson", "csv")),
    *((f"/v1/projections/{name}", {"at": AT, "format": form}) for name in TALLIES for form in PARQUET),
    ("/v1/projections/city_incidents", {"at": AT, "format": "geojson"}),
    *(
        (f"/v1/projections/city_incidents/{ODESA}", {"at": AT, "format": form})
        for form in ("json", "ndjson", "csv", "geojson", *PARQUET)
    ),
    *(("/v1/projections/city_incidents", {"at": AT, "group_by": by}) for by in ("place,day,side", "day", "verification")),
    *((f"/v1/projections/positions_board/UKR%7C{topic}", {"at": AT}) for topic in ("t1", "t2", "t3")),
    *(("/v1/subjects", {"at": AT, "limit": 2, "format": form}) for form in ("json", "ndjson", "csv", "geojson", *PARQUET)),
    *(("/v1/subjects", {"at": AT, **asked}) for asked in ({"category": "strike"}, {"status": "retracted"}, REPORTED)),
    *((f"/v1/subjects/{s}{part}", {"at": AT}) for s in STREAMS for part in ("", "/history")),
    *((f"/v1/subjects/{s}{part}", {"at": AT, **REPORTED}) for s in FEW for part in ("", "/history")),
    *((f"/v1/subjects/{s}/candidates", {"at": AT}) for s in STREAMS[::2]),
    *(("/v1/candidates", {"at": AT, "import": n}) for n in (1, 2)),  # of which there is no import; of one see `imports`
    *(("/v1/events/ids", {"import": n}) for n in (1, 2)),
    ("/v1/events", {"at": AT, "id": id_of("on t3")}),
    *((f"/v1/cloudevents/{id_of(name)}", {"mode": "binary"}) for name in ("on t1", "on t3")),
    *((f"/v1/events/{id_of(name)}", {}) for name in ("on t1", "moved", "on t3", "one", "talk", "never heard of")),
    *((f"/v1/events/{id_of(name)}/proof", {}) for name in ("moved", "on t3", "never heard of")),
    *(("/v1/replay", {"speed": 0, "by": by, "format": form}) for by in ("recorded", "occurred") for form in ("sse", "ndjson")),
    *(("/v1/places", {"q": name}) for name in ("Nowhere Town", "Odesa", "Kyiv")),
    ("/v1/parked", {}),
    ("/v1/access", {}),
    ("/v1/diff", {"from_position": 0, "subject": "statement:nothing"}),
]  # fmt: skip
CHANGED: Final[list[dict[str, str]]] = [
    {},
    *({"projection": name} for name in SOME),
    *({"subject": s} for s in STREAMS[2::4]),
]
REFUSED: Final[list[Event]] = [
    *(
        refused
        for target in ("on t3", "moved", "never heard of")
        for refused in (amend(target, {"data": {"topic": "t1"}}), retract(target), remark(target, "RED"))
    ),
    *(merge("strike:two", stream) for stream in ("strike:hidden", "strike:nowhere")),
    merge("strike:hidden", "strike:two"),
]
"""What speaks of what the reader may not see, and of what is not there."""
UNASKED: Final = {
    "of the log as a whole, and proven by positions": (
        "/log/checkpoint", r"/log/tile/{level:[^/]+}/{index:.+}", r"/log/tile/entries/{index:.+}", "/v1/log/consistency",
        "/v1/log/heads", "/v1/log/key", "/v1/log/root",
    ),
    "of the service, and how long the log is": ("/livez", "/readyz", "/v1/builds", "/v1/session"),
    "of keys, for `admin`": ("/v1/keys", "/v1/keys/{name}"),
    "of webhooks, in test_webhooks.py": (
        "/v1/webhooks", "/v1/webhooks/{webhook}", "/v1/webhooks/{webhook}/dead-letters",
    ),
    "the same for every log": (
        "/", "/asyncapi.json", "/docs", "/openapi.json", "/schemas", "/schemas/{type}.json", "/docs/live", "/docs/{name}", "/docs/live/{name}", "/embed", "/basemap", "/basemap/{z}/{x}/{y}", "/page/{name:.+}", "/problems/{slug}",
        "/verify", "/verify/{name}",
    ),
}  # fmt: skip


NOT_TOLD: Final = {
    "not to this reader": ("/v1/access",),
    "not of a log that nobody signs; of one that is, in test_markings.py": ("/v1/events/{id}/proof",),
    "followed": ("/v1/live", "/v1/events/stream", "/v1/projections/{name}/stream"),
    "compared by name and label": ("/metrics",),
}
"""Whose formats are not asked for one by one."""
OF_THE_SERVICE: Final = {"notice"}
"""Messages that say how the service is, and the connection: in tests/live."""


def formats() -> set[tuple[str, str]]:
    """Each route that is asked, with each media type that it declares."""
    left = {path for paths in (*UNASKED.values(), *NOT_TOLD.values()) for path in paths}
    return {
        (route.path, told.media)
        for module in MODULES
        for route in routes_of(module)
        for told in operation_of(route).told
        if route.path not in left and told.status == HTTPStatus.OK and (PARQUET or told.media != PARQUET_MEDIA)
    }


def told_by(pair: Pair) -> set[tuple[str, str]]:
    """The routes that answered, with the media types in which they did."""
    paths = sorted({path for path, _ in formats()}, key=lambda path: path.count("{"))
    patterns = [(path, re.compile(re.sub(r"\{[^}]*\}", "[^/]+", path))) for path in paths]
    return {
        (next((route for route, pattern in patterns if pattern.fullmatch(path)), path), media)
        for path, media in pair.told
    }


def routes_of(module: ModuleType) -> Iterator[web.RouteDef]:
    for route in module.routes:
        if isinstance(route, web.RouteDef) and route.method == "GET":
            yield route


def test_every_route_that_is_read_is_asked():
    asked = {path for path, _ in ASKED} | {"/v1/diff", "/v1/live", "/metrics", *STREAMED}
    unasked = {path for paths in UNASKED.values() for path in paths}
    read = {route.path for module in MODULES for route in routes_of(module)}
    patterns = {path: re.sub(r"\{[^}]*\}", "[^/]+", path) for path in read - unasked}
    assert {path for path, pattern in patterns.items() if not any(re.fullmatch(pattern, own) for own in asked)} == set()
    assert unasked <= read


@pytest.mark.parametrize("level", LEVELS, ids=TLP_LABELS[:4])
async def test_a_reader_is_told_the_same_of_a_log_with_what_it_may_not_see_and_of_one_without(
    server: Server, level: int, monkeypatch: pytest.MonkeyPatch
):
    mark = TLP_LABELS[level + 1]
    for waits in ("projections.HISTORY_SECONDS", "folds.FOLD_SECONDS"):  # who is refused says how busy the machine is
        monkeypatch.setattr(f"incidentlog.api.{waits}", 60.0)
    if level in {Tlp.GREEN, Tlp.AMBER_STRICT}:
        monkeypatch.setattr(steps, "FEW", 1)  # what two or more are part of is folded when it is read
    async with pair_of(server, history(mark), level) as pair:
        await reads(pair)
        await imports(pair, mark)
        assert formats() - told_by(pair) == set()
        await appends(pair)
        hidden, plain = [await measured(side) for side in pair.sides]
        assert hidden == plain
        for refused in REFUSED:
            assert {fault["code"] for fault in (await pair.post(refused))["errors"]} == {"unknown_target"}, refused
        await follows(pair, further(mark))
        await files(pair, mark)  # whose end is an event with an id of its own in each log


async def reads(pair: Pair) -> None:
    """All that is asked once."""
    places = asyncio.Semaphore(8)

    async def ask(path: str, params: Mapping[str, Any], **positions: Mapping[str, int]) -> None:
        async with places:
            told = await pair.get(path, **positions, **params)
        refused = isinstance(told, dict) and told.get("status") == HTTPStatus.BAD_REQUEST
        assert not refused, (path, params, told)  # else nothing was compared

    count = len(pair.plain.seen)
    async with asyncio.TaskGroup() as tasks:
        for path, params in ASKED:
            tasks.create_task(ask(path, params))
        for after in (1, count // 2, count):
            for by in ("recorded", "occurred"):
                positions = {"after": after, "at_position": count}
                tasks.create_task(
                    ask("/v1/replay", {"speed": 0, "by": by, "format": "ndjson"}, plain_positions=positions)
                )
        before_hidden = {"at": AT, "after": "statement:b", "limit": 1}
        tasks.create_task(ask("/v1/diff", before_hidden, plain_positions={"from_position": 1}))
        for asked in CHANGED:
            for pages in ({}, {"limit": 1}, {"limit": 2}):
                tasks.create_task(ask("/v1/diff", {"at": AT, **asked, **pages}, plain_positions={"from_position": 1}))
            tasks.create_task(ask("/v1/diff", {"at": AT, **asked, **reported_between()}))
            for start in range(1, count) if DEEP or not asked else ():
                one = {"plain_positions": {"from_position": start}, "just_before": {"to_position": start + 1}}
                tasks.create_task(ask("/v1/diff", {"at": AT, **asked}, **one))


async def measured(side: Side) -> set[str]:
    """What there are figures of, by names and labels: how many events there are is known to whoever may read."""
    text = (await side.served.get("/metrics")).raw.decode()
    return {line.rpartition(" ")[0] for line in text.splitlines() if not line.startswith("#")}


async def imports(pair: Pair, mark: str) -> None:
    """What came with an import, of which some is hidden, as is another import of the same."""
    begun = {"type": "import.begun", "stream": "import:a", "data": {"files": [{"name": "a.csv"}]}, "id": id_of("begun")}
    await pair.hidden.add({**begun, "stream": "import:hidden", "id": id_of("hidden import"), "tlp": mark})
    await pair.post(begun)
    number = len(pair.plain.seen)
    for side in pair.sides:
        rows = [struck(f"row {n}", f"strike:row-{n}", killed=n) for n in range(3)]
        if side is pair.hidden:
            hidden = [
                struck(f"hidden row {n}", f"strike:{on}", killed=40) for n, on in enumerate(("row-0", "row-hidden"))
            ]
            rows[1:1] = [{**said, "tlp": mark} for said in hidden]
        before = await side.served.head()
        told = await side.served.by(ADMIN).bulk(*rows, **{"import": str(side.at(number))})
        assert told.status == HTTPStatus.CREATED, told
        side.seen.extend(before + n for n, row in enumerate(rows, start=1) if row.get("tlp") != mark)
        await side.served.settled()
    ours = {"plain_positions": {"import": number}}
    found = await pair.get("/v1/candidates", **ours, at=AT)
    assert (found["subjects"], len(found["groups"])) == (3, 3)
    assert len((await pair.get("/v1/events", **ours, at=AT))["events"]) == 3
    assert [len((await pair.get("/v1/events/ids", **ours, limit=n))["ids"]) for n in (1, 2, 3, 9)] == [1, 2, 3, 3]
    for form in ("ndjson", "csv", *PARQUET):
        await pair.get("/v1/events", **ours, at=AT, format=form)
    await pair.get("/v1/subjects/import:a", at=AT)
    assert (await pair.get("/v1/subjects/import:hidden", at=AT))["status"] == HTTPStatus.NOT_FOUND


FILE: Final = b"id,date,place,killed\n1,1.2.2025,Odesa,1\n2,1.2.2025,Nowhere Town,1\n3,1.2.2025,Kyiv,2\n"
LATER: Final = FILE.replace(b"Odesa,1", b"Odesa,5").replace(b"\n3,", b"\n4,")


async def files(pair: Pair, mark: str) -> None:
    """A file that the reader brings in, and a later release of it, compared with what the log has of the first."""
    told = await pair.send("a file", lambda served: send(served, FILE), appends=5)
    assert (told["appended"], told["unresolved_total"]) == (3, 1)
    (first, *_) = (await pair.get("/v1/events", external_id="ours:1"))["events"]
    own = {"id": id_of("row of another"), "external_ids": [{"scheme": "ours", "id": "9"}], "tlp": mark}
    await pair.hidden.add({**struck("row of another", "strike:row-of-another"), **own})
    for kind, more in (("amended", {"patch": {"data": {"casualties": {"killed": {"best": 5}}}}}), ("retracted", {})):
        data = {"target": first["id"], "reason": "hidden", **more}
        await pair.hidden.add({"type": f"record.{kind}", "id": id_of(f"row {kind}"), "data": data, "tlp": mark})
    for dry, appended in (("true", 0), ("false", 5)):
        update = {"update": "true", "vanished": "retract", "dry_run": dry}
        told = await pair.send("a release", lambda served: send(served, LATER, **update), appends=appended)  # noqa: B023
        assert told["changes"] == {"unchanged": 1, "changed": 1, "new": 1, "vanished": 1}


async def appends(pair: Pair) -> None:
    """What is refused, and what goes in, where many events are sent at once."""
    bad = [*REFUSED, {**REFUSED[0], "type": "never.heard.of"}]
    good = [{**struck(f"sent {n}", "strike:sent"), "place": NOWHERE} for n in range(2)]
    lines, both = b"\n".join(map(orjson.dumps, bad)), b"\n".join(map(orjson.dumps, [*good, *bad]))
    kind = {"Content-Type": NDJSON}

    async def bulk(served: Served, body: bytes, **params: str) -> Answer:
        return await served.ask("POST", "/v1/events/bulk", params=params, data=body, headers=kind)

    await pair.send("lines", lambda served: bulk(served, lines))
    told = await pair.send("lines each", lambda served: bulk(served, both, mode="partial"), appends=len(good))
    assert [line.get("status") for line in told[:-1]] == [HTTPStatus.CREATED] * 2 + [422] * len(bad)
    own = [{name: value for name, value in e.items() if name != "id"} for e in bad]
    events = [
        {"specversion": "1.0", "id": f"A-{n}", "source": "x", "type": e["type"], "data": e} for n, e in enumerate(own)
    ]
    batch = {"data": orjson.dumps(events), "headers": {"Content-Type": "application/cloudevents-batch+json"}}
    await pair.send("a batch", lambda served: served.ask("POST", "/v1/cloudevents", **batch))
    for on in ("strike:hidden", "strike:nowhere"):
        said = {name: value for name, value in REFUSED[0].items() if name != "stream"}
        await pair.send(on, lambda served: served.post(said, path=f"/v1/streams/{on}/events"))  # noqa: B023


def reported_between() -> dict[str, str]:
    return {"from_known": "2025-11-19", "to_known": REPORTED["known_at"], "basis": "reported"}


# ---------------------------------------------------------------------------------------------------- following

STREAMED: Final = ("/v1/events/stream", "/v1/projections/city_incidents/stream")
UNLIKE: Final = frozenset({"at", "channel", "server_time"})
"""Members of messages that say when something was sent, and to whom."""


Began = dict[str, tuple[dict[str, Any], dict[str, Any]]]
"""The cursor and the rows that each subscription begins with."""


class Follower:
    """Somebody who follows everything on one side, over a WebSocket and over event streams."""

    def __init__(self, side: Side, socket: Client, streams: Mapping[str, Events]) -> None:
        self.side, self.socket, self.streams = side, socket, streams
        self.held: dict[str, Held] = {}
        self.began: Began = {}

    async def subscribe(self, began: Began | None = None) -> None:
        """Follow every projection, and the log; where somebody else began, if one is named."""
        for name in (*PROJECTIONS, "events"):
            cursor, rows = (began or {}).get(name, ({}, {}))
            self.held[name] = held = await self.socket.subscribe(name, name, **cursor)
            held.rows = held.rows or rows
            self.began[name] = held.cursor(), held.rows

    async def talk(self) -> list[Any]:
        """What is said beside what is followed: a ping, a subscription that is none, and the end of one."""
        await self.socket.send(type="ping", ref="a")
        await self.socket.until("pong", ref="a")
        told = []
        for id_, asked in (
            ("none", {"projection": "nothing"}),
            ("no place", {"projection": "city_incidents", "filter": {"place": ["x:1"]}}),
        ):
            await self.socket.send(type="subscribe", id=id_, **asked)
            told.append(await self.socket.until("error", id=id_))
        held = await self.socket.subscribe("talks_ledger", "short")
        await self.socket.send(type="ack", channel=held.channel, position=held.position)
        await self.socket.send(type="unsubscribe", id="short")
        told.append(await self.socket.until("unsubscribed", id="short"))
        return told

    async def reach(self, position: int) -> None:
        """Wait until all of them are told of everything up to a position."""
        for held in self.held.values():
            await self.socket.reach(held, position)

    async def streamed(self, position: int) -> dict[str, list[Any]]:
        """What the event streams tell up to a change at a position."""
        told: dict[str, list[Any]] = {}
        for path, events in self.streams.items():
            messages = told.setdefault(path, [])
            while not messages or messages[-1].get("to", 0) < position:
                messages.append(await events.next())
        return {path: [self.message(own) for own in messages] for path, messages in told.items()}

    def told(self) -> dict[str, Any]:
        """Everything that the subscriptions were told, by what they follow."""
        return {
            name: (self.side.same(held.rows), [self.message(own) for own in held.seen])
            for name, held in self.held.items()
        }

    def message(self, message: Mapping[str, Any]) -> Any:
        """A message as it would be of the plain log."""
        own = {name: value for name, value in message.items() if name not in UNLIKE}
        if own["type"] in {"subscribed", "snapshot"}:
            own["position"] = self.side.rank(own["position"])
            return own["position"], self.side.same({name: own[name] for name in own.keys() - {"position"}})
        return self.side.same(own)


@asynccontextmanager
async def following(side: Side) -> AsyncIterator[Follower]:
    headers = {"Authorization": f"Bearer {READER}"}
    side.served.service.hub.heartbeat_seconds = 0.05  # so that who is told nothing soon knows it
    url = side.served.url.replace("http", "ws") + "/v1/live"
    async with AsyncExitStack() as open_:
        streams = {path: await open_.enter_async_context(stream(side.served, path)) for path in STREAMED}
        socket = await open_.enter_async_context(client(url, additional_headers=headers))
        yield Follower(side, socket, streams)


async def follows(pair: Pair, coming: Sequence[Event]) -> None:
    """What is told of events as they come; and to a reader that comes back after them."""
    visible = {e["id"] for e in coming if e["tlp"] == "CLEAR"}
    async with AsyncExitStack() as open_:
        both = [await open_.enter_async_context(following(side)) for side in pair.sides]
        assert len({str(await follower.talk()) for follower in both}) == 1
        await asyncio.gather(*(follower.subscribe() for follower in both))
        for said in coming:
            if said["id"] not in visible:
                await pair.hidden.add(said)
                continue
            answer = await pair.post(said)
            assert answer.get("status", 201) == 201, answer
            await asyncio.gather(*(f.reach(f.side.seen[-1]) for f in both))
        hidden, plain = (follower.told() for follower in both)
        for name in plain:
            assert hidden[name] == plain[name], name
        assert all(told[1] for name, told in plain.items() if name in {"events", "positions_board", "violations"})
        messages = {get_args(get_type_hints(kind)["type"])[0] for kind in get_args(ServerMessage)}
        assert messages - OF_THE_SERVICE - both[0].socket.heard == set()
        hidden, plain = await asyncio.gather(*(f.streamed(f.side.seen[-1]) for f in both))
        assert hidden == plain
        await pair.hidden.served.settled()
        async with AsyncExitStack() as back:
            again = [await back.enter_async_context(following(side)) for side in pair.sides]
            await asyncio.gather(*(new.subscribe(old.began) for new, old in zip(again, both, strict=True)))
            await asyncio.gather(*(f.reach(f.side.seen[-1]) for f in again))
            hidden, plain = (follower.told() for follower in again)
            for name in plain:
                assert hidden[name] == plain[name], name
