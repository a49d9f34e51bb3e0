"""A service, its clock, a network, and readers at the other end, each of which checks what it is told."""

import asyncio
from collections import deque
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from incidentlog.client import Change, Client, Events, Notice, Resume
from incidentlog.clock import ManualClock
from incidentlog.store.connect import Access
from tests.api.serving import ADMIN, NOW, Served, serving
from tests.client.network import Network
from tests.commands import about, retraction, strike
from tests.live.following import until
from tests.runner.driving import DERIVED, LOG

HEARTBEAT_SECONDS = 0.05
SETTLE_SECONDS = 10.0
PLACES = [
    {"name": "Odesa", "country": "UA", "precision": "settlement"},
    {"name": "Kyiv", "country": "UA", "precision": "settlement"},
    {"name": "Nowhere", "precision": "settlement"},
]
FOLLOWED: list[tuple[str, dict[str, Any]]] = [
    ("city_incidents", {"group_by": ["place"]}),
    ("city_incidents", {"group_by": ["place", "day"], "min_interval_ms": 150}),
    ("city_incidents", {"group_by": ["kind"], "filters": {"place": "geonames:703448"}}),
    ("ceasefire_status", {}),
    ("events", {}),
    ("events", {"filters": {"type": "record.retracted"}}),
]


class World:
    """One log; what happens in it, to it, and on the way to those who follow it."""

    def __init__(self, access: Access, network: Network) -> None:
        self.access = access
        self.network = network
        self.clock = ManualClock(NOW)
        self.readers: list[Reader] = []
        self.events: list[dict[str, Any]] = []
        """What was appended since the example began, and is still there."""
        self._numbers = count(1)
        self._running = AsyncExitStack()
        self.served: Served

    # ------------------------------------------------------------------------------------------ the service

    async def start(self, *, again: bool = False) -> None:
        self.served = await self._running.enter_async_context(serving(self.access, clock=self.clock, again=again))
        self.served.service.hub.heartbeat_seconds = HEARTBEAT_SECONDS
        await self.served.ready()
        self.network.target = self.served.port

    async def stop(self) -> None:
        self.network.target = 0
        await self._running.aclose()
        self._running = AsyncExitStack()

    async def restart(self) -> None:
        await self.stop()
        await self.start(again=True)

    async def restore(self, share: float) -> None:
        """An older copy of the log is put back, and is a fork of it from now on."""
        await self.served.settled()
        await self.stop()
        admin = await self.access.connect()
        try:
            commits = [row[0] for row in await admin.fetch("SELECT last_position FROM commits ORDER BY 1")]
            kept = commits[int(share * len(commits)) :][:1] or commits[-1:] or [0]
            for table in LOG:
                await admin.execute(f"ALTER TABLE {table} DISABLE TRIGGER append_only")
            await admin.execute(f"DELETE FROM event_private WHERE position > {kept[0]}")
            await admin.execute(f"DELETE FROM events WHERE position > {kept[0]}")
            await admin.execute(f"DELETE FROM commits WHERE last_position > {kept[0]}")
            for table in LOG:
                await admin.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER append_only")
            await admin.execute(f"TRUNCATE {', '.join(DERIVED)}")
            await admin.execute("UPDATE log SET fork = fork + 1")
        finally:
            await admin.close()
        self.events = [e for e in self.events if e["position"] <= kept[0]]
        await self.start(again=True)

    # ------------------------------------------------------------------------------------------ what happens

    async def happen(self, kind: str, n: int) -> None:
        """Something happens, if it can: what the door refuses has not."""
        event = self._event(kind, n)
        if event is None:
            return
        answer = await self.served.post(event)
        if answer.status == 201:
            self.events.append({**event, "position": answer.json["position"], "stream": answer.json["stream"]})

    def _event(self, kind: str, n: int) -> dict[str, Any] | None:
        yesterday = {"start": f"{self.clock.now() - timedelta(days=1 + n % 3):%Y-%m-%d}", "precision": "day",
                     "tz": "Europe/Kyiv"}  # fmt: skip
        target = self.events[n % len(self.events)] if self.events else None
        match kind:
            case "strike":
                event = strike(
                    occurred=yesterday, place=PLACES[n % 3], killed=n, stream=f"strike:{next(self._numbers)}"
                )
                return {k: v for k, v in event.items() if k != "reported_at"}
            case "truce":
                event = strike(occurred=yesterday, type="ceasefire.declared", stream=f"ceasefire:{next(self._numbers)}")
                terms = {"sidedness": "unilateral", "scope": ["general"], "declared_by": "RUS"}
                start, end = (self.clock.now() + timedelta(hours=h) for h in (n % 5, n % 5 + 1 + n))
                terms |= {"effective_from": start.isoformat(), "effective_until": end.isoformat()}
                return {k: v for k, v in event.items() if k not in {"place", "reported_at"}} | {"data": terms}
            case "amended" if target is not None and target["type"] == "strike.reported":
                return about("amended", target["id"], reason="corrected", patch={"place": PLACES[(n + 1) % 3]})
            case "retracted" if target is not None:
                return retraction(target["id"])
            case "merged" if target is not None and target["type"] == "strike.reported":
                others = [e["stream"] for e in self.events if e["type"] == "strike.reported" and e is not target]
                return (others and about("merged", target["id"], survivor=target["stream"], absorbed=[others[n % len(others)]],
                                        reason="one") | {"stream": target["stream"]}) or None  # fmt: skip
            case _:
                return None

    # ------------------------------------------------------------------------------------------ what is true

    async def rows(self, name: str, how: dict[str, Any], position: int, at: datetime) -> dict[str, Any]:
        """The rows that REST answers at a position and an instant."""
        params: dict[str, Any] = {**how.get("filters", {}), "at": at.isoformat(), "at_position": position}
        if "group_by" in how:
            params["group_by"] = ",".join(how["group_by"])
        answer = await self.served.get(f"/v1/projections/{name}", **params)
        assert answer.status == 200, answer
        rows: dict[str, Any] = answer.json["rows"]
        return rows

    async def ids(self, how: dict[str, Any], after: int, upto: int) -> list[str]:
        """The events that the log holds between two positions."""
        kinds = how.get("filters", {}).get("type")
        found = await self.served.service.pool.fetch(
            "SELECT event_id, type FROM events WHERE position > $1 AND position <= $2 ORDER BY position", after, upto
        )
        return [str(row["event_id"]) for row in found if kinds in {None, row["type"]}]

    @property
    def epoch(self) -> str:
        return self.served.service.hub.epoch

    # ------------------------------------------------------------------------------------------ readers

    async def begin(self) -> None:
        """New readers, of everything that is followed; nothing is wrong with the network."""
        self.network.heal()
        self.events = []
        self.readers = [Reader(self, name, how) for name, how in FOLLOWED]
        for reader in self.readers:
            await reader.start()
        await until(lambda: all(reader.followed is not None for reader in self.readers))

    async def check_one(self, n: int) -> None:
        """One of the readers has what is true where it is."""
        await self.readers[n % len(self.readers)].check()

    async def check(self) -> None:
        """Everybody has what is true where they are."""
        for reader in self.readers:
            await reader.check()

    async def settle(self) -> None:
        """Once nothing is in the way, everybody comes to have what is true now."""
        self.network.heal()
        # A message that was lost shows with the next one that moves anything (TCP loses none): so there is one.
        await self.happen("strike", 1)
        for reader in self.readers:
            reader.slow.set()
            if reader.task is None:
                await reader.start()
        late = asyncio.get_running_loop().time() + SETTLE_SECONDS
        for reader in self.readers:
            # The log grows by itself, too: a day that ends has its digest of who read what.
            while not await reader.is_now(head := await self.served.settled()):
                assert asyncio.get_running_loop().time() < late, f"{reader} does not get to {head}: {reader.notices}"
                await asyncio.sleep(0.01)
        await self.check()

    async def end(self) -> None:
        readers, self.readers = self.readers, []
        await asyncio.gather(*(reader.kill() for reader in readers), return_exceptions=True)


