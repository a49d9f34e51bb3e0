"""Commitments by the clock, and what implements them (docs/projections.md)."""

from typing import Any

import pytest

from incidentlog.folding.shapes import Row
from tests.projections.showing import Given, given, local
from tests.subjects.given import Event, amend, day, event, id_of, merge, retract, timeline

C, D = "commitment:c", "commitment:d"


def step(what: str, on: str, called: str | None = None, /, *, stream: str = C, **data: Any) -> Event:
    return event(f"commitment.{what}", stream, called, occurred=day(on), data=data)


def made(on: str = "2025-01-01", called: str | None = None, /, *, stream: str = C, **data: Any) -> Event:
    said = {"obligor": "RUS", "beneficiary": "UKR", "kind": "deadline", "text": "to withdraw", **data}
    return step("made", on, called, stream=stream, **said)


def handed(name: str, on: str, count: int | None, *, to: str = "UKR", of: str = C, **more: Any) -> Event:
    links = [{"rel": "implements", "target": of}]
    said = {"to": to, "count": count, **more}
    return event("remains.repatriated", f"remains:{name}", name, occurred=day(on), links=links, data=said)


def shown(log: Given, at: str, stream: str = C) -> Row:
    return log.shows("commitments", at)[stream]


def states(log: Given, *ats: str) -> list[str]:
    return [shown(log, at)["state"] for at in ats]


@pytest.fixture(scope="module")
def the_timeline() -> Given:
    return given(*timeline())


def test_the_six_thousand_bodies_came_in_five_transfers(the_timeline: Given):
    rows = [
        shown(the_timeline, at, "commitment:remains-6000")
        for at in ("2025-06-01", "2025-06-10", "2025-06-11", "2025-06-15", "2025-06-16")
    ]
    assert [row["state"] for row in rows] == ["none", "made", "in_progress", "in_progress", "fulfilled"]
    assert [row["progress"]["implemented"].get("remains") for row in rows] == [None, None, 1212, 4812, 6057]
    assert [row["progress"]["share"] for row in rows] == [None, None, 0.202, 0.802, 1.0095]
    assert len(rows[-1]["progress"]["implemented_by"]) == 5
    assert rows[-1]["progress"]["stated"] == 6057


def test_it_goes_from_made_to_fulfilled():
    log = given(made(), step("progressed", "2025-01-05", level="minimum"), step("fulfilled", "2025-02-01", value=6057))
    assert states(log, "2024-12-31", "2025-01-01", "2025-01-05", "2025-02-01") == [
        "none", "made", "in_progress", "fulfilled",
    ]  # fmt: skip
    assert shown(log, "2025-01-10")["level"] == "minimum"
    assert shown(log, "2025-01-10")["next_transition_at"] == local("2025-02-01")


def test_it_is_overdue_from_its_due_date_on_and_each_day_longer():
    log = given(made(due="2025-03-01"))
    assert not shown(log, "2025-02-28T23:59")["overdue"]
    days = {at: (shown(log, at)["overdue"], shown(log, at)["days_over"]) for at in ("2025-03-01", "2025-03-31")}
    assert days == {"2025-03-01": (True, 0), "2025-03-31": (True, 30)}  # the clocks went forward on the 30th
    assert shown(log, "2025-03-31T12:00")["next_transition_at"] == local("2025-04-01")


def test_it_says_when_the_clock_moves_it_next():
    log = given(
        made(due="2025-01-12"),
        step("progressed", "2025-01-10", level="minimum"),
        step("rescheduled", "2025-01-14", new_due="2025-01-18"),
        step("fulfilled", "2025-01-20", value=6057),
    )
    days = (5, 10, 12, 13, 14, 18, 19, 20)
    assert log.moves("commitments", C, "2025-01-02", "2025-01-23") == [local(f"2025-01-{day:02}") for day in days]


def test_what_was_kept_late_is_not_overdue_and_says_by_how_many_days():
    row = shown(given(made(due="2025-03-01"), step("fulfilled", "2025-03-04")), "2025-06-01")
    assert (row["overdue"], row["days_over"], row["next_transition_at"]) == (False, 3, None)


@pytest.mark.parametrize(
    ("level", "at", "at_risk"),
    [
        (None, "2025-02-21T23:59", False),
        (None, "2025-02-22", True),
        ("minimum", "2025-02-28", True),
        ("intermediate", "2025-02-28", False),
        (None, "2025-03-01", False),  # by then it is overdue
    ],
)
def test_it_is_at_risk_in_the_week_before_when_below_intermediate(level: str | None, at: str, at_risk: bool):
    progress = [step("progressed", "2025-01-05", level=level)] if level else []
    assert shown(given(made(due="2025-03-01"), *progress), at)["at_risk"] == at_risk


