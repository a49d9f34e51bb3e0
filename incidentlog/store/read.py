"""Reading the log: pages in position order, streams, single events, and which position an instant means.

What readers are told of events comes from here, and by one rule, `seen`: an event is there for whoever its marking
covers, as it is at the head, whatever position is asked about.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import accumulate, islice
from typing import Any, Final, NamedTuple
from uuid import UUID

import asyncpg

from incidentlog.errors import Tampered
from incidentlog.events.recorded import Recorded
from incidentlog.events.values import MAX_INT
from incidentlog.folding.fold import RED, lowest, markings, merged_streams, spoken_of, statuses
from incidentlog.folding.partitions import Share
from incidentlog.folding.subject import Status
from incidentlog.sqlfiles import query
from incidentlog.store.connect import Connection, Pool
from incidentlog.store.pages import PAGE_OCTETS, fetch_page
from incidentlog.store.zones import first_zone_data, learn_zone_data
from incidentlog.subjects import EVENTS
from incidentlog.turns import beside
from incidentlog.zones import by

BATCH_OCTETS: Final = 4 * 2**20
"""How much text of the log is read for one batch of the projections."""
AT_ONCE: Final = 1_000
"""How many rows are made events between two turns of the loop."""
REFILL: Final = 200
"""The least events that are read to fill up a page of which some were not to be seen."""


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


async def read_log(pool: Pool | Connection) -> LogIdentity:
    """Which log this is; all zone data that it goes by are known from then on.

    Raises Tampered where the row is gone that the migration made.
    """
    row = await pool.fetchrow(query("read", "log"))
    if row is None:
        raise Tampered("the row of the database is gone that says which log this is")
    await learn_zone_data(pool, row["zone_data"])
    return LogIdentity(row["id"], row["zone"], row["fork"], row["generation"], next(reversed(row["zone_data"]), None))


async def read_head(pool: Pool | Connection) -> Head:
    """The head of the log."""
    row = await pool.fetchrow(query("read", "head"))
    return Head(0, None) if row is None else Head(*row)


class Following(NamedTuple):
    """What follows a position of the log."""

    events: int
    type: str | None
    """Of the next event; None where none follows."""


async def read_following(connection: Pool | Connection, position: int) -> Following:
    """How many events follow a position, and of what type the next one is."""
    row = await connection.fetchrow(query("read", "following"), position)
    return Following(0, None) if row is None else Following(*row)


async def position_at(pool: Pool | Connection, instant: datetime) -> int:
    """The last position that was recorded by an instant; 0 before the first."""
    position: int | None = await pool.fetchval(query("read", "position_at"), instant)
    return position or 0


async def read_after(connection: Pool | Connection, after: int, limit: int) -> list[Recorded]:
    """The next events after a position, in position order; dense, whatever commits meanwhile."""
    return await recorded(connection, await connection.fetch(query("read", "after"), after, limit))


@dataclass(frozen=True, slots=True)
class Section:
    """What of the log follows a position: as far as it was read, and what of it concerns whoever reads."""

    after: int
    upto: int
    """The last position of it; `after` where nothing follows."""
    count: int
    """How many events are there: as many as positions, or the log has a hole."""
    events: Sequence[Recorded]
    """Those that concern the reader, in position order."""

    def __len__(self) -> int:
        """How many positions it has."""
        return self.upto - self.after

    def before(self, position: int) -> "Section":
        """What of it is before a position in it."""
        gone = self.upto + 1 - position
        return Section(self.after, position - 1, self.count - gone, [e for e in self.events if e.position < position])


async def read_batch(connection: Pool | Connection, after: int, limit: int) -> Section:
    """The next events after a position: at most `limit`, and no more than BATCH_OCTETS of text; at least one.

    None where there is none.
    """
    events = await recorded(connection, await connection.fetch(query("read", "batch"), after, limit, BATCH_OCTETS))
    return Section(after, events[-1].position if events else after, len(events), events)


async def read_shared_batch(
    connection: Pool | Connection, after: int, limit: int, share: Share, categories: Collection[str]
) -> Section:
    """The same for who has a share of the streams: events of these, or of some categories, and every merge."""
    rows = await connection.fetch(
        query("read", "shared_batch"), after, limit, BATCH_OCTETS, share.count, list(share.own), list(share.adopted),
        list(share.lent), list(categories),
    )  # fmt: skip
    if not rows:
        return Section(after, after, 0, ())
    *_, last = rows
    wanted = [tuple(row)[:-2] for row in rows if row["wanted"]]
    return Section(after, last["position"], last["number"], await recorded(connection, wanted))


async def read_streams(connection: Pool | Connection, streams: Iterable[str], upto: int) -> list[Recorded]:
    """All events of some streams up to a position, in position order."""
    return await recorded(connection, await connection.fetch(query("read", "of_streams"), list(streams), upto))


@dataclass(slots=True)
class Seen:
    """Events that a clearance covers, and what is said of the records of their streams, as far as it covers that."""

    events: list[Recorded] = field(default_factory=list)
    said: dict[int, Recorded] = field(default_factory=dict)
    """By the position; up to that of which is asked."""
    marks: dict[UUID, int] = field(default_factory=dict)
    """The markings of those that are not marked as they were sent, or of which something is said: see `mark_of`."""

    def mark_of(self, e: Recorded) -> int:
        """The marking of one of the events at the head, or what it was where that is asked about and was higher."""
        return self.marks.get(e.event_id, e.tlp)

    @property
    def involved(self) -> list[Recorded]:
        """All of them, in position order."""
        return _in_order(self.said, {e.position: e for e in self.events})

    async def with_statuses(self) -> list[tuple[Recorded, Status]]:
        """Each event, and whether it counts. A chain of corrections is folded in a thread, and holds up nobody."""
        found: dict[UUID, Status] = {}
        if self.said:
            named = {spoken_of(e) for e in self.said.values()}
            spoken = {e.position: e for e in self.events if e.event_id in named}
            found = await beside(len(self.said), lambda: statuses(_in_order(spoken, self.said)))
        return [(e, found.get(e.event_id, "effective") if found else "effective") for e in self.events]

    def add(self, other: "Seen") -> None:
        """Take in more."""
        self.events += other.events
        self.said |= other.said
        self.marks |= other.marks


async def seen(pool: Pool | Connection, events: Iterable[Recorded], *, upto: int, clearance: int) -> Seen:
    """What a reader sees of some events, as of a position. The one rule for whoever tells of events.

    An event's marking is that of `markings`, at the head: what was marked higher since is hidden at every position.
    What was marked lower since is there from the position on at which it was. To be asked after the events
    were read, so that no remark that was committed before them is missed.
    """
    there = {e.position: e for e in events if e.position <= upto}
    said = {e.position: e for e in await _read_said(pool, {e.stream for e in there.values()})}
    marks: dict[UUID, int] = {}
    if said:
        involved = await _with_spoken(pool, there, said)
        marks = await beside(len(involved), lambda: markings(involved))
        if any(e.position > upto for e in involved):
            known = [e for e in involved if e.position <= upto]
            earlier = await beside(len(known), lambda: markings(known))
            marks |= {event_id: max(mark, marks[event_id]) for event_id, mark in earlier.items()}

    covered = [e for e in there.values() if marks.get(e.event_id, e.tlp) <= clearance]
    return Seen(
        # What is said speaks of something, whether its body was read with the events or not.
        [e if e.body is not None else said.get(e.position, e) for e in covered],
        {p: e for p, e in said.items() if p <= upto and marks.get(e.event_id, e.tlp) <= clearance},
        marks,
    )


async def _read_said(pool: Pool | Connection, streams: Iterable[str]) -> list[Recorded]:
    """All that is said about the records of some streams, by whomever, in position order; not all of each body."""
    return await recorded(pool, await pool.fetch(query("read", "said"), list(streams)))


async def _with_spoken(
    pool: Pool | Connection, there: dict[int, Recorded], said: dict[int, Recorded]
) -> list[Recorded]:
    """What is said of the records of some events' streams, those of which it is, and what their markings hang on.

    In order. Nearly all events of a page are of streams of which nothing is said: they are not among these.
    """
    streams = {e.stream for e in there.values()}
    merged = {s for e in said.values() for s in merged_streams(e)}
    others = {e.position: e for e in await _read_said(pool, merged - streams)} if merged - streams else {}
    targets = {e.event_id: spoken_of(e) for e in (*said.values(), *others.values())}
    whole = merged - streams | {e.stream for e in said.values() if targets[e.event_id] is None}
    named = {*targets.values()}
    told = {s for e in (*said.values(), *others.values()) for s in (e.stream, *merged_streams(e))}
    near = {position: e for position, e in there.items() if e.stream in told or e.event_id in named}
    known = {e.event_id for e in (*near.values(), *said.values(), *others.values())}
    missing = {target for target in named if target is not None} - known
    spoken = await read_unopened(pool, ids=missing, streams=whole) if missing or whole else []
    return _in_order({e.position: e for e in spoken}, near, others, said)


def _in_order(*several: Mapping[int, Recorded]) -> list[Recorded]:
    """Events of several, each once, in position order; where some are the same, the last one's."""
    found = {position: e for events in several for position, e in events.items()}
    return [found[position] for position in sorted(found)]


