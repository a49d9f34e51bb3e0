"""A projection's rows from changes that come bit by bit: for a log that is too large to be held. Pure."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from incidentlog.folding.afresh import Afresh, group_bookings
from incidentlog.folding.change import Change, seen_at
from incidentlog.folding.fold import RED
from incidentlog.folding.rows import Group, Grouping, tally_rows
from incidentlog.folding.shapes import Document, Key, Row, Tally, Totals
from incidentlog.folding.steps import DocumentStep, book


class SummingTally:
    """Sums a tally by some groupings; what is held grows with the rows, not with the log."""

    def __init__(self, tally: Tally, groupings: Sequence[Grouping], at: datetime) -> None:
        """`at` is the instant of the world; whoever sees the changes sees all of them."""
        self._tally, self._at = tally, at
        self._totals: list[tuple[Grouping, dict[Key, Totals]]] = [(grouping, {}) for grouping in groupings]
        self._names: dict[tuple[str, str], str] = {}

    def take(self, changes: Iterable[Change]) -> None:
        """Take in changes, in the order of their positions."""
        for change in changes:
            for level in change.levels:
                subject = seen_at(change.after, level)
                for named, called in () if subject is None else self._tally.names(subject).items():
                    self._names.setdefault(named, called)
            booked = list(book(self._tally, change))
            for grouping, totals in self._totals:
                for group in group_bookings(self._tally, booked, self._at, grouping, RED):
                    totals.setdefault(group.key, Totals()).add(group.sums, group.position, restated=group.restated)

    async def groups(self, grouping: Grouping) -> list[Group]:
        """The groups of one of the groupings."""
        totals = next(own for asked, own in self._totals if asked == grouping)
        return [Group(key, t.amounts, t.position, t.restated) for key, t in totals.items()]

    async def named(self, grouping: Grouping, groups: Sequence[Group]) -> dict[str, Row]:
        """Groups as rows."""
        return tally_rows(self._tally, grouping.by, groups, self._names)


class SummingDocument:
    """Folds a document; what is held grows with what it is about, and with what its tally counts."""

    def __init__(self, document: Document[Any], at: datetime) -> None:
        """`at` is the instant of the world; whoever sees the changes sees all of them."""
        self._document, self._at = document, at
        self._afresh = Afresh([], "UTC")
        self._step = DocumentStep(document)
        self._tallies = [read for read in document.beside() if isinstance(read, Tally)]

    def take(self, changes: Iterable[Change]) -> None:
        """Take in changes, in the order of their positions; those that do not concern it are let go."""
        self._afresh.changes += [change for change in changes if self._concerns(change)]

    def _concerns(self, change: Change) -> bool:
        if change.stream.startswith("policy:") or self._step.keys(change.before) or self._step.keys(change.after):
            return True
        return any(True for tally in self._tallies for _ in book(tally, change))

    async def rows(self) -> dict[str, Row]:
        """Its rows."""
        return self._afresh.rows(self._document, self._at)
