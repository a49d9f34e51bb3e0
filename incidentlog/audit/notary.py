"""The notary: follows the log, folds it into the tree, and about once a second signs what is committed.

It never signs less than it signed, nor other than it signed: what it knows is kept outside the database too, and
written there before anything is published. What contradicts that stops it, for good, until somebody looks.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import asyncpg
import structlog

from incidentlog.audit.contradiction import Contradiction
from incidentlog.audit.notes import Note, Signature, Signer, TreeHead
from incidentlog.audit.review import Review
from incidentlog.audit.state import Folder, State, StateError, seen
from incidentlog.audit.taking_up import check_ours, check_root, grow, head_of, last_note, rebuild
from incidentlog.audit.tiles import Edge, Tile
from incidentlog.audit.tree import Tree
from incidentlog.audit.witness import Witness, Witnesses
from incidentlog.clock import Clock
from incidentlog.errors import Tampered
from incidentlog.store.connect import Access, Connection, heed_cancelling, lost
from incidentlog.store.notary import (
    LogKey,
    StoredHead,
    StoredTile,
    count_heads,
    publish,
    read_last_head,
    read_log_key,
    unsigned_seconds,
    was_signed,
)
from incidentlog.store.read import LogIdentity, read_head, read_log
from incidentlog.store.replication import read_mark

INTERVAL_SECONDS: Final = 1.0
RETRY_SECONDS: Final = 1.0
REVIEWED: Final = 4
"""Full tiles whose events are read and hashed again in one round: 1,024 events a second, round and round."""

UNSIGNED_SECONDS: Final = 60.0
"""For how long an event may wait for whoever signs, before it is worth a word: a restart takes less."""

GOES_BACK: Final = frozenset({"another_log", "older_fork", "newer_fork", "shorter", "unclaimed"})
"""The contradictions after which nothing may be appended until `incidentlog log fork`: positions would come twice."""

log = structlog.get_logger(__name__)


class Notary:
    """Signs one log, where it has the key; else follows what is signed elsewhere. Either way it watches the log."""

    def __init__(
        self,
        access: Access,
        folder: Folder | None,
        clock: Clock,
        *,
        key: str | None = None,
        witnesses: Sequence[Witness] = (),
        may_sign: bool = True,
    ) -> None:
        """`folder` is where its state is kept; None keeps none, and signs nothing. `key` comes before the folder's.

        Without `may_sign` the folder is only read, whoever else keeps it: what is in the database is compared with it.
        """
        self._may_sign = may_sign
        self._access, self._folder, self._clock = access, folder, clock
        self._given, self._witnesses = key, Witnesses(witnesses)
        self._bell = asyncio.Event()
        self._ours = False
        self._signer: Signer | None = None
        self._state: State | None = None
        self._edge = Edge()
        self._review = Review()
        self._was_signed = False
        self._seen = 0
        self.fork = 0
        self.key: LogKey | None = None
        """Who signs this fork; None while nobody does."""
        self.published: StoredHead | None = None
        """The last tree head that anybody may know; nothing beyond its size is served."""
        self.contradiction: Contradiction | None = None
        self.failure: str | None = None
        """Why it cannot go on at the moment; None while it can."""
        self.warning: str | None = None
        """What is to be said where nobody signs what there is to sign; None where somebody does."""

    @property
    def size(self) -> int:
        """How much of the log is sealed."""
        return 0 if self.published is None else self.published.size

    @property
    def signs(self) -> bool:
        """Whether this process signs."""
        return self._signer is not None and self.contradiction is None

    @property
    def status(self) -> str:
        """In a word or a sentence: `sealing`, `following`, `off`, `tampered`, or what is in the way."""
        if self.contradiction is not None:
            return "tampered"
        if self.failure is not None:
            return self.failure
        if self._signer is not None or self.key is not None:
            return "following" if self._signer is None else "sealing"
        return f"the log was signed before, and nobody signs fork {self.fork}" if self._was_signed else "off"

    async def sealed(self, position: int, seconds: float) -> bool:
        """Wait until a position is sealed, at most so long; whether it is."""
        deadline = time.monotonic() + seconds
        while self.size < position and self.contradiction is None:
            try:
                async with asyncio.timeout(deadline - time.monotonic()):
                    await self._bell.wait()
            except TimeoutError:
                break
        return self.size >= position

    def admit_appends(self) -> None:
        """Raises Tampered where positions would be given out a second time, for other events."""
        if self.contradiction is not None and self.contradiction.kind in GOES_BACK:
            raise Tampered(self.contradiction.detail)

    def saw(self, position: int) -> None:
        """An event is there: from now on the log does not end before it."""
        self._seen = max(self._seen, position)

    async def begin(self) -> None:
        """Compare the database with what is known of it, before anybody is served."""
        try:
            await self.once(rounds=0)
        except StateError as error:
            self.failure = str(error)

    async def look(self) -> None:
        """Compare as `begin` does, and keep nothing of it: `status`, `warning` and `failure` say what is found."""
        connection = await self._access.connect("notary")
        try:
            await self._take_up(connection)
            signer = self._folder.signer(self._given) if self._may_sign and self._folder is not None else None
            if signer is not None and self._state is not None and self._state.vkey is not None:
                self._check_key(signer)
            await self._heed_unsigned(connection)
        except StateError as error:
            self.failure = str(error)
        except Contradiction as contradiction:
            self.contradiction = contradiction
        finally:
            await connection.close()

    async def run(self) -> None:
        """Keep at it until cancelled; what fails is said in `failure` and tried again, a contradiction ends it."""
        while self.contradiction is None:
            try:
                await self.once(rounds=None)
            except StateError as error:
                self.failure = str(error)
                log.warning("not_sealing", reason=str(error))
                await asyncio.sleep(RETRY_SECONDS * 10)
            except Exception as error:
                heed_cancelling()
                if lost(error):  # that the database is away is told by others
                    log.warning("notary_interrupted", error=repr(error))
                else:
                    self.failure = repr(error)
                    log.exception("notary_failed")
                await asyncio.sleep(RETRY_SECONDS)

    async def once(self, rounds: int | None = 1) -> None:
        """Connect, take up where the state says, and go so many rounds (None: on and on)."""
        connection = await self._access.connect("notary")
        try:
            if self._folder is None or not self._may_sign:
                await self._follow(connection, rounds)
                return
            self._folder.make()
            with self._folder.held() as self._ours:
                await self._follow(connection, rounds)
        except Contradiction as contradiction:
            self._stop(contradiction)
        finally:
            self._ours = False
            connection.terminate()

    async def _follow(self, connection: Connection, rounds: int | None) -> None:
        await self._take_up(connection)
        if self._signer is not None and rounds != 0:
            log.info("sealing", origin=self._signer.name, vkey=self._signer.verifier.vkey, size=self._edge.size)
        while rounds is None or rounds > 0:
            started = time.monotonic()
            await self.round(connection)
            self.failure = None
            if rounds is not None:
                rounds -= 1
                continue
            if self._folder is not None and self._may_sign and not self._ours and self._folder.is_free():
                return  # whoever held it is gone: take up
            await asyncio.sleep(max(0.05, started + INTERVAL_SECONDS - time.monotonic()))

    # Taking up

    async def _take_up(self, connection: Connection) -> None:
        """Compare the database with the state, and be where that says. Raises Contradiction, StateError."""
        identity = await read_log(connection)
        self.fork = identity.fork
        self.key = await read_log_key(connection, identity.fork)
        self._was_signed = await was_signed(connection)
        self.published = await read_last_head(connection, identity.fork) or self.published
        self._signer, self._state = None, None
        if self._folder is None:
            return
        signer = self._folder.signer(self._given) if self._may_sign else None
        state = self._folder.read()
        if state is None:
            if signer is not None:
                raise StateError(
                    f"there is a key, but no {self._folder.state}, which says what was signed with it: put that back, "
                    "or go on with `incidentlog log fork`"
                )
            state = State(identity.id, identity.fork)
        self._compare(identity, state)
        self._state = state
        head = await self._no_shorter(connection)
        if (evidence := self._folder.accused()) is not None:
            raise Contradiction.again(evidence)
        if self._ours and signer is not None and self._state.vkey is not None:
            await self._take_up_signing(connection, signer)
        elif self._ours:
            self._state = seen(self._state, head)
            await self._keep(self._folder, self._state)

    @staticmethod
    def _compare(identity: LogIdentity, state: State) -> None:
        if state.log != identity.id:
            raise Contradiction("another_log", f"this service served log {state.log}, the database holds {identity.id}")
        if state.fork > identity.fork:
            raise Contradiction(
                "older_fork", f"this service served fork {state.fork}, the database is at fork {identity.fork}"
            )
        if state.fork < identity.fork:  # the database alone says so, and whoever changed it can have it say that
            raise Contradiction(
                "newer_fork",
                f"the database is at fork {identity.fork}, this service served fork {state.fork}: if an operator began "
                "it on another machine, `incidentlog log fork --accept` takes it in here",
            )

    async def _no_shorter(self, connection: Connection) -> int:
        """The head; raises Contradiction when the log is shorter than it was."""
        # Before it is read: what is acknowledged while the answer is on its way is not in it.
        known = max(self._seen, 0 if self._state is None else self._state.head)
        head = (await read_head(connection)).position
        if head < known:
            if await read_mark(connection) is None:  # a standby is behind: the leader decides
                raise asyncpg.TargetServerAttributeNotMatched
            raise Contradiction(
                "shorter",
                f"the log ends at {head}, and was at {known}: it was cut, an older state was restored, or a server "
                "leads that lacked the last events",
                first=head + 1,
                last=known,
            )
        return head

    def _check_key(self, signer: Signer) -> None:
        """Raises StateError where the key here is not the one that signs this log, Contradiction where none does."""
        state, key = self._state, self.key
        assert state is not None  # noqa: S101 - read before
        if signer.verifier.vkey != state.vkey:
            raise StateError("the key is not the one that this log was begun with; use that, or `incidentlog log fork`")
        if key is None:
            raise Contradiction("unclaimed", f"the database knows nothing of the key {state.vkey}, which signed it")
        if key.vkey != state.vkey:
            raise StateError(f"the log is signed by {key.vkey}, not by the key that is here")

    async def _take_up_signing(self, connection: Connection, signer: Signer) -> None:
        self._check_key(signer)
        state, published = self._state, self.published
        assert state is not None  # noqa: S101 - read before
        if published is not None:
            check_ours(published, signer)
        note = last_note(state, published)
        signed = None if note is None else head_of(note)
        tree = Tree(connection, state.fork)
        edge, tiles = await rebuild(tree, 0 if signed is None else signed.size)
        heads = 0 if signed is None else await count_heads(connection, state.fork, below=signed.size)
        if heads < state.heads:
            detail = f"{state.heads} tree heads were published before the last one, the database has {heads}"
            raise Contradiction("heads", detail, first=1)
        if note is not None and signed is not None:
            await check_root(tree, edge, signed, state)
            if published is None or published.size < signed.size:  # killed between writing the state and publishing
                published = self._stored(signed, note)
                await publish(connection, state.fork, stored_tiles(tiles), published)
            self._publish(published)
            self._state = replace(state, heads=heads + 1)  # kept with the next one
        self._edge, self._signer, self.warning = edge, signer, None

    # Going on

    async def round(self, connection: Connection) -> None:
        """Look whether the log grew; seal what came, or take in what was sealed elsewhere; review some of the rest."""
        head = await self._no_shorter(connection)
        if self._folder is not None and self._folder.evidence.exists():
            raise Contradiction.again(self._folder.accused() or {})
        if self._signer is None:
            last = await read_last_head(connection, self.fork)
            if last is not None and last.size > self.size:
                self._publish(last)
            await self._heed_unsigned(connection)
            if self._ours and self._folder is not None and self._state is not None and head > self._state.head:
                self._state = seen(self._state, head)
                await self._keep(self._folder, self._state)
            return
        if head > self._edge.size or self.published is None:
            await self._seal(connection, head)
        signed = None if self.published is None else head_of(self.published.note)
        await self._review.go_on(Tree(connection, self.fork), self._edge, signed, REVIEWED)

    async def _heed_unsigned(self, connection: Connection) -> None:
        """Notice that nobody signs what there is to sign: whoever has the key is away, or the key is."""
        waits = 0.0 if self.key is None else await unsigned_seconds(connection, self.size)
        before, self.warning = self.warning, None
        if waits > UNSIGNED_SECONDS:
            self.warning = (
                f"nothing after position {self.size} is signed: the service with the log's key does not run, or its "
                "folder is lost (docs/audit.md, For the operator)"
            )
        if self.warning is not None and before is None:
            log.warning("nobody_signs", detail=self.warning)
        elif self.warning is None and before is not None:
            log.info("signed_again", size=self.size)

    async def _seal(self, connection: Connection, head: int) -> None:
        """Fold in what was committed up to a position, sign, keep that outside the database, and only then publish."""
        state, folder, signer = self._state, self._folder, self._signer
        assert state is not None and folder is not None and signer is not None  # noqa: S101, PT018 - it signs
        tiles = stored_tiles(await grow(Tree(connection, self.fork), self._edge, head))
        tree_head = TreeHead(signer.name, self._edge.size, self._edge.root())
        note = Note(tree_head.text, (signer.sign(tree_head.text),))
        rows = tuple(b"".join(row) for row in self._edge.rows)
        self._state = replace(state, head=max(head, state.head), note=str(note), edge=rows)
        await self._keep(folder, self._state)
        if self._witnesses:
            note = note.and_also(await self._cosigned(connection, note, tiles))
        stored = self._stored(tree_head, str(note))
        await publish(connection, self.fork, tiles, stored)
        self._state = replace(self._state, heads=self._state.heads + 1)
        self._publish(stored)
        log.debug("sealed", size=stored.size, tiles=len(tiles))

    async def _cosigned(self, connection: Connection, note: Note, tiles: Sequence[StoredTile]) -> list[Signature]:
        """Ask the witnesses, who have a moment for it; whoever does not answer is left out."""
        size = self._edge.size
        tree = Tree(connection, self.fork, {(t.level, t.index): t.hashes for t in tiles})
        one_at_a_time = asyncio.Lock()

        async def consistency(old: int) -> list[bytes]:
            async with one_at_a_time:
                return await tree.consistency(old, size)

        return await self._witnesses.cosign(note, size, consistency)

    @staticmethod
    async def _keep(folder: Folder, state: State) -> None:
        """Write the state in a thread: the disk may take its time, and appends should not wait for it."""
        writing = asyncio.create_task(asyncio.to_thread(folder.write, state))
        try:
            await asyncio.shield(writing)
        finally:
            if not writing.done():  # cancelled: it must not outlive our hold on the folder
                await asyncio.wait([writing])

    def _stored(self, head: TreeHead, note: str) -> StoredHead:
        return StoredHead(head.size, head.root, note, self._clock.now())

    def _publish(self, head: StoredHead) -> None:
        self.published = head
        rung, self._bell = self._bell, asyncio.Event()
        rung.set()

    # Stopping

    def _stop(self, found: Contradiction) -> None:
        """Sign nothing more; keep the last good head, and say what contradicts it."""
        self.contradiction, self._signer = found, None
        state = self._state or (self._folder.read() if self._folder is not None else None)
        if state is not None and state.note is not None:
            head = head_of(state.note)
            if self.published is None or self.published.size <= head.size:
                self._publish(self._stored(head, state.note))
        evidence = found.told(None if state is None else state.note)
        log.error("tampered", **evidence)
        if self._folder is not None and self._ours and not found.known:
            self._folder.accuse(evidence)


def stored_tiles(full: Sequence[tuple[Tile, bytes]]) -> list[StoredTile]:
    """Full tiles as they are stored."""
    return [StoredTile(tile.level, tile.index, hashes) for tile, hashes in full]
