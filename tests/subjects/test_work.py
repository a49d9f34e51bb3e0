"""How much work one more event of a long stream is, counted in events that are folded and lines that are made."""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given as whatever
from hypothesis import strategies as st

from incidentlog.projections.daily_timeline import DailyTimeline
from incidentlog.projections.steps import TallyStep
from incidentlog.subjects import change as change_module
from incidentlog.subjects import claims as claims_module
from incidentlog.subjects.change import Families
from incidentlog.subjects.claims import Claim
from incidentlog.subjects.fold import fold_family
from incidentlog.subjects.recorded import Recorded
from incidentlog.subjects.strike import Strike
from tests.subjects.given import KYIV, Event, about, event, given, retract, source

LONG = 60
FIRST = event("strike.reported", "strike:a", "first", means=["drone"], target_class="civilian")


def assessed(killed: int, origin: str = "Paper", grade: str = "B2", as_of: str = "2025-06-01") -> Event:
    figures = {"killed": {"best": killed}}
    sources = [source(grade, origin)]
    return event("strike.assessed", "strike:a", as_of=as_of, casualties=figures, sources=sources)


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


def test_a_dispute_of_what_is_yet_to_come_is_folded():
    late = about("record.disputed", "later") | {"stream": "strike:a"}
    events = given(FIRST, late, event("attack.claimed", "strike:a", "later", by="RUS"))
    families = Families()
    changes = list(families.changes(events, KYIV))
    assert [c.after for c in changes] == [fold_family(events[:n], KYIV)["strike:a"] for n in (1, 2, 3)]


def test_the_timeline_makes_one_line_for_one_more_event(monkeypatch: pytest.MonkeyPatch):
    made = [0]
    lines = DailyTimeline._lines

    def counted(self: DailyTimeline, *given: Any) -> Iterator[Any]:
        for line in lines(self, *given):
            made[0] += 1
            yield line

    monkeypatch.setattr(DailyTimeline, "_lines", counted)
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
