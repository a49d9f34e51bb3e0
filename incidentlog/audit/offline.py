"""Checking an export with nothing but the export and a key that came another way: no database, no network.

The events are read once, in order; memory stays flat whatever their number. The key is never taken from the export.
"""

import binascii
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from io import BufferedReader
from pathlib import Path
from typing import Any, BinaryIO, Final

import orjson

from incidentlog.audit.exported import (
    BESIDE,
    CHECKPOINT,
    EVENTS,
    FORMAT,
    MANIFEST,
    TABLE,
    VERSION,
    VerificationError,
    named,
)
from incidentlog.audit.leaf import LEAF, PARTS
from incidentlog.audit.merkle import Frontier, ProofError, check_consistency, leaf_hash
from incidentlog.audit.notes import NoteError, TreeHead, Verifier, open_head, unbase64
from incidentlog.commitment import SALT_BYTES, commitment

LINE: Final = 4 * 1024 * 1024
SMALL: Final = 1024 * 1024
"""The most bytes of a line, and of the other files."""
PROVEN: Final = frozenset({"format", "version", "origin", "after", "to", "counts", "files", "frontier", "consistency"})
"""The words of a manifest that are held against what was signed. All others are the exporter's: nothing proves them."""
_PARTS: Final = tuple((name, name.encode()) for name in PARTS)


@dataclass(slots=True)
class Checked:
    """What an export proves."""

    head: TreeHead
    after: int
    to: int
    frontiers: tuple[list[bytes], list[bytes]] = ([], [])
    """What the tree is made of before the range and after it."""
    previous: list[TreeHead] = field(default_factory=list)
    leaves: int = 0
    opened: int = 0
    """Events of which at least the body was there, and was what the leaf commits to."""
    withheld: int = 0
    said: Mapping[str, Any] = field(default_factory=dict)
    """What the manifest says beside that, and only whoever made the export answers for."""
    first: str | None = None
    last: str | None = None
    """When the first and the last of them were recorded."""


