"""Reading the log: pages in position order, streams, single events, and which position an instant means."""

import asyncio
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from incidentlog.projections.local_days import INSTANT
from incidentlog.sqlfiles import query
from incidentlog.store.connect import Connection, Pool
from incidentlog.store.pages import fetch_page
from incidentlog.store.zones import first_zone_data, learn_zone_data
from incidentlog.subjects.fold import statuses
from incidentlog.subjects.recorded import Recorded
from incidentlog.subjects.subject import Status
from incidentlog.zones import by

STRETCH: Final = 20_000
"""How much of the log one filtered read looks through before it answers with where it got."""


@dataclass(frozen=True, slots=True)
class LogIdentity:
    """Which log this is. The epoch changes when positions may mean something else: on a fork, or an erasure."""

    id: UUID
    zone: str
    fork: int
    generation: int
    zone_data: str | None = None
    """The zone data that hold for what is appended, and asked, now; None are those of the locked package."""

    @property
    def calendar(self) -> str:
        """The log's zone by the zone data that hold now: what dates in questions are meant in."""
        return by(self.zone, self.zone_data)

    @property
    def epoch(self) -> str:
        """Log id, fork and generation as one word."""
        return f"{self.id}.{self.fork}.{self.generation}"


@dataclass(frozen=True, slots=True)
class Head:
    """The last position, and when it was recorded; 0 and None in an empty log."""

    position: int
    recorded_at: datetime | None


@dataclass(frozen=True, slots=True)
class EventFilter:
    """What `GET /v1/events` and the raw feed narrow by; several values of one kind mean any of them.

    All go by what an event said when it was sent: an amendment is an event of its own.
    """

    types: tuple[str, ...] = ()
    streams: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    admin1s: tuple[str, ...] = ()
    """As `UA.17`: country and code, as GeoNames writes it (`UA-17` would be ISO 3166-2, which counts otherwise)."""
    countries: tuple[str, ...] = ()
    actors: tuple[str, ...] = ()
    verifications: tuple[str, ...] = ()
    since: datetime | None = None
    """Occurred at or after, or still going on then."""
    until: datetime | None = None
    """Began before; exclusive."""
    recorded_since: datetime | None = None
    bbox: tuple[float, float, float, float] | None = None
    """West, south, east, north; west > east crosses the antimeridian (RFC 7946 §5.2)."""


async def read_log(pool: Pool | Connection) -> LogIdentity:
    """Which log this is; all zone data that it goes by are known from then on."""
    row = await pool.fetchrow(query("read", "log"))
    assert row is not None  # noqa: S101 - made by the migration
    await learn_zone_data(pool, row["zone_data"])
    return LogIdentity(row["id"], row["zone"], row["fork"], row["generation"], next(reversed(row["zone_data"]), None))


async def read_head(pool: Pool | Connection) -> Head:
    """The head of the log."""
    row = await pool.fetchrow(query("read", "head"))
    return Head(0, None) if row is None else Head(*row)


async def position_at(pool: Pool | Connection, instant: datetime) -> int:
    """The last position that was recorded by an instant; 0 before the first."""
    position: int | None = await pool.fetchval(query("read", "position_at"), instant)
    return position or 0


async def read_after(connection: Pool | Connection, after: int, limit: int) -> list[Recorded]:
    """The next events after a position, in position order; dense, whatever commits meanwhile."""
    return await recorded(connection, await connection.fetch(query("read", "after"), after, limit))


async def read_streams(connection: Pool | Connection, streams: Iterable[str], upto: int) -> list[Recorded]:
    """All events of some streams up to a position, in position order."""
    return await recorded(connection, await connection.fetch(query("read", "of_streams"), list(streams), upto))


async def read_stream(
    pool: Pool | Connection, stream: str, *, after_version: int, upto: int, clearance: int, limit: int
) -> tuple[list[Recorded], bool]:
    """One stream's events, oldest first, from just after a stream version, as many as fit into a page; more or not."""
    rows, beyond = await fetch_page(pool, query("read", "stream"), stream, after_version, upto, clearance, limit)
    return await recorded(pool, rows), beyond is not None or len(rows) == limit


async def read_ids(pool: Pool | Connection, ids: Iterable[UUID]) -> list[Recorded]:
    """Events by their ids, in position order; ids that are not there are left out."""
    return await recorded(pool, await pool.fetch(query("read", "by_ids"), list(ids)))


