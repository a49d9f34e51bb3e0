"""Fifty subscribers that stopped reading and fifty that read slowly, among a thousand: whom they harm.

python -m tests.benchmarks.stuck [--quick]

20 changes a second, of 1 KB each, to those who read, without the others and with them: the delay from the telling to
the receipt, and how much more memory the service holds. At the end the slow ones read on, and have the right row.
"""

import asyncio
import contextlib
import socket
import sys
import time
from typing import Any, Final

import orjson

from incidentlog.embedded import Server, start
from incidentlog.live import PROTOCOL
from tests.benchmarks.fanout import ODESA, PER_SECOND, SUBSCRIBE, Far, fresh, settle
from tests.benchmarks.machine import heading, percentile, scratch
from tests.benchmarks.subscribers import PONG, PONG_SECONDS, Subscribers, allow_sockets, last_to

SLOW_BYTES: Final = 1_024
"""How much a slow one reads at a time, four times a second: a fifth of what is sent to it."""
CATCH_UP_SECONDS: Final = 30.0


class Odd:
    """Subscribers that do not read, or slowly."""

    def __init__(self, port: int, stuck: int, slow: int) -> None:
        self._clients = Subscribers(port, protocol=PROTOCOL, receive_buffer=4_096)
        self._clients.connect(stuck + slow, "/v1/live", [SUBSCRIBE], b'"type":"snapshot"')
        sockets = list(self._clients.sockets)
        self.slow = sockets[stuck:]
        self._seen = dict.fromkeys(self.slow, b"")
        self._at = self._pong_at = time.perf_counter()

    def read(self) -> None:
        """Let the slow ones read a little, if it is time."""
        if time.perf_counter() >= self._at:
            self._at = time.perf_counter() + 0.25
            for each in self.slow:
                self._take(each, SLOW_BYTES)
            if time.perf_counter() >= self._pong_at:
                self._pong_at = time.perf_counter() + PONG_SECONDS
                for each in self.slow:  # they live, and are slow; the stuck ones say nothing any more
                    each.send(PONG)

    def right(self, row: dict[str, Any]) -> int:
        """Let the slow ones read on; how many have this row in the last update they got."""
        wanted = orjson.dumps({ODESA: row})
        deadline = time.perf_counter() + CATCH_UP_SECONDS
        missing = set(self.slow)
        while missing and time.perf_counter() < deadline:
            for each in list(missing):
                self._take(each, 65_536)
                last = self._seen[each].rpartition(b'"type":"update"')[2]
                if wanted in last:
                    missing.discard(each)
            time.sleep(0.01)
        return len(self.slow) - len(missing)

    def _take(self, each: socket.socket, most: int) -> None:
        with contextlib.suppress(BlockingIOError):
            self._seen[each] = (self._seen[each] + each.recv(most))[-16_384:]

    def close(self) -> None:
        """Be gone."""
        self._clients.close()


def paced(hub: Far, clients: Subscribers, seconds: float, odd: Odd | None) -> tuple[list[float], dict[str, Any]]:
    """Delays in seconds, of every change to everyone who reads; and what the server says of them."""
    came: list[tuple[int, float]] = []

    def received(_: int, data: memoryview) -> None:
        now = time.perf_counter()
        if (to := last_to(bytes(data))) is not None:
            came.append((to, now))

    number = int(seconds * PER_SECOND)
    hub.say(f"rounds {number} paced")
    while not hub.answered:
        clients.take(0.05, received)
        if odd is not None:
            odd.read()
    answer = hub._read()
    while clients.take(0.3, received):
        pass
    sent = {int(position): at for position, at in answer["sent"].items()}
    return [at - sent[position] for position, at in came if position in sent], answer


def measure(dsn: str, readers: int, odd_ones: int, seconds: float) -> None:
    """Without them, with them, and after."""
    hub = Far("hub", dsn)
    try:
        clients = Subscribers(hub.port, protocol=PROTOCOL)
        clients.connect(readers, "/v1/live", [SUBSCRIBE], b'"type":"snapshot"')
        settle(clients)
        alone, _ = paced(hub, clients, min(seconds, 10.0), None)
        odd = Odd(hub.port, odd_ones, odd_ones)
        before = hub.ask("memory")["rss"]
        among, answer = paced(hub, clients, seconds, odd)
        grown = answer["rss"] - before
        right = odd.right(answer["row"])
        for name, delays in (("alone", alone), ("among them", among)):
            p50, p99 = (percentile(delays, share) * 1e3 for share in (0.5, 0.99))
            print(f"{readers:,} readers {name:<12} p50 {p50:6.1f} ms   p99 {p99:6.1f} ms   {len(delays):,} receipts")
        print(f"memory of the service grew by {grown / 2**20:.1f} MiB at most")
        left = answer["sessions"] - readers - odd_ones
        print(
            f"{right} of {odd_ones} slow ones have the right row; {left} of {odd_ones} stuck ones were still connected"
        )
        odd.close()
        clients.close()
    finally:
        hub.close()


async def run(server: Server, *, quick: bool) -> None:
    """All of it."""
    async with fresh(server, "stuck") as dsn:
        measure(dsn, *((180, 10, 4.0) if quick else (900, 50, 30.0)))


if __name__ == "__main__":
    allow_sockets()
    heading("Stuck and slow subscribers")
    with scratch() as root, start(root, durable=False) as running:
        asyncio.run(run(running.server, quick="--quick" in sys.argv))
