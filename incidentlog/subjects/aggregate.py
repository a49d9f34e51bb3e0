"""Aggregates: how many incidents of a kind there were in an area and a period, where nobody told of each."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Self

from incidentlog.events.envelope import Actor, EventData, Fault
from incidentlog.events.recorded import Effective
from incidentlog.events.registry import event
from incidentlog.events.values import Casualties, Estimate, Period, Slug, Text, When, end_of_day_instant
from incidentlog.folding.subject import Subject


@event("aggregate.reported")
class AggregateReported(EventData):
    """A count of a kind in an area and a period, such as 312 shellings of Sumy oblast in May. It is never summed.

    A later report of the same stream replaces it, by its `as_of`.
    """

    kind: Slug
    """What is counted: `strike`, `alert`, a kind of incident, or a word of the source's."""
    period: Period
    count: Estimate | None = None
    casualties: Casualties | None = None
    as_of: When | None = None
    """When it was counted; without it at the end of the period."""
    note: Text | None = None

    def faults(self, actors: Sequence[Actor] | None) -> Iterator[Fault]:  # noqa: ARG002 - the base's signature
        """It tells a figure."""
        if self.count is None and self.casualties is None:
            yield Fault((), "required", "give count, or casualties")


class Aggregate(Subject, category="aggregate"):
    """One count of one kind, area and period, as last reported."""

    listed = True

    kind: str | None = None
    begins: datetime | None = None
    ends: datetime | None = None
    """Exclusive."""
    as_of: datetime | None = None
    count: Estimate | None = None
    casualties: Casualties = Casualties()

    def evolve(self, event: Effective[Any]) -> Self:
        """Take a report that is not older than the one before."""
        match event.data:
            case AggregateReported() as said:
                begins, ends = said.period.instants(event.tz)
                as_of = ends if said.as_of is None else end_of_day_instant(said.as_of, event.tz)
                if self.as_of is not None and (as_of < self.as_of or event.absorbed):
                    return self
                told = {"kind": said.kind, "begins": begins, "ends": ends, "as_of": as_of, "count": said.count}
                return self.but(**told, casualties=said.casualties or Casualties())
            case _:
                return self
