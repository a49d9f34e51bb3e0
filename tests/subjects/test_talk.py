from typing import Any

from incidentlog.subjects.talk import Talk
from tests.subjects.given import Event, day, event, merge, subject_of, timeline

TALK = "talk:x"
ACTORS = [{"code": "UKR", "role": "party"}, {"code": "RUS", "role": "party"}]


def step(name: str, on: str = "2025-05-10", stream: str = TALK, **more: Any) -> Event:
    return event(f"talk.{name}", stream, occurred=day(on), **more)


def held(on: str = "2025-05-16", stream: str = TALK, **more: Any) -> Event:
    told = {"track": "ua-ru", "format": "bilateral", "level": "delegation", "direct_ua_ru": True, "outcome": "none"}
    return step("held", on, stream, actors=ACTORS, data=told | more)


def talk(*events: Event) -> Talk:
    return subject_of(*events, kind=Talk, stream=TALK)


PROPOSED = step("proposed", "2025-05-01", track="ua-ru", by="RUS", venue_proposed="Istanbul", format="online")


def test_a_talk_goes_from_proposed_to_held():
    steps = PROPOSED, step("scheduled", "2025-05-05", planned_start="2025-05-15"), held()
    assert [talk(*steps[:n]).status for n in (1, 2, 3)] == ["proposed", "scheduled", "held"]


def test_what_was_proposed_gives_way_to_what_was_held():
    subject = talk(PROPOSED, held(round_no=1, agenda=["ceasefire"]))
    assert (subject.format, subject.venue, subject.round_no) == ("bilateral", "Istanbul", 1)
    assert subject.proposed_by == "RUS"
    assert subject.agenda == ("ceasefire",)
    assert [a.code for a in subject.participants] == ["UKR", "RUS"]
    assert subject.held is not None
    assert subject.held.start.isoformat() == "2025-05-16"


def test_a_talk_that_is_postponed_has_its_new_date_or_none():
    scheduled = step("scheduled", planned_start="2025-05-15T10:00+03:00")
    assert talk(scheduled, step("postponed", reason="snow")).planned_start is None
    subject = talk(scheduled, step("postponed", new_start="2025-06-01"))
    assert subject.status == "postponed"
    assert subject.planned_start is not None
    assert subject.planned_start.isoformat() == "2025-05-31T21:00:00+00:00"


def test_nothing_follows_a_cancellation():
    subject = talk(PROPOSED, step("cancelled", "2025-05-02", by="UKR", reason="no"), held())
    assert subject.status == "cancelled"
    assert subject.held is None
    assert [i.reason for i in subject.ignored] == ["the talk was cancelled"]


def test_a_held_talk_is_not_scheduled_any_more_but_may_be_broken_off_and_resumed():
    subject = talk(held(), step("scheduled", "2025-05-17", planned_start="2025-05-20"))
    assert subject.status == "held"
    assert [i.reason for i in subject.ignored] == ["the talk was held already"]
    broken = held(), step("suspended", "2025-05-17")
    assert talk(*broken).status == "suspended"
    assert talk(*broken, step("resumed", "2025-05-18")).status == "resumed"


def test_only_what_is_suspended_is_resumed():
    assert [i.reason for i in talk(PROPOSED, step("resumed")).ignored] == ["the talk was not suspended"]


def test_a_late_proposal_comes_before_the_talk_that_it_led_to():
    assert talk(held(), PROPOSED) == talk(held(), PROPOSED).but(status="held", proposed_by="RUS")


def test_an_absorbed_report_fills_the_gaps_of_the_survivor():
    subject = talk(held(), held("2025-05-15", "talk:y", venue="Dolmabahce", round_no=3), merge(TALK, "talk:y"))
    assert subject.venue == "Dolmabahce"
    assert subject.round_no == 3
    assert subject.held is not None
    assert subject.held.start.isoformat() == "2025-05-16"


def test_an_absorbed_report_does_not_replace_what_the_survivor_says():
    later = held("2025-05-17", "talk:y", outcome="joint_statement", agenda=["prisoners"])
    subject = talk(held(agenda=["ceasefire"]), later, merge(TALK, "talk:y"))
    assert (subject.outcome, subject.agenda) == ("none", ("ceasefire",))


def test_the_round_in_istanbul_of_may_2025():
    subject = subject_of(*timeline("talk:2025-05-16-istanbul"), kind=Talk)
    assert (subject.status, subject.round_no, subject.outcome) == ("held", 1, "exchange_agreed")
    assert {a.role for a in subject.participants} == {"party", "facilitator"}
