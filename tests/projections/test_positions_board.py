"""The latest stated position per party and topic, with its age (docs/projections.md)."""

from typing import Any

import pytest

from incidentlog.folding.shapes import Row
from tests.projections.showing import Given, given, local
from tests.subjects.given import Event, amend, day, event, merge, minute, retract, timeline


def said(name: str, on: str, stance: str, /, speaker: str = "RUS", topic: str = "neutrality", **more: Any) -> Event:
    data = {"speaker": speaker, "stance": stance, "topic": topic, **more}
    return event("statement.made", f"statement:{name}", name, occurred=minute(on) if "T" in on else day(on), data=data)


def board(log: Given, at: str, key: str = "RUS|neutrality") -> Row:
    return log.shows("positions_board", at)[key]


@pytest.fixture(scope="module")
def the_timeline() -> Given:
    return given(*timeline())


def test_the_latest_position_holds_with_its_age_and_the_one_before():
    log = given(said("a", "2025-01-01", "demands", quote="We insist."), said("b", "2025-03-01", "may_yield"))
    row = board(log, "2025-03-11T12:00")
    assert (row["stance"], row["age_days"], row["since"]) == ("may_yield", 10, local("2025-03-01"))
    assert row["before"] == {"stance": "demands", "since": local("2025-01-01")}
    earlier = board(log, "2025-02-01")
    assert (earlier["stance"], earlier["age_days"], earlier["note"]) == ("demands", 31, "We insist.")


def test_its_age_moves_at_each_local_midnight():
    log = given(said("a", "2025-03-29T23:30", "demands"))
    ages = {at: board(log, at)["age_days"] for at in ("2025-03-29T23:59", "2025-03-30", "2025-03-31")}
    assert ages == {"2025-03-29T23:59": 0, "2025-03-30": 1, "2025-03-31": 2}  # the 30th has 23 hours
    assert board(log, "2025-03-30T12:00")["next_transition_at"] == local("2025-03-31")


def test_before_anything_was_said_there_is_no_position():
    row = board(given(said("a", "2025-03-01", "demands")), "2025-02-01")
    assert (row["stance"], row["age_days"], row["next_transition_at"]) == (None, None, local("2025-03-01"))


def test_each_party_and_topic_has_its_own():
    log = given(
        said("a", "2025-01-01", "demands"),
        said("b", "2025-01-02", "refuses", speaker="UKR"),
        said("c", "2025-01-03", "open", topic="status"),
    )
    shown = {key: row["stance"] for key, row in log.shows("positions_board").items()}
    assert shown == {"RUS|neutrality": "demands", "RUS|status": "open", "UKR|neutrality": "refuses"}


def test_of_two_at_one_instant_the_later_recorded_holds():
    one, two = said("z", "2025-01-01", "demands"), said("a", "2025-01-01", "open")
    assert board(given(one, two), "2025-02-01")["stance"] == "open"
    assert board(given(two, one), "2025-02-01")["stance"] == "demands"


def test_a_response_to_a_proposal_is_a_position_on_it(the_timeline: Given):
    row = board(the_timeline, "2022-04-17", "RUS|proposal:ua-2022-guarantees")
    assert (row["stance"], row["how"], row["age_days"]) == ("rejected", "response", 10)


def test_on_a_ceasefire_what_a_party_answered_or_stated_last_is_its_position(the_timeline: Given):
    keys = {
        "RUS|ceasefire:energy-2026": "in_force",
        "UKR|ceasefire:energy-2026": "violated",
        "USA|ceasefire:energy-2026": "expired_and_kept",
        "UKR|ceasefire:easter-2025": "reciprocated",
        "UKR|ceasefire:us-30day-2025": "accepted_conditionally",
    }
    rows = the_timeline.shows("positions_board", "2026-02-10")
    assert {key: rows[key]["stance"] for key in keys} == keys
    assert rows["UKR|ceasefire:energy-2025"]["note"] == "disputes the 18 March start"


def test_an_answer_gives_way_to_a_later_statement():
    of = "ceasefire:x"
    answered = event("ceasefire.responded", of, occurred=day("2025-01-01"), party="UKR", response="rejected")
    stated = event("ceasefire.position_stated", of, occurred=day("2025-01-05"), party="UKR", stated_status="kept")
    row = board(given(answered, stated), "2025-02-01", "UKR|ceasefire:x")
    assert (row["stance"], row["before"]["stance"], row["times"]) == ("kept", "rejected", 2)


def test_a_retracted_statement_was_never_made():
    log = given(said("a", "2025-01-01", "demands"), said("b", "2025-03-01", "may_yield"), retract("b"))
    assert (board(log, "2025-04-01")["stance"], board(log, "2025-04-01")["restated"]) == ("demands", True)
    assert given(said("a", "2025-01-01", "demands"), retract("a")).shows("positions_board") == {}


def test_an_amended_topic_moves_it():
    log = given(said("a", "2025-01-01", "demands"), amend("a", {"data": {"topic": "status"}}))
    assert list(log.shows("positions_board")) == ["RUS|status"]


def test_a_statement_told_twice_is_one_after_the_merge():
    log = given(
        said("a", "2025-01-01", "demands"), said("b", "2025-01-01", "demands"), merge("statement:a", "statement:b")
    )
    assert [board(log.first(n), "2025-02-01")["times"] for n in (2, 3)] == [2, 1]
