from typing import Any

from incidentlog.subjects.commitment import Commitment
from tests.events.test_envelope import faults
from tests.subjects.given import Event, day, event, subject_of, timeline

C = "commitment:x"
PROMISE = {"obligor": "RUS", "kind": "deadline", "text": "to withdraw", "due": "2025-03-01"}
MADE = event("commitment.made", C, occurred=day("2025-01-01"), data=PROMISE)


def step(name: str, on: str, **data: Any) -> Event:
    return event(f"commitment.{name}", C, occurred=day(on), data=data)


def commitment(*events: Event) -> Commitment:
    return subject_of(*events, kind=Commitment)


def test_a_commitment_goes_from_made_to_fulfilled():
    steps = MADE, step("progressed", "2025-01-05", level="minimum"), step("fulfilled", "2025-02-01", value=6057)
    assert [commitment(*steps[:n]).status for n in (1, 2, 3)] == ["made", "in_progress", "fulfilled"]
    done = commitment(*steps)
    assert done.value == 6057
    assert done.level == "minimum"
    assert done.closed is not None
    assert done.closed.isoformat() == "2025-01-31T22:00:00+00:00"


def test_a_due_date_is_its_local_midnight():
    due = commitment(MADE).due
    assert due is not None
    assert due.isoformat() == "2025-02-28T22:00:00+00:00"


def test_a_rescheduled_commitment_keeps_its_old_due_date_visible():
    subject = commitment(MADE, step("rescheduled", "2025-02-01", new_due="2025-06-01"))
    assert subject.earlier_dues == (commitment(MADE).due,)
    assert subject.due is not None
    assert subject.due.month == 5
    assert subject.status == "made"


def test_nothing_follows_the_end():
    withdrawn = step("withdrawn", "2025-02-01")
    subject = commitment(MADE, withdrawn, step("fulfilled", "2025-02-02"))
    assert subject.status == "withdrawn"
    assert [i.reason for i in subject.ignored] == ["the commitment was withdrawn"]
    broken = commitment(MADE, step("breached", "2025-02-01", claimed_by="UKR"), withdrawn)
    assert (broken.status, broken.breach_claimed_by) == ("breached", "UKR")


def test_nothing_comes_before_it_was_made():
    early = step("progressed", "2024-12-01", value=5)
    subject = commitment(MADE, early)
    assert subject.progress == ()
    assert [i.reason for i in subject.ignored] == ["nothing was committed to before it"]


def test_it_is_made_once():
    assert len(commitment(MADE, MADE).ignored) == 1


def test_progress_names_a_value_or_a_level():
    assert faults(step("progressed", "2025-01-05")) == {"/data": "value_or_level"}


def test_the_six_thousand_for_six_thousand():
    subject = subject_of(*timeline("commitment:remains-6000"), kind=Commitment)
    assert (subject.target_value, subject.value, subject.unit) == (6000, 6057, "bodies")
    assert isinstance(subject.target_value, int)
    assert subject.status == "fulfilled"
