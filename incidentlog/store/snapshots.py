"""Snapshots of ledgers: what was known at any position is a snapshot and the lines since, not the sum of all lines."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import asyncpg

from incidentlog.events.values import Tlp
from incidentlog.folding.lines import Lines, pack_totals
from incidentlog.folding.rows import Grouping
from incidentlog.folding.shapes import Tally
from incidentlog.folding.totalling import Part, Totalling, Window
from incidentlog.sqlfiles import query
from incidentlog.store.builds import Build
from incidentlog.store.connect import Connection, Pool
from incidentlog.store.segments import REMEMBERED, Remembered, read_parts, remembering

EVERY: Final = 4_096
"""How many positions are between two snapshots: so many are summed line by line at most."""
MANY, SPARSE = 1_000, 4
"""A rollup of more totals than that has a snapshot only every fourth time: each of them is written again each time."""
TOTALS: Final = 10_000
"""A rollup of more totals than this has no more snapshots: they would not be much smaller than the ledger."""
ALL: Final = int(Tlp.RED)
READ: Final = remembering(4 * 2**20)
"""What was read lately to take snapshots, of which the next rollup reads the same: little, as the log goes on."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The totals of a rollup at a position, of what counted by an instant."""

    rollup: int
    position: int
    counted_by: datetime
    totals: Lines
    """Lines whose dimensions are the rollup's."""


def rollup_of(tally: Tally, grouping: Grouping) -> int | None:
    """The first of a tally's rollups that has every dimension that is asked for; None where none has."""
    calendar = (tally.dimensions[n] for n in grouping.calendar(tally.dimensions))
    asked = {*grouping.by, *grouping.where, *calendar}
    return next((n for n, dimensions in enumerate(tally.rollups) if asked <= set(dimensions)), None)


async def find_snapshot(
    pool: Pool | Connection, tally: Tally, build: Build, grouping: Grouping, *, upto: int, at: datetime
) -> Snapshot | None:
    """The newest snapshot that an answer as of a position and an instant can begin with."""
    rollup = rollup_of(tally, grouping)
    if rollup is None or upto < EVERY:
        return None
    row = await pool.fetchrow(query("snapshots", "newest"), build.build, rollup, upto, at)
    return None if row is None else await _snapshot(pool, build, rollup, row, REMEMBERED)


async def _snapshot(
    pool: Pool | Connection, build: Build, rollup: int, row: asyncpg.Record, remembered: Remembered
) -> Snapshot | None:
    """A snapshot with its totals; None where it is gone by now."""
    position, uid = row["position"], row["uid"]
    if (held := remembered.get(uid)) is None:
        body: bytes | None = await pool.fetchval(query("snapshots", "body"), build.build, rollup, position)
        if body is None:
            return None
        held = remembered.put(uid, (build.build, 0, Lines(body)))
    return Snapshot(rollup, position, row["counted_by"], held[2])


async def take_snapshots(connection: Connection, tally: Tally, build: Build, upto: int) -> bool:
    """Take the next snapshot that a build is due up to a position, of one rollup; whether there was one.

    They follow from what is booked, and a later one from the one before. Raises UniqueViolationError, and takes none,
    when another does it at the same time.
    """
    if not tally.rollups or upto < EVERY:
        return False
    last = {r["rollup"]: r for r in await connection.fetch(query("snapshots", "last"), build.build)}
    for rollup in range(len(tally.rollups)):
        row = last.get(rollup)
        begun, totals = (0, 0) if row is None else (row["position"], row["totals"])
        position = begun + EVERY * (SPARSE if totals > MANY else 1)
        if position <= upto and totals <= TOTALS:
            before = None if row is None else await _snapshot(connection, build, rollup, row, READ)
            await _take(connection, tally, build, rollup, before, position)
            return True
    return False


async def _take(
    connection: Connection, tally: Tally, build: Build, rollup: int, before: Snapshot | None, position: int
) -> None:
    """A snapshot of a rollup, from the one before it, or from nothing, and what was booked since, or counts since."""
    counted_by: datetime = await connection.fetchval(query("snapshots", "recorded_at"), position)
    grouping = Grouping(tally.rollups[rollup])
    sums, windows = Totalling(len(tally.measures), by_level=True), [Window(0, position, ALL, at=counted_by)]
    if before is not None:
        begun = before.position
        sums.take([Part(before.totals, Window(0, begun, ALL), grouping.by)], grouping)
        windows = [
            Window(0, begun, ALL, later_than=before.counted_by, at=counted_by),
            Window(begun, position, ALL, at=counted_by),
        ]
    for window in windows:
        async for parts in read_parts(connection, build, window, READ):
            sums.take(parts, grouping)
    found = sums.totals()
    body = pack_totals(found, len(grouping.by), len(tally.measures))
    await connection.execute(query("snapshots", "put"), build.build, rollup, position, counted_by, len(found), body)
