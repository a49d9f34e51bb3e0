"""A log with a notary, a folder of its own, and hands that change what nobody should."""

import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from incidentlog.audit.beginning import begin_if_new
from incidentlog.audit.notary import Notary
from incidentlog.audit.notes import TreeHead, Verifier, open_head
from incidentlog.audit.state import Folder
from incidentlog.audit.tree import Tree
from incidentlog.audit.witness import Witness
from incidentlog.clock import ManualClock
from incidentlog.store.append import Append, append
from incidentlog.store.connect import Access, Connection
from incidentlog.store.erase import erase, pending_erasures
from tests.commands import command, strike

ORIGIN = "log.example/incidents"
TABLES = ("events", "event_private", "commits", "tiles", "tree_heads", "log_keys", "zone_data")
"""What the log and its seals are kept in."""
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@dataclass
class Sealing:
    """The log, and how to append to it, seal it and harm it."""

    access: Access
    folder: Folder
    admin: Connection

    async def append(self, count: int = 1, commands: Sequence[Append] | None = None) -> int:
        """Append events in one commit; the head."""
        connection = await self.access.connect("appender")
        try:
            outcomes = await append(connection, commands or [command() for _ in range(count)])
        finally:
            await connection.close()
        return int(outcomes[-1].position)

    async def erase(self, *events: Append) -> None:
        """Append what names parts that are to go, and let them go."""
        await self.append(commands=events)
        connection = await self.access.connect("eraser")
        try:
            for erasure in await pending_erasures(connection):
                await erase(connection, erasure)
        finally:
            await connection.close()

    def notary(self, *, key: str | None = None, witnesses: Sequence[Witness] = ()) -> Notary:
        return Notary(self.access, self.folder, ManualClock(NOW), key=key, witnesses=witnesses)

    async def seal(self, rounds: int = 1) -> Notary:
        """Start a notary, let it go some rounds, and stop it."""
        notary = self.notary()
        await notary.once(rounds)
        return notary

    async def harm(self, *statements: str, then: Callable[["Sealing"], Awaitable[None]] | None = None) -> None:
        """What a superuser can do: no trigger stops them, and afterwards each is as it was.

        Fails where a statement changes no row.
        """
        always = await self.admin.fetch(
            "SELECT tgrelid::regclass::text, tgname FROM pg_trigger "
            "WHERE tgenabled = 'A' AND tgrelid::regclass::text = ANY($1)", TABLES
        )  # fmt: skip
        for table in TABLES:
            await self.admin.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
        before = await self._content()
        for statement in statements:
            await self.admin.execute(statement)
            after = await self._content()
            assert after != before, f"it changes nothing: {statement}"
            before = after
        if then is not None:
            await then(self)
            assert await self._content() != before, f"it changes nothing: {then}"
        for table in TABLES:
            await self.admin.execute(f"ALTER TABLE {table} ENABLE TRIGGER ALL")
        for table, trigger in always:
            await self.admin.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {trigger}")

    async def _content(self) -> list[str]:
        """A digest of each table."""
        digest = "SELECT md5(coalesce(string_agg(t::text, '\n' ORDER BY t::text), '')) FROM {} t"
        return [await self.admin.fetchval(digest.format(table)) for table in (*TABLES, "log", "merge_links", "blocks")]

    @property
    def tree(self) -> Tree:
        return Tree(self.admin, 0)

    def signed(self) -> TreeHead:
        """The last head that was signed, as the state has it, opened with the key."""
        state = self.folder.read()
        assert state is not None
        assert state.note is not None
        assert state.vkey is not None
        return open_head(state.note.encode(), [Verifier.parse(state.vkey)])[0]

    async def everything(self) -> list[tuple[Any, ...]]:
        """Every tree head that was published."""
        return [tuple(r) for r in await self.admin.fetch("SELECT fork, size, note FROM tree_heads ORDER BY 1, 2")]


def flipped(index: int, at: int) -> str:
    """The statement that changes one bit of a tile's byte, whatever it is."""
    return f"UPDATE tiles SET hashes = set_byte(hashes, {at}, get_byte(hashes, {at}) # 1) WHERE index = {index}"


SIZE = 700
"""How many events the log has that is there filled."""


async def fill(log: Sealing) -> None:
    """Seven hundred events in seven commits, sealed after each; the last of each has a private part."""
    for n in range(7):
        events = [command() for _ in range(99)]
        events.append(command(strike(private={"victims": [f"Name {n}"]})))
        await log.append(commands=events)
        await log.seal()


@asynccontextmanager
async def sealing(access: Access) -> AsyncIterator[Sealing]:
    """A new log that is signed from its first event on."""
    admin = await access.connect()
    with tempfile.TemporaryDirectory(prefix="incidentlog-notary-") as path:
        folder = Folder(Path(path) / "log" / "incidentlog")
        begun = await begin_if_new(access, folder, origin=ORIGIN, key=None)
        assert begun is not None
        try:
            yield Sealing(access, folder, admin)
        finally:
            await admin.close()
