"""Checking a log in its database: what is stored is hashed again, and compared with everything that was ever signed.

Three checks, and none of them is enough alone. The stored bytes hash to the leaves; the leaves hash to every tree head
that was published; and tree heads that are kept elsewhere are among them, or consistent with them.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg
import orjson

from incidentlog.audit.columns import false_columns
from incidentlog.audit.leaf import digest_of, leaf_bytes
from incidentlog.audit.merkle import HASH_BYTES, Frontier, leaf_hash
from incidentlog.audit.notes import NoteError, TreeHead, Verifier, open_head, parse_note
from incidentlog.audit.state import State
from incidentlog.audit.tiles import HEIGHT, WIDTH, Edge, Tile, reach, split
from incidentlog.errors import Tampered
from incidentlog.events.recorded import read_meta
from incidentlog.store.blocks import BLOCK, wrong_blocks
from incidentlog.store.catalogue import differences, outside
from incidentlog.store.connect import Connection
from incidentlog.store.derive import folded_upto, read_all_links
from incidentlog.store.notary import (
    StoredHead,
    count_heads,
    last_fork,
    read_heads,
    read_log_key,
    read_tiles,
    tile_in_wait,
)
from incidentlog.store.parts import Row, first_stray, read_commits, read_rows
from incidentlog.store.read import LogIdentity, read_head, read_log
from incidentlog.store.zones import false_zone_data, true_zone_data

PAGE: Final = 4 * WIDTH
TOLD: Final = 100
"""The most findings that are kept; there may be a million."""
DIVERGES: Final = frozenset({"changed", "gone", "shorter", "two_heads"})
"""The kinds of findings that say that the log is not what was signed, from a position on."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it must be: where it begins, at the earliest, and up to where it may."""

    first: int
    last: int
    kind: str
    detail: str
    more: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The finding as it is told."""
        return {"first": self.first, "last": self.last, "kind": self.kind, "detail": self.detail, **self.more}


@dataclass(frozen=True, slots=True)
class Signed:
    """A tree head, and the note it was signed with."""

    head: TreeHead
    note: str
    stored: bool
    """Whether the database has it."""
    fork: int | None
    """Of which fork it is; None for one that was kept elsewhere."""


@dataclass(slots=True)
class Report:
    """What was checked, and what was found."""

    log: UUID
    fork: int
    size: int = 0
    heads: int = 0
    erased: int = 0
    root: bytes = b""
    findings: list[Finding] = field(default_factory=list)

    @property
    def first(self) -> Finding | None:
        """What was found at the lowest position."""
        return min(self.findings, key=lambda f: (f.first, f.last), default=None)

    def find(self, first: int, kind: str, detail: str, *, last: int | None = None, **more: Any) -> None:
        """Note a finding."""
        if len(self.findings) < TOLD:
            self.findings.append(Finding(first, last or first, kind, detail, more))


async def verify_log(
    connection: Connection,
    *,
    state: State | None = None,
    keys: Sequence[Verifier] = (),
    previous: Sequence[bytes] = (),
    just_begun: bool = False,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> Report:
    """Check the whole log, page by page, with a login that may read it all, and the schema that it stands in.

    `state` is what a service kept of it outside the database, `previous` are tree heads that were kept elsewhere;
    `keys` verify them, beside the keys that the state names; one of them must have signed the log's fork, unless that
    may have been `just_begun`. Raises NoteError for a previous head that none signed.
    """
    try:
        identity = await read_log(connection)
    except Tampered as gone:
        report = Report(UUID(int=0), 0)
        report.find(1, "another_log", gone.detail)
        return report
    report = Report(identity.id, identity.fork)
    if state is not None and state.log != identity.id:
        report.find(1, "another_log", f"the service here served log {state.log}, this is {identity.id}")
        state = None  # it says nothing of this one
    head = (await read_head(connection)).position
    _compare(state, identity, head, report)
    for difference in await differences(connection) or ():
        report.find(1, "catalogue", difference, last=max(1, head))
    try:
        told = await _Heads(connection, identity, state, keys, report).gather(previous)
        if (
            keys
            and head
            and not just_begun
            and not any(s.fork == identity.fork for each in told.values() for s in each)
        ):
            detail = f"no tree head of fork {identity.fork} is signed by a key that was given"
            report.find(1, "unsigned", detail, last=head)
        await _check_content(connection, head, state, told, report, progress)
    except (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError, asyncpg.UndefinedFunctionError) as gone:
        if report.first is None:  # a log of an earlier build
            raise
        report.find(1, "catalogue", f"what follows could not be checked: {gone}", last=max(1, head))
    return report


async def _check_content(
    connection: Connection,
    head: int,
    state: State | None,
    told: dict[int, list[Signed]],
    report: Report,
    progress: Callable[[int, int], None],
) -> None:
    """What is in the tables, once it is known that these are as they are to be, against the tree heads `told`."""
    if (size := max(told, default=0)) > head:
        detail = f"a tree head of {size} was signed, the log ends at {head}"
        report.find(head + 1, "shorter", detail, last=size, signed=told[size][0].note)
    await _check_outside(connection, head, report)
    walk = _Walk(connection, report, told, state)
    await walk.walk(head, progress)
    if (stray := await first_stray(connection)) is not None:
        report.find(stray, "gone", f"position {stray} has a private part and no event")
    await walk.links.check(connection, head)
    async for block in wrong_blocks(connection, head):
        detail = f"what block {block} is said to hold is not what its events say: searches may miss some of them"
        report.find(block * BLOCK + 1, "block", detail, last=(block + 1) * BLOCK)


def _compare(state: State | None, identity: LogIdentity, head: int, report: Report) -> None:
    """What the state says of the whole log."""
    if state is None:
        return
    if state.fork > identity.fork:
        report.find(1, "older_fork", f"the service here served fork {state.fork}, this is {identity.fork}")
    elif state.fork < identity.fork:
        detail = f"the service here served fork {state.fork}, and did not begin fork {identity.fork}"
        report.find(1, "newer_fork", detail, last=max(1, head))
    elif head < state.head:
        report.find(head + 1, "shorter", f"the log ends at {head}, and was at {state.head}", last=state.head)


async def _check_outside(connection: Connection, head: int, report: Report) -> None:
    """No row or tile is laid in wait, and the zone data are what they are called."""
    for data in await false_zone_data(connection):
        report.find(1, "zone_data", f"the zone data that are kept as {data} are not these", last=max(1, head))
    if (position := await outside(connection)) is not None:
        report.find(1, "outside", f"there is a row at position {position}, before the first of the log")
    if (fork := await last_fork(connection)) > report.fork:
        report.find(1, "outside", f"there are keys, tree heads or tiles of fork {fork}, which did not begin")
    if (tile := await tile_in_wait(connection)) is not None:
        fork, level, index = tile
        detail = f"tile {level}/{index} of fork {fork} is there before the tree has grown to it"
        report.find((index * WIDTH << HEIGHT * level) + 1, "tile", detail)


class _Heads:
    """Every tree head there is: the database's, of all forks, the state's, and those kept elsewhere."""

    def __init__(
        self,
        connection: Connection,
        identity: LogIdentity,
        state: State | None,
        keys: Sequence[Verifier],
        report: Report,
    ) -> None:
        self._connection, self._identity, self._state, self._report = connection, identity, state, report
        self._keys = keys
        self._found: dict[int, list[Signed]] = {}

    async def gather(self, previous: Sequence[bytes]) -> dict[int, list[Signed]]:
        """All that must hold of the log as it is now, by size; what is not as it must be goes into the report."""
        past = {p.fork: p for p in (self._state.past if self._state is not None else ())}
        known = [*self._keys]
        for fork in range(self._identity.fork + 1):
            ours = self._state if self._state is not None and self._state.fork == fork else None
            ended = past.get(fork)
            vkey = ours.vkey if ours is not None else None if ended is None else ended.vkey
            known += [] if vkey is None else [Verifier.parse(vkey)]
            await self._of_fork(fork, vkey, None if ended is None else ended.end)
            if ours is not None and ours.note is not None:
                head, note = _opened(ours.note.encode(), known)
                self._add(fork, head, note, stored=False)
                there = await count_heads(self._connection, fork, below=head.size)
                if there < ours.heads:
                    detail = f"{ours.heads} tree heads below {head.size} were published, the database has {there}"
                    self._report.find(1, "heads", detail, last=max(1, head.size))
        for raw in previous:
            self._add(None, *_opened(raw, known), stored=False)
        self._report.heads = sum(map(len, self._found.values()))
        return dict(sorted(self._found.items()))

    async def _of_fork(self, fork: int, vkey: str | None, end: int | None) -> None:
        """The heads of one fork in the database, up to where the fork ended."""
        claimed = await read_log_key(self._connection, fork)
        if vkey is not None and (claimed is None or claimed.vkey != vkey or claimed.origin != vkey.partition("+")[0]):
            self._report.find(1, "log_key", f"the key of fork {fork} is not the one that is in the database")
        known = [*self._keys, *([] if vkey is None else [Verifier.parse(vkey)])]
        if claimed is not None and vkey is None and known and claimed.vkey not in {key.vkey for key in known}:
            detail = f"fork {fork} is said to be signed by {claimed.vkey}, none of the keys given"
            self._report.find(1, "log_key", detail)
        if claimed is not None and not known:  # that they are all of one hand is better than nothing
            known.append(Verifier.parse(claimed.vkey))
        after = -1
        while page := await read_heads(self._connection, fork, after=after, limit=PAGE):
            after = page[-1].size
            for stored in page:
                if end is None or stored.size <= end:
                    self._check(fork, stored, known)

    def _check(self, fork: int, stored: StoredHead, known: Sequence[Verifier]) -> None:
        """A head must be signed, and say what its note says."""
        last = max(1, stored.size)
        try:
            signed, _ = open_head(stored.note.encode(), known)
        except NoteError as error:
            self._report.find(1, "forged_head", f"the tree head of {stored.size}: {error}", last=last)
            return
        if (signed.size, signed.root) != (stored.size, stored.root):
            detail = f"the tree head of {stored.size} says something else than its note"
            self._report.find(1, "forged_head", detail, last=last)
        self._add(fork, signed, stored.note, stored=True)

    def _add(self, fork: int | None, head: TreeHead, note: str, *, stored: bool) -> None:
        """Hold the log against one more head, unless it says what another one of its size says already."""
        there = self._found.setdefault(head.size, [])
        for other in there:
            if other.head.root != head.root:
                detail = f"two tree heads of {head.size} were signed, and they differ"
                self._report.find(1, "two_heads", detail, last=max(1, head.size), signed=note, other=other.note)
        if not any(other.head.root == head.root and other.fork in {fork, None} for other in there):
            there.append(Signed(head, note, stored, fork))


def _opened(raw: bytes, known: Sequence[Verifier]) -> tuple[TreeHead, str]:
    head, note = open_head(raw, known)
    return head, str(note)


class _Walk:
    """One pass over the log, from its first event on, with everything it is held against."""

    def __init__(
        self, connection: Connection, report: Report, signed: dict[int, list[Signed]], state: State | None
    ) -> None:
        self._connection, self._report, self._signed = connection, report, signed
        self._frontier, self._edge = Frontier(), Edge()
        self._good = 0
        """The size up to which everything is as it was signed."""
        self._differs: int | None = None
        """The first position whose leaf is not the one of the stored tile."""
        self._broken = False
        self._commits = _Commits(connection, report)
        now = [s for each in signed.values() for s in each if s.stored and s.fork == report.fork]
        self._sealed = max((s.head.size for s in now), default=0)
        self._tail = _tail(state) if state is not None and state.fork <= report.fork else {}
        self.links = _Links(report)
        self._erased: dict[tuple[str, str], int] = {}
        self._named: set[tuple[str, str]] = set()
        self._full: list[tuple[Tile, bytes]] = []
        self._zone_data: set[str] = set()
        """The zone data that are stored, and are what their id says."""

    async def walk(self, head: int, progress: Callable[[int, int], None]) -> None:
        """Check everything up to a position."""
        self._at_a_head()
        while self._frontier.size < head:
            start = self._frontier.size
            rows = await read_rows(self._connection, start, head, PAGE)
            stored = await self._stored_tiles(start)
            if {read_meta(row.meta).zone_data for row in rows} - self._zone_data - {None}:
                self._zone_data = await true_zone_data(self._connection)
            for expected, row in enumerate(rows, start + 1):
                if row.position != expected:
                    break
                await self._commits.check(row)
                self._check(row, stored.get((row.position - 1) // WIDTH, b""))
            if self._frontier.size < min(start + PAGE, head):
                gone = self._frontier.size + 1
                self._report.find(gone, "gone", f"position {gone} is not there")
                break
            await self._compare_above()
            progress(self._frontier.size, head)
        self._report.size, self._report.root = self._frontier.size, self._frontier.root()
        await self._beyond(head)
        for (event_id, part), position in self._erased.items():
            if (event_id, part) not in self._named:
                detail = f"the {part} of position {position} is gone, and no record.erased names it"
                self._report.find(position, "erased", detail)
        self._report.erased = len(self._erased)

    async def _beyond(self, head: int) -> None:
        """What came while the rest was checked: only what was committed; and it may say that a part is erased."""
        after = head
        while rows := await read_rows(self._connection, after, 2**53, PAGE):
            after = rows[-1].position
            committed = (await read_head(self._connection)).position  # read after the rows: it covers them
            if after > committed:
                first = max(committed, head) + 1
                self._report.find(first, "uncommitted", f"position {first} comes after the last commit")
                return
            for row in rows:
                self._named_by(row)

    def _check(self, row: Row, tile: bytes) -> None:
        for fault in _false_digests(row):
            self._report.find(row.position, "changed", f"position {row.position}: {fault}")
        leaf = leaf_hash(leaf_of_row(row))
        n = (row.position - 1) % WIDTH * HASH_BYTES
        if {leaf, self._tail.get(row.position, leaf), tile[n : n + HASH_BYTES] or leaf} != {leaf}:
            self._differs = self._differs or row.position
        self._frontier.add(leaf)
        self._full += [full for full in self._edge.grow((leaf,)) if full[0].level]
        self._at_a_head()
        data = read_meta(row.meta).zone_data
        if data is not None and data not in self._zone_data:
            detail = f"position {row.position}: the zone data {data}, by which its dates are meant, are not there"
            self._report.find(row.position, "zone_data", detail)
            return
        try:
            columns = [*false_columns(row)]
            self._erasures(row)
            self.links.take(row)
        except (ValueError, KeyError, TypeError, AttributeError) as error:  # what the door let in can be read
            detail = f"position {row.position}: what is stored cannot be read: {error!r}"
            self._report.find(row.position, "changed", detail)
            return
        if columns:
            detail = f"position {row.position}: {', '.join(columns)} is not what is hashed"
            self._report.find(row.position, "index", detail, columns=columns)

    def _at_a_head(self) -> None:
        """Compare the root, where one was signed."""
        size = self._frontier.size
        if self._broken or size not in self._signed:
            return
        root = self._frontier.root()
        signed = next((s for s in self._signed[size] if s.head.root != root), None)
        if signed is None:
            if self._differs is not None:
                detail = f"a stored tile says something else of position {self._differs}, which is what was signed"
                self._report.find(self._differs, "tile", detail)
            self._good, self._differs = size, None
            return
        self._broken = True  # every later root differs too, and says nothing more
        first, last = (self._good + 1, size) if self._differs is None else (self._differs, self._differs)
        where = f"position {first}" if first == last else f"positions {first} to {last}"
        found = TreeHead(signed.head.origin, size, root).text
        self._report.find(
            max(1, first),
            "changed",
            f"{where}: not what was signed",
            last=max(1, last),
            signed=signed.note,
            found=found,
        )

    async def _stored_tiles(self, start: int) -> dict[int, bytes]:
        """The stored tiles of level 0 that a page of events falls into."""
        indexes = range(start // WIDTH, (start + PAGE) // WIDTH)
        stored = await read_tiles(self._connection, self._report.fork, 0, indexes)
        for index in indexes:
            if index < self._sealed // WIDTH and index not in stored:
                first = index * WIDTH + 1
                self._report.find(first, "tile", f"tile 0/{index} is gone", last=first + WIDTH - 1)
        return stored

    async def _compare_above(self) -> None:
        """Compare the tiles above level 0 that became full."""
        for tile, hashes in self._full:
            stored = await read_tiles(self._connection, self._report.fork, tile.level, [tile.index])
            first = (tile.index * WIDTH << HEIGHT * tile.level) + 1
            if reach(tile) <= self._sealed and stored.get(tile.index) != hashes and not self._broken:
                self._report.find(first, "tile", f"tile {tile.path} is not what was sealed", last=reach(tile))
        self._full.clear()

    def _erasures(self, row: Row) -> None:
        if row.body is None:
            self._erased[str(row.event_id), "body"] = row.position
        if row.has_private and row.private is None:
            self._erased[str(row.event_id), "private"] = row.position
        self._named_by(row)

    def _named_by(self, row: Row) -> None:
        if row.type == "record.erased" and row.body is not None:
            data = orjson.loads(row.body)["data"]
            self._named.add((str(UUID(data["target"])), data["part"]))


class _Links:
    """Which streams were merged, by the log, and by the table that says so to whoever folds."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._named: dict[tuple[str, str], int] = {}
        """Survivor and absorbed, and the first merge that names both."""
        self._unknown: set[int] = set()
        """Merges whose body was erased: whom they named is not known any more."""

    def take(self, row: Row) -> None:
        """Take in what an event says of merges."""
        if row.type != "record.merged":
            return
        if row.body is None:
            self._unknown.add(row.position)
            return
        for absorbed in orjson.loads(row.body)["data"]["absorbed"]:
            if absorbed != row.stream:
                self._named.setdefault((row.stream, absorbed), row.position)

    async def check(self, connection: Connection, head: int) -> None:
        """Hold the table against the log: none too many, none that is missing, as far as it is folded."""
        folded = await folded_upto(connection)
        there = {(survivor, absorbed): p for survivor, absorbed, p in await read_all_links(connection)}
        committed = (await read_head(connection)).position
        for link, position in there.items():
            if head < position <= committed:
                continue  # it came while the rest was checked
            if position not in self._unknown and self._named.get(link) != position:
                detail = f"{link[1]} is kept as merged into {link[0]} by position {position}, which does not say so"
                self._report.find(max(1, position), "link", detail)
        for link, position in self._named.items():
            if position <= folded and link not in there:
                detail = f"position {position} merges {link[1]} into {link[0]}, and whoever folds is not told"
                self._report.find(position, "link", detail)


