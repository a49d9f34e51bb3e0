"""Sums over the lines of ledgers, by group: what `group_bookings` does line by line, over whole columns. Pure."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from typing import Final, NamedTuple
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from incidentlog.folding.lines import Chosen, Lines, Numbers, instant_number, pack_totals, renumbered
from incidentlog.folding.periods import ALWAYS, bounds, days_in
from incidentlog.folding.rows import Group, Grouping
from incidentlog.folding.shapes import Key
from incidentlog.recent import Recent

CHUNK: Final = 200_000
"""So many lines are held before they are summed, or twice as many as the groups are: what is held grows with these."""
KEPT_BYTES: Final = 32 * 2**20
"""About how many bytes of sums of segments a process keeps."""
FEW_LINES: Final = 32
"""Fewer lines than this are summed anew each time: a sum of them is hardly less."""
FEW_VALUES: Final = 200
"""What is narrowed to more values than this is hardly asked for again: they are the keys of some documents."""
LARGEST: Final = 1 << 62
"""Sums beyond it are refused: they are near the end of what 64 bits hold."""


class Extent(NamedTuple):
    """Between which positions some lines were booked, and which instants they count from, and their highest marking."""

    first: int
    last: int
    earliest: int
    latest: int
    level: int

    @classmethod
    def of(cls, lines: Lines) -> "Extent":
        """That of lines, at least one."""
        positions, instants = lines.positions, lines.instants
        ends = (positions.min(), positions.max(), instants.min(), instants.max(), lines.levels.max())
        return cls(*map(int, ends))


@dataclass(frozen=True, slots=True)
class Window:
    """Which lines are asked for: by where they were booked, who sees them, and from when they count."""

    after: int
    """A position, exclusive."""
    upto: int
    """A position, inclusive."""
    clearance: int
    later_than: datetime | None = None
    """An instant of the world: only what counts from later on."""
    at: datetime | None = None
    """An instant of the world: only what counts by then."""

    def choose(self, lines: Lines) -> Chosen:
        """The lines in it."""
        masks = [lines.positions > self.after, lines.positions <= self.upto, lines.levels <= self.clearance]
        if self.later_than is not None:
            masks.append(lines.instants > instant_number(self.later_than))
        if self.at is not None:
            masks.append(lines.instants <= instant_number(self.at))
        return both(*(mask for mask in masks if not mask.all()))

    def has(self, extent: Extent) -> bool:
        """Whether lines are in it, all of them."""
        return (
            self.after < extent.first
            and extent.last <= self.upto
            and extent.level <= self.clearance
            and (self.later_than is None or extent.earliest > instant_number(self.later_than))
            and (self.at is None or extent.latest <= instant_number(self.at))
        )


def narrowed(lines: Lines, grouping: Grouping, dimensions: Sequence[str]) -> Chosen:
    """The lines that a grouping keeps; `dimensions` are those of the lines."""
    masks = [_kept(lines, dimensions.index(name), set(values)) for name, values in grouping.where.items()]
    if grouping.has_period:
        masks.append(_in_period(lines, grouping, grouping.calendar(dimensions)))
    return both(*masks)


def _in_period(lines: Lines, grouping: Grouping, calendar: Sequence[int]) -> NDArray[np.bool_]:
    """As `lies_in`, of every line; `calendar` are the dimensions that say when it was."""
    since, until = bounds(grouping.since, grouping.until)
    known, first, last = (np.full(lines.count, value) for value in (False, *ALWAYS))
    for values, codes in lines.several(calendar):
        days = np.array([days_in(value) for value in values], np.int64).reshape(-1, 2)[codes]
        first, last = np.maximum(first, days[:, 0]), np.minimum(last, days[:, 1])
        known |= np.array([value is not None for value in values], np.bool_)[codes]
    found: NDArray[np.bool_] = known & (first >= since) & (last <= until)
    return found


def _kept(lines: Lines, number: int, wanted: Collection[str | None]) -> NDArray[np.bool_]:
    values, codes = lines.dimension(number)
    return np.array([value in wanted for value in values], np.bool_)[codes]


def streams_of(lines: Lines, window: Window, prefix: str) -> set[str]:
    """Whose lines are in a window, of the streams that begin so."""
    chosen = window.choose(lines)
    streams, codes = lines.streams
    there = np.unique(codes if chosen is None else codes[chosen]).tolist()
    return {stream for n in there if (stream := streams[n]) is not None and stream.startswith(prefix)}


def of_stream(lines: Lines, stream: str) -> Chosen:
    """The lines of one stream."""
    streams, codes = lines.streams
    return np.array([own == stream for own in streams], np.bool_)[codes]


def both(*chosen: Chosen) -> Chosen:
    """The lines that all of some have."""
    masks = [mask for mask in chosen if mask is not None]
    return np.logical_and.reduce(masks) if masks else None


@dataclass(frozen=True, slots=True)
class Part:
    """Lines of which some go into a sum, with the names of their dimensions: a tally's, or a rollup's."""

    lines: Lines
    window: Window
    dimensions: Sequence[str]
    uid: UUID | None = None
    """Of the segment that the lines are: what is stored under it never changes. None where the lines are no segment."""

    @property
    def count(self) -> int:
        """How many lines they are."""
        return self.lines.count

    def choose(self, grouping: Grouping) -> Chosen:
        """Those that a grouping keeps."""
        return both(self.window.choose(self.lines), narrowed(self.lines, grouping, self.dimensions))


def total(parts: Iterable["Part | Summed"], grouping: Grouping, measures: int) -> list[Group]:
    """The groups of some lines; of one whose amounts came to nothing there is the last booking's mark."""
    sums = Totalling(measures)
    sums.take(parts, grouping)
    return sums.groups()


