"""Ledgers as they are stored: segments of packed lines, which never change, and are merged as they come to lie behind.

A batch writes a segment for each build. Were that all, a ledger that grows line by line would have one for each: so
from RUN loose ones on they are made one, and all of a STRETCH of positions once the checkpoint is past it. Segments
never lie across the end of a stretch. Within one they may overlap, where several runners share the streams: all of a
stretch is read at once, and its lines are in the order of their positions once it is merged.
"""

import sys
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from itertools import groupby
from typing import Any, Final, NamedTuple, TypeAlias
from uuid import UUID

from incidentlog.folding.lines import Lines, merge, pack
from incidentlog.folding.rolling import days, days_of, earliest, earliest_of, latest, rolled
from incidentlog.folding.shapes import Booking, Tally
from incidentlog.folding.totalling import Part, Summed, Window
from incidentlog.projections import PROJECTIONS
from incidentlog.recent import Recent
from incidentlog.sqlfiles import query
from incidentlog.store.builds import Build
from incidentlog.store.connect import Connection, Pool
from incidentlog.turns import Turns

STRETCH: Final = 4_096
"""So many positions are in one segment at last."""
RUN: Final = 64
"""So many loose segments are made one before their stretch is full."""
REMEMBERED_BYTES: Final = 64 * 2**20
"""About how many bytes of unpacked lines a process keeps."""
PAGE: Final = 16
"""So many segments are read at a time, and what else is in the stretch of the last one."""


Told: TypeAlias = tuple[int, int, datetime, date | None, date | None, datetime | None]
"""What the row of a segment says of its lines: the first and the last position, the latest instant, the days, and the
earliest instant."""
Period: TypeAlias = tuple[date, date]
"""Its first and its last day."""
Remembered: TypeAlias = Recent[UUID, tuple[int, int, Lines]]
"""Segments and snapshots that were read lately: of what build each is, where it ends, and its lines.

What is stored under a uid never changes. Logs may share a build's number, and no uid.
"""


def remembering(room: int) -> Remembered:
    """What remembers about so many bytes of unpacked lines."""
    return Recent(room, lambda _, held: held[2].weight)


REMEMBERED: Final = remembering(REMEMBERED_BYTES)


async def read_parts(
    pool: Pool | Connection,
    build: Build,
    window: Window,
    remembered: Remembered = REMEMBERED,
    periods: Sequence[Period] = (),
) -> AsyncIterator[list[Part]]:
    """The lines in a window as they are read, some stretches at a time.

    `periods`: where no other lines are wanted than those of their days; there may be others.
    Segments that are merged meanwhile are the same lines, and of the same stretch. Those of a stretch may overlap.
    """
    async for found in read_sums(pool, build, window, {}, remembered, periods):
        yield [part for part in found if isinstance(part, Part)]


async def read_sums(
    pool: Pool | Connection,
    build: Build,
    window: Window,
    summed: Mapping[UUID, Summed],
    remembered: Remembered = REMEMBERED,
    periods: Sequence[Period] = (),
) -> AsyncIterator[list[Part | Summed]]:
    """The same, with the sums of segments that need not be read, by their uids, in the place of their lines."""
    turns, tally = Turns(), tally_of(build)
    since, until = [first for first, _ in periods], [last for _, last in periods]
    while True:
        held = [(uid, last, lines) for uid, (own, last, lines) in remembered.items() if own == build.build]
        known = {uid: (last, lines) for uid, last, lines in held if last > window.after}
        spared = {uid: last for uid, (last, _) in known.items()} | {uid: own.extent.last for uid, own in summed.items()}
        rows = await pool.fetch(
            query("segments", "read"), build.build, window.after, window.upto, window.later_than,
            list(spared), list(spared.values()), PAGE, STRETCH, since, until, window.at,
        )  # fmt: skip
        found = list[Part | Summed]()
        for uid, last, body in rows:
            if uid in summed:
                found.append(summed[uid])
                continue
            if body is None:
                lines = known[uid][1]
            else:
                lines = rolled(tally, Lines(body))
                await turns.spend(lines.weight)
            remembered.put(uid, (build.build, last, lines))
            found.append(Part(lines, window, tally.dimensions, uid))
        if found:
            yield found
        if len(rows) < PAGE:
            return
        window = replace(window, after=_end_of(rows[-1]["last_position"]))


