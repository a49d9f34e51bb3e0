"""What was reported by then, folded here: for a log that is too large for a service to fold it in a request.

The log is read through the service page by page, kept in a temporary file, and folded a page at a time. Held in memory
are a page, the streams that it touches, and the rows. So it takes as long as the log is, and no request does.
"""

import asyncio
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Final, Self
from uuid import UUID

import orjson
from yarl import URL

import incidentlog.projections  # noqa: F401 - registers every event and projection
from incidentlog.api.answers import dumps
from incidentlog.api.moment import AS_OF, MOMENT, Moment, read_wanted
from incidentlog.api.operations import names
from incidentlog.api.rows import Asked, Shaped, ask, shaped
from incidentlog.cli.asking import Service
from incidentlog.cli.ending import Code, Failed, Refused
from incidentlog.cli.progress import progress
from incidentlog.clock import SystemClock
from incidentlog.errors import Fault
from incidentlog.events.recorded import Recorded, reported_instant
from incidentlog.events.values import tlp_level
from incidentlog.folding.change import Change, Families
from incidentlog.folding.fold import merged_streams
from incidentlog.folding.shapes import Document, Tally
from incidentlog.folding.summing import SummingDocument, SummingTally
from incidentlog.places import code_of
from incidentlog.projections import PROJECTIONS
from incidentlog.store.read import LogIdentity

PAGE: Final = 1_000
"""How many events are read, and folded, at a time."""
TRIES: Final = 8
"""How often a page is asked for while the service says that it cannot now."""
AT_ONCE: Final = 500
"""Of how many streams the history is looked up at once."""


