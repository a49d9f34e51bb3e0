"""Totals as sources state them: cumulative tolls of areas, and counts of a kind by area and period."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from incidentlog.events.envelope import ResolvedPlace
from incidentlog.events.values import Casualties, Estimate, Model, Verification
from incidentlog.folding.local_days import next_change
from incidentlog.folding.shapes import Document, Known, Row, projection
from incidentlog.folding.subject import Subject
from incidentlog.folding.whereabouts import WHERE, place_names, whereabouts
from incidentlog.subjects.aggregate import Aggregate
from incidentlog.subjects.toll import Stated, Toll

ONE: Final = "count"
"""What an aggregate's own figure is called."""


class TotalBody(Model):
    """What one stream states."""

    kind: str
    place: ResolvedPlace | None
    conflict: str | None
    verification: Verification
    since: datetime | None
    until: datetime | None
    totals: dict[str, tuple[Stated, ...]]


@projection("stated_totals", version=1)
class StatedTotals(Document[TotalBody]):
    """Tolls of areas by a day, and counts by area and period, as their sources state them: never summed with others.

    Areas and periods overlap, and incidents are among what they count: a sum of rows, or with incidents, means nothing.
    """

    categories = frozenset({"toll", "aggregate"})
    body = TotalBody

    def keys(self, subject: Subject) -> Iterator[str]:
        """Each by its stream."""
        if isinstance(subject, Toll | Aggregate):
            yield subject.stream

    def fold(self, key: str, subjects: Sequence[Subject]) -> TotalBody | None:  # noqa: ARG002 - it is the stream
        """What is stated; nothing where all of it was retracted."""
        match subjects[0]:
            case Toll(is_current=True) as toll:
                return _body(toll, "toll", toll.counts_since, None, toll.totals)
            case Aggregate(is_current=True, kind=str() as kind, as_of=datetime() as as_of) as one:
                told = {ONE: one.count, **_figures(one.casualties)}
                position = max((e.position for e in one.entries if e.status != "retracted"), default=0)
                totals = {
                    name: (Stated(as_of=as_of, figure=figure, position=position),)
                    for name, figure in told.items()
                    if figure is not None
                }
                return _body(one, kind, one.begins, one.ends, totals)
            case _:
                return None

    def row(self, body: TotalBody, at: datetime, known: Known) -> Row:  # noqa: ARG002 - it has no tally
        """The last figures by then, each with its day; `fell` are those that are lower than the ones before them."""
        by_then = {name: [s for s in stated if s.as_of <= at] for name, stated in body.totals.items()}
        told = {name: stated for name, stated in sorted(by_then.items()) if stated}
        where = dict(zip(WHERE, whereabouts(body.place), strict=True))
        return {
            "kind": body.kind,
            "name": None if body.place is None else body.place.name,
            **where,
            "admin1_name": place_names(body.place).get(("admin1", where["admin1"] or "")),
            "conflict": body.conflict,
            "verification": body.verification,
            "since": body.since,
            "until": body.until,
            "as_of": max((stated[-1].as_of for stated in told.values()), default=None),
            "figures": {name: _shown(stated[-1]) for name, stated in told.items()},
            "fell": [name for name, stated in told.items() if _fell(stated)],
        }

    def next_transition(self, body: TotalBody, at: datetime, known: Known) -> datetime | None:
        """When a figure that is known already comes to count."""
        days = (s.as_of for stated in body.totals.values() for s in stated)
        return next_change(days, at, lambda instant: self.row(body, instant, known))


def _body(
    subject: Subject, kind: str, since: datetime | None, until: datetime | None, totals: Mapping[str, Sequence[Stated]]
) -> TotalBody:
    return TotalBody(
        kind=kind,
        place=subject.place,
        conflict=subject.conflict,
        verification=subject.verification,
        since=since,
        until=until,
        totals={name: tuple(stated) for name, stated in totals.items()},
    )


def _figures(casualties: Casualties) -> dict[str, Estimate | None]:
    return {name: getattr(casualties, name) for name in type(casualties).model_fields}


def _shown(stated: Stated) -> dict[str, Any]:
    figure = stated.figure.model_dump(mode="json")
    return {**figure, "as_of": stated.as_of}


def _fell(stated: Sequence[Stated]) -> bool:
    last, before = stated[-1].figure.point, stated[-2].figure.point if len(stated) > 1 else None
    return last is not None and before is not None and last < before
