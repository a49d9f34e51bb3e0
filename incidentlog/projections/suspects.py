"""All subjects of an import that may have been told before, at once (docs/import.md, Twice in the log). Pure.

Who is compared with whom: subjects of one category whose days touch, at one place or in neighbouring cells of a grid.
Nothing is merged by it: a person does that.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from itertools import islice
from math import ceil, floor
from typing import Final

from incidentlog.folding.whereabouts import FINE, place_key
from incidentlog.projections.candidates import APART, LONGEST, Candidate, Outline, compare, reach

EACH: Final = 5
"""How many candidates of a subject are told: the best."""
COMPARED: Final = 2_000
"""With how many others a subject is compared at most: those of a day and a place are seldom so many."""
COMPARED_IN_ALL: Final = 2_000_000
"""How many comparisons there are at most, which takes seconds."""
CELL: Final = 0.25
"""The size of a cell of the grid, in degrees."""
AROUND_THE_GLOBE: Final = round(360 / CELL)
TWIN: Final = timedelta(minutes=10)
"""Reports of one thing, by time, begin so near each other; pairs of alert files mostly do within five minutes."""


@dataclass(frozen=True, slots=True)
class Suspect:
    """A subject that may be one of the import's, told before or elsewhere, and why."""

    other: Outline
    candidate: Candidate
    starts_apart: timedelta
    is_same_source: bool
    """Whether both come from one source, under two ids: it then says itself that they are two."""
    likely: bool = False
    """Whether each is the other's best, from two sources, at one place, known to the minute, beginning together."""

    @property
    def rank(self) -> tuple[object, ...]:
        """The best is the least."""
        c = self.candidate
        told = self.is_same_source, c.hours_apart, c.where != "same_place", self.starts_apart, c.kilometres or 0.0
        return (not self.likely, *told, c.stream)


@dataclass(frozen=True, slots=True)
class Suspected:
    """A subject of an import with those that may be the same, the best first."""

    own: Outline
    suspects: Sequence[Suspect]


@dataclass(slots=True)
class Review:
    """What an import may have told again."""

    groups: Sequence[Suspected]
    """The best first."""
    subjects: int
    """How many subjects it has that were compared."""
    whole: bool
    """Whether all were compared with all that they may be."""

    @property
    def likely(self) -> int:
        """How many subjects have a likely twin."""
        return sum(group.suspects[0].likely for group in self.groups)


Block = tuple[type, object, date]


@dataclass(slots=True)
class Blocks:
    """Subjects by category, place and day: those that share no block, nor a neighbouring one, are not compared."""

    _held: dict[Block, list[Outline]] = field(default_factory=lambda: defaultdict(list))

    def add(self, other: Outline) -> None:
        """Put it where it may be looked for: on each of its days, at its place and in its cell."""
        for place in _own_keys(other):
            for day in _days(other, timedelta(0)):
                self._held[other.family, place, day].append(other)

    def near(self, one: Outline) -> Iterator[Outline]:
        """Whatever may be within 24 h and 15 km of it, each once."""
        seen = {one.stream}
        for place in _keys_around(one):
            for day in _days(one, APART):
                for other in self._held.get((one.family, place, day), ()):
                    if other.stream not in seen:
                        seen.add(other.stream)
                        yield other


class Comparison:
    """An import's subjects, compared one after the other with others and with each other."""

    def __init__(self, own: Iterable[Outline], others: Iterable[Outline], of_source: Collection[str]) -> None:
        """`of_source` are others that came under the ids of the import's source."""
        self._blocks, self._mine = Blocks(), dict[str, Outline]()
        self._of_source = of_source
        self._groups, self._whole, self._left = list[Suspected](), True, COMPARED_IN_ALL
        for one in own:
            self._mine[one.stream] = one
            self._blocks.add(one)
        for other in others:
            self._blocks.add(other)

    def look_at(self, one: Outline) -> None:
        """Compare a subject of the import."""
        near = self._blocks.near(one)
        others = list(islice(near, min(COMPARED, self._left)))
        self._left -= len(others)
        found = [s for other in others if (s := self._suspect(one, other)) is not None]
        self._whole &= next(near, None) is None
        if found:
            self._groups.append(Suspected(one, sorted(found, key=lambda s: s.rank)[:EACH]))

    def review(self) -> Review:
        """What was found."""
        return Review(_graded(self._groups), len(self._mine), self._whole)

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


def _graded(groups: Sequence[Suspected]) -> Sequence[Suspected]:
    """The groups in their order, with what is likely marked as such."""
    best: dict[str, Suspect] = {}
    for group in groups:
        for suspect in group.suspects:
            known = best.get(suspect.candidate.stream)
            if known is None or suspect.rank < known.rank:
                best[suspect.candidate.stream] = suspect
    graded = []
    for group in groups:
        first = group.suspects[0]
        twin = (
            best[first.candidate.stream] is first
            and not first.is_same_source
            and first.candidate.where == "same_place"
            and first.starts_apart <= TWIN
            and group.own.is_timed
        )
        graded.append(replace(group, suspects=[replace(first, likely=twin), *group.suspects[1:]]))
    return sorted(graded, key=lambda g: (g.suspects[0].rank, g.own.stream))


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