async def read_unopened(
    pool: Pool | Connection, *, ids: Iterable[UUID] = (), positions: Iterable[int] = (), streams: Iterable[str] = ()
) -> list[Recorded]:
    """Events without their bodies, in position order: by ids, at positions, and all of some streams."""
    return await recorded(pool, await pool.fetch(query("read", "unopened"), list(ids), list(positions), list(streams)))


async def fill(
    pool: Pool | Connection,
    read: Callable[[int, int], Awaitable[list[asyncpg.Record]]],
    place: Callable[[Recorded], int],
    *,
    after: int,
    limit: int,
    upto: int,
    clearance: int,
) -> tuple[Seen, bool]:
    """As many events as are wanted and fit into a page, of what is read page by page; and whether there may be more.

    `read` answers the events after a place, at most so many and as many as fit, each with the position that follows
    among them; `upto` is the position of which is asked.
    Where a page ends goes by what is seen alone.
    """
    found, wanted = Seen(), limit
    while True:
        rows = await read(after, wanted)
        events = await recorded(pool, (row[:-1] for row in rows))
        more = await seen(pool, events, upto=upto, clearance=clearance)
        # What was read at one go was cut by the database, so that it fits.
        alone = not found.events and len(more.events) <= limit
        found.add(more)
        fitting = len(found.events) if alone else _fitting(found.events, limit)
        if fitting < len(found.events) or fitting == limit:
            del found.events[fitting:]
            return found, True
        if len(rows) < wanted and (not rows or rows[-1]["following"] is None):
            return found, False
        after, wanted = place(events[-1]), max(limit, REFILL)


