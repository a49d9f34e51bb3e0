"""How much work one more event of a long stream is, counted in events that are folded and lines that are made."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given as whatever
from hypothesis import settings
from hypothesis import strategies as st

from incidentlog.events.recorded import Recorded
from incidentlog.folding import change as change_module
from incidentlog.folding import connected as connected_module
from incidentlog.folding import corrections as corrections_module
from incidentlog.folding import fold as fold_module
from incidentlog.folding.change import Families, seen_at
from incidentlog.folding.corrections import Corrections
from incidentlog.folding.fold import RED, fold_family, statuses
from incidentlog.folding.steps import TallyStep
from incidentlog.folding.subject import Subject
from incidentlog.projections.daily_timeline import DailyTimeline
from incidentlog.subjects import claims as claims_module
from incidentlog.subjects.claims import Claim
from incidentlog.subjects.strike import Strike
from tests.folding.test_kept_up import logs
from tests.projections.showing import Given
from tests.subjects.given import KYIV, Event, about, amend, day, event, given, id_of, merge, minute, retract, source

LONG = 60
FIRST = event("strike.reported", "strike:a", "first", means=["drone"], target_class="civilian")


def assessed(killed: int, origin: str = "Paper", grade: str = "B2", as_of: str = "2025-06-01") -> Event:
    figures = {"killed": {"best": killed}}
    sources = [source(grade, origin)]
    return event("strike.assessed", "strike:a", as_of=as_of, casualties=figures, sources=sources)


def test_of_what_was_named_before_nothing_is_looked_at_again(monkeypatch: pytest.MonkeyPatch):
    looked, apart = [0], fold_module._apart

    def counted(each: Any) -> Any:
        looked[0] += 1
        return apart(each)

    monkeypatch.setattr(fold_module, "_apart", counted)
    told = [
        FIRST,
        *(
            assessed(n)
            | {
                "links": [{"rel": "part_of", "target": f"strike:{n}-{m}"} for m in range(3)],
                "actors": [{"code": f"UKR.N{n}", "role": "observer"}],
            }
            for n in range(LONG)
        ),
    ]
    changes = list(Families().changes(given(*told), KYIV))
    assert looked[0] <= 4 * LONG + len(told)
    subject = changes[-1].after[0]
    assert subject == fold_family(given(*told), KYIV)["strike:a"][0]
    assert isinstance(subject, Strike)
    assert len(subject.links) == 3 * LONG


def turns(target: str) -> list[Event]:
    """A report with a place, many assessments, and an event that is retracted and reinstated as often."""
    said = [
        FIRST | {"place": {"name": "Odesa", "precision": "settlement"}},
        *(assessed(n) | {"id": id_of(f"a{n}")} for n in range(LONG)),
    ]
    for n in range(LONG):
        said += [retract(target, f"u{n}"), retract(f"u{n}")]
    return said


def test_a_turn_of_retracting_and_reinstating_folds_what_follows_and_judges_what_it_speaks_of(
    monkeypatch: pytest.MonkeyPatch,
):
    counted = Counter[str]()

    def counting(of: type, name: str) -> None:
        do = getattr(of, name)

        def counts(self: Any, *given: Any) -> Any:
            counted[name] += 1
            return do(self, *given)

        monkeypatch.setattr(of, name, counts)

    monkeypatch.setattr(connected_module, "EVERY", 4)
    counting(Strike, "evolve")
    counting(Corrections, "_judge")
    events = given(*turns(f"a{LONG - 1}"))
    families = Families()
    changes = list(families.changes(events, KYIV))
    assert counted["evolve"] <= 2 * LONG + 2 * LONG * 5
    assert counted["_judge"] <= 3 * len(events)
    assert changes[-1].after == fold_family(events, KYIV)["strike:a"]


def test_a_merge_folds_what_it_brings_and_not_what_was_merged_before(monkeypatch: pytest.MonkeyPatch):
    folded, evolve = [0], Strike.evolve

    def counted(self: Strike, event: Any) -> Strike:
        folded[0] += 1
        return evolve(self, event)

    monkeypatch.setattr(Strike, "evolve", counted)
    monkeypatch.setattr(change_module, "MANY", 2)
    monkeypatch.setattr(connected_module, "EVERY", 4)
    told = [FIRST, *(FIRST | {"stream": f"strike:n{n}", "id": id_of(f"n{n}")} for n in range(LONG))]
    told += [merge("strike:a", f"strike:n{n}") for n in range(LONG)]
    events = given(*told)
    changes = list(Families().changes(events, KYIV))
    assert folded[0] <= len(told) + LONG * 6
    subjects = fold_family(events, KYIV)
    assert changes[-2].after == subjects["strike:a"]
    assert {s for c in changes[-2:] for s in [c.stream]} == {"strike:a", f"strike:n{LONG - 1}"}


@pytest.mark.parametrize("late", [0, LONG - 1])
def test_a_late_event_of_a_long_stream_folds_those_that_follow_it(late: int, monkeypatch: pytest.MonkeyPatch):
    folded, evolve = [0], Strike.evolve

    def counted(self: Strike, event: Any) -> Strike:
        folded[0] += 1
        return evolve(self, event)

    monkeypatch.setattr(connected_module, "EVERY", 4)
    at = [minute(f"2025-11-20T10:{n:02}") for n in range(LONG)]
    known = [FIRST, retract("first"), *(assessed(n) | {"occurred": at[n]} for n in range(LONG))]
    families = Families()
    list(families.changes(given(*known), KYIV))
    said = assessed(1) | {"occurred": at[late]}
    events = given(*known, said)
    monkeypatch.setattr(Strike, "evolve", counted)
    [change] = families.changes(events[-1:], KYIV)
    assert LONG - late <= folded[0] <= LONG - late + 4
    assert families.work(events[-1], 0) >= LONG - late - 1
    assert change.after == fold_family(events, KYIV)["strike:a"]


def test_the_timeline_makes_lines_of_what_a_retraction_changes_alone(monkeypatch: pytest.MonkeyPatch):
    made = lines_made(monkeypatch)
    step = TallyStep(DailyTimeline())
    events = given(*(said for said in turns("first") if said["type"] != "strike.assessed"))
    for change in Families().changes(events, KYIV):
        step.apply(change)
    assert made[0] <= 6 * len(events)
    assert len(step.bookings) <= 3 * len(events)


def disputed() -> list[Recorded]:
    return given(FIRST, *(about("record.disputed", "first") for _ in range(LONG)))


def test_a_dispute_of_a_long_stream_folds_none_of_the_others_again(monkeypatch: pytest.MonkeyPatch):
    folded = list[int]()
    fold = change_module.fold_open

    def counted(events: Sequence[Recorded], zone: str) -> Any:
        folded.append(len(events))
        return fold(events, zone)

    monkeypatch.setattr(change_module, "fold_open", counted)
    events = disputed()
    families = Families()
    changes = list(families.changes(events, KYIV))
    assert folded == []
    assert all(change.restates for change in changes[1:])
    assert families.work(events[-1], 5) == 1
    assert changes[-1].after == fold_family(events, KYIV)["strike:a"]


def test_what_is_not_just_one_more_event_is_as_much_work_as_its_stream_is_long():
    events = given(FIRST, *(about("record.disputed", "first") for _ in range(9)), retract("first"))
    families = Families()
    list(families.changes(events[:-1], KYIV))
    assert families.work(events[-1], 5) == 10 + 5 + 1


def test_for_what_counts_only_events_that_speak_of_others_and_those_spoken_of_are_read():
    """A page of a thousand events with one correction among them is as quick as one without."""
    told = [event("attack.claimed", "strike:a", f"claim {n}", by="RUS") for n in range(LONG)]
    # As they come from the log: nothing is known of them yet.
    events = [replace(e) for e in given(FIRST, *told, retract("claim 1"), amend("claim 2", {"data": {"by": "UKR"}}))]
    found = statuses(events)
    assert [e.event_id for e in events if "envelope" in e.__dict__] == [events[n].event_id for n in (3, -2, -1)]
    assert list(found) == [e.event_id for e in events]
    assert Counter(found.values()) == {"effective": LONG + 1, "retracted": 1, "amended": 1}
    assert found[events[2].event_id] == "retracted"


@settings(max_examples=200)
@whatever(log=logs())
def test_what_counts_is_what_the_subjects_say(log: Given):
    events = log.log
    subjects = {s: v[0] for s, v in fold_family([replace(e, tlp=0) for e in events], KYIV).items()}
    told = {entry.event: entry.status for s in subjects.values() if isinstance(s, Subject) for entry in s.entries}
    assert statuses(events).items() >= told.items()


def test_a_dispute_of_what_is_yet_to_come_is_folded():
    late = about("record.disputed", "later") | {"stream": "strike:a"}
    events = given(FIRST, late, event("attack.claimed", "strike:a", "later", by="RUS"))
    families = Families()
    changes = list(families.changes(events, KYIV))
    assert [c.after for c in changes] == [fold_family(events[:n], KYIV)["strike:a"] for n in (1, 2, 3)]


def lines_made(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    made, lines = [0], DailyTimeline._lines

    def counted(self: DailyTimeline, *given: Any) -> Iterator[Any]:
        for line in lines(self, *given):
            made[0] += 1
            yield line

    monkeypatch.setattr(DailyTimeline, "_lines", counted)
    return made


def test_the_timeline_makes_one_line_for_one_more_event(monkeypatch: pytest.MonkeyPatch):
    made = lines_made(monkeypatch)
    step = TallyStep(DailyTimeline())
    for change in Families().changes(disputed(), KYIV):
        step.apply(change)
    assert len(step.bookings) == LONG + 1
    assert made[0] <= 3 * LONG


def test_a_claim_is_heard_once_however_many_follow(monkeypatch: pytest.MonkeyPatch):
    heard = [0]
    hear = claims_module._Figure.hear

    def counted(self: Any, *given: Any) -> None:
        heard[0] += 1
        hear(self, *given)

    monkeypatch.setattr(claims_module._Figure, "hear", counted)
    list(Families().changes(given(FIRST, *(assessed(n) for n in range(LONG))), KYIV))
    assert heard[0] == LONG


CLAIMS = st.lists(
    st.builds(
        assessed,
        st.integers(0, 9),
        st.sampled_from(["a", "b", "c"]),
        st.sampled_from(["A1", "B2", "C3", "E4"]),
        st.sampled_from(["2025-06-01", "2025-06-02", "2025-06-05"]),
    ),
    min_size=1,
    max_size=8,
)


@whatever(CLAIMS)
def test_figures_heard_one_by_one_are_those_of_all_claims_at_once(said: list[Event]):
    for change in Families().changes(given(FIRST, *said), KYIV):
        subject = change.after[0]
        assert isinstance(subject, Strike)
        copies: tuple[Claim, ...] = tuple(c.model_copy() for c in subject.claims)
        assert subject.casualties == claims_module.standing(copies)


def test_a_correction_makes_only_those_entries_anew_that_count_otherwise():
    told: list[Event] = [FIRST, retract("first", "r0")]
    told += [retract(f"r{n}", f"r{n + 1}") for n in range(LONG)]
    changes = list(Families().changes(given(*told), KYIV))
    versions = [change.after[0] for change in changes]
    entries = {id(entry) for subject in versions if isinstance(subject, Strike) for entry in subject.entries}
    assert len(entries) <= 2 * len(told)  # as it counts, and as it was taken back
    assert versions[-1] == fold_family(given(*told), KYIV)["strike:a"][0]


def amended(killed: int) -> Event:
    patch = {"data": {"casualties": {"killed": {"best": killed}}}}
    return about("record.amended", "first", patch=patch, reason="again")


@pytest.mark.parametrize("marks", [["CLEAR"], ["CLEAR", "RED"]])
def test_an_event_that_is_amended_again_is_read_once_more_and_not_once_for_each_amendment(
    marks: list[str], monkeypatch: pytest.MonkeyPatch
):
    read, reads = corrections_module.read_envelope, [0]

    def counted(*given: Any) -> Any:
        reads[0] += 1
        return read(*given)

    monkeypatch.setattr(corrections_module, "read_envelope", counted)
    told = [amended(n) | {"tlp": marks[n % len(marks)]} for n in range(LONG)]
    changes = list(Families().changes(given(FIRST, *told), KYIV))
    assert LONG <= reads[0] <= LONG * len(marks)
    subject = seen_at(changes[-1].after, RED)
    assert isinstance(subject, Strike)
    assert subject.casualties.killed is not None
    assert subject.casualties.killed.best == LONG - 1


MARKS = st.sampled_from(["CLEAR", "RED"])
CORRECTIONS = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 9), st.integers(-1, 9), MARKS), max_size=10)


@whatever(CORRECTIONS)
def test_corrections_of_corrections_come_to_what_they_come_to_when_nothing_was_folded_before(
    picks: list[tuple[int, int, int, str]],
):
    """Events that a fold made something of before are folded again as those that are read for the first time."""
    told: list[Event] = [FIRST | {"id": id_of("c0")}]
    for n, (what, pick, killed, mark) in enumerate(picks, start=1):
        target, called = f"c{pick % n}", f"c{n}"
        said: Event = {"data": {"casualties": {"killed": {"best": killed}}}}  # fewer than none would not be valid
        if killed % 2:
            said["occurred"] = day(f"2025-11-1{abs(killed)}")
        if what == 2:
            told.append(retract(target, called, tlp=mark))
        elif what == 1 and told[pick % n]["type"] == "record.amended":
            patch = {"data": {"patch": said}}
            told.append(about("record.amended", target, called, mark, patch=patch, reason="again"))
        else:
            told.append(about("record.amended", target, called, mark, patch=said, reason="again"))
    families = Families()
    for n, change in enumerate(families.changes(given(*told), KYIV), start=1):
        assert change.after == fold_family(given(*told[:n]), KYIV)["strike:a"]
