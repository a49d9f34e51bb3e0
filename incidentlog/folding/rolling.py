"""Rolling sums: a line is booked once, on its own day, and read on that day and on those whose sums it is in. Pure.

Nothing but this module knows it: `rolled` gives the lines as they are read, and whatever sums lines takes those. They
are the lines of a ledger in which each day is booked.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from itertools import groupby
from typing import Final

import numpy as np
from numpy.typing import NDArray

from incidentlog.events.values import day_buckets, start_instant
from incidentlog.folding.lines import EPOCH, Lines, Numbers, Texts, instant_at, instant_number
from incidentlog.folding.periods import CALENDAR
from incidentlog.folding.shapes import Amounts, Booking, Key, Tally
from incidentlog.folding.totalling import group_numbers, runs

SECOND: Final = 1_000_000
DAY: Final = 86_400 * SECOND
ALWAYS: Final = np.iinfo(np.int64).min
"""A line counts on its own day from its own instant on."""


@lru_cache(maxsize=10_000)
def midnights(day: str, zone: str, days: int) -> str:
    """When the days begin that follow a local one, up to `days` with it: in seconds before midnight of UTC.

    One number where that is the same for all of them. A line has it as the last of its dimensions, since it is by the
    zone data of its subject, and these change.
    """
    following = [date.fromisoformat(day) + timedelta(days=n) for n in range(1, days)]
    early = [(_midnight(own) - instant_number(start_instant(own, zone))) // SECOND for own in following]
    return ",".join(map(str, early[:1] if len(set(early)) == 1 else early))


@lru_cache(maxsize=10_000)
def _begins(day: str, early: str, days: int) -> Sequence[int]:
    """When the days that follow one begin, from what `midnights` says of them."""
    first, told = _midnight(date.fromisoformat(day)), [int(own) * SECOND for own in early.split(",")]
    return [first + n * DAY - told[(n - 1) % len(told)] for n in range(1, days)]


def _midnight(day: date) -> int:
    """Midnight of UTC, as `instant_number` counts."""
    return (day.toordinal() - EPOCH.toordinal()) * DAY


@lru_cache(maxsize=10_000)
def _following(day: str, days: int) -> Sequence[Key]:
    """The days that follow one, each with its week and its month."""
    return [day_buckets(date.fromisoformat(day) + timedelta(days=n)).values for n in range(1, days)]


def latest(tally: Tally, bookings: Sequence[Booking]) -> datetime:
    """The last instant from which something counts of lines, at least one, as they are booked."""
    told = {(b.dimensions[tally.dimensions.index("day")], b.dimensions[-1]) for b in bookings} if tally.rolling else ()
    return _latest(tally, max(b.at for b in bookings), told)


def latest_of(tally: Tally, lines: Lines) -> datetime:
    """The same of lines that are packed."""
    told = lines.keys((tally.dimensions.index("day"), lines.dimensions - 1)) if tally.rolling else ()
    return _latest(tally, instant_at(int(lines.instants.max())), set(told))


def _latest(tally: Tally, at: datetime, told: Iterable[Key]) -> datetime:
    begins = [_begins(day, early, tally.rolling)[-1] for day, early in told if day is not None and early is not None]
    return max(at, instant_at(max(begins))) if begins else at


# ------------------------------------------------------------------------------------------------------- line by line


def rolled_bookings(tally: Tally, bookings: Iterable[Booking]) -> Iterable[Booking]:
    """Lines as they are read; `bookings` are in the order of their positions."""
    if not tally.rolling:
        return bookings
    return (
        line
        for _, own in groupby(bookings, lambda b: (b.position, b.stream, b.level, b.restated))
        for line in _rolled_together(tally, list(own))
    )


def _rolled_together(tally: Tally, bookings: Sequence[Booking]) -> Iterator[Booking]:
    """The lines that were booked together: what is taken from a day and put on it again is none."""
    found: dict[tuple[datetime, Key], Amounts] = {}
    for b in bookings:
        for at, key, amounts in _spread(tally, b):
            there = found.get((at, key))
            found[at, key] = amounts if there is None else tuple(x + y for x, y in zip(there, amounts, strict=True))
    for (at, key), amounts in found.items():
        if any(amounts):
            yield bookings[0]._replace(at=at, dimensions=key, amounts=amounts)


def _spread(tally: Tally, b: Booking) -> Iterator[tuple[datetime, Key, Amounts]]:
    *own, early = b.dimensions
    calendar = [tally.dimensions.index(name) for name in CALENDAR]
    day, nothing = own[calendar[0]], (0,) * len(b.amounts)
    if day is None or early is None:  # known to the week or the month: in no day's sum (E12)
        yield b.at, tuple(own), (*b.amounts, *nothing)
        return
    yield b.at, tuple(own), (*b.amounts, *b.amounts)
    for begins, buckets in zip(_begins(day, early, tally.rolling), _following(day, tally.rolling), strict=True):
        for number, value in zip(calendar, buckets, strict=True):
            own[number] = value
        yield max(b.at, instant_at(begins)), tuple(own), (*nothing, *b.amounts)


# ---------------------------------------------------------------------------------------------------- whole columns


def rolled(tally: Tally, lines: Lines) -> Lines:
    """Lines as they are read; those of an older build, in which each day is booked, are so already."""
    return Rolled(tally, lines) if lines.measures < len(tally.measures) else lines


class Rolled(Lines):
    """What `rolled_bookings` makes of lines, over whole columns; those of one line are after each other."""

    def __init__(self, tally: Tally, lines: Lines) -> None:
        """`lines` are as they are stored."""
        day, *others = (tally.dimensions.index(name) for name in CALENDAR)
        days, of_day = lines.dimension(day)
        known = np.array([own is not None for own in days], np.bool_)[of_day]
        copies = np.where(known, tally.rolling, 1)
        self._lines, self._rows = lines, np.repeat(np.arange(lines.count), copies)
        self._nth = np.arange(len(self._rows)) - np.repeat(np.cumsum(copies) - copies, copies)
        self._known = known
        following = [() if own is None else _following(own, tally.rolling) for own in days]
        self._calendar: dict[int, Texts] = {
            number: self._moved(lines.dimension(number), of_day, [[key[n] for key in own] for own in following])
            for n, number in enumerate((day, *others))
        }
        self.instants = np.maximum(lines.instants[self._rows], self._counts(tally, days, of_day))
        self._sums: dict[int, Numbers] = {}
        self._cancel(lines)
        self.count = len(self._rows)
        self.positions = lines.positions[self._rows]
        self.levels = lines.levels[self._rows]
        self.restated = lines.restated[self._rows]
        streams, of_stream = lines.streams
        self.streams = streams, of_stream[self._rows]
        self.weight = lines.weight + self.count * 8 * (10 + 2 * self.measures)

    def _moved(self, own: Texts, of_day: Numbers, following: Sequence[Sequence[str | None]]) -> Texts:
        """A dimension of the calendar: of each line its own, and by its day those of the days that follow."""
        values, codes = own
        names: dict[str | None, int] = {value: number for number, value in enumerate(values)}
        table = np.zeros((len(following), 1 + max(map(len, following), default=0)), np.int64)
        for number, later in enumerate(following):
            if later:
                table[number, 1:] = [names.setdefault(value, len(names)) for value in later]
        found = np.where(self._nth == 0, codes[self._rows], table[of_day[self._rows], self._nth])
        return list(names), found

    def _counts(self, tally: Tally, days: Sequence[str | None], of_day: Numbers) -> Numbers:
        """From when each line counts at the earliest: from when its day begins."""
        told, of_told = self._lines.dimension(len(tally.dimensions))
        pairs, of_pair = np.unique(of_day * len(told) + of_told, return_inverse=True)
        begins = np.full((len(pairs), tally.rolling), ALWAYS, np.int64)
        for number, pair in enumerate(pairs.tolist()):
            day, early = days[pair // len(told)], told[pair % len(told)]
            if day is not None and early is not None:
                begins[number, 1:] = _begins(day, early, tally.rolling)
        found: Numbers = begins[of_pair[self._rows], self._nth]
        return found

    def _cancel(self, lines: Lines) -> None:
        """Leave out what was taken from a day and put on it again with one booking: only several lines can do that."""
        streams, first = lines.streams[1], lines.positions[:1]
        together = group_numbers([lines.positions - first, streams, lines.levels, lines.restated], lines.count)
        _, number, size = np.unique(together, return_inverse=True, return_counts=True)
        several = np.flatnonzero((size[number] > 1)[self._rows])
        if not len(several):
            return
        columns = [number[self._rows[several]], np.unique(self.instants[several], return_inverse=True)[1]]
        columns += [self.dimension(n)[1][several] for n in range(self.dimensions)]
        order, begins = runs(group_numbers(columns, len(several)))
        firsts = several[order[begins]]
        left = np.zeros(len(firsts), np.bool_)
        for n in range(self.measures):
            amounts = self.amounts(n)
            sums = np.add.reduceat(amounts[several][order], begins)
            amounts[firsts] = sums
            self._sums[n] = amounts
            left |= sums != 0
        stays = np.ones(len(self._rows), np.bool_)
        stays[several] = False
        stays[firsts[left]] = True
        self._keep(stays)

    def _keep(self, stays: NDArray[np.bool_]) -> None:
        self._rows, self._nth, self.instants = self._rows[stays], self._nth[stays], self.instants[stays]
        self._sums = {n: amounts[stays] for n, amounts in self._sums.items()}
        self._calendar = {n: (values, codes[stays]) for n, (values, codes) in self._calendar.items()}

    @property
    def dimensions(self) -> int:
        """How many dimensions they have."""
        return self._lines.dimensions - 1

    @property
    def measures(self) -> int:
        """How many measures they have."""
        return 2 * self._lines.measures

    def dimension(self, number: int) -> Texts:
        """The values of a dimension, counted from 0."""
        if (moved := self._calendar.get(number)) is not None:
            return moved
        values, codes = self._lines.dimension(number)
        return values, codes[self._rows]

    def amounts(self, number: int) -> Numbers:
        """The amounts of a measure, counted from 0."""
        if (summed := self._sums.get(number)) is not None:
            return summed
        of_sum, own = divmod(number, self._lines.measures)
        counts = self._known[self._rows] if of_sum else self._nth == 0
        return np.where(counts, self._lines.amounts(own)[self._rows], 0)

    def has(self, measure: int) -> bool:
        """Whether any of the lines has an amount of a measure."""
        return self._lines.has(measure % self._lines.measures)
