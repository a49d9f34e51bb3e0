"""Writing what is derived from the log: subjects, ledgers, documents and the checkpoint, in one transaction."""

from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import Any, Final

import asyncpg

from incidentlog.events.values import Model
from incidentlog.folding.change import Change, same
from incidentlog.folding.fold import Variants
from incidentlog.folding.shapes import Booking, DocumentVersion
from incidentlog.folding.steps import Membership, Name
from incidentlog.folding.subject import Absorbed, Subject
from incidentlog.sqlfiles import query
from incidentlog.store.builds import SUBJECTS, Build, Parked, SupersededError, read_builds
from incidentlog.store.connect import Connection, Pool
from incidentlog.store.segments import packed
from incidentlog.store.versions import Bases, Text, Texts, on_read, write_model

SUPERSEDED: Final = "IL002"
"""The SQLSTATE by which `write_folded` refuses."""
SUBJECT_COLUMNS: Final = (
    "build", "stream", "level", "from_position", "to_position", "restated", "body", "rests_on", "lists",
)  # fmt: skip
FEW: Final = 50
"""More versions of subjects than this are copied: in more messages, and with fewer bytes written ahead."""
MEMBERS_AT_ONCE: Final = 50
"""How many members of documents are read at a time, each as large as a subject is."""


@dataclass(slots=True)
class Derived:
    """What a batch of events adds to one projection."""

    build: int
    bookings: list[Booking] = field(default_factory=list)
    names: list[Name] = field(default_factory=list)
    versions: list[DocumentVersion] = field(default_factory=list)
    memberships: list[Membership] = field(default_factory=list)
    parked: list[Parked] = field(default_factory=list)
    """Streams that it could not take in."""
    unparked: list[tuple[str, int]] = field(default_factory=list)
    """Streams that it took in again, and from which position on."""


@dataclass(slots=True)
class Batch:
    """What some events change, and to where that moves the checkpoint."""

    upto: int
    """The last event's position."""
    changes: Sequence[Change]
    links: Sequence[tuple[str, str, int]]
    """Streams that a merge named, the survivor first, and its position."""
    derived: Sequence[Derived]


async def read_links(connection: Pool | Connection, streams: Iterable[str], upto: int) -> list[tuple[str, str]]:
    """The merges up to a position, survivor and absorbed, that connect these streams with others, however far."""
    return [(r[0], r[1]) for r in await connection.fetch(query("derive", "family"), list(streams), upto)]


async def read_all_links(connection: Connection) -> list[tuple[str, str, int]]:
    """Every survivor and absorbed stream that the table of merges names, and the position that it gives."""
    return [(r[0], r[1], r[2]) for r in await connection.fetch(query("derive", "all_links"))]


async def folded_upto(connection: Connection) -> int:
    """The position up to which everything that answers is folded; 0 where nothing answers."""
    position: int = await connection.fetchval(query("derive", "folded_upto"))
    return position


async def read_members(
    connection: Connection, build: Build, keys: Iterable[str], position: int
) -> AsyncIterator[tuple[str, str, Variants, int]]:
    """The subjects that make some documents as of a position, by key and stream: one after the other.

    Each with about how many bytes it takes.
    """
    last: tuple[str, str] | None = None
    variants: dict[int, Subject | Absorbed] = {}
    weight = 0
    async with connection.transaction():
        found = await connection.cursor(query("derive", "members"), build.build, list(keys), build.base, position)
        texts = Texts(connection, forgiving=True)
        while rows := await found.fetch(MEMBERS_AT_ONCE):
            async for row, text in texts.of(rows):
                member = row["key"], row["stream"]
                if last is not None and last != member:
                    yield *last, variants, weight
                    variants, weight = {}, 0
                last = member
                variants[row["level"]] = text.state
                weight += text.weight
    if last is not None:
        yield *last, variants, weight


async def read_on_read(connection: Connection, build: Build, keys: Iterable[str]) -> set[str]:
    """Those of some documents whose bodies are not kept."""
    return {row["key"] for row in await connection.fetch(query("derive", "on_read"), build.build, list(keys))}


def _text(model: Model | None) -> str | None:
    """Made when its row is written, one after the other: all texts of a batch are more than all that it is made of."""
    return None if model is None else write_model(model)


