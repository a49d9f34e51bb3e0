"""How long a change takes from the runner to those who follow: at 1 and at 200 subscribers of one channel.

python -m tests.benchmarks.live
"""

import asyncio
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

import websockets

import incidentlog.projections  # noqa: F401 - registers every event and projection
from incidentlog.embedded import start
from incidentlog.live import PROTOCOL
from incidentlog.store.migrate import migrate
from tests.benchmarks.machine import scratch
from tests.commands import command, strike
from tests.conftest import access_to, run_admin
from tests.live.following import Node, following

ROUNDS = 50
SUBSCRIBE = '{"type": "subscribe", "id": "s", "projection": "city_incidents"}'


async def measure(node: Node, subscribers: int) -> tuple[list[float], list[float]]:
    """Milliseconds from the runner's step to the first and to the last receipt, once for each round."""
    sockets = [
        await websockets.connect(node.url, subprotocols=[PROTOCOL], proxy=None, compression=None)  # type: ignore[list-item]
        for _ in range(subscribers)
    ]
    for socket in sockets:
        await socket.send(SUBSCRIBE)
        for _ in range(3):  # welcome, subscribed, snapshot
            await socket.recv()
    first, last = [], []
    for _ in range(ROUNDS):
        progressed, times = node.runner.progressed.ticket(), []

        async def received(socket: websockets.ClientConnection, times: list[float] = times) -> None:
            await socket.recv()
            times.append(time.perf_counter())

        waiting = [asyncio.create_task(received(socket)) for socket in sockets]
        await asyncio.sleep(0)
        await node.writer.append(command(strike()))
        await progressed.wait()
        begun = time.perf_counter()
        await asyncio.gather(*waiting)
        first.append((min(times) - begun) * 1000)
        last.append((max(times) - begun) * 1000)
    for socket in sockets:
        await socket.close()
    return first, last


def told(values: Sequence[float]) -> str:
    """Median and the 95th in a hundred."""
    return f"median {statistics.median(values):6.2f} ms, p95 {sorted(values)[int(len(values) * 0.95)]:6.2f} ms"


async def run(root: Path) -> None:
    """Service and clients share one process, so the figures for many subscribers hold the clients' work, too."""
    with start(root, durable=False) as running:
        await run_admin(running.server, "CREATE DATABASE bench")
        access = access_to(running.server, "bench")
        await migrate(access)
        async with following(access) as node:
            for subscribers in (1, 200):
                first, last = await measure(node, subscribers)
                print(f"{subscribers:4} subscribers: first {told(first)}; last {told(last)}")


if __name__ == "__main__":
    with scratch() as folder:
        asyncio.run(run(folder))
