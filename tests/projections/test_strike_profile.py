"""Launched, intercepted and lost by means and day (docs/projections.md)."""

from typing import Any

import pytest

from incidentlog.folding.shapes import Row
from tests.projections.showing import given
from tests.subjects.given import Event, day, event, merge, retract, timeline


def counts(**by_means: int) -> dict[str, Event]:
    return {means: {"best": n} for means, n in by_means.items()}


def strike(name: str, on: str = "2025-12-19", means: tuple[str, ...] = ("drone",), **data: Any) -> Event:
    said = {"means": list(means), "target_class": "energy", "attributed_to": "RUS", **data}
    return event("strike.reported", f"strike:{name}", name, occurred=day(on), data=said)


def best(row: Row, *figures: str) -> tuple[int | None, ...]:
    return tuple(row[figure]["best"] for figure in figures)


def test_the_timeline_by_means():
    rows = given(*timeline()).shows("strike_profile", by=("means",))
    assert {means: row["strikes"] for means, row in rows.items()} == {
        "ballistic_missile": 2, "cruise_missile": 1, "drone": 5, "missile": 3,
    }  # fmt: skip
    assert best(rows["drone"], "launched", "intercepted") == (300, None)
    assert rows["drone"]["launched_nationwide"] == 476 + 450
    assert rows["missile"]["launched"] == {"low": 8, "best": 8, "high": 8}


def test_the_share_is_null_when_launched_is_unknown():
    unknown = strike("a", intercepted=counts(drone=5))
    known = strike("b", launched=counts(drone=10), intercepted=counts(drone=8), lost=counts(drone=1))
    assert given(unknown).shows("strike_profile")["2025-12-19|drone"]["intercepted_share"] is None
    row = given(unknown, known).shows("strike_profile")["2025-12-19|drone"]
    assert best(row, "launched", "intercepted", "lost") == (10, 13, 1)
    assert row["intercepted_share"] == 0.8  # of the strike that tells both


def test_nothing_launched_has_no_share():
    log = given(strike("a", launched=counts(drone=0), intercepted=counts(drone=0)))
    row = log.shows("strike_profile")["2025-12-19|drone"]
    assert (best(row, "launched"), row["intercepted_share"]) == ((0,), None)


def test_each_means_has_its_own_figures_and_a_strike_counts_once():
    log = given(
        strike("a", means=("drone", "missile"), launched=counts(drone=10, missile=2)),
        strike("b", means=("missile", "artillery")),
        strike("c"),
    )
    rows = log.shows("strike_profile", by=("means",))
    assert {means: row["strikes"] for means, row in rows.items()} == {"artillery": 1, "drone": 2, "missile": 2}
    assert log.shows("strike_profile", by=("day",))["2025-12-19"]["strikes"] == 3
    assert log.shows("strike_profile", by=("day",), means="missile")["2025-12-19"]["strikes"] == 2
    assert best(log.shows("strike_profile", by=("day",))["2025-12-19"], "launched") == (12,)


def test_means_that_were_only_counted_have_a_line():
    log = given(strike("a", means=("drone",), launched_nationwide=counts(missile=40)))
    row = log.shows("strike_profile")["2025-12-19|missile"]
    assert (row["launched_nationwide"], row["nationwide_strikes"], best(row, "launched")) == (40, 1, (None,))


def test_a_strike_by_unknown_means_is_not_dropped():
    rows = given(strike("a", means=())).shows("strike_profile")
    assert {key: row["strikes"] for key, row in rows.items()} == {"2025-12-19|": 1}


def test_estimates_keep_their_range():
    log = given(strike("a", launched={"drone": {"low": 5, "high": 9}}), strike("b", launched=counts(drone=1)))
    assert log.shows("strike_profile")["2025-12-19|drone"]["launched"] == {"low": 6, "best": 6, "high": 10}


def test_e12_a_strike_known_to_the_month_is_in_no_day():
    month = {"start": "2025-12-01", "precision": "month", "tz": "Europe/Kyiv"}
    log = given({**strike("a"), "occurred": month})
    assert list(log.shows("strike_profile", by=("day", "month"))) == ["|2025-12"]


@pytest.mark.parametrize("by", [("means",), ("day",)])
def test_two_reports_of_one_strike_count_once_after_the_merge(by: tuple[str, ...]):
    a, b = strike("a", launched=counts(drone=10)), strike("b", launched=counts(drone=11), intercepted=counts(drone=9))
    log = given(a, b, merge("strike:a", "strike:b"), retract("a"), retract("b"))
    shown = [list(log.first(n).shows("strike_profile", by=by).values()) for n in (2, 3, 4, 5)]
    assert [(rows[0]["strikes"], *best(rows[0], "launched", "intercepted")) for rows in shown[:3]] == [
        (2, 21, 9), (1, 10, 9), (1, 11, 9),
    ]  # fmt: skip
    assert shown[3] == []