async def write_batch(
    connection: Connection,
    builds: Sequence[Build],
    own: Collection[int],
    batch: Batch,
    bases: Bases,
    answering: Collection[int] | None = None,
) -> list[Build]:
    """Write what a batch of events changes, and move the checkpoint of some partitions of all builds, or nothing.

    The builds share a state, and a position in `own`, the partitions; the subjects are written where their build is
    among them. `bases` is what their versions may rest on, and is of use no more when this fails. Raises
    SupersededError when a checkpoint is not where `builds` says, a build is not what it was, or another answers than
    those of `answering`, where that is given.
    """
    position = builds[0].positions[min(own)]
    subjects = next((b for b in builds if b.projection == SUBJECTS), None)
    try:
        versions = _Versions() if subjects is None else await _versions(connection, subjects, batch.changes, bases)
        rows = [] if subjects is None else list(_subject_rows(subjects, versions))
        copied, called = (rows, []) if len(rows) > FEW else ([], rows)
        # An event by itself seldom changes more than its subject and ledgers: one call, which is its own transaction.
        async with connection.transaction() if copied or versions.ended or _has_more(batch) else nullcontext():
            if subjects is not None and versions.ended:
                ends = [(*key, at) for key, at in versions.ended.items()]
                await connection.execute(query("derive", "end_subjects"), subjects.build, *columns(ends, 3))
            if copied:
                await connection.copy_records_to_table("subjects", records=copied, columns=SUBJECT_COLUMNS)
            await _write_names(connection, batch.derived)
            await _write_documents(connection, batch.derived)
            await _write_parked(connection, batch)
            await connection.execute(
                query("derive", "write"),
                [b.build for b in builds], list(own), position, batch.upto, builds[0].state,
                None if answering is None else list(answering),
                *columns(called, len(SUBJECT_COLUMNS)),
                *columns(list(_segment_rows(builds, batch.derived)), 8),
            )  # fmt: skip
            if batch.links:
                await connection.execute(query("derive", "link"), *columns(sorted(batch.links), 3))
    except asyncpg.UniqueViolationError as error:  # another wrote it in between, or else something is wrong
        if await _stands(connection, builds, own, position):
            raise
        raise SupersededError(f"the checkpoint is not at {position} any more") from error
    except asyncpg.PostgresError as error:
        if getattr(error, "sqlstate", None) == SUPERSEDED:
            raise SupersededError(str(error)) from error
        raise
    return [
        replace(b, positions=[batch.upto if n in own else here for n, here in enumerate(b.positions)]) for b in builds
    ]


def _has_more(batch: Batch) -> bool:
    """Whether a batch changes more than subjects and ledgers."""
    return bool(batch.links) or any(d != Derived(d.build, d.bookings) for d in batch.derived)


async def _stands(connection: Connection, builds: Sequence[Build], own: Collection[int], position: int) -> bool:
    """Whether a checkpoint is still where it was."""
    now = {b.build: b for b in await read_builds(connection)}
    return all(b.build in now and all(now[b.build].positions[n] == position for n in own) for b in builds)


async def _versions(connection: Connection, build: Build, changes: Sequence[Change], bases: Bases) -> "_Versions":
    """The versions of subjects that changes begin and end."""
    await _know(connection, build, changes, bases)
    standing = _Versions()
    for change in changes:
        for level in change.levels:
            after = change.after.get(level)
            if same(after, change.before.get(level)):
                continue
            key, first = (change.stream, level), level not in change.before
            if after is None:
                bases.end(key, change.position)
                standing.put(key, change.position, None, gone=True, first=first)
            else:
                version = bases.put(key, change.position, after, on_read=on_read(change))
                said = change.restated(level), version
                standing.put(key, change.position, said, gone=False, first=first)
    bases.settle()
    return standing


def _subject_rows(build: Build, versions: "_Versions") -> Iterator[tuple[Any, ...]]:
    for (stream, level), start, end, (restated, version) in versions.rows:
        yield build.build, stream, level, start, end, restated, version.body, version.rests_on, version.lists


