"""Processes that fold, each with a pipe down to it and one up from it."""

import asyncio
import sys
from types import TracebackType
from typing import Final, Self

STOP_SECONDS: Final = 5.0
PROGRAM: Final = "incidentlog.runner"

Process = asyncio.subprocess.Process


class Processes:
    """Starts them, one of them ahead of its use if that is wanted: it imports what it needs meanwhile."""

    def __init__(self, *, ahead: bool = False) -> None:
        self._wanted = ahead
        self._ahead: Process | None = None

    async def __aenter__(self) -> Self:
        self._ahead = await _start() if self._wanted else None
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        if self._ahead is not None:
            await end(self._ahead)

    async def start(self) -> Process:
        """One that waits for its start line: that which was begun ahead, or another."""
        begun, self._ahead = self._ahead, None
        return begun or await _start()


async def _start() -> Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        PROGRAM,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is the service's to answer
    )


async def end(process: Process) -> None:
    """Close the pipe, which ends the process between two batches; kill it if that takes too long."""
    if process.stdin is not None:
        process.stdin.close()
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
