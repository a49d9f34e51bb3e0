"""The log in the order in which things happened, a page at a time."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from incidentlog.events.recorded import Recorded
from incidentlog.sqlfiles import query
from incidentlog.store.connect import Connection, Pool
from incidentlog.store.pages import fetch_page
from incidentlog.store.read import read_unopened, recorded, seen


@dataclass(frozen=True, slots=True)
class Happened:
    """An event, and when it began in the world."""

    instant: datetime
    event: Recorded


async def read_occurred(
    pool: Pool | Connection, *, since: datetime, after: int, until: datetime, upto: int, limit: int
) -> tuple[list[Happened], bool]:
    """Events after (`since`, `after`) and before `until`, as first told, up to a position; of every marking.

    As many as fit into a page, at most `limit`; and whether more may follow.
    """
    rows, beyond = await fetch_page(pool, query("replay", "occurred"), since, after, until, upto, limit)
    events = await recorded(pool, [row[1:] for row in rows])
    found = [Happened(row[0], event) for row, event in zip(rows, events, strict=True)]
    return found, beyond is not None or len(found) == limit


async def occurred_at(pool: Pool | Connection, position: int, *, upto: int, clearance: int) -> datetime | None:
    """When the event at a position happened, as first told; None where a clearance covers none there as of `upto`."""
    found = await seen(pool, await read_unopened(pool, positions=[position]), upto=upto, clearance=clearance)
    if not found.events:
        return None
    instant: datetime = await pool.fetchval(query("replay", "occurred_at"), position)
    return instant


async def read_amended_times(pool: Pool | Connection, upto: int) -> list[UUID]:
    """The events of which amendments up to a position say when they happened, whether these count or not."""
    return [row["target"] for row in await pool.fetch(query("replay", "amended_times"), upto)]


async def read_at(pool: Pool | Connection, positions: Iterable[int]) -> list[Recorded]:
    """The events at some positions, in their order."""
    return await recorded(pool, await pool.fetch(query("replay", "at"), list(positions)))