def _end_of(position: int) -> int:
    """The last position of the stretch in which one is."""
    return -(-position // STRETCH) * STRETCH


async def read_pages(pool: Pool | Connection, build: int, upto: int) -> AsyncIterator[Lines]:
    """All segments of a build with lines up to a position, one after the other."""
    async for stretch in read_stretches(pool, build, upto):
        for _, lines in stretch:
            yield lines


async def read_stretches(pool: Pool | Connection, build: int, upto: int) -> AsyncIterator[list[tuple[Told, Lines]]]:
    """The same by stretch, each segment with what its row says."""
    after = 0
    while rows := await pool.fetch(query("segments", "page"), build, upto, after, STRETCH):
        yield [(tuple(row)[:-1], Lines(row["body"])) for row in rows]
        after = _end_of(rows[-1]["last_position"])


async def last_booked(pool: Pool | Connection, build: int, *, clearance: int, after: int, upto: int) -> int | None:
    """The last position between two at which something was booked that a clearance sees."""
    begin, before = after, sys.maxsize
    while (row := await pool.fetchrow(query("segments", "newest"), build, begin, upto, before)) is not None:
        lines = Lines(row["body"])
        seen = lines.positions[(lines.positions > begin) & (lines.positions <= upto) & (lines.levels <= clearance)]
        if len(seen):
            begin = int(seen.max())  # others that overlap may have a later one
        before = row["last_position"]
    return begin if begin > after else None


def tally_of(build: Build) -> Tally:
    """The tally whose ledger a build has."""
    tally = PROJECTIONS[build.projection]
    assert isinstance(tally, Tally), tally  # noqa: S101 - others have no lines
    return tally


def packed(build: Build, bookings: Sequence[Booking]) -> Iterator[tuple[Any, ...]]:
    """The rows of some bookings of one build, by position: the build, what is told of each, and its lines."""
    for _, own in groupby(bookings, lambda b: (b.position - 1) // STRETCH):
        lines = list(own)
        tally = tally_of(build)
        told = lines[0].position, lines[-1].position, latest(tally, lines), *days(tally, lines), earliest(lines)
        yield build.build, *told, pack(lines)


def may_merge(written: int, after: int, upto: int) -> bool:
    """Whether there may be something to merge: after so many batches, of which the last went between two positions."""
    return written >= RUN or after // STRETCH < upto // STRETCH


def keeping_pace(events: int, builds: int) -> int:
    """How many merges after a batch of so many events are as many as stretches are filled; one at least."""
    return 1 + events * builds // STRETCH


class Loose(NamedTuple):
    """Segments of a build that are to be made one: of a stretch of positions what is not merged yet, or all."""

    build: Build
    ends: int
    """The last position of the stretch."""
    full: bool
    """Whether the stretch lies before the checkpoint."""


async def read_loose(connection: Connection, builds: Iterable[Build], position: int) -> list[Loose]:
    """What is to be merged: where there is enough that is loose, or its stretch lies before the checkpoint."""
    known = {build.build: build for build in builds}
    rows = await connection.fetch(query("segments", "loose"), list(known), STRETCH)
    found = [(Loose(known[build], ends, ends <= position), count) for build, ends, count in rows]
    return [loose for loose, count in found if loose.full or count >= RUN]


async def merge_segments(connection: Connection, loose: Loose) -> None:
    """Make one of them, in a transaction of its own: nothing that is read changes by it."""
    build, ends, full = loose
    async with connection.transaction():
        taken = await connection.fetch(query("segments", "take"), build.build, ends - STRETCH, ends, full)
        if not taken:  # another node did it
            return
        rows = sorted(taken, key=lambda row: row["first_position"])
        parts = [Lines(row["body"]) for row in rows]
        first, last = rows[0]["first_position"], max(row["last_position"] for row in rows)
        counts = max(row["latest"] for row in rows)
        body = rows[0]["body"] if len(rows) == 1 else merge(parts)
        told = first, last, counts, *days_of(tally_of(build), parts), earliest_of(parts)
        await connection.execute(query("segments", "put"), build.build, *told, body)
