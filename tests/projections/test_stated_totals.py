"""Totals as sources state them (docs/projections.md): tolls by a day, counts by area and period."""

from typing import Any

from tests.projections.showing import Given, given, local
from tests.subjects.given import Event, day, event, merge, retract

UKRAINE = {"name": "Ukraine", "country": "UA", "precision": "country"}
SUMY = {"name": "Sumy oblast", "country": "UA", "admin1": "21", "precision": "admin1"}


def toll(name: str, as_of: str, stream: str = "toll:un", **figures: int) -> Event:
    counts = {figure: {"best": n} for figure, n in figures.items()}
    said = {"as_of": as_of, "since": "2022-02-24", "counts": counts}
    return event("toll.reported", stream, name, occurred=day(as_of), place=UKRAINE, data=said)


def counted(name: str, count: int, **more: Any) -> Event:
    said = {"kind": "shelling", "period": {"from": "2025-05-01", "to": "2025-06-01"}, "count": {"best": count}, **more}
    return event("aggregate.reported", "aggregate:sumy-may", name, occurred=day("2025-06-02"), place=SUMY, data=said)


def best(log: Given, at: str, stream: str = "toll:un") -> dict[str, int]:
    figures = log.shows("stated_totals", at)[stream]["figures"]
    return {name: figure["best"] for name, figure in figures.items()}


LOG = given(
    toll("a", "2025-01-31", killed=100, tanks=7),
    toll("c", "2025-03-31", killed=120),
    toll("b", "2025-02-28", killed=130),
)


def test_a_toll_is_what_was_stated_last_by_then_each_figure_as_of_its_day():
    assert best(LOG, "2025-02-01") == {"killed": 100, "tanks": 7}
    assert best(LOG, "2025-03-02") == {"killed": 130, "tanks": 7}
    row = LOG.shows("stated_totals", "2025-12-31")["toll:un"]
    assert (row["figures"]["killed"]["best"], row["figures"]["killed"]["as_of"]) == (120, local("2025-04-01"))
    assert (row["fell"], row["as_of"], row["country"], row["since"]) == (
        ["killed"], local("2025-04-01"), "UA", local("2022-02-24"),
    )  # fmt: skip
    assert LOG.shows("stated_totals", "2025-02-01")["toll:un"]["next_transition_at"] == local("2025-03-01")
    assert best(LOG.first(1), "2025-12-31") == {"killed": 100, "tanks": 7}  # as it was known


def test_of_one_day_the_last_report_counts_and_what_is_retracted_does_not():
    log = given(toll("a", "2025-01-31", killed=100), toll("b", "2025-01-31", killed=101), retract("b"))
    assert [best(log.first(n), "2025-12-31") for n in (2, 3)] == [{"killed": 101}, {"killed": 100}]
    assert given(toll("a", "2025-01-31", killed=1), retract("a")).shows("stated_totals") == {}


def test_what_two_told_of_one_toll_is_not_added_up_where_they_are_merged():
    log = given(toll("a", "2025-01-31", killed=100), toll("b", "2025-01-31", "toll:again", killed=90, injured=5),
                merge("toll:un", "toll:again"))  # fmt: skip
    assert best(log, "2025-12-31") == {"killed": 100, "injured": 5}


def test_a_count_of_an_area_and_a_period_is_replaced_by_a_later_one_and_in_no_sum_of_incidents():
    log = given(
        counted("a", 312, as_of="2025-06-03"),
        counted("b", 330, as_of="2025-06-10"),
        counted("old", 1, as_of="2025-06-05"),
    )
    row = log.shows("stated_totals", "2025-12-31")["aggregate:sumy-may"]
    assert (row["kind"], row["figures"]["count"]["best"], row["admin1"]) == ("shelling", 330, "UA.21")
    assert (row["since"], row["until"]) == (local("2025-05-01"), local("2025-06-01"))
    assert log.shows("city_incidents", "2025-12-31") == {}
    assert given(*[toll("a", "2025-01-31", killed=9)]).shows("city_incidents", "2025-12-31") == {}
