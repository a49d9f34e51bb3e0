"""Displacement: people who fled within the country, abroad, and back."""

from datetime import datetime
from typing import Any, Self

from incidentlog.events.envelope import EventData
from incidentlog.events.recorded import Effective
from incidentlog.events.registry import event
from incidentlog.events.values import Count, Model, When, end_of_day_instant
from incidentlog.folding.subject import Subject

FIGURES = ("idps", "refugees", "returns")


@event("displacement.reported")
class DisplacementReported(EventData):
    """How many are displaced, as of a day; absent is not told, never 0."""

    idps: Count | None = None
    refugees: Count | None = None
    returns: Count | None = None
    as_of: When | None = None
    idps_as_of: When | None = None
    """Where the figure of the internally displaced is of another day."""


class Figure(Model):
    """A count and its day."""

    count: int
    as_of: datetime


class Displacement(Subject, category="displacement"):
    """The latest figures, each by its own `as_of`; a later report of an older day does not replace them.

    An absorbed record's is taken if it is of a later day, or where the survivor tells none.
    """

    idps: Figure | None = None
    refugees: Figure | None = None
    returns: Figure | None = None

    def evolve(self, event: Effective[Any]) -> Self:
        """Take a report."""
        match event.data:
            case DisplacementReported() as said:
                return self._learn(event, said)
            case _:
                return self

    def _learn(self, event: Effective[Any], said: DisplacementReported) -> Self:
        changes = {}
        for name in FIGURES:
            count: int | None = getattr(said, name)
            stated = (said.idps_as_of if name == "idps" else None) or said.as_of
            as_of = event.envelope.occurred.until if stated is None else end_of_day_instant(stated, event.tz)
            before: Figure | None = getattr(self, name)
            outdated = before is None or before.as_of < as_of or (before.as_of == as_of and not event.absorbed)
            if count is not None and outdated:
                changes[name] = Figure(count=count, as_of=as_of)
        return self.but(**changes)