async def read_record_events(
    pool: Pool | Connection, streams: Iterable[str], upto: int, clearance: int
) -> list[Recorded]:
    """What was said about the records of some streams: what decides whether their events count."""
    return await recorded(pool, await pool.fetch(query("read", "record_events"), list(streams), upto, clearance))


async def statuses_of(events: Collection[Recorded], about: Iterable[Recorded]) -> Mapping[UUID, Status]:
    """Which of some events count, by what was said about the records of their streams; all do that are not named.

    They are folded in a thread: a chain of corrections holds up nobody.
    """
    involved = {e.position: e for e in about}
    if not involved:
        return {}
    involved |= {e.position: e for e in events}
    return await asyncio.to_thread(lambda: statuses(involved[position] for position in sorted(involved)))


async def existing_streams(pool: Pool | Connection, streams: Iterable[str], clearance: int) -> dict[str, int]:
    """Which of these streams have an event that a clearance covers, with the lowest marking of their events."""
    return {r[0]: r[1] for r in await pool.fetch(query("read", "existing_streams"), list(streams), clearance)}


async def version_of(pool: Pool | Connection, stream: str) -> int:
    """A stream's version: the number of its events; 0 when it is new."""
    version: int = await pool.fetchval(query("read", "version_of"), stream)
    return version


async def search_events(
    pool: Pool | Connection, wanted: EventFilter, *, after: int, upto: int, clearance: int, limit: int
) -> tuple[list[Recorded], int]:
    """Events that pass a filter, and the position up to which the log was looked through.

    At most `limit` events that fit into a page and, unless streams are named, `STRETCH` positions at a time: the caller
    goes on after the position answered.
    """
    name, reach = "search", min(upto, after + STRETCH)
    if reach < upto and wanted.recorded_since is not None:
        after = max(after, min(upto, await position_at(pool, wanted.recorded_since - INSTANT)))
        reach = min(upto, after + STRETCH)
    if reach < upto and wanted.streams:
        name, reach = "search_streams", upto
    rows, beyond = await fetch_page(
        pool,
        query("read", name),
        after,
        reach,
        limit,
        clearance,
        *(
            list(values) or None
            for values in (
                wanted.types, wanted.streams, wanted.categories, wanted.places, wanted.admin1s, wanted.countries,
                wanted.actors, wanted.verifications,
            )
        ),
        wanted.since,
        wanted.until,
        wanted.recorded_since,
        *(wanted.bbox or (None,) * 4),
    )  # fmt: skip
    events = await recorded(pool, rows)
    return events, events[-1].position if beyond is not None or len(events) == limit else reach


async def read_reported(
    pool: Pool | Connection, *, upto: int, reported_by: datetime, clearance: int, limit: int, octets: int
) -> tuple[list[Recorded], bool]:
    """Events up to a position that a source had reported by an instant, in position order; whether these are all.

    At most `limit`, of so many octets.
    """
    sql = query("read", "reported_by")
    rows, beyond = await fetch_page(pool, sql, upto, reported_by, clearance, limit + 1, octets=octets)
    return await recorded(pool, rows[:limit]), beyond is None and len(rows) <= limit


async def read_reported_of(
    pool: Pool | Connection, streams: Iterable[str], *, upto: int, reported_by: datetime, limit: int, octets: int
) -> tuple[list[Recorded], bool]:
    """Events of some streams, of any marking, likewise."""
    sql = query("read", "reported_of")
    rows, beyond = await fetch_page(pool, sql, list(streams), upto, reported_by, limit + 1, octets=octets)
    return await recorded(pool, rows[:limit]), beyond is None and len(rows) <= limit


async def read_categories(pool: Pool | Connection, categories: Iterable[str]) -> list[Recorded]:
    """All events of some categories, in position order; for those of which there are few."""
    return await recorded(pool, await pool.fetch(query("read", "of_categories"), sorted(categories)))


async def recorded(pool: Pool | Connection, rows: Iterable[Iterable[Any]]) -> list[Recorded]:
    """Rows as events, once the zone data by which their dates are meant are known here.

    What was appended before events named them is read by the first that the log had: the same on every machine.
    """
    events = [Recorded(*row) for row in rows]
    if older := [e for e in events if e.zone_data is None]:
        first = await first_zone_data(pool)
        for event in older:
            event.zone_data = first
    await learn_zone_data(pool, {e.zone_data for e in events})
    return events
