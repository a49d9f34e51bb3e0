"""Subjects of an import that may have been told before: read to be compared in the order of time, a few at a time."""

from collections.abc import AsyncGenerator, AsyncIterator, Collection, Iterable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from sys import maxsize
from typing import Final

import numpy as np

from incidentlog.events.recorded import Recorded
from incidentlog.folding.lines import EPOCH, Numbers, instant_at, instant_number
from incidentlog.folding.subject import Subject
from incidentlog.folding.totalling import Part, Window, work
from incidentlog.projections.candidates import APART, LONGEST, Outline, outline
from incidentlog.projections.suspects import Comparison, Suspected
from incidentlog.sqlfiles import query
from incidentlog.store.builds import Build
from incidentlog.store.connect import Connection, Pool
from incidentlog.store.filters import EventFilter
from incidentlog.store.pages import fetch_page
from incidentlog.store.search import search_events
from incidentlog.store.segments import read_parts, remembering
from incidentlog.store.versions import Texts, light_of
from incidentlog.turns import Turns, beside

OWN: Final = 100_000
"""The most subjects of an import that are compared: those that it told of first."""
OTHERS: Final = 200_000
"""The most subjects that happened in its time and are compared with them: the earliest."""
PORTION: Final = 500
AT_ONCE: Final = 200
"""How many events are read at a time: between two turns of the loop they are all made."""
HELD_BYTES: Final = 4 * 2**20
"""About how many bytes of lines are held of those that were read: nobody asks for them again soon."""
COMPARING_OCTETS: Final = 8 * 1024
"""What it is to compare a subject with those near it, for `Turns`."""
NOT_COMPARED: Final = frozenset({"import", "place", "actor", "source", "policy"})
"""Categories of which nothing happens anywhere."""


@dataclass(slots=True)
class Progress:
    """How far a review is, and at its end how much of it there is."""

    subjects: int = 0
    """How many subjects the import told of, as far as that is known."""
    compared: int = 0
    """How many of them were compared; of what is left of none, nothing is."""
    whole: bool = True
    """Whether all are compared with all that they may be."""


async def suspected(
    pool: Pool | Connection, timeline: Build, number: int, progress: Progress, *, clearance: int, position: int
) -> AsyncGenerator[Suspected, None]:
    """What an import may have told again, as of a position, for a clearance; in the order of time.

    `timeline` is the build of the daily timeline, in which amended times count. The first OWN subjects of it are
    compared, with at most OTHERS: where `progress` says that it is not `whole`, some were left out. What the clearance
    does not see of the import, or of others, makes no difference.
    """
    turns = Turns()
    told = await _told_by(pool, number, clearance, position, turns)
    mine = told.streams
    progress.subjects, progress.whole = len(mine), told.whole
    begins = _Begins(pool, timeline, clearance, position, told)
    await begins.read(number, turns)
    progress.whole &= begins.whole
    begun, order = begins.in_order()
    del begins
    comparison = Comparison(mine)
    for start in range(0, len(order), PORTION):
        async for found in _looked_at(comparison, instant_at(int(begun[start])), progress, turns):
            yield found
        streams = order[start : start + PORTION]
        of_source = await _of_source(pool, [s for s in streams if s not in mine], told, clearance, position, turns)
        async for one in _outlines(pool, streams, clearance, position, turns):
            comparison.take(one, of_source=one.stream in of_source)
    async for found in _looked_at(comparison, None, progress, turns):
        yield found
    progress.whole &= comparison.whole
    progress.subjects = comparison.subjects


async def _looked_at(
    comparison: Comparison, begin: datetime | None, progress: Progress, turns: Turns
) -> AsyncIterator[Suspected]:
    for found in comparison.upto(begin):
        progress.compared = comparison.subjects
        if found is not None:
            yield found
        await turns.spend(COMPARING_OCTETS)


@dataclass(slots=True)
class _Told:
    """What some events tell of, but for records, and from where they have it."""

    streams: dict[str, int | None] = field(default_factory=dict)
    """As many as are compared, at most: those that were told of first; with when they began, once that is known."""
    created: set[str] = field(default_factory=set)
    """Those of them of which there was nothing before."""
    whole: bool = True
    """Whether these are all."""
    origins: set[tuple[str, str]] = field(default_factory=set)
    """Schemes of ids elsewhere, each with a source that is cited beside it: two sources may come under one scheme."""


async def _told_by(pool: Pool | Connection, number: int, clearance: int, position: int, turns: Turns) -> _Told:
    """What the events of an import say that a clearance sees, as of a position."""
    told = _Told()
    async with aclosing(_events(pool, EventFilter(imports=(number,)), clearance, position, turns)) as events:
        async for event in events:
            if event.category in NOT_COMPARED or event.type.startswith("record."):
                continue
            if event.stream not in told.streams:
                if len(told.streams) == OWN:
                    told.whole = False
                    break
                told.streams[event.stream] = None
                if event.stream_version == 1:
                    told.created.add(event.stream)
            told.origins |= _origins(event)
    return told


async def _events(
    pool: Pool | Connection, wanted: EventFilter, clearance: int, position: int, turns: Turns
) -> AsyncGenerator[Recorded, None]:
    """The events that pass a filter and that a clearance sees, as of a position."""
    after = 0
    while after < position:
        found, after = await search_events(pool, wanted, after=after, upto=position, clearance=clearance, limit=AT_ONCE)
        for event in found.events:
            yield event
            await turns.spend(len(event.body or ""))


def _origins(event: Recorded) -> set[tuple[str, str]]:
    """By its own text, which is not judged again: that takes ten times as long."""
    said = event.body_as_sent
    ids, sources = said.get("external_ids") or (), said.get("sources") or ()
    return {(e["scheme"], source["source_id"]) for e in ids for source in sources}


