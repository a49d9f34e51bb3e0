"""Whole local days of the log's zone: what the clock counts in, and the days that something took (docs/events.md)."""

from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from typing import Final

from incidentlog.events.values import INSTANT, Occurred, local_date, start_instant
from incidentlog.folding.subject import Subject
from incidentlog.zones import by, data_of

FINE: Final = frozenset({"minute", "hour", "day"})
"""Precisions that name a day."""


def next_midnight(at: datetime, zone: str) -> datetime:
    """The first local midnight after an instant."""
    return start_instant(local_date(at, zone) + timedelta(days=1), zone)


def days_between(earlier: datetime, later: datetime, zone: str) -> int:
    """Whole local days from one instant's date to the other's."""
    return (local_date(later, zone) - local_date(earlier, zone)).days


def days_of(occurred: Occurred, log_zone: str) -> tuple[date, date] | None:
    """The first and the last day of it; None where it is not known to the day (E12), as in a window of several.

    A day is a day in the zone of the event, and a time is of the log's local day, as in its calendar buckets.
    """
    if occurred.precision not in FINE:
        return None
    zone = occurred.tz if occurred.precision == "day" else by(log_zone, data_of(occurred.tz))
    since, last = occurred.since, occurred.until - INSTANT
    first = local_date(since, zone)
    end = first if last <= since else local_date(last, zone)
    return None if occurred.range == "window" and first != end else (first, end)


def counts_from(subject: Subject, occurred: Occurred) -> datetime:
    """From when something of the subject's counts: its start, which a clock that was ahead may not put off."""
    first, since = subject.occurred, occurred.since
    if subject.since is None or first is None or first.since != since or not (first is occurred or first == occurred):
        return since
    return subject.since


def next_change(
    instants: Iterable[datetime | None], at: datetime, shown: Callable[[datetime], object]
) -> datetime | None:
    """The earliest of some later instants at which what is `shown` is another than at `at`; None if none is."""
    later = sorted({i for i in instants if i is not None and i > at})
    now = shown(at) if later else None
    return next((i for i in later if shown(i) != now), None)