def verify_export(
    folder: Path,
    keys: Sequence[Verifier],
    *,
    previous: Sequence[bytes] = (),
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> Checked:
    """Check an export; `previous` are tree heads of the same log that were kept from before.

    Raises VerificationError for whatever is not as it must be, NoteError for a previous head that is none.
    """
    manifest = _manifest(folder)
    try:
        raw = _small(folder / CHECKPOINT)
        head, _ = open_head(raw, keys)
        _is_file(manifest, CHECKPOINT, {"sha256": sha256(raw).hexdigest(), "bytes": len(raw)})
        frontier = Frontier(manifest["after"], [unbase64(h) for h in manifest["frontier"]])
        consistency = [unbase64(h) for h in manifest["consistency"]]
    except (NoteError, ValueError, TypeError) as error:
        raise VerificationError(f"checkpoint: {error}") from error
    if manifest.get("origin") != head.origin:
        raise VerificationError(f"the manifest is of {manifest.get('origin')}, the tree head of {head.origin}")
    said = {word: value for word, value in manifest.items() if word not in PROVEN}
    checked = Checked(head, manifest["after"], manifest["to"], (frontier.hashes[:], frontier.hashes), said=said)
    checked.previous += [_previous(raw, keys, checked) for raw in previous]
    walk = _Walk(frontier, checked, progress)
    if TABLE in manifest["files"]:
        _is_file(manifest, TABLE, _named(folder / TABLE))
        walk.table(folder / TABLE)
    else:
        with _opened(folder / EVENTS) as file:
            read = walk.lines(file)
        _is_file(manifest, EVENTS, read)
    for name in sorted(manifest["files"].keys() & BESIDE):
        _is_file(manifest, name, _named(folder / name))
    if frontier.size != checked.to:
        raise VerificationError(f"the events end at {frontier.size}, not at {checked.to}", position=frontier.size + 1)
    try:
        check_consistency(checked.to, frontier.root(), head.size, head.root, consistency)
    except ProofError as error:
        where = max(checked.after, *(head.size for head in checked.previous), 0)
        raise VerificationError(
            f"positions {where + 1} to {checked.to}: the leaves are not those that were signed: {error}",
            position=where + 1,
            signed=raw.decode(),
            found=TreeHead(head.origin, checked.to, frontier.root()).text,
        ) from error
    counts = {"leaves": checked.leaves, "opened": checked.opened, "withheld": checked.withheld}
    if manifest.get("counts") != counts:
        raise VerificationError(f"the manifest counts {manifest.get('counts')}, there are {counts}")
    return checked


class _Walk:
    """One pass over the events."""

    def __init__(self, frontier: Frontier, checked: Checked, progress: Callable[[int, int], None]) -> None:
        self._frontier, self._checked, self._progress = frontier, checked, progress
        self._sizes = {head.size for head in checked.previous}
        self._at_previous()

    def table(self, path: Path) -> None:
        """Check every row of a table whose digest is right."""
        from incidentlog.audit.parquet import read_events  # noqa: PLC0415 - an extra

        for said in read_events(path):
            self._event(said)

    def lines(self, file: BinaryIO) -> dict[str, Any]:
        """Check every line; how a manifest names the file."""
        digest, size = sha256(), 0
        while line := file.readline(LINE + 1):
            if len(line) > LINE:
                raise VerificationError("a line is too long", position=self._frontier.size + 1)
            try:
                said = orjson.loads(line)
            except ValueError:
                said = None
            self._event(said)
            digest.update(line)
            size += len(line)
        return {"sha256": digest.hexdigest(), "bytes": size}

    def _event(self, said: Any) -> None:
        position = self._frontier.size + 1
        leaf, parts = "", None
        try:
            leaf, parts = said["leaf"], said["parts"]
            matched = LEAF.fullmatch(leaf) if len(said) == 2 and isinstance(parts, dict) else None  # noqa: PLR2004
        except (KeyError, TypeError):
            matched = None
        if matched is None or parts is None:
            raise VerificationError(f"position {position}: this is no event of an export", position=position)
        if int(matched[4]) != position:
            raise VerificationError(f"after position {position - 1} comes {matched[4]}", position=position)
        checked, recorded_at = self._checked, matched[5]
        if checked.last is not None and recorded_at < checked.last:
            raise VerificationError(f"position {position} was recorded before the one before it", position=position)
        self._parts(position, leaf, parts, matched.groups()[:3])
        self._frontier.add(leaf_hash(leaf.encode()))
        checked.leaves += 1
        checked.first, checked.last = checked.first or recorded_at, recorded_at
        if self._frontier.size in self._sizes:
            self._at_previous()
        if checked.leaves % 10_000 == 0:
            self._progress(checked.leaves, checked.to - checked.after)

    def _parts(self, position: int, leaf: str, parts: dict[str, Any], digests: Sequence[str | None]) -> None:
        """Hold each part that is there against what the leaf commits to."""
        expected = len(digests) - (digests[-1] is None)
        for (name, label), digest in zip(_PARTS, digests, strict=True):
            if digest is None:
                continue
            part = parts.get(name, "missing")
            if part is None:
                continue
            try:
                salt, text = binascii.a2b_base64(part["salt"], strict_mode=True), part["text"].encode()
                good = len(salt) == SALT_BYTES and commitment(label, salt, text).hex() == digest
            except (TypeError, KeyError, AttributeError, binascii.Error, UnicodeEncodeError):
                good = False
            if not good:
                raise VerificationError(
                    f"position {position}: the {name} is not what the leaf commits to", position=position, leaf=leaf
                )
        if len(parts) != expected:
            raise VerificationError(f"position {position}: other parts than the leaf has", position=position, leaf=leaf)
        if parts["body"] is None:
            self._checked.withheld += 1
        else:
            self._checked.opened += 1

    def _at_previous(self) -> None:
        for previous in self._checked.previous:
            if previous.size == self._frontier.size and previous.root != self._frontier.root():
                raise VerificationError(
                    f"positions 1 to {previous.size} are not what they were when the previous tree head was signed",
                    position=self._checked.after + 1,
                    previous=previous.text,
                    found=TreeHead(previous.origin, previous.size, self._frontier.root()).text,
                )


def _previous(raw: bytes, keys: Sequence[Verifier], checked: Checked) -> TreeHead:
    previous, _ = open_head(raw, keys)
    if previous.origin != checked.head.origin:
        raise VerificationError(f"the previous tree head is of {previous.origin}, the export of {checked.head.origin}")
    if previous.size > checked.head.size:
        raise VerificationError(
            f"the tree head you kept is of {previous.size} events, and this export's of {checked.head.size}: it was "
            "made before you kept that, or the log was cut. Ask for an export made now",
            position=checked.head.size + 1,
            previous=previous.text,
        )
    if not checked.after <= previous.size <= checked.to:
        raise VerificationError(
            f"the export of {checked.after + 1} to {checked.to} cannot show that it continues a tree head of "
            f"{previous.size}: export from 1, or to {previous.size} or beyond"
        )
    return previous


def _manifest(folder: Path) -> dict[str, Any]:
    try:
        manifest: dict[str, Any] = orjson.loads(_small(folder / MANIFEST))
        kind, version = manifest["format"], manifest["version"]
        after, to = manifest["after"], manifest["to"]
        lists, files = (manifest["frontier"], manifest["consistency"]), manifest["files"]
    except (ValueError, KeyError, TypeError) as error:
        raise VerificationError(f"{folder / MANIFEST} cannot be read: {error!r}") from error
    if (kind, version) != (FORMAT, VERSION):
        raise VerificationError(f"this is {kind} {version}; what is checked here is {FORMAT} {VERSION}")
    ranged = type(after) is int and type(to) is int and 0 <= after <= to
    if not (ranged and isinstance(files, dict) and all(isinstance(x, list) for x in lists)):
        raise VerificationError("the manifest names no range, or not what proves it")
    if others := files.keys() - {CHECKPOINT, EVENTS, TABLE, *BESIDE}:
        raise VerificationError(f"the manifest names what is no file of an export: {', '.join(sorted(others))}")
    return manifest


@contextmanager
def _opened(path: Path) -> Iterator[BufferedReader]:
    """A file of the export; raises VerificationError where it cannot be read."""
    try:
        with path.open("rb", buffering=SMALL) as file:
            assert isinstance(file, BufferedReader)  # noqa: S101 - it has a buffer
            yield file
    except OSError as error:
        raise VerificationError(f"{path} cannot be read: {error.strerror}") from error


def _small(path: Path) -> bytes:
    with _opened(path) as file:
        raw = file.read(SMALL + 1)
    if len(raw) > SMALL:
        raise ValueError(f"{path.name} is too long")
    return raw


def _named(path: Path) -> dict[str, Any]:
    with _opened(path) as file:
        return named(file)


def _is_file(manifest: dict[str, Any], name: str, read: dict[str, Any]) -> None:
    if manifest["files"].get(name) != read:
        raise VerificationError(f"{name} is not the file that the manifest names")
