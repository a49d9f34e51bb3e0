"""Violations of ceasefires: who claims how many, of whom, and when."""

from collections.abc import Iterator
from datetime import UTC, datetime

from incidentlog.projections.shapes import Contribution, Tally, projection
from incidentlog.subjects.subject import Subject
from incidentlog.subjects.values import Buckets
from incidentlog.subjects.violation import Violation


@projection("violations", version=1)
class Violations(Tally):
    """Claimed violations by ceasefire, claimant and accused; a claim that cites two ceasefires is in both.

    `begins` and `ends` are its interval, half-open, or one instant twice.
    """

    dimensions = (
        "ceasefire",
        "violation",
        "claimant",
        "accused",
        "severity",
        "verification",
        "begins",
        "ends",
        "day",
        "week",
        "month",
    )
    measures = ("violations", "reported")
    group_by = ("ceasefire", "claimant")

    def contributions(self, subject: Subject) -> Iterator[Contribution]:
        """One claim for each ceasefire that it cites; `reported` is how many violations it claims."""
        match subject:
            case Violation(
                is_current=True, since=datetime() as since, begins=datetime() as begins, ends=datetime() as ends
            ):
                pass
            case _:
                return
        calendar = subject.calendar or Buckets(day=None, week=None, month=None)
        for ceasefire in dict.fromkeys(subject.ceasefires):
            yield Contribution(
                at=since,
                dimensions={
                    "ceasefire": ceasefire,
                    "violation": subject.stream,
                    "claimant": subject.claimed_by,
                    "accused": "+".join(sorted(set(subject.accused))),
                    "severity": subject.severity,
                    "verification": subject.verification,
                    "begins": instant_text(begins),
                    "ends": instant_text(ends),
                    "day": calendar.day,
                    "week": calendar.week,
                    "month": calendar.month,
                },
                measures={"violations": 1, "reported": subject.count},
            )


def instant_text(instant: datetime) -> str:
    """An instant as a dimension holds it: RFC 3339 in UTC, so that the order of texts is the order of instants."""
    return instant.astimezone(UTC).isoformat(timespec="microseconds")