class Reader:
    """Follows one thing, and keeps a copy together with its place, as in one transaction. It may be killed."""

    def __init__(self, world: World, name: str, how: dict[str, Any]) -> None:
        self.world, self.name, self.how = world, name, how
        self.place: Resume | None = None
        self.copy: dict[str, Any] = {}
        self.told: list[str] = []
        self.after = 0
        self.followed: Any = None
        self.notices: deque[Notice] = deque(maxlen=5)
        self.task: asyncio.Task[None] | None = None
        self.slow = asyncio.Event()
        self.slow.set()

    async def start(self) -> None:
        """Follow, from where the copy is."""
        self.task = asyncio.create_task(self._follow())

    async def kill(self) -> None:
        """The process ends, wherever it is."""
        task, self.task, self.followed = self.task, None, None
        if task is not None:
            task.cancel()
            (outcome,) = await asyncio.gather(task, return_exceptions=True)
            if isinstance(outcome, Exception):
                raise outcome

    def twin(self) -> "Reader":
        """Another one at the same place, with a copy of the copy."""
        other = Reader(self.world, self.name, self.how)
        other.place, other.copy, other.told, other.after = self.place, dict(self.copy), list(self.told), self.after
        return other

    async def _follow(self) -> None:
        async with (
            Client(self.world.network.url, ADMIN, retry_seconds=60) as client,
            client.subscribe(self.name, **self.how, resume=self.place, notify=self.notices.append) as followed,  # type: ignore[call-overload]
        ):
            if not followed.resumed:
                self.place = followed.resume
                self.after = followed.position
                self.copy = dict(getattr(followed, "rows", {}))
            self.followed = followed
            async for change in followed:
                await self.slow.wait()
                self._take(change)
                self.place = followed.resume

    def _take(self, change: Change | Events) -> None:
        if isinstance(change, Events):
            if change.reason:
                self.told, self.after = [], change.to
            self.told += [event["id"] for event in change.items]
            return
        assert all(self.copy.get(key) != row for key, row in change.set.items()), "each change once"
        assert all(key in self.copy for key in change.gone), "each change once"
        self.copy = {k: v for k, v in self.copy.items() if k not in change.gone} | dict(change.set)

    async def check(self) -> None:
        """What it holds is what is true where it is."""
        if self.task is not None and self.task.done():
            self.task.result()
        if self.place is None or self.place.cursor.epoch != self.world.epoch:
            return  # it has not heard yet that its log is no more
        # All of it taken at one moment: it moves on while the log is asked.
        cursor, copy, told, after = self.place.cursor, self.copy, list(self.told), self.after
        followed = self.followed
        held = None if followed is None or self.name == "events" else (followed.cursor, dict(followed.rows))
        if self.name == "events":
            assert told == await self.world.ids(self.how, after, cursor.position), self
            return
        true = await self.world.rows(self.name, self.how, cursor.position, cursor.at)
        assert copy == true, (self, cursor, copy, true)
        if held is not None and held[0].epoch == self.world.epoch and held != (cursor, copy):
            true = await self.world.rows(self.name, self.how, held[0].position, held[0].at)
            assert held[1] == true, (self, *held, true)

    async def is_now(self, head: int) -> bool:
        """Whether it has heard of everything that there is to hear of."""
        followed = self.followed
        if self.task is not None and self.task.done():
            self.task.result()
        if followed is None or followed.cursor.epoch != self.world.epoch or followed.position != head:
            return False
        if self.name == "events":
            return True
        rows = dict(followed.rows)
        return rows == await self.world.rows(self.name, self.how, head, self.world.clock.now())

    def __repr__(self) -> str:
        held = self.followed and self.followed.cursor
        return f"<{self.name} {self.how} has {self.place and self.place.cursor}, is at {held}>"
