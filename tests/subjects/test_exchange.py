from typing import Any

from incidentlog.subjects.exchange import Exchange, Returned
from incidentlog.subjects.repatriation import Counted
from tests.subjects.given import Event, event, merge, subject_of, timeline

X = "exchange:x"


def stage(number: int, ukr: int | None, rus: int | None = None, stream: str = X, **more: Any) -> Event:
    released = {"UKR": {"total": ukr}, "RUS": {"total": rus}}
    return event("exchange.stage_completed", stream, stage=number, released=released, **more)


def completed(stream: str = X, **data: Any) -> Event:
    return event("exchange.completed", stream, data=data)


def exchange(*events: Event) -> Exchange:
    return subject_of(*events, kind=Exchange, stream=X)


def totals(subject: Exchange) -> dict[str, int | None]:
    return {side: r.total for side, r in subject.released.items()}


def test_a_thousand_for_a_thousand_is_the_sum_of_its_stages():
    subject = subject_of(*timeline("exchange:1000-for-1000"), kind=Exchange)
    assert subject.released["UKR"] == Returned(total=1000, civilians=120, children=None, wounded=None, withheld=0)
    assert totals(subject) == {"RUS": 1000, "UKR": 1000}
    assert (subject.status, subject.ordinal, subject.check_holds) == ("completed", 65, True)
    assert subject.target == {"UKR": 1000, "RUS": 1000}


def test_released_of_the_completion_counts_when_there_were_no_stages():
    assert totals(exchange(completed(released={"UKR": {"total": 230, "civilians": 6}}))) == {"UKR": 230}


def test_released_of_the_completion_does_not_add_to_the_stages():
    both = stage(1, 100, 90), completed(released={"UKR": {"total": 150}, "RUS": {"total": 90}})
    assert totals(exchange(*both)) == {"RUS": 90, "UKR": 100}


def test_released_total_is_a_check_value():
    subject = exchange(stage(1, 100, 90), completed(released_total={"UKR": 101, "RUS": 90}))
    assert totals(subject) == {"RUS": 90, "UKR": 100}
    assert subject.check_holds is False
    assert exchange(completed(released_total={"UKR": 101})).released == {}
    assert exchange(completed(released_total={"UKR": 101})).check_holds is None


def test_withheld_numbers_are_null_and_counted_as_withheld():
    subject = subject_of(*timeline("exchange:all-for-all-2025"), kind=Exchange)
    assert totals(subject) == {"RUS": None, "UKR": None}
    assert {r.withheld for r in subject.released.values()} == {1}
    partly = exchange(stage(1, 100, 5), stage(2, None, 5)).released
    assert (partly["UKR"].total, partly["UKR"].withheld) == (100, 1)
    assert partly["RUS"].total == 10


def test_a_stage_counts_once():
    subject = exchange(stage(1, 100), stage(1, 300))
    assert totals(subject)["UKR"] == 100
    assert [i.reason for i in subject.ignored] == ["stage 1 is recorded already"]


def test_figures_of_an_absorbed_record_stand_in_and_are_never_added():
    other = stage(1, 300, stream="exchange:y"), merge(X, "exchange:y")
    assert totals(exchange(stage(1, 100), stage(2, 50), *other))["UKR"] == 150
    assert totals(exchange(event("exchange.agreed", X, formula="all for all"), *other))["UKR"] == 300


def test_mediators_are_those_named_and_those_with_the_role():
    subject = subject_of(*timeline("exchange:2026-02-05"), kind=Exchange)
    assert subject.mediators == ("USA", "ARE")
    assert subject_of(*timeline("exchange:2025-03-19"), kind=Exchange).mediators == ("ARE",)


def test_the_stated_cumulative_figures_are_kept_apart():
    subject = subject_of(*timeline("exchange:2024-12-30"), kind=Exchange)
    assert subject.stated_cumulative == {"UKR_returned_total": 3956, "UKR_returned_2024": 1358}
    assert totals(subject) == {"RUS": 150, "UKR": 189}


def test_what_is_handed_over_with_an_exchange_is_counted_by_its_kind():
    handed = [
        event("remains.repatriated", X, to="UKR", count=1000, to_counterparty={"RUS": 20}),
        event("remains.repatriated", X, to="UKR", count=None),
        event("children.returned", X, to="UKR", count=5),
    ]
    subject = exchange(*handed)
    assert subject.remains == {"UKR": Counted(total=1000, withheld=1), "RUS": Counted(total=20, withheld=0)}
    assert subject.children == {"UKR": Counted(total=5, withheld=0)}
    assert subject.released == {}
