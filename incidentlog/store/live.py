"""What following needs beside the answers as of a position: what counts only later, what ended, which event it was."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from functools import partial
from itertools import islice
from uuid import UUID

from incidentlog.folding.rows import Group, Grouping, Names
from incidentlog.folding.shapes import Booking
from incidentlog.folding.totalling import Part, Totalling, Window, work
from incidentlog.sqlfiles import query
from incidentlog.store.builds import Build
from incidentlog.store.carried import Carried
from incidentlog.store.connect import Connection, Pool
from incidentlog.store.read import read_unopened, seen
from incidentlog.store.segments import read_parts, tally_of
from incidentlog.turns import beside


async def read_booked(
    pool: Pool | Connection,
    build: Build,
    grouping: Grouping,
    *,
    clearance: int,
    after: int,
    upto: int,
    at: datetime,
    limit: int,
) -> tuple[list[Group], list[Booking]]:
    """What was booked between two positions (exclusive, inclusive), read once.

    The groups of what counts by an instant, as a grouping has them, and the bookings that count only later, of whatever
    group: at most `limit`.
    """
    now, later = Window(after, upto, clearance, at=at), Window(after, upto, clearance, later_than=at)
    sums, coming = Totalling(len(tally_of(build).measures)), list[Booking]()
    async for parts in read_parts(pool, build, Window(after, upto, clearance)):
        await beside(work(parts), partial(sums.take, [replace(part, window=now) for part in parts], grouping))
        coming += _bookings(parts, later, limit - len(coming))
    return await beside(sums.count, sums.groups), coming


async def read_coming(
    pool: Pool | Connection,
    build: Build,
    *,
    clearance: int,
    after: int,
    upto: int,
    later_than: datetime,
    until: datetime | None = None,
    limit: int,
) -> list[Booking]:
    """Bookings between two positions (exclusive, inclusive) that count only later than an instant, and by another.

    At most `limit`.
    """
    window = Window(after, upto, clearance, later_than=later_than, at=until)
    found: list[Booking] = []
    async for parts in read_parts(pool, build, window):
        found += _bookings(parts, window, limit - len(found))
        if len(found) == limit:
            break
    return found


def _bookings(parts: Iterable[Part], window: Window, limit: int) -> Iterator[Booking]:
    """The bookings of some lines that are in a window, at most so many."""
    return islice((b for part in parts for b in part.lines.bookings(window.choose(part.lines))), limit)


async def ended_documents(
    pool: Pool | Connection, build: Build, *, clearance: int, after: int, upto: int
) -> dict[str, int]:
    """The documents of which a version ended after a position and up to another: by key, where the last one did."""
    rows = await pool.fetch(query("live", "ended_documents"), build.build, clearance, after, upto)
    return {r["key"]: r["to_position"] for r in rows}


async def names_of(
    pool: Pool | Connection,
    build: Build,
    dimensions: Collection[str],
    values: Collection[str],
    *,
    clearance: int,
    upto: int,
) -> Names:
    """What some values are called, where they have a name."""
    rows = await pool.fetch(query("live", "names_of"), build.build, list(dimensions), list(values), clearance, upto)
    return {(r["dimension"], r["value"]): r["name"] for r in rows}


async def event_id_at(pool: Pool | Connection | Carried, position: int, clearance: int) -> UUID | None:
    """Which event is at a position; None where a clearance does not cover it: nobody is told of others (P5)."""
    if isinstance(pool, Carried):
        return pool.event_id_at(position, clearance)
    row = await pool.fetchrow(query("live", "event_at"), position)
    if row is None or not row["said"]:
        return row["event_id"] if row is not None and row["tlp"] <= clearance else None
    found = await seen(pool, await read_unopened(pool, positions=[position]), upto=position, clearance=clearance)
    return found.events[0].event_id if found.events else None
