"""Ceasefires: proposed, answered, declared or agreed, in force, and how they end."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field

from incidentlog.events.envelope import EventData
from incidentlog.events.recorded import Effective
from incidentlog.events.registry import event
from incidentlog.events.values import ActorCode, Codes, Count, Key, Model, Period, Slug, Slugs, Text, When
from incidentlog.subjects.accord import Accord, EnteredIntoForce, Extended, Resumed, Suspended, Terms, instant
from incidentlog.subjects.terms import Response, Span

Sidedness = Literal["unilateral", "bilateral", "multilateral"]
Scope = Literal["general", "aerial", "energy_infrastructure", "maritime", "humanitarian", "local"]


class CeasefireTerms(Terms):
    """What is to hold, between whom, and from when to when."""

    sidedness: Sidedness | None = None
    scope: Annotated[list[Scope], Field(min_length=1, max_length=6)]
    parties: Codes | None = None
    respond_by: When | None = None
    declared_by: ActorCode | None = None
    announced_by: ActorCode | None = None
    form: Literal["signed", "joint_statement", "verbal"] | None = None
    zone: Text | None = None
    class_: Annotated[Literal["cessation_of_hostilities", "preliminary", "definitive"] | None, Field(alias="class")] = (
        None
    )
    purpose: Slugs | None = None
    duration_hours: (
        Annotated[list[Annotated[int, Field(ge=1, le=8_784)]], Field(min_length=1, max_length=20)] | None
    ) = None
    """Several where it is open which: the shortest is common to all (E7)."""
    conditional_entry: bool | None = None
    """It takes an event, and not only the date, to bring it into force (E8)."""
    monitoring: Text | None = None


@event("ceasefire.proposed")
class CeasefireProposed(CeasefireTerms):
    """Somebody proposes one; `parties` are those who have to accept."""


@event("ceasefire.responded")
class CeasefireResponded(EventData):
    """A party answers."""

    party: ActorCode
    response: Response
    condition: Text | None = None
    counter: Text | None = None


@event("ceasefire.declared")
class CeasefireDeclared(CeasefireTerms):
    """A party declares one by itself."""


@event("ceasefire.agreed")
class CeasefireAgreed(CeasefireTerms):
    """The parties agree on one."""


@event("ceasefire.entered_into_force")
class CeasefireEnteredIntoForce(EnteredIntoForce):
    """It is in force from here on."""


@event("ceasefire.extended")
class CeasefireExtended(Extended):
    """It is to last longer."""


@event("ceasefire.suspended")
class CeasefireSuspended(Suspended):
    """It does not hold for a while."""


@event("ceasefire.resumed")
class CeasefireResumed(Resumed):
    """It holds again."""


@event("ceasefire.terminated")
class CeasefireTerminated(EventData):
    """It is over, otherwise than by time. Only this makes it collapsed, whatever is violated."""

    by: ActorCode | None = None
    mode: Literal["withdrawal", "mutual", "collapsed", "superseded", "lapsed_unclear", "never_in_effect"]


@event("ceasefire.position_stated")
class CeasefirePositionStated(EventData):
    """How a party sees it: moves that party's view, and never the state."""

    party: ActorCode
    stated_status: Slug
    stated_from: When | None = None
    stated_until: When | None = None
    terms_note: Text | None = None


@event("ceasefire.monitored")
class CeasefireMonitored(EventData):
    """What a monitoring mission counted."""

    monitor: ActorCode
    period: Period
    counts: Annotated[dict[Key, Count], Field(max_length=100)]


class Position(Model):
    """What a party last said of it."""

    status: str
    note: str | None = None


class Ceasefire(Accord, category="ceasefire"):
    """One ceasefire: its life, what the parties last said of it, what monitors counted."""

    listed = True

    positions: dict[str, Position] = {}
    monitored: tuple[CeasefireMonitored, ...] = ()

    def evolve(self, event: Effective[Any]) -> Self:
        """Take its terms, an answer, a position, its end; the rest is as for agreements."""
        match event.data:
            case CeasefireProposed() as terms:
                return self._on_terms(event, "proposed", terms)
            case CeasefireDeclared() | CeasefireAgreed() as terms:
                return self._on_terms(event, "agreed", terms)
            case CeasefireResponded(party=party, response=response):
                return self.moved(event, "responded", party=party, response=response)
            case CeasefireTerminated(by=by, mode=mode):
                return self.moved(event, "terminated", party=by, mode=mode)
            case CeasefirePositionStated(party=party) as said:
                span = Span(start=instant(said.stated_from, event.tz), until=instant(said.stated_until, event.tz))
                position = Position(status=said.stated_status, note=said.terms_note)
                return self.stated(event, party, span).but(positions={**self.positions, party: position})
            case CeasefireMonitored() as seen:
                return self.but(monitored=(*self.monitored, seen))
            case _:
                return super().evolve(event)

    def _on_terms(self, event: Effective[Any], what: Literal["proposed", "agreed"], terms: CeasefireTerms) -> Self:
        one_sided = terms.sidedness == "unilateral"
        declarer = [terms.declared_by] if terms.declared_by else []
        return self.with_views(event, *declarer).given_terms(
            event,
            what,
            terms,
            Span(hours=min(terms.duration_hours) if terms.duration_hours else None),
            named=tuple(dict.fromkeys(terms.parties or ())),
            unilateral=one_sided or (terms.sidedness is None and isinstance(terms, CeasefireDeclared)),
            many_sided=not one_sided and (terms.sidedness is not None or len(set(terms.parties or ())) > 1),
            conditional=bool(terms.conditional_entry),
            respond_by=instant(terms.respond_by, event.tz),
        )
