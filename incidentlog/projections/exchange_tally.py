"""Who came home: prisoners, civilians, children and the fallen, by the side whose people they are."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from incidentlog.events.values import Occurred
from incidentlog.folding.domains import ACTOR, ACTORS, Domain, one_of
from incidentlog.folding.local_days import counts_from
from incidentlog.folding.once import ONCE, count_of, is_whole, lines_of
from incidentlog.folding.shapes import Contribution, Key, Row, Tally, projection
from incidentlog.folding.subject import Subject
from incidentlog.subjects.exchange import Exchange, Release
from incidentlog.subjects.repatriation import Counts, Repatriation

FIGURES: Final = ("released", "civilians", "children", "wounded", "remains")
BY_KIND: Final = {"detainees": "released", "children": "children", "remains": "remains"}
"""The figure that a handover by itself, or beside an exchange, counts in."""


@dataclass(frozen=True, slots=True)
class Return:
    """Some people of one side, on one occasion; a figure that is null is withheld, and one that is absent not told."""

    kind: str
    """exchange, detainees, children, remains."""
    side: str
    at: datetime
    occurred: Occurred
    figures: Mapping[str, int | None]
    withheld: int = 0
    """Of how many handovers in it the figure is withheld."""


def returns_of(subject: Subject) -> Iterator[Return]:
    """Every return that the subject tells of. Those of an exchange count on the days of its stages."""
    match subject:
        case Exchange(is_current=True, occurred=Occurred() as occurred):
            for when, released in occasions(subject):
                for side, release in released.items():
                    yield Return("exchange", side, counts_from(subject, when), when, _figures(release))
            for kind in BY_KIND:
                yield from _handed(subject, kind, getattr(subject, kind), occurred)
        case Repatriation(is_current=True, occurred=Occurred() as occurred):
            yield from _handed(subject, subject.category, subject.counts, occurred)


def occasions(exchange: Exchange) -> Sequence[tuple[Occurred, Mapping[str, Release]]]:
    """The stages that count, or else the completion; those of an absorbed record only where there is nothing else."""
    stages = [s for s in exchange.stages if not s.absorbed]
    if not stages and not exchange.completion:
        stages = list(exchange.stages)
    if not stages and exchange.completed is not None:
        return [(exchange.completed, exchange.completion)]
    return [(s.occurred, s.released) for s in stages]


def _figures(release: Release) -> dict[str, int | None]:
    parts = {name: getattr(release, name) for name in ("civilians", "children", "wounded")}
    return {"released": release.total, **{name: n for name, n in parts.items() if n is not None}}


def _handed(subject: Subject, kind: str, counts: Counts, occurred: Occurred) -> Iterator[Return]:
    for side, counted in sorted(counts.items()):
        yield Return(
            kind, side, counts_from(subject, occurred), occurred, {BY_KIND[kind]: counted.total}, counted.withheld
        )


def formula_text(formula: str) -> str:
    """A formula as a dimension holds it: without the sign that parts the values in a row's key."""
    return formula.replace("|", "/")


