"""Rounds of talks: proposed, scheduled, put off, held."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import Field

from incidentlog.events.envelope import Actor, EventData, Fault
from incidentlog.events.recorded import Effective
from incidentlog.events.registry import event
from incidentlog.events.values import (
    ActorCode,
    Codes,
    Occurred,
    Slug,
    Slugs,
    Text,
    When,
    Word,
    Words,
    start_instant,
)
from incidentlog.folding.subject import Subject

Format = Literal["bilateral", "trilateral", "multilateral", "proximity", "online"]
Level = Literal[
    "heads_of_state", "foreign_ministers", "national_security_advisors", "delegation", "special_envoys",
    "technical", "military",
]  # fmt: skip
Status = Literal["none", "proposed", "scheduled", "postponed", "cancelled", "held", "suspended", "resumed"]

PRINCIPALS = frozenset({"party", "mediator", "facilitator"})
"""Roles that make somebody one of the sides of a talk, and not its host or an ally."""
TRILATERAL = 3


def state_of(code: ActorCode) -> str:
    """The state or organisation that an actor belongs to: RUS of RUS.MOD."""
    return code.partition(".")[0]


@event("talk.proposed")
class TalkProposed(EventData):
    """Somebody suggests to meet."""

    track: Slug
    by: ActorCode | None = None
    format: Format | None = None
    level: Level | None = None
    parties: Codes | None = None
    venue_proposed: Word | None = None
    before: When | None = None
    stated_hiatus: Word | None = None


@event("talk.scheduled")
class TalkScheduled(EventData):
    """A date is set; what speaks of the future stays in the data."""

    planned_start: When


@event("talk.postponed")
class TalkPostponed(EventData):
    """The date is off; a new one may be named."""

    reason: Text | None = None
    new_start: When | None = None


@event("talk.cancelled")
class TalkCancelled(EventData):
    """It will not take place."""

    by: ActorCode
    reason: Text | None = None


@event("talk.held")
class TalkHeld(EventData):
    """It took place."""

    track: Slug
    round_no: Annotated[int, Field(ge=1, le=1000)] | None = None
    format: Format
    level: Level
    venue: Word | None = None
    direct_ua_ru: bool
    """Whether Ukraine and Russia sat at one table."""
    agenda: Slugs = []
    outcome: Slug
    documents: Words | None = None

    def faults(self, actors: Sequence[Actor] | None) -> Iterator[Fault]:
        """Who sits at the table must fit the format."""
        if actors is None:
            return
        principals = {state_of(a.code) for a in actors if a.role in PRINCIPALS}
        if self.format == "trilateral" and len(principals) != TRILATERAL:
            detail = f"a trilateral talk has three distinct principals, not {len(principals)}"
            yield Fault(("format",), "three_principals", detail)
        missing = {"UKR", "RUS"} - {state_of(a.code) for a in actors if a.role == "party"}
        if self.direct_ua_ru and missing:
            detail = f"a direct talk has both as a party; {', '.join(sorted(missing))} is not"
            yield Fault(("direct_ua_ru",), "both_parties", detail)


@event("talk.suspended")
class TalkSuspended(EventData):
    """It was broken off, with no end declared."""

    by: ActorCode | None = None
    reason: Text | None = None


@event("talk.resumed")
class TalkResumed(EventData):
    """It goes on."""

    by: ActorCode | None = None


class Talk(Subject, category="talk"):
    """What one round of talks adds up to. Held and cancelled are final: the next round is another stream."""

    listed = True

    once = frozenset({"talk.held", "talk.cancelled"})
    lasting = True
    selective = True

    status: Status = "none"
    track: str | None = None
    round_no: int | None = None
    format: Format | None = None
    level: Level | None = None
    direct_ua_ru: bool | None = None
    participants: tuple[Actor, ...] = ()
    """Who took part in it once held; before, who spoke of it."""
    proposed_by: str | None = None
    parties: tuple[str, ...] = ()
    """Who is to take part, as proposed."""
    venue: str | None = None
    before: datetime | None = None
    planned_start: datetime | None = None
    agenda: tuple[str, ...] = ()
    outcome: str | None = None
    documents: tuple[str, ...] = ()
    reason: str | None = None
    """Why it was postponed, cancelled or suspended."""
    held: Occurred | None = None

    def evolve(self, event: Effective[Any]) -> Self:
        """Take a step in the life of the talk, where it fits."""
        if self.status == "cancelled":
            return self.ignore(event, "the talk was cancelled")
        match event.data:
            case TalkHeld() as said:
                return self._hold(event, said)
            case TalkSuspended(reason=reason):
                return self.learn(event, reason=reason).but(status="suspended")
            case TalkResumed() if self.status == "suspended":
                return self.but(status="resumed")
            case TalkResumed():
                return self.ignore(event, "the talk was not suspended")
            case _ if self.held is not None:
                return self.ignore(event, "the talk was held already")
            case TalkProposed() as said:
                return self._propose(event, said)
            case _:
                return self._plan(event)

    def _plan(self, event: Effective[Any]) -> Self:
        match event.data:
            case TalkScheduled(planned_start=start):
                return self.but(status="scheduled", planned_start=start_instant(start, event.tz))
            case TalkPostponed(reason=reason, new_start=start):
                planned = None if start is None else start_instant(start, event.tz)
                return self.but(status="postponed", planned_start=planned, reason=reason)
            case TalkCancelled(reason=reason):
                return self.but(status="cancelled", planned_start=None, reason=reason)
            case _:
                return self

    def _propose(self, event: Effective[Any], said: TalkProposed) -> Self:
        talk = self.learn(
            event,
            track=said.track,
            proposed_by=said.by,
            format=said.format,
            level=said.level,
            parties=said.parties,
            venue=said.venue_proposed,
            before=None if said.before is None else start_instant(said.before, event.tz),
            participants=event.envelope.actors,
        )
        return talk.but(status="proposed") if self.status == "none" else talk

    def _hold(self, event: Effective[Any], said: TalkHeld) -> Self:
        told = said.model_dump(exclude_none=True)
        if self.held is None:  # what was only proposed gives way, even to an absorbed report
            return self.but(
                status="held",
                held=event.envelope.occurred,
                participants=tuple(event.envelope.actors),
                **{k: tuple(v) if isinstance(v, list) else v for k, v in told.items()},
            )
        return self.learn(event, **told, held=event.envelope.occurred, participants=event.envelope.actors)
