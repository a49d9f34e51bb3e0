"""What is derived, twice: as it is served, and folded again in tables of the session's own; row by row."""

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from heapq import merge
from typing import Any, Final

import orjson

from incidentlog.folding.lines import Lines
from incidentlog.folding.rolling import UNKNOWN, days_of, earliest_of, latest_of
from incidentlog.folding.shapes import Booking, Tally
from incidentlog.projections import PROJECTIONS
from incidentlog.sqlfiles import query
from incidentlog.store.connect import Connection
from incidentlog.store.derive import columns
from incidentlog.store.segments import read_stretches
from incidentlog.store.versions import Texts, write_model

PAGE: Final = 2_000
TABLES: Final[dict[str, tuple[str | int, ...]]] = {
    "subjects": ("", -1, -1),
    "names": ("", "", -1),
    "documents": ("", -1, -1),
    "document_members": ("", "", -1),
    "parked": ("", -1),
}
"""The tables of rows that belong to a build, and what lies before their first key."""
PACKED: Final = ("segments", "snapshots")
"""Those whose rows are lines, packed: the lines are compared, however they are packed."""


@dataclass(frozen=True, slots=True)
class Side:
    """Where the rows of a build are."""

    connection: Connection
    build: int


@dataclass(frozen=True, slots=True)
class Difference:
    """The first row that is not the same on both sides; None where one has it not."""

    table: str
    key: tuple[Any, ...]
    served: str | None
    replayed: str | None


@dataclass(frozen=True, slots=True)
class Compared:
    """The rows of the subjects or of a projection: how many are served, SHA-256 of both sides, the first difference."""

    name: str
    rows: int
    served: str
    replayed: str
    difference: Difference | None

    @property
    def same(self) -> bool:
        """Whether they are equal, byte by byte."""
        return self.difference is None and self.served == self.replayed


async def make_scratch(connection: Connection) -> None:
    """Give the session tables of its own for all that is derived: from then on it writes and reads those.

    They are in the session's temporary schema: PostgreSQL removes them with the session, however that ends.
    """
    await connection.execute(query("replay_check", "scratch"))


async def analyze_scratch(connection: Connection) -> None:
    """Tell the planner how large the scratch tables are."""
    await connection.execute(query("replay_check", "analyze"))


async def _align_snapshots(served: Side, replayed: Side) -> None:
    """Leave out the replayed snapshots that what is served has not taken: it takes them when there is time for it."""
    taken = await served.connection.fetch(query("replay_check", "taken"), served.build)
    rollups, positions = [r["rollup"] for r in taken], [r["position"] for r in taken]
    await replayed.connection.execute(query("replay_check", "keep_taken"), replayed.build, rollups, positions)


async def _align_texts(served: Side, replayed: Side, position: int) -> None:
    """Give replayed versions that are folded when they are read a text where what is served has one.

    So has what an older build stored, and what somebody has put there: it is held against what it should say.
    """
    key = TABLES["subjects"]
    while page := await served.connection.fetch(query("replay_check", "told"), served.build, position, *key, PAGE):
        key = tuple(page[-1])
        rows = await replayed.connection.fetch(
            query("replay_check", "untold"), replayed.build, *columns([tuple(row) for row in page], 3)
        )
        texts = [
            (row["stream"], row["level"], row["from_position"], write_model(text.state))
            async for row, text in Texts(replayed.connection, forgiving=True).of(rows)
        ]
        await replayed.connection.execute(query("replay_check", "tell"), replayed.build, *columns(texts, 4))


async def compare(name: str, served: Side, replayed: Side, position: int) -> Compared:
    """Compare all rows of two builds as they stood at a position; what is served has none that lie in wait."""
    await _align_snapshots(served, replayed)
    await _align_texts(served, replayed, position)
    digests = hashlib.sha256(), hashlib.sha256()
    rows, difference = 0, None
    for row in await served.connection.fetch(query("replay_check", "beyond"), served.build):
        digests[0].update(row["row"].encode() + b"\n")
        difference = difference or Difference(row["name"], tuple(row["key"]), row["row"], None)
    for table in (*TABLES, *PACKED):
        for digest in digests:
            digest.update(f"{table}\n".encode())
        left, right = _rows(name, table, served, position), _rows(name, table, replayed, position)
        one, other = await anext(left, None), await anext(right, None)
        while one is not None or other is not None:
            ours = one if one is not None and (other is None or one[0] <= other[0]) else None
            theirs = other if other is not None and (one is None or other[0] <= one[0]) else None
            if difference is None and (None if ours is None else ours[1]) != (None if theirs is None else theirs[1]):
                found = ours or theirs
                assert found is not None  # noqa: S101 - one side has a row
                difference = Difference(table, found[0], ours and ours[1], theirs and theirs[1])
            if ours is not None:
                digests[0].update(ours[1].encode() + b"\n")
                rows += 1
                one = await anext(left, None)
            if theirs is not None:
                digests[1].update(theirs[1].encode() + b"\n")
                other = await anext(right, None)
    return Compared(name, rows, digests[0].hexdigest(), digests[1].hexdigest(), difference)


async def _rows(name: str, table: str, side: Side, position: int) -> AsyncIterator[tuple[tuple[Any, ...], str]]:
    """Keys and texts of a build's rows, in the order of their keys, a page at a time: no transaction is long."""
    if table in PACKED:
        tally = PROJECTIONS.get(name)
        if isinstance(tally, Tally):  # others have none
            packed = _lines(tally, side, position) if table == "segments" else _snapshots(side, position)
            async for unpacked in packed:
                yield unpacked
        return
    key: tuple[Any, ...] = TABLES[table]
    while page := await side.connection.fetch(query("replay_check", table), side.build, position, *key, PAGE):
        for row in page:
            yield tuple(row)[:-1], row["row"]
        key = tuple(page[-1])[:-1]


async def _lines(tally: Tally, side: Side, position: int) -> AsyncIterator[tuple[tuple[Any, ...], str]]:
    """The lines of a ledger up to a position, each by its position and its number there."""
    at, number = 0, 0
    async for stretch in read_stretches(side.connection, side.build, position):
        own = (lines.bookings(lines.positions <= position) for _, lines in stretch)
        for b in merge(*own, key=lambda b: b.position):
            at, number = b.position, number + 1 if b.position == at else 0
            yield (at, number), _told(b)
        for told, lines in stretch:
            right = lines.positions[0], lines.positions[-1], latest_of(tally, lines)
            known = {UNKNOWN, days_of(tally, [lines])}, {None, earliest_of([lines])}
            if told[:3] != right or told[3:5] not in known[0] or told[5] not in known[1]:  # it would not be found
                number += 1
                yield (at, number), f"in a segment from {told[0]} to {told[1]}: {', '.join(map(str, told[2:]))}"


async def _snapshots(side: Side, position: int) -> AsyncIterator[tuple[tuple[Any, ...], str]]:
    """The totals of snapshots up to a position, each by its rollup and position, and in the order of what it is of."""
    for row in await side.connection.fetch(query("replay_check", "snapshots"), side.build, position):
        key, counted_by = (row["rollup"], row["position"]), row["counted_by"].isoformat()
        yield (*key, -1), f"after {row['after']}, {counted_by}"
        ((_, body),) = await side.connection.fetch(
            query("snapshots", "bodies"), side.build, row["rollup"], [row["position"]]
        )
        for number, text in enumerate(sorted(_told(b) for b in Lines(body).bookings())):
            yield (*key, number), text


def _told(b: Booking) -> str:
    return orjson.dumps(tuple(b)).decode()
