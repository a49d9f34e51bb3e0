"""Rounds per track, and the hiatus that the clock moves (docs/projections.md)."""

import tracemalloc
from typing import Any

import pytest

from incidentlog.folding.shapes import NOTHING, Row
from incidentlog.projections.talks_ledger import TalksLedger, Track
from incidentlog.subjects.talk import Talk
from tests.projections.showing import Given, given, local
from tests.subjects.given import Event, amend, day, event, merge, minute, retract, subject_of, timeline

HELD = {"track": "ua-ru", "format": "bilateral", "level": "delegation", "direct_ua_ru": True, "outcome": "none"}
UKR, RUS = {"code": "UKR", "role": "party"}, {"code": "RUS", "role": "party"}


def talk(
    what: str, on: str, name: str = "a", called: str | None = None, /, until: str | None = None, **data: Any
) -> Event:
    occurred = minute(on) if "T" in on else day(on, **({"end": until} if until else {}))
    return event(f"talk.{what}", f"talk:{name}", called, occurred=occurred, actors=[UKR, RUS], data=data)


def held(on: str, name: str = "a", called: str | None = None, /, until: str | None = None, **more: Any) -> Event:
    return talk("held", on, name, called, until=until, **{**HELD, **more})


def ledger(log: Given, at: str, track: str = "ua-ru") -> Row:
    return log.shows("talks_ledger", at)[track]


@pytest.fixture(scope="module")
def the_timeline() -> Given:
    return given(*timeline())


def test_on_20_december_2025_the_last_round_of_the_two_was_150_days_ago(the_timeline: Given):
    row = ledger(the_timeline, "2025-12-20")
    assert (row["days_since_last"], row["last"], row["count"]) == (150, "talk:2025-07-23-istanbul", 6)
    assert row["next_transition_at"] == local("2025-12-21")
    assert ledger(the_timeline, "2025-12-20T23:59")["days_since_last"] == 150
    assert ledger(the_timeline, "2025-12-21")["days_since_last"] == 151


def test_the_gap_before_each_round_is_in_whole_days(the_timeline: Given):
    rounds = ledger(the_timeline, "2025-12-20")["rounds"]
    assert [r["gap_before_days"] for r in rounds] == [None, 10, 19, 1144, 17, 51]
    assert [r["round_no"] for r in rounds] == [1, None, None, 1, 2, 3]


def test_a_round_says_who_met_how_and_with_what_outcome(the_timeline: Given):
    antalya = ledger(the_timeline, "2025-12-20")["rounds"][1]
    assert [f"{p['code']}/{p['role']}" for p in antalya["participants"]] == [
        "UKR/party",
        "RUS/party",
        "TUR/facilitator",
    ]
    told = {name: antalya[name] for name in ("format", "level", "outcome", "place", "number", "status")}
    assert told == {
        "format": "trilateral", "level": "foreign_ministers", "outcome": "no_agreement", "place": "Antalya",
        "number": 2, "status": "held",
    }  # fmt: skip


def test_every_track_has_its_own_rounds(the_timeline: Given):
    rows = the_timeline.shows("talks_ledger", "2026-02-20")
    assert {track: row["count"] for track, row in rows.items()} == {
        "leaders": 0, "trilateral": 2, "ua-ru": 6, "us-proximity": 1, "us-ru": 4, "us-ua": 8,
    }  # fmt: skip
    assert rows["trilateral"]["rounds"][1]["gap_before_days"] == 11  # from 24 January, the last day, to 4 February


def test_a_round_that_lasts_days_is_over_on_its_last_day():
    log = given(held("2025-12-20", until="2025-12-22"))
    days = {at: ledger(log, at)["days_since_last"] for at in ("2025-12-20", "2025-12-22T12:00", "2025-12-23")}
    assert days == {"2025-12-20": 0, "2025-12-22T12:00": 0, "2025-12-23": 1}
    assert ledger(log, "2025-12-20")["next_transition_at"] == local("2025-12-23")


