"""Tiles as C2SP tlog-tiles describes them."""

import pytest

from incidentlog.audit.merkle import bag, leaf_hash
from incidentlog.audit.tiles import Edge, Tile, edge_tiles, index_path, parse_index, reach

LEAVES = [leaf_hash(b"%d" % n) for n in range(70_000)]


def test_an_index_is_written_in_groups_of_three_digits():
    """The standard's example, and the edges of the groups."""
    assert index_path(1_234_067) == "x001/x234/067"
    assert [index_path(n) for n in (0, 999, 1_000, 999_999)] == ["000", "999", "x001/000", "x999/999"]


@pytest.mark.parametrize("index", [0, 5, 999, 1_000, 70_000, 1_234_067, 10**9])
def test_what_is_written_is_read(index: int):
    assert parse_index(index_path(index)) == (index, 256)
    assert parse_index(index_path(index) + ".p/17") == (index, 17)


@pytest.mark.parametrize(
    "text",
    ["", "0", "00", "0000", "x000/000", "001/000", "x001", "x001/x000", "000.p/0", "000.p/256", "000.p/01", "000.p/",
     "000.p", "000/", "/000", "٠٠٠", "000.p/1_0", "000.p/ 1", "-01", "x0_1/000"],
)  # fmt: skip
def test_any_other_way_to_write_an_index_is_refused(text: str):
    assert parse_index(text) is None


def test_the_tiles_of_seventy_thousand():
    """The standard's example: 273 full tiles on level 0 and 112 hashes, one full on level 1 and 17, one hash on 2."""
    edge = Edge()
    full = [tile for tile, _ in edge.grow(LEAVES)]
    assert sum(t.level == 0 for t in full) == 273
    assert [t for t in full if t.level] == [Tile(1, 0)]
    assert edge_tiles(70_000) == [Tile(0, 273, 112), Tile(1, 1, 17), Tile(2, 0, 1)]
    assert {(t.level, t.index, t.width) for t in edge_tiles(256)} == {(1, 0, 1)}


def test_a_tile_needs_a_tree_of_its_reach():
    assert reach(Tile(0, 0, 1)) == 1
    assert reach(Tile(0, 273, 112)) == 70_000
    assert reach(Tile(1, 1, 17)) == 273 * 256
    assert reach(Tile(2, 0, 1)) == 65_536


def test_a_tile_is_8192_bytes_and_never_changes():
    edge = Edge()
    first = dict(edge.grow(LEAVES[:65_536]))
    assert {len(hashes) for hashes in first.values()} == {8_192}
    again = Edge()
    later = dict(again.grow(LEAVES))
    assert all(later[tile] == hashes for tile, hashes in first.items())


def test_growing_one_by_one_or_all_at_once_is_the_same():
    steps, whole = Edge(), Edge()
    tiles = [tile for leaf in LEAVES[:700] for tile in steps.grow([leaf])]
    assert tiles == whole.grow(LEAVES[:700])
    assert (steps.frontier(), steps.root(), steps.size) == (whole.frontier(), whole.root(), 700)
    assert bag(steps.frontier()) == steps.root()
    assert steps.held() == whole.held()
