"""A lane: builds that go through the log together, for some partitions of the streams or for all.

Live running and rebuilding are this.
"""

import time
from collections import Counter, deque
from collections.abc import Collection, Iterable, Sequence
from typing import Final, Self

import asyncpg
import structlog

from incidentlog.events.recorded import Recorded
from incidentlog.folding.change import Change, Families
from incidentlog.folding.fold import merged_streams
from incidentlog.folding.partitions import FIRST, Share
from incidentlog.folding.shapes import Tally
from incidentlog.projections import PROJECTIONS
from incidentlog.runner.deriving import Deriving
from incidentlog.store.builds import Build, SupersededError, read_builds
from incidentlog.store.connect import Connection
from incidentlog.store.derive import Batch, read_all_links, read_links, write_batch
from incidentlog.store.read import Section, read_batch, read_following, read_head, read_shared_batch, read_streams
from incidentlog.store.segments import Loose, keeping_pace, may_merge, merge_segments, read_loose
from incidentlog.store.snapshots import EVERY, take_snapshots
from incidentlog.store.versions import Bases

STREAMS: Final = 2_000
"""Of how many streams the events are remembered, lest they be read again when one more comes: 18 KB each. Of an
import's none comes."""
STREAMS_BYTES: Final = 96 * 2**20
"""And about how many bytes these may take: ordinary events of so many streams take less."""
BATCH_BYTES: Final = 24 * 2**20
"""About how many bytes the events of a batch may take, and with them what is made of them."""
BATCH_WORK: Final = 20_000
"""How many events may be folded for a batch: each is an entry of a version, and may be a line of a ledger."""

log = structlog.get_logger(__name__)


class GapError(AssertionError):
    """The log is not dense after the checkpoint. This cannot happen; going on would give wrong numbers."""


