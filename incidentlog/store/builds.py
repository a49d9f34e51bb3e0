"""Builds: the versions of the subjects and of each projection, beside each other, and which of them answers."""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final, Literal
from uuid import UUID

import orjson

from incidentlog.folding.fold import SUBJECT_VERSION
from incidentlog.folding.partitions import PARTITIONS
from incidentlog.folding.shapes import Tally
from incidentlog.folding.subject import Subject
from incidentlog.projections import PROJECTIONS
from incidentlog.sqlfiles import query
from incidentlog.store.connect import Connection, Pool

SUBJECTS: Final = "subjects"
"""The name under which the subjects have their build, beside the projections."""
State = Literal["building", "active", "retired", "dropped"]
LEASE_SECONDS: Final = 3.0
"""How long a node that says nothing keeps the work: so long nothing is projected after it was killed."""
SHAPES: Final = "shapes.tsv"
"""A line for the subjects and each projection of this package: its name, its version, its shape, and the projections
that its rows are made of as well, with their versions."""
NAMED: Final = frozenset({"properties", "$defs"})
"""The members of a JSON Schema whose own members we name."""
DESCRIBING: Final = frozenset({"title", "description", "examples"})
"""Its members that say nothing of what is stored."""


@dataclass(frozen=True, slots=True)
class Build:
    """One version of the subjects or of a projection, and how far it got."""

    build: int
    projection: str
    version: int
    base: int
    """The build of the subjects that it is made of; its own number for the subjects."""
    positions: Sequence[int]
    """By partition of the streams, how far it got."""
    state: State
    shape: str
    """How its rows are stored: what has another shape than this code's cannot be read by it."""

    @property
    def position(self) -> int:
        """Up to where every partition is: what answers are given of."""
        return min(self.positions)

    @property
    def wanted(self) -> bool:
        """Whether it is of the version that this code makes."""
        if self.projection == SUBJECTS:
            return self.version == SUBJECT_VERSION
        projection = PROJECTIONS.get(self.projection)
        return projection is not None and self.version == projection.version

    @property
    def abandoned(self) -> bool:
        """Whether it was begun by code of another version, which may come back: this code does not go on with it."""
        return self.state == "building" and not self.wanted

    @property
    def readable(self) -> bool:
        """Whether this code can read its rows: they are of its version, or of one that is stored alike."""
        return self.wanted or (self.projection in wanted_builds() and self.shape in shapes_of(self.projection))


@dataclass(frozen=True, slots=True)
class Parked:
    """A stream that a build could not take in."""

    build: int
    stream: str
    from_position: int
    to_position: int | None
    """Exclusive; from it on the stream is taken in again. None while it is not."""
    level: int
    """From which marking on it could not: readers below it miss nothing, and are not told."""
    reason: str
    wish: Literal["retry", "discard"] | None = None
    note: str | None = None
    """Why it was given up."""


class SupersededError(Exception):
    """Another runner moved the checkpoint, or switched the builds: nothing of this batch was written."""


def wanted_builds() -> dict[str, int]:
    """What this code derives, with its versions: the subjects and every projection."""
    return {SUBJECTS: SUBJECT_VERSION, **{name: p.version for name, p in PROJECTIONS.items()}}


def built(builds: Mapping[str, Build]) -> bool:
    """Whether these, by projection, are all that this code serves."""
    return wanted_builds().keys() <= builds.keys()


@cache
def shape_of(name: str) -> str:
    """A digest of how rows of the subjects or of a projection are stored.

    Those of this package are listed, as it takes a third of a second to make the JSON Schemas that they are of.
    """
    listed = _listed_shapes().get((name, wanted_builds()[name]))
    return make_shape(name) if listed is None else listed


def make_shape(name: str) -> str:
    """The same, made of the code. What is listed is made so: `python -m tests.store.shapes`."""
    stored: Any
    if name == SUBJECTS:
        stored = {category: bare(kind.model_json_schema()) for category, kind in Subject.families.items()}
    else:
        match PROJECTIONS[name]:
            case Tally() as tally:
                stored = [*_shown(tally), *([tally.rolling] if tally.rolling else [])]
            case document:
                stored = bare(document.body.model_json_schema())
    return _digest(stored)


