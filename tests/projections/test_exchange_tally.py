"""Who came home, by side, mediator and month, with what was withheld (docs/projections.md, E13)."""

from typing import Any

import pytest

from incidentlog.folding.shapes import Row
from incidentlog.projections.exchange_tally import returns_of
from incidentlog.subjects.exchange import Exchange
from tests.projections.showing import Given, given
from tests.subjects.given import Event, day, event, merge, retract, subject_of, timeline

X, Y = "exchange:x", "exchange:y"


def released(ukr: Any = None, rus: Any = None, **parts: Any) -> Event:
    sides = {"UKR": ukr, "RUS": rus}
    return {side: {"total": None if n == "withheld" else n, **parts} for side, n in sides.items() if n is not None}


def stage(number: int, on: str, /, *, stream: str = X, of: Event) -> Event:
    return event("exchange.stage_completed", stream, occurred=day(on), stage=number, released=of)


def completed(on: str, /, *, stream: str = X, actors: tuple[str, ...] = (), **data: Any) -> Event:
    mediators = [{"code": code, "role": "mediator"} for code in actors]
    return event("exchange.completed", stream, stream, occurred=day(on), actors=mediators, data=data)


def remains(on: str, name: str, /, **data: Any) -> Event:
    return event("remains.repatriated", f"remains:{name}", occurred=day(on), data=data)


@pytest.fixture(scope="module")
def the_timeline() -> Given:
    return given(*timeline())


def some(row: Row, *names: str) -> tuple[Any, ...]:
    return tuple(row[name] for name in names)


# -------------------------------------------------------------------------------------------------- the timeline


def test_the_timeline_by_side(the_timeline: Given):
    rows = the_timeline.shows("exchange_tally")
    assert rows.keys() == {"RUS", "UKR"}
    # 230 + 189 + 197 + 277 + 1,000 + 146 + 205 + 157, and 248 + 150 + 175 + 246 + 1,000 + 154 + 205 + 157
    assert some(rows["UKR"], "released", "civilians", "exchanges", "withheld", "remains") == (2401, 155, 9, 1, 6057)
    assert some(rows["RUS"], "released", "civilians", "exchanges", "withheld", "remains") == (2335, 148, 9, 1, None)


def test_a_thousand_for_a_thousand_came_in_three_stages(the_timeline: Given):
    stream = "exchange:1000-for-1000"
    shown = {
        at: {side: row["released"] for side, row in the_timeline.shows("exchange_tally", at, stream=stream).items()}
        for at in ("2025-05-23", "2025-05-24", "2025-05-25")
    }
    assert shown == {
        "2025-05-23": {"RUS": 390, "UKR": 390},
        "2025-05-24": {"RUS": 697, "UKR": 697},
        "2025-05-25": {"RUS": 1000, "UKR": 1000},
    }
    rows = the_timeline.shows("exchange_tally", by=("stream",), stream=stream)
    assert some(rows[stream], "released", "exchanges", "name") == (2000, 1, "1000-for-1000")


def test_six_thousand_and_fifty_seven_bodies_came_in_five_transfers(the_timeline: Given):
    rows = the_timeline.shows("exchange_tally", kind="remains")
    assert {side: some(row, "remains", "transfers", "exchanges") for side, row in rows.items()} == {
        "UKR": (6057, 5, 0)  # the 78 of the other side are a sum so far, and not added
    }
    by_day = the_timeline.shows("exchange_tally", by=("day",), kind="remains")
    assert [row["remains"] for row in by_day.values()] == [1212, 1200, 1200, 1200, 1245]


def test_e13_what_is_withheld_is_null_and_said_beside_the_sum(the_timeline: Given):
    rows = the_timeline.shows("exchange_tally", stream="exchange:all-for-all-2025")
    assert some(rows["UKR"], "released", "withheld", "note") == (None, 1, "+ 1 exchange without figures")


def test_a_formula_has_its_progress(the_timeline: Given):
    shares = {
        at: the_timeline.shows("exchange_tally", at, by=("formula", "side"))["1000-for-1000|UKR"]["progress"]
        for at in ("2025-05-20", "2025-05-24", "2025-06-01")
    }
    assert {at: (p["target"], p["released"], p["share"]) for at, p in shares.items()} == {
        "2025-05-20": (1000, 0, 0.0),
        "2025-05-24": (1000, 697, 0.697),
        "2025-06-01": (1000, 1000, 1.0),
    }
    assert the_timeline.shows("exchange_tally", by=("formula",))[""]["progress"] is None


def test_mediators_are_joined_so_that_sums_are_whole(the_timeline: Given):
    rows = the_timeline.shows("exchange_tally", by=("mediator",))
    assert {key: some(row, "released", "exchanges") for key, row in rows.items()} == {
        "": (2410, 3), "ARE": (2012, 5), "ARE+USA": (314, 1),
    }  # fmt: skip


