from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given as for_all
from hypothesis import settings
from hypothesis import strategies as st

from incidentlog.events.about import is_record_event
from incidentlog.events.values import TLP_LABELS
from incidentlog.folding.change import Families
from incidentlog.folding.fold import RED, fold_family, markings
from incidentlog.folding.subject import Absorbed, Subject
from incidentlog.subjects.strike import Strike
from incidentlog.subjects.talk import Talk
from tests.subjects.given import (
    KYIV,
    Event,
    about,
    amend,
    day,
    event,
    fold,
    given,
    id_of,
    merge,
    remark,
    retract,
    subject_of,
    timeline,
)

A, B, C = "strike:a", "strike:b", "strike:c"


def strike(stream: str = A, name: str | None = None, **more: Any) -> Event:
    facts = {"means": ["drone"], "target_class": "energy", **more.pop("data", {})}
    return event("strike.reported", stream, name or stream, data=facts, **more)


def statuses(subject: Subject) -> list[str]:
    return [e.status for e in subject.entries]


def last(*events: Event, stream: str = A) -> Strike:
    return subject_of(*events, kind=Strike, stream=stream)


# R1, R2: retracting


def test_a_retracted_event_does_not_count_and_stays_in_the_entries():
    subject = last(strike(), retract(A))
    assert not subject.is_current
    assert subject.means == ()
    assert statuses(subject) == ["retracted", "effective"]


def test_retracting_the_retraction_reinstates():
    subject = last(strike(), retract(A, "r"), retract("r"))
    assert subject.is_current
    assert statuses(subject) == ["effective", "retracted", "effective"]


def test_retracting_the_reinstatement_takes_it_back_again():
    subject = last(strike(), retract(A, "r1"), retract("r1", "r2"), retract("r2"))
    assert not subject.is_current


def test_a_subject_with_an_event_left_is_current():
    assessed = event("strike.assessed", A, as_of="2025-11-20", target_object="depot")
    subject = last(strike(), assessed, retract(A))
    assert subject.is_current
    assert subject.target_object == "depot"


# R3: amending


def test_an_amendment_changes_what_it_names_and_no_more():
    place = {"name": "Odesa", "place_id": "geonames:698740", "precision": "settlement"}
    subject = last(strike(place=place), amend(A, {"data": {"target_class": "port"}, "occurred": day("2025-11-20")}))
    assert subject.target_class == "port"
    assert subject.means == ("drone",)
    assert subject.calendar is not None
    assert subject.calendar.day == "2025-11-20"
    assert subject.place is not None
    assert subject.place.place_id == "geonames:698740"
    assert statuses(subject) == ["amended", "effective"]


def test_null_removes_and_a_list_is_replaced():
    subject = last(
        strike(data={"target_object": "depot", "effects": ["fire", "power_outage"]}),
        amend(A, {"data": {"target_object": None, "effects": ["smoke"]}}),
    )
    assert subject.target_object is None
    assert subject.effects == ("smoke",)


def test_amendments_apply_in_the_order_of_their_positions():
    first = amend(A, {"data": {"target_object": "port", "damage": ["a crane"]}})
    subject = last(strike(), first, amend(A, {"data": {"target_object": "pier"}}))
    assert subject.target_object == "pier"
    assert subject.damage == ("a crane",)


def test_an_amendment_of_an_amendment_changes_what_it_says():
    first = amend(A, {"data": {"target_object": "port"}}, "first")
    subject = last(strike(), first, amend("first", {"data": {"patch": {"data": {"target_object": "pier"}}}}))
    assert subject.target_object == "pier"
    assert statuses(subject) == ["amended", "amended", "effective"]


def test_a_retracted_amendment_changes_nothing():
    subject = last(strike(), amend(A, {"data": {"target_object": "port"}}, "first"), retract("first"))
    assert subject.target_object is None
    assert statuses(subject) == ["effective", "retracted", "effective"]


