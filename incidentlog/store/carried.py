"""What the log changed between two positions, carried to other nodes: read once, and asked there as the database is.

It holds the rows that the database has of that stretch (`sql/queries/carry.sql` says which), whatever projection,
grouping or marking they are of, and answers the queries by which a channel goes on. So whoever follows is told by the
same code, of the same rows, wherever they came from: what a clearance covers is decided where the queries are asked.
What cannot be answered of one stretch raises NotCarriedError, and is for the database.
"""

import hashlib
from base64 import b64decode, b64encode
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import cached_property
from itertools import chain
from typing import Any, Final
from uuid import UUID, uuid4

import orjson

from incidentlog import zstd
from incidentlog.events.registry import ALWAYS_CLEAR
from incidentlog.events.values import Tlp
from incidentlog.folding.lines import Lines, merge, pack
from incidentlog.folding.shapes import Booking, Tally
from incidentlog.folding.totalling import Window
from incidentlog.projections import PROJECTIONS
from incidentlog.sqlfiles import query
from incidentlog.store.builds import Build
from incidentlog.store.connect import Connection, Pool
from incidentlog.store.read import read_log, read_unopened, seen
from incidentlog.turns import Turns

FORM: Final = 1
"""How a message is written: one of another form is passed over."""
MOST: Final = 200
"""A stretch of more positions than this is left to the database."""
BUILD_BYTES: Final = 128 * 1024
"""What is more than this of one projection is left to the database."""
LEVEL: Final = 1
"""Of the compression: it is on the way of every change, and lines are compressed already."""

Row = Sequence[Any]


class NotCarriedError(Exception):
    """This is not in what was carried: the database has it."""


