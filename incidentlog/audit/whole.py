"""The whole log as files that any database takes in again: an export of everything, and what is beside the events.

    manifest.json, checkpoint, events.ndjson    an export like any other, with everything opened (docs/audit.md)
    rows.ndjson     of each position the columns that index the event
    heads.ndjson    every tree head that was published, of every fork
    log.json        what the log is called, its keys' public halves, zone data, and a secret that ids are derived under

API keys, who read what, and whatever can be computed from the log are not in it, nor is the key that signs.
"""

import asyncio
import base64
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol
from uuid import UUID

import asyncpg
import orjson

from incidentlog.audit.export import SIGN, Exported, Wanted, export
from incidentlog.audit.exported import CHECKPOINT, EVENTS, HEADS, LOG, ROWS, VerificationError
from incidentlog.audit.leaf import NoLeafError, instant, parse_leaf
from incidentlog.audit.merkle import leaf_hash
from incidentlog.audit.notary import stored_tiles
from incidentlog.audit.notes import Verifier
from incidentlog.audit.offline import Checked, verify_export
from incidentlog.audit.tiles import Edge, Tile
from incidentlog.audit.verify import Report, leaf_of_row, verify_log
from incidentlog.errors import NotFound, NotSealed
from incidentlog.events.values import TLP_LABELS
from incidentlog.store.connect import Access, Connection
from incidentlog.store.migrate import migrate
from incidentlog.store.notary import StoredHead, count_sessions, read_heads, read_last_head
from incidentlog.store.parts import INDEXED, Row, read_rows
from incidentlog.store.read import read_head, read_log
from incidentlog.store.whole import (
    analyze,
    hold_new,
    put_beside,
    put_commits,
    put_heads,
    put_rows,
    put_tiles,
    read_beside,
)

VERSION: Final = 1
EVERYTHING: Final = Wanted(clearance=len(TLP_LABELS) - 1, private=True)
PAGE: Final = 1_000
SEALING_TRIES: Final = 30
SEALING_SECONDS: Final = 0.1
_INSTANTS: Final = ("occurred_from", "occurred_until", "reported_at")

Progress = Callable[[int, int], None]


class NotTakenError(Exception):
    """The log is not taken in; the message says why. Nothing was written."""


async def export_whole(
    connection: Connection, folder: Path, *, by: str, purpose: str | None, at: datetime, progress: Progress
) -> Exported:
    """Write everything into a new folder, up to the last event, which must be sealed.

    Raises as `export` does, and NotSealed where nobody seals the last events.
    """
    await _all_sealed(connection)
    beside = partial(_write_beside, connection)
    return await export(connection, folder, EVERYTHING, by=by, purpose=purpose, at=at, progress=progress, beside=beside)


async def _write_beside(connection: Connection, folder: Path, to: int) -> Iterable[str]:
    with (folder / ROWS).open("wb") as file:
        async for row in _rows(connection, to):
            file.write(_row_line(row))
    await write_heads(connection, folder / HEADS, 0, to)
    (folder / LOG).write_bytes(as_json({"version": VERSION, **await read_beside(connection)}))
    return ROWS, HEADS, LOG


async def write_heads(connection: Connection, path: Path, after: int, to: int) -> None:
    """Write every tree head, of every fork, that ends in a range of positions; an empty log's with the first."""
    with path.open("wb") as file:
        for fork in range((await read_log(connection)).fork + 1):
            last = after or -1
            while page := await read_heads(connection, fork, after=last, limit=PAGE):
                for head in page:
                    if head.size <= to:
                        file.write(orjson.dumps(_head_line(fork, head)) + b"\n")
                if (last := page[-1].size) >= to:
                    break


def _head_line(fork: int, head: StoredHead) -> dict[str, Any]:
    signed_at, root = instant(head.signed_at), _told(head.root)
    return {"fork": fork, "size": head.size, "note": head.note, "signed_at": signed_at, "root": root}


def as_json(value: Mapping[str, Any]) -> bytes:
    """What stands beside the events, as a file."""
    return orjson.dumps(value, default=_told, option=orjson.OPT_INDENT_2)


async def _all_sealed(connection: Connection) -> None:
    head = (await read_head(connection)).position
    fork = (await read_log(connection)).fork
    sealed = 0
    for _ in range(SEALING_TRIES):
        last = await read_last_head(connection, fork)
        if last is None:
            raise NotFound(f"the log has no tree head, so nothing could tell that it arrives whole: {SIGN}")
        if (sealed := last.size) >= head:
            return
        await asyncio.sleep(SEALING_SECONDS)
    raise NotSealed(f"the log is sealed up to {sealed} of {head}: let the service that signs it run for a second")


