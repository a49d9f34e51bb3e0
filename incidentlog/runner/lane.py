"""A lane: builds that share a checkpoint and go through the log together. Live running and rebuilding are this."""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Final, TypeVar
from uuid import UUID

import asyncpg
import structlog

from incidentlog.projections.shapes import PROJECTIONS, Projection, Tally
from incidentlog.projections.steps import DocumentStep, TallyStep, concerning, touched_keys
from incidentlog.store.builds import Build, Parked
from incidentlog.store.connect import Connection
from incidentlog.store.derive import Batch, Derived, read_links, read_members, write_batch
from incidentlog.store.parked import booked, keys_of, read_parked, read_variants, still_parked
from incidentlog.store.read import read_streams
from incidentlog.store.snapshots import EVERY, take_snapshots
from incidentlog.subjects.change import Change, Families, merged_streams
from incidentlog.subjects.recorded import Recorded

STREAMS: Final = 10_000
"""Of how many streams the events are remembered, lest they be read again when one more comes."""
MEMBERS: Final = 20_000
"""How many members of documents are remembered, likewise."""
REASON: Final = 500
"""The most characters of why a stream was parked."""
TIDY: Final = 64
"""After how many batches it looks whether too many members are remembered."""
NOBODY, NEVER = UUID(int=0), datetime.min.replace(tzinfo=UTC)
"""What a change that no event made says of its event."""

log = structlog.get_logger(__name__)
T = TypeVar("T")


class GapError(AssertionError):
    """The log is not dense after the checkpoint. This cannot happen; going on would give wrong numbers."""