def bare(schema: Any) -> Any:
    """A JSON Schema without what only describes: another word in a docstring is no other row."""
    match schema:
        case dict():
            return {
                name: {key: bare(each) for key, each in value.items()} if name in NAMED else bare(value)
                for name, value in schema.items()
                if name not in DESCRIBING
            }
        case list():
            return [bare(each) for each in schema]
    return schema


@cache
def _listed_shapes() -> Mapping[tuple[str, int], str]:
    lines = files("incidentlog.store").joinpath(SHAPES).read_text("utf-8").splitlines()
    return {(name, int(version)): shape for name, version, shape, _ in (line.split("\t") for line in lines)}


@cache
def shapes_of(name: str) -> frozenset[str]:
    """All that this code can read: the lines of a tally with rolling sums also where an older build booked each day."""
    tally = PROJECTIONS.get(name)
    return frozenset({shape_of(name), *([_digest(_shown(tally))] if isinstance(tally, Tally) else [])})


def _shown(tally: Tally) -> list[Any]:
    return [tally.dimensions, tally.measures]


def _digest(stored: Any) -> str:
    return hashlib.sha256(orjson.dumps(stored, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]


# ------------------------------------------------------------------------------------------------------ reading


async def read_builds(connection: Pool | Connection) -> list[Build]:
    """Every build that has rows, the oldest first."""
    return [Build(*row) for row in await connection.fetch(query("builds", "builds"))]


async def active_builds(pool: Pool | Connection) -> dict[str, Build]:
    """The builds that answer, by projection, `subjects` among them, save those that this code cannot read.

    Nor those of documents where it cannot read the subjects: some are folded from them when they are read.
    """
    rows = await pool.fetch(query("answer", "builds"))
    found = {b.projection: b for b in (Build(*r) for r in rows) if b.readable}
    if SUBJECTS in found:
        return found
    return {name: build for name, build in found.items() if isinstance(PROJECTIONS[name], Tally)}


@dataclass(frozen=True, slots=True)
class Lag:
    """How far behind the log a build is."""

    projection: str
    version: int
    position: int
    seconds: float
    """For how long the next event has waited; 0 when none does."""
    parked: int
    """How many streams it could not take in."""


async def lags(pool: Pool | Connection, builds: Iterable[Build], clearance: int) -> list[Lag]:
    """How far behind some builds are, and how many streams they could not take in that a clearance covers."""
    numbers = [b.build for b in builds]
    return [Lag(*row) for row in await pool.fetch(query("builds", "lags"), numbers, clearance)]


async def lock_active(connection: Connection) -> list[Build]:
    """The builds that answer, whose checkpoints stand still up to our commit; nobody else decides on builds meanwhile.

    Who did would have read them as they were before a switch: what is dropped then may answer by now.
    """
    await connection.execute(query("builds", "alone"))
    return [Build(*row) for row in await connection.fetch(query("builds", "locked"))]


# ----------------------------------------------------------------------------------------------------- deciding


async def begin_builds(connection: Connection) -> list[Build]:
    """See to it that all that this code derives is active, or is being built beside what is; answers every build.

    On a new log the builds are active from the start. A version that was built before and retired is taken up
    where it was left. A projection that this code has no more is retired: nobody asks for it, keeps it up, or would
    build it anew after an erasure.
    """
    async with connection.transaction():
        await connection.execute(query("builds", "alone"))
        builds = await read_builds(connection)
        if not builds:
            (base,) = await _make(connection, [SUBJECTS], None, "active")
            await _make(connection, [*PROJECTIONS], base, "active")
            return await read_builds(connection)
        gone = [b.build for b in builds if b.state == "active" and b.projection not in wanted_builds()]
        await connection.execute(query("builds", "set_state"), gone, "retired")
        subjects = await _sought(connection, builds, SUBJECTS, None)
        for name in PROJECTIONS:
            await _sought(connection, builds, name, subjects)
        return await read_builds(connection)


async def _sought(connection: Connection, builds: Sequence[Build], name: str, base: int | None) -> int:
    """The build of this code's version, made or taken up again where it is not there; of several the newest."""
    ours = [b for b in reversed(builds) if b.projection == name and b.wanted and base in {None, b.base}]
    for build in sorted(ours, key=lambda b: (b.state == "retired", b.state == "building")):
        if build.state == "retired":
            await connection.execute(query("builds", "set_state"), [build.build], "building")
        return build.build
    (made,) = await _make(connection, [name], base, "building")
    return made


async def _make(connection: Connection, names: Sequence[str], base: int | None, state: State) -> list[int]:
    """Make a build of each; answers their numbers, in no order."""
    versions, shapes = [wanted_builds()[name] for name in names], [shape_of(name) for name in names]
    made = await connection.fetch(query("builds", "make"), names, versions, base, shapes, state, PARTITIONS)
    return [row["build"] for row in made]


async def rebuild(connection: Connection, names: Collection[str]) -> list[Build]:
    """Begin builds of this code's versions beside those that answer, unless they are under way; answers them.

    `subjects` begins everything anew, since all hangs on them; so does any other while those that answer are of another
    version, as nothing would move them. What is under way and may hold what was erased is dropped first. Raises
    KeyError for a name that is none.
    """
    async with connection.transaction():
        await connection.execute(query("builds", "alone"))
        await drop(connection, sorted(await ignorant_builds(connection, "building")))
        builds = await read_builds(connection)
        subjects = next(b for b in builds if b.projection == SUBJECTS and b.state == "active")
        base, everything = subjects.build, SUBJECTS in names or not subjects.wanted
        if everything:
            base = await _beside(connection, builds, SUBJECTS, None)
        under_way = [await _beside(connection, builds, n, base) for n in (PROJECTIONS if everything else names)]
        return [b for b in await read_builds(connection) if b.build in {base, *under_way} and b.state == "building"]


async def _beside(connection: Connection, builds: Iterable[Build], name: str, base: int | None) -> int:
    for build in builds:
        if build.projection == name and build.wanted and build.state == "building" and base in {None, build.base}:
            return build.build
    (made,) = await _make(connection, [name], base, "building")
    return made


async def take_back(connection: Connection, name: str) -> Build | None:
    """Bring back the newest retired build of this version: it catches up and is switched to. None: there is none.

    One that is being built of the same subjects is dropped for it. A build of another version is brought back by the
    code of that version, when it starts.
    """
    async with connection.transaction():
        await connection.execute(query("builds", "alone"))
        builds = await read_builds(connection)
        bases = {b.build for b in builds if b.projection == SUBJECTS and b.state == "active" and b.wanted}
        retired = [b for b in builds if b.projection == name and b.state == "retired" and b.wanted and b.base in bases]
        if name == SUBJECTS or not retired:
            return None
        back = retired[-1]
        in_its_way = [b for b in builds if b.projection == name and b.state == "building" and b.wanted]
        await drop(connection, [b.build for b in in_its_way if b.base == back.base])
        await connection.execute(query("builds", "set_state"), [back.build], "building")
        return back


async def cancel(connection: Connection, name: str) -> list[Build]:
    """Drop what is being built anew of a projection, though what answers is of this code's version; answers it.

    Of `subjects` with all that is made of them. What is built together with subjects goes with these alone. Nothing
    where nothing is being built, or it is what this version is to answer from.
    """
    async with connection.transaction():
        await connection.execute(query("builds", "alone"))
        known = await read_builds(connection)
        if not any(b.projection == name and b.state == "active" and b.wanted for b in known):
            return []
        of = "building" if name == SUBJECTS else "active"
        bases = {b.build for b in known if b.projection == SUBJECTS and b.state == of and b.wanted}
        made_of_them = [b for b in known if b.state == "building" and b.base in bases]
        going = [b for b in made_of_them if name == SUBJECTS or (b.projection == name and b.wanted)]
        await drop(connection, [b.build for b in going])
        return going


async def activate(connection: Connection, builds: Sequence[Build]) -> None:
    """Let these answer from now on, and retire those that did; what had been retired before goes. In a transaction.

    With subjects goes what was made of them, also of projections that this code has no more.
    With it the generation rises where they know of erasures that those before them did not know of.
    """
    ours = {b.build for b in builds}
    names = {b.projection for b in builds}
    known = await read_builds(connection)
    others = [b for b in known if b.projection in names and b.build not in ours]
    active = [b.build for b in others if b.state == "active"]
    await connection.execute(query("builds", "set_state"), active, "retired")
    await connection.execute(query("builds", "set_state"), sorted(ours), "active")
    for build in builds:
        if build.projection == SUBJECTS:
            await connection.execute(query("builds", "settle"), build.build)
    # What hangs on subjects that are being built themselves goes on: it is switched to with them.
    bases = {b.base for b in builds} | {b.build for b in known if b.projection == SUBJECTS and b.state == "building"}
    stale = [b for b in others if b.state == "building" and b.wanted and b.base not in bases]
    await drop(connection, _hanging_on(known, [*stale, *(b for b in others if b.state == "retired")]))


async def ignorant_builds(connection: Pool | Connection, state: State) -> set[int]:
    """Builds in a state that may hold what was erased: their subjects were begun before."""
    return {row["build"] for row in await connection.fetch(query("builds", "ignorant"), state)}


async def forget_builds(connection: Connection, builds: Collection[int]) -> None:
    """Delete the rows of builds that answer no more: there is no way back to them then."""
    async with connection.transaction():
        await connection.execute(query("builds", "alone"))
        await drop(
            connection, [b.build for b in await read_builds(connection) if b.state == "retired" and b.build in builds]
        )


async def drop_left(connection: Connection, name: str) -> list[Build]:
    """Delete what answers no more of a projection, and what another version began of it; answers those builds.

    Of `subjects` with all that hangs on them. There is no way back to them then.
    """
    async with connection.transaction():
        await connection.execute(query("builds", "alone"))
        known = await read_builds(connection)
        left = [b for b in known if b.projection == name and (b.state == "retired" or b.abandoned)]
        going = set(_hanging_on(known, left))
        await drop(connection, sorted(going))
        return [b for b in known if b.build in going]


def _hanging_on(known: Iterable[Build], builds: Collection[Build]) -> list[int]:
    """Some builds, and of those that answer no more all that are made of them."""
    ours = {b.build for b in builds}
    return [b.build for b in known if b.build in ours or (b.base in ours and (b.state == "retired" or b.abandoned))]


async def drop(connection: Connection, builds: Sequence[int]) -> None:
    """Delete the rows of builds that do not answer. In a transaction, in which who merges them is waited for.

    With them go the last traces of those that were dropped before.
    """
    await connection.execute(query("builds", "hold"), list(builds))
    await connection.execute(query("builds", "prune"))
    await connection.execute(query("builds", "set_state"), list(builds), "dropped")
    for build in builds:
        for table in ("subjects", "segments", "names", "documents", "members", "parked", "snapshots"):
            await connection.execute(query("builds", f"drop_{table}"), build)


# ------------------------------------------------------------------------------------------------------- leases


async def lease(connection: Connection, works: Iterable[str], node: UUID) -> set[str]:
    """Take or keep some work for LEASE_SECONDS; what of it is this node's."""
    rows = await connection.fetch(query("builds", "lease"), list(works), node, LEASE_SECONDS)
    return {row["work"] for row in rows}


async def leased(connection: Connection, prefix: str) -> dict[str, UUID]:
    """The work whose name begins so that is somebody's at the moment, and whose."""
    return {row["work"]: row["node"] for row in await connection.fetch(query("builds", "leased"), prefix)}


async def release(connection: Connection, works: Iterable[str], node: UUID) -> None:
    """Leave some work to whoever wants it."""
    await connection.execute(query("builds", "release"), list(works), node)
