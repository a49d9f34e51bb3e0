from typing import Any

import pytest

from incidentlog.subjects.violation import Violation
from tests.subjects.given import Event, day, event, merge, minute, subject_of, timeline


def violation(stream: str = "violation:x", **more: Any) -> Event:
    cited = {"ceasefires": ["ceasefire:x"], "accused": ["RUS"], "claimed_by": "UKR", "severity": "serious"}
    envelope = {k: more.pop(k) for k in ("occurred",) if k in more}
    return event("violation.reported", stream, data=cited | more, **envelope)


def interval(said: Event) -> tuple[str, str]:
    subject = subject_of(said, kind=Violation)
    assert subject.begins is not None
    assert subject.ends is not None
    return subject.begins.strftime("%dT%H:%M"), subject.ends.strftime("%dT%H:%M")


@pytest.mark.parametrize(
    ("said", "claimed"),
    [
        (violation(occurred=day("2025-05-08")), ("07T21:00", "08T21:00")),
        (violation(occurred=minute("2025-05-08T12:00")), ("08T09:00", "08T09:00")),
        (violation(period={"from": "2025-05-08", "to": "2025-05-09"}), ("07T21:00", "08T21:00")),
        (violation(period={"from": "2025-05-08T00:00", "to": "2025-05-08T12:00"}), ("07T21:00", "08T09:00")),
        (violation(period={"from": "2025-05-08T00:00Z", "to": "2025-05-08T12:00+00:00"}), ("08T00:00", "08T12:00")),
    ],
)
def test_the_interval_is_the_period_or_else_when_it_occurred(said: Event, claimed: tuple[str, str]):
    assert interval(said) == claimed


def test_no_count_means_one():
    assert subject_of(violation(), kind=Violation).count == 1
    assert subject_of(violation(count=0), kind=Violation).count == 0


def test_the_latest_report_stands_and_counts_are_never_summed():
    assert subject_of(violation(count=10), violation(count=12), kind=Violation).count == 12
    other = violation("violation:y", count=700), merge("violation:x", "violation:y")
    assert subject_of(violation(count=10), *other, kind=Violation).count == 10


def test_the_easter_truce_as_ukraine_counted_it():
    subject = subject_of(*timeline("violation:cf-ea-vua"), kind=Violation)
    assert (subject.count, subject.claimed_by, subject.accused) == (2935, "UKR", ("RUS",))
    assert subject.breakdown["shelling"] == 1882
    assert subject.ceasefires == ("ceasefire:easter-2025",)
