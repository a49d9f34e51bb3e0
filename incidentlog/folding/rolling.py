"""Rolling sums: a line is booked once, on its own day, and read on that day and on those whose sums it is in. Pure.

Nothing but this module knows it: `rolled` gives the lines as they are read, and whatever sums lines takes those. They
are the lines of a ledger in which each day is booked.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from functools import cached_property, lru_cache
from itertools import groupby
from typing import Final

import numpy as np

from incidentlog.events.values import day_buckets, start_instant
from incidentlog.folding.lines import EPOCH, Lines, Numbers, Texts, instant_at, instant_number, renumbered
from incidentlog.folding.periods import CALENDAR, calendar_of, days_in, days_on
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


@lru_cache(maxsize=50_000)
def _buckets(ordinal: int) -> Key:
    """A day, its week and its month; of none they are null."""
    return day_buckets(date.fromordinal(ordinal)).values if ordinal else (None, None, None)


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


def earliest(bookings: Iterable[Booking]) -> datetime:
    """The first instant from which something counts of lines, at least one: what they are spread over comes later."""
    return min(b.at for b in bookings)


def earliest_of(parts: Iterable[Lines]) -> datetime:
    """The same of lines that are packed."""
    return instant_at(min(int(lines.instants.min()) for lines in parts))


Days = tuple[date | None, date | None]
"""The first and the last day by which some lines are looked for."""
UNKNOWN: Final[Days] = None, None
"""Of lines none of which says of which day, week or month it is."""


def days(tally: Tally, bookings: Sequence[Booking]) -> Days:
    """The days of lines as they are read, given those that are booked: of their calendar, and of their sheets."""
    calendar = calendar_of(tally.dimensions)
    sheets = {b.dimensions[0] for b in bookings} if tally.on_sheets else ()
    return _days(tally, {tuple([b.dimensions[n] for n in calendar]) for b in bookings}, sheets)


def days_of(tally: Tally, parts: Sequence[Lines]) -> Days:
    """The same of lines that are packed."""
    calendar = calendar_of(tally.dimensions)
    sheets = {sheet for lines in parts for sheet in lines.dimension(0)[0]} if tally.on_sheets else ()
    return _days(tally, {key for lines in parts for key in lines.keys(calendar)} if calendar else (), sheets)


def _days(tally: Tally, buckets: Iterable[Key], sheets: Iterable[str | None]) -> Days:
    first, last = list[int](), list[int]()
    for own in buckets:
        known = [days_in(value) for value in own if value is not None]
        if known:
            first.append(max(k[0] for k in known))
            last.append(min(k[1] for k in known) + max(tally.rolling - 1, 0))
    for begin, end in days_on(sheet for sheet in sheets if sheet is not None):
        first.append(begin)
        last.append(end)
    return (date.fromordinal(min(first)), date.fromordinal(max(last))) if first else UNKNOWN


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
    calendar = calendar_of(tally.dimensions)
    day, nothing = own[calendar[0]], (0,) * len(b.amounts)
    if day is None or early is None:  # known to the week or the month: in no day's sum (E12)
        yield b.at, tuple(own), (*b.amounts, *nothing)
        return
    yield b.at, tuple(own), (*b.amounts, *b.amounts)
    first = date.fromisoformat(day).toordinal()
    for n, begins in enumerate(_begins(day, early, tally.rolling), 1):
        for number, value in zip(calendar, _buckets(first + n), strict=True):
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
        self._lines, self._days = lines, tally.rolling
        self._calendar = calendar_of(tally.dimensions)
        texts, self._of_day = lines.dimension(self._calendar[0])
        self._known = np.array([own is not None for own in texts], np.bool_)[self._of_day]
        copies = np.where(self._known, self._days, 1)
        self._rows = np.repeat(np.arange(lines.count), copies)
        self._nth = np.arange(len(self._rows)) - np.repeat(np.cumsum(copies) - copies, copies)
        self._sums: dict[int, Numbers] = {}
        self.instants = np.maximum(lines.instants[self._rows], self._begins())
        self._cancel()
        self.count = len(self._rows)
        self.positions, self.levels = lines.positions[self._rows], lines.levels[self._rows]
        self.restated = lines.restated[self._rows]
        self.weight = lines.weight + self.count * 8 * 7

    def _begins(self) -> Numbers:
        """When the days begin on which lines are."""
        days, (told, of_told) = self._lines.dimension(self._calendar[0])[0], self._lines.dimension(self.dimensions)
        pairs, of_pair = np.unique(self._of_day * len(told) + of_told, return_inverse=True)
        begins = np.full((len(pairs), self._days), ALWAYS, np.int64)
        for number, pair in enumerate(pairs.tolist()):
            day, early = days[pair // len(told)], told[pair % len(told)]
            if day is not None and early is not None:
                begins[number, 1:] = _begins(day, early, self._days)
        found: Numbers = begins[of_pair[self._rows], self._nth]
        return found

    @cached_property
    def streams(self) -> Texts:
        """Whose lines they are."""
        streams, of_stream = self._lines.streams
        return streams, of_stream[self._rows]

    @cached_property
    def _dates(self) -> tuple[Sequence[Key], Numbers]:
        """The days on which lines are, each with its week and its month; and by the day of a line which those are."""
        days = self._lines.dimension(self._calendar[0])[0]
        first = np.array([0 if day is None else date.fromisoformat(day).toordinal() for day in days])
        distinct, numbers = np.unique(np.add.outer(first, np.arange(self._days)), return_inverse=True)
        return [_buckets(day) for day in distinct.tolist()], numbers.reshape(len(first), self._days)

    def _moved(self, place: int) -> Texts:
        """A dimension of the calendar: of each line its own, and by its day those of the days that follow."""
        values, codes = self._lines.dimension(self._calendar[place])
        dates, numbers = self._dates
        known: dict[str | None, int] = {value: number for number, value in enumerate(values)}
        own = renumbered([buckets[place] for buckets in dates], known)[numbers]
        return list(known), np.where(self._nth == 0, codes[self._rows], own[self._of_day[self._rows], self._nth])

    def _cancel(self) -> None:
        """Leave out what was taken from a day and put on it again with one booking.

        Only lines that are alike but for their days can do that, and those of one booking are after each other.
        """
        lines = self._lines
        booking = (lines.positions, lines.stream_numbers, lines.levels, lines.restated)
        again = np.logical_and.reduce([column[1:] == column[:-1] for column in booking])
        if not again.any():
            return
        begins = np.concatenate(([True], ~again))
        several = np.flatnonzero(~begins | np.concatenate((again, [False])))
        others = lines.several(n for n in range(self.dimensions) if n not in self._calendar)
        number, size = np.unique(
            group_numbers([np.cumsum(begins)[several], *(codes[several] for _, codes in others)], len(several)),
            return_inverse=True,
            return_counts=True,
        )[1:]
        alike = np.full(lines.count, -1)
        alike[several] = np.where(size[number] > 1, number, -1)
        several = np.flatnonzero(alike[self._rows] >= 0)
        if not len(several):
            return
        columns = [alike[self._rows[several]], np.unique(self.instants[several], return_inverse=True)[1]]
        columns += [self._moved(place)[1][several] for place in range(len(CALENDAR))]
        order, begins = runs(group_numbers(columns, len(several)))
        firsts = several[order[begins]]
        stays = np.ones(len(self._rows), np.bool_)
        stays[several] = False
        for n in range(self.measures):
            self._sums[n] = amounts = self.amounts(n)
            amounts[firsts] = np.add.reduceat(amounts[several][order], begins)
            stays[firsts] |= amounts[firsts] != 0
        self._rows, self._nth, self.instants = self._rows[stays], self._nth[stays], self.instants[stays]
        self._sums = {n: amounts[stays] for n, amounts in self._sums.items()}

    @property
    def dimensions(self) -> int:
        """How many dimensions they have."""
        return self._lines.dimensions - 1

    @property
    def measures(self) -> int:
        """How many measures they have."""
        return 2 * self._lines.measures

    def several(self, numbers: Iterable[int]) -> list[Texts]:
        """The values of some dimensions."""
        return [self.dimension(number) for number in numbers]

    def dimension(self, number: int) -> Texts:
        """The values of a dimension, counted from 0."""
        if number in self._calendar:
            return self._moved(self._calendar.index(number))
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
