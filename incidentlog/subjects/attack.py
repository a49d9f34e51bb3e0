"""What strikes and incidents share: who did it, who says so, who was hurt."""

from datetime import UTC, datetime
from typing import Any, ClassVar, Self

from pydantic import Field

from incidentlog.events.envelope import EventData
from incidentlog.events.recorded import Effective
from incidentlog.events.registry import event
from incidentlog.events.values import ActorCode, Casualties, Text, When
from incidentlog.folding.subject import Subject
from incidentlog.subjects.claims import Claim, claim, standing

BEFORE_ALL = datetime.min.replace(tzinfo=UTC)


@event("attack.claimed", on=("strike", "incident"))
class AttackClaimed(EventData):
    """Somebody claims the attack."""

    by: ActorCode
    statement: Text | None = None


@event("attack.attributed", on=("strike", "incident"))
class AttackAttributed(EventData):
    """Somebody attributes the attack."""

    to: ActorCode
    by: ActorCode | None = None
    confidence: Text | None = None


class AttackFacts(EventData):
    """What a report and an assessment may both say."""

    attributed_to: ActorCode | None = None
    claimed_by: ActorCode | None = None
    casualties: Casualties | None = None
    as_of: When | None = None


class Attack(Subject):
    """What the reports, assessments, claims and attributions of one attack add up to.

    Figures follow R5 over every claim, those of absorbed reports among them. Every other field is the latest as-of's,
    field by field: that of a report or an assessment is its `as_of`, that of a claim or an attribution when it was
    made; at the same instant the later in the order of events has it. What is absorbed replaces what the survivor's own
    record tells only if it states a later as-of, and else fills what that left open.
    """

    reported: ClassVar[type[AttackFacts]]
    """The event that counts as a report; the others are assessments."""

    reports: int = 0
    attributed_to: str | None = None
    claimed_by: str | None = None
    casualties: Casualties = Casualties()
    claims: tuple[Claim, ...] = ()
    told: dict[str, datetime] = Field(default_factory=dict)
    """As of when each field was last told: see `_counts_as_of`."""

    def evolve(self, event: Effective[Any]) -> Self:
        """Take a report, an assessment, a claim or an attribution."""
        match event.data:
            case AttackFacts() as facts:
                return self._learn(event, facts)
            case AttackClaimed(by=by):
                return self.but(**self._told(_counts_as_of(event, event.envelope.occurred.until), claimed_by=by))
            case AttackAttributed(to=to):
                return self.but(**self._told(_counts_as_of(event, event.envelope.occurred.until), attributed_to=to))
            case _:
                return self

    def _told(self, as_of: datetime, **facts: Any) -> dict[str, Any]:
        """What changes by facts as of an instant, of which None tells nothing."""
        changes: dict[str, Any] = {}
        told = dict(self.told)
        for name, value in facts.items():
            if value is not None and (name not in told or as_of >= told[name]):
                changes[name] = tuple(value) if isinstance(value, list) else value
                told[name] = as_of
        return {**changes, "told": told}

    def _learn(self, event: Effective[Any], facts: AttackFacts) -> Self:
        as_of = _counts_as_of(event, event.as_of(facts.as_of), stated=facts.as_of is not None)
        changes = self._told(as_of, **{name: value for name, value in vars(facts).items() if name not in APART})
        changes["reports"] = self.reports + isinstance(facts, self.reported)
        if facts.casualties is not None:
            claimed_by = changes.get("claimed_by", self.claimed_by)
            own = claimed_by is not None and claimed_by == changes.get("attributed_to", self.attributed_to)
            changes["claims"] = (*self.claims, claim(event, facts.casualties, facts.as_of, self_serving=own))
        return self.but(**changes)

    def complete(self) -> Self:
        """Say which figures stand."""
        return self.but(casualties=standing(self.claims)) if self.claims else self


def _counts_as_of(event: Effective[Any], as_of: datetime, *, stated: bool = True) -> datetime:
    """As of when the word of an event counts: an absorbed one just before the survivor's own of the same instant.

    One that states no as-of is then older than anything: it was another record's, and only fills.
    """
    if not event.absorbed:
        return as_of
    return as_of - datetime.resolution if stated else BEFORE_ALL


APART = frozenset({"casualties", "as_of"})
"""Fields that are not simply the latest one told."""
