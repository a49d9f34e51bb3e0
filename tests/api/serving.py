"""The whole service on a free loopback port, over a log of its own, and what asks it."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import aiohttp
import orjson
from aiohttp import web
from yarl import URL

from incidentlog import zstd
from incidentlog.api.app import make_app
from incidentlog.api.wire import Runner
from incidentlog.audit.state import Folder
from incidentlog.beside import RUNNER, Processes
from incidentlog.clock import Clock, ManualClock
from incidentlog.config import Settings
from incidentlog.events.values import Tlp
from incidentlog.service.keys import SCOPES, digest
from incidentlog.service.service import Service, running
from incidentlog.store.connect import Access
from incidentlog.store.keys import insert_key
from incidentlog.store.read import read_head
from incidentlog.tracing import Tracing
from tests.api.described import operation_at, undescribed
from tests.commands import strike

ADMIN = "an-admin-key-for-tests"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
NDJSON = "application/x-ndjson"
PROBLEM = "application/problem+json"


@dataclass(frozen=True)
class Answer:
    """What came back, read to its end."""

    status: int
    headers: Mapping[str, str]
    raw: bytes

    @property
    def unpacked(self) -> bytes:
        """Out of whatever coding it came in."""
        match self.headers.get("Content-Encoding"):
            case None:
                return self.raw
            case "gzip":
                return gzip.decompress(self.raw)
            case "zstd":
                return zstd.decompress(self.raw)
            case coding:
                raise AssertionError(coding)

    @property
    def json(self) -> Any:
        return orjson.loads(self.raw)

    @property
    def slug(self) -> str:
        """Which problem it is; fails when it is none, or one without the members that RFC 9457 and we promise."""
        assert self.headers["Content-Type"].startswith(PROBLEM), self
        said = self.json
        assert said["status"] == self.status
        assert said.keys() >= {"type", "title", "detail", "instance", "trace_id"}
        assert said["trace_id"] == self.headers["X-Request-Id"]
        for fault in said.get("errors", ()):
            assert fault.keys() >= {"pointer", "code", "detail"}
        return str(said["type"].removeprefix("/problems/"))

    @property
    def faults(self) -> dict[str, str]:
        """The code by pointer."""
        return {fault["pointer"]: fault["code"] for fault in self.json["errors"]}


@dataclass
class Served:
    """A service that answers."""

    service: Service
    access: Access
    url: str
    session: aiohttp.ClientSession
    app: web.Application
    key: str | None = ADMIN

    @property
    def port(self) -> int:
        port = URL(self.url).port
        assert port is not None
        return port

    @property
    def clock(self) -> ManualClock:
        assert isinstance(self.service.clock, ManualClock)
        return self.service.clock

    def by(self, key: str | None) -> "Served":
        """The same service, asked with another key, or with none."""
        return replace(self, key=key)

    async def ask(
        self,
        method: str,
        path: str,
        *,
        data: Any = None,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, Any] | Sequence[tuple[str, str]] | None = None,
    ) -> Answer:
        """One request, within 60 s. A path that has a `%` is sent as it is written."""
        sent = {**({"Authorization": f"Bearer {self.key}"} if self.key else {}), **(headers or {})}
        url = URL(self.url + path, encoded="%" in path)
        async with (
            asyncio.timeout(60),
            self.session.request(method, url, data=data, headers=sent, params=params) as response,
        ):
            answer = Answer(response.status, response.headers, await response.read())
        if (operation := operation_at(method, path)) is not None:
            kind = answer.headers.get("Content-Type", "")
            assert not [*undescribed(operation, answer.status, kind, answer.unpacked)], (method, path)
        return answer

    async def get(self, path: str, headers: Mapping[str, str] | None = None, /, **params: Any) -> Answer:
        """A read; the parameter `from_` is sent as `from`, and so on.

        One that names a position is sent when that is folded, at the latest after a minute: by itself a read waits for
        two seconds, which would say how busy the machine is. With headers it is sent at once.
        """
        named = {name.rstrip("_"): value for name, value in params.items()}
        position = named.get("min_position")
        if headers is None and isinstance(position, int) and position <= await self.head():
            await self.service.runner.reached(position, 60)
        return await self.ask("GET", path, headers=headers, params=named)

    async def rows(self, name: str, **params: Any) -> dict[str, Any]:
        """A projection's rows, with all that was answered so far in them."""
        answer = await self.get(f"/v1/projections/{name}", **{"min_position": await self.head(), **params})
        assert answer.status == 200, answer
        rows: dict[str, Any] = answer.json["rows"]
        return rows

    async def post(
        self, event: Any = None, *, path: str = "/v1/events", headers: Mapping[str, str] | None = None
    ) -> Answer:
        """One event: a dict, or bytes as they are."""
        body = BytesIO(event if isinstance(event, bytes) else orjson.dumps(event))
        return await self.ask("POST", path, data=body, headers={"Content-Type": "application/json", **(headers or {})})

    async def add(self, *events: dict[str, Any]) -> list[int]:
        """Events that are good, one by one; their positions."""
        positions = []
        for event in events:
            answer = await self.post(event)
            assert answer.status == 201, answer
            positions.append(answer.json["position"])
        return positions

    async def bulk(self, *events: Any, **params: str) -> Answer:
        """Many events in one request: dicts, or lines as they are."""
        lines = [e if isinstance(e, bytes) else orjson.dumps(e) for e in events]
        headers = {"Content-Type": NDJSON}
        return await self.ask(
            "POST", "/v1/events/bulk", data=BytesIO(b"\n".join(lines)), headers=headers, params=params
        )

    async def fill(self, *events: Any, **params: str) -> None:
        """Many events that are good, in one request."""
        answer = await self.bulk(*events, **params)
        assert answer.status in {200, 201}, answer

    async def ready(self) -> None:
        """Wait, at most 60 s, until the service says that it is ready; if it does not, fail with what it says."""
        try:
            async with asyncio.timeout(60):
                while (await self.get("/readyz")).status != 200:
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise AssertionError((await self.by(ADMIN).get("/readyz", verbose="")).json) from None

    async def head(self) -> int:
        """The log's last position."""
        return (await read_head(self.service.pool)).position

    async def settled(self) -> int:
        """Wait until the projections are at the head, at most 60 s; the head."""
        head = await self.head()
        assert await self.service.runner.reached(head, 60), self.service.runner.failure
        return head

    async def unharmed(self) -> None:
        """A good event is still taken, and counted."""
        (position,) = await self.add(strike(stream=None))
        assert await self.settled() >= position
        assert (await self.get("/readyz")).status == 200

    async def raw(self, *parts: bytes, half_close: bool = False, whole: bool = True) -> bytes:
        """Bytes as they are on a connection of their own; what came back within 60 s, until it was closed.

        `whole`: else what came back first.
        """
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            async with asyncio.timeout(60):
                for part in parts:
                    writer.write(part)
                    await writer.drain()
                if half_close:
                    writer.write_eof()
                return await reader.read(-1 if whole else 65_536)
        finally:
            writer.transport.abort()


