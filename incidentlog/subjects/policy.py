"""Thresholds that projections use: in the log, so that a replay is exact.

A threshold says how we read what happened, and not what happened: it holds by knowledge, as known at the position that
is read at, for every instant `at`. A policy's `occurred` only orders its changes; the latest one counts.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Final, Self

from pydantic import Field

from incidentlog.events.envelope import Actor, EventData, Fault
from incidentlog.events.recorded import Effective
from incidentlog.events.registry import event
from incidentlog.events.values import Model, Number, Slug, Text
from incidentlog.folding.subject import Subject

Values = Annotated[dict[Slug, Number], Field(min_length=1, max_length=100)]

DEFAULTS: Final[Mapping[str, Mapping[str, int | float]]] = {
    "compliance": {
        "window_hours": 72,
        "strained_corroborated": 1,
        "breaking_down_count": 3,
        "breaking_down_days": 2,
        "suspected_after_hours": 48,
    },
    "commitments": {"at_risk_days": 7},
    "silence": {"ceasefire_days": 365, "agreement_days": 1_825},
}
"""What holds of each policy until an event changes it (docs/ceasefires.md)."""
MOST: Final = 100_000
"""The most that a threshold may be: so many hours are eleven years."""


@event("policy.changed", sourced=False)
class PolicyChanged(EventData):
    """Some thresholds of a policy change; those that are not named stay."""

    policy: Slug
    values: Values
    reason: Text | None = None

    def faults(self, actors: Sequence[Actor] | None) -> Iterator[Fault]:  # noqa: ARG002 - the base's signature
        """A policy that we know has only the thresholds that we know, and none below 0 or over MOST."""
        known = DEFAULTS.get(self.policy)
        for name, value in self.values.items():
            if known is not None and name not in known:
                yield Fault(("values", name), "unknown_threshold", f"{self.policy} has no threshold {name}")
            elif known is not None and value < 0:
                yield Fault(("values", name), "below_zero", f"{value} is below 0")
            elif known is not None and value > MOST:
                yield Fault(("values", name), "too_large", f"{value} is over {MOST}")


class Threshold(Model):
    """What a threshold was set to, and by which change: the one of two streams' that counts is the later."""

    value: int | float
    since: datetime
    position: int

    @property
    def order(self) -> tuple[datetime, int]:
        """By start, then by position, as events are."""
        return self.since, self.position


class Policy(Subject, category="policy"):
    """One policy's thresholds, those that were never changed at their defaults."""

    listed = True

    selective = True

    policy: str | None = None
    values: dict[str, int | float] = Field(default_factory=dict)
    changed: dict[str, Threshold] = Field(default_factory=dict)
    """Those of them that a change named."""

    def evolve(self, event: Effective[Any]) -> Self:
        """Take a change."""
        match event.data:
            case PolicyChanged(policy=policy) if self.policy not in {None, policy}:
                return self.ignore(event, f"this stream is of policy {self.policy}")
            case PolicyChanged(policy=policy, values=values):
                before = self.values or DEFAULTS.get(policy, {})
                said = {n: Threshold(value=v, since=event.since, position=event.position) for n, v in values.items()}
                return self.but(policy=policy, values={**before, **values}, changed={**self.changed, **said})
            case _:
                return self
