"""What ceasefires and agreements share: terms, an entry into force, an end, and parties who see it differently."""

from datetime import datetime
from typing import Annotated, Any, Final, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from incidentlog.events.envelope import EventData
from incidentlog.events.recorded import Effective
from incidentlog.events.values import ActorCode, Text, When, start_instant
from incidentlog.folding.subject import Ignored, Subject
from incidentlog.subjects.lifecycle import course
from incidentlog.subjects.terms import Lifecycle, Move, Span, Statement, What

Days = Annotated[int, Field(ge=1, le=36_525)]
ONCE: Final = frozenset({"proposed", "agreed", "entered_into_force", "terminated"})
"""Moves that a life makes once."""
HAVE_A_VIEW = frozenset({"party", "declarer", "signatory"})
"""The roles of those whose view is shown, beside whoever is named, answers or states something."""


class Stated(EventData):
    """The interval as one party has it, where the parties differ; what is null is as in the event itself."""

    party: ActorCode
    from_: Annotated[When | None, Field(alias="from")] = None
    until: When | None = None
    days: Days | None = None
    note: Text | None = None


StatedByParty = Annotated[list[Stated], Field(max_length=100)]


class Terms(EventData):
    """When it is to hold. A duration counts from the start, or else from the entry into force."""

    effective_from: When | None = None
    effective_until: When | None = None
    duration_days: Days | None = None
    conditions: Annotated[list[Text], Field(max_length=100)] | None = None
    stated: StatedByParty | None = None


class EnteredIntoForce(EventData):
    """It is in force from here on, whatever was announced."""


class Extended(EventData):
    """It is to last longer. Without `from` it goes on from its end; `days` count from there."""

    from_: Annotated[When | None, Field(alias="from")] = None
    until: When | None = None
    days: Days | None = None
    stated: StatedByParty | None = None

    @model_validator(mode="after")
    def _says_how_long(self) -> Self:
        if self.until is None and self.days is None:
            raise PydanticCustomError("required", "give until, or days")
        return self


class Suspended(EventData):
    """It does not hold for a while."""

    by: ActorCode | None = None
    reason: Text | None = None


class Resumed(EventData):
    """It holds again."""

    by: ActorCode | None = None


class Accord(Subject):
    """A ceasefire or an agreement: the life that the machine runs through, and the terms as they were given."""

    selective = True

    life: Lifecycle = Lifecycle()
    given: dict[str, dict[str, Any]] = {}
    """The terms that an event gave, by the event's id; dates are as they were written."""

    def evolve(self, event: Effective[Any]) -> Self:
        """Take what both kinds have; what an event amounts to is the machine's to say, over the whole life."""
        match event.data:
            case EnteredIntoForce():
                return self.moved(event, "entered_into_force")
            case Extended(from_=from_, until=until, days=days, stated=stated):
                span = Span(start=instant(from_, event.tz), until=instant(until, event.tz), days=days)
                return self.moved(event, "extended", span=span, own=_own(stated, event.tz))
            case Suspended(by=by):
                return self.moved(event, "suspended", party=by)
            case Resumed(by=by):
                return self.moved(event, "resumed", party=by)
            case _:
                return self

    def moved(self, event: Effective[Any], what: What, **facts: Any) -> Self:
        """A copy whose life has one more event."""
        move = Move(
            event=event.recorded.event_id,
            type=event.recorded.type,
            at=event.since,
            position=event.position,
            tz=event.tz,
            what=what,
            absorbed=event.absorbed,
            **facts,
        )
        answered = [move.party] if what == "responded" and move.party else []
        seen = self.with_views(event, *move.named, *move.own, *answered)
        return seen.but(life=seen.life.model_copy(update={"moves": (*seen.life.moves, move)}))

    def given_terms(self, event: Effective[Any], what: What, terms: Terms, span: Span, **facts: Any) -> Self:
        """A copy whose life has one more event, one that gives terms."""
        start, until = instant(terms.effective_from, event.tz), instant(terms.effective_until, event.tz)
        span = span.model_copy(update={"start": start, "until": until, "days": terms.duration_days})
        written = terms.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"stated"})
        accord = self.but(given={**self.given, str(event.recorded.event_id): written})
        return accord.moved(event, what, span=span, own=_own(terms.stated, event.tz), **facts)

    def stated(self, event: Effective[Any], party: str, span: Span) -> Self:
        """A copy that knows a party's own interval."""
        statement = Statement(party=party, at=event.since, position=event.position, span=span)
        seen = self.with_views(event, party)
        return seen.but(life=seen.life.model_copy(update={"statements": (*seen.life.statements, statement)}))

    def with_views(self, event: Effective[Any], *parties: str) -> Self:
        """A copy that shows the views of these, and of the event's parties."""
        acting = (actor.code for actor in event.envelope.actors if actor.role in HAVE_A_VIEW)
        known = tuple(sorted({*self.life.parties, *acting, *parties}))
        return self.but(life=self.life.model_copy(update={"parties": known}))

    def complete(self) -> Self:
        """List what does not fit."""
        # Two records of one accord both tell its terms, and its end: the survivor's own hold, whichever came first.
        own = {move.what for move in self.life.moves if not move.absorbed} & ONCE
        twice = [m for m in self.life.moves if m.absorbed and m.what in own]
        life = self.life.model_copy(update={"moves": tuple(m for m in self.life.moves if m not in twice)})
        unfit = [(move, "told by the surviving record itself") for move in twice]
        unfit += [(misfit.move, misfit.reason) for misfit in course(life).misfits]
        ignored = (Ignored(event=move.event, type=move.type, reason=reason) for move, reason in unfit)
        return self.but(life=life, ignored=(*self.ignored, *ignored))


def instant(when: Any, tz: str) -> datetime | None:
    """The instant that a date in `data` stands for: its local 00:00."""
    return None if when is None else start_instant(when, tz)


def _own(stated: list[Stated] | None, tz: str) -> dict[str, Span]:
    return {s.party: Span(start=instant(s.from_, tz), until=instant(s.until, tz), days=s.days) for s in stated or ()}