async def _rows(connection: Connection, to: int) -> AsyncIterator[Row]:
    for after in range(0, to, PAGE):
        for row in await read_rows(connection, after, min(after + PAGE, to), PAGE):
            yield row


def _row_line(row: Row) -> bytes:
    told = {name: getattr(row, name) for name in INDEXED}
    told |= {name: None if told[name] is None else instant(told[name]) for name in _INSTANTS}
    return orjson.dumps(told, default=str) + b"\n"


def _told(value: Any) -> str:
    match value:
        case bytes():
            return base64.b64encode(value).decode()
        case datetime():
            return instant(value)
        case _:
            return str(value)


class Source(Protocol):
    """A whole log outside of a database. All raise VerificationError for what is not as it must be."""

    @property
    def name(self) -> str:
        """Where it is."""

    def verify(self, keys: Sequence[Verifier], *, progress: Progress) -> Checked:
        """Check all of it, before anything is read of it."""

    def checkpoint(self) -> bytes:
        """The tree head over all of it."""

    def beside(self) -> Mapping[str, Any]:
        """What is beside the events: `log`, `keys`, `zone_data`, `secret`."""

    def heads(self) -> Iterator[Mapping[str, Any]]:
        """Every tree head that was published."""

    def rows(self) -> Iterator[Row]:
        """The events, in order."""


