"""One change to thousands of subscribers, beside PyPI `websockets`' broadcast() of the same bytes in the same run.

python -m tests.benchmarks.fanout [--quick] [SUBSCRIBERS ...]        (1,000 and 5,000 when none are named)

Saturated: the server sends the next change when every socket has taken the last one. The service's change goes the
whole way from a channel to the sockets; the loop is uvloop for both; the client counts bytes. Then paced: 20 events a
second are posted to a service as it is started by hand, and every subscriber's delay from the post on is taken.
"""

import asyncio
import gc
import http.client
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Final, cast

import orjson
import uvloop
from websockets.asyncio.server import ServerConnection, broadcast
from websockets.asyncio.server import serve as websockets_serve

import incidentlog.projections  # noqa: F401 - registers every event and projection
from incidentlog.embedded import Server, start
from incidentlog.live import PROTOCOL
from incidentlog.live.frames import Cause, Cursor, Message
from incidentlog.logging import configure_logging
from incidentlog.service.service import spare_the_collector
from incidentlog.store.connect import Access
from incidentlog.store.migrate import migrate
from tests.benchmarks.machine import heading, percentile, scratch
from tests.benchmarks.subscribers import Subscribers, allow_sockets, last_to
from tests.commands import strike
from tests.conftest import access_to, run_admin
from tests.live.following import Node, following

ODESA: Final = "geonames:698740"
SUBSCRIBE: Final = {"type": "subscribe", "id": "s", "projection": "city_incidents"}
PER_SECOND: Final = 20
SETTLE_SECONDS: Final = 5.0
TURNS: Final = 15
KEY: Final = "the-key-of-a-benchmark"
FAR_ON: Final = 1_000_000


# ------------------------------------------------------------------------------------------------ the servers


def rss() -> int:
    """Bytes of memory that this process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def conversation(rounds: Callable[[int, str], Any], sample: Callable[[], bytes]) -> None:
    """Do what the client says on our stdin, a line for each: memory, rounds; answers are lines of JSON."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        match line.decode().split():
            case ["memory"]:
                gc.collect()
                told: dict[str, Any] = {"rss": rss()}
            case ["sample"]:
                told = {"bytes": len(sample())}
            case ["rounds", number, how]:  # what takes longer than a moment
                began, cpu = time.perf_counter(), time.process_time()
                more = await rounds(int(number), how)
                told = {"seconds": time.perf_counter() - began, "cpu": time.process_time() - cpu} | (more or {})
            case _:
                raise SystemExit(f"what is {line!r}?")
        print(orjson.dumps(told, option=orjson.OPT_NON_STR_KEYS).decode(), flush=True)


async def taken(transports: Callable[[], list[asyncio.Transport]]) -> None:
    """Wait until every socket has taken what it was sent."""
    while any(t.get_write_buffer_size() for t in transports()):
        await asyncio.sleep(0)


async def serve_hub(dsn: str) -> None:
    """The service's hub, with one channel whose one row changes."""
    allow_sockets()
    async with following(Access(admin=dsn), heartbeat_seconds=600.0) as node:
        await node.append(strike())
        spare_the_collector()
        print(json.dumps({"port": node.port}), flush=True)
        changing = Changing(node)
        await conversation(changing.rounds, lambda: changing.change("plain").frame)


