"""A document's rows, followed: bodies in memory, evaluated again when they change and when their clock says so."""

import heapq
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from incidentlog.folding.rows import (
    Beside,
    Group,
    Stored,
    by_document,
    document_grouping,
    document_rows,
)
from incidentlog.folding.shapes import Document, Key, Projection, Row
from incidentlog.live.frames import Cursor
from incidentlog.live.sums import Booked, Sums
from incidentlog.live.views import Delta, Mark, Missed, Plan, differences, limited, put
from incidentlog.store.answer import (
    BuildOf,
    read_beside,
    read_detailed,
    read_details,
    read_documents,
    read_policies,
    touched_documents,
)
from incidentlog.store.builds import Build
from incidentlog.store.connect import Connection
from incidentlog.store.live import ended_documents

Details = dict[str, list[Group]]
"""The lines that a document's rows need, by the value of their first dimension."""


@dataclass(slots=True)
class Moved:
    """What moved between two positions: bodies, those whose details did, whether a policy did; and the last mark."""

    keys: set[str] = field(default_factory=set)
    detailed: set[str] = field(default_factory=set)
    policies: bool = False
    mark: Mark | None = None


@dataclass(slots=True)
class DocumentPlan:
    """What was read for a step: the bodies that changed (a key without one has none any more), and what is beside."""

    keys: set[str]
    stored: dict[str, Stored]
    booked: Booked | None
    details: dict[str, Details]
    """Of every document that the step may change."""
    policies: dict[str, Stored]
    mark: Mark | None


