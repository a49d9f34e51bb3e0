"""Which day, week and month something is counted in: the same in every tally."""

from typing import Any

import pytest

from tests.projections.showing import given
from tests.subjects.given import KYIV, Event, event, minute

TALLIES = ("city_incidents", "daily_timeline", "escalation_index", "strike_profile", "actor_participation")
COUNTED = {
    "city_incidents": "incidents",
    "daily_timeline": "events",
    "escalation_index": "events",
    "strike_profile": "strikes",
    "actor_participation": "participations",
}
BUCKETS = ("day", "week", "month")


def strike(occurred: Event) -> Event:
    facts = {"means": ["drone"], "target_class": "energy"}
    return event(
        "strike.reported", "strike:a", occurred=occurred, actors=[{"code": "RUS", "role": "attacker"}], data=facts
    )


def whole(precision: str, start: str, end: str | None = None) -> Event:
    return {"start": start, "precision": precision, "tz": KYIV, **({"end": end} if end else {})}


def bucket(tally: str, by: str, occurred: Event) -> Any:
    """The one bucket with a strike in it; None where it is in none."""
    rows = given(strike(occurred)).shows(tally, by=(by,))
    (key,) = (key for key, row in rows.items() if row[COUNTED[tally]])
    return key or None


@pytest.mark.parametrize("tally", TALLIES)
@pytest.mark.parametrize(
    ("occurred", "day", "week", "month"),
    [
        pytest.param(whole("week", "2025-09-30"), None, "2025-W40", None, id="a week in two months, by its Tuesday"),
        pytest.param(whole("week", "2025-10-01"), None, "2025-W40", None, id="the same week, by its Wednesday"),
        pytest.param(whole("week", "2025-09-10"), None, "2025-W37", "2025-09", id="a week within a month"),
        pytest.param(whole("month", "2021-02-01"), None, None, "2021-02", id="a month of four whole weeks"),
        pytest.param(whole("month", "2025-09-01", "2025-10-01"), None, None, None, id="one of two months"),
        pytest.param(whole("year", "2025-05-01"), None, None, None, id="a year"),
        pytest.param(whole("unknown", "2025-05-01"), None, None, None, id="unknown"),
        pytest.param(whole("day", "2025-09-30"), "2025-09-30", "2025-W40", "2025-09", id="a day"),
        pytest.param(whole("day", "2025-09-09", "2025-09-11"), None, "2025-W37", "2025-09", id="days within a week"),
        pytest.param(whole("day", "2025-09-12", "2025-09-16"), None, None, "2025-09", id="days of two weeks"),
        pytest.param(whole("day", "2025-09-30", "2025-10-02"), None, "2025-W40", None, id="days of two months"),
        pytest.param(
            minute("2025-09-30T23:00:00+03:00", end="2025-10-01T04:00:00+03:00"),
            *("2025-09-30", "2025-W40", "2025-09"),
            id="a night, by when it began",
        ),
    ],
)
def test_a_bucket_counts_only_what_lies_in_it_as_a_whole(
    tally: str, occurred: Event, day: str | None, week: str | None, month: str | None
):
    assert tuple(bucket(tally, by, occurred) for by in BUCKETS) == (day, week, month)


def test_what_takes_days_is_counted_on_the_first_of_them():
    held = event(
        "talk.held", "talk:a", occurred=whole("day", "2025-09-30", "2025-10-02"),
        actors=[{"code": "UKR", "role": "party"}, {"code": "USA", "role": "party"}],
        track="peace", format="bilateral", level="delegation", direct_ua_ru=False, outcome="none",
    )  # fmt: skip
    for tally in ("daily_timeline", "actor_participation"):
        rows = [row for by in BUCKETS for row in given(held).shows(tally, by=(by,))]
        assert rows == ["2025-09-30", "2025-W40", "2025-09"]
