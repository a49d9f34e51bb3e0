"""An archive: the whole log outside of the database, in a folder or a bucket; it grows as the log does.

    archive.json                        of which log it is, how long its segments are, and what `import-log` needs
    0000000000000-0000000065536/        a segment: an export of its range that withholds nothing and proves itself
        manifest.json, checkpoint, events.parquet, heads.ndjson

A segment is written once, when its last position is sealed; what follows the last whole one is written each time. One
of which something was erased since is written anew: its manifest says what was gone when it was made. So is one of
which a file is not there, or not of the size that the manifest says.

All that one run writes is proven by the one tree head that was the last when it began, however the log grows meanwhile.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import orjson

from incidentlog.audit.export import SIGN, Exported, Wanted, export
from incidentlog.audit.exported import CHECKPOINT, HEADS, MANIFEST, TABLE, VerificationError
from incidentlog.audit.merkle import Frontier
from incidentlog.audit.notes import NoteError, TreeHead, Verifier, open_head, parse_note
from incidentlog.audit.offline import Checked, verify_export
from incidentlog.audit.parquet import Table, read_rows
from incidentlog.audit.place import ArchiveAwayError, ArchiveError, Place, Segment, longest, segments_of
from incidentlog.audit.tree import Tree
from incidentlog.audit.whole import EVERYTHING, as_json, lines_of, row_of, write_heads
from incidentlog.errors import NotFound
from incidentlog.store.connect import Connection
from incidentlog.store.erase import Part, read_erased
from incidentlog.store.notary import StoredHead, read_last_head
from incidentlog.store.parts import Row
from incidentlog.store.read import read_log
from incidentlog.store.whole import hold_archives, read_beside

ARCHIVE: Final = "archive.json"
FORMAT: Final = "incidentlog-archive"
VERSION: Final = 1
SEGMENT: Final = 65_536
"""Positions of a segment, unless another number is asked for when an archive is begun."""

SEGMENT_FILES: Final = (CHECKPOINT, TABLE, HEADS)
"""What is in a segment beside its manifest, which has the digest of each."""

AGAIN: Final = "`incidentlog archive` writes it anew, if the log is still there"
AWAY: Final = "if the log itself verifies, move that segment away, and `incidentlog archive` writes it anew"
UNFINISHED: Final = "what writes it is not done: `incidentlog archive` makes it whole"

Progress = Callable[[int, int], None]
Record = Callable[[Exported], Awaitable[None]]


@dataclass(slots=True)
class Archived:
    """What was done."""

    to: int
    """The position up to which everything is there."""
    written: list[Exported] = field(default_factory=list)


async def write_archive(
    connection: Connection,
    place: Place,
    *,
    segment: int | None,
    by: str,
    purpose: str | None,
    at: datetime,
    record: Record,
    progress: Progress = lambda _done, _all: None,
) -> Archived:
    """Bring an archive up to what is sealed, or begin one, with a login that may read it all.

    `record` is awaited with each segment before it leaves, so that none leaves unrecorded however this ends. Raises
    NotFound where the log is not signed, Tampered when what is stored is not what was signed, ArchiveError for a
    place that holds another log's archive, and while another run writes an archive of this log, ArchiveAwayError for
    one that does not let itself be read or written.
    """
    async with connection.transaction():  # it holds the lock; nothing is written in it
        if not await hold_archives(connection):
            raise ArchiveError("another run writes an archive of this log: wait for it to end, and run this again")
        identity = await read_log(connection)
        stored = await _sealed(connection, identity.fork)
        erased = await read_erased(connection)
        beside = orjson.loads(as_json(await read_beside(connection)))
        length = await asyncio.to_thread(_length, place, beside, segment)
        there = await asyncio.to_thread(_manifests, place)
        await _continues(place, there, Tree(connection, identity.fork), stored.size)
        described = {"format": FORMAT, "version": VERSION, "segment": length, **beside}
        await asyncio.to_thread(place.write, ARCHIVE, as_json(described | {"sha256": _digest(described)}))
        parts = _parts(stored.size, length)
        owed = [part for part in parts if there.get(part, {}).get("erased") != _erased_of(part, erased)]
        done, total = Archived(stored.size), sum(part.to - part.after for part in owed)
        for part in owed:
            before = sum(earlier.leaves for earlier in done.written)
            with TemporaryDirectory() as scratch:
                folder = Path(scratch) / part.name
                written = await export(
                    connection,
                    folder,
                    Wanted(part.after, part.to, clearance=EVERYTHING.clearance, private=True),
                    by=by,
                    purpose=purpose,
                    at=at,
                    progress=_following(before, total, progress),
                    events=Table,
                    beside=_heads(connection, part),
                    said={"erased": _erased_of(part, erased)},
                    under=stored,
                )
                await record(written)
                await asyncio.to_thread(place.put, part, folder)
            for shorter in [old for old in there if old.after == part.after and old.to < part.to]:
                await asyncio.to_thread(place.remove, shorter)  # at once: whoever reads all tables reads its rows twice
            done.written.append(written)
        for part in there.keys() - set(parts):
            await asyncio.to_thread(place.remove, part)
        return done


async def _sealed(connection: Connection, fork: int) -> StoredHead:
    """The last tree head; raises NotFound where there is none, or none of an event."""
    if (stored := await read_last_head(connection, fork)) is None:
        raise NotFound(f"the log has no tree head, so an archive of it would prove nothing: {SIGN}")
    if not stored.size:
        raise NotFound("there is nothing to archive: no event of the log is sealed yet")
    return stored


def _heads(connection: Connection, part: Segment) -> Callable[[Path, int], Awaitable[Iterable[str]]]:
    """What writes the tree heads of a segment beside its events."""

    async def write(folder: Path, to: int) -> Iterable[str]:
        await write_heads(connection, folder / HEADS, part.after, to)
        return (HEADS,)

    return write


async def _continues(place: Place, there: Mapping[Segment, Mapping[str, Any]], tree: Tree, size: int) -> None:
    """Raises ArchiveError where what is there is not of this log as it is, but of one that was longer, or another."""
    if not there:
        return
    if (to := max(part.to for part in there)) > size:
        raise ArchiveError(
            f"{place.where} goes to {to}, the log is sealed up to {size}: was it cut? Nothing was written there"
        )
    if (last := max((part for part, said in there.items() if said), default=None)) is None:
        return
    try:
        raw = await asyncio.to_thread(place.read, f"{last.name}/{CHECKPOINT}")
        head = TreeHead.parse(parse_note(raw or b"").text)
        same = head.size <= size and Frontier(head.size, await tree.frontier(head.size)).root() == head.root
    except (NoteError, ValueError) as error:
        raise ArchiveError(
            f"{place.where}: checkpoint of {last.name}: {error}. See `verify`; if it was damaged, remove that segment"
        ) from error
    if not same:
        raise ArchiveError(f"{place.where} has a tree head of {head.size} events that are not this log's: see `verify`")


def _following(before: int, total: int, progress: Progress) -> Progress:
    """Progress with one segment, told as progress with all of them."""
    return lambda now, _all: progress(before + now, total)


def _parts(size: int, length: int) -> list[Segment]:
    """The segments of a log of a size."""
    return [Segment(after, min(after + length, size)) for after in range(0, size, length)]


def _erased_of(part: Segment, erased: Sequence[tuple[int, Part]]) -> dict[str, int | str]:
    """How much of a segment is gone, and a digest of what: a manifest has room for no list of all of it."""
    gone = [(position, what) for position, what in erased if part.after < position <= part.to]
    return {"parts": len(gone), "sha256": sha256(orjson.dumps(gone)).hexdigest()}


def _length(place: Place, beside: Mapping[str, Any], segment: int | None) -> int:
    """How long the segments are, or are to be. Raises ArchiveError where the place holds something else."""
    try:
        described = _described(place)
    except VerificationError as error:
        raise ArchiveError(error.detail) from error
    if described is None:
        return segment or SEGMENT
    log, own = described["log"], beside["log"]
    if (log["id"], log["fork"]) != (own["id"], own["fork"]):
        raise ArchiveError(f"{place.where} is of log {log['id']}, fork {log['fork']}: choose another place")
    if segment not in {None, described["segment"]}:
        raise ArchiveError(f"{place.where} is in segments of {described['segment']} positions, and stays so")
    return int(described["segment"])


def _described(place: Place) -> dict[str, Any] | None:
    """What a place says that it holds; None where it says nothing.

    Raises ArchiveError for what is no archive, VerificationError for what is not what was written.
    """
    raw = place.read(ARCHIVE)
    if raw is None:
        return None
    try:
        described: dict[str, Any] = orjson.loads(raw)
        if (described["format"], described["version"]) != (FORMAT, VERSION):
            raise ArchiveError(f"{place.where}: {ARCHIVE} is of {described['format']} {described['version']}")
        if (
            not isinstance(described["segment"], int)
            or described["segment"] < 1
            or not {"id", "fork"} <= {*described["log"]}
        ):
            raise ArchiveError(f"{place.where}: {ARCHIVE} does not say what it is of")
        written = described.pop("sha256")
    except (ValueError, KeyError, TypeError) as error:
        raise VerificationError(
            f"{ARCHIVE} of {place.where} cannot be read: {error!r}; remove it, and `incidentlog archive` writes it anew"
        ) from error
    if written != _digest(described):
        raise VerificationError(
            f"{ARCHIVE} of {place.where} is not what was written; remove it, and `incidentlog archive` writes it anew"
        )
    return described


def _digest(described: Mapping[str, Any]) -> str:
    """By which damage to what stands beside the events is seen; whoever changes it on purpose changes this too."""
    return sha256(as_json(described)).hexdigest()


def _manifests(place: Place) -> dict[Segment, Mapping[str, Any]]:
    """What is there, with what its manifest says; nothing for one that is not whole, and so is written again."""
    found: dict[Segment, Mapping[str, Any]] = {}
    sizes = place.sizes()
    for part in segments_of(sizes):
        try:
            said = orjson.loads(place.read(f"{part.name}/{MANIFEST}") or b"")
            there = {name: sizes.get(f"{part.name}/{name}") for name in SEGMENT_FILES}
            whole = there == {name: said["files"][name]["bytes"] for name in SEGMENT_FILES}
        except (orjson.JSONDecodeError, KeyError, TypeError):
            said, whole = {}, False
        found[part] = said if whole else {}
    return found


@dataclass(frozen=True, slots=True)
class Archive:
    """An archive as what a log is checked by, or taken from."""

    place: Place

    @property
    def name(self) -> str:
        """Where it is."""
        return self.place.where

    def verify(
        self,
        keys: Sequence[Verifier],
        *,
        previous: Sequence[bytes] = (),
        progress: Progress = lambda _done, _all: None,
    ) -> Checked:
        """Check all of it: each segment, that it continues the one before, and that all tree heads are of one log.

        `previous` are tree heads that were kept from before. Raises VerificationError for whatever is not as it must
        be, NoteError for a previous head that is none, ArchiveError for a place that is no archive, ArchiveAwayError
        for one that does not answer, or that is written to meanwhile.
        """
        before = self.place.sizes()
        try:
            return self._verify(segments_of(before), keys, previous, progress)
        except VerificationError as error:
            if self.place.sizes() == before:
                raise
            raise ArchiveAwayError(
                f"{self.name} was written to meanwhile: verify it again when that is done"
            ) from error

    def _verify(
        self, every: Sequence[Segment], keys: Sequence[Verifier], previous: Sequence[bytes], progress: Progress
    ) -> Checked:
        if (described := _described(self.place)) is None:
            if every:
                raise VerificationError(f"there is no {ARCHIVE} in {self.name}: `incidentlog archive` writes it anew")
            raise ArchiveError(f"{self.name} is no archive: there is no {ARCHIVE}")
        if not (parts := longest(every)):
            raise VerificationError(f"there is no segment in the archive: {UNFINISHED}")
        heads = [(open_head(raw, keys)[0].size, raw) for raw in previous]
        heads += [self._head_of(part, keys) for part in parts]
        if (last := max(heads))[0] > (to := parts[-1].to):
            raise VerificationError(
                f"a tree head is of {last[0]} events, the archive ends at {to}: it was cut, or is older than that, "
                f"or {UNFINISHED}",
                position=to + 1,
                previous=parse_note(last[1]).text,
            )
        checked, end = None, Frontier()
        for part in parts:
            if part.after != end.size:
                raise VerificationError(
                    f"after position {end.size} comes {part.name}: what is between is gone, or {UNFINISHED}",
                    position=end.size + 1,
                )
            own = [raw for size, raw in heads if part.after < size <= part.to or size == part.after == 0]
            with self._fetched(part, (MANIFEST, *SEGMENT_FILES)) as folder:
                found = _checked(part, folder, keys, own, _following(part.after, to, progress))
            if (found.after, found.to) != (part.after, part.to) or found.frontiers[0] != end.hashes:
                raise VerificationError(f"{part.name} does not continue what is before", position=part.after + 1)
            end = Frontier(part.to, found.frontiers[1])
            checked = found if checked is None else _joined(checked, found)
        assert checked is not None  # noqa: S101 - there is a segment
        said = {word: described[word] for word in ("format", "version", "segment")}
        checked.said = said | {"log": described["log"]["id"], "fork": described["log"]["fork"]}
        return checked

    def checkpoint(self) -> bytes:
        """The tree head over all of it."""
        return self._checkpoint(self.place.segments()[-1])

    def beside(self) -> Mapping[str, Any]:
        """What is beside the events."""
        return _described(self.place) or {}

    def heads(self) -> Iterator[Mapping[str, Any]]:
        """Every tree head that was published."""
        for part in self.place.segments():
            with self._fetched(part, (HEADS,)) as folder:  # it may be large: a tree head for each event, cosigned
                yield from lines_of(folder / HEADS)

    def rows(self) -> Iterator[Row]:
        """The events, in order."""
        for part in self.place.segments():
            with self._fetched(part, (TABLE,)) as folder:
                for event, columns in read_rows(folder / TABLE):
                    yield row_of(event, columns)

    def _checkpoint(self, part: Segment) -> bytes:
        return self.place.read(f"{part.name}/{CHECKPOINT}") or b""

    def _head_of(self, part: Segment, keys: Sequence[Verifier]) -> tuple[int, bytes]:
        """The tree head of a segment, and its size."""
        raw = self._checkpoint(part)
        try:
            return open_head(raw, keys)[0].size, raw
        except NoteError as error:
            raise VerificationError(f"checkpoint of {part.name}: {error}", position=part.after + 1) from error

    @contextmanager
    def _fetched(self, part: Segment, names: Sequence[str]) -> Iterator[Path]:
        with TemporaryDirectory() as scratch:
            self.place.fetch(part, names, folder := Path(scratch))
            if missing := [name for name in names if not (folder / name).exists()]:
                raise VerificationError(
                    f"{part.name} is not whole: {', '.join(missing)} is not there; {AGAIN}", position=part.after + 1
                )
            yield folder


def _checked(
    part: Segment, folder: Path, keys: Sequence[Verifier], own: Sequence[bytes], progress: Progress
) -> Checked:
    """What a segment proves; raises VerificationError, which names it."""
    try:
        return verify_export(folder, keys, previous=own, progress=progress)
    except VerificationError as error:
        told = f"{part.name}: {error.detail}; {AWAY}"
        raise VerificationError(told, position=error.position, **error.evidence) from error


def _joined(checked: Checked, found: Checked) -> Checked:
    """What two stretches prove, the one after the other."""
    return Checked(
        found.head,
        checked.after,
        found.to,
        (checked.frontiers[0], found.frontiers[1]),
        checked.previous + found.previous,
        checked.leaves + found.leaves,
        checked.opened + found.opened,
        checked.withheld + found.withheld,
        first=checked.first,
        last=found.last,
    )
