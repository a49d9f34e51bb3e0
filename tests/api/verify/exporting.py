"""Exports as they are written, of made-up events, signed with a key of the tests' own."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from incidentlog.audit.merkle import consistency_spans, leaf_hash, nodes_of, prove
from incidentlog.audit.notes import Note, TreeHead
from tests.api.verify.test_modules import LOG, b64, ndjson, node_of, root


def write_export(folder: Path, lines: Sequence[dict[str, Any]], *, after: int = 0, to: int | None = None) -> Path:
    """An export of a range of the events, whose tree is signed whole."""
    to = len(lines) if to is None else to
    hashes = [leaf_hash(line["leaf"].encode()) for line in lines]
    head = TreeHead("example.org/log", len(lines), root(hashes))
    texts = {
        "checkpoint": str(Note(head.text, (LOG.sign(head.text),))),
        "events.ndjson": ndjson(list(lines[after:to])),
    }
    manifest = {
        "format": "incidentlog-export", "version": 1, "origin": head.origin, "after": after, "to": to,
        "frontier": [b64(node_of(hashes)(*node)) for node in nodes_of((0, after))],
        "consistency": [b64(h) for h in prove(consistency_spans(to, len(lines)), node_of(hashes))],
        "files": {n: {"sha256": hashlib.sha256(t.encode()).hexdigest(), "bytes": len(t.encode())} for n, t in texts.items()},
        "exporter": {"by": "tests", "at": "2026-03-01T12:00:00Z", "purpose": None},
    }  # fmt: skip
    folder.mkdir(parents=True)
    for name, text in {**texts, "manifest.json": json.dumps(manifest)}.items():
        (folder / name).write_text(text, "utf-8")
    return folder


def head_of(lines: Sequence[dict[str, Any]]) -> str:
    """The signed head of a log of these events."""
    head = TreeHead("example.org/log", len(lines), root([leaf_hash(line["leaf"].encode()) for line in lines]))
    return str(Note(head.text, (LOG.sign(head.text),)))
