"""Periods: whether something lies in one, as far as its day, its week and its month say (docs/events.md). Pure."""

from calendar import monthrange
from collections.abc import Iterable, Sequence
from datetime import date
from functools import lru_cache
from typing import Final

CALENDAR: Final = ("day", "week", "month")
"""The dimensions that say when something was; each null where no single one holds it."""
ALWAYS: Final = date.min.toordinal(), date.max.toordinal()
"""The days of what is known to no day, week or month."""


def calendar_of(dimensions: Sequence[str]) -> list[int]:
    """Where the dimensions are that say when something was, of those that there are."""
    return [dimensions.index(name) for name in CALENDAR if name in dimensions]


@lru_cache(maxsize=50_000)
def days_in(value: str | None) -> tuple[int, int]:
    """The first and the last day of `2025-11-19`, `2025-W47` or `2025-11`, as ordinals; of null any day."""
    if value is None:
        return ALWAYS
    year, *within = map(int, value.replace("W", "").split("-"))
    if "W" in value:
        first = date.fromisocalendar(year, within[0], 1).toordinal()
        return first, first + 6
    month, *day = within
    first = date(year, month, *(day or (1,))).toordinal()
    return first, first if day else first + monthrange(year, month)[1] - 1


def lies_in(since: str | None, until: str | None, when: Iterable[str | None]) -> bool:
    """Whether something lies in a period from one day on (inclusive) up to another (exclusive).

    `when` are the day, the week and the month that hold it. What is known to none of them lies in no period.
    """
    known = [days_in(value) for value in when if value is not None]
    first, last = bounds(since, until)
    return bool(known) and max(k[0] for k in known) >= first and min(k[1] for k in known) <= last


def days_on(sheets: Iterable[str]) -> list[tuple[int, int]]:
    """The days of some sheets, each of which ends with its day: the first and the last of each run, as ordinals."""
    runs = list[tuple[int, int]]()
    for day in sorted({days_in(sheet.rpartition(" ")[2])[0] for sheet in sheets}):
        if runs and runs[-1][1] == day - 1:
            runs[-1] = runs[-1][0], day
        else:
            runs.append((day, day))
    return runs


def bounds(since: str | None, until: str | None) -> tuple[int, int]:
    """The first and the last day of a period, as ordinals."""
    first = ALWAYS[0] if since is None else days_in(since)[0]
    return first, ALWAYS[1] if until is None else days_in(until)[0] - 1
