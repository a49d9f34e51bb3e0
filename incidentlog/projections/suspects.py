"""All subjects of an import that may have been told before (docs/import.md, Twice in the log). Pure.

Who is compared with whom: subjects of one category whose days touch, at one place or in neighbouring cells of a grid.
They come in the order of time, and only those are held that the next ones may be near: whatever the length of an
import, it takes the memory of a month or two. Nothing is merged by it: a person does that.
"""

from bisect import insort
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from heapq import heappop, heappush
from itertools import islice
from math import ceil, floor
from typing import Final

from incidentlog.folding.whereabouts import FINE, place_key
from incidentlog.projections.candidates import APART, LONGEST, Candidate, Outline, compare, reach

EACH: Final = 5
"""How many candidates of a subject are told: the best."""
COMPARED: Final = 2_000
"""With how many others a subject is compared at most: those of a day and a place are seldom so many."""
COMPARED_IN_ALL: Final = 20_000_000
"""How many comparisons there are at most, which takes a minute or so."""
CELL: Final = 0.25
"""The size of a cell of the grid, in degrees."""
AROUND_THE_GLOBE: Final = round(360 / CELL)
TWIN: Final = timedelta(minutes=10)
"""Reports of one thing, by time, begin so near each other; pairs of alert files mostly do within five minutes."""

Rank = tuple[bool, float, bool, timedelta, float, str]
"""How good a candidate is: the best is the least."""


@dataclass(frozen=True, slots=True)
class Suspect:
    """A subject that may be one of the import's, told before or elsewhere, and why."""

    other: Outline
    candidate: Candidate
    starts_apart: timedelta
    is_same_source: bool
    """Whether both come from one source, under two ids: it then says itself that they are two."""

    @property
    def rank(self) -> Rank:
        """From two sources, then near in time, at one place, begun together, and near."""
        c = self.candidate
        near = c.hours_apart, c.where != "same_place", self.starts_apart, c.kilometres or 0.0
        return (self.is_same_source, *near, c.stream)


@dataclass(frozen=True, slots=True)
class Suspected:
    """A subject of an import with those that may be the same, the best first."""

    own: Outline
    suspects: Sequence[Suspect]

    @property
    def is_close(self) -> bool:
        """Whether it and the best are from two sources, at one place, known to the minute, beginning together."""
        best = self.suspects[0]
        alike = best.candidate.where == "same_place" and best.starts_apart <= TWIN
        return alike and not best.is_same_source and self.own.is_timed


Place = tuple[type, object]
"""A category, and a place or a cell."""


@dataclass(slots=True)
class Blocks:
    """Subjects by day, category and place: those that share no block, nor a neighbouring one, are not compared."""

    _held: dict[date, dict[Place, list[Outline]]] = field(default_factory=dict)

    def add(self, other: Outline) -> None:
        """Put it where it may be looked for: on each of its days, at its place and in its cell."""
        places = [(other.family, place) for place in _own_keys(other)]
        for day in _days(other, timedelta(0)):
            held = self._held.setdefault(day, defaultdict(list))
            for place in places:
                held[place].append(other)

    def near(self, one: Outline) -> Iterator[Outline]:
        """Whatever may be within 24 h and 15 km of it, each once."""
        seen = {one.stream}
        places = [(one.family, place) for place in _keys_around(one)]
        for day in _days(one, APART):
            held = self._held.get(day, {})
            for place in places:
                for other in held.get(place, ()):
                    if other.stream not in seen:
                        seen.add(other.stream)
                        yield other

    @property
    def days(self) -> int:
        """How many days it knows of."""
        return len(self._held)

    def forget(self, before: date) -> None:
        """Let go of the days before one."""
        for day in [day for day in self._held if day < before]:
            del self._held[day]