# ------------------------------------------------------------------------------------------------------- counting


def test_an_exchange_of_two_sides_is_one_whatever_it_is_grouped_by():
    log = given(
        completed("2025-01-10", released=released(10, 20)),
        completed("2025-01-20", stream=Y, released=released(5)),
    )
    assert log.shows("exchange_tally", by=("month",))["2025-01"]["exchanges"] == 2
    assert {side: row["exchanges"] for side, row in log.shows("exchange_tally").items()} == {"RUS": 1, "UKR": 2}
    assert log.shows("exchange_tally", by=("month",), side="UKR")["2025-01"]["exchanges"] == 2
    assert log.shows("exchange_tally", by=("month",), side="RUS")["2025-01"]["exchanges"] == 1


def test_stages_count_on_their_days_and_the_exchange_on_its_first():
    log = given(stage(1, "2025-01-31", of=released(1)), stage(2, "2025-02-01", of=released(2)))
    rows = log.shows("exchange_tally", by=("month",))
    assert {m: some(r, "released", "exchanges") for m, r in rows.items()} == {"2025-01": (1, 1), "2025-02": (2, 0)}


def test_an_exchange_with_a_figure_held_back_in_a_stage_has_withheld():
    row = given(stage(1, "2025-01-01", of=released(7)), stage(2, "2025-01-02", of=released("withheld"))).shows(
        "exchange_tally"
    )["UKR"]
    assert some(row, "released", "withheld", "exchanges") == (7, 1, 1)


def test_a_stated_total_is_a_check_and_never_added():
    row = given(completed("2025-01-10", released_total={"UKR": 100})).shows("exchange_tally")["UKR"]
    assert some(row, "released", "exchanges", "withheld") == (None, 1, 1)


def test_an_agreement_is_no_exchange_yet():
    agreed = event("exchange.agreed", X, data={"formula": "1|1", "target": {"UKR": 50, "RUS": None}})
    rows = given(agreed).shows("exchange_tally", by=("formula", "side"))
    assert {key: some(row, "exchanges", "progress") for key, row in rows.items()} == {
        "1/1|UKR": (0, {"target": 50, "released": 0, "share": 0.0})
    }


def test_nothing_told_is_not_nought():
    row = given(completed("2025-01-10", released=released(0))).shows("exchange_tally")["UKR"]
    assert some(row, "released", "children", "withheld") == (0, None, 0)


def test_handovers_count_by_what_they_are():
    log = given(
        remains("2025-01-01", "a", to="UKR", count=None),
        remains("2025-01-02", "b", to="UKR", count=9, to_counterparty={"RUS": 4}),
        event("children.returned", "children:a", to="UKR", count=3),
        event("detainees.released", "detainees:a", to="UKR", count=2),
        event("remains.repatriated", X, to="UKR", count=1),
    )
    rows = log.shows("exchange_tally")
    assert some(rows["UKR"], "remains", "transfers", "transfers_withheld") == (10, 5, 1)
    assert some(rows["UKR"], "children", "released", "exchanges") == (3, 2, 0)
    assert some(rows["RUS"], "remains", "transfers") == (4, 1)


def test_a_merged_exchange_counts_once_and_a_retracted_one_not_at_all():
    one, two = completed("2025-01-10", released=released(10)), completed("2025-01-10", stream=Y, released=released(11))
    log = given(one, two, merge(X, Y), retract(X), retract(Y))
    shown = [log.first(n).shows("exchange_tally") for n in (2, 3, 4, 5)]
    assert [some(rows["UKR"], "released", "exchanges") for rows in shown[:3]] == [(21, 2), (10, 1), (11, 1)]
    assert shown[3] == {}


def test_stages_of_an_absorbed_record_stand_in_and_are_never_added():
    other = stage(1, "2025-01-02", stream=Y, of=released(300))
    agreed = event("exchange.agreed", X, formula="all for all")
    for log, total in (
        (given(stage(1, "2025-01-01", of=released(100)), other, merge(X, Y)), 100),
        (given(agreed, other, merge(X, Y)), 300),
    ):
        assert some(log.shows("exchange_tally")["UKR"], "released", "exchanges") == (total, 1)


@pytest.mark.parametrize("stream", sorted({e["stream"] for e in timeline() if e["stream"].startswith("exchange:")}))
def test_the_sum_of_what_came_is_what_the_exchange_says_was_released(stream: str):
    exchange = subject_of(*timeline(stream), kind=Exchange)
    sums: dict[str, int] = {}
    for back in returns_of(exchange):
        sums[back.side] = sums.get(back.side, 0) + (back.figures["released"] or 0)
    assert sums == {side: r.total or 0 for side, r in exchange.released.items()}
