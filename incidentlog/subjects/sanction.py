"""Sanctions: imposed, extended, eased."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import Field

from incidentlog.events.envelope import EventData
from incidentlog.events.recorded import Effective
from incidentlog.events.registry import event
from incidentlog.events.values import ActorCode, Count, Slug, Word
from incidentlog.folding.subject import Subject

Package = Annotated[int, Field(ge=1, le=1000)]


class SanctionTerms(EventData):
    """Who sanctions whom, and by which law."""

    imposer: ActorCode
    targets: Annotated[list[Word], Field(max_length=1000)] | None = None
    type: Slug | None = None
    legal_basis: Word | None = None
    package: Package | None = None
    listings: Count | None = None
    subsidiaries: Count | None = None


@event("sanction.imposed")
class SanctionImposed(SanctionTerms):
    """New sanctions."""


@event("sanction.extended")
class SanctionExtended(SanctionTerms):
    """They go on, or reach further."""


@event("sanction.eased")
class SanctionEased(SanctionTerms):
    """They are lifted in part or as a whole."""


class Sanction(Subject, category="sanction"):
    """One set of sanctions, in its latest terms."""

    status: Literal["none", "imposed", "extended", "eased"] = "none"
    imposer: str | None = None
    targets: tuple[str, ...] = ()
    type: str | None = None
    legal_basis: str | None = None
    package: int | None = None
    listings: int | None = None
    subsidiaries: int | None = None
    status_since: datetime | None = None
    """Since when it stands as its status says."""

    def evolve(self, event: Effective[Any]) -> Self:
        """Take a decision."""
        match event.data:
            case SanctionTerms() as said if event.absorbed and self.status_since is not None:
                return self.learn(event, **said.model_dump())
            case SanctionTerms() as said:
                status = event.recorded.type.partition(".")[2]
                return self.learn(event, **said.model_dump()).but(status=status, status_since=event.since)
            case _:
                return self
