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
"""So many runners may share the folding; a build keeps the number that it was made with."""
FIRST: Final = 0


def partition_of(stream: str, count: int) -> int:
    """In which of so many partitions a stream is by its name: the first octet of the name's SHA-256, modulo `count`."""
    return hashlib.sha256(stream.encode()).digest()[0] % count


class Share:
    """The streams of some partitions, up to a position of the log."""

    def __init__(self, own: Iterable[int], count: int, links: Iterable[tuple[str, str]] = ()) -> None:
        """`own` are partitions of `count`; `links` are streams that merges up to the position named together."""
        self.own, self.count = frozenset(own), count
        self.whole = len(self.own) == count
        """Whether it is all streams: then nothing has to be known of merges."""
        self.adopted: set[str] = set()
        """Streams that are in it by a merge, and not by their names."""
        self.lent: set[str] = set()
        """Streams that are in it by their names, and by a merge no more."""
        self._families: dict[str, set[str]] = {}
        """The streams that merges connect, by each of them."""
        for one, other in links:
            self.join(one, other)

    @property
    def keeps_documents(self) -> bool:
        """Whether the documents are kept by who has this share."""
        return FIRST in self.own

    def has(self, stream: str) -> bool:
        """Whether a stream is in it."""
        return self.whole or self._partition(stream) in self.own

    def moves(self, one: str, other: str) -> bool:
        """Whether a merge of two streams brings any into another partition."""
        return not self.whole and self._partition(one) != self._partition(other)

    def join(self, one: str, other: str) -> set[str]:
        """A merge names two streams together: answers those that are in it no more."""
        if self.whole:
            return set()
        first, second = (self._families.get(stream, {stream}) for stream in (one, other))
        before = {stream for stream in first | second if self.has(stream)}
        family = first | second
        self._families.update(dict.fromkeys(family, family))
        ours = self.has(one)
        for stream in family:
            by_name = partition_of(stream, self.count) in self.own
            (self.adopted.add if ours and not by_name else self.adopted.discard)(stream)
            (self.lent.add if by_name and not ours else self.lent.discard)(stream)
        return set() if ours else before

    def _partition(self, stream: str) -> int:
        return partition_of(min(self._families.get(stream, (stream,))), self.count)
