"""Versions of subjects of few events, which are not stored: they are folded from their events when they are read.

A version hangs on nothing but the events of its family up to where it begins, as they are marked there (P3). So it is
the same whenever it is read, until a body is erased: what the build was begun without knowing of is not answered, but
is to be waited for, since with what is built anew the generation rises (docs/erasure-and-replay.md).
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from incidentlog.errors import ProjectionLagging
from incidentlog.events.recorded import Recorded
from incidentlog.folding.fold import Grown, Variants, families_of, fold_family, grow
from incidentlog.folding.subject import Absorbed, Subject
from incidentlog.sqlfiles import query
from incidentlog.store.connect import Connection, Pool
from incidentlog.store.read import recorded


@dataclass(slots=True)
class History:
    """The events of a stream and of those that merges connect it with, in position order, up to a position."""

    stream: str
    zone: str
    events: list[Recorded] = field(default_factory=list)
    erased: set[int] = field(default_factory=set)
    """The positions of those whose bodies were erased since the build was begun that asks."""
    _taken: int = 0
    _grown: Grown | None = None
    """What so many of them add up to, where each could be taken into what was there."""

    @property
    def weight(self) -> int:
        """About how many bytes they take in memory."""
        return sum(e.weight for e in self.events)

    def state_at(self, position: int, level: int, *, forgiving: bool = False) -> Subject | Absorbed:
        """The version that begins at a position, for a marking: what the events up to there add up to.

        Raises ProjectionLagging where one of them was erased since, unless that is forgiven.
        """
        number = bisect_right(self.events, position, key=lambda e: e.position)
        known = self.events[:number]
        assert known and known[-1].position == position, (self.stream, position)  # noqa: S101, PT018 - by its event
        if not forgiving and not self.erased.isdisjoint(e.position for e in known):
            raise ProjectionLagging(f"a part of {self.stream} was erased: what it adds up to is being built anew")
        variants = self._variants(known)
        return variants[max(own for own in variants if own <= level)]  # an erased merge may have left fewer

    def _variants(self, known: Sequence[Recorded]) -> Variants:
        grown = self._grow(len(known))
        if grown is not None:
            return {grown.level: grown.subject.complete()}
        family = next(own for own in families_of(known) if any(e.stream == self.stream for e in own))
        return fold_family(family, self.zone)[self.stream]

    def _grow(self, number: int) -> Grown | None:
        """The stream with so many of the events, one taken in after the other; None where that takes a fold."""
        if number < self._taken:
            self._taken, self._grown = 0, None
        while self._taken < number and (self._grown is not None or self._taken == 0):
            e = self.events[self._taken]
            self._grown = grow(self._grown, e, self.zone) if e.stream == self.stream else None
            self._taken += 1
        return self._grown if self._taken == number else None


async def read_histories(
    pool: Pool | Connection, build: int, upto: Mapping[str, int], below: int
) -> dict[str, History]:
    """What versions of a build are made of, by stream, given where the last of each stream's begins.

    Each is made of fewer than `below` events: of no stream more are looked at.
    """
    if not upto:
        return {}
    rows = await pool.fetch(query("from_events", "families"), list(upto), list(upto.values()), below, build)
    events = {e.position: e for e in await recorded(pool, {r["position"]: tuple(r)[3:] for r in rows}.values())}
    histories: dict[str, History] = {}
    for r in rows:
        history = histories.setdefault(r["asked"], History(r["asked"], r["zone"]))
        history.events.append(events[r["position"]])
        if r["erased"]:
            history.erased.add(r["position"])
    return histories
