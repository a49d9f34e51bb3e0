"""One channel followed at three nodes, whose changes NATS JetStream carries, or which each reads from the database.

python -m tests.benchmarks.nodes [SUBSCRIBERS] [SECONDS] [EVENTS A SECOND]      15000, 30 and 1 by default

By turns: with NATS, without. Prints how long it takes from the post of an event to the receipt, and how often whom the
database was asked for what changed, by the metrics of the nodes. Servers, nodes and subscribers share the machine.
"""

import asyncio
import http.client
import re
import sys
import tempfile
import time
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import orjson

from incidentlog.embedded import Server, start
from incidentlog.live import PROTOCOL
from incidentlog.logging import configure_logging
from tests.benchmarks.fanout import KEY, SUBSCRIBE, Delays, fresh, service, settle
from tests.benchmarks.machine import heading, percentile, scratch
from tests.benchmarks.subscribers import Subscribers, allow_sockets
from tests.commands import strike
from tests.publish.nats_server import NatsServer, nats_server

NODES: Final = 3
FIRST: Final = [{"type": "auth", "token": KEY}, SUBSCRIBE]


def counted(ports: list[int], name: str) -> float:
    """A counter of some nodes, together."""
    total = 0.0
    for port in ports:
        asked = urllib.request.Request(f"http://127.0.0.1:{port}/metrics", headers={"Authorization": f"Bearer {KEY}"})
        with urllib.request.urlopen(asked, timeout=30) as answer:
            text = answer.read().decode()
        total += sum(
            float(value) for value in re.findall(rf"^incidentlog_{re.escape(name)} (\S+)$", text, re.MULTILINE)
        )
    return total


def post(at: http.client.HTTPConnection) -> int:
    """Append an event; its position."""
    body, headers = orjson.dumps(strike(stream=None)), {"Authorization": f"Bearer {KEY}"}
    at.request("POST", "/v1/events", body, {"Content-Type": "application/json", **headers})
    position = int(orjson.loads(at.getresponse().read())["position"])
    at.close()  # it would not be kept while thousands connect
    return position


def measure(dsn: str, url: str | None, subscribers: int, seconds: int, per_second: float) -> None:
    """One turn."""
    carried = {} if url is None else {"INCIDENTLOG_FANOUT_URL": url}
    with ExitStack() as running:
        runner = running.enter_context(service(dsn, INCIDENTLOG_ROLES="runner,notary", **carried))
        ports = [running.enter_context(service(dsn, INCIDENTLOG_ROLES="api", **carried)) for _ in range(NODES)]
        posting = [http.client.HTTPConnection("127.0.0.1", port, timeout=30) for port in ports]
        for at in posting:  # a node's first event searches for a place, and an empty log's is read from the database
            post(at)
        clients = Subscribers(ports[0], protocol=PROTOCOL)
        for port in ports:
            clients.connect(subscribers // NODES, "/v1/live", FIRST, b'"type":"snapshot"', port=port)
        settle(clients)
        before = [counted(ports, f'live_steps_total{{source="{source}"}}') for source in ("carried", "database")]
        reads = counted([runner], "fanout_reads_total")
        delays, posts = Delays(), int(seconds * per_second)
        due = time.perf_counter()
        for number in range(posts):
            while (left := due - time.perf_counter()) > 0:
                clients.take(left, delays.received)
            due += 1 / per_second
            began = time.perf_counter()
            delays.sent[post(posting[number % NODES])] = began
        while delays.count < posts * len(clients):
            if not clients.take(10.0, delays.received):
                raise SystemExit(f"{delays.count} of {posts * len(clients)} came")
        steps = [
            counted(ports, f'live_steps_total{{source="{source}"}}') - was
            for source, was in zip(("carried", "database"), before, strict=True)
        ]
        reads = counted([runner], "fanout_reads_total") - reads
        p50, p99 = (percentile(delays.found, share) * 1e3 for share in (0.5, 0.99))
        load = Path("/proc/loadavg").read_text().split()[0]
        print(
            f"{'carried by NATS' if url else 'read by each node':<20}{len(clients):>7,} subscribers of {NODES} nodes"
            f"   {posts} changes   p50 {p50:6.0f} ms   p99 {p99:6.0f} ms   the runner's node read {reads:.0f} times,"
            f" the others {steps[1]:.0f} times ({steps[0]:.0f} steps were carried)   load {load}",
            flush=True,
        )
        clients.close()


async def compare(server: Server, nats: NatsServer, subscribers: int, seconds: int, per_second: float) -> None:
    """A turn of each; the event loop of this process does nothing meanwhile."""
    for url in (nats.url, None):
        async with fresh(server, f"nodes_{'nats' if url else 'each'}") as dsn:
            measure(dsn, url, subscribers, seconds, per_second)


async def run(server: Server, *given: int) -> None:
    """With a NATS server of its own."""
    with tempfile.TemporaryDirectory() as folder:
        async with nats_server(Path(folder)) as nats:
            subscribers, seconds, per_second = [*given, *[15_000, 30, 1][len(given) :]]
            await compare(server, nats, subscribers, seconds, per_second)


if __name__ == "__main__":
    configure_logging("warning")
    allow_sockets()
    heading("Three nodes")
    with scratch() as root, start(root, durable=False) as started:
        asyncio.run(run(started.server, *(int(word) for word in sys.argv[1:])))
