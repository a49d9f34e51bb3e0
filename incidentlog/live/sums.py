"""The running sums of a ledger as of a cursor, and the bookings that count only later."""

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from incidentlog.errors import TooLarge
from incidentlog.folding.afresh import sum_bookings
from incidentlog.folding.rows import Group, Grouping
from incidentlog.folding.shapes import Booking, Key, Tally, Totals
from incidentlog.store.answer import read_groups
from incidentlog.store.builds import Build
from incidentlog.store.connect import Connection
from incidentlog.store.live import read_booked, read_coming

COMING: Final = 50_000
"""The most bookings that wait for their instant."""
KEPT: Final = 200_000
"""The most groups whose sums are kept."""


@dataclass(slots=True)
class Booked:
    """What was booked between two positions: what counts already, by group, and what counts only later."""

    groups: Sequence[Group]
    coming: Sequence[Booking]


@dataclass(slots=True)
class Sums:
    """Totals by group for one clearance; a group that has come to nothing is kept, with its last booking's mark."""

    tally: Tally
    build: Build
    grouping: Grouping
    clearance: int
    totals: dict[Key, Totals] = field(default_factory=dict)
    _coming: list[tuple[datetime, int, Booking]] = field(default_factory=list)
    _count: int = 0

    async def read(self, connection: Connection, after: int, upto: int, at: datetime) -> Booked:
        """What was booked between two positions (exclusive, inclusive), as it counts at an instant."""
        if after:
            groups, coming = await read_booked(
                connection, self.build, self.grouping,
                clearance=self.clearance, after=after, upto=upto, at=at, limit=COMING + 1,
            )  # fmt: skip
        else:  # all there is: of what counts already, from a snapshot on
            groups = await read_groups(
                connection, self.tally, self.build, self.grouping,
                clearance=self.clearance, at=at, upto=upto, most=KEPT,
            )  # fmt: skip
            coming = await self.later(connection, after=after, upto=upto, than=at)
        if len(self.totals) + len(groups) > KEPT:
            raise TooLarge(f"over {KEPT} groups")
        return Booked(groups, _few(coming))

    async def later(
        self, connection: Connection, *, after: int, upto: int, than: datetime, until: datetime | None = None
    ) -> list[Booking]:
        """Bookings between two positions that count only later than an instant. Raises TooLarge past COMING."""
        found = await read_coming(
            connection, self.build,
            clearance=self.clearance, after=after, upto=upto, later_than=than, until=until, limit=COMING + 1,
        )  # fmt: skip
        return _few(found)

    def add(self, booked: Booked) -> set[Key]:
        """Take in what was booked; answers the groups that it changes."""
        for booking in booked.coming:
            self._count += 1  # two of one instant are not to be compared any further
            heapq.heappush(self._coming, (booking.at, self._count, booking))
        return self._take(booked.groups)

    def due(self, at: datetime) -> set[Key]:
        """Take in what counts by now; answers the groups that it changes."""
        due = []
        while self._coming and self._coming[0][0] <= at:
            due.append(heapq.heappop(self._coming)[2])
        return self._take(self.grouped(due)) if due else set()

    def foreseen(self, keys: Iterable[Key], booked: Booked) -> tuple[list[Group], list[Group]]:
        """Some groups once `booked` is added, and all groups that it names: as they count now, and with all to come."""
        now = Sums(self.tally, self.build, self.grouping, self.clearance)
        now._take(self.groups(keys))
        now._take(booked.groups)
        here = now.groups(list(now.totals))
        now._take(self.grouped([*(b for _, _, b in self._coming), *booked.coming]))
        return here, now.groups(list(now.totals))

    def grouped(self, bookings: Iterable[Booking]) -> list[Group]:
        """Bookings as groups, narrowed as the sums are."""
        return sum_bookings(self.tally, bookings, datetime.max.replace(tzinfo=UTC), self.grouping, self.clearance)

    def groups(self, keys: Iterable[Key]) -> list[Group]:
        """The groups of some keys, where there are such."""
        return [Group(k, t.amounts, t.position, t.restated) for k in keys if (t := self.totals.get(k)) is not None]

    @property
    def next_due(self) -> datetime | None:
        """When something counts that does not yet."""
        return self._coming[0][0] if self._coming else None

    def _take(self, groups: Iterable[Group]) -> set[Key]:
        changed = set()
        for group in groups:
            self.totals.setdefault(group.key, Totals()).add(group.sums, group.position, restated=group.restated)
            changed.add(group.key)
        return changed


def _few(coming: list[Booking]) -> list[Booking]:
    """Refuse too many bookings that count only later."""
    if len(coming) > COMING:
        raise TooLarge(f"over {COMING} bookings count only later")
    return coming
