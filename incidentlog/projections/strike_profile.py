"""What was launched, and how much of it was intercepted or lost, by means and day."""

from collections.abc import Iterator, Mapping
from typing import Final

from incidentlog.events.values import Estimate
from incidentlog.folding.domains import ACTOR, literal
from incidentlog.folding.once import ONCE, count_of, lines_of
from incidentlog.folding.shapes import Contribution, Row, Tally, projection
from incidentlog.folding.subject import Subject
from incidentlog.folding.whereabouts import WHERE, place_names, whereabouts
from incidentlog.subjects.strike import Means, Strike, TargetClass

FIGURES: Final = ("launched", "intercepted", "lost")
ENDS: Final = ("low", "best", "high")


@projection("strike_profile", version=5)
class StrikeProfile(Tally):
    """Launched, intercepted and lost by means and day; null is unknown, and the share is of strikes that tell both.

    What was launched nationwide is kept apart: two strikes of one night may both state it, as many as
    `nationwide_strikes` says, and it would then be summed twice.
    """

    categories = frozenset({"strike"})
    dimensions = ("day", "week", "month", "means", "side", "target_class", *WHERE, "verification", "conflict")
    domains = {"means": literal(Means), "side": ACTOR, "target_class": literal(TargetClass)}
    measures = (
        *ONCE,
        *(f"{figure}_{end}" for figure in FIGURES for end in (*ENDS, "told")),
        "nationwide",
        "nationwide_told",
        "share_launched",
        "share_intercepted",
    )
    group_by = ("day", "means")
    rollups = (
        ("day", "week", "month", "means"),
        ("means", "side", "target_class", "country", "verification"),
        ("month", "means", "admin1", "country"),
        ("month", "means", "side", "target_class", "country", "verification", "conflict"),
    )

    def contributions(self, subject: Subject) -> Iterator[Contribution]:
        """A line for each means that was used or counted."""
        if not isinstance(subject, Strike) or not subject.is_current or subject.since is None:
            return
        where = whereabouts(subject.place)
        used = sorted({*subject.means, *(m for name in TOLD for m in getattr(subject, name) or {})})
        for means, counted in zip(used or [None], lines_of(subject.stream, used or ["unknown"]), strict=True):
            what = (means, subject.attributed_to, subject.target_class)
            yield Contribution(
                subject.since,
                (*subject.days, *what, *where, subject.verification, subject.conflict),
                self.amounts({**counted, **_figures(subject, means)}),
            )

    def row(self, key: Mapping[str, str | None], sums: Mapping[str, int]) -> Row:  # noqa: ARG002 - the key is shown anyway
        """The number of strikes, and each figure as an estimate."""
        launched = sums["share_launched"]
        return {
            "strikes": count_of(sums),
            **{f: {end: sums[f"{f}_{end}"] if sums[f"{f}_told"] else None for end in ENDS} for f in FIGURES},
            "intercepted_share": round(sums["share_intercepted"] / launched, 4) if launched else None,
            "launched_nationwide": sums["nationwide"] if sums["nationwide_told"] else None,
            "nationwide_strikes": sums["nationwide_told"],
        }

    def names(self, subject: Subject) -> Mapping[tuple[str, str], str]:
        """What places and regions are called."""
        return place_names(subject.place) if isinstance(subject, Strike) else {}


TOLD: Final = (*FIGURES, "launched_nationwide")


def _figures(strike: Strike, means: str | None) -> dict[str, int]:
    told: dict[str, Estimate | None] = {name: (getattr(strike, name) or {}).get(means) for name in TOLD}
    measures: dict[str, int] = {}
    for figure in FIGURES:
        estimate = told[figure]
        spread = None if estimate is None else estimate.spread()
        if spread is not None:
            measures |= {f"{figure}_{end}": n for end, n in zip(ENDS, spread, strict=True)}
            measures[f"{figure}_told"] = 1
    if "launched_told" in measures and "intercepted_told" in measures:
        measures |= {"share_launched": measures["launched_best"], "share_intercepted": measures["intercepted_best"]}
    nationwide = told["launched_nationwide"]
    if nationwide is not None and nationwide.point is not None:
        measures |= {"nationwide": nationwide.point, "nationwide_told": 1}
    return measures
