"""The thresholds in force, by policy: what projections read, and what a reader can see that they read."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from incidentlog.events.values import Model
from incidentlog.folding.shapes import Known, Row, Thresholds, projection
from incidentlog.folding.shapes import Policies as InForce
from incidentlog.folding.subject import Subject
from incidentlog.subjects.policy import DEFAULTS, Policy, Threshold


class PolicyBody(Model):
    """The thresholds of a policy that were changed, each as the latest change has it."""

    policy: str
    changed: dict[str, Threshold]


@projection("policies", version=3)
class Policies(Thresholds[PolicyBody]):
    """Every policy's thresholds, with the change that set each; those that none did are at their defaults.

    They hold by knowledge: for every instant, as known at the position that is read at.
    """

    categories = frozenset({"policy"})
    body = PolicyBody

    def keys(self, subject: Subject) -> Iterator[str]:
        """Several streams may be of one policy."""
        if isinstance(subject, Policy) and subject.policy is not None:
            yield subject.policy

    def fold(self, key: str, subjects: Sequence[Subject]) -> PolicyBody | None:
        """Of every threshold the latest change, by (occurred.start, position), in whichever stream it stands."""
        said = [item for s in subjects if isinstance(s, Policy) for item in s.changed.items()]
        return PolicyBody(policy=key, changed=dict(sorted(said, key=lambda item: item[1].order)))

    def row(self, body: PolicyBody, at: datetime, known: Known) -> Row:  # noqa: ARG002 - they hold at every instant
        """The values in force, and what set those that were changed."""
        set_by = {name: {"since": t.since, "position": t.position} for name, t in sorted(body.changed.items())}
        return {"values": dict(_values(body.policy, body)), "changed": set_by}

    def summary(self, rows: Mapping[str, Row]) -> Mapping[str, Row]:
        """The policies that nothing changed."""
        untouched: Row = {"changed": {}, "next_transition_at": None, "position": 0, "restated": False}
        return {name: {"values": dict(values), **untouched} for name, values in DEFAULTS.items() if name not in rows}

    def sums_up(self, key: str) -> bool:
        """Each policy that something may have changed, or nothing."""
        return key in DEFAULTS

    def in_force(self, changed: Mapping[str, PolicyBody]) -> InForce:
        """Every threshold, given the policies that were changed."""
        return {name: _values(name, changed.get(name)) for name in {*DEFAULTS, *changed}}


def _values(policy: str, body: PolicyBody | None) -> Mapping[str, int | float]:
    changed = {} if body is None else body.changed
    return {**DEFAULTS.get(policy, {}), **{name: t.value for name, t in sorted(changed.items())}}