def work(parts: Sequence["Part | Summed"]) -> int:
    """How much it is to sum some lines, in items of plain Python: a line of an array is a hundredth of one."""
    return sum(part.count for part in parts) // 100 + len(parts)


class Booked:
    """Where something was booked in each of some groups: the last positions of each."""

    def __init__(self, keys: Sequence[Key], most: int) -> None:
        """`keys` are the groups, `most` of how many positions of each is told."""
        self._found: dict[Key, list[int]] = {key: [] for key in keys}
        self._near = [set(values) for values in zip(*keys, strict=True)]
        self._most = most

    def take(self, parts: Iterable[Part], grouping: Grouping) -> None:
        """Take in some lines; those that were booked last need not come last."""
        for part in parts:
            by = [part.dimensions.index(name) for name in grouping.by]
            near = [_kept(part.lines, number, values) for number, values in zip(by, self._near, strict=False)]
            chosen = both(part.choose(grouping), *near)
            positions = part.lines.positions if chosen is None else part.lines.positions[chosen]
            for key, position in zip(part.lines.keys(by, chosen), positions.tolist(), strict=True):
                own = self._found.get(key)
                if own is not None and own[-1:] != [position]:
                    own.append(position)
        for own in self._found.values():
            own[:] = sorted(set(own))[-self._most :]

    def positions(self) -> dict[Key, list[int]]:
        """The positions, the newest first."""
        return {key: own[::-1] for key, own in self._found.items()}


@dataclass(slots=True)
class _Summand:
    """Lines or sums: for each dimension the numbers of its values, the amounts of the measures in use, the marks."""

    columns: Sequence[Numbers]
    amounts: Mapping[int, Numbers]
    marks: Numbers

    @property
    def count(self) -> int:
        return len(self.marks)


@dataclass(frozen=True, slots=True)
class Summed:
    """The sums of a segment's lines: for each dimension its values, which the sums name by their numbers."""

    values: Sequence[Sequence[str | None]]
    sums: _Summand | None
    """None where the grouping keeps none of the lines."""
    extent: Extent
    """Of the lines."""

    @property
    def count(self) -> int:
        """How many sums they are."""
        return 0 if self.sums is None else self.sums.count

    @property
    def weight(self) -> int:
        """About how many bytes it takes."""
        arrays = [] if self.sums is None else [*self.sums.columns, *self.sums.amounts.values(), self.sums.marks]
        return 2_000 + sum(array.nbytes for array in arrays) + 100 * sum(len(own) for own in self.values)


Question = tuple[int, tuple[str, ...], tuple[tuple[str, tuple[str, ...]], ...], str | None, str | None]
"""How many measures are summed, and a grouping."""


