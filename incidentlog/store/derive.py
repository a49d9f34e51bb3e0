"""Writing what is derived from the log: subjects, ledgers, documents and the checkpoint, in one transaction."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from incidentlog.projections.shapes import PROJECTIONS, Booking, DocumentVersion
from incidentlog.projections.steps import Members, Membership, Name
from incidentlog.sqlfiles import query
from incidentlog.store.connect import Connection, Pool
from incidentlog.subjects.change import Change
from incidentlog.subjects.fold import SUBJECT_VERSION, Variants
from incidentlog.subjects.subject import Absorbed, Subject
from incidentlog.subjects.values import Model

SUBJECTS = "subjects"
"""The name under which the subjects have their build, beside the projections."""


@dataclass(frozen=True, slots=True)
class Build:
    """One version of the subjects or of a projection, and how far it got."""

    build: int
    projection: str
    version: int
    position: int
    active: bool


def wanted_builds() -> dict[str, int]:
    """What this code derives, with its versions: the subjects and every projection."""
    return {SUBJECTS: SUBJECT_VERSION, **{name: p.version for name, p in PROJECTIONS.items()}}


def built(builds: Mapping[str, Build]) -> bool:
    """Whether these, by projection, are the builds that this code wants."""
    return {name: build.version for name, build in builds.items()} == wanted_builds()


@dataclass(slots=True)
class Derived:
    """What a batch of events adds to one projection."""

    build: int
    bookings: list[Booking] = field(default_factory=list)
    names: list[Name] = field(default_factory=list)
    versions: list[DocumentVersion] = field(default_factory=list)
    memberships: list[Membership] = field(default_factory=list)


class SupersededError(Exception):
    """Another runner moved the checkpoint: nothing of this batch was written."""


async def read_builds(connection: Connection) -> list[Build]:
    """Every build."""
    return [Build(*row) for row in await connection.fetch(query("derive", "builds"))]


async def begin_builds(connection: Connection, wanted: Iterable[tuple[str, int]]) -> list[Build]:
    """The builds of this code's versions; a version that is not there yet makes all begin again from position 0.

    Numbers are never used again: a runner of another version, which goes by its old ones, finds its checkpoint gone.
    """
    wanted = sorted(wanted)
    async with connection.transaction():
        await connection.execute(query("derive", "alone"))
        builds = await read_builds(connection)
        if sorted((b.projection, b.version) for b in builds) != wanted:
            await connection.execute(query("derive", "forget"))
            for number, (name, version) in enumerate(wanted, start=max((b.build for b in builds), default=0) + 1):
                await connection.execute(query("derive", "make_build"), number, name, version)
        return await read_builds(connection)


async def forget(connection: Connection) -> None:
    """Throw away everything derived: the runner begins again from position 0, and nothing old is left."""
    async with connection.transaction():
        await connection.execute(query("derive", "alone"))
        await connection.execute(query("derive", "forget"))
    await connection.fetch(query("derive", "interrupt"))


async def read_links(connection: Pool | Connection, streams: Iterable[str]) -> list[tuple[str, str]]:
    """The merges, survivor and absorbed, that connect these streams with others, however far."""
    return [(r[0], r[1]) for r in await connection.fetch(query("derive", "family"), list(streams))]


async def read_members(connection: Connection, build: int, keys: Iterable[str]) -> dict[str, Members]:
    """The subjects that make some documents now."""
    found: dict[str, dict[str, dict[int, Subject | Absorbed]]] = {}
    for key, stream, level, body in await connection.fetch(query("derive", "members"), build, list(keys)):
        found.setdefault(key, {}).setdefault(stream, {})[level] = read_variant(stream, body)
    return {key: Members(dict[str, Variants](streams)) for key, streams in found.items()}


def read_variant(stream: str, body: str) -> Subject | Absorbed:
    """A subject from its stored text, or where its stream went."""
    if body.startswith('{"into":'):
        return Absorbed.model_validate_json(body)
    kind = Subject.families.get(stream.partition(":")[0], Subject)
    return kind.model_validate_json(body)


def write_model(model: Model) -> str:
    """The text in which a subject or a document's body is stored."""
    return model.model_dump_json(exclude_defaults=True)