class Changing:
    """Changes a row as the log would, and tells everyone who follows it."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def change(self, how: str) -> Message:
        """One more change, not told yet."""
        (channel,) = self._node.hub._channels.values()
        row = dict(channel._view.rows[ODESA], incidents=channel.cursor.position % 9 + 1)
        channel._view.rows[ODESA] = row
        before = channel.cursor
        to = Cursor(max(before.position, FAR_ON) + 1, before.at)  # every message is as long as any other
        channel._note({ODESA: row}, to, Cause(to.position, "event"), several=False)
        made = channel.update(before.position, before)
        assert made is not None
        (message,) = made[1]
        if how == "deflated":
            message._frame = deflated(message)
        return message

    async def rounds(self, number: int, how: str) -> dict[str, Any] | None:
        """Changes, the next when every socket has taken the last one."""
        (channel,) = self._node.hub._channels.values()
        if how == "paced":
            return await self.paced(number)
        transports = [cast("asyncio.Transport", s._line._transport) for s in self._node.hub._sessions]  # type: ignore[union-attr]
        for _ in range(number):
            self.change(how)
            await channel.tell()
            await taken(lambda: transports)
        return None

    async def paced(self, number: int) -> dict[str, Any]:
        """So many changes of a row of 1 KB, 20 a second, whoever takes them.

        When each was told, the last row, how many are connected at the end, and the most memory held meanwhile.
        """
        (channel,) = self._node.hub._channels.values()
        channel._view.rows[ODESA] = dict(channel._view.rows[ODESA], notes="x" * 500)
        sent, most, due = {}, rss(), time.perf_counter()
        for _ in range(number):
            due += 1 / PER_SECOND
            await asyncio.sleep(due - time.perf_counter())
            self.change("plain")
            sent[channel.cursor.position] = time.perf_counter()
            await channel.tell()
            most = max(most, rss())
        sessions = len(self._node.hub._sessions)
        return {"sent": sent, "row": channel._view.rows[ODESA], "sessions": sessions, "rss": most}


def deflated(message: Message) -> bytes:
    """The frame that clients could share that negotiated permessage-deflate without context take-over (RFC 7692)."""
    packer = zlib.compressobj(1, zlib.DEFLATED, -15)
    payload = (packer.compress(message.payload) + packer.flush(zlib.Z_SYNC_FLUSH)).removesuffix(b"\x00\x00\xff\xff")
    head = bytes((0xC1, len(payload))) if len(payload) < 126 else bytes((0xC1, 126)) + len(payload).to_bytes(2)
    return head + payload


async def serve_websockets(payload_bytes: int) -> None:
    """PyPI `websockets`, sending as many bytes in each message."""
    allow_sockets()
    connections: set[ServerConnection] = set()
    payload = "x" * payload_bytes

    async def follow(connection: ServerConnection) -> None:
        connections.add(connection)
        await connection.send("ready")
        await connection.wait_closed()
        connections.discard(connection)

    async def rounds(number: int, _: str) -> None:
        transports = [connection.transport for connection in connections]
        for _ in range(number):
            broadcast(connections, payload)
            await asyncio.sleep(0)
            await taken(lambda: transports)

    async with websockets_serve(follow, "127.0.0.1", 0, compression=None, ping_interval=None, backlog=1024) as server:
        print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
        await conversation(rounds, lambda: bytes(payload_bytes))


# ------------------------------------------------------------------------------------------------ the measuring


class Far:
    """A server in a process of its own."""

    def __init__(self, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks.fanout", *arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.port = int(self._read()["port"])

    def ask(self, said: str) -> dict[str, Any]:
        """Say something, and wait for the answer."""
        self.say(said)
        return self._read()

    def say(self, said: str) -> None:
        """Say something that takes a while."""
        assert self._process.stdin is not None
        self._process.stdin.write(said + "\n")
        self._process.stdin.flush()

    @property
    def answered(self) -> bool:
        """Whether there is an answer to be read."""
        return bool(select.select([self._process.stdout], [], [], 0)[0])

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("the server is gone")
        answer: dict[str, Any] = orjson.loads(line)
        return answer

    def measure(self, clients: Subscribers, rounds: int, how: str, frame: int) -> tuple[float, float]:
        """Messages received a second, and µs of the server's processor for each."""
        clients.bytes, wanted = 0, rounds * len(clients) * frame
        began = time.perf_counter()
        self.say(f"rounds {rounds} {how}")
        while clients.bytes < wanted:
            if not clients.take(10.0):
                raise SystemExit(f"{clients.bytes} of {wanted} bytes came")
        took = time.perf_counter() - began
        return rounds * len(clients) / took, self._read()["cpu"] / (rounds * len(clients)) * 1e6

    def close(self) -> None:
        """Be gone."""
        self._process.kill()
        self._process.wait()


def told(name: str, turns: list[tuple[float, float]], connection: float) -> None:
    """Print the medians of all turns."""
    rate, cpu = (percentile([turn[which] for turn in turns], 0.5) for which in (0, 1))
    memory = f"{connection / 1024:5.1f} KiB a connection"
    print(f"{name:<48}{rate:>10,.0f} messages/s   {cpu:5.1f} µs CPU each   {memory}", flush=True)


