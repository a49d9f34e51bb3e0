"""What a log that was made to be hard to read costs the others: loop time, memory, bytes of each read, and lag.

python -m tests.benchmarks.nasty_reads [EVENTS]

While it is made, somebody else reports one strike a second: how long each waits until it is projected, and the most
memory of the runner. Each read is one request (with `next` unfollowed) by a client of another process, three at once at the end. Beside it
the loop is asked for a turn without a pause: the most that it does between two is what the read holds up everybody for.
"""

import asyncio
import ctypes
import gc
import sys
import time
from itertools import count
from pathlib import Path
from typing import Final

from incidentlog.projections import PROJECTIONS
from incidentlog.service.service import spare_the_collector
from tests.api.serving import ADMIN, Served
from tests.benchmarks.filled import filled
from tests.benchmarks.machine import heading, percentile
from tests.benchmarks.projections import peak_of
from tests.commands import strike
from tests.nasty import CHAINED, HEAVY, LONG, MERGED, TRACK, make_nasty
from tests.runner.test_apart import children

WAIT: Final = 1_800
ROUNDS: Final = 3
FORMS: Final = ("json", "ndjson", "csv", "geojson", "parquet")
KNOWN: Final = "known_at=2027-01-01&basis=reported"


def reads(head: int, imported: int) -> list[str]:
    """What is asked."""
    between = f"from_position=0&to_position={head}&limit=1000"
    of_streams = [
        f"/v1/{what}"
        for stream in (LONG, HEAVY, CHAINED, MERGED)
        for what in (
            f"subjects/{stream}/history?limit=10000",
            f"subjects/{stream}/history?limit=10000&{KNOWN}",
            f"subjects/{stream}",
            f"subjects/{stream}?{KNOWN}",
            f"subjects/{stream}/candidates",
            f"streams/{stream}?limit=1000",
            f"diff?{between}&subject={stream}",
        )
    ]
    of_projections = [f"/v1/projections/{name}" for name in PROJECTIONS]
    return [
        *of_streams,
        *of_projections,
        *(f"/v1/diff?{between}&projection={name}" for name in PROJECTIONS),
        f"/v1/projections/talks_ledger/{TRACK}",
        f"/v1/projections/talks_ledger?{KNOWN}",
        f"/v1/projections/city_incidents?{KNOWN}",
        f"/v1/diff?{between}",
        *(f"/v1/events?limit=1000&format={form}" for form in FORMS),
        *(f"/v1/subjects?limit=1000&format={form}" for form in FORMS),
        f"/v1/subjects?limit=1000&{KNOWN}",
        "/v1/subjects?limit=1000&bbox=0,0,1,1",
        f"/v1/candidates?import={imported}&limit=1000",
        "/v1/events?limit=1000&after=1000",
        "/v1/replay?speed=0&format=ndjson",
        "/v1/replay?speed=0&by=occurred&format=ndjson",
        "/v1/access?limit=1000",
        "/v1/places?q=sa&limit=50",
    ]


class Loop:
    """The most that was done between two turns, as time of a processor: what else the machine does is not in it."""

    longest = 0.0

    async def run(self) -> None:
        """Ask for one turn after the other."""
        while True:
            begun = time.thread_time()
            await asyncio.sleep(0.001)
            self.longest = max(self.longest, time.thread_time() - begun)


def memory(name: str) -> float:
    """MiB of this process: `VmRSS` now, `VmHWM` at most."""
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith(name)) / 1024


async def curl(url: str) -> str:
    """Status and bytes of one request."""
    process = await asyncio.create_subprocess_exec(
        "curl", "-s", "-m", "120", "-o", "/dev/null", "-w", "%{http_code} %{size_download}",
        "-H", f"Authorization: Bearer {ADMIN}", url, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    return (await process.communicate())[0].decode()


async def measure(served: Served, path: str, at_once: int = 1) -> None:
    """One line about a read; of three times the shortest, since whatever else the machine does is no doing of ours."""
    best = min([await once(served.url + path, at_once) for _ in range(ROUNDS)])
    held, grown, took, answer = best
    status, size = answer.split()
    times = f"{at_once} x " if at_once > 1 else ""
    print(
        f"{held * 1e3:8.0f} ms held {grown:7.0f} MiB more {took:7.2f} s {int(size) / 2**20:8.2f} MiB  "
        f"{status} {times}{path}",
        flush=True,
    )


async def once(url: str, at_once: int) -> tuple[float, float, float, str]:
    """For how long the loop was held at most, by how much memory grew meanwhile, how long it took; and the answer."""
    loop = Loop()
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")  # VmHWM begins again
    before = memory("VmRSS")
    running = asyncio.create_task(loop.run())
    begun = time.perf_counter()
    answers = await asyncio.gather(*(curl(url) for _ in range(at_once)))
    took = time.perf_counter() - begun
    running.cancel()
    return loop.longest, memory("VmHWM") - before, took, answers[0]


class Others:
    """Somebody else, who reports a strike a second; how long each waits until it is projected."""

    def __init__(self, served: Served) -> None:
        self._served = served
        self.waited: list[float] = []
        self.peak = 0.0
        """The most memory of the runner, in MiB."""

    async def run(self) -> None:
        """Report, until it is cancelled."""
        async with asyncio.TaskGroup() as waits:
            for number in count():
                [position] = await self._served.add(strike(stream=f"strike:other-{number}"))
                waits.create_task(self._wait(position, time.perf_counter()))
                self.peak = max(self.peak, *map(peak_of, children()), 0.0)
                await asyncio.sleep(1)

    async def _wait(self, position: int, begun: float) -> None:
        await self._served.service.runner.reached(position, WAIT)
        self.waited.append(time.perf_counter() - begun)

    def __str__(self) -> str:
        times = f"median {percentile(self.waited, 0.5):.2f} s, 99% {percentile(self.waited, 0.99):.2f} s"
        return f"{len(self.waited)} of others' events: {times}, at most {max(self.waited):.2f} s; runner {self.peak:.0f} MiB"


async def run(length: int) -> None:
    """All of it."""
    async with filled(iter(())) as (served, _):
        begun, others = time.perf_counter(), Others(served)
        reporting = asyncio.create_task(others.run())
        imported = await make_nasty(served, length=length, talks=max(30, length // 10), merges=length // 10, wait=WAIT)
        print(f"made and projected in {time.perf_counter() - begun:.0f} s; RSS {memory('VmRSS'):.0f} MiB")
        reporting.cancel()
        await asyncio.wait([reporting])
        spare_the_collector()  # as `serve` does
        print(others, flush=True)
        head = await served.head()
        for path in reads(head, imported):
            await measure(served, path)
        await measure(served, f"/v1/subjects/{LONG}/history", at_once=3)
        print(f"at the end RSS {memory('VmRSS'):.0f} MiB")


if __name__ == "__main__":
    heading("Reads of a nasty log")
    asyncio.run(run(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000))
