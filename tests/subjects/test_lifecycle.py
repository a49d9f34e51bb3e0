"""The state machine, row by row of its table (docs/ceasefires.md). Days are of January 2025, in Kyiv."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from incidentlog.subjects.lifecycle import TABLE, TERMINAL, Reading, course, next_transition, state
from incidentlog.subjects.terms import Lifecycle, Move, Span, Statement

KYIV = "Europe/Kyiv"


def day(n: float) -> datetime:
    """Local midnight of the n-th of January; halves are noons."""
    return datetime(2025, 1, 1, tzinfo=ZoneInfo(KYIV)) + timedelta(days=n - 1)


def span(start: float | None = None, until: float | None = None, **length: int) -> Span:
    return Span(start=start and day(start), until=until and day(until), **length)


def move(what: str, on: float, **more: Any) -> Move:
    made = {"event": UUID(int=0), "type": f"ceasefire.{what}", "at": day(on), "position": 0, "tz": KYIV, "what": what}
    return Move.model_validate(made | more)


def life(*moves: Move, stated: tuple[Statement, ...] = ()) -> Lifecycle:
    """A life of these events in their order, seen by both sides."""
    numbered = [m.model_copy(update={"position": n}) for n, m in enumerate(moves)]
    in_order = tuple(sorted(numbered, key=lambda m: m.order))
    return Lifecycle(moves=in_order, statements=stated, parties=("RUS", "UKR"))


def says(party: str, on: float = 1, start: float | None = None, until: float | None = None) -> Statement:
    return Statement(party=party, at=day(on), position=1_000, span=span(start, until))


def proposed(on: float = 1, **more: Any) -> Move:
    return move("proposed", on, **{"named": ("RUS", "UKR"), "many_sided": True} | more)


def answered(party: str, response: str, on: float = 2) -> Move:
    return move("responded", on, party=party, response=response)


def agreed(on: float = 1, start: float | None = None, until: float | None = None, **more: Any) -> Move:
    length = {k: more.pop(k) for k in ("days", "hours") if k in more}
    return move("agreed", on, span=span(start, until, **length), **more)


def entered(on: float) -> Move:
    return move("entered_into_force", on)


def extended(on: float, start: float | None = None, until: float | None = None, **more: Any) -> Move:
    return move("extended", on, span=span(start, until), **more)


def suspended(on: float) -> Move:
    return move("suspended", on)


def resumed(on: float) -> Move:
    return move("resumed", on)


def ended(mode: str, on: float) -> Move:
    return move("terminated", on, mode=mode)


# --------------------------------------------------------------------------------- every state by every event

UNTIL_8: dict[str, Any] = {"start": 2, "until": 8}
REACHED = {
    "none": (),
    "proposed": (proposed(),),
    "rejected": (proposed(), answered("RUS", "rejected")),
    "agreed": (agreed(start=20, until=25),),
    "in_force": (agreed(start=2, until=25),),
    "suspended": (agreed(start=2, until=25), suspended(3)),
    "expired": (agreed(start=2, until=8),),
    "terminated": (agreed(start=2), ended("mutual", 5)),
    "collapsed": (agreed(start=2), ended("collapsed", 5)),
    "superseded": (agreed(start=2), ended("superseded", 5)),
    "never_entered": (agreed(start=20), ended("withdrawal", 5)),
    "ended_unclear": (agreed(start=2), ended("lapsed_unclear", 5)),
}
"""How a life comes to be in each state by the 10th."""

ON_THE_10TH = {
    "proposed": proposed(10),
    "agreed": agreed(10, start=30),
    "entered_into_force": entered(10),
    "extended": extended(10, until=28),
    "extended from the 8th": extended(10, start=8, until=28),
    "extended from the 9th": extended(10, start=9, until=28),
    "suspended": suspended(10),
    "resumed": resumed(10),
    "withdrawal": ended("withdrawal", 10),
    "non_renewal": ended("non_renewal", 10),
    "mutual": ended("mutual", 10),
    "replaced": ended("replaced", 10),
    "collapsed": ended("collapsed", 10),
    "superseded": ended("superseded", 10),
    "lapsed_unclear": ended("lapsed_unclear", 10),
}

PLAIN_ENDS = ("withdrawal", "non_renewal", "mutual", "replaced")
LIVE = ("none", "proposed", "rejected", "agreed", "in_force", "suspended")
EXTENSIONS = ("extended", "extended from the 8th", "extended from the 9th")
LEADS_TO = {
    ("none", "proposed"): "proposed",
    **{(s, "agreed"): "agreed" for s in ("none", "proposed", "rejected")},
    ("agreed", "entered_into_force"): "in_force",
    **{("agreed", mode): "never_entered" for mode in (*PLAIN_ENDS, "collapsed")},
    ("in_force", "suspended"): "suspended",
    ("suspended", "resumed"): "in_force",
    **{(s, e): s for s in ("in_force", "suspended") for e in EXTENSIONS},
    **{("expired", e): "in_force" for e in EXTENSIONS},
    **{(s, mode): "terminated" for s in ("in_force", "suspended") for mode in PLAIN_ENDS},
    **{(s, "collapsed"): "collapsed" for s in ("in_force", "suspended", "expired")},
    **{(s, "superseded"): "superseded" for s in LIVE},
    **{(s, "lapsed_unclear"): "ended_unclear" for s in LIVE},
}
"""Where each event leads from each state; from all others it changes nothing, and is listed as not fitting."""


@pytest.mark.parametrize("before", REACHED)
def test_a_life_comes_to_every_state(before: str):
    assert state(life(*REACHED[before]), day(9.5)) == before


@pytest.mark.parametrize("event", ON_THE_10TH)
@pytest.mark.parametrize("before", REACHED)
def test_every_event_leads_where_the_table_says_or_is_listed_as_not_fitting(before: str, event: str):
    it = life(*REACHED[before], ON_THE_10TH[event])
    after = LEADS_TO.get((before, event))
    assert state(it, day(10)) == (after or before)
    assert [m.move.what for m in course(it).misfits] == ([] if after else [ON_THE_10TH[event].what])


@pytest.mark.parametrize("before", REACHED)
def test_an_answer_is_never_a_misfit(before: str):
    it = life(*REACHED[before], answered("UKR", "accepted_conditionally", 10))
    assert state(it, day(10)) == before
    assert not course(it).misfits


@pytest.mark.parametrize("before", TERMINAL)
def test_a_new_ceasefire_needs_a_new_stream(before: str):
    (misfit,) = course(life(*REACHED[before], agreed(10))).misfits
    assert misfit.reason == f"it is {before}: a new one needs a stream of its own"


def test_the_table_reaches_every_state_but_the_first():
    assert {"none", *TABLE.values()} == set(REACHED)


# ------------------------------------------------------------------------------------------------- proposals


def test_a_named_party_rejects_a_two_sided_proposal():
    assert state(life(proposed(), answered("UKR", "rejected")), day(2)) == "rejected"


def test_somebody_who_is_not_named_rejects_nothing():
    assert state(life(proposed(), answered("BLR", "rejected")), day(2)) == "proposed"


def test_a_unilateral_proposal_is_not_rejected_by_the_other_side():
    assert state(life(proposed(many_sided=False), answered("UKR", "rejected")), day(2)) == "proposed"


def test_all_parties_have_to_accept():
    one = (proposed(), answered("UKR", "accepted"))
    assert state(life(*one), day(2)) == "proposed"
    assert state(life(*one, answered("RUS", "accepted", 3)), day(3)) == "in_force"
    assert state(life(proposed(span=span(start=9)), *one[1:], answered("RUS", "accepted", 3)), day(3)) == "agreed"


def test_conditional_acceptance_is_not_acceptance():
    it = life(proposed(), answered("UKR", "accepted"), answered("RUS", "accepted_conditionally"))
    assert state(it, day(9)) == "proposed"


def test_the_latest_answer_of_a_party_counts():
    it = life(proposed(), answered("UKR", "accepted_conditionally"), answered("RUS", "accepted"))
    assert state(life(*it.moves, answered("UKR", "accepted", 3)), day(3)) == "in_force"


def test_a_proposal_that_names_nobody_is_left_only_by_declaring_or_agreeing():
    nobody = proposed(named=())
    assert state(life(nobody, answered("UKR", "accepted"), answered("RUS", "rejected")), day(9)) == "proposed"
    assert state(life(nobody, agreed(5)), day(5)) == "in_force"


def test_an_answer_known_to_the_day_holds_for_a_proposal_of_that_noon():
    assert state(life(answered("UKR", "rejected", 1), proposed(1.5)), day(2)) == "rejected"


def test_a_proposal_lapses_when_its_deadline_has_passed():
    it = life(proposed(respond_by=day(5)))
    assert [state(it, at) for at in (day(4.5), day(5))] == ["proposed", "rejected"]
    assert course(it).at(day(5)).lapsed
    assert state(life(*it.moves, agreed(7)), day(7)) == "in_force"


def test_an_answer_at_the_deadline_is_in_time():
    it = life(proposed(respond_by=day(5)), answered("UKR", "accepted"), answered("RUS", "accepted", 5))
    assert state(it, day(5)) == "in_force"


# ----------------------------------------------------------------------------------------- entry, and the end


def test_without_a_start_it_holds_at_once():
    it = life(agreed(3))
    assert [state(it, at) for at in (day(2.5), day(3))] == ["none", "in_force"]


def test_it_enters_into_force_at_its_start():
    it = life(agreed(1, start=5))
    assert [state(it, at) for at in (day(4.5), day(5))] == ["agreed", "in_force"]


def test_what_one_side_agrees_with_itself_is_shown_as_declared():
    assert state(life(agreed(1, start=5, unilateral=True)), day(2)) == "declared"


def test_a_condition_keeps_the_clock_from_bringing_it_into_force():  # E8
    it = life(agreed(1, start=5, conditional=True))
    assert state(it, day(300)) == "agreed"
    assert state(life(*it.moves, entered(9)), day(9)) == "in_force"


def test_it_may_enter_into_force_before_its_start():
    assert state(life(agreed(1, start=5), entered(3)), day(3)) == "in_force"


def test_what_never_entered_has_not_expired():
    it = life(agreed(1, until=5, conditional=True))
    assert [state(it, at) for at in (day(4.5), day(5))] == ["agreed", "never_entered"]


def test_an_empty_interval_is_never_in_force():
    assert state(life(agreed(1, start=5, until=5)), day(5)) == "never_entered"


def test_the_interval_is_half_open():
    it = life(agreed(1, start=2, until=5))
    assert [state(it, at) for at in (day(5) - timedelta(microseconds=1), day(5))] == ["in_force", "expired"]


def test_a_suspended_one_expires_too():
    assert state(life(agreed(1, until=5), suspended(3)), day(5)) == "expired"


def test_a_duration_counts_from_the_start():
    assert course(life(agreed(1, start=3, days=10))).at(day(5)).until == day(13)
    assert course(life(agreed(1, hours=36))).at(day(1)).until == day(2.5)


def test_a_duration_counts_from_the_entry_where_that_is_another():
    it = life(agreed(1, conditional=True, days=10), entered(7))
    assert course(it).at(day(5)).until is None
    assert course(it).at(day(7)).until == day(17)


def test_days_are_local_days_across_a_change_of_the_clocks():
    it = life(agreed(80, days=15))  # 21 March; summer time begins on the 30th
    assert course(it).at(day(80)).until == day(95)
    assert course(it).at(day(80)).until != (day(80).astimezone(ZoneInfo("UTC")) + timedelta(days=15))


def test_an_end_that_is_given_stands_against_a_duration():
    assert course(life(agreed(1, until=5, days=10))).at(day(1)).until == day(5)


def test_at_one_instant_position_decides():  # E9
    assert state(life(agreed(1), suspended(3), resumed(3)), day(3)) == "in_force"
    assert state(life(agreed(1), suspended(2), resumed(3), suspended(3)), day(3)) == "suspended"


def test_at_one_instant_events_apply_before_the_clock():
    it = life(agreed(1, until=5), ended("non_renewal", 5))
    assert state(it, day(5)) == "terminated"


def test_what_began_in_the_past_is_seen_when_it_was_said():
    it = life(agreed(5, start=2, until=9))
    assert [state(it, at) for at in (day(3), day(5), day(9))] == ["none", "in_force", "expired"]
    assert course(it).at(day(5)).periods == ((day(2), None),)


# ------------------------------------------------------------------------------------------------- extensions


def test_an_extension_before_the_end_moves_it():  # E5
    it = life(agreed(1, until=5), extended(4, 5, 9))
    assert [state(it, at) for at in (day(5), day(8.5), day(9))] == ["in_force", "in_force", "expired"]
    assert not course(it).at(day(9)).gaps


def test_late_paperwork_leaves_no_gap():
    it = life(agreed(1, until=5), extended(7, 5, 9))
    assert [state(it, at) for at in (day(6), day(7), day(9))] == ["expired", "in_force", "expired"]
    assert course(it).at(day(7)).periods == ((day(1), None),)


def test_late_paperwork_for_a_time_that_is_over_expires_it_then():
    it = life(agreed(1, until=5), extended(12, 5, 9))
    assert state(it, day(12)) == "expired"
    assert course(it).at(day(12)).periods == ((day(1), day(9)),)


def test_an_extension_from_after_the_end_shows_the_gap():
    it = life(agreed(1, until=5), extended(7, 8, 12))
    assert [state(it, at) for at in (day(7), day(8), day(12))] == ["expired", "in_force", "expired"]
    assert course(it).at(day(8)).gaps == ((day(5), day(8)),)


def test_an_extension_told_after_its_gap_holds_at_once():
    it = life(agreed(1, until=5), extended(9, 8, 12), suspended(9))
    assert state(it, day(9)) == "suspended"
    assert course(it).at(day(9)).gaps == ((day(5), day(8)),)


def test_what_collapses_in_a_gap_is_not_in_force_again():
    it = life(agreed(1, until=5), extended(6, 8, 12), ended("collapsed", 7))
    assert state(it, day(9)) == "collapsed"


@pytest.mark.parametrize("until", [4, 5])
def test_an_extension_to_no_later_time_does_not_fit(until: float):
    it = life(agreed(1, until=5), extended(3, 3, until))
    assert state(it, day(5)) == "expired"
    assert [m.reason for m in course(it).misfits] == ["it is extended to no later time"]


def test_an_end_that_was_not_known_is_extended_to_a_known_one():
    assert state(life(agreed(1), extended(3, 3, 9)), day(9)) == "expired"


def test_extensions_of_extensions_do_not_leave_the_calendar():
    centuries = [move("extended", 3, span=span(days=36_525)) for _ in range(200)]
    it = life(agreed(1, until=5), *centuries)
    assert state(it, day(5)) == "in_force"
    assert course(it).misfits[-1].reason == "it is extended to no later time"


def test_a_disputed_length_is_canonically_the_shorter_one():  # E7
    sixty = {"RUS": span(days=6), "UKR": span(days=12)}
    it = life(agreed(1, until=5), extended(4, 5, 11, own=sixty))
    assert [state(it, day(12), party) for party in (None, "RUS", "UKR")] == ["expired", "expired", "in_force"]
    assert state(it, day(17), "UKR") == "expired"


def test_a_disputed_interval_is_canonically_the_common_part():  # E7
    it = life(agreed(1, own={"RUS": span(2, 9), "UKR": span(4, 12)}))
    assert [state(it, day(n)) for n in (3, 4, 9)] == ["agreed", "in_force", "expired"]
    assert [state(it, day(n), "RUS") for n in (3, 4, 9)] == ["in_force", "in_force", "expired"]
    assert [state(it, day(n), "UKR") for n in (3, 4, 9)] == ["not_yet", "in_force", "in_force"]


# ------------------------------------------------------------------------------------------------------ views


def test_who_rejected_it_has_it_rejected_while_it_is_in_force():  # E10
    it = life(agreed(1, start=3, until=9, unilateral=True), answered("UKR", "rejected"))
    assert [state(it, day(5), party) for party in (None, "RUS", "UKR")] == ["in_force", "in_force", "rejected"]
    assert state(it, day(9), "UKR") == "rejected"


@pytest.mark.parametrize("response", ["accepted", "reciprocated", "accepted_conditionally"])
def test_before_entry_a_party_is_seen_to_have_answered(response: str):
    it = life(agreed(1, start=3), answered("UKR", response))
    assert [state(it, day(n), "UKR") for n in (2, 3)] == [response, "in_force"]


def test_an_answer_holds_by_knowledge_whatever_the_instant():
    it = life(agreed(1, start=9), answered("UKR", "accepted", 5))
    assert state(it, day(2), "UKR") == "accepted"


def test_before_its_own_start_a_party_does_not_have_it_yet():
    it = life(agreed(1, until=9), stated=(says("UKR", start=4),))
    assert [state(it, day(n), "UKR") for n in (2, 4)] == ["not_yet", "in_force"]
    assert state(it, day(2)) == "in_force"


def test_a_start_without_an_end_keeps_the_canonical_duration():
    it = life(agreed(1, until=9), stated=(says("UKR", start=4),))
    assert course(it, "UKR").at(day(5)).until == day(12)


def test_a_kept_duration_of_whole_days_is_as_many_local_days():
    over_the_change = life(agreed(80, until=95), stated=(says("UKR", start=92),))  # an hour short of 15 times 24
    assert course(over_the_change, "UKR").at(day(92)).until == day(107)


def test_statements_win_field_by_field():
    it = life(agreed(1, until=9), stated=(says("UKR", 2, start=4, until=7), says("UKR", 3, until=8)))
    assert course(it, "UKR").at(day(5)).start == day(4)
    assert [state(it, day(n), "UKR") for n in (2, 4, 7, 8)] == ["not_yet", "in_force", "in_force", "expired"]


def test_who_says_when_it_starts_does_not_wait_for_the_condition():
    it = life(agreed(1, conditional=True), stated=(says("UKR", start=4),))
    assert [state(it, day(5), party) for party in (None, "RUS", "UKR")] == ["agreed", "agreed", "in_force"]


def test_lifecycle_events_apply_to_every_view():
    it = life(agreed(1), suspended(3), ended("mutual", 6), stated=(says("UKR", start=2), says("RUS", start=8)))
    assert [state(it, day(n), "UKR") for n in (3, 6)] == ["suspended", "terminated"]
    assert state(it, day(7), "RUS") == "never_entered"


def test_an_extension_applies_to_the_view_of_who_stated_an_end_before_it():
    it = life(agreed(1, until=5), extended(4, 5, 9), stated=(says("UKR", 2, until=6),))
    assert [state(it, day(n), "UKR") for n in (8, 9)] == ["in_force", "expired"]


def test_who_states_an_end_after_the_extension_keeps_to_it():
    it = life(agreed(1, until=5), extended(4, 5, 9), stated=(says("UKR", 6, until=7),))
    assert [state(it, day(8), party) for party in (None, "UKR")] == ["in_force", "expired"]


def test_no_statement_moves_the_state():
    plain = life(agreed(3, until=9))
    told = life(agreed(3, until=9), stated=(says("UKR", start=1, until=20), says("RUS", until=5)))
    assert course(plain) == course(told)


# ------------------------------------------------------------------------------------------------ any life

HALVES = st.integers(0, 40).map(lambda n: 1 + n / 2)
SOMETIME = st.none() | HALVES
SPANS = st.builds(
    lambda start, until, days: span(start, until, **({"days": days} if days else {})),
    SOMETIME,
    SOMETIME,
    st.none() | st.integers(1, 9),
)
OWN = st.dictionaries(st.sampled_from(["RUS", "UKR"]), SPANS, max_size=2)
MOVES = st.one_of(
    st.builds(lambda on, s, own, c, u: move("agreed", on, span=s, own=own, conditional=c, unilateral=u),
              HALVES, SPANS, OWN, st.booleans(), st.booleans()),
    st.builds(lambda on, s, by: proposed(on, span=s, respond_by=by and day(by)), HALVES, SPANS, SOMETIME),
    st.builds(
        lambda on, party, response: answered(party, response, on),
        HALVES,
        st.sampled_from(["RUS", "UKR"]),
        st.sampled_from(["accepted", "accepted_conditionally", "reciprocated", "rejected"]),
    ),
    st.builds(lambda on, s, own: move("extended", on, span=s, own=own), HALVES, SPANS, OWN),
    st.builds(lambda on, what: move(what, on), HALVES,
              st.sampled_from(["entered_into_force", "suspended", "resumed"])),
    st.builds(lambda on, mode: ended(mode, on), HALVES,
              st.sampled_from([*PLAIN_ENDS, "collapsed", "superseded", "lapsed_unclear"])),
)  # fmt: skip
STATEMENTS = st.builds(says, st.sampled_from(["RUS", "UKR"]), HALVES, SOMETIME, SOMETIME)
LIVES = st.builds(
    lambda moves, said: life(*moves, stated=tuple(sorted(said, key=lambda s: s.order))),
    st.lists(MOVES, max_size=8),
    st.lists(STATEMENTS, max_size=3),
)


def moments() -> list[datetime]:
    """Every quarter of a day that any of it may touch, and some time after."""
    return [day(n / 4) for n in range(60 * 4)]


@for_all(LIVES)
def test_every_life_has_a_state_at_every_instant_that_depends_on_no_later_event(it: Lifecycle):
    canonical = course(it)
    for at in moments():
        so_far = it.model_copy(update={"moves": tuple(m for m in it.moves if m.at <= at)})
        assert canonical.at(at) == course(so_far).at(at)


@for_all(LIVES)
def test_every_event_either_fits_or_is_listed_once(it: Lifecycle):
    listed = [m.move.position for m in course(it).misfits]
    assert len(listed) == len(set(listed))
    assert not [m for m in course(it).misfits if m.move.what == "responded"]


@for_all(LIVES, HALVES)
def test_nothing_changes_before_the_next_transition_and_something_does_at_it(it: Lifecycle, on: float):
    def seen(at: datetime) -> object:
        standings = [reading.canonical.at(at), *(c.at(at) for c in reading.own.values())]
        return [(s.shown, s.since, s.start, s.until, s.periods) for s in standings], reading.views(at)

    reading, at = Reading(it), day(on)
    upcoming = next_transition(reading, at, seen)
    if upcoming is None:
        assert all(seen(later) == seen(at) for later in moments() if later > at)
        return
    assert upcoming > at
    assert all(seen(between) == seen(at) for between in moments() if at < between < upcoming)
    assert seen(upcoming - timedelta(microseconds=1)) == seen(at) != seen(upcoming)