def saturated(dsn: str, subscribers: int, messages: int) -> None:
    """How fast changes reach all when the next follows at once; by turns with `websockets`, as the machine's pace varies."""
    rounds = max(5, messages // subscribers)
    hub = Far("hub", dsn)
    try:
        clients, each = connected(
            hub, Subscribers(hub.port, protocol=PROTOCOL), subscribers, [SUBSCRIBE], b'"snapshot"'
        )
        hub.ask("rounds 1 plain")
        frame = hub.ask("sample")["bytes"]
        hub.ask("rounds 1 plain")  # what the sample changed is on its way, too
        settle(clients)
        far = Far("websockets", str(frame - 4))
        try:
            others, other = connected(far, Subscribers(far.port), subscribers, [], b"ready")
            hub.measure(clients, 5, "plain", frame)
            far.measure(others, 5, "plain", frame)
            turns = [
                (hub.measure(clients, rounds, "plain", frame), far.measure(others, rounds, "plain", frame))
                for _ in range(TURNS)
            ]
            others.close()
        finally:
            far.close()
        told(f"one update of {frame} bytes to {subscribers:,}", [ours for ours, _ in turns], each)
        told(f"websockets' broadcast() to {subscribers:,}", [theirs for _, theirs in turns], other)
        ratios = [ours[0] / theirs[0] for ours, theirs in turns]
        low, median, high = (percentile(ratios, share) for share in (0.1, 0.5, 0.9))
        print(
            f"    {median:.2f} times the messages/s of broadcast(): median of {TURNS} turns, {low:.2f} to {high:.2f} in 8 of 10"
        )
        size = len(deflated(_sample(frame)))
        print(f"    deflated once it has about {size} bytes; to send it so costs", end="  ")
        told_deflated(hub, clients, rounds)
        clients.close()
    finally:
        hub.close()


def connected(
    far: Far, clients: Subscribers, number: int, first: list[object], until: bytes
) -> tuple[Subscribers, float]:
    """So many clients, and how many bytes the server holds for each."""
    path = "/v1/live" if first else "/"
    clients.connect(1, path, first, until)  # what is there once is not a connection's
    empty = far.ask("memory")["rss"]
    clients.connect(number - 1, path, first, until)
    return clients, (far.ask("memory")["rss"] - empty) / (number - 1)


def _sample(size: int) -> Message:
    row = {"name": "Odesa", "incidents": 4, "reports": 7, "killed": {"low": 2, "best": 3, "high": 4}}
    text = orjson.dumps({"type": "update", "set": {ODESA: row}, "cause": {"event_id": os.urandom(16).hex()}})
    return Message((text * (size // len(text) + 1))[:size])


def told_deflated(hub: Far, clients: Subscribers, rounds: int) -> None:
    """The same with frames deflated once and shared; their sizes differ a little, so it is the server's time."""
    hub.say(f"rounds {rounds} deflated")
    while clients.take(0.5):
        pass
    answer = hub._read()
    print(f"{answer['cpu'] / (rounds * len(clients)) * 1e6:.1f} µs CPU each")


def settle(clients: Subscribers) -> None:
    """Read what was on its way: for a few seconds at most, as of very many some are sent a heartbeat at any time."""
    until = time.monotonic() + SETTLE_SECONDS
    while clients.take(0.3) and time.monotonic() < until:
        pass


def paced(dsn: str, subscribers: int, seconds: float) -> None:
    """The delay from the post of an event to the receipt by each subscriber, at 20 events a second."""
    with service(dsn) as port:
        clients = Subscribers(port, protocol=PROTOCOL)
        clients.connect(subscribers, "/v1/live", [{"type": "auth", "token": KEY}, SUBSCRIBE], b'"type":"snapshot"')
        settle(clients)
        delays = Delays()
        posting = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        posts = int(seconds * PER_SECOND)
        due = time.perf_counter()
        for _ in range(posts):
            while (left := due - time.perf_counter()) > 0:
                clients.take(left, delays.received)
            due += 1 / PER_SECOND
            body = orjson.dumps(strike(stream=None))
            began = time.perf_counter()
            posting.request(
                "POST", "/v1/events", body, {"Content-Type": "application/json", "Authorization": f"Bearer {KEY}"}
            )
            answer = posting.getresponse()
            delays.sent[orjson.loads(answer.read())["position"]] = began
        while delays.count < posts * subscribers:
            if not clients.take(5.0, delays.received):
                raise SystemExit(f"{delays.count} of {posts * subscribers} came")
        p50, p99 = (percentile(delays.found, share) * 1e3 for share in (0.5, 0.99))
        print(
            f"{PER_SECOND} events a second to {subscribers:,}: from the post to the receipt"
            f"   p50 {p50:6.1f} ms   p99 {p99:6.1f} ms   {1 - delays.messages / (posts * subscribers):.1%} conflated"
        )
        clients.close()


class Delays:
    """When each position was posted, and how long it took to each subscriber."""

    def __init__(self) -> None:
        self.sent: dict[int, float] = {}
        self.found: list[float] = []
        self.count = 0
        self.messages = 0
        self._at: dict[int, int] = {}
        self._early: dict[int, list[float]] = {}

    def received(self, number: int, data: memoryview) -> None:
        """Take in what one subscriber got: positions up to the last `to` in it."""
        now, text = time.perf_counter(), bytes(data)
        self.messages += text.count(b'"type":"update"')
        if (to := last_to(text)) is None:
            return
        for position in range(self._at.get(number, min(self.sent, default=to) - 1) + 1, to + 1):
            self.count += 1
            began = self.sent.get(position)
            if began is None:  # it was here before its post was answered
                self._early.setdefault(position, []).append(now)
            else:
                self.found.append(now - began)
                self.found += [then - began for then in self._early.pop(position, ())]
        self._at[number] = to


@contextmanager
def service(dsn: str, **variables: str) -> Iterator[int]:
    """`incidentlog serve`, as by hand, with more variables; its port."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("INCIDENTLOG_")}
    folder = tempfile.mkdtemp(prefix="incidentlog-bench-")
    environment |= {
        "INCIDENTLOG_DSN": dsn, "INCIDENTLOG_PORT": "0", "INCIDENTLOG_ADMIN_KEY": KEY, "INCIDENTLOG_LOG_LEVEL": "error",
        "INCIDENTLOG_DATA_DIR": folder, "INCIDENTLOG_ADDRESS_REQUESTS": "0", "INCIDENTLOG_KEY_REQUESTS": "0", **variables,
    }  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-m", "incidentlog", "serve"], env=environment, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline().rpartition(":")[2])
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        shutil.rmtree(folder, ignore_errors=True)


@asynccontextmanager
async def fresh(server: Server, name: str) -> AsyncIterator[str]:
    """The DSN of a migrated log."""
    await run_admin(server, f"CREATE DATABASE {name}")
    await migrate(access_to(server, name))
    yield server.dsn(name)
    await run_admin(server, f"DROP DATABASE {name} WITH (FORCE)")


async def measure(server: Server, subscribers: list[int], *, quick: bool) -> None:
    """Everything; the event loop of this process does nothing meanwhile."""
    for number in subscribers:
        async with fresh(server, f"fanout_{number}") as dsn:
            saturated(dsn, number, 2_000 if quick else 40_000)
        async with fresh(server, f"paced_{number}") as dsn:
            paced(dsn, number, 2.0 if quick else 30.0)


def main() -> None:
    """Measure, or be one of the servers."""
    configure_logging("warning")  # to stderr: on their stdout servers answer, and an answer is waited for there
    match sys.argv[1:]:
        case ["hub", dsn]:
            uvloop.run(serve_hub(dsn))
        case ["websockets", size]:
            uvloop.run(serve_websockets(int(size)))
        case arguments:
            allow_sockets()
            quick = "--quick" in arguments
            numbers = [int(a) for a in arguments if a.isdigit()] or [1_000, 5_000]
            heading("Fan-out")
            with scratch() as root, start(root, durable=False) as running:
                asyncio.run(measure(running.server, numbers, quick=quick))


if __name__ == "__main__":
    main()