def _fitting(events: Sequence[Recorded], limit: int) -> int:
    """How many of some events fit into a page; at least one does."""
    octets = accumulate(len(e.body or "") + len(e.meta) for e in events[:limit])
    return max(sum(1 for total in octets if total <= PAGE_OCTETS), min(1, len(events)))


async def read_stream(
    pool: Pool | Connection, stream: str, *, after_version: int, upto: int, clearance: int, limit: int
) -> tuple[Seen, bool]:
    """One stream's events, oldest first, from just after a stream version, as many as fit into a page; more or not."""

    async def read(after: int, most: int) -> list[asyncpg.Record]:
        return await pool.fetch(query("read", "stream"), stream, after, upto, clearance, most, PAGE_OCTETS)

    return await fill(
        pool, read, lambda e: e.stream_version, after=after_version, limit=limit, upto=upto, clearance=clearance
    )


async def read_ids(pool: Pool | Connection, ids: Iterable[UUID], *, clearance: int, upto: int = MAX_INT) -> Seen:
    """Events by their ids, in position order; what is not there, or not covered, is left out."""
    events = await recorded(pool, await pool.fetch(query("read", "by_ids"), list(ids)))
    return await seen(pool, events, upto=upto, clearance=clearance)


async def imported_ids(
    pool: Pool | Connection, number: int, *, after: int, clearance: int, limit: int
) -> tuple[list[UUID], int | None]:
    """The ids of events that came with an import, in position order, of those next after a position.

    `limit` of them, or as many as there are; and after which of them to go on, None where no more follow. Those that it
    does not cover make no difference.
    """
    ids, reached, wanted = list[UUID](), after, limit
    while True:
        rows = await pool.fetch(query("read", "of_import"), number, reached, clearance, wanted)
        events = await recorded(pool, rows)
        for event in (await seen(pool, events, upto=MAX_INT, clearance=clearance)).events:
            ids.append(event.event_id)
            if len(ids) == limit:
                return ids, event.position
        if len(events) < wanted:
            return ids, None
        reached, wanted = events[-1].position, max(limit, REFILL)


