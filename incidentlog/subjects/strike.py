"""Strikes: what was launched, what was hit, who was hurt."""

from datetime import UTC, datetime
from typing import Any, Literal, Self

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from incidentlog.subjects.attack import AttackAttributed, AttackClaimed
from incidentlog.subjects.claims import Claim, claim, standing
from incidentlog.subjects.envelope import EventData
from incidentlog.subjects.recorded import Effective
from incidentlog.subjects.registry import event
from incidentlog.subjects.subject import Subject
from incidentlog.subjects.values import (
    ActorCode,
    Casualties,
    Estimate,
    Text,
    When,
    Word,
    end_of_day_instant,
)

Means = Literal[
    "drone", "missile", "cruise_missile", "ballistic_missile", "guided_bomb", "artillery", "mlrs", "naval_drone",
    "other",
]  # fmt: skip
TargetClass = Literal[
    "civilian", "military", "energy", "port", "transport", "health", "education", "dual", "unknown"
]
ByMeans = dict[Means, Estimate]


class StrikeFacts(EventData):
    """What a report and an assessment may both say. Figures are estimates; null is unknown, never 0."""

    means: list[Means] | None = None
    launched_nationwide: ByMeans | None = None
    launched: ByMeans | None = None
    intercepted: ByMeans | None = None
    lost: ByMeans | None = None
    hit: ByMeans | None = None
    attributed_to: ActorCode | None = None
    claimed_by: ActorCode | None = None
    target_class: TargetClass | None = None
    target_object: Word | None = None
    damage: list[Text] | None = None
    effects: list[Word] | None = None
    casualties: Casualties | None = None
    as_of: When | None = None

    @model_validator(mode="after")
    def _not_more_downed_than_launched(self) -> Self:
        for means, launched in (self.launched or {}).items():
            downed = [(by or {}).get(means) for by in (self.intercepted, self.lost)]
            points = [e.point for e in downed if e is not None]
            most = launched.high if launched.high is not None else launched.point
            if launched.qualifier in {"about", "at_least", "more_than"} or most is None or len(points) < 2:  # noqa: PLR2004 - all three known
                continue
            if sum(p or 0 for p in points) > most:
                raise PydanticCustomError(
                    "more_than_launched", "intercepted + lost exceeds launched for {means}", {"means": means}
                )
        return self


@event("strike.reported")
class StrikeReported(StrikeFacts):
    """A strike, as a source first told it."""

    means: list[Means]
    target_class: TargetClass


@event("strike.assessed")
class StrikeAssessed(StrikeFacts):
    """We learned more about the same strike: any of its fields, as of an instant."""

    as_of: When


FACTS = tuple(name for name in StrikeFacts.model_fields if name not in {"casualties", "as_of"})


class Strike(Subject, category="strike"):
    """What the reports, assessments, claims and attributions of one strike add up to.

    Figures follow R5 over every claim, those of absorbed reports among them; all other fields are the latest
    `as_of`'s, field by field, and an absorbed report only fills what the survivor left open.
    """

    reports: int = 0
    means: tuple[Means, ...] = ()
    launched_nationwide: ByMeans | None = None
    launched: ByMeans | None = None
    intercepted: ByMeans | None = None
    lost: ByMeans | None = None
    hit: ByMeans | None = None
    attributed_to: str | None = None
    claimed_by: str | None = None
    target_class: TargetClass = "unknown"
    target_object: str | None = None
    damage: tuple[str, ...] = ()
    effects: tuple[str, ...] = ()
    casualties: Casualties = Casualties()
    claims: tuple[Claim, ...] = ()
    told: dict[str, datetime] = {}
    """As of when each field was last told; what an absorbed report fills counts as older than anything."""

    def evolve(self, event: Effective[Any]) -> Self:
        """Take a report, an assessment, a claim or an attribution."""
        match event.data:
            case StrikeFacts() as facts:
                strike = self.but(reports=self.reports + isinstance(facts, StrikeReported))
                return strike._learn(event, facts)
            case AttackClaimed(by=by):
                return self.but(claimed_by=by)
            case AttackAttributed(to=to):
                return self.but(attributed_to=to)
            case _:
                return self

    def _learn(self, event: Effective[Any], facts: StrikeFacts) -> Self:
        stated = facts.as_of or event.envelope.reported_at
        as_of = event.recorded.recorded_at if stated is None else end_of_day_instant(stated, event.tz)
        if event.absorbed:
            as_of = datetime.min.replace(tzinfo=UTC)
        changes: dict[str, Any] = {}
        told = dict(self.told)
        for name in FACTS:
            value = getattr(facts, name)
            if value is not None and (name not in told or as_of >= told[name]):
                changes[name] = tuple(value) if isinstance(value, list) else value
                told[name] = as_of
        strike = self.but(**changes, told=told)
        if facts.casualties is None:
            return strike
        own = strike.claimed_by is not None and strike.claimed_by == strike.attributed_to
        made = claim(event, facts.casualties, facts.as_of, self_serving=own)
        claims = (*strike.claims, made)
        return strike.but(claims=claims, casualties=standing(claims))
