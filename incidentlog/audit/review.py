"""Reading the log again, tile by tile, round and round, to hold it against what was sealed."""

from contextlib import suppress

from incidentlog.audit.contradiction import Contradiction
from incidentlog.audit.merkle import check_inclusion, fold, leaf_hash, root_of_inclusion
from incidentlog.audit.notes import TreeHead
from incidentlog.audit.tiles import HEIGHT, WIDTH, Edge, split
from incidentlog.audit.tree import MissingError, Tree


class Review:
    """Where the reading is. What it trusts is the edge of the tree, which the notary has in memory."""

    def __init__(self) -> None:
        self._next = 0
        self._anchors: dict[tuple[int, int], bytes] = {}
        """Roots of full tiles by level and index, as the tiles above them have them, up to the edge."""

    async def go_on(self, tree: Tree, edge: Edge, signed: TreeHead | None, tiles: int) -> None:
        """Read the events of the next few tiles; raises Contradiction when they are not what was sealed."""
        for _ in range(tiles):
            start = self._next * WIDTH
            if start >= edge.size:
                self._next, self._anchors = 0, {}
                return
            await self._one(tree, edge, signed, min(WIDTH, edge.size - start))
            self._next += 1

    async def _one(self, tree: Tree, edge: Edge, signed: TreeHead | None, width: int) -> None:
        index, start = self._next, self._next * WIDTH
        there = await tree.there(start, width)
        sealed = await self._sealed(tree, edge, 0, index, width)
        for n in range(width):
            position = start + n + 1
            if position not in there:
                raise Contradiction("gone", f"position {position} is gone, and was sealed", first=position)
            if sealed is not None and leaf_hash(there[position]) != sealed[n]:
                raise await _changed(tree, edge, signed, start + n, there[position], sealed[n])
        if sealed is None:
            if fold([leaf_hash(leaf) for leaf in there.values()]) != await self._anchor(tree, edge, 0, index):
                raise Contradiction.at(start + 1, start + width, None, leaf=None, sealed=None)
            detail = f"tile 0/{index} was changed, or taken away; the events under it are as they were"
            raise Contradiction("tiles", detail, first=start + 1)

    async def _sealed(self, tree: Tree, edge: Edge, level: int, index: int, width: int = WIDTH) -> list[bytes] | None:
        """The hashes of a tile as they were sealed; None where the stored tile is not what was sealed."""
        if edge.size >> HEIGHT * (level + 1) == index:
            return edge.rows[level][:width]
        stored = await tree.stored(level, index)
        if stored is None:
            return None
        hashes = split(stored)
        return hashes if fold(hashes) == await self._anchor(tree, edge, level, index) else None

    async def _anchor(self, tree: Tree, edge: Edge, level: int, index: int) -> bytes | None:
        """The root of a full tile as the signed head has it; None where the tiles above it were changed."""
        if (level, index) not in self._anchors:
            parent = index // WIDTH
            above = await self._sealed(tree, edge, level + 1, parent)
            if above is None:
                return None
            self._anchors |= {(level, parent * WIDTH + n): root for n, root in enumerate(above)}
        return self._anchors[level, index]


async def _changed(
    tree: Tree, edge: Edge, signed: TreeHead | None, index: int, leaf: bytes, sealed: bytes
) -> Contradiction:
    """The leaf at an index is not what was sealed, and here is the proof that this was signed."""
    proof: list[bytes] = []
    if signed is not None:
        with suppress(MissingError):
            proof = await Tree(tree.source, tree.fork, edge.held()).inclusion(index, signed.size)
            check_inclusion(sealed, index, signed.size, proof, signed.root)
    root = root_of_inclusion(leaf_hash(leaf), index, signed.size, proof) if signed is not None and proof else None
    return Contradiction.at(index + 1, index + 1, signed, leaf=leaf, sealed=sealed, root=root, proof=proof)
