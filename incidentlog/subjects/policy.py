"""Thresholds that projections use: in the log, so that a replay is exact."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Final, Self

from pydantic import Field

from incidentlog.subjects.envelope import Actor, EventData, Fault
from incidentlog.subjects.recorded import Effective
from incidentlog.subjects.registry import event
from incidentlog.subjects.subject import Subject
from incidentlog.subjects.values import Number, Slug, Text

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
}
"""What holds of each policy until an event changes it (DOMAIN §6)."""


@event("policy.changed", sourced=False)
class PolicyChanged(EventData):
    """Some thresholds of a policy change; those that are not named stay."""

    policy: Slug
    values: Values
    reason: Text | None = None

    def faults(self, actors: Sequence[Actor] | None) -> Iterator[Fault]:  # noqa: ARG002 - the base's signature
        """A policy that we know has only the thresholds that we know, and none below 0."""
        known = DEFAULTS.get(self.policy)
        for name, value in self.values.items():
            if known is not None and name not in known:
                yield Fault(("values", name), "unknown_threshold", f"{self.policy} has no threshold {name}")
            elif known is not None and value < 0:
                yield Fault(("values", name), "below_zero", f"{value} is below 0")


class Policy(Subject, category="policy"):
    """One policy's thresholds, those that were never changed at their defaults."""

    policy: str | None = None
    values: dict[str, int | float] = Field(default_factory=dict)

    def evolve(self, event: Effective[Any]) -> Self:
        """Take a change."""
        match event.data:
            case PolicyChanged(policy=policy) if self.policy not in {None, policy}:
                return self.ignore(event, f"this stream is of policy {self.policy}")
            case PolicyChanged(policy=policy, values=values):
                before = self.values or DEFAULTS.get(policy, {})
                return self.but(policy=policy, values={**before, **values})
            case _:
                return self
