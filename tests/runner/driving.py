"""A log that is appended to as the service would, and a runner that keeps up with it, without the service."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from types import SimpleNamespace
from typing import Any, cast

import orjson

from incidentlog.api.diff import before_and_now
from incidentlog.api.moment import Moment
from incidentlog.api.rows import Answered, Stored, answer_of, ask, state_at
from incidentlog.events.recorded import Recorded
from incidentlog.folding.afresh import Afresh
from incidentlog.folding.change import Families, same
from incidentlog.folding.fold import RED
from incidentlog.folding.shapes import Document, Row
from incidentlog.projections import PROJECTIONS
from incidentlog.runner import Runner, Wakeup
from incidentlog.store.append import Appended, append
from incidentlog.store.connect import Access, Connection, Pool
from incidentlog.store.read import read_after, read_head
from incidentlog.store.versions import Texts
from tests.commands import DOOR, strike
from tests.ledgers import ledgers

KYIV = "Europe/Kyiv"
LOG = ("commits", "event_private", "events")
DERIVED = ("builds", "subjects", "merge_links", "segments", "names", "documents", "document_members", "parked")


class Log:
    """One log, over connections that may do everything."""

    def __init__(self, connection: Connection, access: Access) -> None:
        self.connection, self.access = connection, access
        self.grown = Wakeup()

    async def add(self, *events: dict[str, Any], fitting: bool = False) -> int:
        """Events in one append; the head then. All must be good, or, with `fitting`, those that are not are left out."""
        candidates = [DOOR.read(orjson.dumps(e), recorded_by="tester") for e in events]
        while faults := await DOOR.admit(cast("Pool", self.connection), candidates):
            assert fitting, faults
            candidates = [c for n, c in enumerate(candidates) if n not in faults]
        outcomes = await append(self.connection, [c.command for c in candidates], atomic=True)
        assert all(isinstance(o, Appended) for o in outcomes), outcomes
        self.grown.ring()
        return await self.head()

    async def head(self) -> int:
        return (await read_head(self.connection)).position

    async def events(self) -> list[Recorded]:
        return await read_after(self.connection, 0, 100_000)

    async def clear(self, *tables: str) -> None:
        """Empty tables, against all promises."""
        for table in LOG:
            await self.connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER append_only")
        await self.connection.execute(f"TRUNCATE {', '.join(tables)}")
        for table in LOG:
            await self.connection.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER append_only")

    async def derived(self) -> dict[str, list[tuple[Any, ...]]]:
        """All that is derived, as it is stored."""
        found: dict[str, list[tuple[Any, ...]]] = {"ledgers": sorted((await ledgers(self.connection)).items())}
        for table in DERIVED:
            if table != "segments":
                found[table] = sorted(map(tuple, await self.connection.fetch(f"SELECT * FROM {table}")), key=repr)
        return found

    async def rows(self, name: str, at: datetime, position: int, level: int = RED) -> dict[str, Row]:
        """A projection's rows from what is stored."""
        return (await self.answer(name, at, position, level)).rows

    async def answer(
        self, name: str, at: datetime, position: int, level: int = RED, *, least: int | None = None
    ) -> Answered:
        """The same with what they rest on, which may be an earlier position where that is not before `least`."""
        moment = moment_of(at, position) if least is None else replace(moment_of(at, position), least=least)
        return await answer_of(self._service, ask(PROJECTIONS[name], {}), moment, level)

    async def before_and_now(
        self, name: str, at: datetime, positions: tuple[int, int], level: int
    ) -> tuple[dict[str, Row], dict[str, Row]]:
        """A document's rows at two positions, as a comparison has them, whatever it makes at a time."""
        document = PROJECTIONS[name]
        assert isinstance(document, Document)
        moments = [moment_of(at, position) for position in positions]
        earlier, later = [await state_at(self._service, document, moment, level) for moment in moments]
        assert isinstance(earlier, Stored)
        assert isinstance(later, Stored)
        before, now = dict[str, Row](), dict[str, Row]()
        async for one, other in before_and_now(document, earlier, later, after=None, at_once=2):
            before |= one
            now |= other
        return before, now

    @property
    def _service(self) -> Any:
        return SimpleNamespace(pool=self.connection, document=asyncio.Lock())


