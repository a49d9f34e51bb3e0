"""What a notary that runs finds by reading again, with nothing to trust but the edge of the tree in its memory."""

import pytest

from incidentlog.audit.contradiction import Contradiction
from incidentlog.audit.merkle import check_inclusion, root_of_inclusion
from incidentlog.audit.review import Review
from incidentlog.audit.taking_up import grow
from incidentlog.audit.tiles import Edge
from tests.audit.sealing import SIZE, Sealing, flipped
from tests.audit.test_verify import EDIT, recompute


@pytest.fixture
async def edge(filled: Sealing) -> Edge:
    edge = await filled.tree.edge()
    await grow(filled.tree, edge, SIZE)
    return edge


async def reviewed(filled: Sealing, edge: Edge) -> Contradiction:
    with pytest.raises(Contradiction) as found:
        await Review().go_on(filled.tree, edge, filled.signed(), 10)
    return found.value


async def test_a_log_that_nobody_touched_is_read_round_and_round(filled: Sealing, edge: Edge):
    review = Review()
    for _ in range(5):
        await review.go_on(filled.tree, edge, filled.signed(), 2)


@pytest.mark.parametrize("position", [1, 256, 257, 350, 512, 513, SIZE])
async def test_an_edited_event_is_found_with_the_proof_of_what_was_signed(filled: Sealing, edge: Edge, position: int):
    await filled.harm(EDIT.format(position))
    found = await reviewed(filled, edge)
    assert (found.first, found.last) == (position, position)
    assert found.sealed is not None
    assert found.found is not None
    signed = filled.signed()
    check_inclusion(found.sealed, position - 1, SIZE, found.proof, signed.root)
    assert found.leaf == (await filled.tree.leaves(position - 1, 1))[0]
    assert found.found.root != signed.root == root_of_inclusion(found.sealed, position - 1, SIZE, found.proof)


async def test_tiles_that_were_made_to_match_do_not_hide_it(filled: Sealing, edge: Edge):
    await filled.harm(EDIT.format(350), then=recompute)
    found = await reviewed(filled, edge)
    assert (found.kind, found.first, found.last) == ("changed", 257, 512)


async def test_a_tile_that_was_changed_alone_is_told_from_its_events(filled: Sealing, edge: Edge):
    await filled.harm(flipped(index=1, at=8))
    found = await reviewed(filled, edge)
    assert found.kind == "tiles"
    assert "tile 0/1 was changed" in found.detail


async def test_damage_is_damage_whatever_is_there(filled: Sealing):
    """A byte that is written over is the same one time in 256, and then the test of it fails for nothing."""
    await filled.harm("UPDATE tiles SET hashes = set_byte(hashes, 8, 0)")
    with pytest.raises(AssertionError, match="it changes nothing"):
        await filled.harm("UPDATE tiles SET hashes = set_byte(hashes, 8, 0)")
    await filled.harm(flipped(index=0, at=8), flipped(index=1, at=8))
    assert await filled.admin.fetch("SELECT get_byte(hashes, 8) FROM tiles WHERE level = 0") == [(1,), (1,)]


async def test_a_tile_and_an_event_that_are_gone_are_found(filled: Sealing, edge: Edge):
    await filled.harm("DELETE FROM tiles WHERE index = 1")
    assert (await reviewed(filled, edge)).kind == "tiles"
    await filled.harm("DELETE FROM events WHERE position = 350")
    found = await reviewed(filled, edge)
    assert (found.kind, found.first) == ("gone", 350)
