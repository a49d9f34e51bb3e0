"""What was done with the log itself: exports, and digests of who read what (docs/audit.md)."""

from datetime import date, datetime
from typing import Annotated, Any, Self

from pydantic import Field

from incidentlog.events.envelope import EventData
from incidentlog.events.recorded import Effective
from incidentlog.events.registry import event
from incidentlog.events.values import MAX_INT, Count, Sha256, Text, TlpLabel, Word
from incidentlog.folding.subject import Subject

Position = Annotated[int, Field(ge=0, le=MAX_INT)]


@event("audit.exported", sourced=False)
class AuditExported(EventData):
    """A part of the log left it, up to a position and a marking."""

    after: Position | None = None
    """Exclusive, as everywhere."""
    to_position: Position
    tlp: TlpLabel | None = None
    sha256: Sha256 | None = None
    """Of the package."""
    root: Word | None = None
    """The tree head that it can be checked against."""
    by: Word | None = None
    purpose: Text | None = None


@event("audit.access_digest", sourced=False)
class AuditAccessDigest(EventData):
    """The digest of one day's access log, which itself is kept for a limited time."""

    day: Annotated[date, Field(strict=False)]
    entries: Count
    sha256: Sha256


class AuditTrail(Subject, category="audit"):
    """How often, and when last; the events themselves are the record."""

    exports: int = 0
    digests: int = 0
    latest: datetime | None = None

    def evolve(self, event: Effective[Any]) -> Self:
        """Take note."""
        match event.data:
            case AuditExported():
                return self.but(exports=self.exports + 1, latest=event.since)
            case AuditAccessDigest():
                return self.but(digests=self.digests + 1, latest=event.since)
            case _:
                return self
