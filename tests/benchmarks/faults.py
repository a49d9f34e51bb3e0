"""What a cluster makes of faults: `tests/cluster/story.py` for as long as is wanted, with many who write and follow.

python -m tests.benchmarks.faults [SECONDS] [WRITERS] [SUBSCRIBERS]      600, 64 and 500 by default

Prints each fault with the seconds after it until an append that was begun after it came through.
"""

import asyncio
import sys

from tests.benchmarks.machine import heading
from tests.cluster.story import LONG, story


async def run(seconds: int, writers: int, subscribers: int) -> None:
    """Each writer appends at most twice a second."""
    told = await story(
        LONG,
        writers=writers,
        subscribers=subscribers,
        pace=0.5,
        again=30,
        seconds=seconds,
        say=lambda line: print(line, flush=True),
    )
    print(f"{len(told.acknowledged):,} acknowledged, 0 lost, 0 doubled; {subscribers} subscribers have the rows")


if __name__ == "__main__":
    heading("A cluster on this machine, and faults")
    given = [int(word) for word in sys.argv[1:]]
    asyncio.run(run(*given, *[600, 64, 500][len(given) :]))
