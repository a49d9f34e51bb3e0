"""How often commitments are kept, by who took them on, for whom, and by what they are part of."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from incidentlog.folding.domains import ACTOR, STREAM, literal
from incidentlog.folding.shapes import Contribution, Row, Tally, projection
from incidentlog.folding.subject import Subject
from incidentlog.projections.commitments import dues_by, dues_of, is_overdue, state_at
from incidentlog.subjects.commitment import CLOSED, Commitment, Kind


class Standing(NamedTuple):
    """What one commitment counts as at an instant, in the order of the measures."""

    made: int = 0
    fulfilled: int = 0
    breached: int = 0
    withdrawn: int = 0
    overdue: int = 0


@projection("follow_through", version=1)
class FollowThrough(Tally):
    """How often commitments are followed through: of those that were decided or are overdue, the share that was kept.

    `made` are all that were made by then, `open` those of them that were neither kept, broken nor withdrawn. The rate
    is fulfilled / (fulfilled + breached + overdue), and null of none. A day is that of a commitment's first event.
    """

    categories = frozenset({"commitment"})
    dimensions = ("obligor", "beneficiary", "kind", "agreement", "stream", "day", "week", "month", "verification")
    domains = {"obligor": ACTOR, "beneficiary": ACTOR, "kind": literal(Kind), "agreement": STREAM}
    measures = Standing._fields
    group_by = ("obligor",)
    rollups = (("obligor", "beneficiary", "kind", "verification"), ("month", "obligor"))

    def contributions(self, subject: Subject) -> Iterator[Contribution]:
        """From each instant at which it counts as something else on, by what that differs from what it counted as."""
        if not isinstance(subject, Commitment) or not subject.is_current or subject.made is None:
            return
        where = (
            subject.obligor, subject.beneficiary, subject.kind, subject.source_agreement,
            subject.stream, *subject.days, subject.verification,
        )  # fmt: skip
        moved, dues = dues_of(subject)
        instants = {i for i in (subject.made, subject.closed, *moved, *dues) if i is not None and i >= subject.made}
        before = Standing()
        for at in sorted(instants):
            state = state_at(subject, at)
            overdue = is_overdue(state, dues_by(moved, dues, at)[-1], at)
            now = Standing(made=1, overdue=int(overdue), **({state: 1} if state in CLOSED else {}))
            if now != before:
                yield Contribution(at, where, tuple([n - b for n, b in zip(now, before, strict=True)]))
            before = now

    def row(self, key: Mapping[str, str | None], sums: Mapping[str, int]) -> Row:  # noqa: ARG002 - the key is shown anyway
        """How many there are of each, what the rate is a share of, and the rate."""
        decided = sums["fulfilled"] + sums["breached"] + sums["overdue"]
        return {
            "made": sums["made"],
            "open": sums["made"] - sum(sums[state] for state in CLOSED),
            **{name: sums[name] for name in self.measures[1:]},
            "denominator": decided,
            "rate": round(sums["fulfilled"] / decided, 4) if decided else None,
        }

    def names(self, subject: Subject) -> Mapping[tuple[str, str], str]:
        """A commitment is called by its text."""
        if isinstance(subject, Commitment) and subject.text is not None:
            return {("stream", subject.stream): subject.text}
        return {}
