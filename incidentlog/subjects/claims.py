"""Casualties as claims: who said how many, as of when, and which figure stands (R5)."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from incidentlog.subjects.envelope import Source
from incidentlog.subjects.recorded import AnyEffective
from incidentlog.subjects.values import Casualties, Estimate, Model, When

BANDS = {"A": 0, "B": 0, "C": 1, "D": 1, "E": 2, "F": 2}
"""Reliability letters in bands; the best band that is not empty decides."""
WINDOW = timedelta(hours=24)
"""How much older than the best claim another origin's may be and still span the range."""


class Claim(Model):
    """What one event says of casualties, and how far it is to be trusted."""

    as_of: datetime
    letter: str
    credibility: int
    position: int
    origin: str
    casualties: Casualties


def claim(event: AnyEffective, casualties: Casualties, as_of: When | None, *, self_serving: bool) -> Claim:
    """The claim an event makes; its grade is its best source's, E for a claimant's own deed (unless corroborated)."""
    best = min(event.envelope.sources, key=_grade, default=None)
    letter, credibility = ("F", 6) if best is None else (best.reliability, best.credibility)
    if self_serving and not (event.corroborated or event.envelope.verification in {"corroborated", "verified"}):
        letter = max(letter, "E")
    return Claim(
        as_of=event.as_of(as_of),
        letter=letter,
        credibility=credibility,
        position=event.position,
        origin=best.first_origin if best else "",
        casualties=casualties,
    )


def _grade(source: Source) -> tuple[str, int]:
    return source.reliability, source.credibility


def standing(claims: Iterable[Claim]) -> Casualties:
    """The figures that stand, each judged by itself: a claim that is silent about one does not speak for it."""
    told: dict[str, list[tuple[Claim, Estimate]]] = {}
    for c in claims:
        for name, figure in c.casualties.figures():
            told.setdefault(name, []).append((c, figure))
    return Casualties(**{name: _stand(figures) for name, figures in told.items()})


def _stand(told: list[tuple[Claim, Estimate]]) -> Estimate:
    if len(told) == 1:  # nearly always
        return _between(told[0][1], told)
    band = min(BANDS[c.letter] for c, _ in told)
    told = [(c, e) for c, e in told if BANDS[c.letter] == band]
    best, figure = max(told, key=lambda ce: _standing_order(ce[0]))
    latest: dict[str, tuple[Claim, Estimate]] = {}
    for c, e in sorted(told, key=lambda ce: (ce[0].as_of, ce[0].position)):
        latest[c.origin] = (c, e)
    latest[best.origin] = (best, figure)
    return _between(figure, [ce for ce in latest.values() if ce[0].as_of >= best.as_of - WINDOW])


def _between(figure: Estimate, told: Iterable[tuple[Claim, Estimate]]) -> Estimate:
    """The figure, with the lowest low and the highest high of those told."""
    spreads = [spread for _, e in told if (spread := e.spread()) is not None]
    return Estimate(
        low=min(s[0] for s in spreads),
        best=figure.point,
        high=max(s[2] for s in spreads),
        qualifier=figure.qualifier,
    )


def _standing_order(c: Claim) -> tuple[datetime, int, int, int]:
    """The latest `as_of`; ties by letter, credibility (1 is best), then position."""
    return c.as_of, -ord(c.letter), -c.credibility, c.position
