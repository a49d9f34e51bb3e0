"""A channel: one projection, grouping, filter and clearance, kept at one cursor and shared by all who follow it."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal, NamedTuple, Protocol, cast
from uuid import UUID

import structlog

from incidentlog.clock import Clock
from incidentlog.errors import Internal, Problem, ProjectionLagging, Unavailable, VersionRetired
from incidentlog.live import frames
from incidentlog.live.frames import Cause, Cursor, Message
from incidentlog.live.views import Delta, Mark, Plan, View, differences
from incidentlog.store.builds import Build, active_builds
from incidentlog.store.carried import Carried, NotCarriedError
from incidentlog.store.connect import Connection, heed_cancelling, lost
from incidentlog.store.live import event_id_at
from incidentlog.tracing import Tracing

RETRY_SECONDS: Final = 1.0
LOAD_SECONDS: Final = 30.0
"""How long a subscriber waits for the rows to be read, and for a position to be reached."""
REMEMBERED: Final = 4_096
"""How many changed keys are remembered before those are forgotten that every subscriber has."""
BEHIND: Final = 100_000
"""How far behind a reader may be and be told what it missed; past it a snapshot costs less."""
TRIES: Final = 100
"""How often a reader that comes back is tried to be answered while the channel moves on under it."""
TOLD_AT_ONCE: Final = 250
"""How many followers are told before others get their turn."""

log = structlog.get_logger(__name__)


class Bell(Protocol):
    """What rings when there is something to read."""

    def ticket(self) -> asyncio.Event:
        """What the next ring will set."""
        ...


class Progress(Protocol):
    """How far everything that is derived from the log has got."""

    @property
    def position(self) -> int:
        """Up to where subjects and projections stand."""
        ...

    @property
    def progressed(self) -> Bell:
        """Rings after the position has moved."""
        ...


Reading = Callable[[], AbstractAsyncContextManager[Connection]]
"""Lends a connection, within limits; all that is read on it is of one moment."""

Source = Literal["database", "shared", "carried"]
"""Where a channel reads what the log brought: for itself, with the others, or what another node carried here."""


class Brought(NamedTuple):
    """What the log brought, as somebody else read it, and where it is from."""

    source: Source
    rows: Carried


Between = Callable[[int, int], Awaitable[Brought | None]]
"""What the log brought between two positions (exclusive, inclusive); None where each is to read that for itself."""


class Follower(Protocol):
    """One subscription, as a channel sees it."""

    @property
    def seen(self) -> Cursor | None:
        """Up to where it has been given everything; None while it has nothing."""
        ...

    def wake(self) -> None:
        """There is something to send."""
        ...

    def offer(self, before: Cursor, to: Cursor, message: Message) -> bool:
        """Send it at once if it is what is lacked, from `before` on, and nothing is in the way; whether it was sent."""
        ...

    def fail(self, problem: Problem) -> None:
        """The channel cannot go on."""
        ...


async def tell(followers: set[Follower]) -> None:
    """Tell some followers that there is something, with a pause now and then in which others get their turn."""
    for number, follower in enumerate(tuple(followers), start=1):
        follower.wake()
        if number % TOLD_AT_ONCE == 0:
            await asyncio.sleep(0)


@dataclass(frozen=True, slots=True)
class Step:
    """The last time that rows changed."""

    before: Cursor
    """The time before that they changed."""
    cause: Cause
    several: bool
    """Whether more than one event may be behind it."""


class OtherVersionError(Unavailable):
    """The projection is of another version from now on: whoever follows has to come back."""


@dataclass(frozen=True, slots=True)
class Bound:
    """A view that has read nothing yet, and the builds that it reads, by projection."""

    view: View
    builds: Mapping[str, Build]

    @property
    def numbers(self) -> frozenset[int]:
        """Which builds they are."""
        return frozenset(build.build for build in self.builds.values())

    @property
    def position(self) -> int:
        """Up to where they are kept up."""
        return min(build.position for build in self.builds.values())


@dataclass(frozen=True, slots=True)
class Taken:
    """What was read for a step, and which event is behind it."""

    plan: Plan
    event_id: UUID | None
    upto: int


Bind = Callable[[Mapping[str, Build]], Bound]
"""Makes a view of what is followed on the builds that answer. Raises VersionRetired where one is not to be read."""


class Channel:
    """Rows at a cursor, and for every key when it changed last: so that any cursor is told exactly what came after."""

    def __init__(
        self,
        name: str,
        version: int,
        bound: Bound,
        bind: Bind,
        progress: Progress,
        clock: Clock,
        reading: Reading,
        *,
        born: int = 0,
        made: Counter[bool] | None = None,
        tracing: Tracing | None = None,
        brought: Between,
        steps: Counter[Source] | None = None,
    ) -> None:
        """`made` counts the updates that are made, by whether they are conflated, `steps` what was read for them.

        `brought` is asked first for what the log brought; what it has not is read from the database.
        """
        self._brought = brought
        self._steps = Counter[Source]() if steps is None else steps
        self._tracing = tracing
        self.name = name
        self._made = Counter[bool]() if made is None else made
        self.version = version
        self.followers: set[Follower] = set()
        self._view = bound.view
        self._numbers = bound.numbers
        self._bind = bind
        self._most: int | None = None
        """Up to where it can get: what is of another version than this code's answers, and is not kept up any more."""
        self.born = born
        """From where on its builds answered, as far as is known: cursors up to there may be of other builds."""
        self._progress = progress
        self._clock = clock
        self._reading = reading
        self.cursor = Cursor(0, clock.now())
        self._loaded = False
        self._moved = asyncio.Event()
        self._changed: dict[str, Cursor] = {}
        """When each key changed last, in this order."""
        self._last: Step | None = None
        self._last_change: Cursor | None = None
        """When rows changed last."""
        self._failure: Problem | None = None
        self._untold = False
        self._snapshot: tuple[Cursor, list[Message]] | None = None
        self._bodies: dict[Cursor, bytes] = {}
        """The last change as those need it who have seen everything up to a change before it."""
        self._updates: dict[tuple[int, Cursor], Message] = {}

    # ------------------------------------------------------------------------------------------- following

    async def run(self) -> None:
        """Keep up until cancelled; what cannot be mended is told to every follower."""
        while True:
            try:
                await self._follow()
            except ProjectionLagging as lagging:
                log.info("channel_waits", channel=self.name, why=lagging.detail)
                await asyncio.sleep(RETRY_SECONDS)
            except Problem as problem:
                self._fail(problem)
                return
            except Exception as error:
                heed_cancelling()
                if not lost(error):
                    log.exception("channel_failed", channel=self.name)
                    self._fail(Internal("the projection cannot be followed"))
                    return
                log.warning("channel_interrupted", channel=self.name, error=repr(error))
                await asyncio.sleep(RETRY_SECONDS)

    async def _follow(self) -> None:
        rung: asyncio.Event | None = None
        while True:
            # Taken before the position is read: a step in between sets this one, and the wait below ends at once.
            ticket = self._progress.progressed.ticket()
            upto = self._progress.position
            if not self._loaded:
                await self._load(upto)
            self._tick()
            if upto > self.cursor.position or (rung is not None and rung.is_set()):
                await self._advance(upto)
            rung = ticket
            await self.tell()
            await self._until(ticket)

    async def _until(self, ticket: asyncio.Event) -> None:
        """Wait for the log or the clock."""
        upcoming = self._view.next_transition
        if upcoming is None:
            await ticket.wait()
            return
        waiting = [asyncio.ensure_future(ticket.wait()), asyncio.ensure_future(self._clock.sleep_until(upcoming))]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)

    async def _load(self, upto: int) -> None:
        at = self._clock.now()
        async with self._reading() as connection:
            bound = await self._bound(connection)
            if bound.numbers != self._numbers:
                raise OtherVersionError(f"{self.name} was switched before it could be read")
            upto = min(upto, bound.position)
            await self._view.load(connection, upto, at)
        self._loaded = True
        self._move(Cursor(upto, at))

    async def _advance(self, upto: int) -> None:
        """Take in what the log brought. What is read is taken in at once, or, after a failure, not at all."""
        start, at = self.cursor, max(self._clock.now(), self.cursor.at)
        taken = await self._from_others(start.position, upto, at)
        if taken is None:
            taken = await self._from_database(start.position, upto, at)
        if taken is None:
            return
        to, mark = Cursor(taken.upto, max(at, self.cursor.at)), taken.plan.mark
        delta = self._view.apply(taken.plan, to.at)
        cause = Cause(taken.upto, "clock") if mark is None else _cause(mark, taken.event_id)
        self._note(delta, to, cause, several=taken.upto - start.position > 1)

    async def _from_others(self, after: int, upto: int, at: datetime) -> Taken | None:
        """What the log brought, where others read it, of these builds; None where the database has to be read."""
        brought = await self._brought(after, upto)
        if brought is None:
            return None
        source = cast("Connection", brought.rows)  # it answers what is asked of one stretch, and refuses all else
        try:
            bound = await self._bound(source)
            if bound.numbers != self._numbers or bound.position < upto:
                return None
            taken = await self._take(source, after, upto, at)
        except (NotCarriedError, VersionRetired):
            return None
        self._steps[brought.source] += 1
        return taken

    async def _from_database(self, after: int, upto: int, at: datetime) -> Taken | None:
        """What the log brought; None where it brought nothing, or other builds were taken over."""
        self._steps["database"] += 1
        async with self._reading() as connection:
            bound = await self._bound(connection)
            upto = min(upto, bound.position)
            if bound.numbers != self._numbers:
                await self._take_over(connection, bound, upto)
                return None
            return await self._take(connection, after, upto, at) if upto > after else None

    async def _take(self, source: Connection, after: int, upto: int, at: datetime) -> Taken:
        plan = await self._view.read(source, after, upto, at)
        mark = plan.mark
        event_id = None if mark is None else await event_id_at(source, mark.position, self._view.clearance)
        return Taken(plan, event_id, upto)

    async def _bound(self, connection: Connection) -> Bound:
        """What answers, as of what this connection reads: a build that has ceased to has nothing of what came since."""
        bound = self._bind(await active_builds(connection))
        self._most = None if all(build.wanted for build in bound.builds.values()) else bound.position
        return bound

    async def _take_over(self, connection: Connection, bound: Bound, upto: int) -> None:
        """Go on with other builds: what differs in their rows is told, and where nothing does nobody notices.

        Raises OtherVersionError where they are of another version.
        """
        version = bound.builds[self.name.partition("@")[0]].version
        if version != self.version:
            raise OtherVersionError(f"{self.name} is of version {version} from now on")
        if upto < self.cursor.position:
            raise ProjectionLagging(f"{self.name} is switched to what is behind it")
        at = max(self._clock.now(), self.cursor.at + timedelta(microseconds=1))
        await bound.view.load(connection, upto, at)
        if at <= self.cursor.at:  # heartbeats moved on while it was read
            at = self.cursor.at + timedelta(microseconds=1)
            bound.view.tick(at)
        before, self._view = self._view.rows, bound.view
        self._numbers, self.born = bound.numbers, upto
        self._note(differences(before, self._view.rows), Cursor(upto, at), Cause(upto, "restated"), several=True)
        log.info("channel_switched", channel=self.name, position=upto)

    def _tick(self) -> None:
        """Let the clock change what it changes, one instant after the other."""
        now = self._clock.now()
        while (upcoming := self._view.next_transition) is not None and upcoming <= now:
            at = max(upcoming, self.cursor.at)
            delta = self._view.tick(at)
            self._note(delta, Cursor(self.cursor.position, at), Cause(self.cursor.position, "clock"), several=False)

    def quiet(self, seen: Cursor) -> Cursor | None:
        """Up to where nothing has changed since a cursor: now, unless the clock is due to; None when something has."""
        last, upcoming, now = self._last_change, self._view.next_transition, self._clock.now()
        if last is not None and last > seen:
            return None
        if now > self.cursor.at and (upcoming is None or upcoming > now):
            self.cursor = Cursor(self.cursor.position, now)
        return self.cursor

    def _note(self, delta: Delta, to: Cursor, cause: Cause, *, several: bool) -> None:
        if delta:
            assert to > self.cursor  # noqa: S101 - else nobody could tell this change from the last
            self._last = Step(self._last_change or Cursor(0, to.at), cause, several)
            self._last_change = to
            self._bodies.clear()
            self._updates.clear()
            self._untold = True
            for key in delta:
                self._changed.pop(key, None)
                self._changed[key] = to
            self._snapshot = None
            self._forget()
        self._move(to)

    def _move(self, to: Cursor) -> None:
        self.cursor = to
        self._moved.set()
        self._moved = asyncio.Event()

    def _forget(self) -> None:
        """Forget when those keys changed whose change every follower has."""
        if len(self._changed) <= REMEMBERED:
            return
        seen = min((f.seen for f in self.followers if f.seen is not None), default=self.cursor)
        for key in [key for key, at in self._changed.items() if at <= seen]:
            del self._changed[key]

    def _fail(self, problem: Problem) -> None:
        self._failure = problem
        self._moved.set()
        for follower in list(self.followers):
            follower.fail(problem)

    async def reached(self, position: int) -> Cursor:
        """Wait until the rows are read, and are at a position. Raises what stands in the way, or ProjectionLagging."""
        try:
            async with asyncio.timeout(LOAD_SECONDS):
                while self._failure is None and not (self._loaded and self._at(position)):
                    await self._moved.wait()
        except TimeoutError:
            raise ProjectionLagging(f"position {position} is not reached; it is at {self.cursor.position}") from None
        if self._failure is not None:
            raise self._failure
        return self.cursor

    def _at(self, position: int) -> bool:
        return self.cursor.position >= (position if self._most is None else min(position, self._most))

    # --------------------------------------------------------------------------------------------- telling

    async def tell(self) -> None:
        """Tell everyone what has changed since this was called last.

        Thousands may have been told the change before this one: they get the same bytes, without another thought.
        """
        last, to = self._last, self._last_change
        if not self._untold or last is None or to is None:
            return
        self._untold = False
        made = self.update(last.before.position, last.before)
        message = made[1][0] if made is not None and made[0] is to else None  # else it is a snapshot
        for number, follower in enumerate(tuple(self.followers), start=1):
            if message is None or not follower.offer(last.before, to, message):
                follower.wake()
            if number % TOLD_AT_ONCE == 0:
                await asyncio.sleep(0)
        if self._tracing is not None and self.followers:
            self._tracing.told(self.name.partition("@")[0], last.before.position, to.position)

    def snapshot(self) -> tuple[Cursor, list[Message]]:
        """All rows in parts, and the cursor they are of; it holds until a row changes."""
        if self._snapshot is None:
            self._snapshot = self.cursor, frames.snapshot(self.name, self.cursor, self._view.rows)
        return self._snapshot

    def update(self, told: int, seen: Cursor) -> tuple[Cursor, list[Message]] | None:
        """What changed after a cursor, and where it leads; None when nothing did.

        One message from the position last told, or, where that would be large, a snapshot. Those who lack the same
        share its bytes, and those who were told the same, too, share the message. It leads to the last change, and
        not to where the channel is, so that a change by the clock carries its own instant.
        """
        last, to = self._last, self._last_change
        if last is None or to is None or to <= seen:
            return None
        seen = min(seen, last.before)  # nothing changed in between: they lack the same
        made = self._updates.get((told, seen))
        if made is None:
            made = self._updates[told, seen] = frames.update(self.name, told, to, self._body(last, to, seen))
        return self.snapshot() if len(made.payload) > frames.UPDATE_BYTES else (to, [made])

    def _body(self, last: Step, to: Cursor, seen: Cursor) -> bytes:
        body = self._bodies.get(seen)
        if body is None:
            rows = self._view.rows
            keys = list(self._keys_after(seen))[::-1]
            conflated = last.several or last.before > seen
            self._made[conflated] += 1
            body = self._bodies[seen] = frames.changes(
                to,
                last.cause,
                {key: rows[key] for key in keys if key in rows},
                [key for key in keys if key not in rows],
                conflated=conflated,
            )
        return body

    def _keys_after(self, seen: Cursor) -> Iterator[str]:
        for key, at in reversed(self._changed.items()):
            if at <= seen:
                return
            yield key

    async def missed(self, since: Cursor) -> tuple[Cursor, Cursor, list[Message]]:
        """What a reader that comes back has missed: where it leads, and up to where the reader then has everything.

        First, at its own position, what the clock changed; then what the log changed.
        """
        for _ in range(TRIES):
            position = self.cursor.position
            async with self._reading() as connection:
                if (await self._bound(connection)).numbers != self._numbers:
                    raise ProjectionLagging(f"{self.name} is being switched")
                # The rows here and what is read there have to be of one position. Where the channel went on while a
                # connection was waited for, the rows are newer than the reading, and would be told twice.
                if (now := self.cursor).position != position:
                    continue
                missed = await self._view.missed(connection, since, now)
                mark = missed.mark
                event_id = None if mark is None else await event_id_at(connection, mark.position, self._view.clearance)
                break
        else:
            raise ProjectionLagging(f"{self.name} moves too fast to come back to")
        told, said = since, []
        if missed.by_clock:
            told = Cursor(since.position, now.at)
            said.append(self._told(since, told, Cause(since.position, "clock"), missed.by_clock))
        if missed.by_log:
            cause = Cause(now.position, "event") if mark is None else _cause(mark, event_id)
            said.append(self._told(told, now, cause, missed.by_log))
            told = now
        large = sum(len(message.payload) for message in said) > frames.UPDATE_BYTES
        if large:
            told, said = self.snapshot()
            return told, told, said
        return told, max(now, told), said  # a reader may have been ahead of this node's clock

    def _told(self, start: Cursor, to: Cursor, cause: Cause, delta: Delta) -> Message:
        rows = {key: row for key, row in delta.items() if row is not None}
        gone = [key for key, row in delta.items() if row is None]
        several = to.position - start.position > 1
        self._made[several] += 1
        return frames.update(self.name, start.position, to, frames.changes(to, cause, rows, gone, conflated=several))


def _cause(mark: Mark, event_id: UUID | None) -> Cause:
    return Cause(mark.position, "restated" if mark.restated else "event", event_id)