def _segment_rows(builds: Sequence[Build], derived: Sequence[Derived]) -> Iterator[tuple[Any, ...]]:
    numbered = {build.build: build for build in builds}
    for d in derived:
        yield from packed(numbered[d.build], d.bookings)


async def _know(connection: Connection, build: Build, changes: Sequence[Change], bases: Bases) -> None:
    """Read what the versions that follow may rest on, where it is not known."""
    before: dict[tuple[str, int], Subject | Absorbed | None] = {}
    for change in changes:
        for level in change.levels:
            before.setdefault((change.stream, level), change.before.get(level))  # what is stored, and not made here
    if missing := bases.missing(before):
        rows = await connection.fetch(query("derive", "standing"), build.build, *columns(list(missing), 2))
        async for row, text in Texts(connection).of(rows):
            assert isinstance(text, Text)  # noqa: S101 - it is long
            bases.know((row["stream"], row["level"]), row["from_position"], text, row["rests_on"])


async def _write_parked(connection: Connection, batch: Batch) -> None:
    parked = [(p.build, p.stream, p.from_position, p.level, p.reason) for d in batch.derived for p in d.parked]
    for d in batch.derived:
        for stream, position in d.unparked:
            await connection.execute(query("builds", "unpark"), d.build, stream, position)
    if parked:
        await connection.execute(query("builds", "park"), *columns(parked, 5))


async def _write_names(connection: Connection, derived: Sequence[Derived]) -> None:
    named: dict[Any, Any] = {}
    for d in derived:
        for n in d.names:
            named.setdefault((d.build, n.dimension, n.value, n.level), (n.position, n.called))
    if named:
        await connection.execute(query("derive", "name"), *columns([(*k, *v) for k, v in sorted(named.items())], 6))


async def _write_documents(connection: Connection, derived: Sequence[Derived]) -> None:
    standing = _Versions()
    for d in derived:
        for v in d.versions:
            standing.put((d.build, v.key, v.level), v.position, v, gone=v.gone)
    if standing.ended:
        ends = [(*key, position) for key, position in standing.ended.items()]
        await connection.execute(query("derive", "end_documents"), *columns(ends, 4))
    if standing:
        rows = (
            (*key, start, end, v.restated, _text(v.body), v.left_out, v.on_read) for key, start, end, v in standing.rows
        )
        await connection.copy_records_to_table("documents", records=rows)
    joined = [(d.build, m.key, m.stream, m.position) for d in derived for m in d.memberships if m.joined]
    left = [(d.build, m.key, m.stream, m.position) for d in derived for m in d.memberships if not m.joined]
    if joined:
        await connection.execute(query("derive", "join_documents"), *columns(joined, 4))
    if left:
        await connection.execute(query("derive", "leave_documents"), *columns(left, 4))


@dataclass(slots=True)
class _Versions:
    """Rows that supersede each other within a batch, and those before it that they end."""

    ended: dict[Any, int] = field(default_factory=dict)
    _rows: dict[tuple[Any, int], tuple[int | None, Any]] = field(default_factory=dict)
    """By key and the position from which they stand: up to where, and what."""
    _last: dict[Any, int] = field(default_factory=dict)

    @property
    def rows(self) -> Iterator[tuple[Any, int, int | None, Any]]:
        """Each version: its key, from where and up to where it stands, and what it is."""
        return ((key, start, *standing) for (key, start), standing in self._rows.items())

    def __bool__(self) -> bool:
        return bool(self._rows)

    def put(self, key: Any, position: int, value: Any, *, gone: bool, first: bool = False) -> None:
        """A version from a position on; `gone` ends the last one and begins none; before the `first` there is none.

        Of several from one position the last counts: a merge changes two streams that may share a document.
        """
        last = self._last.pop(key, None)
        if last is None:
            if not first:
                self.ended.setdefault(key, position)
        elif last == position:
            del self._rows[key, last]
        else:
            self._rows[key, last] = (position, self._rows[key, last][1])
        if not gone:
            self._last[key] = position
            self._rows[key, position] = (None, value)


def columns(rows: Sequence[Sequence[Any]], width: int) -> list[list[Any]]:
    """Rows as columns, for `unnest`."""
    return [[row[n] for row in rows] for n in range(width)]
