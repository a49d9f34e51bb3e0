"""An export: a part of the log in a directory that proves itself, with no database and no network at hand.

    manifest.json    what it is, of whom, up to where, how narrowed; the digest of each file; what proves the range
    checkpoint       the signed tree head that it is checked against
    events.ndjson    a line per position: the exact leaf, and the parts that are opened, each with its salt;
                     or the same as a table (parquet.py)

Every leaf of the range is there, whatever was asked for: what is withheld is seen to be withheld.
"""

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Protocol

import orjson

from incidentlog import __version__
from incidentlog.audit.exported import CHECKPOINT, EVENTS, FORMAT, MANIFEST, VERSION, named, part_of
from incidentlog.audit.leaf import instant
from incidentlog.audit.merkle import Frontier, check_consistency, leaf_hash
from incidentlog.audit.notes import TreeHead, parse_note
from incidentlog.audit.tree import Tree
from incidentlog.audit.verify import leaf_of_row
from incidentlog.errors import NotFound, NotSealed, Tampered
from incidentlog.events.values import TLP_LABELS
from incidentlog.store.connect import Connection
from incidentlog.store.filters import EventFilter
from incidentlog.store.notary import StoredHead, read_last_head
from incidentlog.store.parts import Row, read_rows
from incidentlog.store.read import read_log
from incidentlog.store.search import search_events

