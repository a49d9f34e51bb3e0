"""A tally's rows, followed: running sums, to which what was booked since is added."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from incidentlog.folding.rows import Group, Grouping, row_key, tally_rows
from incidentlog.folding.shapes import Key, Row, Tally
from incidentlog.live.frames import Cursor
from incidentlog.live.sums import Booked, Sums
from incidentlog.live.views import Delta, Mark, Missed, Plan, limited, put
from incidentlog.store.answer import read_groups
from incidentlog.store.builds import Build
from incidentlog.store.connect import Connection
from incidentlog.store.live import names_of


@dataclass(slots=True)
class TallyPlan:
    """What was booked, and what its values are called."""

    booked: Booked
    names: dict[tuple[str, str], str]

    @property
    def mark(self) -> Mark | None:
        """The last booking that counts already."""
        return max((Mark(g.position, g.restated) for g in self.booked.groups), default=None)


@dataclass(slots=True)
class TallyView:
    """The rows of a tally for one grouping and clearance."""

    sums: Sums
    rows: dict[str, Row] = field(default_factory=dict)
    _names: dict[tuple[str, str], str] = field(default_factory=dict)

    @classmethod
    def of(cls, tally: Tally, build: Build, grouping: Grouping, clearance: int) -> "TallyView":
        """A view that has read nothing yet."""
        return cls(Sums(tally, build, grouping, clearance))

    @property
    def clearance(self) -> int:
        """Up to which marking its readers see."""
        return self.sums.clearance

    async def load(self, connection: Connection, upto: int, at: datetime) -> None:
        """All groups as of a cursor."""
        self.apply(await self.read(connection, 0, upto, at), at)

    async def read(self, connection: Connection, after: int, upto: int, at: datetime) -> TallyPlan:
        """What was booked in between."""
        booked = await self.sums.read(connection, after, upto, at)
        limited(len(self.sums.totals) + sum(g.key not in self.sums.totals for g in booked.groups))
        later = self.sums.grouped(booked.coming)
        return TallyPlan(booked, await self._names_of(connection, [g.key for g in (*booked.groups, *later)], upto))

    def apply(self, plan: Plan, at: datetime) -> Delta:
        """Add it to the sums."""
        assert isinstance(plan, TallyPlan)  # noqa: S101 - made by `read`
        self._names.update(plan.names)
        return self._put(self.sums.add(plan.booked) | self.sums.due(at))

    def tick(self, at: datetime) -> Delta:
        """Add what counts by now."""
        return self._put(self.sums.due(at))

    @property
    def next_transition(self) -> datetime | None:
        """When a booking counts that does not yet."""
        return self.sums.next_due

    async def missed(self, connection: Connection, since: Cursor, now: Cursor) -> Missed:
        """By the clock, what has come to count; by the log, what was booked since."""
        rows, names = dict(self.rows), dict(self._names)
        booked = await self._groups(connection, after=since.position, upto=now.position, at=now.at)
        matured: set[Key] = set()
        if now.at > since.at:
            come = await self.sums.later(connection, after=0, upto=since.position, than=since.at, until=now.at)
            matured = {g.key for g in self.sums.grouped(come)}
        by_clock: Delta = {}
        if matured:
            then = await self._groups(connection, after=0, upto=since.position, at=now.at)
            found = self._rows([g for g in then if g.key in matured], names)
            by_clock = {row_key(key): found.get(row_key(key)) for key in matured}
        by_log: Delta = {}
        for group in booked:
            key = row_key(group.key)
            # Without a row now its sums are nothing: it had one before if what was booked since is something.
            if key in rows or any(group.sums):
                by_log[key] = rows.get(key)
        return Missed(by_clock, by_log, max((Mark(g.position, g.restated) for g in booked), default=None))

    async def _groups(self, connection: Connection, *, after: int, upto: int, at: datetime) -> list[Group]:
        sums = self.sums
        return await read_groups(
            connection, sums.tally, sums.build, sums.grouping,
            clearance=sums.clearance, at=at, after=after, upto=upto,
        )  # fmt: skip

    async def _names_of(self, connection: Connection, keys: Iterable[Key], upto: int) -> dict[tuple[str, str], str]:
        by = self.sums.grouping.by
        unknown = {
            (d, v) for key in keys for d, v in zip(by, key, strict=True) if v is not None and (d, v) not in self._names
        }
        if not unknown:
            return {}
        dimensions, values = {d for d, _ in unknown}, {v for _, v in unknown}
        return dict(
            await names_of(connection, self.sums.build, dimensions, values, clearance=self.sums.clearance, upto=upto)
        )

    def _put(self, keys: set[Key]) -> Delta:
        found = self._rows(self.sums.groups(keys), self._names)
        return put(self.rows, {row_key(key): found.get(row_key(key)) for key in keys})

    def _rows(self, groups: Iterable[Group], names: dict[tuple[str, str], str]) -> dict[str, Row]:
        return tally_rows(self.sums.tally, self.sums.grouping.by, groups, names)
