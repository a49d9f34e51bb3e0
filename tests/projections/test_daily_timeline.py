"""Every event on its day, and the retracted ones struck out (docs/projections.md)."""

from typing import Any

import pytest

from incidentlog.folding.shapes import Row
from tests.projections.showing import Given, given
from tests.subjects.given import Event, amend, day, event, id_of, merge, minute, retract, timeline


def strike(name: str, occurred: Event | None = None, **more: Any) -> Event:
    data = {"means": ["drone"], "target_class": "energy", **more}
    return event("strike.reported", f"strike:{name}", name, occurred=occurred or day("2025-12-19"), data=data)


def of_event(log: Given, name: str) -> Row:
    (row,) = log.shows("daily_timeline", "2027-06-01", event=id_of(name)).values()
    return row


@pytest.fixture(scope="module")
def the_timeline() -> Given:
    return given(*timeline())


def test_the_timeline_has_all_its_events_and_one_of_them_struck_out(the_timeline: Given):
    rows = the_timeline.shows("daily_timeline").values()
    assert len(rows) == 110
    assert [row["stream"] for row in rows if row["struck_out"]] == ["strike:2025-12-20-belbek"]
    assert sum(row["events"] for row in rows) == 109


def test_a_day_is_counted_with_what_was_taken_back(the_timeline: Given):
    row = the_timeline.shows("daily_timeline", by=("day",))["2025-12-20"]
    assert (row["events"], row["retracted"]) == (3, 1)  # a talk proposed, one held, a merge; and a strike taken back


def test_the_rows_of_a_day_are_in_the_order_of_their_time():
    late, early = strike("late", minute("2025-12-19T20:00")), strike("early", minute("2025-12-19T06:00"))
    rows = given(late, early).shows("daily_timeline").values()
    assert [row["stream"] for row in rows] == ["strike:early", "strike:late"]
    assert {(row["day"], row["type"], row["status"]) for row in rows} == {
        ("2025-12-19", "strike.reported", "effective")
    }


def test_an_event_late_in_the_evening_of_utc_is_on_the_next_local_day():
    assert of_event(given(strike("a", minute("2025-11-18T22:30:00Z"))), "a")["day"] == "2025-11-19"


def test_e12_an_event_known_to_the_month_is_in_no_day():
    log = given(strike("a", {"start": "2025-12-01", "precision": "month", "tz": "Europe/Kyiv"}))
    assert list(log.shows("daily_timeline", by=("day", "month"))) == ["|2025-12"]


def test_an_amended_event_says_so_and_moves_to_its_new_day():
    log = given(strike("a"), amend("a", {"occurred": {"start": "2025-12-21"}}))
    assert (of_event(log, "a")["status"], of_event(log, "a")["day"]) == ("amended", "2025-12-21")
    assert of_event(log.first(1), "a")["status"] == "effective"


def test_a_retracted_event_is_struck_out_where_it_was_and_comes_back_when_reinstated():
    log = given(strike("a"), retract("a", "undo"), retract("undo"))
    rows = [of_event(log.first(n), "a") for n in (1, 2, 3)]
    assert [(row["status"], row["struck_out"]) for row in rows] == [
        ("effective", False), ("retracted", True), ("effective", False),
    ]  # fmt: skip
    assert {row["day"] for row in rows} == {"2025-12-19"}
    assert of_event(log, "undo")["struck_out"]


def test_after_a_merge_both_reports_are_on_the_survivors_stream():
    log = given(strike("a"), strike("b"), merge("strike:a", "strike:b"))
    assert [of_event(log, name)["stream"] for name in "ab"] == ["strike:a", "strike:a"]


def test_an_event_that_does_not_fit_says_so():
    lifted = event("alert.lifted", "alert:a", "lifted", data={})
    row = of_event(given(lifted), "lifted")
    assert (row["status"], row["ignored"]) == ("effective", 1)


def test_what_happens_later_is_not_there_yet():
    assert given(strike("a")).shows("daily_timeline", "2025-12-18") == {}