class Kept:
    """Sums of whole segments by some groupings, those that were asked for lately.

    Whoever asks the same as of another position adds these, and the lines of the segment in which that position is.
    """

    def __init__(self, most: int = KEPT_BYTES) -> None:
        """`most` is in bytes."""
        self._held = Recent[tuple[UUID, Question], Summed](most, lambda _, summed: summed.weight)
        self._lock = Lock()  # sums are made in threads

    def __len__(self) -> int:
        return len(self._held)

    def get(self, key: tuple[UUID, Question]) -> Summed | None:
        """The sums, where they are held still."""
        with self._lock:
            return self._held.get(key)

    def within(self, question: Question, window: Window) -> dict[UUID, Summed]:
        """All sums for a question of segments that are in a window with all their lines: these need not be read."""
        with self._lock:
            held = list(self._held.items())
        return {uid: summed for (uid, own), summed in held if own == question and window.has(summed.extent)}

    def put(self, key: tuple[UUID, Question], summed: Summed) -> None:
        """Hold some sums, and let go of what was not asked for the longest."""
        with self._lock:
            self._held.put(key, summed)


KEPT: Final = Kept()


def _question(measures: int, grouping: Grouping) -> Question | None:
    """By what the sums of a grouping are found; None where they are not kept."""
    if sum(map(len, grouping.where.values())) > FEW_VALUES:
        return None
    return measures, grouping.by, tuple(sorted(grouping.where.items())), grouping.since, grouping.until


class TooManyGroupsError(ValueError):
    """What is summed has more groups than whoever asked wants."""


