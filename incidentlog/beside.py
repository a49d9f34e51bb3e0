"""Processes of our own beside the service, each joined to it both ways.

Whoever ends, or is killed, closes that, and so ends the other's work.
"""

import asyncio
import socket
import subprocess
import sys
from types import TracebackType
from typing import Final, Self

RUNNER: Final = "incidentlog.runner"
"""The program that folds."""
STOP_SECONDS: Final = 5.0
LOOK_SECONDS: Final = 0.01


class Process:
    """A module that runs as a program, reads lines from its standard input and writes some to its standard output."""

    def __init__(self, module: str) -> None:
        """Start it, which needs no event loop; it waits for its first line."""
        # Sockets, and not pipes: an event loop takes them over by what it tells everybody.
        self._down, its_input = socket.socketpair()
        self._up, its_output = socket.socketpair()
        self._joined: list[asyncio.StreamWriter] = []
        with its_input, its_output:
            self._program: subprocess.Popen[bytes] = subprocess.Popen(  # noqa: S603 - one of our own
                [sys.executable, "-m", module],
                stdin=its_input.fileno(),
                stdout=its_output.fileno(),
                start_new_session=True,  # Ctrl-C is the service's to answer
            )

    @property
    def exit_code(self) -> int | None:
        """None while it runs; below zero the number of the signal that ended it."""
        return self._program.poll()

    async def join(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """What it writes, to its end, and where to write what it reads."""
        _, down = await asyncio.open_unix_connection(sock=self._down)
        up, other = await asyncio.open_unix_connection(sock=self._up)
        self._joined = [down, other]
        return up, down

    async def end(self) -> None:
        """Close what it reads, which ends it once it has done what is at hand; kill it if that takes too long."""
        self._close()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                while self.exit_code is None:  # noqa: ASYNC110 - to wait in a thread would hold one
                    await asyncio.sleep(LOOK_SECONDS)
        except TimeoutError:
            self.kill()

    def kill(self) -> None:
        """End it at once."""
        self._close()
        self._program.kill()
        self._program.wait()

    def _close(self) -> None:
        for writer in self._joined:
            writer.transport.abort()
        if not self._joined:
            self._down.close()
            self._up.close()


class Processes:
    """Starts a module as often as it is wanted; and, if one is, once ahead of that: it imports meanwhile."""

    def __init__(self, module: str, *, ahead: bool = False) -> None:
        self._module, self._wanted = module, ahead
        self._ahead: Process | None = None

    def __enter__(self) -> Self:
        self._ahead = Process(self._module) if self._wanted else None
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._ahead is not None:
            self._ahead.kill()

    def start(self) -> Process:
        """One that waits for its first line: that which was begun ahead, or another."""
        begun, self._ahead = self._ahead, None
        return begun or Process(self._module)
