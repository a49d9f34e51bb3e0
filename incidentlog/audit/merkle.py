"""The Merkle tree of RFC 6962 (RFC 9162 §2.1): hashes, proofs, and how proofs are checked. Pure.

The tree counts leaves from 0, the log counts positions from 1: the leaf of position P has the index P - 1, and a tree
of size P is the log as it was at position P.

A *node* is a perfect subtree, told by its level (0: a leaf) and its index on that level; it spans the leaves from
`index << level` on. Whoever has the nodes can have every proof; where they come from is not this module's business.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import sha256
from typing import Final

HASH_BYTES: Final = 32
EMPTY_ROOT: Final = sha256(b"").digest()
"""The root of a tree without leaves."""

NodeAt = tuple[int, int]
"""Level and index."""
Span = tuple[int, int]
"""Leaves from, and up to but without."""
Nodes = Callable[[int, int], bytes]
"""The hash of a node by level and index."""


class ProofError(ValueError):
    """A proof that does not prove what it should."""


def leaf_hash(leaf: bytes) -> bytes:
    """The hash of a leaf; another prefix than that of nodes, so that neither passes for the other."""
    return sha256(b"\0" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of two subtrees together."""
    return sha256(b"\1" + left + right).digest()


def fold(hashes: Sequence[bytes]) -> bytes:
    """The root over a power of two of hashes of one level."""
    while len(hashes) > 1:
        hashes = [sha256(b"\1" + a + b).digest() for a, b in zip(hashes[::2], hashes[1::2], strict=True)]
    return hashes[0]


def bag(hashes: Sequence[bytes]) -> bytes:
    """The root over perfect subtrees that get smaller from left to right; EMPTY_ROOT over none."""
    if not hashes:
        return EMPTY_ROOT
    *rest, root = hashes
    for left in reversed(rest):
        root = node_hash(left, root)
    return root


def nodes_of(span: Span) -> Iterator[NodeAt]:
    """The perfect subtrees that a subtree's span falls into, from left to right, ever smaller."""
    start, end = span
    while start < end:
        level = (end - start).bit_length() - 1
        yield level, start >> level
        start += 1 << level


def hash_of(span: Span, nodes: Nodes) -> bytes:
    """The hash of a subtree: RFC 6962's MTH(D[start:end])."""
    return bag([nodes(level, index) for level, index in nodes_of(span)])


def inclusion_spans(index: int, size: int) -> list[Span]:
    """What proves that a leaf is in a tree (RFC 6962 §2.1.1), from the leaf's sibling up to the root's child."""
    if not 0 <= index < size:
        raise ValueError(f"a tree of {size} has no leaf {index}")
    spans: list[Span] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            spans.append((middle, end))
            end = middle
        else:
            spans.append((start, middle))
            start = middle
    return spans[::-1]


def consistency_spans(old: int, new: int) -> list[Span]:
    """What proves that a tree grew out of another (RFC 6962 §2.1.2); nothing when it did not grow, or from nothing."""
    if not 0 <= old <= new:
        raise ValueError(f"a tree of {new} did not grow out of one of {old}")
    if old in {0, new}:
        return []
    spans: list[Span] = []
    start, end = 0, new
    while end != old:
        middle = start + _split(end - start)
        if old <= middle:
            spans.append((middle, end))
            end = middle
        else:
            spans.append((start, middle))
            start = middle
    if start:  # the old tree is no left part of the new one's: its last subtree has to be told
        spans.append((start, end))
    return spans[::-1]


def prove(spans: Iterable[Span], nodes: Nodes) -> list[bytes]:
    """The hashes of a proof."""
    return [hash_of(span, nodes) for span in spans]


def check_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Check that a tree's root covers a leaf, told by its hash (RFC 9162 §2.1.3.2); raises ProofError if not."""
    if root_of_inclusion(leaf, index, size, proof) != root:
        raise ProofError(f"leaf {index} is not what the tree of {size} holds there")


def root_of_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes:
    """The root of the tree that a proof leads to; raises ProofError when the proof has the wrong length."""
    if not 0 <= index < size:
        raise ProofError(f"a tree of {size} has no leaf {index}")
    spans = inclusion_spans(index, size)
    if len(proof) != len(spans):
        raise ProofError(f"a proof for leaf {index} of {size} has {len(spans)} hashes, not {len(proof)}")
    made = leaf
    for (start, _), sibling in zip(spans, proof, strict=True):
        made = node_hash(made, sibling) if start > index else node_hash(sibling, made)
    return made


def check_consistency(old: int, old_root: bytes, new: int, new_root: bytes, proof: Sequence[bytes]) -> None:
    """Check that a tree grew out of another (RFC 9162 §2.1.4.2); raises ProofError if that is not shown."""
    if not 0 <= old <= new:
        raise ProofError(f"a tree of {new} did not grow out of one of {old}")
    if old in {0, new}:
        if proof:
            raise ProofError("here a proof has no hashes")
        if old == new and old_root != new_root:
            raise ProofError(f"two trees of {old} have different roots")
        if old == 0 and old_root != EMPTY_ROOT:
            raise ProofError("the root of an empty tree is not that of no leaves")
        return
    spans = consistency_spans(old, new)
    if len(proof) != len(spans):
        raise ProofError(f"a proof from {old} to {new} has {len(spans)} hashes, not {len(proof)}")
    # From the old tree's last subtree upwards: what lies left of it is in both trees, what lies right in the new one.
    hashes = iter(proof)
    told = spans[0][1] == old
    was = now = next(hashes) if told else old_root
    for (start, _), other in zip(spans[told:], hashes, strict=True):
        now = node_hash(other, now) if start < old else node_hash(now, other)
        was = node_hash(other, was) if start < old else was
    if was != old_root or now != new_root:
        raise ProofError(f"the tree of {new} did not grow out of the one of {old}")


class Frontier:
    """A growing tree, of which only the roots of its perfect subtrees are kept: enough to check, and flat in memory."""

    __slots__ = ("hashes", "size")

    def __init__(self, size: int = 0, hashes: Sequence[bytes] = ()) -> None:
        """A tree of a size by its perfect subtrees, the largest first; raises ValueError for another number of them."""
        if len(hashes) != size.bit_count() or any(len(h) != HASH_BYTES for h in hashes):
            raise ValueError(f"a tree of {size} falls into {size.bit_count()} subtrees")
        self.size, self.hashes = size, [*hashes]

    def add(self, leaf: bytes) -> None:
        """One more leaf, told by its hash."""
        size, hashes = self.size, self.hashes
        self.size = size + 1
        while size & 1:
            leaf = sha256(b"\1" + hashes.pop() + leaf).digest()
            size >>= 1
        hashes.append(leaf)

    def root(self) -> bytes:
        """The root of the whole."""
        return bag(self.hashes)


def _split(width: int) -> int:
    """The largest power of two below a width: how many leaves go left."""
    return 1 << (width - 1).bit_length() - 1