@asynccontextmanager
async def serving(
    access: Access,
    *,
    settings: Settings | None = None,
    clock: Clock | None = None,
    runner_apart: bool = False,
    folder: Folder | None = None,
    port: int = 0,
    again: bool = False,
    erasing: bool = False,
    tracing: Tracing | None = None,
) -> AsyncIterator[Served]:
    """The service on a log, with an admin key, until the block ends; `again` where the log has had one before.

    `erasing`: it looks every half second what is left to be erased, and not every ten seconds.
    """
    if not again:
        await make_key(access, "admin", ADMIN, scopes=SCOPES, clearance=Tlp.RED)
    settings, clock = settings or Settings(), clock or ManualClock(NOW)
    async with running(
        access, settings, clock, apart=Processes(RUNNER) if runner_apart else None, folder=folder, tracing=tracing
    ) as service:
        if erasing:
            service.eraser.look_seconds = 0.5
        app = make_app(service)
        runner = Runner(app, access_log=None, shutdown_timeout=1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        connector = aiohttp.TCPConnector(limit=0)
        try:
            async with aiohttp.ClientSession(
                connector=connector, auto_decompress=False, headers={"Accept-Encoding": "identity"}
            ) as session:
                yield Served(service, access, url, session, app)
        finally:
            await service.hub.close()
            await runner.cleanup()


async def make_key(access: Access, name: str, key: str, *, scopes: Sequence[str], clearance: int = Tlp.CLEAR) -> None:
    """Let a key in."""
    connection = await access.connect()
    try:
        await insert_key(connection, name, digest(key), scopes, clearance)
    finally:
        await connection.close()
