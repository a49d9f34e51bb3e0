"""What was done toward commitments, by those who say that they implement them."""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Final

from incidentlog.events.values import Occurred
from incidentlog.folding.domains import ACTOR, CATEGORY, of_form
from incidentlog.folding.shapes import Contribution, Tally, projection
from incidentlog.folding.subject import Subject
from incidentlog.projections.exchange_tally import returns_of

COMMITMENT: Final = re.compile(r"commitment:[a-z0-9._-]{1,120}", re.ASCII)


@projection("implementations", version=2)
class Implementations(Tally):
    """Subjects that implement a commitment, by commitment, subject and side; of handovers, how many came home.

    What implements two commitments is in both. `steps` are the occasions, `told` those with a figure, which `amount`
    sums.
    """

    dimensions = ("commitment", "stream", "kind", "side", "day", "week", "month", "verification")
    domains = {
        "commitment": of_form(COMMITMENT, "not_a_commitment", "a commitment is commitment:<slug>"),
        "kind": CATEGORY,
        "side": ACTOR,
    }
    measures = ("steps", "told", "amount")
    group_by = ("commitment",)

    def contributions(self, subject: Subject) -> Iterator[Contribution]:
        """Every return of a handover or an exchange; of anything else, that it is there."""
        if not subject.links:
            return
        wanted = {
            link.target for link in subject.links if link.rel == "implements" and COMMITMENT.fullmatch(link.target)
        }
        if not wanted or not subject.is_current or subject.occurred is None or subject.since is None:
            return
        steps: list[tuple[datetime, Occurred, str, str | None, int | None]] = [
            (back.at, back.occurred, back.kind, back.side, back.figures.get(MAIN[back.kind]))
            for back in returns_of(subject)
        ] or [(subject.since, subject.occurred, subject.category, None, None)]
        for commitment in sorted(wanted):
            for at, occurred, kind, side, amount in steps:
                days = subject.buckets(occurred).values
                where = (commitment, subject.stream, kind, side, *days, subject.verification)
                yield Contribution(at, where, (1, int(amount is not None), amount or 0))


MAIN: Final = {"exchange": "released", "detainees": "released", "children": "children", "remains": "remains"}
"""The figure that says how many, by kind."""
