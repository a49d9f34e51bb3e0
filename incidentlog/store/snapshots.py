"""Snapshots of ledgers: what was known at any position is a snapshot and the lines since, not the sum of all lines."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from incidentlog.folding.rows import Grouping
from incidentlog.folding.shapes import Booking, Tally
from incidentlog.sqlfiles import query
from incidentlog.store.builds import Build
from incidentlog.store.connect import Connection, Pool
from incidentlog.store.derive import read_booking

EVERY: Final = 4_096
"""How many positions are between two snapshots: so many are summed line by line at most."""
MANY, SPARSE = 1_000, 4
"""A rollup of more totals than that has a snapshot only every fourth time: each of them is written again each time."""
TOTALS: Final = 10_000
"""A rollup of more totals than this has no more snapshots: they would not be much smaller than the ledger."""
LATE: Final = 20_000
"""The most bookings of the past that count only since a snapshot; with more it is of no use."""
BEGINNING: Final = datetime.fromisoformat("1900-01-01T00:00:00+00:00")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The totals of a rollup at a position, of what counted by an instant."""

    rollup: int
    position: int
    counted_by: datetime


def rollup_of(tally: Tally, grouping: Grouping) -> int | None:
    """The first of a tally's rollups that has every dimension that is asked for; None where none has."""
    asked = {*grouping.by, *grouping.where, *(["day"] if grouping.since or grouping.until else [])}
    return next((n for n, dimensions in enumerate(tally.rollups) if asked <= set(dimensions)), None)


async def find_snapshot(
    pool: Pool | Connection, build: Build, rollup: int, *, upto: int, at: datetime
) -> Snapshot | None:
    """The newest snapshot that an answer as of a position and an instant can begin with."""
    if upto < EVERY:
        return None
    row = await pool.fetchrow(query("snapshots", "newest"), build.build, rollup, upto, at)
    return None if row is None else Snapshot(rollup, *row)


async def read_late(
    pool: Pool | Connection, build: Build, snapshot: Snapshot, *, clearance: int, at: datetime
) -> list[Booking] | None:
    """What was booked before a snapshot and counts only since; None where that is too much."""
    rows = await pool.fetch(
        query("snapshots", "late"), build.build, clearance, snapshot.position, snapshot.counted_by, at, LATE + 1
    )
    if len(rows) > LATE:
        return None
    return [read_booking(r) for r in rows]


async def read_totals(
    pool: Pool | Connection, build: Build, snapshot: Snapshot, clearance: int, asked: Sequence[Any]
) -> list[Any]:
    """The sums of a snapshot; `asked` numbers the rollup's dimensions."""
    return list(
        await pool.fetch(
            query("snapshots", "totals"), build.build, snapshot.rollup, snapshot.position, clearance, *asked
        )
    )


async def take_snapshots(connection: Connection, tally: Tally, build: Build) -> bool:
    """Take the next snapshot that a build is due, of one rollup; whether there was one.

    Each is a statement of its own: they follow from what is booked, and a later one from the one before. Raises
    UniqueViolationError, and takes none, when another does it at the same time.
    """
    if not tally.rollups or build.position < EVERY:
        return False
    last = {r["rollup"]: r for r in await connection.fetch(query("snapshots", "last"), build.build)}
    for rollup, dimensions in enumerate(tally.rollups):
        before = last.get(rollup)
        position = 0 if before is None else before["position"]
        totals = 0 if before is None else before["totals"]
        following = position + EVERY * (SPARSE if totals > MANY else 1)
        if following > build.position or totals > TOTALS:
            continue
        numbers = [tally.dimensions.index(d) + 1 for d in dimensions]
        counted_by = await connection.fetchval(query("snapshots", "recorded_at"), following)
        await connection.execute(
            query("snapshots", "take"),
            build.build,
            rollup,
            numbers,
            position,
            BEGINNING if before is None else before["counted_by"],
            following,
            counted_by,
        )
        return True
    return False
