from typing import Any

import pytest

from incidentlog.events.values import Casualties, Estimate
from incidentlog.subjects.strike import Strike
from tests.subjects.given import Event, about, event, merge, source, subject_of, timeline

STRIKE = "strike:x"


def report(killed: int | Event, as_of: str, *sources: Event, stream: str = STRIKE, **more: Any) -> Event:
    figures = {"best": killed} if isinstance(killed, int) else killed
    facts = {"means": ["drone"], "target_class": "civilian", "as_of": as_of, "casualties": {"killed": figures}}
    return event("strike.reported", stream, more.pop("called", None), sources=list(sources), data=facts | more)


def assess(killed: int | Event, as_of: str, *sources: Event, **more: Any) -> Event:
    figures = {"best": killed} if isinstance(killed, int) else killed
    facts = {"as_of": as_of, "casualties": {"killed": figures}, **more}
    return event("strike.assessed", STRIKE, sources=list(sources), data=facts)


def killed(*events: Event) -> tuple[int | None, int | None, int | None]:
    figure = subject_of(*events, kind=Strike, stream=STRIKE).casualties.killed
    assert figure is not None
    return figure.low, figure.best, figure.high


@pytest.mark.parametrize(("known", "toll"), list(enumerate([2, 20, 25, 26, 28, 31, 38], start=1)))
def test_the_toll_of_ternopil_as_it_was_known_at_each_moment(known: int, toll: int):
    events = timeline("strike:2025-11-19-ternopil")[:known]
    figure = subject_of(*events, kind=Strike).casualties.killed
    assert figure is not None
    assert figure.best == toll


def test_the_missing_of_ternopil_went_down_and_the_injured_too():
    strike = subject_of(*timeline("strike:2025-11-19-ternopil"), kind=Strike)
    # 25 was another origin's figure 30 hours before, 22 one of 10 hours before: only the latter spans the range.
    assert strike.casualties.missing == Estimate(low=16, best=16, high=22)
    assert strike.casualties.injured is not None
    assert strike.casualties.injured.best == 94
    assert strike.casualties.killed is not None
    assert strike.casualties.killed.qualifier == "at_least"


def test_the_best_band_that_is_not_empty_decides_however_late_the_others_are():
    good, poor, bad = source("B2", "Reuters"), source("C1", "Blog"), source("E1", "Channel")
    assert killed(report(9, "2025-11-20", bad)) == (9, 9, 9)
    assert killed(report(9, "2025-11-20", bad), assess(5, "2025-11-19", poor)) == (5, 5, 5)
    claims = report(9, "2025-11-22", bad), assess(5, "2025-11-21", poor), assess(4, "2025-11-19", good)
    assert killed(*claims) == (4, 4, 4)


def test_the_latest_as_of_in_the_band_stands_whatever_the_order_of_recording():
    early, late = assess(5, "2025-11-20", source()), report(7, "2025-11-19T12:00+02:00", source())
    assert killed(late, early) == (5, 5, 5)
    assert killed(report(5, "2025-11-20", source()), assess(7, "2025-11-19T12:00+02:00", source())) == (5, 5, 5)


def test_ties_are_settled_by_letter_then_credibility_then_position():
    at = "2025-11-20T12:00+02:00"
    a3, b1, b2 = source("A3", "1"), source("B1", "2"), source("B2", "3")
    assert killed(report(1, at, b1), assess(2, at, a3))[1] == 2
    assert killed(report(2, at, a3), assess(1, at, b1))[1] == 2
    assert killed(report(1, at, b1), assess(3, at, b2))[1] == 1
    assert killed(report(1, at, b1), assess(4, at, b1))[1] == 4


def test_the_range_spans_each_origins_latest_claim_not_older_than_a_day_before_the_best():
    reuters, ap, old = source("B2", "Reuters"), source("B2", "AP"), source("B2", "AFP")
    claims = (
        report(30, "2025-11-18T23:59+02:00", old),
        assess(9, "2025-11-20T08:00+02:00", ap),
        assess({"low": 10, "best": 12}, "2025-11-20T09:00+02:00", ap),
        assess(11, "2025-11-20T12:00+02:00", reuters),
    )
    assert killed(*claims) == (10, 11, 12)
    fresh = assess(30, "2025-11-19T12:00+02:00", old)
    assert killed(*claims, fresh) == (10, 11, 30)


def test_a_claimants_own_figure_ranks_lowest_unless_it_is_corroborated():
    neutral = assess(2, "2025-11-20", source("D4", "Blog"))
    own = report(50, "2025-11-21", source("B2", "MoD"), claimed_by="UKR", attributed_to="UKR", called="own")
    other = report(50, "2025-11-21", source("B2", "MoD"), claimed_by="UKR", attributed_to="RUS")
    assert killed(own) == (50, 50, 50)
    assert killed(neutral, other) == (50, 50, 50)
    assert killed(neutral, own) == (2, 2, 2)
    assert killed(neutral, own, about("record.corroborated", "own")) == (50, 50, 50)


def test_each_figure_is_judged_by_itself():
    mixed = report(3, "2025-11-20", source()), assess(4, "2025-11-21", source())
    injured = event("strike.assessed", STRIKE, as_of="2025-11-22", casualties={"injured": {"best": 8}, "killed": {}})
    strike = subject_of(*mixed, injured, kind=Strike)
    assert strike.casualties == Casualties(
        killed=Estimate(low=4, best=4, high=4), injured=Estimate(low=8, best=8, high=8)
    )


def test_a_figure_that_nobody_disclosed_is_null_and_not_zero():
    silent = report({}, "2025-11-20", source())
    assert subject_of(silent, kind=Strike).casualties.killed is None


def test_a_merged_report_brings_its_claim_and_is_not_summed():
    one, other = (
        report(7, "2025-12-19", source(origin="SES")),
        report(8, "2025-12-20", source(origin="AP"), stream="strike:y"),
    )
    strike = subject_of(one, other, merge(STRIKE, "strike:y"), kind=Strike)
    assert strike.reports == 2
    assert strike.casualties.killed == Estimate(low=7, best=8, high=8)
