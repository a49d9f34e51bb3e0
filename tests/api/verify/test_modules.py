"""The page's modules give what ours give: on published vectors, at all small sizes, and on what was tampered with.

They run in Node, whose WebCrypto is the one of browsers; without it they are skipped.
"""

import base64
import hashlib
import json
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from incidentlog.audit.leaf import leaf_bytes, parse_leaf
from incidentlog.audit.merkle import (
    consistency_spans,
    fold,
    hash_of,
    inclusion_spans,
    leaf_hash,
    prove,
    root_of_inclusion,
)
from incidentlog.audit.notes import COSIGNATURE, Note, Signer, TreeHead
from incidentlog.audit.proofs import InclusionProof
from incidentlog.commitment import commitment
from tests.audit.test_merkle import CONSISTENCY, INCLUSION, LEAVES, ROOTS

NODE = shutil.which("node")
pytestmark = pytest.mark.skipif(NODE is None, reason="there is no node to run the page's modules in")
MODULES = files("incidentlog.api") / "verify_page"
RUNNER = Path(__file__).with_name("vectors.mjs")
EMPTY = hashlib.sha256(b"").hexdigest()


def answers(*questions: dict[str, Any]) -> list[Any]:
    """What the modules answer; what they refuse is a string that starts with `refused: `."""
    asked = json.dumps(questions).encode()
    command = [str(NODE), "--no-warnings", str(RUNNER), str(MODULES)]
    done = subprocess.run(command, input=asked, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return [a["ok"] if "ok" in a else f"refused: {a['refused']}" for a in json.loads(done.stdout)]


def tree(size: int) -> list[bytes]:
    return [leaf_hash(b"%d" % n) for n in range(size)]


def node_of(hashes: list[bytes]) -> Any:
    return lambda level, index: fold(hashes[index << level : (index + 1) << level])


def root(hashes: list[bytes]) -> bytes:
    return hash_of((0, len(hashes)), node_of(hashes))


def test_the_vectors_of_certificate_transparency():
    told = answers(
        {"ask": "roots", "leaves": [leaf.hex() for leaf in LEAVES]},
        *(
            {"ask": "inclusion", "leaf": leaf_hash(LEAVES[n]).hex(), "index": n, "size": size, "path": path}
            for (n, size), path in INCLUSION.items()
        ),
        *(
            {"ask": "consistency", "old": old, "oldRoot": ROOTS[old - 1], "size": new, "root": ROOTS[new - 1], "path": path}
            for (old, new), path in CONSISTENCY.items()
        ),
    )  # fmt: skip
    assert told[0] == [EMPTY, *ROOTS]
    assert told[1 : 1 + len(INCLUSION)] == [ROOTS[size - 1] for _, size in INCLUSION]
    assert told[1 + len(INCLUSION) :] == [True] * len(CONSISTENCY)


def test_every_proof_of_small_trees_and_at_the_edges():
    sizes = [*range(1, 34), 255, 256, 257]
    questions, wanted = [], []
    for size in sizes:
        hashes = tree(size)
        top = root(hashes).hex()
        for n in range(size) if size < 34 else (0, 1, 127, 128, size - 1):
            path = [h.hex() for h in prove(inclusion_spans(n, size), node_of(hashes))]
            asked = {"ask": "inclusion", "leaf": hashes[n].hex(), "index": n, "size": size}
            questions += [{**asked, "path": path}, {**asked, "path": [*path, EMPTY]}]
            wanted += [top, None]
        for old in range(size + 1) if size < 34 else (0, 1, 128, 255, size - 1, size):
            path = [h.hex() for h in prove(consistency_spans(old, size), node_of(hashes))]
            before = root(hashes[:old]).hex() if old else EMPTY
            asked = {"ask": "consistency", "old": old, "oldRoot": before, "size": size, "root": top}
            questions += [
                {**asked, "path": path},
                {**asked, "path": [*path, EMPTY]},
                {**asked, "root": ROOTS[0], "path": path},
            ]
            wanted += [True, False, old == 0]  # anything grew out of nothing
    for asked, told, expected in zip(questions, answers(*questions), wanted, strict=True):
        assert told == expected if expected is not None else told.startswith("refused: a proof for leaf"), asked


def test_large_trees_are_walked_without_losing_bits():
    size, index = 2**40 + 3, 2**40 + 1
    path = [hashlib.sha256(b"%d" % n).digest() for n in range(len(inclusion_spans(index, size)))]
    (told,) = answers(
        {"ask": "inclusion", "leaf": EMPTY, "index": index, "size": size, "path": [p.hex() for p in path]}
    )
    assert told == root_of_inclusion(bytes.fromhex(EMPTY), index, size, path).hex()


LOG, WITNESS = Signer.make("example.org/log"), Signer.make("witness.example.org", COSIGNATURE)
HEAD = TreeHead("example.org/log", 3, root(tree(3)))
NOTE = Note(HEAD.text, (LOG.sign(HEAD.text), WITNESS.cosign(HEAD.text, 1_770_000_000)))


def test_notes_keys_and_signatures():
    other = Signer.make("example.org/log")
    text = str(NOTE)
    vkey = LOG.verifier.vkey
    told = answers(
        {"ask": "key", "vkey": f" {vkey}\n"},
        {"ask": "key", "vkey": vkey.replace("example.org", "example.com")},
        {"ask": "key", "vkey": vkey[:-4]},
        {"ask": "key", "vkey": "nothing"},
        {"ask": "note", "whole": text},
        {"ask": "head", "text": HEAD.text},
        {"ask": "signed", "whole": text, "vkey": vkey},
        {"ask": "signed", "whole": text, "vkey": WITNESS.verifier.vkey},
        {"ask": "signed", "whole": text, "vkey": other.verifier.vkey},
        {"ask": "signed", "whole": text.replace("\n3\n", "\n4\n"), "vkey": vkey},
        {"ask": "signed", "whole": text.replace("\n3\n", "\n4\n"), "vkey": WITNESS.verifier.vkey},
    )
    key = LOG.verifier
    assert told[0] == [key.name, key.kind, key.key_id.hex(), key.public.hex()]
    assert all(t.startswith("refused: ") for t in told[1:4])
    assert told[4] == [HEAD.text, [[s.name, s.key_id.hex(), s.value.hex()] for s in NOTE.signatures]]
    assert told[5] == [HEAD.origin, HEAD.size, HEAD.root.hex()]
    assert told[6:] == ["yes", "yes", "absent", "no", "no"]


def test_what_is_no_note_is_refused():
    text = str(NOTE)
    bad = [
        "", "no signature\n", text[:-1], text.replace("— ", "- "), text.replace("=\n\n", "=\n"), text + "more\n",
        text.replace("\n\n", "\n\n\u2028"), text.replace("example", "exa\tmple"), text.replace("=\n", "\n"),
    ]  # fmt: skip
    heads = ["", "a\n1\n", "a\n01\n" + base64.b64encode(bytes(32)).decode() + "\n", "a\n-1\n" + base64.b64encode(bytes(32)).decode() + "\n",
             "a\n1\n" + base64.b64encode(bytes(31)).decode() + "\n", "a\n1\n" + base64.b64encode(bytes(32)).decode()]  # fmt: skip
    for told in answers(*({"ask": "note", "whole": b} for b in bad), *({"ask": "head", "text": h} for h in heads)):
        assert isinstance(told, str), told
        assert told.startswith("refused: "), told


def b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def line(position: int, *, private: str | None = None, closed: tuple[str, ...] = ()) -> dict[str, Any]:
    """A line of an export, as it is written."""
    texts = {"body": f'{{"n":{position}}}', "meta": f'{{"m":{position}}}'} | ({"private": private} if private else {})
    salts = {name: hashlib.sha256(f"{name}{position}".encode()).digest() for name in texts}
    digests = {name: commitment(name.encode(), salts[name], text.encode()) for name, text in texts.items()}
    at = datetime(2026, 3, 1, tzinfo=UTC) + timedelta(seconds=position)
    leaf = leaf_bytes(position, at, digests["body"], digests["meta"], digests.get("private")).decode()
    parts = {
        n: None if n in closed else {"salt": base64.b64encode(salts[n]).decode(), "text": t} for n, t in texts.items()
    }
    return {"leaf": leaf, "parts": parts}


def ndjson(lines: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in lines)


def test_leaves_are_read_as_ours_are():
    good = [line(1)["leaf"], line(17, private="Олена")["leaf"]]
    bad = [good[0] + "\n", good[0].replace('"v":1', '"v":2'), good[0].replace(",", ", "), good[0].upper(), "{}", ""]
    told = answers(*({"ask": "leaf", "text": text} for text in (*good, *bad)))
    for text, said in zip(good, told, strict=False):
        ours = parse_leaf(text.encode())
        assert said["position"] == ours.position
        assert said["parts"] == {name: digest.hex() for name, digest in ours.parts.items()}
    assert all(isinstance(said, str) for said in told[len(good) :])


def test_an_export_adds_up_to_its_root():
    lines = [
        line(n, private="Олена К." if n % 3 == 0 else None, closed=("private",) if n % 2 else ())
        for n in range(1, 1_100)
    ]
    (told,) = answers({"ask": "events", "text": ndjson(lines), "sizes": [512, 700]})
    hashes = [leaf_hash(each["leaf"].encode()) for each in lines]
    assert (told["fault"], told["root"]) == (None, root(hashes).hex())
    assert told["roots"] == {"512": root(hashes[:512]).hex(), "700": root(hashes[:700]).hex()}
    assert told["counts"] == {
        "events": 1_099, "opened": {"body": 1_099, "meta": 1_099, "private": 183}, "closed": {"body": 0, "meta": 0, "private": 183},
    }  # fmt: skip


def changed(n: int, **changes: Any) -> list[dict[str, Any]]:
    lines = [line(position, private="a name") for position in range(1, 6)]
    lines[n] = {**lines[n], **changes}
    return lines


@pytest.mark.parametrize(
    ("lines", "position", "detail"),
    [
        (changed(1, parts={**line(2, private="a name")["parts"], "body": {**line(2)["parts"]["body"], "text": '{"n":3}'}}), 2, "“body” that is not"),
        (changed(1, parts={**line(2, private="a name")["parts"], "private": {**line(3)["parts"]["meta"]}}), 2, "“private” that is not"),
        (changed(3, parts=line(4)["parts"]), 4, "leaves out its part “private”"),
        (changed(3, parts={**line(4, private="a name")["parts"], "more": None}), 4, "“more” that was never"),
        (changed(2, leaf=line(3)["leaf"].replace("2026", "2025"), parts=line(3)["parts"]), 3, "recorded before"),
        ([line(1), line(3)], 2, "says it is number 3"),
        ([line(1), line(1)], 2, "says it is number 1"),
        ([line(2), line(1)], 1, "says it is number 2"),
        (changed(0, leaf="{}"), 1, "no leaf"),
        (changed(0, parts=None), 1, "nothing of its parts"),
    ],
)  # fmt: skip
def test_every_tampering_is_named_by_its_position(lines: list[dict[str, Any]], position: int, detail: str):
    (told,) = answers({"ask": "events", "text": ndjson(lines), "sizes": []})
    assert told["fault"]["position"] == position
    assert detail in told["fault"]["detail"]


def test_a_proof_of_one_event():
    lines = [line(n) for n in range(1, 4)]
    hashes = [leaf_hash(each["leaf"].encode()) for each in lines]
    head = TreeHead("example.org/log", 3, root(hashes))
    note = str(Note(head.text, (LOG.sign(head.text),)))
    path = prove(inclusion_spans(1, 3), node_of(hashes))
    good = str(InclusionProof(lines[1]["leaf"].encode(), 1, path, note))
    other = str(InclusionProof(lines[0]["leaf"].encode(), 1, path, note))
    moved = good.replace("index 1", "index 2")
    changed = str(InclusionProof(line(2, private="more")["leaf"].encode(), 1, path, note))
    told = answers(*({"ask": "proof", "text": text} for text in (good, other, moved, changed, note, good[:40])))
    assert told[0]["position"] == 2
    assert [t.startswith("refused: ") for t in told[1:]] == [True] * 5
