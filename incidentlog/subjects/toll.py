"""Tolls: what somebody says that it came to in an area by a day, as the UN's count of civilians or a side's losses."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import Field

from incidentlog.events.envelope import Actor, EventData, Fault
from incidentlog.events.recorded import Effective
from incidentlog.events.registry import event
from incidentlog.events.values import Casualties, Estimate, Key, Model, Text, When, end_of_day_instant
from incidentlog.folding.subject import Subject
from incidentlog.subjects.accord import instant


@event("toll.reported")
class TollReported(EventData):
    """What an area's toll comes to by a day: a total, and no increment. It is never summed with incidents.

    Figures that are missing are not told, and never 0. A later total may be lower: it corrects the one before.
    """

    as_of: When
    since: When | None = None
    """From when it counts, such as the begin of a war."""
    casualties: Casualties | None = None
    counts: Annotated[dict[Key, Estimate], Field(min_length=1, max_length=200)] | None = None
    """Other totals by their names, such as `tanks`."""
    note: Text | None = None

    def faults(self, actors: Sequence[Actor] | None) -> Iterator[Fault]:  # noqa: ARG002 - the base's signature
        """It tells a figure."""
        if self.casualties is None and self.counts is None:
            yield Fault((), "required", "give casualties, or counts")


class Stated(Model):
    """A figure, as of a day."""

    as_of: datetime
    figure: Estimate
    position: int


class Toll(Subject, category="toll"):
    """The totals that one source states of an area, each figure's in the order of its days."""

    listed = True

    counts_since: datetime | None = None
    totals: dict[str, tuple[Stated, ...]] = {}

    def evolve(self, event: Effective[Any]) -> Self:
        """Take a report."""
        match event.data:
            case TollReported() as said:
                return self._learn(event, said)
            case _:
                return self

    def _learn(self, event: Effective[Any], said: TollReported) -> Self:
        as_of = end_of_day_instant(said.as_of, event.tz)
        told = {**_told(said.casualties), **(said.counts or {})}
        totals = dict(self.totals)
        for name, figure in told.items():
            stated = Stated(as_of=as_of, figure=figure, position=event.position)
            # Of one day the report that the log has last counts; what came by a merge only fills what is open.
            kept = [s for s in totals.get(name, ()) if s.as_of != as_of or event.absorbed]
            if any(s.as_of == as_of for s in kept):
                continue
            totals[name] = tuple(sorted((*kept, stated), key=lambda s: s.as_of))
        return self.learn(event, counts_since=instant(said.since, event.tz)).but(totals=totals)


def _told(casualties: Casualties | None) -> dict[str, Estimate]:
    named = {} if casualties is None else {name: getattr(casualties, name) for name in type(casualties).model_fields}
    return {name: figure for name, figure in named.items() if figure is not None}
