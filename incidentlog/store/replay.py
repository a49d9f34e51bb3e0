"""The log in the order in which things happened, a page at a time."""

from dataclasses import dataclass
from datetime import datetime

from incidentlog.sqlfiles import query
from incidentlog.store.connect import Connection, Pool
from incidentlog.subjects.recorded import Recorded


@dataclass(frozen=True, slots=True)
class Happened:
    """An event, and when it began in the world."""

    instant: datetime
    event: Recorded


async def read_occurred(
    pool: Pool | Connection, *, since: datetime, after: int, until: datetime, upto: int, limit: int
) -> list[Happened]:
    """Events after (`since`, `after`) and before `until`, of those up to a position; of every marking."""
    rows = await pool.fetch(query("replay", "occurred"), since, after, until, upto, limit)
    return [Happened(row[0], Recorded(*row[1:])) for row in rows]


async def occurred_at(pool: Pool | Connection, position: int) -> datetime | None:
    """When the event at a position happened; None where there is none."""
    instant: datetime | None = await pool.fetchval(query("replay", "occurred_at"), position)
    return instant
