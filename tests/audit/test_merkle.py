"""Hashes and proofs: the vectors that Certificate Transparency publishes for RFC 6962, its definitions, all small sizes."""

import hashlib
import random
from functools import cache

import pytest

from incidentlog.audit.merkle import (
    EMPTY_ROOT,
    ProofError,
    check_consistency,
    check_inclusion,
    consistency_spans,
    inclusion_spans,
    leaf_hash,
    node_hash,
    nodes_of,
    prove,
)
from incidentlog.audit.tiles import Edge, Held, tiles_for

LEAVES = [
    bytes.fromhex(text)
    for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
INCLUSION = {
    (0, 1): [],
    (0, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (5, 8): [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 3): ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
    (1, 5): [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}
CONSISTENCY = {
    (1, 1): [],
    (1, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (6, 8): [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 5): [
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}
SIZES = 600


class Tree:
    """A tree as RFC 6962 §2.1 defines it, word for word."""

    def __init__(self, leaves: list[bytes]) -> None:
        self.leaves = [leaf_hash(leaf) for leaf in leaves]
        self.mth = cache(self._mth)

    def _mth(self, start: int, end: int) -> bytes:
        if end == start:
            return hashlib.sha256().digest()
        if end - start == 1:
            return self.leaves[start]
        k = 1
        while 2 * k < end - start:
            k *= 2
        return node_hash(self.mth(start, start + k), self.mth(start + k, end))

    def path(self, m: int, start: int, end: int) -> list[bytes]:
        if end - start == 1:
            return []
        k = 1
        while 2 * k < end - start:
            k *= 2
        if m < k:
            return [*self.path(m, start, start + k), self.mth(start + k, end)]
        return [*self.path(m - k, start + k, end), self.mth(start, start + k)]

    def subproof(self, m: int, start: int, end: int, whole: bool) -> list[bytes]:
        if m == end - start:
            return [] if whole else [self.mth(start, end)]
        k = 1
        while 2 * k < end - start:
            k *= 2
        if m <= k:
            return [*self.subproof(m, start, start + k, whole), self.mth(start + k, end)]
        return [*self.subproof(m - k, start + k, end, False), self.mth(start, start + k)]

    def node(self, level: int, index: int) -> bytes:
        return self.mth(index << level, (index + 1) << level)


BIG = Tree([str(n).encode() for n in range(SIZES)])


@pytest.mark.parametrize("size", range(1, 9))
def test_the_published_roots(size: int):
    edge = Edge()
    edge.grow(leaf_hash(leaf) for leaf in LEAVES[:size])
    assert edge.root().hex() == ROOTS[size - 1]


def test_the_root_of_nothing():
    assert Edge().root() == EMPTY_ROOT == hashlib.sha256().digest()


@pytest.mark.parametrize(("index", "size"), INCLUSION)
def test_the_published_inclusion_proofs(index: int, size: int):
    tree = Tree(LEAVES)
    proof = prove(inclusion_spans(index, size), tree.node)
    assert [h.hex() for h in proof] == INCLUSION[index, size]
    check_inclusion(leaf_hash(LEAVES[index]), index, size, proof, bytes.fromhex(ROOTS[size - 1]))


@pytest.mark.parametrize(("old", "new"), CONSISTENCY)
def test_the_published_consistency_proofs(old: int, new: int):
    proof = prove(consistency_spans(old, new), Tree(LEAVES).node)
    assert [h.hex() for h in proof] == CONSISTENCY[old, new]
    check_consistency(old, bytes.fromhex(ROOTS[old - 1]), new, bytes.fromhex(ROOTS[new - 1]), proof)


def test_every_size_grows_to_the_root_that_is_defined():
    edge = Edge()
    for size in range(1, SIZES + 1):
        edge.grow([BIG.leaves[size - 1]])
        assert edge.root() == BIG.mth(0, size)


def test_every_inclusion_proof_of_every_size_is_as_defined_and_holds():
    for size in range(1, SIZES + 1):
        root = BIG.mth(0, size)
        # Every leaf of the small trees; of the larger ones the edges and some between.
        for index in range(size) if size <= 130 else {0, 1, size // 2, size - 2, size - 1, size & -size, size * 7 // 9}:
            if index >= size:
                continue
            proof = prove(inclusion_spans(index, size), BIG.node)
            assert proof == BIG.path(index, 0, size)
            check_inclusion(BIG.leaves[index], index, size, proof, root)


def test_every_consistency_proof_up_to_each_size_is_as_defined_and_holds():
    for new in range(1, SIZES + 1):
        olds = range(1, new + 1) if new <= 130 or new in {255, 256, 257, 600} else {1, 2, new // 2, new - 1, new}
        for old in olds:
            proof = prove(consistency_spans(old, new), BIG.node)
            assert proof == ([] if old == new else BIG.subproof(old, 0, new, True))
            check_consistency(old, BIG.mth(0, old), new, BIG.mth(0, new), proof)


def test_what_is_altered_proves_nothing():
    chance = random.Random(1)
    for _ in range(1_000):
        size = chance.randrange(2, SIZES)
        index = chance.randrange(size)
        proof = prove(inclusion_spans(index, size), BIG.node)
        at = chance.randrange(len(proof))
        forged = [*proof[:at], bytes([proof[at][0] ^ 1]) + proof[at][1:], *proof[at + 1 :]]
        root = BIG.mth(0, size)
        for bad_index, bad_proof in ((index, forged), (index, proof[:-1]), (index, [*proof, proof[0]])):
            with pytest.raises(ProofError):
                check_inclusion(BIG.leaves[index], bad_index, size, bad_proof, root)
        other = (index + chance.randrange(1, size)) % size
        with pytest.raises(ProofError):
            check_inclusion(BIG.leaves[index], other, size, proof, root)
        old = chance.randrange(1, size)
        proof = prove(consistency_spans(old, size), BIG.node)
        at = chance.randrange(len(proof))
        forged = [*proof[:at], bytes([proof[at][0] ^ 1]) + proof[at][1:], *proof[at + 1 :]]
        for bad in (forged, proof[:-1], [*proof, proof[0]]):
            with pytest.raises(ProofError):
                check_consistency(old, BIG.mth(0, old), size, root, bad)
        with pytest.raises(ProofError):
            check_consistency(old, root, size, root, proof)
        with pytest.raises(ProofError):
            check_consistency(old, BIG.mth(0, old), size, BIG.mth(0, old), proof)


def test_two_roots_of_one_size_are_a_contradiction():
    with pytest.raises(ProofError, match="different roots"):
        check_consistency(5, BIG.mth(0, 5), 5, BIG.mth(0, 6), [])


@pytest.mark.parametrize(("index", "size"), [(0, 0), (1, 1), (-1, 3), (3, 3)])
def test_there_is_no_proof_for_a_leaf_that_is_not_there(index: int, size: int):
    with pytest.raises(ValueError, match="has no leaf"):
        inclusion_spans(index, size)
    with pytest.raises(ProofError, match="has no leaf"):
        check_inclusion(bytes(32), index, size, [], bytes(32))


@pytest.mark.parametrize("size", [255, 256, 257, 65_535, 65_536, 65_537])
def test_proofs_come_out_of_tiles_at_their_edges(size: int):
    leaves = [leaf_hash(b"%d" % n) for n in range(size)]
    edge = Edge()
    tiles = {(t.level, t.index): hashes for t, hashes in edge.grow(leaves)} | edge.held()
    root = edge.root()
    for index in {0, 254, 255, 256, size // 2, size - 257, size - 256, size - 2, size - 1} & set(range(size)):
        spans = inclusion_spans(index, size)
        needed = tiles_for(node for span in spans for node in nodes_of(span))
        held = Held({key: tiles[key] for key in needed})
        check_inclusion(leaves[index], index, size, prove(spans, held.node), root)
    for old in {1, 254, 255, 256, 257, 65_534, 65_535, 65_536, size - 1} & set(range(size)):
        was = Edge()
        was.grow(leaves[:old])
        proof = prove(consistency_spans(old, size), Held(tiles).node)
        check_consistency(old, was.root(), size, root, proof)
