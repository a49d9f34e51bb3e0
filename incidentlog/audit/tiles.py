"""The tree in tiles of 256 hashes, as C2SP tlog-tiles has it: their addresses, how they grow, what they answer. Pure.

The tile N of level L holds the roots of the full tiles N * 256 ... N * 256 + 255 of the level below; on level 0 the
hashes of leaves. Tiles that are full never change.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from incidentlog.audit.merkle import HASH_BYTES, NodeAt, bag, fold

HEIGHT: Final = 8
WIDTH: Final = 1 << HEIGHT
LEVELS: Final = 8
"""More than a log of 2^53 positions can fill."""
_INDEX = re.compile(r"(?:x[0-9]{3}/){0,5}[0-9]{3}", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class Tile:
    """Which tile: its level, its index on it, and how many hashes of it are meant (1 to 256)."""

    level: int
    index: int
    width: int = WIDTH

    @property
    def path(self) -> str:
        """Its address below `tile/`."""
        return f"{self.level}/{index_path(self.index)}{partial_path(self.width)}"


def index_path(index: int) -> str:
    """An index in groups of three digits, all but the last with an `x`: 1234067 is `x001/x234/067`."""
    digits = str(index)
    digits = digits.zfill((len(digits) + 2) // 3 * 3)
    *high, low = (digits[n : n + 3] for n in range(0, len(digits), 3))
    return "".join(f"x{group}/" for group in high) + low


def partial_path(width: int) -> str:
    """What follows an index: nothing for what is full."""
    return "" if width == WIDTH else f".p/{width}"


def parse_index(text: str) -> tuple[int, int] | None:
    """Index and width from `<N>[.p/<W>]`; None for any other way of writing them, or another text."""
    digits, dot, width_digits = text.partition(".p/")
    if not _INDEX.fullmatch(digits):
        return None
    index = int(digits.replace("x", "").replace("/", ""))
    if not dot:
        return (index, WIDTH) if index_path(index) == digits else None
    if not re.fullmatch(r"[1-9][0-9]{0,2}", width_digits, re.ASCII) or int(width_digits) >= WIDTH:
        return None
    return (index, int(width_digits)) if index_path(index) == digits else None


def reach(tile: Tile) -> int:
    """How large a tree must be to have so much of a tile."""
    return (tile.index * WIDTH + tile.width) << HEIGHT * tile.level


def edge_tiles(size: int) -> list[Tile]:
    """The tiles of a tree that are not full, from level 0 up."""
    widths = ((level, size >> HEIGHT * level) for level in range(LEVELS))
    return [Tile(level, n >> HEIGHT, n % WIDTH) for level, n in widths if n % WIDTH]


def tile_of(node: NodeAt) -> tuple[Tile, int]:
    """The tile in which a node is, as far as it is needed, and the first of the node's hashes in it."""
    level, height = divmod(node[0], HEIGHT)
    first = node[1] << height
    start = first % WIDTH
    return Tile(level, first >> HEIGHT, start + (1 << height)), start


def tiles_for(nodes: Iterable[NodeAt]) -> set[tuple[int, int]]:
    """Level and index of the tiles that some nodes are in."""
    return {(tile.level, tile.index) for tile, _ in map(tile_of, nodes)}


class Held:
    """Tiles at hand, by level and index, each as its hashes one after the other; answers for the nodes in them."""

    def __init__(self, tiles: Mapping[tuple[int, int], bytes]) -> None:
        self._tiles = tiles

    def node(self, level: int, index: int) -> bytes:
        """The hash of a node. Raises KeyError when its tile is not at hand, or is too narrow."""
        tile, start = tile_of((level, index))
        hashes = self._tiles[tile.level, tile.index][start * HASH_BYTES : tile.width * HASH_BYTES]
        if len(hashes) != (tile.width - start) * HASH_BYTES:
            raise KeyError((level, index))
        return fold(split(hashes))


def split(tile: bytes) -> list[bytes]:
    """The hashes of a tile."""
    return [tile[n : n + HASH_BYTES] for n in range(0, len(tile), HASH_BYTES)]


@dataclass(slots=True)
class Edge:
    """A growing tree, of which only the right edge is kept: on each level the hashes of the tile that is not full."""

    size: int = 0
    rows: list[list[bytes]] = field(default_factory=lambda: [[] for _ in range(LEVELS)])

    def grow(self, leaves: Iterable[bytes]) -> list[tuple[Tile, bytes]]:
        """Add leaves, told by their hashes; answers the tiles that became full, with what is in them."""
        full: list[tuple[Tile, bytes]] = []
        for leaf in leaves:
            self.size += 1
            self.rows[0].append(leaf)
            level = 0
            while len(row := self.rows[level]) == WIDTH:
                index = (self.size >> HEIGHT * (level + 1)) - 1
                full.append((Tile(level, index), b"".join(row)))
                self.rows[level + 1].append(fold(row))
                row.clear()
                level += 1
        return full

    def frontier(self) -> list[bytes]:
        """The roots of the perfect subtrees that the tree falls into, the largest first: enough to grow on."""
        return [fold(part) for row in reversed(self.rows) for part in _halves(row)]

    def root(self) -> bytes:
        """The root of the whole."""
        return bag(self.frontier())

    def held(self) -> dict[tuple[int, int], bytes]:
        """The tiles that are not full, by level and index."""
        return {(t.level, t.index): b"".join(self.rows[t.level]) for t in edge_tiles(self.size)}


def _halves(row: Sequence[bytes]) -> Iterable[Sequence[bytes]]:
    """A row in powers of two, the largest first."""
    start = 0
    while start < len(row):
        width = 1 << (len(row) - start).bit_length() - 1
        yield row[start : start + width]
        start += width