def test_an_amendment_whose_result_is_invalid_is_ignored_and_listed():
    wrong = amend(A, {"data": {"target_class": None}}, "wrong")
    subject = last(strike(), wrong, amend(A, {"data": {"target_object": "port"}}))
    assert subject.target_class == "energy"
    assert subject.target_object == "port"
    assert [(str(i.event), i.type) for i in subject.ignored] == [(id_of("wrong"), "record.amended")]


def test_an_amended_time_changes_the_order_of_the_events():
    early = event("talk.scheduled", "talk:x", "s", occurred=day("2025-01-01"), planned_start="2025-02-01")
    late = event("talk.cancelled", "talk:x", occurred=day("2025-01-10"), by="RUS")
    assert subject_of(early, late, kind=Talk).status == "cancelled"
    moved = amend("s", {"occurred": {"start": "2025-01-11"}})
    subject = subject_of(early, late, moved, kind=Talk)
    assert [i.reason for i in subject.ignored] == ["the talk was cancelled"]


def test_an_amended_place_is_the_one_that_was_resolved_with_the_amendment():
    place = {"name": "Odesa", "precision": "settlement"}
    moved = {"name": "Odesa", "place_id": "geonames:698740", "precision": "settlement"}
    subject = last(strike(place=place), amend(A, {"place": moved}))
    assert subject.place is not None
    assert subject.place.place_id == "geonames:698740"
    assert last(strike(place=place), amend(A, {"place": None}, "gone")).place is None


# R4: merging


def absorbed(*events: Event) -> dict[str, str]:
    """Each absorbed stream and where it went."""
    variants = {s: v[max(v)] for s, v in fold(*events).items()}
    return {s: v.into for s, v in variants.items() if isinstance(v, Absorbed)}


def test_two_reports_of_one_strike_are_one_after_the_merge_and_two_again_when_it_is_retracted():
    reports = strike(A), strike(B)
    assert absorbed(*reports) == {}
    assert absorbed(*reports, merge(A, B, name="m")) == {B: A}
    assert last(*reports, merge(A, B, name="m")).absorbed == (B,)
    assert absorbed(*reports, merge(A, B, name="m"), retract("m")) == {}
    restored = last(*reports, merge(A, B, name="m"), retract("m"), stream=B)
    assert restored == last(strike(B), stream=B) or restored.reports == 1


def test_an_absorbed_report_only_fills_what_the_survivor_left_open():
    other = strike(B, data={"target_class": "port", "target_object": "pier"}, occurred=day("2025-11-18"))
    subject = last(strike(A), other, merge(A, B))
    assert subject.target_class == "energy"
    assert subject.target_object == "pier"
    assert subject.calendar is not None
    assert subject.calendar.day == "2025-11-19"


def test_merges_chain():
    merges = merge(A, B), merge(C, A)
    assert absorbed(strike(A), strike(B), strike(C), *merges) == {B: C, A: C}


def test_a_merge_that_closes_a_cycle_is_ignored():
    subject = last(strike(A), strike(B), merge(A, B), merge(B, A))
    assert "would be merged into itself" in subject.ignored[0].reason
    assert absorbed(strike(A), merge(A, A)) == {}


def test_a_merge_across_categories_is_ignored():
    talk = event("talk.proposed", "talk:x", track="leaders")
    assert absorbed(strike(A), talk, merge(A, "talk:x")) == {}
    assert "another category" in last(strike(A), talk, merge(A, "talk:x")).ignored[0].reason


def test_a_merge_that_absorbs_an_absorbed_stream_is_ignored():
    reports = strike(A), strike(B), strike(C)
    assert absorbed(*reports, merge(A, B, name="m"), merge(C, B)) == {B: A}
    assert absorbed(*reports, merge(A, B, name="m"), merge(C, B), retract("m")) == {B: C}


