"""An archive: the whole log outside of the database, in a folder or a bucket; it grows as the log does.

    archive.json                        of which log it is, how long its segments are, and what `import-log` needs
    0000000000000-0000000065536/        a segment: an export of its range that withholds nothing and proves itself
        manifest.json, checkpoint, events.parquet, heads.ndjson

A segment is written once, when its last position is sealed; what follows the last whole one is written each time. One
of which something was erased since is written anew: its manifest says what was gone when it was made.
"""

import asyncio
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import orjson

from incidentlog.audit.export import Exported, Wanted, export
from incidentlog.audit.exported import CHECKPOINT, MANIFEST, TABLE, VerificationError
from incidentlog.audit.merkle import Frontier
from incidentlog.audit.notes import NoteError, TreeHead, Verifier, open_head, parse_note
from incidentlog.audit.offline import Checked, verify_export
from incidentlog.audit.parquet import Table, read_rows
from incidentlog.audit.place import Place, PlaceError, Segment
from incidentlog.audit.tree import Tree
from incidentlog.audit.whole import EVERYTHING, HEADS, as_json, row_of, write_heads
from incidentlog.errors import NotFound
from incidentlog.store.connect import Connection
from incidentlog.store.erase import Part, read_erased
from incidentlog.store.notary import read_last_head
from incidentlog.store.parts import Row
from incidentlog.store.read import read_log
from incidentlog.store.whole import read_beside

ARCHIVE: Final = "archive.json"
FORMAT: Final = "incidentlog-archive"
VERSION: Final = 1
SEGMENT: Final = 65_536
"""Positions of a segment, unless another number is asked for when an archive is begun."""

Progress = Callable[[int, int], None]


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
    progress: Progress = lambda _done, _all: None,
) -> Archived:
    """Bring an archive up to what is sealed, or begin one, with a login that may read it all.

    Raises NotFound where the log is not signed, Tampered when what is stored is not what was signed, PlaceError for a
    place that holds another log's archive, or does not let itself be written.
    """
    identity = await read_log(connection)
    stored = await read_last_head(connection, identity.fork)
    if stored is None:
        raise NotFound("the log is not signed, so an archive of it would prove nothing: `incidentlog log init`")
    erased = await read_erased(connection)
    beside = orjson.loads(as_json(await read_beside(connection)))
    length = await asyncio.to_thread(_length, place, beside, segment)
    there = await asyncio.to_thread(_manifests, place)
    await _continues(place, there, Tree(connection, identity.fork), stored.size)
    described = {"format": FORMAT, "version": VERSION, "segment": length, **beside}
    await asyncio.to_thread(place.write, ARCHIVE, as_json(described))
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
                said={"erased": _erased_of(part, erased)},
            )
            await write_heads(connection, folder / HEADS, part.after, part.to)
            await asyncio.to_thread(place.put, part, folder)
        done.written.append(written)
    for part in there.keys() - set(parts):
        await asyncio.to_thread(place.remove, part)
    return done


async def _continues(place: Place, there: Collection[Segment], tree: Tree, size: int) -> None:
    """Raises PlaceError where what is there is not of this log as it is, but of one that was longer, or another."""
    if not there:
        return
    last = max(there, key=lambda part: part.to)
    if last.to > size:
        raise PlaceError(
            f"{place.where} goes to {last.to}, the log is sealed up to {size}: was it cut? Nothing was written there"
        )
    try:
        raw = await asyncio.to_thread(place.read, f"{last.name}/{CHECKPOINT}")
        head = TreeHead.parse(parse_note(raw or b"").text)
        same = head.size <= size and Frontier(head.size, await tree.frontier(head.size)).root() == head.root
    except (NoteError, ValueError) as error:
        raise PlaceError(f"{place.where}: checkpoint of {last.name}: {error}") from error
    if not same:
        raise PlaceError(f"{place.where} has a tree head of {head.size} events that are not this log's: see `verify`")


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
    """How long the segments are, or are to be. Raises PlaceError where the place holds something else."""
    described = _described(place)
    if described is None:
        return segment or SEGMENT
    log, own = described["log"], beside["log"]
    if (log["id"], log["fork"]) != (own["id"], own["fork"]):
        raise PlaceError(f"{place.where} is of log {log['id']}, fork {log['fork']}: choose another place")
    if segment not in {None, described["segment"]}:
        raise PlaceError(f"{place.where} is in segments of {described['segment']} positions, and stays so")
    return int(described["segment"])


def _described(place: Place) -> dict[str, Any] | None:
    """What a place says that it holds; None where it says nothing. Raises PlaceError for what is no archive."""
    raw = place.read(ARCHIVE)
    if raw is None:
        return None
    try:
        described: dict[str, Any] = orjson.loads(raw)
        if (described["format"], described["version"]) != (FORMAT, VERSION):
            raise PlaceError(f"{place.where}: {ARCHIVE} is of {described['format']} {described['version']}")
        if (
            not isinstance(described["segment"], int)
            or described["segment"] < 1
            or not {"id", "fork"} <= {*described["log"]}
        ):
            raise PlaceError(f"{place.where}: {ARCHIVE} does not say what it is of")
    except (ValueError, KeyError, TypeError) as error:
        raise PlaceError(f"{place.where}: {ARCHIVE} cannot be read: {error!r}") from error
    return described


def _manifests(place: Place) -> dict[Segment, Mapping[str, Any]]:
    """What is there, with what its manifest says; nothing for one that cannot be read, and so is written again."""
    found: dict[Segment, Mapping[str, Any]] = {}
    for part in place.every_segment():
        try:
            said = orjson.loads(place.read(f"{part.name}/{MANIFEST}") or b"")
        except orjson.JSONDecodeError:
            said = None
        found[part] = said if isinstance(said, dict) else {}
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
        be, NoteError for a previous head that is none, PlaceError for a place that is no archive.
        """
        if (described := _described(self.place)) is None:
            raise PlaceError(f"{self.name} is no archive: there is no {ARCHIVE}")
        parts = self.place.segments()
        if not parts:
            raise VerificationError("there is no segment in the archive")
        heads = [(open_head(raw, keys)[0].size, raw) for raw in previous]
        heads += [self._head_of(part, keys) for part in parts]
        if (longest := max(heads))[0] > (to := parts[-1].to):
            raise VerificationError(
                f"a tree head is of {longest[0]} events, the archive ends at {to}: it was cut, or is older than that",
                position=to + 1,
                previous=parse_note(longest[1]).text,
            )
        checked, end = None, Frontier()
        for part in parts:
            if part.after != end.size:
                raise VerificationError(f"after position {end.size} comes {part.name}", position=end.size + 1)
            own = [raw for size, raw in heads if part.after < size <= part.to or size == part.after == 0]
            with self._fetched(part) as folder:
                found = verify_export(folder, keys, previous=own, progress=_following(part.after, to, progress))
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
            yield from map(orjson.loads, (self.place.read(f"{part.name}/{HEADS}") or b"").splitlines())

    def rows(self) -> Iterator[Row]:
        """The events, in order."""
        for part in self.place.segments():
            with self._fetched(part) as folder:
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
    def _fetched(self, part: Segment) -> Iterator[Path]:
        with TemporaryDirectory() as scratch:
            try:
                self.place.fetch(part, (MANIFEST, CHECKPOINT, TABLE), Path(scratch))
            except FileNotFoundError as error:
                raise VerificationError(f"{part.name} is not whole: {error}", position=part.after + 1) from error
            yield Path(scratch)


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