@projection("exchange_tally", version=2)
class ExchangeTally(Tally):
    """Released, civilians, children, wounded and remains, by the side whose people came home.

    A figure is null where nobody told it: that is not 0. `withheld` are the exchanges that kept a figure back, and
    `transfers` the handovers outside of exchanges, one for each side that received. `mediator` is all who mediated,
    joined by `+`, so that sums stay whole. A formula's progress is in the bucket of its agreement.
    """

    categories = frozenset({"exchange", "detainees", "children", "remains"})
    dimensions = ("side", "mediator", "kind", "stream", "formula", "day", "week", "month", "verification")
    domains = {
        "side": ACTOR,
        "mediator": ACTORS,
        "kind": one_of(lambda: ("exchange", *BY_KIND)),
        "formula": Domain(formula_text),
    }
    measures = (
        *ONCE,
        "withheld",
        "subjects_withheld",
        *(f"{figure}{suffix}" for figure in FIGURES for suffix in ("", "_told")),
        "transfers",
        "transfers_withheld",
        "target",
        "toward",
    )
    group_by = ("side",)
    rollups = (("side", "mediator", "kind", "verification"), ("month", "side", "kind"))

    def contributions(self, subject: Subject) -> Iterator[Contribution]:
        """What came home on each occasion, the exchange itself, and how far its formula has come."""
        for back in returns_of(subject):
            told = {name: n for name, n in back.figures.items() if n is not None}
            measures = {**told, **{f"{name}_told": 1 for name in told}}
            if back.kind != "exchange":
                measures |= {"transfers": 1, "transfers_withheld": int(back.withheld > 0)}
            if measures:
                where = _where(subject, back.side, back.kind, back.occurred)
                yield Contribution(back.at, where, self.amounts(measures))
        if isinstance(subject, Exchange) and subject.is_current:
            for at, where, counted in (*_counted(subject), *_progress(subject)):
                yield Contribution(at, where, self.amounts(counted))

    def row(self, key: Mapping[str, str | None], sums: Mapping[str, int]) -> Row:  # noqa: ARG002 - the key is shown anyway
        """The figures, how many exchanges they are of, and how many have none."""
        withheld = sums["subjects_withheld"] if is_whole(sums) else sums["withheld"]
        target, toward = sums["target"], sums["toward"]
        return {
            **{figure: sums[figure] if sums[f"{figure}_told"] else None for figure in FIGURES},
            "exchanges": count_of(sums),
            "withheld": withheld,
            "note": f"+ {withheld} exchange{'s' * (withheld != 1)} without figures" if withheld else None,
            "transfers": sums["transfers"],
            "transfers_withheld": sums["transfers_withheld"],
            "progress": {"target": target, "released": toward, "share": round(toward / target, 4)} if target else None,
        }

    def names(self, subject: Subject) -> Mapping[tuple[str, str], str]:
        """An exchange is called by its formula."""
        if isinstance(subject, Exchange) and subject.formula is not None:
            return {("stream", subject.stream): subject.formula}
        return {}


Line = tuple[datetime, Key, Mapping[str, int]]


def _counted(exchange: Exchange) -> Iterator[Line]:
    """The exchange, once for each side, from its first stage on; an agreement alone is none yet.

    Of one that tells only its totals, which are a check and never added, the figures are withheld.
    """
    told = occasions(exchange)
    if not told:
        return
    first = min((when for when, _ in told), key=lambda when: when.since)
    sides = sorted({side for _, released in told for side in released} or exchange.check)
    silent = [
        all(side not in r for _, r in told) or any(side in r and r[side].total is None for _, r in told)
        for side in sides
    ]
    for n, measures in enumerate(lines_of(exchange.stream, sides)):
        held_back = {"withheld": int(silent[n]), "subjects_withheld": int(n == 0 and any(silent))}
        at, where = counts_from(exchange, first), _where(exchange, sides[n], "exchange", first)
        yield at, where, {**measures, **held_back}


def _progress(exchange: Exchange) -> Iterator[Line]:
    """The target, and what was released toward it, both in the bucket of the agreement."""
    agreed = exchange.occurred
    if agreed is None:
        return
    for side, target in sorted(exchange.target.items()):
        if target is None:
            continue
        where = _where(exchange, side, "exchange", agreed)
        yield counts_from(exchange, agreed), where, {"target": target}
        for when, released in occasions(exchange):
            total = released[side].total if side in released else None
            if total:
                yield counts_from(exchange, when), where, {"toward": total}


def _where(subject: Subject, side: str, kind: str, occurred: Occurred) -> Key:
    mediators = {a.code for a in subject.actors if a.role == "mediator"}
    formula = None
    if isinstance(subject, Exchange):
        mediators |= set(subject.mediators)
        formula = subject.formula and formula_text(subject.formula)
    mediator, days = "+".join(sorted(mediators)) or None, subject.buckets(occurred).values
    return side, mediator, kind, subject.stream, formula, *days, subject.verification
