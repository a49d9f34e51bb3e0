"""Subjects of an import that may have been told before: read to be compared, many at once, of each a little."""

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Final

from incidentlog.folding.lines import MICROSECOND
from incidentlog.folding.subject import Subject
from incidentlog.folding.totalling import Window, streams_of
from incidentlog.projections.candidates import APART, LONGEST, Outline, outline
from incidentlog.projections.suspects import Comparison, Review
from incidentlog.sqlfiles import query
from incidentlog.store.builds import Build
from incidentlog.store.connect import Connection, Pool
from incidentlog.store.pages import fetch_page
from incidentlog.store.segments import read_parts
from incidentlog.store.versions import Texts
from incidentlog.turns import Turns

OWN: Final = 20_000
"""The most subjects of an import that are compared."""
OTHERS: Final = 60_000
"""The most subjects that happened in its time and are compared with them."""
PORTION: Final = 500


async def read_review(pool: Pool, timeline: Build, number: int, *, clearance: int, position: int) -> Review:
    """What an import may have told again, as of a position, for a clearance.

    `timeline` is the build of the daily timeline, in which amended times count. At most OWN subjects of it are
    compared, with at most OTHERS: a review that says that it is not `whole` left some out.
    """
    turns = Turns()
    own = await _of_import(pool, number, clearance, position, turns)
    is_cut = len(own) > OWN
    del own[OWN:]
    if not own:
        return Review((), 0, whole=True)
    about = await _around(pool, timeline, own, clearance, position)
    known = {o.stream for o in own}
    wanted = sorted(about - known)
    others = [o async for o in _outlines(pool, wanted[:OTHERS], clearance, position, turns)]
    of_source = await _of_source(pool, [o.stream for o in others], number, clearance, position)
    comparison = Comparison(own, others, of_source)
    for one in own:
        comparison.look_at(one)
        await turns.spend(0)
    found = comparison.review()
    found.whole &= not is_cut and len(wanted) <= OTHERS
    return found


async def _of_import(
    pool: Pool | Connection, number: int, clearance: int, position: int, turns: Turns
) -> list[Outline]:
    """What is compared of an import's subjects that the clearance sees: those, and no others, count for the limit."""
    own, after = list[Outline](), ""
    while len(own) <= OWN:
        rows = await pool.fetch(query("suspects", "streams_of_import"), number, position, after, OWN)
        streams = [row["stream"] for row in rows]
        own += [o async for o in _outlines(pool, streams, clearance, position, turns)]
        if len(rows) < OWN:
            break
        after = streams[-1]
    return own


async def _outlines(
    pool: Pool | Connection, streams: Sequence[str], clearance: int, position: int, turns: Turns
) -> AsyncIterator[Outline]:
    """What is compared of the subjects of some streams; of those that were merged into others there is none."""
    for start in range(0, len(streams), PORTION):
        left = sorted(streams[start : start + PORTION])
        while left:
            rows, beyond = await fetch_page(
                pool, query("answer", "subjects"), left, clearance, position, at_a_time=PORTION
            )
            async for _, text in Texts(pool).of(rows):
                state = text.light
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
    pool: Pool | Connection, streams: Sequence[str], number: int, clearance: int, position: int
) -> frozenset[str]:
    """Those of some streams that came under the ids of the import's source, which thus told them apart itself."""
    rows = await pool.fetch(query("suspects", "of_source"), streams, number, position, clearance)
    return frozenset(row["stream"] for row in rows)
