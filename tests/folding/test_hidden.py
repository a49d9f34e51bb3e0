"""Nobody is moved by what they may not see (P5): with and without it, all that is derived for them is the same.

Positions too: what is folded in memory need not be dense.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import settings
from hypothesis import strategies as st

from incidentlog.events.recorded import Recorded
from incidentlog.folding.afresh import Afresh
from incidentlog.folding.change import Change, Families
from incidentlog.folding.shapes import Tally
from incidentlog.folding.steps import DocumentStep, TallyStep, concerning
from incidentlog.projections import PROJECTIONS
from incidentlog.zones import packaged
from tests.pairs import LEVELS, seen_of
from tests.subjects.given import KYIV, Event, amend, event, given, merge, retract
from tests.subjects.saying import marked
from tests.zone_data import FORMER, altered

AT = datetime(2028, 1, 1, tzinfo=UTC)


@st.composite
def histories(draw: st.DrawFn) -> list[Recorded]:
    """Events with markings, and what is said of them under others."""
    return given(*marked(draw))


def derived(events: Sequence[Recorded], level: int) -> dict[str, list[Any]]:
    """All that the store keeps for readers of a clearance, and what an answer says of where a document ended."""
    changes = list(changes_of(events))
    found: dict[str, list[Any]] = {"subjects": list(versions_of(changes, level))}
    for name, projection in PROJECTIONS.items():
        ours = concerning(projection, changes)
        if isinstance(projection, Tally):
            tally = TallyStep(projection)
            for change in ours:
                tally.apply(change)
            found[name] = [b for b in tally.bookings if b.level <= level]
        else:
            document = DocumentStep(projection)
            for change in ours:
                document.apply(change)
            found[name] = [v for v in document.versions if v.level <= level]
    return found


def changes_of(events: Sequence[Recorded]) -> Iterator[Change]:
    return Families({}).changes(events, KYIV)


def versions_of(changes: Sequence[Change], level: int) -> Iterator[tuple[Any, ...]]:
    for change in changes:
        for own in (n for n in change.levels if n <= level):
            after = change.after.get(own)
            if after != change.before.get(own):
                yield change.position, change.stream, own, after, change.restated(own)


@settings(deadline=None, max_examples=150)
@for_all(log=histories())
def test_what_is_derived_for_a_reader_is_the_same_without_what_it_may_not_see(log: list[Recorded]):
    for level in LEVELS:
        assert derived(log, level) == derived(seen_of(log, level), level)


@pytest.mark.parametrize("name", PROJECTIONS)
@settings(deadline=None, max_examples=15)
@for_all(log=histories())
def test_its_rows_are_the_same_without_what_it_may_not_see(name: str, log: list[Recorded]):
    for level in LEVELS:
        shown = Afresh(log, KYIV).rows(PROJECTIONS[name], AT, level=level)
        assert shown == Afresh(seen_of(log, level), KYIV).rows(PROJECTIONS[name], AT, level=level)


def said(stream: str, topic: str, name: str, **more: Any) -> Event:
    data = {"speaker": "UKR", "topic": topic, "stance": "hope"}
    return event("statement.made", f"statement:{stream}", name, data=data, **more)


def moved(name: str, topic: str) -> Event:
    return amend(name, {"data": {"topic": topic}}, f"{name} is on {topic}", tlp="RED")


MOVES: dict[str, list[Event]] = {
    "a hidden amendment puts a statement under another topic, and more is said on its stream": [
        said("a", "t2", "a"), said("b", "t1", "b"), moved("b", "t2"), said("b", "t1", "b again"),
    ],
    "a stream with two markings comes to a topic with one": [
        said("a", "t2", "a"), said("b", "t1", "b"), said("b", "t1", "b green", tlp="GREEN"), moved("b", "t2"),
    ],
    "a topic that only hidden events know": [said("b", "t1", "b"), moved("b", "t2"), said("b", "t1", "b again")],
}  # fmt: skip


@pytest.mark.parametrize("why", MOVES)
def test_a_document_is_not_moved_by_what_belongs_to_it_at_a_higher_marking_only(why: str):
    log = given(*MOVES[why])
    for level in LEVELS:
        assert derived(log, level) == derived(seen_of(log, level), level)


def test_streams_that_only_a_hidden_merge_names_together_are_not_corrected_together():
    """The door takes no correction on another stream than its target's; a fold does not rest on that."""
    elsewhere = {**retract("a"), "stream": "strike:b"}
    log = given(
        event("strike.reported", "strike:a", "a", means=["drone"], target_class="port"),
        event("strike.reported", "strike:b", "b", means=["drone"], target_class="port"),
        merge("strike:a", "strike:b", tlp="RED"),
        elsewhere,
    )
    for level in LEVELS:
        assert derived(log, level) == derived(seen_of(log, level), level)


def test_the_dates_of_a_stream_are_not_read_by_the_zone_data_of_one_that_a_hidden_merge_names():
    log = given(
        event("strike.reported", "strike:a", "a", means=["drone"], target_class="port"),
        merge("strike:a", "strike:b", tlp="RED"),
        event("strike.reported", "strike:b", "b", means=["drone"], target_class="port"),
        zone_data=[packaged().id, packaged().id, altered("2025b", FORMER).id],
    )
    assert derived(log, 0) == derived(seen_of(log, 0), 0)