async def show_locally(service: Service, name: str, params: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """The answer that the service would give on the basis `reported`, were the log small enough."""
    projection = PROJECTIONS.get(name)
    if projection is None:
        raise Failed(f"no projection is called {name!r} here", Code.NOT_FOUND)
    ready = await service.get("/readyz", [("verbose", "")])
    # Of nothing at all, by which the service judges the question: its faults are told in its words.
    judged = [(k, v) for k, v in params if k not in {"basis", "at_position"}]
    served = (await service.get(f"/v1/projections/{name}", [*judged, ("at_position", "0")]))["basis"]
    if served["version"] != projection.version:
        raise Failed(f"the service has version {served['version']} of {name}, and this program {projection.version}")
    moment, asked = _read(projection, params, ready["zone"], ready["head"])
    with TemporaryDirectory(prefix="incidentlog-") as folder, Spool(Path(folder) / "log.sqlite") as spool:
        await _fill(spool, service, moment)
        summing = _summing(asked, moment.at)
        with progress("folding", spool.count) as advance:
            for changes, count in spool.changes(ready["zone"]):
                summing.take(changes)
                advance(count)
        found = await _shaped(asked, summing)
    log = LogIdentity(UUID(ready["log"]), ready["zone"], 0, served["generation"])
    head: dict[str, Any] = {"projection": name, "version": projection.version}
    head["basis"] = moment.basis(log, projection.version)
    if asked.question is not None and (periods := asked.question.periods):
        head["compared"] = periods
    if found.rest is not None:
        head["rest"] = found.rest
    whole: dict[str, Any] = orjson.loads(dumps({**head, "rows": found.rows}))
    return whole


def _read(
    projection: Tally | Document[Any], params: Sequence[tuple[str, str]], zone: str, head: int
) -> tuple[Moment, Asked]:
    """What is asked, read as the service reads it."""
    faults: list[Fault] = []
    wanted = read_wanted(dict(params), zone, AS_OF, faults)
    own: dict[str, list[str]] = {}
    for key, value in params:
        if key not in names(*MOMENT):
            own.setdefault(key, []).append(value)
    asked = ask(projection, own)
    now = SystemClock().now()
    known, position = wanted.known_at, head if wanted.position is None else wanted.position
    is_open = wanted.position is None and known is not None and known >= now
    return Moment(wanted.at or now, position, "reported", known, open=is_open, least=position, pinned=False), asked


def _summing(asked: Asked, at: datetime) -> SummingTally | SummingDocument:
    if isinstance(asked.projection, Tally):
        assert asked.question is not None  # noqa: S101 - a tally always has one
        previous = asked.question.shaping.previous
        groupings = [asked.question.grouping, *([] if previous is None else [previous])]
        return SummingTally(asked.projection, groupings, at)
    return SummingDocument(asked.projection, at)


async def _shaped(asked: Asked, summing: SummingTally | SummingDocument) -> Shaped:
    if isinstance(summing, SummingDocument):
        return Shaped(await summing.rows())
    assert isinstance(asked.projection, Tally) and asked.question is not None  # noqa: S101, PT018 - a tally has one
    return await shaped(asked.projection, asked.question, summing)


async def _fill(spool: "Spool", service: Service, moment: Moment) -> None:
    """Read the events reported by then through the service."""
    known, position = moment.known_at or moment.at, 0
    with progress("reading", moment.position) as advance:
        while position < moment.position:
            page = await _page(service, moment.position, position)
            spool.add([event for event in page["events"] if reported_instant(recorded_of(event)) <= known])
            reached = int(URL(page["next"]).query["after"]) if "next" in page else moment.position
            advance(reached - position)
            position = reached


async def _page(service: Service, position: int, after: int) -> Any:
    params = [("at_position", str(position)), ("after", str(after)), ("limit", str(PAGE))]
    for tried in range(1, TRIES + 1):
        try:
            return await service.get("/v1/events", params)
        except Refused as refused:
            if refused.code is not Code.UNAVAILABLE or tried == TRIES:
                raise
            await asyncio.sleep(min(30.0, max(refused.retry_after_seconds or 0, 2.0 ** (tried - 1))))
    raise AssertionError("the last try answers or raises")


class Spool:
    """Events in a file, from which they are folded a page at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._links: list[tuple[int, str, str]] = []
        self.count = 0
        """How many events there are."""

    def __enter__(self) -> Self:
        self._file = sqlite3.connect(self._path, isolation_level=None)
        self._file.execute("PRAGMA journal_mode = OFF")
        self._file.execute("PRAGMA synchronous = OFF")
        self._file.execute("CREATE TABLE events (position INTEGER PRIMARY KEY, stream TEXT, event BLOB)")
        self._file.execute("CREATE INDEX events_by_stream ON events (stream, position)")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()

    def add(self, events: Sequence[Mapping[str, Any]]) -> None:
        """Take in events, in the order of their positions."""
        for event in events:
            for absorbed in merged_streams(recorded_of(event)):
                self._links.append((event["position"], event["stream"], absorbed))
        rows = [(e["position"], e["stream"], orjson.dumps(e)) for e in events]
        try:
            self._file.execute("BEGIN")
            self._file.executemany("INSERT INTO events VALUES (?, ?, ?)", rows)
            self._file.execute("COMMIT")
        except sqlite3.Error as error:
            raise Failed(f"the events cannot be kept in {self._path.parent}: {error}") from error
        self.count += len(events)

    def changes(self, zone: str) -> Iterator[tuple[list[Change], int]]:
        """What the events change, a page of them at a time, with how many they were."""
        position = 0
        while batch := self._read("position > ? ORDER BY position LIMIT ?", position, PAGE):
            families = self._families(batch)
            yield list(families.changes(batch, zone)), len(batch)
            position = batch[-1].position

    def _families(self, batch: Sequence[Recorded]) -> Families:
        """The history of every stream that a page touches, and of those that merges connect them with."""
        first = batch[0].position
        links = [(survivor, absorbed) for position, survivor, absorbed in self._links if position < first]
        streams = _connected({s for e in batch for s in (e.stream, *merged_streams(e))}, links)
        histories: dict[str, list[Recorded]] = {stream: [] for stream in streams}
        wanted = sorted(streams)
        for n in range(0, len(wanted), AT_ONCE):
            some = wanted[n : n + AT_ONCE]
            marks = ", ".join("?" * len(some))
            for e in self._read(f"stream IN ({marks}) AND position < ? ORDER BY position", *some, first):
                histories[e.stream].append(e)
        return Families(histories, [link for link in links if link[0] in streams])

    def _read(self, which: str, *values: object) -> list[Recorded]:
        found = self._file.execute(f"SELECT event FROM events WHERE {which}", values)  # noqa: S608 - our own words
        return [recorded_of(orjson.loads(row[0])) for row in found]


def _connected(streams: set[str], links: Sequence[tuple[str, str]]) -> set[str]:
    """These streams, and those that merges connect them with, however far."""
    beside: dict[str, list[str]] = {}
    for one, other in links:
        beside.setdefault(one, []).append(other)
        beside.setdefault(other, []).append(one)
    found, ahead = set(streams), list(streams)
    while ahead:
        for stream in beside.get(ahead.pop(), ()):
            if stream not in found:
                found.add(stream)
                ahead.append(stream)
    return found


def recorded_of(event: Mapping[str, Any]) -> Recorded:
    """An event as the log holds it, from how the service shows it."""
    place = event["place"]
    resolved = event.get("patched_place") if place is None else place.get("resolved")
    if resolved is not None and "admin1" in resolved:
        resolved = {**resolved, "admin1": code_of(resolved["admin1"])}
    body = {name: event[name] for name in SENT if event.get(name) is not None}
    if place is not None:
        body["place"] = {name: value for name, value in place.items() if name != "resolved"}
    meta = {"event_id": event["id"], "occurred": event["occurred"], "place": resolved}
    return Recorded(
        position=event["position"],
        event_id=UUID(event["id"]),
        stream=event["stream"],
        stream_version=event["stream_version"],
        type=event["type"],
        schema_version=event["schema_version"],
        recorded_at=datetime.fromisoformat(event["recorded_at"]),
        recorded_by=event["recorded_by"],
        tlp=tlp_level(event["tlp"]),
        body=None if event["data"] is None else orjson.dumps(body).decode(),  # it was erased
        meta=orjson.dumps(meta).decode(),
    )


SENT: Final = (
    "id", "type", "schema_version", "stream", "occurred", "reported_at", "actors", "sources", "verification", "tlp",
    "data", "links", "external_ids", "notes",
)  # fmt: skip
