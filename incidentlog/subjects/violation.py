"""Violations of ceasefires, as claimed: subjects of their own that cite the ceasefires."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import Field

from incidentlog.events.envelope import EventData
from incidentlog.events.recorded import Effective
from incidentlog.events.registry import event
from incidentlog.events.values import ActorCode, Count, Key, Period, Stream, Text, Word
from incidentlog.folding.subject import Subject

Severity = Literal["minor", "serious", "grave"]


@event("violation.reported")
class ViolationReported(EventData):
    """Somebody says that somebody broke a ceasefire."""

    ceasefires: Annotated[list[Stream], Field(min_length=1, max_length=50)]
    accused: Annotated[list[ActorCode], Field(min_length=1, max_length=50)]
    claimed_by: ActorCode
    severity: Severity
    count: Count | None = None
    period: Period | None = None
    breakdown: Annotated[dict[Key, Count], Field(max_length=100)] | None = None
    place_text: Word | None = None
    note: Text | None = None


class Violation(Subject, category="violation"):
    """One claim of violations. Its latest report stands; counts of several are never summed."""

    ceasefires: tuple[str, ...] = ()
    accused: tuple[str, ...] = ()
    claimed_by: str | None = None
    severity: Severity | None = None
    count: int = 1
    """As claimed; 1 where no count was given."""
    breakdown: dict[str, int] = Field(default_factory=dict)
    place_text: str | None = None
    note: str | None = None
    begins: datetime | None = None
    ends: datetime | None = None
    """The interval it claims: its period, else when it occurred. An instant is `begins` = `ends`."""

    def evolve(self, event: Effective[Any]) -> Self:
        """Take a report."""
        match event.data:
            case ViolationReported() as said if not event.absorbed or self.severity is None:
                occurred = event.envelope.occurred
                begins, ends = (
                    (occurred.since, occurred.until) if said.period is None else said.period.instants(event.tz)
                )
                return self.but(
                    ceasefires=tuple(said.ceasefires),
                    accused=tuple(said.accused),
                    claimed_by=said.claimed_by,
                    severity=said.severity,
                    count=1 if said.count is None else said.count,
                    breakdown=said.breakdown or {},
                    place_text=said.place_text,
                    note=said.note,
                    begins=begins,
                    ends=ends,
                )
            case _:
                return self