@dataclass(frozen=True, slots=True)
class Heading:
    """Of which stretch something was carried, and of which log and builds."""

    epoch: str
    after: int
    """A position, exclusive."""
    upto: int
    """A position, inclusive: everything up to it was folded, and committed."""
    builds: Sequence[Row]
    """Those that answered: the columns of a `Build`."""
    registered: bool
    """Whether a place, an actor, a source or a policy was registered in it."""
    form: int = FORM


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of a stretch, of some builds."""

    whole: Sequence[int]
    """The builds of which all rows are here."""
    lines: Sequence[tuple[int, bytes]]
    """Build and packed lines, at most one for each."""
    names: Sequence[Row]
    """Build, dimension, value, marking, position, name: of all values in the lines."""
    documents: Sequence[Row]
    """Build, key, marking, from and to which position (None while it stands), restated, body, left out, on read: all
    that stood in the stretch of those that changed in it; the bodies of those that stand at its end."""
    events: Sequence[Row]
    """Position, id, marking."""


class Carried:
    """The rows of one stretch, or of several that join."""

    def __init__(self, heading: Heading, parts: Sequence[Rows]) -> None:
        self.heading = heading
        self.parts = parts
        self._whole = set[int].intersection(*(set(rows.whole) for rows in parts))
        self._answers: dict[str, Callable[..., Iterable[Any]]] = {
            query("answer", "builds"): lambda: self.heading.builds,
            query("segments", "read"): self._segments,
            query("live", "names_of"): self._names_of,
            query("answer", "documents"): self._standing,
            query("answer", "touched_documents"): self._touched,
            query("live", "ended_documents"): self._ended,
        }

    @classmethod
    def joined(cls, several: Sequence["Carried"]) -> "Carried":
        """What one after the other carried."""
        heading = replace(several[-1].heading, after=several[0].heading.after)
        return cls(heading, [rows for one in several for rows in one.parts])

    async def fetch(self, query: str, /, *args: Any) -> Sequence[Any]:
        """The rows that the database has for a query. Raises NotCarriedError."""
        if (answer := self._answers.get(query)) is None:
            raise NotCarriedError
        return list(answer(*args))

    async def fetchrow(self, *_: Any) -> Any:
        """Raises NotCarriedError: nothing that is asked so is of one stretch."""
        raise NotCarriedError

    def event_id_at(self, position: int, clearance: int) -> UUID | None:
        """Which event is at a position; None where a clearance does not cover it. Raises NotCarriedError."""
        for at, event_id, mark in self._rows("events"):
            if at == position:
                return UUID(event_id) if mark <= clearance else None
        raise NotCarriedError

    def _rows(self, kind: str) -> Iterator[Row]:
        return chain.from_iterable(getattr(rows, kind) for rows in self.parts)

    def _is_whole(self, build: int, after: int, upto: int) -> None:
        if build not in self._whole or after < self.heading.after or upto != self.heading.upto:
            raise NotCarriedError

    @cached_property
    def _lines(self) -> dict[int, tuple[UUID, bytes]]:
        """By build, with an id by which one who asks again has unpacked them."""
        found = defaultdict[int, list[bytes]](list)
        for build, packed in self._rows("lines"):
            found[build].append(packed)
        return {b: (uuid4(), own[0] if len(own) == 1 else merge([Lines(p) for p in own])) for b, own in found.items()}

    @cached_property
    def _documents(self) -> dict[tuple[int, str], dict[tuple[int, int], Row]]:
        """By build and key, and then by marking and from which position on; what was carried later is right."""
        found = defaultdict[tuple[int, str], dict[tuple[int, int], Row]](dict)
        for row in self._rows("documents"):
            build, key, level, start, *_ = row
            found[build, key][level, start] = row
        return found

    def _segments(
        self, build: int, after: int, upto: int, _later_than: datetime | None, known: Collection[UUID], *_: Any
    ) -> Iterator[Row]:
        self._is_whole(build, after, upto)
        if build in self._lines:
            uid, packed = self._lines[build]
            yield uid, self.heading.upto, None if uid in known else packed

    def _names_of(
        self, build: int, dimensions: Collection[str], values: Collection[str], clearance: int, upto: int
    ) -> Iterable[Mapping[str, Any]]:
        self._is_whole(build, self.heading.after, upto)
        first = dict[tuple[str, str], tuple[int, int, str]]()
        for own, dimension, value, level, position, name in self._rows("names"):
            if own == build and dimension in dimensions and value in values and level <= clearance:
                said = position, level, name
                first[dimension, value] = min(said, first.get((dimension, value), said))
        return [{"dimension": d, "value": v, "name": name} for (d, v), (_, _, name) in first.items()]

    def _of(self, build: int, clearance: int) -> Iterator[tuple[str, Row]]:
        for (own, key), versions in self._documents.items():
            if own == build:
                for (level, _), row in versions.items():
                    if level <= clearance:
                        yield key, row

    def _touched(self, build: int, clearance: int, after: int, upto: int) -> Iterator[Mapping[str, Any]]:
        self._is_whole(build, after, upto)
        last = dict[str, Row]()
        for key, row in self._of(build, clearance):
            if after < row[3] <= upto and (key not in last or row[3] > last[key][3]):
                last[key] = row
        return ({"key": key, "from_position": row[3], "restated": row[5]} for key, row in last.items())

    def _ended(self, build: int, clearance: int, after: int, upto: int) -> Iterator[Mapping[str, Any]]:
        self._is_whole(build, after, upto)
        last = dict[str, int]()
        for key, row in self._of(build, clearance):
            if row[4] is not None and after < row[4] <= upto:
                last[key] = max(row[4], last.get(key, 0))
        return ({"key": key, "to_position": position} for key, position in last.items())

    def _standing(
        self, build: int, clearance: int, upto: int, keys: Collection[str] | None
    ) -> Iterator[Mapping[str, Any]]:
        self._is_whole(build, self.heading.after, upto)
        if keys is None or not all((build, key) in self._documents for key in keys):
            raise NotCarriedError
        for key in keys:
            there = [row for (level, _), row in self._documents[build, key].items() if level <= clearance]
            if standing := [row for row in there if row[4] is None]:
                _, _, level, start, _, restated, body, left_out, on_read = max(standing, key=lambda row: row[2])
                yield {
                    "key": key, "body": body, "from_position": start, "restated": restated, "left_out": left_out,
                    "on_read": on_read, "level": level,
                }  # fmt: skip


# ----------------------------------------------------------------------------------------------------- messages


def write_message(heading: Heading, rows: Rows | None, most: int) -> bytes:
    """A heading, and the rows where they are there and fit into so many bytes: two lines, of which the second may lack.

    JSON of the heading, a line feed, and a frame of Zstandard with the JSON of the rows.
    """
    said = orjson.dumps(asdict(heading)) + b"\n"
    if rows is None:
        return said
    body = {**asdict(rows), "lines": [(build, b64encode(packed).decode()) for build, packed in rows.lines]}
    message = said + zstd.compress(orjson.dumps(body), LEVEL, checked=True)
    return message if len(message) <= most else said


def read_message(message: bytes) -> tuple[Heading, Carried | None]:
    """What was written. Raises ValueError for what is nothing of the kind, or of another form."""
    said, _, packed = message.partition(b"\n")
    told = orjson.loads(said)
    if not isinstance(told, dict) or told.get("form") != FORM:
        raise ValueError("a message of another form")
    try:
        heading = Heading(**told)
        if not packed:
            return heading, None
        body = orjson.loads(zstd.decompress(packed))
        body["lines"] = [(build, b64decode(lines)) for build, lines in body["lines"]]
        return heading, Carried(heading, [Rows(**body)])
    except (TypeError, KeyError, zstd.ZstdError) as error:
        raise ValueError("a message that cannot be read") from error


# ------------------------------------------------------------------------------------------------------ reading


async def read_place(connection: Connection | Pool) -> str:
    """A name for the log where it is: what is carried for a copy of it, restored elsewhere, is not for this one."""
    log_id = (await read_log(connection)).id
    told = "/".join(map(str, await connection.fetchrow(query("carry", "place")) or ()))
    return f"{log_id}-{hashlib.sha256(told.encode()).hexdigest()[:16]}"


async def read_carried(connection: Connection, after: int, upto: int) -> tuple[Heading, Rows | None]:
    """What changed after a position and up to another, which is folded; no rows where it is too much, or not there.

    On a connection that sees one moment.
    """
    epoch = (await read_log(connection)).epoch
    builds = [Build(*row) for row in await connection.fetch(query("answer", "builds"))]
    heading = Heading(epoch, after, upto, [_columns(b) for b in builds], registered=True)
    if not after < upto <= after + MOST:
        return replace(heading, registered=after < upto), None
    events = await read_unopened(connection, positions=range(after + 1, upto + 1))
    heading = replace(heading, registered=any(e.category in ALWAYS_CLEAR for e in events))
    kept = {b.build: b for b in builds if b.readable and b.position >= upto}
    lines = await _read_lines(connection, kept, after, upto)
    documents = defaultdict[int, list[Row]](list)
    for row in await connection.fetch(query("carry", "documents"), list(kept), after, upto):
        documents[row["build"]].append(tuple(row))
    light = {
        number: kept[number]
        for number in kept
        if len(lines.get(number, b"")) + sum(len(row[6] or "") for row in documents[number]) <= BUILD_BYTES
    }
    return heading, Rows(
        whole=list(light),
        lines=[(number, packed) for number, packed in lines.items() if number in light],
        names=await _read_names(connection, light, lines, upto),
        documents=[row for number in light for row in documents[number]],
        events=await _read_marks(connection, events, upto),
    )


def _columns(build: Build) -> Row:
    return [build.build, build.projection, build.version, build.base, list(build.positions), build.state, build.shape]


async def _read_lines(connection: Connection, builds: Collection[int], after: int, upto: int) -> dict[int, bytes]:
    """By build the lines of a stretch, which may lie among others by now."""
    window, turns = Window(after, upto, int(Tlp.RED)), Turns()
    alone = dict[int, list[bytes]]()
    for build, body in await connection.fetch(query("carry", "segments"), list(builds), after, upto):
        lines = Lines(body)
        await turns.spend(lines.weight)
        chosen = window.choose(lines)
        if chosen is None:
            alone.setdefault(build, []).append(body)
        elif own := list[Booking](lines.bookings(chosen)):
            alone.setdefault(build, []).append(pack(own))
    return {b: own[0] if len(own) == 1 else merge([Lines(p) for p in own]) for b, own in alone.items()}


async def _read_names(
    connection: Connection, builds: Mapping[int, Build], lines: Mapping[int, bytes], upto: int
) -> list[Row]:
    wanted = list[tuple[int, str, str]]()
    for number, build in builds.items():
        projection = PROJECTIONS.get(build.projection)
        if number not in lines or not isinstance(projection, Tally):
            continue
        unpacked = Lines(lines[number])
        texts = unpacked.several(range(len(projection.dimensions)))
        for dimension, (values, _) in zip(projection.dimensions, texts, strict=True):
            wanted += [(number, dimension, value) for value in values if value is not None]
    columns = [list(column) for column in zip(*wanted, strict=True)] if wanted else [[], [], []]
    return [tuple(row) for row in await connection.fetch(query("carry", "names"), *columns, upto)]


async def _read_marks(connection: Connection, events: Sequence[Any], upto: int) -> list[Row]:
    """Position, id and marking of each event, as whoever asks which event is at a position is told."""
    found = await seen(connection, events, upto=upto, clearance=Tlp.RED)
    marks = [found.mark_of(e) for e in events]
    if found.said:  # what was said of one later than its own position does not count there
        alone = [await seen(connection, [e], upto=e.position, clearance=Tlp.RED) for e in events]
        marks = [told.mark_of(e) for e, told in zip(events, alone, strict=True)]
    return [(e.position, str(e.event_id), int(mark)) for e, mark in zip(events, marks, strict=True)]