def test_a_merge_that_stands_elsewhere_than_on_its_survivor_is_ignored():
    stray = merge("strike:nowhere", B) | {"stream": A}
    assert absorbed(strike(A), strike(B), stray) == {}


# Verification


def test_corroboration_and_dispute_speak_for_the_subject():
    assert last(strike(verification="single_source")).verification == "single_source"
    assert last(strike(), about("record.corroborated", A)).verification == "corroborated"
    assert last(strike(), about("record.corroborated", A), about("record.disputed", A)).verification == "disputed"
    assert last(strike(), about("record.disputed", A, "d"), retract("d")).verification == "unverified"


# Markings


def test_a_stream_with_a_clear_and_a_red_event_has_two_variants():
    secret = event("strike.assessed", A, as_of="2025-11-20", target_object="depot", tlp="RED")
    variants = fold(strike(), secret)[A]
    assert sorted(variants) == [0, 4]
    clear, red = variants[0], variants[4]
    assert isinstance(clear, Strike)
    assert isinstance(red, Strike)
    assert (clear.target_object, red.target_object) == (None, "depot")
    assert len(clear.entries) == 1


def test_a_correction_is_invisible_below_its_marking():
    variants = fold(strike(), retract(A, tlp="AMBER"))[A]
    assert {level: s.is_current for level, s in variants.items() if isinstance(s, Subject)} == {0: True, 2: False}


def test_a_merge_that_is_marked_hides_the_absorbed_stream_only_from_its_level_on():
    variants = fold(strike(A), strike(B), merge(A, B, tlp="AMBER"))
    assert isinstance(variants[B][0], Strike)
    assert variants[B][2] == Absorbed(into=A)
    assert sorted(variants[A]) == [0, 2]


def test_a_remark_changes_the_marking_of_its_event():
    assert sorted(fold(strike(), remark(A, "RED"))[A]) == [4]  # and its own: it is said of what is RED
    later = event("strike.assessed", A, "later", as_of="2025-11-20")
    clear = fold(strike(), later, remark(A, "RED"))[A][0]
    assert isinstance(clear, Strike)
    assert [e.event for e in clear.entries] == [UUID(id_of("later"))]
    assert sorted(fold(strike(tlp="RED"), remark(A, "CLEAR"))[A]) == [0]


def marked(*events: Event) -> list[str]:
    """The marking of each event, in their order."""
    rows = given(*events)
    marks = markings(rows)
    unopened = [e if is_record_event(e.type) else replace(e, body=None) for e in rows]
    assert markings(unopened) == marks
    return [TLP_LABELS[marks[e.event_id]] for e in rows]


def said(*more: Event) -> list[Event]:
    """A strike, and what is said of it and of that."""
    patch = {"data": {"target_class": "port"}}
    return [strike(), amend(A, patch, "amended"), retract("amended", "taken back"), about("record.disputed", A), *more]


def test_what_is_said_of_an_event_is_marked_as_that_is_unless_higher():
    assert marked(*said()) == ["CLEAR"] * 4
    assert marked(*said(remark(A, "AMBER"))) == ["AMBER"] * 5
    assert marked(*said(about("record.disputed", A, tlp="RED"), remark(A, "AMBER")))[-2:] == ["RED", "AMBER"]
    assert marked(*said(remark(A, "AMBER"), remark("amended", "GREEN")))[1] == "AMBER"
    assert marked(strike(tlp="RED"), remark(A, "CLEAR"), about("record.disputed", A), remark(A, "RED"))[2] == "RED"
    assert marked(strike(tlp="RED"), about("record.disputed", A))[1] == "CLEAR"  # by somebody who did not see it
    assert marked(*said(remark("amended", "RED"))) == ["CLEAR", "RED", "RED", "CLEAR", "RED"]