def test_how_long_before_is_what_the_policy_says_as_known_then():
    policy = {"policy": "commitments", "values": {"at_risk_days": 2}}
    later = event("policy.changed", "policy:commitments", occurred=day("2025-06-01"), data=policy) | {"sources": []}
    log = given(made(due="2025-03-01"), later)
    assert [shown(log, at)["at_risk"] for at in ("2025-02-26T23:59", "2025-02-27")] == [False, True]
    assert shown(log, "2025-02-26")["next_transition_at"] == local("2025-02-27")
    assert shown(log.first(1), "2025-02-22")["at_risk"]


def test_what_has_reached_its_target_is_not_at_risk():
    log = given(made(due="2025-03-01", target_value=10), handed("a", "2025-02-01", 12))
    row = shown(log, "2025-02-28")
    assert (row["level"], row["at_risk"], row["progress"]["share"]) == ("complete", False, 1.2)


def test_a_rescheduled_one_keeps_its_old_due_date_visible():
    log = given(
        made(due="2025-03-01"),
        step("rescheduled", "2025-02-01", new_due="2025-04-01"),
        step("rescheduled", "2025-03-20", new_due="2025-06-01"),
    )
    dues = {
        at: (shown(log, at)["due"], shown(log, at)["earlier_dues"]) for at in ("2025-01-15", "2025-02-15", "2025-05-01")
    }
    assert dues == {
        "2025-01-15": (local("2025-03-01"), []),
        "2025-02-15": (local("2025-04-01"), [local("2025-03-01")]),
        "2025-05-01": (local("2025-06-01"), [local("2025-03-01"), local("2025-04-01")]),
    }


def test_one_without_a_date_gets_its_first_by_rescheduling():
    log = given(made(), step("rescheduled", "2025-02-01", new_due="2025-04-01"))
    assert [shown(log, at)["due"] for at in ("2025-01-15", "2025-02-15")] == [None, local("2025-04-01")]
    assert shown(log, "2025-05-01")["earlier_dues"] == []


def test_a_breach_is_somebodys_claim():
    row = shown(given(made(), step("breached", "2025-02-01", claimed_by="UKR")), "2025-03-01")
    assert (row["state"], row["breach_claimed_by"]) == ("breached", "UKR")


def test_what_implements_it_counts_for_the_beneficiary_only():
    log = given(
        made(unit="bodies"),
        handed("a", "2025-01-05", 7, to_counterparty={"RUS": 4}),
        handed("b", "2025-01-06", None),
        handed("c", "2025-01-06", 9, of=D),
        retract("a", "undo"),
    )
    assert shown(log.first(4), "2025-02-01")["progress"]["value"] == 7
    assert shown(log, "2025-02-01")["progress"]["value"] is None
    assert shown(log, "2025-02-01")["state"] == "in_progress"


def test_two_units_are_not_added():
    links = [{"rel": "implements", "target": C}]
    freed = event("detainees.released", "detainees:a", occurred=day("2025-01-05"), links=links, to="UKR", count=3)
    progress = shown(given(made(), handed("a", "2025-01-05", 7), freed), "2025-02-01")["progress"]
    assert (progress["value"], progress["implemented"]) == (None, {"detainees": 3, "remains": 7})


def test_something_without_a_figure_implements_it_too():
    links = [{"rel": "implements", "target": C}, {"rel": "implements", "target": "commitment: c|"}]
    opened = event("corridor.opened", "corridor:a", occurred=day("2025-01-05"), links=links, data={})
    log = given(made(), opened)
    assert states(log, "2025-01-04", "2025-01-05") == ["made", "in_progress"]
    assert list(log.shows("implementations")) == [C]


def test_what_implements_a_merged_record_implements_the_survivor():
    log = given(made(), made(stream=D), handed("a", "2025-01-05", 7, of=D), merge(C, D, name="one"), retract("one"))
    assert shown(log.first(4), "2025-02-01")["progress"]["value"] == 7
    assert D not in log.first(4).shows("commitments")
    assert shown(log, "2025-02-01")["progress"]["value"] is None


def test_a_retracted_one_is_kept_and_counts_for_nothing():
    log = given(made("2025-01-01", "made", due="2025-03-01"), retract("made", "undo"), retract("undo"))
    row = shown(log.first(2), "2025-04-01")
    assert (row["state"], row["is_current"], row["overdue"]) == ("none", False, False)
    assert (shown(log, "2025-04-01")["overdue"], shown(log, "2025-04-01")["restated"]) == (True, True)


def test_a_corrected_due_date_was_never_another():
    log = given(made("2025-01-01", "made", due="2025-03-01"), amend("made", {"data": {"due": "2025-05-01"}}))
    assert (shown(log, "2025-04-01")["overdue"], shown(log, "2025-04-01")["earlier_dues"]) == (False, [])
    assert shown(log.first(1), "2025-04-01")["overdue"]


def test_what_does_not_fit_is_listed_and_moves_nothing():
    log = given(
        made(), step("withdrawn", "2025-02-01"), step("rescheduled", "2025-03-01", "late", new_due="2025-04-01")
    )
    row = shown(log, "2025-05-01")
    assert (row["state"], row["due"], [i["event"] for i in row["ignored"]]) == ("withdrawn", None, [id_of("late")])