async def existing_streams(pool: Pool | Connection, streams: Iterable[str], clearance: int) -> dict[str, int]:
    """Which of these streams have an event that a clearance covers, with the lowest marking of their events."""
    rows = await pool.fetch(query("read", "existing_streams"), list(streams))
    lowest_of = {r[0]: r[1] for r in rows}
    if remarked := [r[0] for r in rows if r[2]]:
        events = await read_unopened(pool, streams=remarked)
        there = await seen(pool, events, upto=MAX_INT, clearance=RED)
        lowest_of |= lowest(there.involved, {e.event_id: there.mark_of(e) for e in there.involved})
    return {stream: mark for stream, mark in lowest_of.items() if mark <= clearance}


async def version_of(pool: Pool | Connection, stream: str) -> int:
    """A stream's version: the number of its events; 0 when it is new."""
    version: int = await pool.fetchval(query("read", "version_of"), stream)
    return version


async def read_reported(
    pool: Pool | Connection, *, upto: int, reported_by: datetime, clearance: int, limit: int, octets: int
) -> tuple[list[Recorded], bool]:
    """Events up to a position that a source had reported by an instant, in position order; whether these are all.

    Those that a clearance covers, and those of any marking on streams on which markings were changed. At most `limit`,
    of so many octets.
    """
    sql = query("read", "reported_by")
    rows, beyond = await fetch_page(pool, sql, upto, reported_by, clearance, limit + 1, octets=octets)
    return await recorded(pool, rows[:limit]), beyond is None and len(rows) <= limit


async def read_reported_of(
    pool: Pool | Connection,
    streams: Iterable[str],
    *,
    upto: int,
    reported_by: datetime,
    clearance: int,
    limit: int,
    octets: int,
) -> tuple[list[Recorded], bool]:
    """Events of some streams, likewise."""
    sql = query("read", "reported_of")
    rows, beyond = await fetch_page(pool, sql, list(streams), upto, reported_by, clearance, limit + 1, octets=octets)
    return await recorded(pool, rows[:limit]), beyond is None and len(rows) <= limit


async def read_marking(
    pool: Pool | Connection, streams: Iterable[str] | None, *, upto: int, reported_by: datetime, limit: int
) -> list[Recorded]:
    """What may say how events are marked, up to a position, and nobody had reported by an instant.

    Of some streams, or (None) of all.

    Who may see what goes by the log, and not by when somebody says that it was reported.
    """
    named = None if streams is None else list(streams)
    return await recorded(pool, await pool.fetch(query("read", "marking"), named, upto, reported_by, limit))


async def read_categories(pool: Pool | Connection, categories: Iterable[str]) -> list[Recorded]:
    """All events of some categories, in position order; for those of which there are few."""
    return await recorded(pool, await pool.fetch(query("read", "of_categories"), sorted(categories)))


async def recorded(pool: Pool | Connection, rows: Iterable[Iterable[Any]]) -> list[Recorded]:
    """Rows as events, once the zone data by which their dates are meant are known here.

    What was appended before events named them is read by the first that the log had: the same on every machine.
    """
    events, left = list[Recorded](), iter(rows)
    while part := [Recorded(*row, registry=EVENTS) for row in islice(left, AT_ONCE)]:  # type: ignore[misc]  # eleven columns
        named = {e.zone_data for e in part}
        if None in named:
            first = await first_zone_data(pool)
            for event in part:
                if event.zone_data is None:
                    event.zone_data = first
            named.add(first)
        await learn_zone_data(pool, named)
        events += part
        if len(part) == AT_ONCE:
            await asyncio.sleep(0)
    return events
