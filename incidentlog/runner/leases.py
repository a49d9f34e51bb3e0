"""How runners share the partitions of the streams: each leases as many as its share is, and renews them."""

import time
from collections.abc import Collection
from typing import Final
from uuid import UUID, uuid4

from incidentlog.folding.partitions import FIRST, PARTITIONS
from incidentlog.store.builds import lease, leased, release
from incidentlog.store.connect import Connection

RENEW_SECONDS: Final = 0.5
LEFT_SECONDS: Final = 3.0
"""After how long somebody takes what nobody else does, such as one of another version that counts shares otherwise."""
FIRST_WEIGHT: Final = 4
"""As much work as so many others is the first partition: with it come documents, segments to merge, and snapshots."""


class Leases:
    """The partitions that are this runner's, of one kind of work.

    Each runner leases a name of its own too: so all know who they are. Who has more than its share gives some up,
    and who has less takes what is free. That nothing counts twice is not for the leases to see to, but for the
    checkpoints: between two that believe to have a partition one batch fails.
    """

    def __init__(self, work: str, node: UUID | None = None) -> None:
        """`work` is what the leases are called by, such as `live`; `node` who takes them, for one that comes again."""
        self.own = frozenset[int]()
        self._node = node or uuid4()
        self._work = work
        self._renewed = 0.0
        self._among: tuple[UUID, frozenset[UUID]] | None = None
        """Who had the first partition, and who all the runners were, when it looked last."""
        self._beyond = 0
        """How many partitions more than its share it takes, as nobody else does."""
        self._left_since: float | None = None
        """Since when there are some that nobody takes."""

    async def renew(self, connection: Connection) -> bool:
        """Take, keep or give up partitions, where it is time; whether they are other ones than before."""
        now = time.monotonic()
        if now - self._renewed < RENEW_SECONDS:
            return False
        before, runners = self.own, await leased(connection, f"{self._work} runner ")
        leases = await leased(connection, f"{self._work} partition ")
        theirs = {work for work, node in leases.items() if node != self._node}
        free = {n for n in range(PARTITIONS) if self._partition(n) not in theirs}
        first = self._node if FIRST in free else leases[self._partition(FIRST)]
        nodes = frozenset((*runners.values(), self._node))
        if self._among != (first, nodes):
            self._among, self._beyond, self._left_since = (first, nodes), 0, None
        wished = _wished(before, free, share_of(self._node, first, nodes) + self._beyond)
        self._see_what_is_left(len(free) - len(wished), now)
        if given_up := [self._partition(n) for n in before - set(wished)]:
            await release(connection, given_up, self._node)
        had = await lease(connection, [self._name, *map(self._partition, wished)], self._node)
        self.own = frozenset(n for n in wished if self._partition(n) in had)
        self._renewed = now
        return self.own != before

    def _see_what_is_left(self, number: int, now: float) -> None:
        if number == 0:
            self._left_since = None
        elif self._left_since is None:
            self._left_since = now
        elif now - self._left_since >= LEFT_SECONDS:
            self._beyond, self._left_since = self._beyond + number, None

    async def leave(self, connection: Connection) -> None:
        """Leave everything to the others."""
        await release(connection, [self._name, *map(self._partition, self.own)], self._node)
        self.own, self._renewed = frozenset(), 0.0

    @property
    def _name(self) -> str:
        return f"{self._work} runner {self._node}"

    def _partition(self, number: int) -> str:
        return f"{self._work} partition {number}"


def share_of(node: UUID, first: UUID, nodes: Collection[UUID]) -> int:
    """How many partitions one of some runners is to have, at least one, where `first` has the first of them.

    That one has as many beside it as make its work that of the others, who share the rest: so that all have together
    what there is, and none has two more than another.
    """
    others = sorted({*nodes} - {first})
    if not others:
        return PARTITIONS
    beside = max(0, round((PARTITIONS - 1 + FIRST_WEIGHT) / (len(others) + 1)) - FIRST_WEIGHT)
    if node == first:
        return 1 + beside
    least, more = divmod(PARTITIONS - 1 - beside, len(others))
    return max(1, least + (others.index(node) < more))


def _wished(before: frozenset[int], free: set[int], share: int) -> list[int]:
    """What a runner is to have of the partitions that are free, or its own before.

    The first, where nobody has it: everybody waits for that. Then what it had.
    """
    return sorted(free | before, key=lambda n: (n != FIRST, n not in before, n))[:share]
