"""A real NATS server with JetStream, as a process that can be killed and started again on its port and its files."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import nats
import nats.errors
import nats.js.errors
import pytest

from incidentlog.embedded.sockets import free_port
from tests.publish.credentials import Account

PROGRAM = Path(sys.executable).with_name("nats-server")
NEEDED = pytest.mark.skipif(not PROGRAM.is_file(), reason="the dependency group tools is not installed")


class NatsServer:
    """One server, which nobody else asks."""

    def __init__(self, folder: Path, account: Account | None = None) -> None:
        """Whoever asks is let in, or only who has the credentials of an account."""
        self.port, self._folder, self._account = free_port(), folder, account
        self.url = f"nats://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def _begin(self) -> subprocess.Popen[bytes]:
        words = [PROGRAM, "-js", "-sd", self._folder, "-a", "127.0.0.1", "-p", str(self.port)]
        words += [] if self._account is None else ["-c", self._account.config]
        return subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    async def start(self) -> None:
        """Start it, and wait until it answers."""
        self.process = self._begin()
        async with asyncio.timeout(60):
            while True:
                try:
                    async with self.connected() as connection:
                        await connection.jetstream().account_info()
                        return
                except (nats.errors.Error, nats.js.errors.Error, OSError):
                    assert self.process.poll() is None
                    await asyncio.sleep(0.05)

    def kill(self) -> None:
        """As a machine that goes away: nothing is written any more."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(timeout=60)

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[Any]:
        async def passed_over(_: Exception) -> None: ...

        creds = {} if self._account is None else {"user_credentials": str(self._account.creds)}
        connection = await nats.connect(
            self.url, allow_reconnect=False, max_reconnect_attempts=1, reconnect_time_wait=0.05, error_cb=passed_over,
            **creds,
        )  # fmt: skip
        try:
            yield connection
        finally:
            await connection.close()

    async def messages(self, stream: str) -> list[Any]:
        """Every message of a stream, in its order."""
        async with self.connected() as connection:
            js = connection.jetstream()
            last = (await js.stream_info(stream)).state.last_seq
            return [await js.get_msg(stream, seq=n) for n in range(1, last + 1)]


@asynccontextmanager
async def nats_server(folder: Path, account: Account | None = None) -> AsyncIterator[NatsServer]:
    """A server, until the block ends."""
    server = NatsServer(folder, account)
    try:
        await server.start()
        yield server
    finally:
        server.kill()