async def _outlines(
    pool: Pool | Connection, streams: Sequence[str], clearance: int, position: int, turns: Turns
) -> AsyncGenerator[Outline, None]:
    """What is compared of the subjects of some streams; of those that were merged into others there is none."""
    for start in range(0, len(streams), PORTION):
        left = sorted(streams[start : start + PORTION])
        while left:
            rows, beyond = await fetch_page(
                pool, query("answer", "subjects"), left, clearance, position, at_a_time=PORTION
            )
            async for _, text in Texts(pool).of(rows):
                state = await light_of(text)
                if isinstance(state, Subject) and (found := outline(state)) is not None:
                    yield found
                await turns.spend(text.work)
            left = [] if beyond is None else [s for s in left if s >= beyond["stream"]]


@dataclass(slots=True)
class _Begins:
    """When subjects may have begun, by the lines of the daily timeline: no subject is read for it."""

    pool: Pool | Connection
    timeline: Build
    clearance: int
    position: int
    told: _Told
    others: dict[str, int] = field(default_factory=dict)
    """Of those that are not the import's: by stream the first instant at which anything of it began, as a number."""
    last: int = -maxsize
    """The last instant at which anything of the import's began."""

    @property
    def whole(self) -> bool:
        """Whether there are not more others than are compared."""
        return len(self.others) <= OTHERS

    async def read(self, number: int, turns: Turns) -> None:
        """When the subjects of an import began, and others of their categories that may be near them."""
        mine = self.told.streams
        async for parts in self._read(number - 1):
            await beside(work(parts), partial(self._take_own, parts))
        older = [stream for stream, at in mine.items() if at is None]
        async for one in _outlines(self.pool, older, self.clearance, self.position, turns):
            mine[one.stream] = begun = instant_number(one.span[0])
            self.last = max(self.last, begun)
        known = [at for at in mine.values() if at is not None]
        if known:
            since = instant_at(min(known)) - 2 * APART - LONGEST  # as blocks are whole days
            until = instant_at(self.last) + 3 * APART + LONGEST
            categories = {stream.partition(":")[0] for stream in mine}
            async for parts in self._read(0, later_than=since, at=until):
                await beside(work(parts), partial(self._take_others, parts, categories))

    def in_order(self) -> tuple[Numbers, list[str]]:
        """When all that are compared began, in this order, and which they are. Of one that is gone there is nothing."""
        own = [(stream, at) for stream, at in self.told.streams.items() if at is not None]
        streams, begun = [*(s for s, _ in own), *self.others], [*(at for _, at in own), *self.others.values()]
        instants = np.array(begun, np.int64)
        order = np.argsort(instants, kind="stable")
        if not self.whole:  # the last ones are left out
            is_other = order >= len(own)
            order = order[~is_other | (np.cumsum(is_other) <= OTHERS)]
        return instants[order], [streams[n] for n in order.tolist()]

    async def _read(self, after: int, **world: datetime) -> AsyncIterator[Sequence[Part]]:
        window, held = Window(after, self.position, self.clearance, **world), remembering(HELD_BYTES)
        async for parts in read_parts(self.pool, self.timeline, window, held):
            yield parts

    def _take_own(self, parts: Iterable[Part]) -> None:
        mine = self.told.streams
        for stream, first, last in _first_and_last(parts):
            if stream in self.told.created:
                mine[stream] = min(first, mine[stream] or first)
                self.last = max(self.last, last)

    def _take_others(self, parts: Iterable[Part], categories: Collection[str]) -> None:
        for stream, first, _ in _first_and_last(parts):
            if stream not in self.told.streams and stream.partition(":")[0] in categories:
                self.others[stream] = min(first, self.others.get(stream, first))


def _first_and_last(parts: Iterable[Part]) -> Iterator[tuple[str, int, int]]:
    """Each stream with lines in their windows, and the first and the last instant at which anything of it began."""
    for part in parts:
        chosen = part.window.choose(part.lines)
        streams, codes = part.lines.streams
        begun, of_begun = part.lines.dimension(part.dimensions.index("occurred"))
        instants, counted = _numbers(begun)[of_begun], part.lines.instants
        if chosen is not None:
            codes, instants, counted = codes[chosen], instants[chosen], counted[chosen]
        first, last = np.full(len(streams), maxsize), np.full(len(streams), -maxsize)
        np.minimum.at(first, codes, np.minimum(instants, counted))  # it counts earlier where a clock was ahead
        np.maximum.at(last, codes, instants)
        for n in np.unique(codes).tolist():
            yield str(streams[n]), int(first[n]), int(last[n])


def _numbers(instants: Sequence[str | None]) -> Numbers:
    """The numbers of instants, from their texts."""
    read = np.array([str(at).removesuffix("+00:00") for at in instants], "datetime64[us]")
    found: Numbers = (read - np.datetime64(EPOCH.replace(tzinfo=None), "us")).astype(np.int64)
    return found


async def _of_source(
    pool: Pool | Connection, streams: Sequence[str], own: _Told, clearance: int, position: int, turns: Turns
) -> frozenset[str]:
    """Those of some streams that came under the ids of the import's source, which thus told them apart itself."""
    schemes = tuple((scheme, None) for scheme in sorted({scheme for scheme, _ in own.origins}))
    found = set[str]()
    for start in range(0, len(streams) if schemes else 0, PORTION):
        wanted = EventFilter(streams=tuple(streams[start : start + PORTION]), external_ids=schemes)
        async for event in _events(pool, wanted, clearance, position, turns):
            if event.stream not in found and not own.origins.isdisjoint(_origins(event)):
                found.add(event.stream)
    return frozenset(found)
