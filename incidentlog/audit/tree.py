"""The sealed tree, read from the database: tiles, leaves, roots and proofs at any size up to the last one sealed.

Nothing here asks what was published: that is for whoever serves it to say.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from incidentlog.audit.leaf import leaf_bytes
from incidentlog.audit.merkle import (
    Span,
    consistency_spans,
    fold,
    hash_of,
    inclusion_spans,
    leaf_hash,
    nodes_of,
    prove,
)
from incidentlog.audit.tiles import HEIGHT, LEVELS, WIDTH, Edge, Held, Tile, split, tiles_for
from incidentlog.errors import Tampered
from incidentlog.recent import Recent
from incidentlog.store.connect import Connection, Pool
from incidentlog.store.notary import Committed, count_full_tiles, read_commitments, read_tiles

REMEMBERED: Final = 65_536
"""How many roots of full tiles are remembered: they never change."""

FOLDED: Final = 16
"""Full tiles folded in one go: so long nothing else gets its turn, about 2 ms."""


class MissingError(Tampered):
    """The database does not hold what it held when the tree was sealed."""

    def __init__(self, detail: str, position: int | None = None) -> None:
        super().__init__(detail)
        self.position = position


def leaf_of(event: Committed) -> bytes:
    """The leaf of an event."""
    return leaf_bytes(event.position, event.recorded_at, event.body, event.meta, event.private)


class Tree:
    """The tree of one fork. Its methods raise MissingError when rows or tiles are gone that must be there."""

    def __init__(
        self, source: Pool | Connection, fork: int, fresh: Mapping[tuple[int, int], bytes] | None = None
    ) -> None:
        """`fresh` are full tiles, by level and index, that are not stored yet."""
        self.source, self.fork, self._fresh = source, fork, fresh or {}
        self._roots = Recent[tuple[int, int], bytes](REMEMBERED)

    async def tile(self, tile: Tile) -> bytes:
        """The hashes of a tile, as far as they are meant."""
        return (await self._tiles(tile.level, {tile.index: tile.width}))[tile.index]

    async def stored(self, level: int, index: int) -> bytes | None:
        """A full tile as it is stored; None where it is not."""
        return (await self._full(level, [index])).get(index)

    async def leaves(self, first: int, count: int) -> list[bytes]:
        """Leaves from an index on; raises MissingError naming the first position that is gone."""
        found = await self.there(first, count)
        for position in range(first + 1, first + count + 1):
            if position not in found:
                raise MissingError(f"position {position} is gone", position)
        return list(found.values())

    async def there(self, first: int, count: int) -> dict[int, bytes]:
        """The leaves that there are from an index on, by position."""
        events = await read_commitments(self.source, first, first + count, count)
        return {event.position: leaf_of(event) for event in events}

    async def root(self, size: int) -> bytes:
        """The root at a size."""
        span = (0, size)
        return hash_of(span, (await self.held([span], size)).node)

    async def inclusion(self, index: int, size: int) -> list[bytes]:
        """What proves that a leaf is in the tree of a size."""
        return await self._prove(inclusion_spans(index, size), size)

    async def consistency(self, old: int, new: int) -> list[bytes]:
        """What proves that the tree of one size grew out of another's."""
        return await self._prove(consistency_spans(old, new), new)

    async def frontier(self, size: int) -> list[bytes]:
        """The roots of the perfect subtrees that the tree of a size falls into, the largest first."""
        span = (0, size)
        held = await self.held([span], size)
        return [held.node(level, index) for level, index in nodes_of(span)]

    async def _prove(self, spans: Sequence[Span], size: int) -> list[bytes]:
        return prove(spans, (await self.held(spans, size)).node)

    async def held(self, spans: Iterable[Span], size: int) -> Held:
        """The tiles that some spans need, as they were at a size."""
        wanted: dict[int, dict[int, int]] = {}
        for level, index in tiles_for(node for span in spans for node in nodes_of(span)):
            width = min(WIDTH, (size >> HEIGHT * level) - index * WIDTH)
            wanted.setdefault(level, {})[index] = width
        tiles: dict[tuple[int, int], bytes] = {}
        for level, indexes in wanted.items():
            tiles |= {(level, index): hashes for index, hashes in (await self._tiles(level, indexes)).items()}
        return Held(tiles)

    async def _tiles(self, level: int, widths: Mapping[int, int]) -> dict[int, bytes]:
        """Tiles of one level, each as wide as asked; those that are not full yet are computed."""
        stored = await self._full(level, widths)
        found: dict[int, bytes] = {}
        for index, width in widths.items():
            if index in stored:
                found[index] = stored[index][: width * 32]
            elif level == 0:
                found[index] = b"".join(map(leaf_hash, await self.leaves(index * WIDTH, width)))
            else:
                found[index] = b"".join(await self._roots_of(level - 1, range(index * WIDTH, index * WIDTH + width)))
        return found

    async def _roots_of(self, level: int, indexes: range) -> list[bytes]:
        """The roots of full tiles of a level."""
        known = {index: root for index in indexes if (root := self._roots.get((level, index))) is not None}
        unknown = [index for index in indexes if index not in known]
        for n in range(0, len(unknown), FOLDED):
            wanted = unknown[n : n + FOLDED]
            tiles = await self._full(level, wanted)
            if len(tiles) != len(wanted):
                raise MissingError(f"tiles of level {level} are gone: {sorted(set(wanted) - set(tiles))[:3]}")
            known |= {index: self._roots.put((level, index), fold(split(hashes))) for index, hashes in tiles.items()}
        return [known[index] for index in indexes]

    async def _full(self, level: int, indexes: Collection[int]) -> dict[int, bytes]:
        fresh = {index: self._fresh[level, index] for index in indexes if (level, index) in self._fresh}
        return fresh | await read_tiles(self.source, self.fork, level, set(indexes) - set(fresh))

    async def edge(self) -> Edge:
        """The tree of the stored tiles alone: its size is a multiple of 256."""
        edge = Edge()
        count = await count_full_tiles(self.source, self.fork, 0)
        edge.size = count * WIDTH
        for level in range(LEVELS - 1):
            row = edge.rows[level + 1]
            row.extend(await self._roots_of(level, range(count // WIDTH * WIDTH, count)))
            count //= WIDTH
        return edge
