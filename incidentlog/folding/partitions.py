"""Which streams are whose, where several runners share the folding. Pure.

A stream is in a partition by its name. Streams that merges connect are folded together: from the first merge on that
names them they are all in the partition of the one whose name comes first. So who has some partitions needs to know of
every merge, and of no other event of streams that are not in them.

What several streams are shown in, the documents, one runner keeps: who has the partition FIRST. It takes in the streams
of all partitions that documents are made of, and goes last: what it reads of the others' subjects is there by then.
"""

import hashlib
from collections.abc import Iterable
from typing import Final

PARTITIONS: Final = 16
"""So many runners may share the folding. Every build has as many checkpoints, and every runner goes by it."""
FIRST: Final = 0


def partition_of(stream: str, count: int) -> int:
    """In which of so many partitions a stream is by its name: the first octet of the name's SHA-256, modulo `count`."""
    return hashlib.sha256(stream.encode()).digest()[0] % count


class Share:
    """The streams of some partitions, up to a position of the log."""

    def __init__(self, own: Iterable[int], count: int, merges: Iterable[Iterable[str]] = ()) -> None:
        """`own` are partitions of `count`; `merges` are the streams that each merge so far named together."""
        self.own, self.count = frozenset(own), count
        self.whole = len(self.own) == count
        """Whether it is all streams: then nothing has to be known of merges."""
        self.adopted: set[str] = set()
        """Streams that are in it by a merge, and not by their names."""
        self.lent: set[str] = set()
        """Streams that are in it by their names, and by a merge no more."""
        self._families: dict[str, set[str]] = {}
        """The streams that merges connect, by each of them."""
        for streams in merges:
            self.join(streams)

    @property
    def keeps_documents(self) -> bool:
        """Whether the documents are kept by who has this share."""
        return FIRST in self.own

    def has(self, stream: str) -> bool:
        """Whether a stream is in it."""
        return self.whole or self._has_family(self._families.get(stream, {stream}))

    def moved(self, streams: Iterable[str]) -> tuple[set[str], set[str]]:
        """What a merge that names these streams together would bring into it, and out of it."""
        family = self._family(streams)
        had = {stream for stream in family if self.has(stream)}
        return (family - had, set()) if self.whole or self._has_family(family) else (set(), had)

    def join(self, streams: Iterable[str]) -> None:
        """A merge names streams together."""
        if self.whole:
            return
        family = self._family(streams)
        self._families.update(dict.fromkeys(family, family))
        by_name = {stream for stream in family if partition_of(stream, self.count) in self.own}
        ours = self._has_family(family)
        self.adopted = (self.adopted - family) | (family - by_name if ours else set())
        self.lent = (self.lent - family) | (set() if ours else by_name)

    def _family(self, streams: Iterable[str]) -> set[str]:
        return set().union(*(self._families.get(stream, {stream}) for stream in streams))

    def _has_family(self, family: set[str]) -> bool:
        return partition_of(min(family), self.count) in self.own
