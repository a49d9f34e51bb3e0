"""A lean closed-loop HTTP client: so many connections, each sending its next event when the last is answered.

It speaks just enough HTTP/1.1 to leave the processor to what is measured. Run as a process of its own:
`python -m tests.benchmarks.load PORT CONNECTIONS TOTAL`; it prints seconds, then every latency, as JSON.
"""

import asyncio
import json
import sys
import time
from typing import cast
from uuid import uuid4

import uvloop

from tests.benchmarks.sample import KEY, body


class Client(asyncio.Protocol):
    """One connection."""

    def __init__(self, bodies: list[bytes], latencies: list[float], done: asyncio.Future[None]) -> None:
        self.bodies, self.latencies, self.done = bodies, latencies, done
        self.buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.send()

    def send(self) -> None:
        if not self.bodies:
            self.transport.close()
            self.done.set_result(None)
            return
        content = self.bodies.pop()
        self.started = time.perf_counter()
        self.transport.write(
            b"POST /v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            b"Authorization: Bearer %s\r\nContent-Length: %d\r\n\r\n%s" % (KEY.encode(), len(content), content)
        )

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, found, rest = self.buffer.partition(b"\r\n\r\n")
        if not found:
            return
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        if len(rest) < length:
            return
        if not head.startswith(b"HTTP/1.1 201"):
            raise SystemExit(self.buffer.decode())
        self.buffer = rest[length:]
        self.latencies.append(time.perf_counter() - self.started)
        self.send()


async def load(port: int, connections: int, total: int) -> tuple[float, list[float]]:
    """Send `total` events over so many connections."""
    loop = asyncio.get_running_loop()
    latencies: list[float] = []
    shares = [[body(uuid4()) for _ in range(total // connections)] for _ in range(connections)]
    waiting = []
    started = time.perf_counter()
    for share in shares:
        done = loop.create_future()
        waiting.append(done)
        await loop.create_connection(lambda s=share, d=done: Client(s, latencies, d), "127.0.0.1", port)  # type: ignore[misc]
    async with asyncio.timeout(120):
        await asyncio.gather(*waiting)
    return time.perf_counter() - started, latencies


if __name__ == "__main__":
    seconds, told = uvloop.run(load(*(int(argument) for argument in sys.argv[1:4])))
    json.dump([seconds, told], sys.stdout)
