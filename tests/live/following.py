"""A log with everything that follows it at work, and a client that checks what every client may rely on."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Annotated, Any

import orjson
import websockets
from aiohttp import web
from pydantic import ConfigDict, Field, TypeAdapter

from incidentlog.clock import Clock, SystemClock
from incidentlog.errors import Problem
from incidentlog.folding.encoding import encode_event
from incidentlog.folding.rows import Grouping, document_rows, tally_rows
from incidentlog.folding.shapes import Tally
from incidentlog.live import PROTOCOL, Hub, Reader
from incidentlog.live.answers import ServerMessage
from incidentlog.projections import PROJECTIONS
from incidentlog.runner import Runner, Wakeup
from incidentlog.store.answer import read_beside, read_documents, read_groups, read_names
from incidentlog.store.append import Appended
from incidentlog.store.builds import active_builds
from incidentlog.store.connect import Access, Pool
from incidentlog.store.read import read_log
from incidentlog.store.writer import Writer
from tests.commands import command

Message = dict[str, Any]
SAID: TypeAdapter[ServerMessage] = TypeAdapter(
    Annotated[ServerMessage, Field(discriminator="type")], config=ConfigDict(extra="forbid")
)
"""What every message of the server has to be."""
SECONDS = 60.0
"""How long a test waits for anything before it fails."""


async def until(true: Callable[[], bool]) -> None:
    """Wait for something that no event says."""
    async with asyncio.timeout(SECONDS):
        while not true():
            await asyncio.sleep(0.01)


@dataclass(frozen=True)
class Somebody:
    name: str = "somebody"
    clearance: int = 0
    expires_at: datetime | None = None
    address: str = ""


@dataclass
class Node:
    """One service node, with its WebSocket at `url`."""

    access: Access
    pool: Pool
    writer: Writer
    runner: Runner
    hub: Hub
    clock: Clock
    port: int = 0
    reader: Reader | None = field(default_factory=Somebody)

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/v1/live"

    async def append(self, *events: Message, stream: str | None = None) -> list[int]:
        """Append events one by one, and wait until they are derived; answers their positions."""
        positions = []
        for event in events:
            outcome = await self.writer.append(command(event, stream=stream))
            assert isinstance(outcome, Appended), outcome
            positions.append(outcome.position)
        assert await self.runner.reached(positions[-1], SECONDS)
        return positions

    async def settled(self) -> None:
        """Wait until every channel has taken in what is derived."""
        await until(lambda: all(c.cursor.position == self.runner.position for c in self.hub._channels.values()))

    async def rows(
        self, name: str, position: int, at: datetime, grouping: Grouping | None = None, clearance: int = 0
    ) -> dict[str, Any]:
        """The rows that REST answers at a position and an instant, as a client reads them."""
        projection, builds = PROJECTIONS[name], await active_builds(self.pool)
        if isinstance(projection, Tally):
            grouping = grouping or Grouping(projection.group_by)
            build = builds[name]
            groups = await read_groups(
                self.pool, projection, build, grouping, clearance=clearance, at=at, upto=position
            )
            rows = tally_rows(
                projection, grouping.by, groups, await read_names(self.pool, build, clearance=clearance, upto=position)
            )
        else:
            stored = await read_documents(self.pool, projection, builds[name], clearance=clearance, upto=position)
            beside = await read_beside(
                self.pool, projection, lambda p: builds[p.name], stored, clearance=clearance, at=at, upto=position
            )
            rows = document_rows(projection, stored, beside, at)
        options = orjson.OPT_UTC_Z | orjson.OPT_NAIVE_UTC
        answer: dict[str, Any] = orjson.loads(orjson.dumps(rows, option=options))
        return answer


@asynccontextmanager
async def following(
    access: Access, clock: Clock | None = None, *, port: int = 0, **options: Any
) -> AsyncIterator[Node]:
    """A node on a log, on a free port or a certain one; `options` are the hub's."""
    clock = clock or SystemClock()
    pool = await access.pool("reader")
    grown = Wakeup()
    writer, runner = Writer(access, grown=lambda _: grown.ring()), Runner(access, grown)
    hub = Hub(
        pool,
        await read_log(pool),
        runner,
        clock,
        **{"encode_event": partial(encode_event, zone="Europe/Kyiv"), **options},
    )
    node = Node(access, pool, writer, runner, hub, clock)

    @web.middleware
    async def refuse(request: web.Request, handler: Any) -> web.StreamResponse:
        try:
            answer: web.StreamResponse = await handler(request)
        except Problem as problem:
            return web.json_response(problem.as_json(), status=problem.status)
        return answer

    async def live(request: web.Request) -> web.WebSocketResponse:
        return await hub.handle(request, node.reader)

    app = web.Application(middlewares=[refuse])
    app.router.add_get("/v1/live", live)
    async with asyncio.TaskGroup() as parts:
        tasks = [parts.create_task(part.run()) for part in (writer, runner, hub)]
        server = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await server.setup()
        site = web.TCPSite(server, "127.0.0.1", port, backlog=1024)
        await site.start()
        node.port = server.addresses[0][1]
        try:
            async with asyncio.timeout(SECONDS):
                while not await hub.follows_all():
                    await asyncio.sleep(0.01)
            yield node
        finally:
            await hub.close()
            await server.cleanup()
            for task in tasks:
                task.cancel()
            pool.terminate()


