"""How long one ceasefire's row takes when very many violations of it are claimed, as of positions chosen at random.

python -m tests.benchmarks.ceasefires [VIOLATIONS]

Four ceasefires stand side by side for a year; each claim is of one of them, one in ten of two. Of the claims a fifth are
corroborated, a fifth known to the day only, and a tenth have a period of some days.
"""

import asyncio
import random
import statistics
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import orjson

import incidentlog.projections  # noqa: F401 - registers every event and projection
from incidentlog.store.append import Append
from tests.api.serving import Served
from tests.benchmarks.filled import filled
from tests.commands import DOOR
from tests.subjects.given import KYIV, Event, event

CEASEFIRES: Final = [f"ceasefire:c{n}" for n in range(4)]
BEGUN: Final = datetime(2025, 1, 1, 9, 30, tzinfo=UTC)
YEAR: Final = timedelta(days=360)
ROUNDS: Final = 100


def commands(violations: int) -> Iterator[Append]:
    """The ceasefires, and so many claims in the order of their times."""
    chosen = random.Random(violations)
    for n, stream in enumerate(CEASEFIRES):
        data = {
            "sidedness": "bilateral",
            "scope": ["general"],
            "effective_from": BEGUN.isoformat(),
            "parties": ["RUS", "UKR"],
        }
        occurred = {"start": "2024-12-31", "precision": "day", "tz": KYIV}
        yield command(event("ceasefire.agreed", stream, occurred=occurred, data=data), n + 1)
    for n in range(violations):
        at = BEGUN + YEAR * (n / violations)
        yield command(violation(chosen, n, at), n + len(CEASEFIRES) + 1)


def violation(chosen: random.Random, n: int, at: datetime) -> Event:
    by, of = chosen.choice(["UKR", "RUS"]), chosen.sample(CEASEFIRES, 2 if chosen.random() < 0.1 else 1)
    data: Event = {"ceasefires": of, "accused": ["RUS" if by == "UKR" else "UKR"], "claimed_by": by,
                   "severity": chosen.choice(["minor", "serious", "grave"]), "count": chosen.randint(1, 9)}  # fmt: skip
    if chosen.random() < 0.1:
        data["period"] = {"from": (at - timedelta(days=chosen.randint(1, 3))).isoformat(), "to": at.isoformat()}
    exact = chosen.random() < 0.8
    occurred = {
        "start": at.isoformat() if exact else at.date().isoformat(),
        "precision": "minute" if exact else "day",
        "tz": KYIV,
    }
    sure = "verified" if chosen.random() < 0.2 else "unverified"
    return event("violation.reported", f"violation:v{n}", occurred=occurred, verification=sure, data=data)


def command(said: Event, number: int) -> Append:
    return DOOR.read(orjson.dumps({**said, "id": str(UUID(int=number))}), recorded_by="bench").command


async def measure(served: Served, head: int) -> None:
    """Milliseconds of a row: in the middle of things, at their end, and of all rows with the headline."""
    chosen = random.Random(1)
    took: dict[str, list[float]] = {}
    for _ in range(ROUNDS):
        position = chosen.randint(len(CEASEFIRES) + 1, head)
        then = (BEGUN + YEAR * (position / head) + timedelta(minutes=1)).isoformat().replace("+", "%2B")
        asked = {
            "one, when it was known": f"/{chosen.choice(CEASEFIRES)}?at={then}&at_position={position}",
            "one, now": f"/{chosen.choice(CEASEFIRES)}?at=2026-11-01&at_position={position}",
            "all, when it was known": f"?at={then}&at_position={position}",
        }
        for name, path in asked.items():
            started = time.perf_counter()
            answer = await served.ask("GET", f"/v1/projections/ceasefire_status{path}")
            took.setdefault(name, []).append((time.perf_counter() - started) * 1000)
            assert answer.status == 200, answer
    for name, times in took.items():
        times.sort()
        print(f"{name:25} p50 {statistics.median(times):7.1f} ms, p99 {times[len(times) * 99 // 100]:7.1f} ms")


async def run(violations: int) -> None:
    """Book them, wait for the projections, and ask."""
    async with filled(commands(violations)) as (served, head):
        await measure(served, head)


if __name__ == "__main__":
    asyncio.run(run(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000))