async def write_batch(
    connection: Connection,
    builds: Sequence[Build],
    changes: Sequence[Change],
    links: Sequence[tuple[str, str]],
    derived: Sequence[Derived],
    upto: int,
) -> list[Build]:
    """Write what a batch of events changes, and move the checkpoint of all builds, or nothing.

    Raises SupersededError when a checkpoint is not where `builds` says.
    """
    numbers = [b.build for b in builds]
    async with connection.transaction():
        moved = await connection.fetch(query("derive", "advance"), numbers, builds[0].position, upto)
        if len(moved) != len(numbers):
            raise SupersededError(f"the checkpoint is not at {builds[0].position} any more")
        if links:
            await connection.execute(query("derive", "link"), [a for a, _ in links], [b for _, b in links])
        await _write_subjects(connection, changes)
        await _write_bookings(connection, derived)
        await _write_documents(connection, derived)
    return [Build(b.build, b.projection, b.version, upto, b.active) for b in builds]


async def _write_subjects(connection: Connection, changes: Sequence[Change]) -> None:
    standing = _Versions()
    for change in changes:
        for level in change.levels:
            after = change.after.get(level)
            if after == change.before.get(level):
                continue
            text = None if after is None else write_model(after)
            standing.put((change.stream, level), change.position, (change.restated, text), gone=after is None)
    if standing.ended:
        ends = [(*key, position) for key, position in standing.ended.items()]
        await connection.execute(query("derive", "end_subjects"), *columns(ends, 3))
    if standing.rows:
        rows = [(stream, level, a, b, restated, text) for (stream, level), a, b, (restated, text) in standing.rows]
        await connection.copy_records_to_table(
            "subjects",
            records=rows,
            columns=["stream", "level", "from_position", "to_position", "restated", "body"],
        )


async def _write_bookings(connection: Connection, derived: Sequence[Derived]) -> None:
    rows: list[tuple[Any, ...]] = []
    for d in derived:
        position, line = 0, 0
        for b in d.bookings:
            position, line = b.position, line + 1 if b.position == position else 0
            rows.append(
                (d.build, position, line, b.level, b.stream, b.at, b.dimensions, b.amounts, b.restated),
            )
    if rows:
        await connection.copy_records_to_table("ledger", records=rows)
    named: dict[Any, Any] = {}
    for d in derived:
        for n in d.names:
            named.setdefault((d.build, n.dimension, n.value, n.level), (n.position, n.called))
    if named:
        await connection.execute(query("derive", "name"), *columns([(*k, *v) for k, v in named.items()], 6))


async def _write_documents(connection: Connection, derived: Sequence[Derived]) -> None:
    standing = _Versions()
    for d in derived:
        for v in d.versions:
            text = None if v.body is None else write_model(v.body)
            standing.put((d.build, v.key, v.level), v.position, (v.restated, text, v.left_out), gone=v.gone)
    if standing.ended:
        ends = [(*key, position) for key, position in standing.ended.items()]
        await connection.execute(query("derive", "end_documents"), *columns(ends, 4))
    if standing.rows:
        rows = [(*key, start, end, *value) for key, start, end, value in standing.rows]
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

    rows: list[tuple[Any, int, int | None, Any]] = field(default_factory=list)
    ended: dict[Any, int] = field(default_factory=dict)
    _last: dict[Any, int] = field(default_factory=dict)

    def put(self, key: Any, position: int, value: Any, *, gone: bool) -> None:
        """A version from a position on; `gone` ends the last one and begins none."""
        last = self._last.pop(key, None)
        if last is None:
            self.ended.setdefault(key, position)
        else:
            k, start, _, was = self.rows[last]
            self.rows[last] = (k, start, position, was)
        if not gone:
            self._last[key] = len(self.rows)
            self.rows.append((key, position, None, value))


def columns(rows: Sequence[Sequence[Any]], width: int) -> list[list[Any]]:
    """Rows as columns, for `unnest`."""
    return [[row[n] for row in rows] for n in range(width)]
