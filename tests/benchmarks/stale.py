"""How many reads from a replica are stale, while others write: none may be.

python -m tests.benchmarks.stale [READS]      10,000 by default

Each read asks for the last position that was acknowledged to anybody (`min_position`), and is stale when its basis is
before that, or when it counts other than so many events as its basis says.
"""

import asyncio
import sys
import time

import structlog

from tests.benchmarks.machine import heading
from tests.cluster.pair import Pair, paired
from tests.cluster.reading import reads_under_load, replicated, used

PART = 1_000
"""After so many reads it is told how they were."""


async def run(pair: Pair, reads: int) -> None:
    """The runner has a process of its own, as `serve` gives it."""
    async with replicated(pair, runner_apart=True) as service:
        await used(service)
        for _ in range(0, reads, PART):
            started, before = time.monotonic(), await service.head()
            tally = await reads_under_load(service, writers=4, readers=16, reads=PART, pace_seconds=0.1)
            seconds, events = time.monotonic() - started, await service.head() - before
            told = f"{tally['replica']} by the replica, {events} events appended, {seconds:.0f} s"
            print(f"{tally['reads']} reads: {tally['stale']} stale; {told}", flush=True)


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    heading("Reads from a replica, each for what was just acknowledged, while others write")
    with paired() as made:
        asyncio.run(run(made, int(sys.argv[1]) if len(sys.argv) > 1 else 10_000))