@dataclass
class Totalling:
    """Sums of lines by the values of some dimensions, and by marking where that is asked for."""

    measures: int
    by_level: bool = False
    most: int | None = None
    """More groups than this are refused, by TooManyGroupsError, and not all summed before."""
    _known: list[dict[str | None, int]] = field(default_factory=list)
    """By dimension the number of each value."""
    _parts: list[_Summand] = field(default_factory=list)
    _room: int = field(default_factory=lambda: CHUNK)
    """How many lines are held before they are summed."""

    def add(self, lines: Lines, chosen: Chosen, by: Sequence[int]) -> None:
        """Take in some of the lines; `by` are the dimensions of the lines, always as many."""
        rows = slice(None) if chosen is None else np.flatnonzero(chosen)
        marks = (lines.positions * 2 + lines.restated)[rows]
        if not len(marks):
            return
        self._known = self._known or [{} for _ in by]
        columns = [lines.levels[rows]] if self.by_level else []
        for (values, codes), known in zip(lines.several(by), self._known, strict=True):
            columns.append(_numbered(values, codes[rows], known))
        amounts = {n: lines.amounts(n)[rows] for n in range(self.measures) if lines.has(n)}
        self._hold(_Summand(columns, amounts, marks))

    def take(self, parts: Iterable[Part | Summed], grouping: Grouping) -> None:
        """Take in what a grouping keeps of some lines, by what it groups by; and what `kept` answered for it.

        Nearly all segments are whole in a window, wherever it ends: their sums are made once for a grouping.
        """
        question = self._question(grouping)
        for part in parts:
            if isinstance(part, Summed):
                self._join(part)
            elif (
                part.uid is None
                or question is None
                or part.count < FEW_LINES
                or part.window.choose(part.lines) is not None
            ):
                self._take(part, grouping)
            else:
                key = part.uid, question
                if (summed := KEPT.get(key)) is None:
                    summed = self._sum_of(part, grouping)
                    if summed.count * 2 <= part.count:  # else the lines are as quick
                        KEPT.put(key, summed)
                self._join(summed)

    def kept(self, grouping: Grouping, window: Window) -> Mapping[UUID, Summed]:
        """The sums of segments that need not be read again, by their uids."""
        question = self._question(grouping)
        return {} if question is None else KEPT.within(question, window)

    def _question(self, grouping: Grouping) -> Question | None:
        return None if self.by_level else _question(self.measures, grouping)

    def _sum_of(self, part: Part, grouping: Grouping) -> Summed:
        own = Totalling(self.measures)
        own._take(part, grouping)
        sums = _summed(own._parts) if own._parts else None
        return Summed([list(known) for known in own._known], sums, Extent.of(part.lines))

    def _take(self, part: Part, grouping: Grouping) -> None:
        self.add(part.lines, part.choose(grouping), [part.dimensions.index(name) for name in grouping.by])

    def _join(self, summed: Summed) -> None:
        if (own := summed.sums) is None:
            return
        self._known = self._known or [{} for _ in summed.values]
        columns = [
            renumbered(values, known)[codes]
            for values, known, codes in zip(summed.values, self._known, own.columns, strict=True)
        ]
        self._hold(_Summand(columns, own.amounts, own.marks))

    def _hold(self, part: _Summand) -> None:
        self._parts.append(part)
        if self.count > self._room:
            self._parts = [self._whole()]
            self._room = max(CHUNK, 2 * self.count)  # else what has many groups would be summed with every few lines

    def _whole(self) -> _Summand:
        part = _summed(self._parts)
        if self.most is not None and part.count > self.most:
            raise TooManyGroupsError(self.most)
        return part

    @property
    def count(self) -> int:
        """How many lines, or groups, are held."""
        return sum(part.count for part in self._parts)

    def groups(self) -> list[Group]:
        """The groups, as `total` answers them."""
        if not self._parts:
            return []
        part = self._whole()
        columns = [
            [values[code] for code in codes.tolist()]
            for values, codes in zip(map(list, self._known), part.columns, strict=True)
        ]
        keys: Iterable[Key] = zip(*columns, strict=True) if columns else [()] * part.count
        nothing = [0] * part.count
        sums: Iterable[Sequence[int]] = (
            [()] * part.count
            if not self.measures
            else zip(
                *(part.amounts[n].tolist() if n in part.amounts else nothing for n in range(self.measures)), strict=True
            )
        )
        return [
            Group(key, own, mark // 2, mark % 2 == 1)
            for key, own, mark in zip(keys, sums, part.marks.tolist(), strict=True)
        ]

    def packed(self, dimensions: int) -> bytes:
        """The groups, each at every marking of its lines, as they are stored: of sums by so many dimensions."""
        none = np.zeros(0, np.int64)
        part = _summed(self._parts) if self._parts else _Summand([none] * (dimensions + 1), {}, none)
        values = [list(known) for known in self._known] or [[]] * dimensions
        levels, *codes = part.columns
        amounts = [part.amounts.get(n) for n in range(self.measures)]
        return pack_totals(list(zip(values, codes, strict=True)), levels, amounts, part.marks)


def _numbered(values: Sequence[str | None], codes: Numbers, known: dict[str | None, int]) -> Numbers:
    """The numbers of some lines' values among those that are known; those that no line has are not looked at."""
    if len(codes) >= len(values):
        return renumbered(values, known)[codes]
    there, own = np.unique(codes, return_inverse=True)
    return renumbered([values[code] for code in there.tolist()], known)[own]


def _summed(parts: Sequence[_Summand]) -> _Summand:
    """Some parts as one, with one line for each group."""
    columns = [np.concatenate(own) for own in zip(*(part.columns for part in parts), strict=True)]
    marks = np.concatenate([part.marks for part in parts])
    used = sorted({n for part in parts for n in part.amounts})
    amounts = {
        n: np.concatenate([part.amounts[n] if n in part.amounts else np.zeros(part.count, np.int64) for part in parts])
        for n in used
    }
    if len(marks) == 1:
        return _Summand(columns, amounts, marks)
    order, begins = runs(group_numbers(columns, len(marks)))
    return _Summand(
        [column[order[begins]] for column in columns],
        {n: _added(column[order], begins) for n, column in amounts.items()},
        np.maximum.reduceat(marks[order], begins),
    )


def runs(numbers: Numbers) -> tuple[Numbers, Numbers]:
    """The order in which equal numbers are beside each other, and where in it each of them begins."""
    order = np.argsort(numbers, kind="stable")
    ordered = numbers[order]
    begins = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    return order, begins


def group_numbers(columns: Sequence[Numbers], count: int) -> Numbers:
    """For each line a number that those share whose columns are equal."""
    numbers = np.zeros(count, np.int64)
    largest = 1
    for column in columns:
        width = int(column.max()) + 1
        if largest * width > LARGEST:
            numbers = np.unique(numbers, return_inverse=True)[1].astype(np.int64)
            largest = int(numbers.max()) + 1
        numbers = numbers * width + column
        largest *= width
    return numbers


def _added(amounts: Numbers, begins: Numbers) -> Numbers:
    if float(np.abs(amounts.astype(np.float64)).sum()) > LARGEST:
        raise OverflowError("the amounts of a measure add up to more than 64 bits hold")
    return np.add.reduceat(amounts, begins)