@dataclass(slots=True)
class DocumentView:
    """The rows of all documents of a projection, for one clearance."""

    document: Document[Any]
    builds: Mapping[str, Build]
    """Its own, and those of what is beside it, by projection."""
    clearance: int
    cells: Sums | None
    rows: dict[str, Row] = field(default_factory=dict)
    """Documents and what is about all of them."""
    _own: dict[str, Row] = field(default_factory=dict)
    """The documents alone."""
    _stored: dict[str, Stored] = field(default_factory=dict)
    _details: dict[str, Details] = field(default_factory=dict)
    """By document: as they count at every instant, so that none is to be read when the clock moves."""
    _policies: dict[str, Stored] = field(default_factory=dict)
    _readers: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """The documents that read the cells of a value of the tally's first dimension."""
    _cell_keys: dict[str, set[Key]] = field(default_factory=lambda: defaultdict(set))
    _waking: list[tuple[datetime, str]] = field(default_factory=list)
    """When which row changes next; an entry counts while the row still says so."""

    @classmethod
    def of(cls, document: Document[Any], build_of: BuildOf, clearance: int) -> "DocumentView":
        """A view that has read nothing yet."""
        builds = {p.name: build_of(p) for p in (document, *document.beside())}
        cells = None
        if document.tally is not None:
            build = builds[document.tally.name]
            cells = Sums(document.tally(), build, document_grouping(document), clearance)
        return cls(document, builds, clearance, cells)

    async def load(self, connection: Connection, upto: int, at: datetime) -> None:
        """All documents as of a cursor."""
        stored = await self._bodies(connection, upto, None)
        limited(len(stored))
        moved = Moved(set(stored), policies=True)
        self.apply(await self._plan(connection, Cursor(0, at), upto, moved, stored), at)
        put(self.rows, self.document.summary(self._own))  # there is one of no documents, too

    async def read(self, connection: Connection, after: int, upto: int, at: datetime) -> DocumentPlan:
        """The documents that changed in between, and what was booked in their tallies."""
        moved = await self._moved(connection, after, upto)
        stored = await self._bodies(connection, upto, moved.keys) if moved.keys else {}
        limited(len(self._stored.keys() | stored.keys()))
        return await self._plan(connection, Cursor(after, at), upto, moved, stored)

    async def _bodies(self, connection: Connection, upto: int, keys: Collection[str] | None) -> dict[str, Stored]:
        build = self.builds[self.document.name]
        found = await read_documents(connection, self.document, build, clearance=self.clearance, upto=upto, keys=keys)
        return {s.key: s for s in found}

    async def _plan(
        self, connection: Connection, after: Cursor, upto: int, moved: Moved, stored: dict[str, Stored]
    ) -> DocumentPlan:
        """Read what is beside the bodies that changed, and beside those that what was booked changes."""
        booked = None if self.cells is None else await self.cells.read(connection, after.position, upto, after.at)
        policies = self._policies
        if moved.policies:
            policies = await read_policies(
                connection, self.document, self._build_of, clearance=self.clearance, upto=upto
            )
        bodies = {**{k: s for k, s in self._stored.items() if k not in moved.keys}, **stored}
        changed = bodies.keys() if moved.policies else moved.keys | moved.detailed
        if booked is not None:
            coming = [] if self.cells is None else self.cells.grouped(booked.coming)
            changed = changed | self._reading(bodies, {g.key[0] for g in (*booked.groups, *coming)})
        docs = [bodies[key] for key in sorted(changed) if key in bodies]
        details = await self._read_details(connection, docs, booked, policies, after.at, upto)
        return DocumentPlan(moved.keys, stored, booked, details, policies, _later(moved.mark, booked))

    async def _read_details(
        self,
        connection: Connection,
        docs: Sequence[Stored],
        booked: Booked | None,
        policies: Mapping[str, Stored],
        at: datetime,
        upto: int,
    ) -> dict[str, Details]:
        """The details that documents need from an instant on, once what was booked is taken in."""
        if self.document.details is None or self.cells is None or booked is None:
            return {}
        firsts = {f for doc in docs for f in self.document.tally_keys(doc.key, doc.body)}
        keys = [key for first in firsts for key in self._cell_keys.get(first, ())]
        # With what counts only later, whose details are needed when the clock moves; and as it counts now.
        foreseen = [Beside(by_document(groups), policies=policies) for groups in self.cells.foreseen(keys, booked)]
        wanted = {
            doc.key: {key for beside in foreseen for key in beside.ask(self.document, doc, at).details} for doc in docs
        }
        found = await read_details(
            connection, self.document.details, self._build_of(self.document.details()),
            set().union(*wanted.values()), clearance=self.clearance, upto=upto,
        )  # fmt: skip
        return {doc: {key: found[key] for key in keys if key in found} for doc, keys in wanted.items()}

    def _build_of(self, projection: Projection) -> Build:
        return self.builds[projection.name]

    def apply(self, plan: Plan, at: datetime) -> Delta:
        """Take them over, and evaluate them and those whose cells have changed."""
        assert isinstance(plan, DocumentPlan)  # noqa: S101 - made by `read`
        for key in plan.keys:
            self._store(key, plan.stored.get(key))
        changed = {*plan.keys, *plan.details}
        if plan.policies != self._policies:
            self._policies = plan.policies
            changed |= self._stored.keys()
        self._details.update(plan.details)
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
        moved = await self._moved(connection, since.position, now.position)
        touched, booked = moved.keys | moved.detailed, None
        if moved.policies:
            touched |= bodies.keys()
        if self.cells is not None:
            booked = await self.cells.read(connection, since.position, now.position, now.at)
            touched |= self._reading(bodies, {g.key[0] for g in booked.groups})
        # What the reader should have at its own position: where nothing has changed since, that is what is here.
        then = {key: row for key, row in own.items() if key not in touched}
        if touched:
            before = await self._bodies(connection, since.position, touched)
            bodies = {k: s for k, s in bodies.items() if k not in touched} | before
            then |= await self._evaluate(connection, before.values(), Cursor(since.position, now.at))
        by_clock: Delta = {}
        if now.at > since.at:
            earlier = await self._evaluate(connection, bodies.values(), since)
            by_clock = differences(self._whole(earlier), self._whole(then))
        return Missed(by_clock, differences(self._whole(then), rows), _later(moved.mark, booked))

    async def _moved(self, connection: Connection, after: int, upto: int) -> Moved:
        """What changed between two positions; a version that ends may have none that follows it."""
        if after >= upto:
            return Moved()
        keys, mark = await self._touched(connection, self.builds[self.document.name], after, upto)
        detailed: set[str] = set()
        policies = False
        if self.document.details is not None:
            build = self._build_of(self.document.details())
            lines = await read_detailed(
                connection, self.document.details, build, clearance=self.clearance, after=after, upto=upto
            )
            detailed = {reader for _, cell, _, _ in lines for reader in self._readers.get(cell, ())}
            marks = [Mark(position, restated) for _, _, position, restated in lines]
            mark = max([*marks, *([mark] if mark else [])], default=None)
        if self.document.thresholds is not None:
            thresholds = self._build_of(self.document.thresholds())
            changed, changed_at = await self._touched(connection, thresholds, after, upto)
            policies = not changed.isdisjoint(self.document.policies)
            if policies:
                mark = max(m for m in (mark, changed_at) if m is not None)
        return Moved(keys, detailed, policies, mark)

    async def _touched(
        self, connection: Connection, build: Build, after: int, upto: int
    ) -> tuple[set[str], Mark | None]:
        changed = await touched_documents(connection, build, clearance=self.clearance, after=after, upto=upto)
        ended = await ended_documents(connection, build, clearance=self.clearance, after=after, upto=upto)
        marks = [Mark(*m) for m in changed.values()] or [Mark(p, restated=True) for p in ended.values()]
        return {*changed, *ended}, max(marks, default=None)

    async def _evaluate(self, connection: Connection, stored: Iterable[Stored], when: Cursor) -> dict[str, Row]:
        """Rows of some documents at another cursor than this view's."""
        stored = list(stored)
        beside = await read_beside(
            connection, self.document, self._build_of, stored,
            clearance=self.clearance, at=when.at, upto=when.position,
        )  # fmt: skip
        rows = document_rows(self.document, stored, beside, when.at)
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
        found = document_rows(self.document, stored, self._beside(stored), at)
        for key in keys:
            if key not in self._stored:
                self._own.pop(key, None)
                self._details.pop(key, None)
                continue
            self._own[key] = found[key]
            upcoming = found[key]["next_transition_at"]
            if upcoming is not None and upcoming > at:  # one that is past already would wake for ever
                heapq.heappush(self._waking, (upcoming, key))
        summary = self.document.summary(self._own)
        stale = self.rows.keys() - self._own.keys() - summary.keys()
        changed = {key: self._own.get(key) for key in keys if key not in summary}
        return put(self.rows, {**changed, **dict.fromkeys(stale), **summary})

    def _beside(self, stored: Iterable[Stored]) -> Beside:
        cells: dict[str, list[Group]] = {}
        details: Details = {}
        for s in stored:
            cells |= {c: self._groups(c) for c in self.document.tally_keys(s.key, s.body)}
            details |= self._details.get(s.key, {})
        return Beside(cells, details, self._policies)

    def _groups(self, cell: str) -> list[Group]:
        assert self.cells is not None or cell not in self._cell_keys  # noqa: S101 - noted by _count
        if self.cells is None:
            return []
        return [g for g in self.cells.groups(self._cell_keys.get(cell, ())) if any(g.sums)]


def _later(mark: Mark | None, booked: Booked | None) -> Mark | None:
    marks = [Mark(g.position, g.restated) for g in booked.groups] if booked is not None else []
    return max([*marks, *([mark] if mark is not None else [])], default=None)
