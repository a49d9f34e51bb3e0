"""Statements, kept only where they change a position."""

from datetime import datetime
from typing import Any, Self

from incidentlog.events.envelope import EventData
from incidentlog.events.recorded import Effective
from incidentlog.events.registry import event
from incidentlog.events.values import ActorCode, Slug, Text
from incidentlog.folding.subject import Subject


@event("statement.made")
class StatementMade(EventData):
    """Somebody takes a stance on a topic."""

    speaker: ActorCode
    stance: Slug
    topic: Slug
    quote: Text | None = None


class Statement(Subject, category="statement"):
    """The stance that stands: the latest one of the stream."""

    listed = True

    speaker: str | None = None
    stance: str | None = None
    topic: str | None = None
    quote: str | None = None
    made: datetime | None = None

    def evolve(self, event: Effective[Any]) -> Self:
        """Take a statement."""
        match event.data:
            case StatementMade() as said if not event.absorbed or self.made is None:
                return self.but(**said.model_dump(), made=event.since)
            case _:
                return self