@dataclass
class Held:
    """What a client holds of one subscription."""

    channel: str
    position: int
    at: str
    rows: dict[str, Any] = field(default_factory=dict)
    subscribed: Message = field(default_factory=dict)
    seen: list[Message] = field(default_factory=list)
    """Updates and events, as they came."""

    @property
    def items(self) -> list[Message]:
        """The raw feed's events."""
        return [item for message in self.seen for item in message.get("items", ())]

    def cursor(self) -> Message:
        """What a client sends when it comes back."""
        told = self.subscribed
        return {"from": self.position, "at": self.at, "epoch": told["epoch"], "version": told["version"]}


class Client:
    """The foreign implementation, with the rules of the protocol as assertions."""

    def __init__(self, socket: websockets.ClientConnection) -> None:
        self.socket = socket
        self.held: dict[str, Held] = {}
        self.welcome: Message = {}
        self.others: list[Message] = []
        self.heard = set[str]()
        """The types of all messages."""

    async def send(self, **message: Any) -> None:
        await self.socket.send(orjson.dumps(message).decode())

    async def receive(self) -> Message:
        """The next message, checked and taken in; fails at a refusal, which only `until("error")` expects."""
        message = await self._read()
        assert message["type"] != "error", message
        return message

    async def _read(self) -> Message:
        async with asyncio.timeout(SECONDS):
            text = await self.socket.recv()
        assert isinstance(text, str)
        SAID.validate_json(text)
        message: Message = orjson.loads(text)
        self.take(message)
        return message

    def take(self, message: Message) -> None:
        self.heard.add(message["type"])
        match message["type"]:
            case "subscribed":
                held = Held(message["channel"], message["position"], message["at"], subscribed=message)
                self.held[message["channel"]] = held
            case "snapshot":
                held = self.held[message["channel"]]
                held.rows = message["rows"] if message["part"] == 1 else held.rows | message["rows"]
                held.position, held.at = message["position"], message["at"]
            case "update":
                held = self.held[message["channel"]]
                assert message["from"] == held.position, "the chain"
                assert (message["to"], message["at"]) > (held.position, held.at), "it strictly grows"
                assert set(message["del"]).isdisjoint(message["set"])
                assert message["set"] or message["del"]
                assert all(held.rows.get(key) != row for key, row in message["set"].items()), "each change once"
                assert all(key in held.rows for key in message["del"]), "each change once"
                held.position, held.at = message["to"], message["at"]
                held.rows = {k: v for k, v in held.rows.items() if k not in message["del"]} | message["set"]
                held.seen.append(message)
            case "events":
                held = self.held[message["channel"]]
                assert message["from"] == held.position, "the chain"
                positions = [item["position"] for item in message["items"]]
                assert positions == sorted(set(positions))
                assert message["from"] < positions[0] <= positions[-1] <= message["to"]
                held.position = message["to"]
                held.seen.append(message)
            case "heartbeat":
                for channel, (start, to) in message["channels"].items():
                    held = self.held[channel]
                    assert start == held.position, "the chain"
                    assert to > start
                    held.position, held.at = to, max(held.at, message["at"])
            case "welcome":
                self.welcome = message
            case _:
                self.others.append(message)

    async def until(self, kind: str, **values: Any) -> Message:
        """Read up to a message of a type with these values."""
        async with asyncio.timeout(SECONDS):
            while True:
                message = await (self._read() if kind == "error" else self.receive())
                if message["type"] == kind and all(message.get(k) == v for k, v in values.items()):
                    return message

    async def subscribe(self, projection: str, id_: str = "s", **more: Any) -> Held:
        """Subscribe, and read up to the end of the snapshot, if there is one."""
        await self.send(type="subscribe", id=id_, projection=projection, **more)
        told = await self.until("subscribed", id=id_)
        if told["mode"] == "snapshot" and projection != "events":
            part = await self.until("snapshot", channel=told["channel"])
            while part["part"] < part["parts"]:
                part = await self.until("snapshot", channel=told["channel"])
        return self.held[told["channel"]]

    async def reach(self, held: Held, position: int) -> None:
        """Read until a subscription is at a position."""
        async with asyncio.timeout(SECONDS):
            while held.position < position:
                await self.receive()


@asynccontextmanager
async def client(node: Node | str, protocols: Sequence[str] = (PROTOCOL,), **options: Any) -> AsyncIterator[Client]:
    """A client that has been welcomed, by a node or at a URL."""
    url = node if isinstance(node, str) else node.url
    async with websockets.connect(url, subprotocols=list(protocols), proxy=None, **options) as socket:  # type: ignore[arg-type]
        made = Client(socket)
        assert (await made.receive())["type"] == "welcome"
        yield made
