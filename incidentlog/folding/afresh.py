"""Projections folded in memory from a list of events: the basis `reported`, and what tests compare with (P4)."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from incidentlog.events.recorded import Recorded
from incidentlog.folding.change import Change, Families
from incidentlog.folding.fold import RED
from incidentlog.folding.periods import lies_in
from incidentlog.folding.rolling import rolled_bookings
from incidentlog.folding.rows import (
    ALWAYS,
    Beside,
    Group,
    Grouping,
    Names,
    Stored,
    by_document,
    detail_grouping,
    document_grouping,
    document_rows,
    tally_rows,
)
from incidentlog.folding.shapes import Booking, Document, DocumentVersion, Key, Row, Tally, Totals
from incidentlog.folding.steps import DocumentStep, TallyStep, concerning, fold_visible, visible


class Afresh:
    """What a list of events adds up to, by the step that live running uses, with nothing stored."""

    def __init__(self, events: Sequence[Recorded], zone: str) -> None:
        """Fold the events, which are in position order; `zone` is the log's."""
        self.changes: list[Change] = list(Families({}).changes(events, zone))

    def rows(
        self,
        projection: Tally | Document[Any],
        at: datetime,
        grouping: Grouping | None = None,
        level: int = RED,
    ) -> dict[str, Row]:
        """The projection's rows at an instant, for a reader cleared for `level`."""
        if isinstance(projection, Tally):
            grouping = grouping or Grouping(projection.group_by)
            groups = self.groups(projection, at, grouping, level)
            return tally_rows(projection, grouping.by, groups, self.names(projection, level))
        stored = self._documents(projection, level)
        return document_rows(projection, stored, self._beside(projection, stored, at, level), at)

    def names(self, tally: Tally, level: int = RED) -> Names:
        """What the tally's values are called: the first name that each was given, as the store keeps it."""
        found: dict[tuple[str, str], str] = {}
        for n in self._tally(tally).names:
            if n.level <= level:
                found.setdefault((n.dimension, n.value), n.called)
        return found

    def groups(self, tally: Tally, at: datetime, grouping: Grouping, level: int = RED) -> list[Group]:
        """The groups of a tally at an instant, of which its rows are made."""
        return group_bookings(tally, self._tally(tally).bookings, at, grouping, level)

    def _tally(self, tally: Tally) -> TallyStep:
        step = TallyStep(tally)
        for change in concerning(tally, self.changes):
            step.apply(change)
        return step

    def _beside(self, document: Document[Any], stored: Sequence[Stored], at: datetime, level: int) -> Beside:
        """What is known beside some documents."""
        policies = [] if document.thresholds is None else self._documents(document.thresholds(), level)
        beside = Beside(policies={p.key: p for p in policies if p.key in document.policies})
        if document.tally is not None:
            cells = self.groups(document.tally(), at, document_grouping(document), level)
            beside = replace(beside, cells=by_document(cells))
        if document.details is not None:
            keys = {key for doc in stored for key in beside.ask(document, doc, at).details}
            details = self.groups(document.details(), ALWAYS, detail_grouping(document.details, keys), level)
            beside = replace(beside, details=by_document(details))
        return beside

    def _documents(self, document: Document[Any], level: int) -> list[Stored]:
        step = DocumentStep(document)
        for change in concerning(document, self.changes):
            step.apply(change)
        seen: dict[str, dict[int, DocumentVersion]] = {}
        for version in step.versions:
            if version.level <= level:
                own = seen.setdefault(version.key, {})
                own.pop(version.level, None) if version.gone else own.update({version.level: version})
        top = [own[max(own)] for own in seen.values() if own]
        latest = {change.stream: change.after for change in self.changes}
        stored = list[Stored]()
        for v in top:
            body = v.body
            if v.on_read:  # at its marking nothing has changed since
                members = {stream: latest[stream] for stream in step.members[v.key].shapes}
                body = fold_visible(document, v.key, visible(members, v.level))
            if body is not None:
                stored.append(Stored(v.key, body, v.position, v.restated, v.left_out))
        return stored


def group_bookings(
    tally: Tally, bookings: Iterable[Booking], at: datetime, grouping: Grouping, level: int
) -> list[Group]:
    """Sum lines by group: what is read of a ledger, with none stored. `bookings` are as they are booked."""
    return sum_bookings(tally, rolled_bookings(tally, bookings), at, grouping, level)


def sum_bookings(
    tally: Tally, bookings: Iterable[Booking], at: datetime, grouping: Grouping, level: int
) -> list[Group]:
    """The same of lines as they are read."""
    where = [(tally.dimensions.index(d), set(values)) for d, values in grouping.where.items()]
    by = [tally.dimensions.index(d) for d in grouping.by]
    calendar = grouping.calendar(tally.dimensions)
    totals: dict[Key, Totals] = {}
    for b in bookings:
        if b.level > level or b.at > at or any(b.dimensions[n] not in kept for n, kept in where):
            continue
        if calendar and not lies_in(grouping.since, grouping.until, [b.dimensions[n] for n in calendar]):
            continue
        key = tuple(b.dimensions[n] for n in by)
        totals.setdefault(key, Totals()).add(b.amounts, b.position, restated=b.restated)
    return [Group(key, t.amounts, t.position, t.restated) for key, t in totals.items()]