@dataclass(frozen=True, slots=True)
class Export:
    """What `export_whole` wrote."""

    folder: Path

    @property
    def name(self) -> str:
        """Where it is."""
        return str(self.folder)

    def verify(self, keys: Sequence[Verifier], *, progress: Progress) -> Checked:
        """Check all of it."""
        part = NotTakenError(f"{self.folder} is a part of a log; `incidentlog export --all` writes all of it")
        if not (self.folder / LOG).exists():
            raise part
        checked = verify_export(self.folder, keys, progress=progress)
        if (checked.after, checked.to) != (0, checked.head.size):
            raise part
        return checked

    def checkpoint(self) -> bytes:
        """The tree head over all of it."""
        return (self.folder / CHECKPOINT).read_bytes()

    def beside(self) -> Mapping[str, Any]:
        """What is beside the events."""
        try:
            beside: dict[str, Any] = orjson.loads((self.folder / LOG).read_bytes())
            version = beside["version"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise VerificationError(f"{self.folder / LOG} cannot be read: {error!r}") from error
        if version != VERSION:
            raise VerificationError(f"{self.folder / LOG} is of version {version}, not {VERSION}")
        return beside

    def heads(self) -> Iterator[Mapping[str, Any]]:
        """Every tree head that was published."""
        return lines_of(self.folder / HEADS)

    def rows(self) -> Iterator[Row]:
        """The events, in order."""
        for event, columns in zip(lines_of(self.folder / EVENTS), lines_of(self.folder / ROWS), strict=True):
            instants = {name: None if columns[name] is None else _at(columns[name]) for name in _INSTANTS}
            yield row_of(event, columns | instants)


async def import_whole(
    access: Access,
    source: Source,
    keys: Sequence[Verifier],
    *,
    zone: str,
    progress: Progress = lambda _done, _all: None,
) -> Report:
    """Take a whole log into a database where nothing was appended yet, all or nothing; it is the same log there.

    The source is verified first, by `keys` that came another way; and what stands in the database afterwards is, as
    `verify` does it, before it is committed. Raises VerificationError for a source, or what comes of it, that is not
    what was signed, NotTakenError where there is a log, or a service at work.
    """
    checked = source.verify(keys, progress=progress)
    beside = source.beside()
    await migrate(access, zone)
    connection = await access.connect()
    try:
        if await count_sessions(connection):
            raise NotTakenError("a service is at work on this database: stop it first")
        async with connection.transaction():
            if not await hold_new(connection):
                raise NotTakenError("there is a log already: it is taken into a database, or a schema, without one")
            fork = await _put_beside(connection, beside)
            taking = _Taking(connection, access.schema, fork, _by_size(source.heads()))
            await taking.take(source.rows(), lambda position: progress(position, checked.to))
            await analyze(connection)
            report = await verify_log(connection, keys=keys, previous=[source.checkpoint()], progress=progress)
            if (first := report.first) is not None or report.root != checked.head.root:
                detail = "the root is another" if first is None else first.detail
                raise VerificationError(f"what came of it is not what was signed: {detail}")
    except (ValueError, KeyError, asyncpg.IntegrityConstraintViolationError) as error:
        raise VerificationError(f"the files of {source.name} do not fit together: {error}") from error
    else:
        return report
    finally:
        await connection.close()


async def _put_beside(connection: Connection, beside: Mapping[str, Any]) -> int:
    try:
        log = beside["log"]
        called = (
            UUID(log["id"]),
            log["zone"],
            log["fork"],
            log["generation"],
            log["erased_upto"],
            _at(log["created_at"]),
        )
        keys = [(key["fork"], key["origin"], key["vkey"], _at(key["made_at"])) for key in beside["keys"]]
        zones = [(z["id"], z["release"], _bytes(z["packed"]), _at(z["added_at"])) for z in beside["zone_data"]]
        secret = _bytes(beside["secret"])
    except (ValueError, KeyError, TypeError) as error:
        raise VerificationError(f"what the log is called cannot be read: {error!r}") from error
    await put_beside(connection, called, keys, zones, secret)
    return int(log["fork"])


def _by_size(heads: Iterable[Mapping[str, Any]]) -> dict[int, list[tuple[int, StoredHead]]]:
    found: dict[int, list[tuple[int, StoredHead]]] = {}
    for told in heads:
        head = StoredHead(told["size"], _bytes(told["root"]), told["note"], _at(told["signed_at"]))
        found.setdefault(head.size, []).append((told["fork"], head))
    return found


@dataclass(slots=True)
class _Taking:
    """Events on their way into the database, page by page, with their commits and the tiles of the tree over them."""

    connection: Connection
    schema: str
    fork: int
    heads: Mapping[int, list[tuple[int, StoredHead]]]
    """The tree heads by size, each with its fork. Of an earlier fork those alone go along that the log still begins
    with: where it was cut before the fork, the others were signed of what is lost."""
    edge: Edge = field(default_factory=Edge)
    page: list[Row] = field(default_factory=list)
    commits: list[tuple[int, datetime]] = field(default_factory=list)
    tiles: list[tuple[Tile, bytes]] = field(default_factory=list)
    kept: list[tuple[int, StoredHead]] = field(default_factory=list)

    async def take(self, rows: Iterable[Row], progress: Callable[[int], None]) -> None:
        """Put everything in."""
        self._keep_heads()
        for row in rows:
            if self.page and self.page[-1].recorded_at != row.recorded_at:
                self._commit()
                if len(self.page) >= PAGE:
                    await self._put()
                    progress(row.position)
            self.page.append(row)
            self.tiles += self.edge.grow([leaf_hash(leaf_of_row(row))])
            self._keep_heads()
        if self.page:
            self._commit()
            await self._put()
        for fork, head in self.kept:
            await put_heads(self.connection, fork, [head])

    def _keep_heads(self) -> None:
        for fork, head in self.heads.get(self.edge.size, ()):
            if fork == self.fork or head.root == self.edge.root():
                self.kept.append((fork, head))

    def _commit(self) -> None:
        self.commits.append((self.page[-1].position, self.page[-1].recorded_at))

    async def _put(self) -> None:
        await put_rows(self.connection, self.schema, self.page)
        await put_commits(self.connection, self.schema, self.commits)
        await put_tiles(self.connection, self.fork, stored_tiles(self.tiles))
        for each in (self.page, self.commits, self.tiles):
            each.clear()


def row_of(event: Mapping[str, Any], columns: Mapping[str, Any]) -> Row:
    """An event as it was exported, and the columns that index it, of `INDEXED`, as the row that it was."""
    try:
        leaf = parse_leaf(event["leaf"].encode())
        body, body_salt = _part(event["parts"]["body"])
        meta, meta_salt = _part(event["parts"]["meta"])
        private, private_salt = _part(event["parts"].get("private"))
        if columns["position"] != leaf.position or meta is None or meta_salt is None:
            raise VerificationError("an event and its columns are not of one position, or its meta is withheld")
        return Row(
            **{**columns, "event_id": UUID(columns["event_id"])},
            recorded_at=leaf.recorded_at,
            body=body,
            body_salt=body_salt,
            body_digest=leaf.parts["body"] if body is None else None,
            meta=meta,
            meta_salt=meta_salt,
            has_private="private" in leaf.parts,
            private=private,
            private_salt=private_salt,
            private_digest=leaf.parts.get("private"),
        )
    except (ValueError, KeyError, TypeError, AttributeError, NoLeafError) as error:
        raise VerificationError(f"position {columns.get('position')}: {error}") from error


def _part(part: Mapping[str, str] | None) -> tuple[str | None, bytes | None]:
    return (None, None) if part is None else (part["text"], _bytes(part["salt"]))


def lines_of(path: Path) -> Iterator[dict[str, Any]]:
    """What a file of NDJSON has, a line at a time; raises VerificationError where it cannot be read."""
    try:
        with path.open("rb") as file:
            for line in file:
                yield orjson.loads(line)
    except (OSError, orjson.JSONDecodeError) as error:
        raise VerificationError(f"{path} cannot be read: {error}") from error


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
