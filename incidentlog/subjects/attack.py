"""What strikes and incidents share: who did it, who says so, who was hurt."""

from datetime import UTC, datetime
from typing import Any, ClassVar, Self

from pydantic import Field

from incidentlog.subjects.claims import Claim, claim, standing
from incidentlog.subjects.envelope import EventData
from incidentlog.subjects.recorded import Effective
from incidentlog.subjects.registry import event
from incidentlog.subjects.subject import Subject
from incidentlog.subjects.values import ActorCode, Casualties, Text, When, end_of_day_instant

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

    Figures follow R5 over every claim, those of absorbed reports among them; all other fields are the latest
    `as_of`'s, field by field, and an absorbed report only fills what the survivor left open.
    """

    reported: ClassVar[type[AttackFacts]]
    """The event that counts as a report; the others are assessments."""

    reports: int = 0
    attributed_to: str | None = None
    claimed_by: str | None = None
    casualties: Casualties = Casualties()
    claims: tuple[Claim, ...] = ()
    told: dict[str, datetime] = Field(default_factory=dict)
    """As of when each field was last told; what an absorbed report fills counts as older than anything."""

    def evolve(self, event: Effective[Any]) -> Self:
        """Take a report, an assessment, a claim or an attribution."""
        match event.data:
            case AttackFacts() as facts:
                return self._learn(event, facts)
            case AttackClaimed(by=by):
                return self.but(claimed_by=by)
            case AttackAttributed(to=to):
                return self.but(attributed_to=to)
            case _:
                return self

    def _learn(self, event: Effective[Any], facts: AttackFacts) -> Self:
        stated = facts.as_of or event.envelope.reported_at
        as_of = event.recorded.recorded_at if stated is None else end_of_day_instant(stated, event.tz)
        if event.absorbed:
            as_of = BEFORE_ALL
        changes: dict[str, Any] = {"reports": self.reports + isinstance(facts, self.reported)}
        told = dict(self.told)
        for name, value in vars(facts).items():
            if value is not None and name not in APART and (name not in told or as_of >= told[name]):
                changes[name] = tuple(value) if isinstance(value, list) else value
                told[name] = as_of
        if facts.casualties is not None:
            claimed_by = changes.get("claimed_by", self.claimed_by)
            own = claimed_by is not None and claimed_by == changes.get("attributed_to", self.attributed_to)
            changes["claims"] = (*self.claims, claim(event, facts.casualties, facts.as_of, self_serving=own))
        return self.but(**changes, told=told)

    def complete(self) -> Self:
        """Say which figures stand."""
        return self.but(casualties=standing(self.claims)) if self.claims else self


APART = frozenset({"casualties", "as_of"})
"""Fields that are not simply the latest one told."""
