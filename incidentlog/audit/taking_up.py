"""Taking up the tree where the state says it was: from stored tiles and rows, held against what was signed."""

import asyncio
from typing import Final

from incidentlog.audit.contradiction import Contradiction
from incidentlog.audit.merkle import leaf_hash
from incidentlog.audit.notes import NoteError, Signer, TreeHead, open_head, parse_note
from incidentlog.audit.state import State
from incidentlog.audit.tiles import HEIGHT, Edge, Tile, split
from incidentlog.audit.tree import MissingError, Tree
from incidentlog.store.notary import StoredHead

PAGE: Final = 128
"""Events folded in one go: so long nothing else gets its turn, about 2 ms."""
REST_SECONDS: Final = 0.002
"""How long it rests after that: what is appended goes first."""


def head_of(note: str) -> TreeHead:
    """What a note of ours says."""
    return TreeHead.parse(parse_note(note.encode()).text)


def last_note(state: State, published: StoredHead | None) -> str | None:
    """The last tree head that was signed, by the state or by the database.

    What was published was written to the state before: where the database is ahead, an older state was put back.
    """
    if published is not None and (state.note is None or published.size > head_of(state.note).size):
        return published.note
    return state.note


def check_ours(published: StoredHead, signer: Signer) -> None:
    """Raises Contradiction when the last tree head in the database is not what our key signed."""
    try:
        head, _ = open_head(published.note.encode(), [signer.verifier])
    except NoteError as error:
        raise Contradiction("forged_head", f"the last tree head in the database is not ours: {error}") from error
    if (head.size, head.root) != (published.size, published.root):
        raise Contradiction("forged_head", f"the tree head of {published.size} says something else than its note")


async def rebuild(tree: Tree, size: int) -> tuple[Edge, list[tuple[Tile, bytes]]]:
    """The tree at a size, and the full tiles that were not stored yet."""
    try:
        edge = await tree.edge()
    except MissingError as missing:
        raise Contradiction("tiles", f"{missing}, and were stored", first=1) from missing
    if edge.size > size:
        detail = f"there are tiles for {edge.size} events, and {size} were signed"
        raise Contradiction("tiles", detail, first=size + 1)
    return edge, await grow(tree, edge, size)


async def grow(tree: Tree, edge: Edge, size: int) -> list[tuple[Tile, bytes]]:
    """Fold in the events up to a size; the tiles that became full. Raises Contradiction where one is gone."""
    full: list[tuple[Tile, bytes]] = []
    while edge.size < size:
        try:
            leaves = await tree.leaves(edge.size, min(PAGE, size - edge.size))
        except MissingError as missing:
            raise Contradiction("gone", f"{missing}, and was committed", first=missing.position) from missing
        full += edge.grow(map(leaf_hash, leaves))
        if edge.size < size:
            await asyncio.sleep(REST_SECONDS)
    return full


async def check_root(tree: Tree, edge: Edge, signed: TreeHead, state: State) -> None:
    """Raises Contradiction, naming where it begins, when the log is not what was signed."""
    if edge.root() == signed.root:
        return
    same_size = state.note is not None and head_of(state.note).size == edge.size
    for level, kept in reversed([*enumerate(state.edge if same_size else ())]):  # the higher, the earlier
        for n, (was, now) in enumerate(zip(split(kept), edge.rows[level], strict=False)):
            if was == now:
                continue
            first = ((edge.size >> HEIGHT * (level + 1) << HEIGHT) + n) << HEIGHT * level
            last = first + (1 << HEIGHT * level)
            leaf = (await tree.leaves(first, 1))[0] if level == 0 else None
            raise Contradiction.at(first + 1, last, signed, leaf=leaf, sealed=was, root=edge.root())
    raise Contradiction.at(1, signed.size, signed, leaf=None, sealed=None, root=edge.root())
