"""Who read what, kept for a limited time, and the digests of its days."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from incidentlog.events.values import local_date
from incidentlog.sqlfiles import query
from incidentlog.store.connect import Connection


@dataclass(frozen=True, slots=True)
class Entry:
    """One read: when, by which key, of what, with which outcome, on which basis and for which purpose."""

    at: datetime
    key_id: str
    route: str
    status: int
    basis: str | None = None
    purpose: str | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """An entry as it is kept, with its number and the day that it counts to."""

    number: int
    day: date
    entry: Entry


async def note_entries(connection: Connection, zone: str, entries: Sequence[Entry]) -> None:
    """Add entries to the days, in a zone, on which they were made."""
    await connection.execute(
        query("access", "note"),
        [local_date(e.at, zone) for e in entries],  # not by PostgreSQL: its zones may be of another year than ours
        [e.at for e in entries],
        [e.key_id for e in entries],
        [e.route for e in entries],
        [e.status for e in entries],
        [e.basis for e in entries],
        [e.purpose for e in entries],
    )


async def close_days(connection: Connection, before: date) -> None:
    """Let no day before this one get any more entries."""
    await connection.execute(query("access", "close"), before)


async def undigested_day(connection: Connection) -> date | None:
    """The first day that gets no more entries and has no digest yet."""
    day: date | None = await connection.fetchval(query("access", "undigested"))
    return day


async def entries_of(connection: Connection, day: date, after: int, limit: int) -> list[Kept]:
    """A day's entries after a number, in their order."""
    return [
        Kept(r[0], r[1], Entry(*r[2:])) for r in await connection.fetch(query("access", "of_day"), day, after, limit)
    ]


async def entries_after(connection: Connection, after: int, limit: int) -> list[Kept]:
    """Entries after a number, in their order."""
    return _kept(await connection.fetch(query("access", "after"), after, limit))


def _kept(rows: Iterable[Any]) -> list[Kept]:
    return [Kept(row[0], row[1], Entry(*row[2:])) for row in rows]


async def note_digest(connection: Connection, day: date, entries: int, sha256: bytes) -> None:
    """A day's digest is in the log: its entries may go."""
    await connection.execute(query("access", "digested"), day, entries, sha256)


async def drop_days(connection: Connection, before: date, limit: int) -> bool:
    """Remove some entries of the days before one whose digest is in the log; whether there may be more."""
    told = await connection.execute(query("access", "drop_days"), before, limit)
    return told == f"DELETE {limit}"
