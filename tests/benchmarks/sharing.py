"""How much faster several runners fold a long history than one: from zero to the head, each a process of its own.

python -m tests.benchmarks.sharing [--processor SHARE] [EVENTS [PROCESSES ...]]      20,000 by default, and 2

Beside the rate stands the processor time of each. With a processor for each, and a database that keeps up, the longest
of them is how long it takes: how much shorter that is than the one of one process says how folding grows with
processors that this machine does not have. One process is measured first, on a copy of the same log.

With `--processor 0.1` each process has that much of a processor and no more, and PostgreSQL has what is left: so that
many processes are measured as if each had a slow machine of its own, and the database another. It takes root, and
control groups of Linux. The rate is then that from a tenth of the log on, so what a start takes is left out; what some
have done by then of the rest does not count.
"""

import argparse
import asyncio
import statistics
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from incidentlog.beside import RUNNER, Processes
from incidentlog.embedded import start
from incidentlog.runner import RunnerApart, Wakeup
from incidentlog.store.builds import SUBJECTS, active_builds
from incidentlog.store.connect import Access
from incidentlog.store.migrate import migrate
from tests.benchmarks.following import processor_of
from tests.benchmarks.machine import heading, runners, scratch
from tests.benchmarks.projections import fill
from tests.conftest import access_to, run_admin

PERIOD: Final = 20_000
"""In so many microseconds a process may have its share of a processor: a short time, or it would be away for long."""
LOOK_SECONDS: Final = 0.005


@contextmanager
def held_to(pids: Iterable[int], share: float) -> Iterator[None]:
    """Let each process have so much of a processor and no more, by the second version of control groups or the first."""
    new = Path("/sys/fs/cgroup/cgroup.controllers").exists()
    root = Path("/sys/fs/cgroup" if new else "/sys/fs/cgroup/cpu")
    groups = {pid: root / f"incidentlog-bench-{pid}" for pid in pids}
    for pid, group in groups.items():
        group.mkdir()
        quota = round(share * PERIOD)
        told = {"cpu.max": f"{quota} {PERIOD}"} if new else {"cpu.cfs_period_us": PERIOD, "cpu.cfs_quota_us": quota}
        for name, value in told.items():
            (group / name).write_text(f"{value}")
        (group / "cgroup.procs").write_text(f"{pid}")
    try:
        yield
    finally:
        for pid, group in groups.items():
            if Path(f"/proc/{pid}").exists():
                (root / "cgroup.procs").write_text(f"{pid}")
            group.rmdir()


async def mean_position(access: Access) -> float:
    """Where the partitions are, on the average."""
    connection = await access.connect()
    try:
        builds = await active_builds(connection)
        return statistics.mean(builds[SUBJECTS].positions)
    finally:
        await connection.close()


async def of_the_database(access: Access) -> float:
    """Seconds of a processor that PostgreSQL's processes have had that are at work for the runners at the moment."""
    connection = await access.connect()
    try:
        rows = await connection.fetch(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        return sum(processor_of(row["pid"]) for row in rows)
    finally:
        await connection.close()


async def fold(access: Access, total: int, processes: int, share: float | None) -> tuple[float, Sequence[float], float]:
    """Events a second when a log is folded from zero; the seconds of a processor that each process had, and PostgreSQL."""

    async def learn() -> None:
        """Nobody resolves places here."""

    runner = RunnerApart(access, Wakeup(), learn, Processes(RUNNER), processes=processes, log_level="error")
    begun, first = time.perf_counter(), 0.0
    task = asyncio.create_task(runner.run())
    while len(runners()) < processes:
        await asyncio.sleep(LOOK_SECONDS)
    with held_to(runners() if share is not None else (), share or 1):
        if share is not None:
            assert await runner.reached(total // 10, 3_600), runner.failure
            begun, first = time.perf_counter(), await mean_position(access)
        assert await runner.reached(total, 3_600), runner.failure
        took = time.perf_counter() - begun
        used, database = [processor_of(pid) for pid in runners()], await of_the_database(access)
        task.cancel()
        await asyncio.wait([task])
    return (total - first) / took, sorted(used, reverse=True)[:processes], database


async def run(total: int, numbers: Sequence[int], share: float | None) -> None:
    with scratch() as folder, start(folder) as running:
        await run_admin(running.server, "CREATE DATABASE bench")
        access = access_to(running.server, "bench")
        await migrate(access)
        await fill(access, total)
        first = alone = 0.0
        for processes in dict.fromkeys((1, *numbers)):
            await run_admin(running.server, f"CREATE DATABASE bench{processes} TEMPLATE bench")
            rate, used, database = await fold(access_to(running.server, f"bench{processes}"), total, processes, share)
            first, alone = first or rate, alone or used[0]
            own = ", ".join(f"{seconds / total * 1e6:.0f}" for seconds in used)
            told = f"{rate:>8,.0f}/s   {rate / first:.2f} times one"
            print(
                f"{processes:>2} processes: {told}   with a processor for each {alone / used[0]:.2f} times", flush=True
            )
            print(f"    processor of each, µs an event: {own}; of PostgreSQL {database / total * 1e6:.0f}", flush=True)


if __name__ == "__main__":
    asked = argparse.ArgumentParser()
    asked.add_argument("--processor", type=float)
    asked.add_argument("events", type=int, nargs="?", default=20_000)
    asked.add_argument("processes", type=int, nargs="*", default=[2])
    given = asked.parse_args()
    heading("Runners that share the folding" + ("" if given.processor is None else f", {given.processor} of one each"))
    asyncio.run(run(given.events, given.processes, given.processor))