class Lane:
    """Takes in batches of the log, each in one transaction.

    To be dropped when one fails: what it remembers may be ahead of what is written.
    """

    def __init__(
        self,
        connection: Connection,
        builds: Sequence[Build],
        zone: str,
        *,
        own: Iterable[int] | None = None,
        upto: int | None = None,
        doomed: int | None = None,
        answering: Collection[int] | None = None,
    ) -> None:
        """`builds` share a state, the subjects that they are made of, and a position in the partitions of `own`.

        `own` None is all partitions. `upto` is where others wait to go on together with it. `doomed` is the position of
        an event with which the process ended time and again: the projections do without. `answering` are all builds
        that answer: once there are others, it takes in nothing more. Else these would stand where it left them, and be
        taken to be where it is.
        """
        count = len(builds[0].positions)
        self._own = sorted(range(count) if own is None else own)
        alike = {(b.positions[n], b.state, b.base) for b in builds for n in self._own}
        assert len(alike) == 1, builds  # noqa: S101 - chosen so
        self.builds = list(builds)
        self.upto = upto
        self._share = Share(self._own, count)
        self._joined = self._share.whole
        """Whether the share knows of the merges so far."""
        self._others = 0
        """Up to where those are that have the other partitions."""
        self._takes_over: int | None = None
        """The position of the next event, where it takes streams over by it."""
        self.waits = False
        """Whether others are to go first."""
        self._connection = connection
        self._zone = zone
        self._doomed, self._answering = doomed, answering
        self._families = Families()
        self._bases = Bases()
        self._deriving = Deriving(connection, builds, self._share, doomed)
        self._summarised: dict[int, int] = {}
        self._written: int | None = None
        """How many batches since it was seen which segments are to be merged; None where nobody knows."""
        self._seen_at = 0
        """Where it was then."""
        self._loose = deque[Loose]()
        """Those that are still to be merged."""

    @classmethod
    def of(
        cls,
        connection: Connection,
        builds: Sequence[Build],
        zone: str,
        *,
        own: Iterable[int],
        doomed: int | None = None,
        answering: Collection[int] | None = None,
    ) -> Self:
        """A lane of those of some builds and partitions that are least far, up to where the next of them are.

        The first partition, which waits for all others, is not among them while its own are to go before it.
        """
        own = sorted(own)
        least = min(b.positions[n] for b in builds for n in own)
        last = next(n for n in reversed(own) for b in builds if b.positions[n] == least)
        behind = [b for b in builds if b.positions[last] == least]
        together = [n for n in own if all(b.positions[n] == least for b in behind)]
        if last != FIRST and any(b.positions[n] == least for b in behind for n in own if n not in together):
            together = [n for n in together if n != FIRST]
        ahead = [b.positions[n] for b in builds for n in own if b.positions[n] > least]
        return cls(
            connection, behind, zone, own=together, upto=min(ahead, default=None), doomed=doomed, answering=answering
        )

    @property
    def position(self) -> int:
        """The checkpoint: what is written."""
        return self.builds[0].positions[self._own[0]]

    @property
    def keeps_documents(self) -> bool:
        """Whether it has the documents: then it goes last, and everything is folded up to where it is."""
        return self._share.keeps_documents

    @property
    def spread(self) -> float:
        """Among how many events about one is its own."""
        return self._share.count / len(self._own)

    async def read(self, connection: Connection, limit: int) -> Section:
        """What follows in the log, with the events that concern it.

        Nothing, and `waits`, where something follows and others are to go first.
        """
        if self._share.whole:
            return await read_batch(connection, self.position, limit)
        if not self._joined:
            self._joined = True
            for one, other, position in await read_all_links(connection):
                if position <= self.position:
                    self._share.join((one, other))
        await self._look()
        if self.keeps_documents:
            ahead = self._others - self.position
            limit = min(limit, ahead) if ahead >= limit or not await self._more_comes(connection, limit) else 0
        elif self._takes_over == self.position + 1 and self._others < self.position:
            limit = 0
        self.waits = limit <= 0 and (await read_head(connection)).position > self.position
        if limit <= 0:
            return Section(self.position, self.position, 0, ())
        return await read_shared_batch(connection, self.position, limit, self._share, self._deriving.beside)

    async def _more_comes(self, connection: Connection, limit: int) -> bool:
        """Whether those that go first have more than so many events to go on by, and will: a batch of few is dear.

        Before a merge they stand: they may wait for this one there.
        """
        following = await read_following(connection, self._others)
        return following.events > limit and following.type != "record.merged"

    async def take(self, read: Section) -> Sequence[Change]:
        """Fold what follows and write what it changes, with the checkpoint, in one transaction.

        As many of the events as a batch holds, and at least one; none, and `waits`, where others are to go first. How
        many, the position tells.
        """
        started = time.perf_counter()
        if read.after != self.position or read.count != len(read):
            raise GapError(f"after position {self.position} come {read.count} up to {read.upto}")
        read = read.before(read.after + 2) if read.after + 1 == self._doomed else _as_heavy_as(read, BATCH_BYTES)
        read = read if self._share.whole else await self._before_a_move(read)
        ours = [e for e in read.events if self._concerns(e)]
        await self._remember(ours)
        if len(taken := self._as_much_work_as(ours, BATCH_WORK)) < len(ours):
            read, ours = read.before(ours[len(taken)].position), list(taken)
        if not read:
            return ()
        changes = list(self._families.changes(ours, self._zone))
        own = [c for c in changes if self._share.has(c.stream)]
        batch = Batch(
            upto=read.upto,
            changes=own,
            links=[(e.stream, absorbed, e.position) for e in read.events for absorbed in merged_streams(e)],
            derived=await self._deriving.derive(self.builds, read, changes, own),
        )
        self.builds = await write_batch(self._connection, self.builds, self._own, batch, self._bases, self._answering)
        self._forget(ours)
        self._written = None if self._written is None else self._written + 1
        took = round((time.perf_counter() - started) * 1000, 1)
        log.debug("projected", position=self.position, events=len(read), milliseconds=took)
        return changes

    def _concerns(self, e: Recorded) -> bool:
        """Whether it takes in an event, or only goes past it."""
        return self._share.has(e.stream) or e.category in self._deriving.beside

    async def _before_a_move(self, read: Section) -> Section:
        """What follows up to an event that moves streams into its share or out of it; or that one alone.

        What it takes over it takes from where the merge happens, once everybody is there: who had it is done with it.
        """
        self.waits = False
        for e in read.events:
            streams = await self._named_together(e) if e.type == "record.merged" else ()
            gained, lost = self._share.moved(streams) if streams else ((), ())
            if (gained or lost) and e.position > read.after + 1:
                return read.before(e.position)
            if gained and self._others < e.position - 1:
                self.waits, self._takes_over = True, e.position
                return read.before(e.position)
            if streams:
                self._share.join(streams)
            if gained or lost:
                self._let_go(lost)
                return read.before(e.position + 1)
        return read

    async def _named_together(self, e: Recorded) -> Collection[str]:
        """The streams that a merge names; of one that was erased, what was noted of it before."""
        if e.body is None:
            links = await read_all_links(self._connection)
            return {stream for *pair, position in links if position == e.position for stream in pair}
        return {e.stream, *merged_streams(e)}

    async def others_are_at(self, position: int) -> bool:
        """Whether who has other partitions is at a position, or past it."""
        if not self._share.whole:
            await self._look()
        return self._share.whole or self._others >= position

    async def _look(self) -> None:
        """See up to where those are that have the other partitions, of these builds and of what they are made of."""
        known = {b.build: b for b in await read_builds(self._connection)}
        numbers = {self.builds[0].base, *(b.build for b in self.builds)}
        if not numbers <= known.keys():
            raise SupersededError("a build is gone")
        theirs = [n for n in range(self._share.count) if n not in self._own]
        self._others = min(known[number].positions[n] for number in numbers for n in theirs)

    def _let_go(self, streams: Collection[str]) -> None:
        """Streams are in it no more: what is remembered of them will be wrong once somebody else took in more.

        Of those that are new in it, what others set aside is not known.
        """
        self._deriving.look_again()
        self._deriving.forget(streams)
        self._bases.forget(streams)
        self._families.drop([s for s in streams if s.partition(":")[0] not in self._deriving.beside])

    async def merge(self, events: int = 0) -> bool:
        """Merge some of the ledgers' segments, if any are to be, after a batch of so many events; whether any were.

        As many as keep pace with the log, and one at least: whoever waits for the next event waits for these too. Only
        who goes last merges.
        """
        if not self.keeps_documents:
            return False
        if not self._loose and (self._written is None or may_merge(self._written, self._seen_at, self.position)):
            self._loose.extend(await read_loose(self._connection, self.builds, self.position))
            self._written, self._seen_at = 0, self.position
        now = [self._loose.popleft() for _ in range(min(len(self._loose), keeping_pace(events, len(self.builds))))]
        for loose in now:
            await merge_segments(self._connection, loose)
        return bool(now)

    async def summarise(self) -> bool:
        """Take one snapshot of a ledger that is due; whether there was one. Only who goes last can."""
        for build in self.builds if self.keeps_documents else ():
            projection = PROJECTIONS.get(build.projection)
            if isinstance(projection, Tally) and self.position >= self._summarised.get(build.build, 0) + EVERY:
                try:
                    if await take_snapshots(self._connection, projection, build, self.position):
                        return True
                except asyncpg.UniqueViolationError:
                    return True  # another node did it
                self._summarised[build.build] = self.position // EVERY * EVERY
        return False

    def _forget(self, events: Sequence[Recorded]) -> None:
        """Keep what is remembered within its bounds."""
        touched = dict.fromkeys(e.stream for e in events)
        forgotten = self._families.forget(touched=touched, keep=STREAMS, weight=STREAMS_BYTES)
        self._bases.forget(forgotten)
        self._deriving.forget(forgotten)
        self._deriving.tidy(sum(e.weight for e in events))

    def _as_much_work_as(self, events: Sequence[Recorded], most: int) -> Sequence[Recorded]:
        """The first of some events, those that take no more work than a batch may; at least one."""
        work, before = 0, Counter[str]()
        for number, e in enumerate(events):
            work += self._families.work(e, before[e.stream])
            if work > most and number:
                return events[:number]
            before[e.stream] += 1
        return events

    async def _remember(self, events: Sequence[Recorded]) -> None:
        """Read the history of the streams that are touched and not known, and of those merged with them."""
        begun = {e.stream for e in events if e.stream_version == 1}
        named = {s for e in events for s in merged_streams(e)}
        old = {s for s in ({e.stream for e in events} | named) - begun if s not in self._families}
        if not old:
            return
        links = await read_links(self._connection, old, self.position)
        streams = old | {s for link in links for s in link}
        histories: dict[str, list[Recorded]] = {s: [] for s in streams}
        for e in await read_streams(self._connection, streams, self.position):
            histories[e.stream].append(e)
        self._families.take(histories, links)


def _as_heavy_as(read: Section, most: int) -> Section:
    """What is before the first event with which it would be heavier; at least one event."""
    weight = 0
    for number, e in enumerate(read.events):
        weight += e.weight
        if weight > most and number:
            return read.before(e.position)
    return read
