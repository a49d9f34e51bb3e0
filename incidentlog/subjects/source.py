"""How sources are graded, and when that changed."""

from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import StringConstraints

from incidentlog.events.envelope import EventData
from incidentlog.events.recorded import Effective
from incidentlog.events.registry import event
from incidentlog.events.values import Model, Text, Word
from incidentlog.folding.subject import Subject

Grade = Annotated[str, StringConstraints(pattern=r"^[A-F][1-6]?$")]
"""Admiralty code: a letter for the source, perhaps a digit for what it says."""


@event("source.graded", sourced=False)
class SourceGraded(EventData):
    """A source's grade changed; the events that cite it keep the grade they were given."""

    source_id: Word | None = None
    """Absent: the slug of the stream names the source."""
    old: Grade | None
    """Null where it had none."""
    new: Grade
    reason: Text | None = None


class Grading(Model):
    """One decision."""

    since: datetime
    old: str | None
    new: str
    reason: str | None


class GradedSource(Subject, category="source"):
    """One source, with its grade and how it came to it."""

    source_id: str | None = None
    grade: str | None = None
    gradings: tuple[Grading, ...] = ()

    def evolve(self, event: Effective[Any]) -> Self:
        """Take a decision."""
        match event.data:
            case SourceGraded(source_id=source_id, old=old, new=new, reason=reason):
                grading = Grading(since=event.since, old=old, new=new, reason=reason)
                graded = self.learn(event, source_id=source_id or self.stream.partition(":")[2], grade=new)
                return graded.but(gradings=(*self.gradings, grading))
            case _:
                return self