def moment_of(at: datetime, position: int) -> Moment:
    """A position that was recorded, and an instant."""
    return Moment(at=at, position=position, by="recorded", known_at=None, open=False, least=position, pinned=True)


@asynccontextmanager
async def log_at(access: Access) -> AsyncIterator[Log]:
    connection = await access.connect()
    try:
        yield Log(connection, access)
    finally:
        await connection.close()


@asynccontextmanager
async def following(log: Log, **how: Any) -> AsyncIterator[Runner]:
    """A runner at work."""
    runner = Runner(log.access, log.grown, **how)
    task = asyncio.create_task(runner.run())
    try:
        yield runner
    finally:
        task.cancel()
        await asyncio.wait([task])


@dataclass
class Several:
    """Runners that share the partitions, seen as one."""

    runners: Sequence[Runner]

    @property
    def position(self) -> int:
        """Up to where all is folded, as far as one of them has said."""
        return max(runner.position for runner in self.runners)

    @property
    def failure(self) -> str | None:
        """What is wrong with the first of them that has something."""
        return next((runner.failure for runner in self.runners if runner.failure), None)

    async def reached(self, position: int, seconds: float) -> bool:
        """As a runner's."""
        async with asyncio.timeout(seconds):
            while self.position < position:
                await asyncio.sleep(0.002)
        return True


@asynccontextmanager
async def sharing(log: Log, number: int) -> AsyncIterator[Several]:
    """So many runners at work, who share the partitions."""
    async with AsyncExitStack() as stack:
        yield Several([await stack.enter_async_context(following(log)) for _ in range(number)])


async def caught_up(log: Log, runner: Runner | Several) -> int:
    """Wait for a runner to reach the head; at most 60 s."""
    head = await log.head()
    assert await runner.reached(head, 60), (runner.position, head, runner.failure)
    return head


async def check(log: Log, *, ats: Sequence[datetime], levels: Sequence[int] = (RED,)) -> None:
    """Every projection is what folding the log afresh gives, now and as of some positions before."""
    events = await log.events()
    for position in {len(events), len(events) // 2}:
        afresh = Afresh(events[:position], KYIV)
        for name, projection in PROJECTIONS.items():
            for at in ats:
                for level in levels:
                    stored = await log.rows(name, at, position, level)
                    assert stored == afresh.rows(projection, at, level=level), (name, position, at, level)


async def versions_are_folds(log: Log) -> None:
    """Every version, however it is stored, is what folding the log gives where it begins; and none is missing."""
    changes = list(Families().changes(await log.events(), KYIV))
    made = {(c.stream, level, c.position): state for c in changes for level, state in c.after.items()}
    moved = {
        (c.stream, level, c.position)
        for c in changes
        for level in c.levels
        if c.after.get(level) is not None and not same(c.after.get(level), c.before.get(level))
    }
    rows = await log.connection.fetch("SELECT * FROM subjects")
    async for row, text in Texts(log.connection).of(rows):
        key = row["stream"], row["level"], row["from_position"]
        assert text.state == made[key], key
        moved.discard(key)
    assert not moved


@asynccontextmanager
async def copies_held_up(log: Log) -> AsyncIterator[None]:
    """Let nobody write the ledger: a COPY of more than the buffers hold waits for room."""
    admin = await log.access.connect()
    try:
        async with admin.transaction():
            await admin.execute("LOCK TABLE segments IN SHARE MODE")
            yield
    finally:
        await admin.close()


async def cut_while_copying(log: Log) -> None:
    """End the session that waits to write the ledger, once there is one."""
    async with asyncio.timeout(60):
        while not await log.connection.fetchval(
            "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_locks"
            " WHERE NOT granted AND relation = 'segments'::regclass"
        ):
            await asyncio.sleep(0.01)


async def copying(log: Log) -> None:
    """Wait for a session that waits to write the ledger; at most 60 s."""
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'segments'::regclass"
    async with asyncio.timeout(60):
        while not await log.connection.fetchval(waiting):
            await asyncio.sleep(0.01)


def strikes(number: int) -> list[dict[str, Any]]:
    """Strikes whose lines of the ledger are more than fits into any buffer."""
    figures = {name: {"best": 1} for name in ("killed", "injured")}
    means = {"means": ["drone"], "target_class": "civilian", "attributed_to": "RUS", "casualties": figures}
    return [strike(data=means) for _ in range(number)]
