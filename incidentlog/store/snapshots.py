"""Snapshots of ledgers: what was known at any position is a few of them and the lines since, not the sum of all lines.

One is taken every EVERY positions, and holds what was booked since the one before it. Every FAN-th also holds what the
FAN - 1 before it hold, every FAN-th of these likewise, and so on. What was known at a position is the newest one, the
one that this is added to, and so on back to the beginning: at most FAN - 1 of each size. What was booked is so written
once for each size, and not with every snapshot: a rollup may have many totals.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import asyncpg

from incidentlog.events.values import Tlp
from incidentlog.folding.lines import Lines
from incidentlog.folding.rows import Grouping
from incidentlog.folding.shapes import Tally
from incidentlog.folding.totalling import Part, Totalling, Window
from incidentlog.sqlfiles import query
from incidentlog.store.builds import Build
from incidentlog.store.connect import Connection, Pool
from incidentlog.store.segments import REMEMBERED, Remembered, read_parts, remembering
from incidentlog.turns import Turns

EVERY: Final = 4_096
"""How many positions are between two snapshots: so many are summed line by line at most."""
FAN: Final = 4
"""Of how many snapshots one is made: more are written less often, and are more to be read."""
ALL: Final = int(Tlp.RED)
READ: Final = remembering(4 * 2**20)
"""What was read lately to take snapshots, of which the next rollup reads the same: little, as the log goes on."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The totals of a rollup at a position, of what counted by an instant."""

    position: int
    counted_by: datetime
    parts: Sequence[Part]
    """They add up to it; their dimensions are the rollup's."""


def rollup_of(tally: Tally, grouping: Grouping) -> tuple[str, ...] | None:
    """The first of a tally's rollups that has every dimension that is asked for; None where none has."""
    calendar = (tally.dimensions[n] for n in grouping.calendar(tally.dimensions))
    asked = {*grouping.by, *grouping.where, *calendar}
    return next((dimensions for dimensions in tally.rollups if asked <= set(dimensions)), None)


async def find_snapshot(
    pool: Pool | Connection, tally: Tally, build: Build, grouping: Grouping, *, upto: int, clearance: int, at: datetime
) -> Snapshot | None:
    """The newest snapshot that an answer as of a position and an instant can begin with, as a clearance sees it."""
    rollup = rollup_of(tally, grouping)
    if rollup is None or upto < EVERY:
        return None
    rows = await pool.fetch(query("snapshots", "chain"), build.build, _name(rollup), upto, 0, at)
    totals = await _totals(pool, build, rollup, rows, REMEMBERED)
    if totals is None or not rows or rows[-1]["after"] > 0:
        return None
    newest = rows[0]
    window = Window(0, newest["position"], clearance)
    parts = [Part(lines, window, rollup, row["uid"]) for row, lines in zip(rows, totals, strict=True)]
    return Snapshot(newest["position"], newest["counted_by"], parts)


def _name(rollup: Iterable[str]) -> str:
    """What a rollup is called where its snapshots are stored."""
    return ",".join(rollup)


async def _totals(
    pool: Pool | Connection,
    build: Build,
    rollup: Iterable[str],
    rows: Sequence[asyncpg.Record],
    remembered: Remembered,
) -> list[Lines] | None:
    """The totals of some snapshots; None where one is gone by now."""
    known = {row["uid"]: held for row in rows if (held := remembered.get(row["uid"])) is not None}
    if missing := [row["position"] for row in rows if row["uid"] not in known]:
        turns = Turns()
        for uid, body in await pool.fetch(query("snapshots", "bodies"), build.build, _name(rollup), missing):
            lines = Lines(body)
            known[uid] = remembered.put(uid, (build.build, 0, lines))
            await turns.spend(lines.weight)
    return [known[row["uid"]][2] for row in rows] if all(row["uid"] in known for row in rows) else None


async def take_snapshots(connection: Connection, tally: Tally, build: Build, upto: int) -> bool:
    """Take the next snapshot that a build is due up to a position, of one rollup; whether there was one.

    They follow from what is booked, and a later one from those before. Those of rollups that the tally has no more go.
    Raises UniqueViolationError, and takes none, when another does it at the same time.
    """
    if not tally.rollups or upto < EVERY:
        return False
    last = {r["rollup"]: r["position"] for r in await connection.fetch(query("snapshots", "last"), build.build)}
    for name in last.keys() - map(_name, tally.rollups):
        await connection.execute(query("snapshots", "drop"), build.build, name)
    for rollup in tally.rollups:
        position = last.get(_name(rollup), 0) + EVERY
        if position <= upto:
            return await _take(connection, tally, build, rollup, position)
    return False


def _begin(position: int) -> int:
    """The position of the snapshot that the one at a position is added to; 0 for none."""
    number, taken_in = position // EVERY, 1
    while number % (taken_in * FAN) == 0:
        taken_in *= FAN
    return position - taken_in * EVERY


async def _take(connection: Connection, tally: Tally, build: Build, rollup: tuple[str, ...], position: int) -> bool:
    """A snapshot of a rollup: those that it takes in, and what was booked since the one before, or counts since.

    False where the build was dropped meanwhile.
    """
    counted_by: datetime = await connection.fetchval(query("snapshots", "recorded_at"), position)
    begun, after, grouping = position - EVERY, _begin(position), Grouping(rollup)
    sums, windows = Totalling(len(tally.measures), by_level=True), [Window(begun, position, ALL, at=counted_by)]
    if begun:
        before: datetime = await connection.fetchval(query("snapshots", "recorded_at"), begun)
        windows.append(Window(0, begun, ALL, later_than=before, at=counted_by))
    rows = await connection.fetch(query("snapshots", "chain"), build.build, _name(rollup), begun, after, None)
    totals = await _totals(connection, build, rollup, rows, READ)
    assert totals is not None  # noqa: S101 - only what does not answer is deleted
    sums.take([Part(lines, Window(0, begun, ALL), rollup) for lines in totals], grouping)
    for window in windows:
        async for parts in read_parts(connection, build, window, READ):
            sums.take(parts, grouping)
    body = sums.packed(len(rollup))
    put = await connection.fetchval(
        query("snapshots", "put"), build.build, _name(rollup), after, position, counted_by, body
    )
    return put is not None
