"""A document's rows, followed: bodies in memory, evaluated again when they change and when their clock says so."""

import heapq
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from incidentlog.live.frames import Cursor
from incidentlog.live.sums import Booked, Sums
from incidentlog.live.views import Delta, Mark, Missed, Plan, limited, put
from incidentlog.projections.rows import Group, Grouping, Stored, document_rows
from incidentlog.projections.shapes import Document, Key, Row
from incidentlog.store.answer import read_cells, read_documents, touched_documents
from incidentlog.store.builds import Build
from incidentlog.store.connect import Connection
from incidentlog.store.live import ended_documents


@dataclass(slots=True)
class DocumentPlan:
    """The documents that changed, as they are now; a key without one has none any more. And their tally's bookings."""

    keys: set[str]
    stored: dict[str, Stored]
    booked: Booked | None
    mark: Mark | None


@dataclass(slots=True)
class DocumentView:
    """The rows of all documents of a projection, for one clearance."""

    document: Document[Any]
    build: Build
    clearance: int
    cells: Sums | None
    rows: dict[str, Row] = field(default_factory=dict)
    """Documents and what is about all of them."""
    _own: dict[str, Row] = field(default_factory=dict)
    """The documents alone."""
    _stored: dict[str, Stored] = field(default_factory=dict)
    _readers: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """The documents that read the cells of a value of the tally's first dimension."""
    _cell_keys: dict[str, set[Key]] = field(default_factory=lambda: defaultdict(set))
    _waking: list[tuple[datetime, str]] = field(default_factory=list)
    """When which row changes next; an entry counts while the row still says so."""

    @classmethod
    def of(cls, document: Document[Any], build: Build, tally_build: Build | None, clearance: int) -> "DocumentView":
        """A view that has read nothing yet; `tally_build` is that of the document's tally."""
        cells = None
        if document.tally is not None and tally_build is not None:
            tally = document.tally()
            cells = Sums(tally, tally_build, Grouping((tally.dimensions[0], *document.tally_by)), clearance)
        return cls(document, build, clearance, cells)

    async def load(self, connection: Connection, upto: int, at: datetime) -> None:
        """All documents as of a cursor."""
        stored = await read_documents(connection, self.document, self.build, clearance=self.clearance, upto=upto)
        limited(len(stored))
        booked = None if self.cells is None else await self.cells.read(connection, 0, upto, at)
        found = {s.key: s for s in stored}
        self.apply(DocumentPlan(set(found), found, booked, None), at)

    async def read(self, connection: Connection, after: int, upto: int, at: datetime) -> DocumentPlan:
        """The documents that changed in between, and what was booked in their tally."""
        keys, mark = await self._touched(connection, after, upto)
        stored: dict[str, Stored] = {}
        if keys:
            found = await read_documents(
                connection, self.document, self.build, clearance=self.clearance, upto=upto, keys=keys
            )
            stored = {s.key: s for s in found}
            limited(len(self._stored.keys() | stored.keys()))
        booked = None if self.cells is None else await self.cells.read(connection, after, upto, at)
        return DocumentPlan(keys, stored, booked, _later(mark, booked))

    def apply(self, plan: Plan, at: datetime) -> Delta:
        """Take them over, and evaluate them and those whose cells have changed."""
        assert isinstance(plan, DocumentPlan)  # noqa: S101 - made by `read`
        for key in plan.keys:
            self._store(key, plan.stored.get(key))
        changed = set(plan.keys)
        if self.cells is not None and plan.booked is not None:
            changed |= self._count(self.cells.add(plan.booked))
        return self._put(changed | self._due(at), at)

    def tick(self, at: datetime) -> Delta:
        """Evaluate the documents that the clock changes by now."""
        return self._put(self._due(at), at)

    @property
    def next_transition(self) -> datetime | None:
        """When the clock changes a row next."""
        while self._waking and not self._counts(*self._waking[0]):
            heapq.heappop(self._waking)
        instants = [self._waking[0][0]] if self._waking else []
        if self.cells is not None and self.cells.next_due is not None:
            instants.append(self.cells.next_due)
        return min(instants, default=None)

    async def missed(self, connection: Connection, since: Cursor, now: Cursor) -> Missed:
        """By the clock, the rows that differ at the reader's own position; by the log, those that changed since."""
        rows, own, bodies = dict(self.rows), dict(self._own), dict(self._stored)
        touched, mark = await self._touched(connection, since.position, now.position)
        booked = None
        if self.cells is not None:
            booked = await self.cells.read(connection, since.position, now.position, now.at)
            touched |= self._reading(bodies, {g.key[0] for g in booked.groups})
        mark = _later(mark, booked)
        # What the reader should have at its own position: where nothing has changed since, that is what is here.
        then = {key: row for key, row in own.items() if key not in touched}
        if touched:
            before = await read_documents(
                connection, self.document, self.build, clearance=self.clearance, upto=since.position, keys=touched
            )
            bodies = {k: s for k, s in bodies.items() if k not in touched} | {s.key: s for s in before}
            then |= await self._evaluate(connection, before, Cursor(since.position, now.at))
        by_clock: Delta = {}
        if now.at > since.at:
            moved = await self._moved(connection, bodies.values(), since, now.at)
            earlier = then | await self._evaluate(connection, moved, since)
            by_clock = _differences(self._whole(earlier), self._whole(then))
        return Missed(by_clock, _differences(self._whole(then), rows), mark)

    async def _touched(self, connection: Connection, after: int, upto: int) -> tuple[set[str], Mark | None]:
        """The keys whose bodies changed between two positions; a version that ends may have none that follows it."""
        if after >= upto:
            return set(), None
        changed = await touched_documents(connection, self.build, clearance=self.clearance, after=after, upto=upto)
        ended = await ended_documents(connection, self.build, clearance=self.clearance, after=after, upto=upto)
        mark = max((Mark(*m) for m in changed.values()), default=None)
        return {*changed, *ended}, mark if changed or not ended else Mark(upto, restated=True)

    async def _moved(
        self, connection: Connection, stored: Iterable[Stored], since: Cursor, until: datetime
    ) -> list[Stored]:
        """The documents whose rows the clock has changed since a cursor."""
        stored = list(stored)
        counted: set[str | None] = set()
        if self.cells is not None:
            come = await self.cells.later(connection, after=0, upto=since.position, than=since.at, until=until)
            counted = {g.key[0] for g in self.cells.grouped(come)}
        found = []
        for s in stored:
            upcoming = self.document.next_transition(s.body, since.at)
            if (upcoming is not None and upcoming <= until) or not counted.isdisjoint(
                self.document.tally_keys(s.key, s.body)
            ):
                found.append(s)
        return found

    async def _evaluate(self, connection: Connection, stored: Iterable[Stored], when: Cursor) -> dict[str, Row]:
        """Rows of some documents at another cursor than this view's."""
        stored = list(stored)
        cells: Mapping[str, list[Group]] = {}
        if self.cells is not None and stored:
            cells = await read_cells(
                connection, self.document, self.cells.build, clearance=self.clearance,
                at=when.at, upto=when.position,
                keys=[k for s in stored for k in self.document.tally_keys(s.key, s.body)],
            )  # fmt: skip
        rows = document_rows(self.document, stored, cells, when.at)
        return {s.key: rows[s.key] for s in stored}

    def _whole(self, own: Mapping[str, Row]) -> dict[str, Row]:
        return {**own, **self.document.summary(own)}

    def _store(self, key: str, stored: Stored | None) -> None:
        old = self._stored.pop(key, None)
        if old is not None:
            for cell in self.document.tally_keys(key, old.body):
                self._readers[cell].discard(key)
        if stored is not None:
            self._stored[key] = stored
            for cell in self.document.tally_keys(key, stored.body):
                self._readers[cell].add(key)

    def _count(self, keys: Collection[Key]) -> set[str]:
        """Note the groups of cells, and answer the documents that read them."""
        for key in keys:
            if key[0] is not None:
                self._cell_keys[key[0]].add(key)
        return {reader for key in keys if key[0] is not None for reader in self._readers.get(key[0], ())}

    def _reading(self, bodies: Mapping[str, Stored], cells: Collection[str | None]) -> set[str]:
        return {k for k, s in bodies.items() if not set(cells).isdisjoint(self.document.tally_keys(k, s.body))}

    def _due(self, at: datetime) -> set[str]:
        due = self._count(self.cells.due(at)) if self.cells is not None else set()
        while self._waking and self._waking[0][0] <= at:
            instant, key = heapq.heappop(self._waking)
            if self._counts(instant, key):
                due.add(key)
        return due

    def _counts(self, instant: datetime, key: str) -> bool:
        return key in self._own and self._own[key]["next_transition_at"] == instant

    def _put(self, keys: Collection[str], at: datetime) -> Delta:
        if not keys:
            return {}
        stored = [s for key in keys if (s := self._stored.get(key)) is not None]
        cells = {c: self._groups(c) for s in stored for c in self.document.tally_keys(s.key, s.body)}
        found = document_rows(self.document, stored, cells, at)
        for key in keys:
            if key not in self._stored:
                self._own.pop(key, None)
                continue
            self._own[key] = found[key]
            upcoming = found[key]["next_transition_at"]
            if upcoming is not None and upcoming > at:  # one that is past already would wake for ever
                heapq.heappush(self._waking, (upcoming, key))
        summary = self.document.summary(self._own)
        stale = self.rows.keys() - self._own.keys() - summary.keys()
        changed = {key: self._own.get(key) for key in keys if key not in summary}
        return put(self.rows, {**changed, **dict.fromkeys(stale), **summary})

    def _groups(self, cell: str) -> list[Group]:
        assert self.cells is not None or cell not in self._cell_keys  # noqa: S101 - noted by _count
        if self.cells is None:
            return []
        return [g for g in self.cells.groups(self._cell_keys.get(cell, ())) if any(g.sums)]


def _later(mark: Mark | None, booked: Booked | None) -> Mark | None:
    marks = [Mark(g.position, g.restated) for g in booked.groups] if booked is not None else []
    return max([*marks, *([mark] if mark is not None else [])], default=None)


def _differences(before: Mapping[str, Row], after: Mapping[str, Row]) -> Delta:
    found: Delta = {key: row for key, row in after.items() if row != before.get(key)}
    return found | dict.fromkeys(before.keys() - after.keys())