PAGE: Final = 1_000
SIGN: Final = "let the service that signs it run for a second; where none does, `incidentlog log init`"
"""What to do where there is no tree head."""
NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be exported, and opened of that."""

    after: int = 0
    to: int | None = None
    """The last position; None is where the last tree head ends."""
    events: EventFilter = field(default_factory=EventFilter)
    told: dict[str, list[str]] = field(default_factory=dict)
    """The filters as they were asked for."""
    clearance: int = 0
    """Up to which marking bodies are opened."""
    private: bool = False
    """Whether private parts of what is opened are opened too."""


@dataclass(slots=True)
class Exported:
    """What was written."""

    after: int
    to: int
    clearance: int
    head: TreeHead
    leaves: int = 0
    opened: int = 0
    sha256: str = ""
    """Of the manifest, which has those of the other files."""


class EventsFile(Protocol):
    """A file of an export that the events go into, in the order of their positions."""

    name: str

    def add(self, row: Row, leaf: bytes, *, opened: bool, private: bool) -> None:
        """One more; what is not opened is withheld."""

    def close(self) -> dict[str, Any]:
        """Its digest and its size, as the manifest has them."""


class Lines:
    """A line of JSON for each."""

    name = EVENTS

    def __init__(self, folder: Path) -> None:
        self._file = (folder / EVENTS).open("wb")
        self._digest, self._size = sha256(), 0

    def add(self, row: Row, leaf: bytes, *, opened: bool, private: bool) -> None:
        """The leaf, and each part with its salt; null for one that is withheld, or erased."""
        line = line_of(row, leaf, opened=opened, private=private)
        self._file.write(line)
        self._digest.update(line)
        self._size += len(line)

    def close(self) -> dict[str, Any]:
        """Its digest and its size."""
        self._file.close()
        return {"sha256": self._digest.hexdigest(), "bytes": self._size}


async def nothing(_folder: Path, _to: int) -> Iterable[str]:
    """No other files."""
    return ()


async def export(
    connection: Connection,
    folder: Path,
    wanted: Wanted,
    *,
    by: str,
    purpose: str | None,
    at: datetime,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
    events: Callable[[Path], EventsFile] = Lines,
    beside: Callable[[Path, int], Awaitable[Iterable[str]]] = nothing,
    said: Mapping[str, Any] = NOTHING,
    under: StoredHead | None = None,
) -> Exported:
    """Write an export into a new folder, with a login that may read it all; `said` goes into the manifest.

    `under` is the tree head that it is proven by, the last one unless another is given. `beside` writes other files
    into the folder, up to a position, and answers their names: the manifest has their digests.

    Raises NotFound where the log is not signed, NotSealed for a range that is not, Tampered when what is stored is not
    what was signed, FileExistsError for a folder that is there.
    """
    identity = await read_log(connection)
    stored = under or await read_last_head(connection, identity.fork)
    if stored is None:
        raise NotFound(f"the log has no tree head, so an export of it would prove nothing: {SIGN}")
    head = TreeHead.parse(parse_note(stored.note.encode()).text)
    to = head.size if wanted.to is None else wanted.to
    if not wanted.after <= to <= head.size:
        raise NotSealed(f"the log is sealed up to {head.size}: {wanted.after} to {to} is no range of that")
    tree = Tree(connection, identity.fork)
    before, consistency = await tree.frontier(wanted.after), await tree.consistency(to, head.size)
    frontier = Frontier(wanted.after, before)
    done = Exported(wanted.after, to, wanted.clearance, head)
    await asyncio.to_thread(folder.mkdir, mode=0o700, parents=True)
    files = {CHECKPOINT: _written(folder / CHECKPOINT, stored.note.encode())}
    file = events(folder)
    try:
        await _write_events(connection, file, wanted, frontier, done, progress)
    except BaseException:
        with suppress(Exception):  # what stopped it is told, and not that there is no end to it
            file.close()
        raise
    files[file.name] = file.close()
    try:
        check_consistency(to, frontier.root(), head.size, head.root, consistency)
    except ValueError as error:
        raise Tampered(f"what is stored is not what was signed: {error}; `incidentlog verify` says where") from error
    files |= {name: _digest(folder / name) for name in await beside(folder, to)}
    manifest = {
        "format": FORMAT,
        "version": VERSION,
        "origin": head.origin,
        "log": str(identity.id),
        "fork": identity.fork,
        "zone": identity.zone,
        "zone_data": identity.zone_data,
        "after": wanted.after,
        "to": to,
        "basis": {"position": to, "generation": identity.generation, "by": "recorded"},
        "filters": wanted.told,
        "clearance": TLP_LABELS[wanted.clearance],
        "private": wanted.private,
        "counts": {"leaves": done.leaves, "opened": done.opened, "withheld": done.leaves - done.opened},
        "files": files,
        "frontier": [_base64(h) for h in before],
        "consistency": [_base64(h) for h in consistency],
        "exporter": {"name": "incidentlog", "version": __version__, "by": by, "at": instant(at), "purpose": purpose},
        **said,
    }
    raw = orjson.dumps(manifest, option=orjson.OPT_INDENT_2) + b"\n"
    done.sha256 = _written(folder / MANIFEST, raw)["sha256"]
    return done


async def _write_events(
    connection: Connection,
    file: EventsFile,
    wanted: Wanted,
    frontier: Frontier,
    done: Exported,
    progress: Callable[[int, int], None],
) -> None:
    async for row, opened in _rows(connection, wanted, done.to):
        leaf = leaf_of_row(row)
        frontier.add(leaf_hash(leaf))
        file.add(row, leaf, opened=opened, private=opened and wanted.private)
        done.leaves += 1
        done.opened += opened and row.body is not None  # one that was erased is opened by nobody
        if row.position % PAGE == 0:
            progress(row.position - wanted.after, done.to - wanted.after)


async def _rows(connection: Connection, wanted: Wanted, to: int) -> AsyncIterator[tuple[Row, bool]]:
    """Every row of the range, and whether it is to be opened."""
    after = wanted.after
    while after < to:
        upto = min(after + PAGE, to)
        rows = await read_rows(connection, after, upto, PAGE)
        if [row.position for row in rows] != list(range(after + 1, upto + 1)):
            raise Tampered(f"positions {after + 1} to {upto} are not all there; `incidentlog verify` says more")
        matching, _ = await search_events(
            connection, wanted.events, after=after, upto=upto, known=to, clearance=wanted.clearance, limit=PAGE
        )
        opened = {event.position for event in matching.events}
        for row in rows:
            yield row, row.position in opened
        after = upto


def line_of(row: Row, leaf: bytes, *, opened: bool, private: bool) -> bytes:
    """A line of an export: the leaf, and each part with its salt; null for one that is withheld, or erased."""
    parts = {
        "body": part_of(row.body_salt, row.body) if opened else None,
        "meta": part_of(row.meta_salt, row.meta) if opened else None,
    }
    if row.has_private:
        parts["private"] = part_of(row.private_salt, row.private) if private else None
    return orjson.dumps({"leaf": leaf.decode(), "parts": parts}) + b"\n"


def _written(path: Path, raw: bytes) -> dict[str, Any]:
    path.write_bytes(raw)
    return {"sha256": sha256(raw).hexdigest(), "bytes": len(raw)}


def _digest(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        return named(file)


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()


def exported_event(done: Exported, *, by: str, purpose: str | None) -> dict[str, Any]:
    """What the log is told of it: RED, as the access log, for it says who took what and what for."""
    data: dict[str, Any] = {
        "after": done.after,
        "to_position": done.to,
        "tlp": TLP_LABELS[done.clearance],
        "sha256": done.sha256,
        "root": _base64(done.head.root),
        "by": by,
    }
    if purpose is not None:
        data["purpose"] = purpose
    return {"type": "audit.exported", "stream": "audit:exports", "tlp": "RED", "data": data}