class Lane:
    """Takes in batches of the log, each in one transaction.

    To be dropped when one fails: what it remembers may be ahead of what is written.
    """

    def __init__(
        self, connection: Connection, builds: Sequence[Build], zone: str, *, reading: Connection | None = None
    ) -> None:
        """`builds` share a position, a state and the subjects that they are made of.

        With a connection for `reading` one batch is folded, in a thread, while the one before it is written.
        """
        assert len({(b.position, b.state, b.base) for b in builds}) == 1, builds  # noqa: S101 - chosen so
        self.builds = list(builds)
        self._connection = connection
        self._reading = reading
        self._zone = zone
        self._families = Families()
        self._steps: dict[int, TallyStep | DocumentStep] = {
            b.build: TallyStep(p) if isinstance(p, Tally) else DocumentStep(p, {})
            for b in builds
            if (p := PROJECTIONS.get(b.projection)) is not None
        }
        self._parked: dict[int, set[str]] | None = None
        self._folded = self.position
        self._writing: asyncio.Task[list[Build]] | None = None
        self._linked = False
        """Whether what is being written has merges."""
        self._taken = 0
        self._summarised: dict[int, int] = {}

    @property
    def position(self) -> int:
        """The checkpoint: what is written."""
        return self.builds[0].position

    @property
    def folded(self) -> int:
        """Up to where events were taken in; what lies after the checkpoint is being written."""
        return self._folded

    async def take(self, events: Sequence[Recorded]) -> Sequence[Change]:
        """Fold the next events and write what they change, with the checkpoint, in one transaction."""
        changes = await self.begin(events)
        await self.settle()
        return changes

    async def begin(self, events: Sequence[Recorded]) -> Sequence[Change]:
        """Fold the next events, and begin to write what they change once what was folded before is written."""
        if self._reading is None:
            await self.settle()
        started = time.perf_counter()
        expected = range(self._folded + 1, self._folded + 1 + len(events))
        if [e.position for e in events] != list(expected):
            raise GapError(f"after position {self._folded} come {[e.position for e in events[:3]]}")
        await self._remember(events)
        changes = await self._apart(lambda: list(self._families.changes(events, self._zone)))
        batch = Batch(
            first=events[0].position,
            upto=events[-1].position,
            changes=changes,
            links=[(e.stream, absorbed, e.position) for e in events for absorbed in merged_streams(e)],
            derived=await self._derive(events[0].position, changes),
        )
        await self.settle()
        self._linked = bool(batch.links)
        self._writing = asyncio.create_task(write_batch(self._connection, self.builds, batch))
        # What goes wrong is told by `settle`; a lane that is dropped has nobody to tell it to.
        self._writing.add_done_callback(lambda done: done.cancelled() or done.exception())
        self._folded = batch.upto
        self._forget(events)
        took = round((time.perf_counter() - started) * 1000, 1)
        log.debug("folded", position=self._folded, events=len(events), milliseconds=took)
        return changes

    async def settle(self) -> None:
        """Wait until what was folded is written. Raises what kept it from that."""
        writing, self._writing = self._writing, None
        if writing is not None:
            self.builds = await writing

    async def _apart(self, work: Callable[[], T]) -> T:
        """Do what takes long in a thread, where something is written meanwhile."""
        return work() if self._writing is None else await asyncio.to_thread(work)

    async def summarise(self) -> bool:
        """Take one snapshot of a ledger that is due; whether there was one."""
        for build in self.builds:
            projection = PROJECTIONS.get(build.projection)
            if isinstance(projection, Tally) and build.position >= self._summarised.get(build.build, 0) + EVERY:
                await self.settle()
                try:
                    if await take_snapshots(self._connection, projection, build):
                        return True
                except asyncpg.UniqueViolationError:
                    return True  # another node did it
                self._summarised[build.build] = build.position // EVERY * EVERY
        return False

    def _forget(self, events: Sequence[Recorded]) -> None:
        """Keep what is remembered within its bounds."""
        self._families.forget(touched=dict.fromkeys(e.stream for e in events), keep=STREAMS)
        self._taken += 1
        if self._taken % TIDY:
            return
        for step in self._steps.values():
            if isinstance(step, DocumentStep):
                count = sum(len(members.streams) for members in step.members.values())
                for key in list(step.members):
                    if count <= MEMBERS:
                        break
                    count -= len(step.members.pop(key).streams)

    async def _remember(self, events: Sequence[Recorded]) -> None:
        """Read the history of the streams that are touched and not known, and of those merged with them."""
        begun = {e.stream for e in events if e.stream_version == 1}
        named = {s for e in events for s in merged_streams(e)}
        old = {s for s in ({e.stream for e in events} | named) - begun if s not in self._families}
        if not old:
            return
        if self._linked:  # a merge that is being written may be one of theirs
            await self.settle()
        reading = self._reading or self._connection
        links = await read_links(reading, old, self._folded)
        streams = old | {s for link in links for s in link}
        histories: dict[str, list[Recorded]] = {s: [] for s in streams}
        for e in await read_streams(reading, streams, self._folded):
            histories[e.stream].append(e)
        self._families.take(histories, links)

    async def _derive(self, first: int, changes: Sequence[Change]) -> list[Derived]:
        """What every projection makes of the changes; what one cannot take in is set aside."""
        if self._parked is None:
            self._parked = {b.build: set() for b in self.builds}
            for p in await read_parked(self._connection, self.builds):
                if p.to_position is None:
                    self._parked[p.build].add(p.stream)
        retried = await self._retried() if any(self._parked.values()) else {}
        derived, todo = list[Derived](), list[Callable[[], None]]()
        for build in self.builds:
            step = self._steps.get(build.build)
            if step is None:
                continue
            made, projection = Derived(build.build), PROJECTIONS[build.projection]
            ours = list(concerning(projection, changes))
            if isinstance(step, TallyStep):
                step.bookings, step.names = made.bookings, made.names
            else:
                step.versions, step.memberships = made.versions, made.memberships
                await self._load(build, step, touched_keys(step.document, ours))
            for parked in retried.get(build.build, ()):
                await self._retry(build, step, parked, first, made)
            todo.append(partial(self._each, build, projection, ours, step, made))
            derived.append(made)
        await self._apart(lambda: [each() for each in todo])
        return derived

    async def _load(self, build: Build, step: DocumentStep, keys: Iterable[str]) -> None:
        """The members of documents that are not remembered, but for those that are parked."""
        missing = set(keys) - step.members.keys()
        if missing:
            await self.settle()
            now = next(b for b in self.builds if b.build == build.build)
            step.members |= await read_members(self._connection, now, missing)
            assert self._parked is not None  # noqa: S101 - read before
            for stream in self._parked[build.build]:
                step.leave_out(stream)

    def _each(
        self,
        build: Build,
        projection: Projection,
        changes: Iterable[Change],
        step: TallyStep | DocumentStep,
        made: Derived,
    ) -> None:
        """Apply changes one by one; the stream of one that raises is parked, or everything stops."""
        assert self._parked is not None  # noqa: S101 - read before
        aside = self._parked[build.build]
        for change in changes:
            if change.stream in aside:
                continue
            try:
                step.apply(change)
            except Exception as error:
                if projection.poison == "stop":
                    raise
                log.exception("parked", projection=build.projection, stream=change.stream, position=change.position)
                aside.add(change.stream)
                level = min(change.levels, default=0)
                made.parked.append(Parked(build.build, change.stream, change.position, None, level, _reason(error)))
                if isinstance(step, DocumentStep):
                    step.leave_out(change.stream)

    async def _retried(self) -> Mapping[int, Sequence[Parked]]:
        await self.settle()
        wished: dict[int, list[Parked]] = {}
        for p in await read_parked(self._connection, self.builds):
            if p.wish == "retry" and p.to_position is None:
                wished.setdefault(p.build, []).append(p)
        return wished

    async def _retry(
        self, build: Build, step: TallyStep | DocumentStep, parked: Parked, first: int, made: Derived
    ) -> None:
        """Book what a parked stream is by now, less what was booked of it: with the next event, as that is after K."""
        assert self._parked is not None  # noqa: S101 - read before
        connection, stream = self._connection, parked.stream
        after = await read_variants(connection, build.base, stream, self.position)
        change = Change(first, NOBODY, NEVER, stream, {}, after, restates=True)
        try:
            if isinstance(step, TallyStep):
                step.restate(change, await booked(connection, build.build, stream))
            else:
                before = await keys_of(connection, build.build, stream)
                await self._load(build, step, {*before, *step.keys(after)})
                step.restate(change, before)
        except Exception as error:  # noqa: BLE001 - whatever it is, the stream stays where it is
            await still_parked(connection, build.build, stream, _reason(error))
            return
        self._parked[build.build].discard(stream)
        made.unparked.append(stream)


def _reason(error: Exception) -> str:
    return repr(error)[:REASON]