def test_it_says_when_the_clock_moves_it_next():
    log = given(
        talk("proposed", "2025-05-01T10:00", "a", track="ua-ru"),
        talk("scheduled", "2025-05-01T15:00", "a", planned_start="2025-05-03"),
        talk("scheduled", "2025-05-01T18:00", "a", planned_start="2025-05-03"),
        held("2025-05-03", "a", until="2025-05-05"),
        held("2025-05-03T12:00", "b"),
        talk("proposed", "2025-05-06T09:00", "c", track="ua-ru"),
        talk("cancelled", "2025-05-06T20:00", "c", by="RUS"),
    )
    steps = ["2025-05-01T15:00", "2025-05-03", "2025-05-03T12:00", "2025-05-04", "2025-05-05", "2025-05-06"]
    steps += ["2025-05-06T09:00", "2025-05-06T20:00", "2025-05-07", "2025-05-08"]
    assert log.moves("talks_ledger", "ua-ru", "2025-05-01T10:00", "2025-05-08T12:00") == [local(step) for step in steps]


def test_what_is_not_known_to_the_day_has_no_gap_and_gives_none():
    month = {"start": "2025-12-01", "precision": "month", "tz": "Europe/Kyiv"}
    log = given(held("2025-11-01", "a"), {**held("2025-12-01", "b"), "occurred": month})
    row = ledger(log, "2026-02-01")
    assert (row["rounds"][1]["gap_before_days"], row["days_since_last"]) == (None, None)
    assert row["next_transition_at"] is None


def test_a_talk_that_was_only_planned_is_no_round():
    log = given(
        talk("proposed", "2025-05-01", track="ua-ru", by="RUS"),
        talk("scheduled", "2025-05-03", planned_start="2025-05-16T13:00"),
        held("2025-05-16T14:00"),
    )
    assert ledger(log, "2025-04-30")["planned"] == []
    (planned,) = ledger(log, "2025-05-02")["planned"]
    assert (planned["status"], planned["proposed_by"]) == ("proposed", "RUS")
    assert ledger(log, "2025-05-02")["next_transition_at"] == local("2025-05-03")
    assert ledger(log, "2025-05-03")["planned"][0]["status"] == "scheduled"
    assert (ledger(log, "2025-05-17")["planned"], ledger(log, "2025-05-17")["count"]) == ([], 1)


def test_a_cancelled_talk_stays_and_says_so():
    log = given(talk("proposed", "2025-05-01", track="ua-ru"), talk("cancelled", "2025-05-02", by="RUS"))
    assert [p["status"] for p in ledger(log, "2025-06-01")["planned"]] == ["cancelled"]


def test_a_corrected_date_moves_the_round_and_what_was_known_stays():
    log = given(
        held("2025-05-16", "a", "a"), held("2025-06-02", "b"), amend("a", {"occurred": {"start": "2025-06-05"}})
    )
    assert [r["stream"] for r in ledger(log, "2025-07-01")["rounds"]] == ["talk:b", "talk:a"]
    assert ledger(log, "2025-07-01")["rounds"][1]["gap_before_days"] == 3
    assert [r["stream"] for r in ledger(log.first(2), "2025-07-01")["rounds"]] == ["talk:a", "talk:b"]


def test_retracted_and_merged_rounds_are_not_counted():
    log = given(held("2025-05-16", "a", "a"), held("2025-05-16T10:00", "b"), merge("talk:b", "talk:a"), retract("a"))
    assert [ledger(log.first(n), "2025-07-01")["count"] for n in (2, 3, 4)] == [2, 1, 1]
    assert "ua-ru" not in given(held("2025-05-16", "a", "a"), retract("a")).shows("talks_ledger")


def test_a_row_of_very_many_seats_grows_the_service_by_a_share_of_the_64_mib_that_one_of_a_thousand_rounds_may():
    seats = [UKR, RUS] + [
        {"code": f"USA.N{n}", "role": "observer", "name": f"Number {n} ".ljust(160, "x")} for n in range(198)
    ]
    rounds = 20
    talks = [subject_of(event("talk.held", f"talk:{n}", actors=seats, data=HELD), kind=Talk) for n in range(rounds)]
    ledger = TalksLedger()
    body = ledger.fold("ua-ru", talks)
    assert body is not None
    text = body.model_dump_json()
    row = ledger.row(Track.model_validate_json(text), local("2025-12-20"), NOTHING)
    tracemalloc.start()
    read = Track.model_validate_json(text)
    again = ledger.row(read, local("2025-12-20"), NOTHING)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert row == again
    assert [len(r["participants"]) for r in row["rounds"]] == [len(seats)] * rounds
    assert most < 64 * 2**20 * rounds / 1_000