def test_a_marking_is_what_was_said_last_and_counts():
    up, down = remark(A, "RED", "up"), remark(A, "CLEAR", "down")
    assert marked(*said(up, down)) == ["CLEAR"] * 6
    assert marked(*said(up, down, retract("down")))[:4] == ["RED"] * 4
    assert marked(*said(up, retract("up")))[:4] == ["CLEAR"] * 4
    assert marked(*said(up, amend("up", {"data": {"tlp": "GREEN"}})))[:4] == ["GREEN"] * 4
    assert marked(strike(tlp="RED"), about("record.disputed", A, tlp="RED"), remark(A, "CLEAR")) == [
        "CLEAR",
        "RED",
        "CLEAR",
    ]


def test_what_is_said_of_a_stream_is_marked_as_what_it_can_have_been_said_of():
    shown = event(
        "evidence.attached",
        A,
        sha256="0" * 64,
        media_type="image/png",
        captured_at="2025-11-19",
        collector="c",
        method="m",
    )
    shown |= {"sources": []}
    later = event("strike.assessed", A, as_of="2025-11-20")
    assert marked(strike(), shown, remark(A, "RED"))[1] == "RED"
    assert marked(strike(), later, shown, remark(A, "RED"))[2] == "CLEAR"
    assert marked(strike(), shown, remark(A, "RED"), later)[1] == "RED"
    assert marked(strike(tlp="RED"), shown)[1] == "CLEAR"  # by somebody to whom nothing else was there
    assert marked(strike(A), strike(B), merge(A, B), remark(B, "RED"))[2] == "RED"
    assert marked(strike(A), strike(B), merge(A, B, name="m"), retract("m"), remark(A, "RED"))[2:4] == ["RED"] * 2


def test_what_was_erased_of_what_is_said_is_marked_as_its_stream():
    strike_, disputed, raised = given(strike(), about("record.disputed", A), remark(A, "RED"))
    assert markings([strike_, replace(disputed, body=None), raised])[disputed.event_id] == RED


# Restated


def test_a_change_is_restated_by_a_record_event_or_by_one_that_is_not_the_last():
    rows = given(strike(), event("strike.assessed", A, as_of="2025-11-20", occurred=day("2025-11-18")), retract(A))
    assert [change.restated(RED) for change in Families().changes(rows, KYIV)] == [False, True, True]


def test_an_event_is_late_only_for_those_who_see_what_it_comes_after():
    later = event("strike.assessed", A, tlp="AMBER", as_of="2025-11-20", occurred=day("2025-11-20"))
    elsewhere = strike(B, occurred=day("2025-11-25"))
    secretly = merge(A, B, tlp="RED")
    rows = given(strike(), elsewhere, later, secretly, event("strike.assessed", A, as_of="2025-11-21"))
    *_, last = (change for change in Families().changes(rows, KYIV) if change.stream == A)
    assert [last.restated(level) for level in (0, 2, 4)] == [False, True, True]
    alone = [row for row in rows if row is not rows[2]]
    *_, last = (change for change in Families().changes(alone, KYIV) if change.stream == A)
    assert [last.restated(level) for level in (0, 2, 4)] == [False, False, True]


# Totality

NAMES = [A, B, C, *(f"n{i}" for i in range(6))]
STREAMS = st.sampled_from([A, B, C, "talk:x", "strike:nowhere"])
PATCHES = st.sampled_from(
    [
        {"data": {"target_class": "port"}},
        {"data": {"target_class": 7}},
        {"data": {"patch": {"data": {"target_class": "dual"}}}},
        {"data": {"target": id_of(B)}},
        {"data": {"survivor": C}},
        {"occurred": {"start": "2024-02-29"}},
        {"occurred": {"start": None}},
        {"place": None},
        {"place": {"name": "Odesa", "precision": "settlement"}},
        {"actors": [{"code": "RUS", "role": "attacker"}]},
        {"actors": [{"code": "nobody"}]},
    ]
)
TARGETS = st.sampled_from(NAMES)
TLPS = st.sampled_from(["CLEAR", "GREEN", "RED"])
RECORDS = st.one_of(
    st.builds(retract, TARGETS, st.sampled_from(NAMES[3:]), tlp=TLPS),
    st.builds(amend, TARGETS, PATCHES, st.sampled_from(NAMES[3:]), tlp=TLPS),
    st.builds(remark, TARGETS, TLPS, st.sampled_from(NAMES[3:])),
    st.builds(about, st.sampled_from(["record.corroborated", "record.disputed"]), TARGETS, tlp=TLPS),
    st.builds(
        lambda on, into, what, name, tlp: merge(into, *what, name=name, tlp=tlp) | {"stream": on},
        STREAMS,
        STREAMS,
        st.lists(STREAMS, min_size=1, max_size=3),
        st.sampled_from(NAMES[3:]),
        TLPS,
    ),
)


