"""An event is read by the zone data that it names, whatever those of the machine that folds it say."""

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from incidentlog.events.recorded import Recorded
from incidentlog.folding.change import Families
from incidentlog.folding.fold import fold_family
from incidentlog.folding.subject import Subject
from incidentlog.store.versions import read_variant, write_model
from incidentlog.subjects.ceasefire import Ceasefire
from incidentlog.subjects.lifecycle import state
from incidentlog.subjects.strike import Strike
from incidentlog.zones import packaged, unknown
from tests.subjects.given import KYIV, Event, amend, event, given, retract
from tests.zone_data import FORMER, VANCOUVER, altered

THEN, NOW = altered("2025b", FORMER).id, packaged().id
"""What an event may have been appended under, and what the machine has."""
CEASEFIRE = "ceasefire:one"
BETWEEN = datetime(2026, 11, 10, 7, 30, tzinfo=UTC)
"""After 10 November began in Vancouver by the package, before it did by the former rules."""


def there(day: str) -> Event:
    return {"start": day, "precision": "day", "tz": VANCOUVER}


def declared(**terms: object) -> Event:
    said = {"scope": ["general"], "declared_by": "RUS", "effective_from": "2026-11-10", **terms}
    return event("ceasefire.declared", CEASEFIRE, "declared", occurred=there("2026-01-05"), **said)


def folded(*events: tuple[Event, str | None], stream: str = CEASEFIRE) -> Subject:
    subject = fold_family(rows(*events), KYIV)[stream][0]
    assert isinstance(subject, Subject)
    return subject


def rows(*events: tuple[Event, str | None]) -> Sequence[Recorded]:
    return given(*(e for e, _ in events), zone_data=[data for _, data in events])


def ceasefire(*events: tuple[Event, str | None]) -> Ceasefire:
    subject = folded(*events)
    assert isinstance(subject, Ceasefire)
    return subject


@pytest.mark.parametrize(("data", "shown"), [(THEN, "declared"), (NOW, "in_force"), (None, "in_force")])
def test_a_date_in_data_is_the_instant_that_it_meant_when_it_was_appended(data: str | None, shown: str):
    assert state(ceasefire((declared(), data)).life, BETWEEN) == shown


def test_an_amended_date_is_meant_by_the_zone_data_of_the_amendment():
    said = amend("declared", {"data": {"duration_days": 3}})
    assert state(ceasefire((declared(), THEN), (said, NOW)).life, BETWEEN) == "in_force"


@pytest.mark.parametrize(
    "said",
    [
        amend("declared", {"actors": []}, "said"),
        amend("declared", {"occurred": {"tz": "localtime"}}, "said"),  # the amended event would not be valid
    ],
)
def test_what_is_amended_without_a_date_keeps_what_its_dates_meant(said: Event):
    assert state(ceasefire((declared(), THEN), (said, NOW)).life, BETWEEN) == "declared"


def test_a_retracted_amendment_leaves_what_the_dates_meant():
    said = amend("declared", {"data": {"duration_days": 3}}, "said")
    assert state(ceasefire((declared(), THEN), (said, NOW), (retract("said"), NOW)).life, BETWEEN) == "declared"


def test_a_duration_of_days_runs_by_the_rules_of_its_event():
    """From 10 October: in the former rules the clocks go back before the thirty days are over."""
    terms = {"effective_from": "2026-10-10", "duration_days": 31}
    assert state(ceasefire((declared(**terms), THEN)).life, BETWEEN) == "in_force"
    assert state(ceasefire((declared(**terms), NOW)).life, BETWEEN) == "expired"


def test_what_is_stored_is_read_by_the_same_zone_data_and_shown_with_the_zones_name():
    subject = ceasefire((declared(duration_days=3), THEN))
    again = read_variant(CEASEFIRE, write_model(subject))
    assert again == subject
    assert isinstance(again, Ceasefire)
    assert state(again.life, BETWEEN) == "declared"
    shown = subject.model_dump(mode="json")
    assert (shown["zone"], shown["occurred"]["tz"], shown["entries"][0]["occurred"]["tz"]) == (
        KYIV,
        VANCOUVER,
        VANCOUVER,
    )
    assert THEN not in str(shown)


def strike(called: str, at: str, tz: str = "UTC") -> Event:
    when = {"start": at, "precision": "minute", "tz": tz}
    return event("strike.reported", "strike:one", called, occurred=when, means=["drone"], target_class="energy")


@pytest.mark.parametrize(("data", "day"), [(THEN, "2025-12-02"), (NOW, "2025-12-01"), (None, "2025-12-01")])
def test_the_logs_local_day_of_an_instant_is_the_one_it_was_when_it_was_appended(data: str | None, day: str):
    """At 21:30Z it is half past eleven in Kyiv, or half past midnight by the former rules."""
    subject = folded((strike("one", "2025-12-01T21:30:00Z"), data), stream="strike:one")
    assert isinstance(subject, Strike)
    assert subject.calendar is not None
    assert subject.calendar.day == day
    assert subject.entries[0].occurred.buckets(KYIV).day == day


def test_events_of_several_zone_data_grow_as_they_fold():
    """Taken in one by one, and folded afresh (P4); each is read by its own, the subject's clock by the last."""
    told = rows(
        (strike("one", "2025-12-01T21:30:00Z"), None),
        (strike("two", "2025-12-02T21:30:00Z"), THEN),
        (strike("three", "2025-12-03T21:30:00Z"), NOW),
    )
    grown = [change.after for change in Families().changes(told, KYIV)]
    afresh = [fold_family(told[:n], KYIV)["strike:one"] for n in (1, 2, 3)]
    assert grown == afresh
    last = grown[-1][0]
    assert isinstance(last, Subject)
    assert [e.occurred.buckets(last.zone).day for e in last.entries] == ["2025-12-01", "2025-12-03", "2025-12-03"]
    zones = [after[0].zone for after in grown if isinstance(after[0], Subject)]
    assert zones == [KYIV, f"{KYIV}@{THEN}", f"{KYIV}@{NOW}"]


def test_an_event_by_zone_data_that_are_not_there_does_not_count():
    gone = "2001a-00000000000000000000"
    assert unknown([gone]) == {gone}
    assert given(declared(), zone_data=[gone], valid=False)[0].envelope is None
