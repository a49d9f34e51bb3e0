"""Events whose body was erased: they are skipped, and nothing about them makes a fold fail."""

from dataclasses import replace

import orjson
import pytest

from incidentlog.events.recorded import Recorded
from incidentlog.folding.afresh import Afresh
from incidentlog.folding.encoding import encode_event
from incidentlog.folding.fold import fold_family
from incidentlog.projections import PROJECTIONS
from tests.subjects.given import KYIV, START, amend, event, given, merge, retract, timeline


def without(events: list[Recorded], *gone: int) -> list[Recorded]:
    """The rows, those at some positions without their bodies."""
    return [replace(e, body=None) if e.position in gone else e for e in events]


REPORT = event(
    "strike.reported", "strike:a", "a", means=["drone"], target_class="port", casualties={"killed": {"best": 3}}
)
OTHER = event(
    "strike.reported", "strike:b", "b", means=["drone"], target_class="port", casualties={"killed": {"best": 2}}
)


def test_an_erased_event_is_listed_as_ignored_and_counts_for_nothing():
    (subject,) = fold_family(without(given(REPORT), 1), KYIV)["strike:a"].values()
    assert not subject.is_current
    assert [(i.type, i.reason) for i in subject.ignored] == [("strike.reported", "it was erased")]


@pytest.mark.parametrize(
    "said", [retract("a"), amend("a", {"data": {"target_class": "civilian"}}), merge("strike:a", "strike:b")]
)
def test_what_an_erased_correction_said_is_undone(said):
    with_it = fold_family(without(given(REPORT, OTHER, said), 3), KYIV)
    for stream, variants in fold_family(given(REPORT, OTHER), KYIV).items():
        (was,), (now,) = variants.values(), with_it[stream].values()
        assert now.model_copy(update={"ignored": ()}) == was


@pytest.mark.parametrize("said", [retract("a"), amend("a", {"data": {"target_class": "civilian"}})])
def test_what_is_said_of_an_erased_event_has_nothing_to_speak_of(said):
    (subject,) = fold_family(without(given(REPORT, said), 1), KYIV)["strike:a"].values()
    assert not subject.is_current


def test_every_event_of_the_timeline_may_be_erased():
    events = given(*timeline())
    for gone in range(1, len(events) + 1, 7):
        Afresh(without(events, *range(gone, len(events) + 1, 7)), KYIV)
    all_gone = without(events, *range(1, len(events) + 1))
    afresh = Afresh(all_gone, KYIV)
    for name in ("city_incidents", "exchange_tally", "daily_timeline"):
        assert afresh.rows(PROJECTIONS[name], START) == {}, name
    assert {orjson.loads(encode_event(e, "effective", KYIV))["status"] for e in all_gone} == {"erased"}
