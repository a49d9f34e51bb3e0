"""How long questions take over a long history: the largest groups, the period before, diffs, tables.

python -m tests.benchmarks.asking [EVENTS]
"""

import asyncio
import random
import statistics
import sys
import time
from collections.abc import Sequence

import incidentlog.projections  # noqa: F401 - registers every event and projection
from tests.api.serving import Served
from tests.benchmarks.filled import filled
from tests.benchmarks.history import commands

ROUNDS = 20
PERIOD = "since=2025-06-01&until=2025-07-01"
TALLY = "/v1/projections/city_incidents"
DIFF = "/v1/diff?projection=city_incidents"


def questions(head: int, position: int) -> dict[str, str]:
    """What is asked, as of a position chosen at random."""
    day = f"from_position={max(0, position - 1_000)}&to_position={position}"
    return {
        "by place": f"{TALLY}?at_position={position}",
        "by place, the ten largest": f"{TALLY}?at_position={position}&top=10&order_by=killed.best",
        "by region, a month and the one before": f"{TALLY}?at_position={position}&group_by=admin1&{PERIOD}&compare=previous",
        "by place, as csv": f"{TALLY}?at_position={position}&format=csv",
        "by place, as geojson": f"{TALLY}?at_position={position}&format=geojson",
        "diff of 1,000 events, by place": f"{DIFF}&{day}",
        "diff of 1,000 events, by day": f"{DIFF}&{day}&group_by=day",
        "diff of 1,000 events, ceasefires": f"/v1/diff?projection=ceasefire_status&{day}",
        "diff of 1,000 events, everything": f"/v1/diff?{day}",
        "diff of the whole log, by place": f"{DIFF}&from_position=0&to_position={head}",
        "diff of the whole log, everything": f"/v1/diff?from_position=0&to_position={head}",
    }


async def measure(served: Served, head: int) -> None:
    """Milliseconds of each question, as of positions chosen at random."""
    chosen = random.Random(1)
    took: dict[str, list[float]] = {}
    for _ in range(ROUNDS):
        for name, path in questions(head, chosen.randint(1, head)).items():
            begun = time.perf_counter()
            answer = await served.ask("GET", path)
            took.setdefault(name, []).append((time.perf_counter() - begun) * 1000)
            if answer.status != 200:
                print(f"{name}: {answer.status} {answer.raw[:200].decode()}")
    for name, times in took.items():
        print(f"{name:40} {told(times)}")


def told(values: Sequence[float]) -> str:
    """Median and the longest."""
    return f"median {statistics.median(values):8.1f} ms, longest {max(values):8.1f} ms"


async def run(total: int) -> None:
    """Fill a log, wait for the projections, and ask."""
    async with filled(commands(total)) as (served, head):
        await measure(served, head)


if __name__ == "__main__":
    asyncio.run(run(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000))
