"""Subjects of an import that may have been told before: read to be compared, many at once, of each a little."""

import asyncio
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Final

from incidentlog.events.recorded import Recorded
from incidentlog.folding.lines import MICROSECOND
from incidentlog.folding.subject import Subject
from incidentlog.folding.totalling import Window, streams_of
from incidentlog.projections.candidates import APART, LONGEST, Outline, outline
from incidentlog.projections.suspects import Comparison, Review
from incidentlog.sqlfiles import query
from incidentlog.store.builds import Build
from incidentlog.store.connect import Connection, Pool
from incidentlog.store.pages import fetch_page
from incidentlog.store.read import EventFilter, search_events
from incidentlog.store.segments import read_parts
from incidentlog.store.versions import Texts, light_of
from incidentlog.turns import Turns

OWN: Final = 20_000
"""The most subjects of an import that are compared: those that it told of first."""
OTHERS: Final = 60_000
"""The most subjects that happened in its time and are compared with them."""
PORTION: Final = 500
NOT_COMPARED: Final = frozenset({"import", "place", "actor", "source", "policy"})
"""Categories of which nothing happens anywhere."""


async def read_review(pool: Pool, timeline: Build, number: int, *, clearance: int, position: int) -> Review:
    """What an import may have told again, as of a position, for a clearance.

    `timeline` is the build of the daily timeline, in which amended times count. The first OWN subjects of it are
    compared, with at most OTHERS: a review that says that it is not `whole` left some out. What the clearance does not
    see of the import, or of others, makes no difference.
    """
    turns = Turns()
    told = await _told_by(pool, number, clearance, position, turns)
    is_cut = len(told.streams) > OWN
    own = [o async for o in _outlines(pool, sorted([*told.streams][:OWN]), clearance, position, turns)]
    if not own:
        return Review((), 0, whole=True)
    about = await _around(pool, timeline, own, clearance, position)
    known = {o.stream for o in own}
    wanted = sorted(about - known)
    others = [o async for o in _outlines(pool, wanted[:OTHERS], clearance, position, turns)]
    of_source = await _of_source(pool, [o.stream for o in others], told, clearance, position, turns)
    found = await asyncio.to_thread(_compared, own, others, of_source)
    found.whole &= not is_cut and len(wanted) <= OTHERS
    return found


def _compared(own: Sequence[Outline], others: Sequence[Outline], of_source: frozenset[str]) -> Review:
    comparison = Comparison(own, others, of_source)
    for one in own:
        comparison.look_at(one)
    return comparison.review()


@dataclass(slots=True)
class _Told:
    """What some events tell of, but for records, and from where they have it."""

    streams: dict[str, None] = field(default_factory=dict)
    """In the order in which they were told of: one more than are compared, at most."""
    origins: set[tuple[str, str]] = field(default_factory=set)
    """Schemes of ids elsewhere, each with a source that is cited beside it: two sources may come under one scheme."""


async def _told_by(pool: Pool | Connection, number: int, clearance: int, position: int, turns: Turns) -> _Told:
    """What the events of an import say that a clearance sees, as of a position."""
    told = _Told()
    async with aclosing(_events(pool, EventFilter(imports=(number,)), clearance, position, turns)) as events:
        async for event in events:
            if event.category not in NOT_COMPARED and not event.type.startswith("record."):
                told.streams[event.stream] = None
                told.origins |= _origins(event)
            if len(told.streams) > OWN:  # more are not compared
                break
    return told


async def _events(
    pool: Pool | Connection, wanted: EventFilter, clearance: int, position: int, turns: Turns
) -> AsyncGenerator[Recorded, None]:
    """The events that pass a filter and that a clearance sees, as of a position."""
    after = 0
    while after < position:
        found, after = await search_events(pool, wanted, after=after, upto=position, clearance=clearance, limit=PORTION)
        for event in found.events:
            yield event
            await turns.spend(len(event.body or ""))


def _origins(event: Recorded) -> set[tuple[str, str]]:
    if (envelope := event.envelope) is None:
        return set()
    return {(e.scheme, source.source_id) for e in envelope.external_ids for source in envelope.sources}


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


async def _around(
    pool: Pool | Connection, timeline: Build, own: Iterable[Outline], clearance: int, position: int
) -> set[str]:
    """The streams of the same categories of which something happened while the import's subjects did, or near."""
    spans = [o.span for o in own]
    categories = {o.stream.partition(":")[0] for o in own}
    since, until = min(s for s, _ in spans) - APART - LONGEST, max(u for _, u in spans) + APART
    window = Window(0, position, clearance, later_than=since - MICROSECOND, at=until)
    found: set[str] = set()
    async for parts in read_parts(pool, timeline, window, ()):
        for part in parts:
            found |= {s for s in streams_of(part.lines, part.window, "") if s.partition(":")[0] in categories}
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
            if not own.origins.isdisjoint(_origins(event)):
                found.add(event.stream)
    return frozenset(found)