class _Commits:
    """The commits beside the events: one for each append, each later than the one before."""

    def __init__(self, connection: Connection, report: Report) -> None:
        self._connection, self._report = connection, report
        self._page: deque[tuple[int, datetime]] = deque()
        self._last: tuple[int, datetime] | None = None
        self._at: tuple[int, datetime] | None = None

    async def check(self, row: Row) -> None:
        """Hold the commit of an event against it."""
        if self._at is None or self._at[0] < row.position:
            self._last = self._at
            self._at = await self._next(row.position - 1)
            if self._at is not None and self._last is not None and self._at[1] <= self._last[1]:
                detail = f"the commit of position {self._at[0]} is not later than the one before it"
                self._report.find(row.position, "commits", detail)
        if self._at is None or row.recorded_at != self._at[1]:
            detail = f"position {row.position} was recorded at another instant than it was committed"
            self._report.find(row.position, "commits", detail)

    async def _next(self, after: int) -> tuple[int, datetime] | None:
        if not self._page:
            self._page.extend(await read_commits(self._connection, after, PAGE))
        return self._page.popleft() if self._page else None


def leaf_of_row(row: Row) -> bytes:
    """The leaf of a row, from the stored bytes; from the kept digest where a part was erased."""
    body = digest_of("body", row.body_salt, row.body, row.body_digest)
    meta = digest_of("meta", row.meta_salt, row.meta, None)
    private = digest_of("private", row.private_salt, row.private, row.private_digest) if row.has_private else None
    return leaf_bytes(row.position, row.recorded_at, body, meta, private)


def _false_digests(row: Row) -> Iterator[str]:
    """A digest that is kept beside a text must be the text's."""
    if row.body is not None and row.body_digest is not None:
        yield "the body is there, and a digest of it as of one that was erased"
    if row.private is not None and row.private_digest != digest_of("private", row.private_salt, row.private, None):
        yield "the private part is not the one whose digest is kept"


def _tail(state: State | None) -> dict[int, bytes]:
    """What the state knows of the last leaves, by position."""
    if state is None or state.note is None or not state.edge:
        return {}
    size = TreeHead.parse(parse_note(state.note.encode()).text).size
    return dict(enumerate(split(state.edge[0]), size // WIDTH * WIDTH + 1))
