"""Casualties as claims: who said how many, as of when, and which figure stands (R5)."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock
from typing import Final

from incidentlog.events.envelope import Source
from incidentlog.events.recorded import AnyEffective
from incidentlog.events.values import Casualties, Estimate, Model, When

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
    return Claim.of(
        {
            "as_of": event.as_of(as_of),
            "letter": letter,
            "credibility": credibility,
            "position": event.position,
            "origin": best.first_origin if best else "",
            "casualties": casualties,
        }
    )


def _grade(source: Source) -> tuple[str, int]:
    return source.reliability, source.credibility


def standing(claims: tuple[Claim, ...]) -> Casualties:
    """The figures that stand, each judged by itself: a claim that is silent about one does not speak for it."""
    with _one:
        judged = _judged.pop(id(claims[0]), None) if claims else None
    if judged is None or claims[: len(judged.claims)] != judged.claims:
        judged = _Judged()
    for c in claims[len(judged.claims) :]:
        for name, figure in c.casualties.figures():
            judged.figures.setdefault(name, _Figure()).hear(c, figure)
    judged.claims = claims
    if claims:
        with _one:
            _judged[id(claims[0])] = judged
            while len(_judged) > REMEMBERED:
                del _judged[next(iter(_judged))]
    return Casualties.of({**UNTOLD, **{name: figure.stand() for name, figure in judged.figures.items()}})


UNTOLD: Final[dict[str, Estimate | None]] = dict.fromkeys(Casualties.model_fields)


@dataclass(slots=True)
class _Figure:
    """What was told of one figure, as far as it counts: the best band's, of each origin the latest."""

    told: dict[str, tuple[Claim, Estimate]] = field(default_factory=dict)
    best: tuple[Claim, Estimate] | None = None

    def hear(self, c: Claim, figure: Estimate) -> None:
        if self.best is not None and (band := BANDS[c.letter]) != BANDS[self.best[0].letter]:
            if band > BANDS[self.best[0].letter]:
                return
            self.told.clear()
            self.best = None
        if self.best is None or _standing_order(c) > _standing_order(self.best[0]):
            self.best = c, figure
        last = self.told.get(c.origin)
        if last is None or (c.as_of, c.position) >= (last[0].as_of, last[0].position):
            self.told[c.origin] = c, figure

    def stand(self) -> Estimate:
        assert self.best is not None  # noqa: S101 - it is made when a claim is heard
        best, figure = self.best
        latest = {**self.told, best.origin: self.best}
        return _between(figure, [ce for ce in latest.values() if ce[0].as_of >= best.as_of - WINDOW])


@dataclass(slots=True)
class _Judged:
    """The claims of a subject that were judged last: most often another one follows, and the others are the same."""

    claims: tuple[Claim, ...] = ()
    figures: dict[str, _Figure] = field(default_factory=dict)


REMEMBERED: Final = 64
_judged: Final[dict[int, _Judged]] = {}
"""By the first claim, which is held by what was judged: no other has its identity."""
_one: Final = Lock()
"""Answers are folded in threads beside each other; what is taken out is the taker's alone."""


def _between(figure: Estimate, told: Iterable[tuple[Claim, Estimate]]) -> Estimate:
    """The figure, with the lowest low and the highest high of those told."""
    spreads = [spread for _, e in told if (spread := e.spread()) is not None]
    low, high = min([s[0] for s in spreads]), max([s[2] for s in spreads])
    return Estimate.of({"low": low, "best": figure.point, "high": high, "qualifier": figure.qualifier})


def _standing_order(c: Claim) -> tuple[datetime, int, int, int]:
    """The latest `as_of`; ties by letter, credibility (1 is best), then position."""
    return c.as_of, -ord(c.letter), -c.credibility, c.position
