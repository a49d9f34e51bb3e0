"""How much faster several runners fold a long history than one: from zero to the head, each a process of its own.

python -m tests.benchmarks.sharing [EVENTS [PROCESSES ...]]      20,000 by default, and 2

Beside the rate stands the processor time of each. With a processor for each, and a database that keeps up, the longest
of them is how long it takes: how much shorter that is than the one of one process says how folding grows with
processors that this machine does not have. One process is measured first, on a copy of the same log.
"""

import asyncio
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from incidentlog.beside import RUNNER, Processes
from incidentlog.embedded import start
from incidentlog.runner import RunnerApart, Wakeup
from incidentlog.store.connect import Access
from incidentlog.store.migrate import migrate
from tests.benchmarks.following import processor_of
from tests.benchmarks.machine import heading, scratch
from tests.benchmarks.projections import fill
from tests.conftest import access_to, run_admin


def ours() -> list[int]:
    """The processes of this one's runners."""
    told = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return [int(pid) for pid in told if b"incidentlog.runner" in Path(f"/proc/{pid}/cmdline").read_bytes()]


async def fold(access: Access, total: int, processes: int) -> tuple[float, Sequence[float]]:
    """Seconds to fold a log from zero, and what each of the processes had of a processor."""

    async def learn() -> None:
        """Nobody resolves places here."""

    runner = RunnerApart(access, Wakeup(), learn, Processes(RUNNER), processes=processes, log_level="error")
    begun = time.perf_counter()
    task = asyncio.create_task(runner.run())
    assert await runner.reached(total, 3_600), runner.failure
    took = time.perf_counter() - begun
    used = [processor_of(pid) for pid in ours()]
    task.cancel()
    await asyncio.wait([task])
    return took, sorted(used, reverse=True)[:processes]


async def run(total: int, numbers: Sequence[int]) -> None:
    with scratch() as folder, start(folder) as running:
        await run_admin(running.server, "CREATE DATABASE bench")
        access = access_to(running.server, "bench")
        await migrate(access)
        await fill(access, total)
        first = alone = 0.0
        for processes in dict.fromkeys((1, *numbers)):
            await run_admin(running.server, f"CREATE DATABASE bench{processes} TEMPLATE bench")
            took, used = await fold(access_to(running.server, f"bench{processes}"), total, processes)
            first, alone = first or took, alone or used[0]
            own = ", ".join(f"{seconds / total * 1e6:.0f}" for seconds in used)
            rate = f"{total / took:>8,.0f}/s   {first / took:.2f} times one"
            print(
                f"{processes:>2} processes: {rate}   with a processor for each {alone / used[0]:.2f} times", flush=True
            )
            print(f"    processor of each, µs an event: {own}", flush=True)


if __name__ == "__main__":
    heading("Runners that share the folding")
    asyncio.run(run(int((sys.argv[1:] or ["20000"])[0]), [int(number) for number in sys.argv[2:]] or [2]))