class Comparison:
    """An import's subjects, compared with others and with each other as they come, in the order of time."""

    def __init__(self, mine: Collection[str]) -> None:
        """`mine` are the streams of the import."""
        self._mine, self._blocks = mine, Blocks()
        self._of_source: set[str] = set()
        self._waiting: list[tuple[date, str, Outline]] = []
        """Those of the import that later ones may be near, by the last day on which these may begin."""
        self._left = COMPARED_IN_ALL
        self.subjects = 0
        """How many of the import were compared."""
        self.whole = True
        """Whether all were compared with all that they may be."""

    @property
    def held(self) -> int:
        """On how many days something is held."""
        return self._blocks.days

    def take(self, one: Outline, *, of_source: bool = False) -> None:
        """Take in a subject; `of_source` says of another one that it came under the ids of the import's source."""
        self._blocks.add(one)
        if of_source:
            self._of_source.add(one.stream)
        if one.stream in self._mine:
            heappush(self._waiting, ([*_days(one, APART)][-1], one.stream, one))

    def upto(self, begin: datetime | None) -> Iterator[Suspected | None]:
        """What is suspected of those of the import that nothing later is near, as all that comes begins then or after.

        None of one of which nothing is suspected. `begin` None: nothing more comes.
        """
        while self._waiting and (begin is None or self._waiting[0][0] < begin.date()):
            yield self._look_at(heappop(self._waiting)[-1])
        if begin is not None:
            self._blocks.forget(min([(begin - APART).date(), *(next(_days(own, APART)) for *_, own in self._waiting)]))

    def _look_at(self, one: Outline) -> Suspected | None:
        self.subjects += 1
        near = self._blocks.near(one)
        others = list(islice(near, min(COMPARED, self._left)))
        self._left -= len(others)
        found = [s for other in others if (s := self._suspect(one, other)) is not None]
        self.whole &= next(near, None) is None
        return Suspected(one, sorted(found, key=lambda s: s.rank)[:EACH]) if found else None

    def _suspect(self, one: Outline, other: Outline) -> Suspect | None:
        if (candidate := compare(one, other)) is None:
            return None
        starts_apart = abs(one.span[0] - other.span[0])
        is_mine = other.stream in self._mine
        if not is_mine and other.stream not in self._of_source:
            return Suspect(other, candidate, starts_apart, is_same_source=False)
        # A source that tells of one place for days would else be suspected against itself all along, and once each way.
        alike = candidate.where == "same_place" and candidate.hours_apart == 0 and not starts_apart
        if not alike or (is_mine and one.stream > other.stream):
            return None
        return Suspect(other, candidate, starts_apart, is_same_source=True)


class Ranking:
    """The order of what is suspected, the surest first. Of each subject it holds a line, and not what was found."""

    def __init__(self) -> None:
        self._lines: list[tuple[Rank, str, int, bool]] = []
        """In order: of each subject the rank of its best, its stream, its number, and whether the two are close."""
        self._best: dict[str, tuple[Rank, str]] = {}
        """For each that is suspected the subject that it is the best for, with its rank there."""

    def take(self, found: Suspected) -> None:
        """One more."""
        own = found.own.stream
        for suspect in found.suspects:
            told = suspect.rank, own
            self._best[suspect.candidate.stream] = min(told, self._best.get(suspect.candidate.stream, told))
        # One after the other: to sort all of a long import at once would hold up everybody.
        insort(self._lines, (found.suspects[0].rank, own, len(self._lines), found.is_close))

    def order(self) -> list[tuple[int, bool]]:
        """The numbers of all that were taken, in their order, each with whether its best is likely one with it.

        It is where they are close, and each is the other's best.
        """
        told = [(n, close and self._best[rank[-1]][1] == own) for rank, own, n, close in self._lines]
        return [*(line for line in told if line[1]), *(line for line in told if not line[1])]


# --------------------------------------------------------------------------------------------------------- blocks


def _days(one: Outline, more: timedelta) -> Iterator[date]:
    """The days (UTC) that it touches, and `more` before and after; of what took very long the first ones."""
    first, last = (one.span[0] - more).date(), (one.span[1] + more).date()
    last = min(last, first + LONGEST + 2 * more)
    for n in range((last - first).days + 1):
        yield first + timedelta(days=n)


def _own_keys(one: Outline) -> Iterator[object]:
    yield place_key(one.place), one.place.country
    if _has_cell(one):
        yield _cell(one)


def _keys_around(one: Outline) -> Iterator[object]:
    yield place_key(one.place), one.place.country
    if not _has_cell(one):
        return
    (row, column), (height, width) = _cell(one), reach(one.place.lat or 0.0)
    beside = min(ceil(width / CELL), AROUND_THE_GLOBE // 2)
    for north in range(-ceil(height / CELL), ceil(height / CELL) + 1):
        for east in range(-beside, beside + 1):
            yield row + north, (column + east) % AROUND_THE_GLOBE


def _has_cell(one: Outline) -> bool:
    return one.place.precision in FINE and one.place.lat is not None and one.place.lon is not None


def _cell(one: Outline) -> tuple[int, int]:
    lat, lon = one.place.lat or 0.0, one.place.lon or 0.0
    return floor(lat / CELL), floor(lon / CELL) % AROUND_THE_GLOBE
