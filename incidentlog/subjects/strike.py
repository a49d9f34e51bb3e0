"""Strikes: what was launched, what was hit, who was hurt."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Literal

from pydantic import Field

from incidentlog.events.envelope import Actor, Fault
from incidentlog.events.registry import event
from incidentlog.events.values import Estimate, Text, When, Word, Words
from incidentlog.subjects.attack import Attack, AttackFacts

Means = Literal[
    "drone", "missile", "cruise_missile", "ballistic_missile", "guided_bomb", "artillery", "mlrs", "naval_drone",
    "other",
]  # fmt: skip
TargetClass = Literal["civilian", "military", "energy", "port", "transport", "health", "education", "dual", "unknown"]
MeansList = Annotated[list[Means], Field(max_length=20)]
ByMeans = dict[Means, Estimate]
"""As many keys as there are means."""


class StrikeFacts(AttackFacts):
    """What a report and an assessment may both say. Figures are estimates; null is unknown, never 0."""

    means: MeansList | None = None
    launched_nationwide: ByMeans | None = None
    launched: ByMeans | None = None
    intercepted: ByMeans | None = None
    lost: ByMeans | None = None
    hit: ByMeans | None = None
    target_class: TargetClass | None = None
    target_object: Word | None = None
    damage: Annotated[list[Text], Field(max_length=100)] | None = None
    effects: Words | None = None

    def faults(self, actors: Sequence[Actor] | None) -> Iterator[Fault]:  # noqa: ARG002 - the base's signature
        """No more is downed than was launched, where all three are known."""
        for means, launched in (self.launched or {}).items():
            downed = [(by or {}).get(means) for by in (self.intercepted, self.lost)]
            points = [e.point for e in downed if e is not None and e.point is not None]
            most = launched.high if launched.high is not None else launched.point
            if launched.qualifier in {"about", "at_least", "more_than"} or most is None or len(points) < 2:  # noqa: PLR2004 - all three known
                continue
            if sum(points) > most:
                detail = f"{means}: intercepted + lost is {sum(points)}, launched {most}"
                yield Fault(("launched", means), "more_than_launched", detail)


@event("strike.reported")
class StrikeReported(StrikeFacts):
    """A strike, as a source first told it."""

    means: MeansList
    target_class: TargetClass


@event("strike.assessed")
class StrikeAssessed(StrikeFacts):
    """We learned more about the same strike: any of its fields, as of an instant."""

    as_of: When


class Strike(Attack, category="strike"):
    """What is known of one strike."""

    reported = StrikeReported

    means: tuple[Means, ...] = ()
    launched_nationwide: ByMeans | None = None
    launched: ByMeans | None = None
    intercepted: ByMeans | None = None
    lost: ByMeans | None = None
    hit: ByMeans | None = None
    target_class: TargetClass = "unknown"
    target_object: str | None = None
    damage: tuple[str, ...] = ()
    effects: tuple[str, ...] = ()