def _unique(events: list[Event]) -> list[Event]:
    """An id stands once in a log; a name that came up twice is another event the second time."""
    seen: dict[str, Event] = {}
    for i, e in enumerate(events):
        said = {"id": id_of(f"event {i}"), **e}
        if said["id"] in seen:
            said["id"] = id_of(f"again {i}")
        seen[said["id"]] = said
    return list(seen.values())


@settings(max_examples=300)
@for_all(st.lists(RECORDS, max_size=9))
def test_no_sequence_of_corrections_makes_the_fold_fail(corrections: list[Event]):
    talk = event("talk.proposed", "talk:x", track="leaders")
    events = _unique([strike(A), strike(B), strike(C), talk, *corrections])
    rows = given(*events, valid=False)
    answer = fold_family(rows, KYIV)
    assert set(answer) == {r.stream for r in rows}
    for variants in answer.values():
        for variant in variants.values():
            assert isinstance(variant, Subject | Absorbed)
            variant.model_dump_json()
    assert fold_family(rows, KYIV) == answer


@settings(max_examples=60)
@for_all(st.lists(RECORDS, max_size=6), st.permutations([A, B, C]))
def test_what_the_reader_of_one_level_sees_does_not_depend_on_what_is_marked_above(
    corrections: list[Event], order: list[str]
):
    events = _unique([*(strike(s) for s in order), *corrections])
    events = [e for e in events if e["type"] != "record.remarked"]
    rows = given(*events, valid=False)
    low = fold_family([r for r in rows if r.tlp == 0], KYIV)
    full = fold_family(rows, KYIV)
    assert {s: v[0] for s, v in full.items() if 0 in v} == {s: v[0] for s, v in low.items()}


@pytest.mark.parametrize("data", [{}, {"target_class": 5}, {"means": ["drone"], "target_class": "energy", "no": 1}])
def test_what_does_not_fit_the_rules_of_today_is_listed_and_harms_nothing(data: Event):
    old = event("strike.reported", A, data=data)
    subject = fold(strike(A), old, valid=False)[A][0]
    assert isinstance(subject, Strike)
    assert subject.reports == 1
    assert [i.reason for i in subject.ignored] == ["it does not fit today's rules"]


REAL = [e for e in timeline() if not e["type"].startswith("record.")]


@settings(max_examples=100)
@for_all(st.sampled_from(REAL), st.lists(RECORDS, max_size=3), st.data())
def test_no_order_of_real_events_on_one_stream_makes_a_fold_fail(
    one: Event, corrections: list[Event], data: st.DataObject
):
    category = one["stream"].partition(":")[0]
    same = [e for e in REAL if e["stream"].startswith(category + ":")]
    drawn = data.draw(st.lists(st.sampled_from(same), max_size=6))
    x, y = f"{category}:x", f"{category}:y"
    moved = [{**e, "stream": data.draw(st.sampled_from([x, y]))} for e in drawn]
    rows = given(*_unique([*moved, *corrections, merge(x, y)]), valid=False)
    for variants in fold_family(rows, KYIV).values():
        for variant in variants.values():
            variant.model_dump_json()
