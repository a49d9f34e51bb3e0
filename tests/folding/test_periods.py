"""Periods: what is known to a day, a week or a month lies in one, or does not (docs/events.md, When it is counted)."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incidentlog.events.values import KYIV, Occurred
from incidentlog.folding.afresh import group_bookings
from incidentlog.folding.lines import Lines, pack
from incidentlog.folding.periods import days_on, lies_in
from incidentlog.folding.rows import Grouping
from incidentlog.folding.shapes import Booking
from incidentlog.folding.totalling import Part, Window, total
from incidentlog.projections import PROJECTIONS
from incidentlog.projections.city_incidents import CityIncidents

NOVEMBER = "2025-11-01", "2025-12-01"
CITIES = PROJECTIONS["city_incidents"]
assert isinstance(CITIES, CityIncidents)
DAYS = st.dates(date(2024, 11, 1), date(2025, 3, 31))


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        (("2025-11-30", "2025-W48", "2025-11"), True),
        (("2025-12-01", "2025-W49", "2025-12"), False),
        ((None, "2025-W46", "2025-11"), True),  # some days of a week
        ((None, "2025-W44", "2025-11"), True),  # 1 and 2 November, in a week that began in October
        ((None, "2025-W44", None), False),  # 31 October or 1 November
        ((None, None, "2025-11"), True),
        ((None, None, "2025-10"), False),
        ((None, None, None), False),
    ],
)
def test_what_lies_in_november(when: tuple[str | None, ...], expected: bool):
    assert lies_in(*NOVEMBER, when) is expected


@given(DAYS, st.integers(0, 40), DAYS, st.integers(0, 90))
def test_only_what_lies_in_a_period_is_in_it_and_all_that_is_known_to_a_day(
    first: date, days: int, since: date, long: int
):
    until, last = since + timedelta(days=long), first + timedelta(days=days)
    occurred = Occurred(start=first, end=last, precision="day", tz=KYIV, range="window")
    found = lies_in(since.isoformat(), until.isoformat(), occurred.buckets(KYIV).values)
    if found:
        assert since <= first <= last < until
    elif days == 0:
        assert not since <= first < until


@given(
    st.lists(st.tuples(DAYS, st.integers(0, 40)), min_size=1, max_size=20),
    st.none() | DAYS,
    st.none() | DAYS,
)
def test_lines_by_columns_are_in_a_period_as_lines_one_by_one(
    windows: list[tuple[date, int]], since: date | None, until: date | None
):
    nothing = dict.fromkeys(CITIES.dimensions)
    bookings = []
    for position, (first, days) in enumerate(windows, 1):
        window = Occurred(start=first, end=first + timedelta(days=days), precision="day", tz=KYIV, range="window")
        when = dict(zip(("day", "week", "month"), window.buckets(KYIV).values, strict=True))
        key = tuple({**nothing, **when, "kind": "strike"}.values())
        amounts = CITIES.amounts({"incidents": 1})
        bookings.append(Booking(position, 0, f"strike:{position}", window.since, key, amounts, restated=False))
    grouping = Grouping(("kind",), {}, since and since.isoformat(), until and until.isoformat())
    at = max(b.at for b in bookings)
    part = Part(Lines(pack(bookings)), Window(0, len(bookings), 0, at=at), CITIES.dimensions)
    by_columns, one_by_one = (
        total([part], grouping, len(CITIES.measures)),
        group_bookings(CITIES, bookings, at, grouping, 0),
    )
    assert [(g.key, list(g.sums), g.position) for g in by_columns] == [
        (g.key, list(g.sums), g.position) for g in one_by_one
    ]


def test_sheets_are_of_runs_of_days():
    days = ["2025-11-20", "2025-11-19", "2025-12-01", "2025-11-30", "2026-01-01"]
    runs = days_on([f"ceasefire:{name} {day}" for day in days for name in ("a", "one two")])
    told = [tuple(date.fromordinal(n).isoformat() for n in run) for run in runs]
    assert told == [("2025-11-19", "2025-11-20"), ("2025-11-30", "2025-12-01"), ("2026-01-01", "2026-01-01")]
    assert days_on([]) == []
