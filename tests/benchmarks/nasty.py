"""What one key can do to everybody's projections: bulks made to be nasty, each in a fresh log.

python -m tests.benchmarks.nasty [BULK ...]      all of them by default

For each: from the append to its being projected, the most memory of the runner, and how much was written for it. The
runner is killed at LIMIT, which counts as one of its ends.
"""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, cast
from uuid import uuid4

import orjson

import incidentlog.projections  # noqa: F401 - registers every event and projection
from incidentlog.beside import RUNNER, Processes
from incidentlog.embedded import start
from incidentlog.runner import RunnerApart, Wakeup
from incidentlog.store.append import append
from incidentlog.store.connect import Access, Pool
from incidentlog.store.migrate import migrate
from incidentlog.store.read import read_head
from tests.benchmarks.machine import heading, scratch
from tests.benchmarks.projections import peak_of
from tests.commands import DOOR, about, retraction, strike
from tests.conftest import access_to, run_admin
from tests.runner.test_apart import children

LIMIT: Final = 6_000.0
"""MiB."""
PATIENCE: Final = 100.0

Event = dict[str, Any]


def talks() -> Iterator[Event]:
    """1,400 talks on one track, 200 actors each: 60 MB."""
    for n in range(1_400):
        told = strike(type="talk.held", stream=f"talk:nasty-{n}", data={
            "track": "nasty", "format": "multilateral", "level": "delegation", "direct_ua_ru": False, "outcome": "none",
        })  # fmt: skip
        told["actors"] = [{"code": "UKR", "role": "observer", "name": f"{n}-{m} ".ljust(160, "x")} for m in range(200)]
        del told["place"]
        yield told


def assessments() -> Iterator[Event]:
    """A strike that is assessed 4,000 times."""
    yield strike(stream="strike:nasty")
    for n in range(4_000):
        said = {"as_of": "2025-11-19", "casualties": {"killed": {"best": n}}}
        yield strike(type="strike.assessed", stream="strike:nasty", data=said)


def disputes() -> Iterator[Event]:
    """A strike that is disputed 2,000 times."""
    first = strike(stream="strike:nasty")
    yield first
    for _ in range(2_000):
        yield about("disputed", first["id"]) | {"stream": "strike:nasty"}


def retractions() -> Iterator[Event]:
    """A strike that is retracted and reinstated 500 times."""
    first = strike(stream="strike:nasty")
    yield first
    for _ in range(500):
        undo = retraction(first["id"]) | {"stream": "strike:nasty"}
        yield undo
        yield retraction(undo["id"]) | {"stream": "strike:nasty"}


def amendments() -> Iterator[Event]:
    """A strike that is amended 1,000 times."""
    first = strike(stream="strike:nasty")
    yield first
    for n in range(1_000):
        patch = {"data": {"casualties": {"killed": {"best": n}}}}
        yield about("amended", first["id"], patch=patch, reason="again") | {"stream": "strike:nasty"}


def newest_first() -> Iterator[Event]:
    """A strike that is assessed 1,000 times, each time as of an hour earlier than before."""
    latest = datetime(2025, 11, 1, tzinfo=UTC)
    for n in range(1_000):
        type_name = "strike.assessed" if n else "strike.reported"
        told = strike(type=type_name, stream="strike:nasty")
        at = latest - timedelta(hours=n)
        told["occurred"] = {"start": at.isoformat(), "precision": "hour", "tz": "UTC"}
        if n:
            told["data"] = {"as_of": at.isoformat(), "casualties": {"killed": {"best": n}}}
        yield told


def statements() -> Iterator[Event]:
    """1,400 statements of one party on one topic."""
    for n in range(1_400):
        said = {"speaker": "UKR", "topic": "nasty", "stance": "open", "quote": f"{n} ".ljust(400, "x")}
        told = strike(type="statement.made", stream=f"statement:nasty-{n}", data=said)
        del told["place"]
        yield told


def merges() -> Iterator[Event]:
    """1,000 strikes that are merged into one, ten at a time."""
    for n in range(1_000):
        yield strike(stream=f"strike:nasty-{n}")
    for n in range(1, 1_000, 10):
        absorbed = [f"strike:nasty-{m}" for m in range(n, min(n + 10, 1_000))]
        yield {
            "id": str(uuid4()), "type": "record.merged", "stream": "strike:nasty-0",
            "data": {"survivor": "strike:nasty-0", "absorbed": absorbed, "reason": "one strike"},
        }  # fmt: skip


BULKS: Final[dict[str, Callable[[], Iterator[Event]]]] = {
    made.__name__: made
    for made in (talks, assessments, disputes, retractions, amendments, newest_first, statements, merges)
}


async def fill(access: Access, events: Iterator[Event]) -> int:
    """Append them in one request; the head."""
    connection = await access.connect()
    try:
        candidates = [DOOR.read(orjson.dumps(e), recorded_by="nasty") for e in events]
        faults = await DOOR.admit(cast("Pool", connection), candidates)
        assert not faults, list(faults.items())[:3]
        await append(connection, [c.command for c in candidates], atomic=True)
        return (await read_head(connection)).position
    finally:
        await connection.close()


def worked(pid: int) -> float:
    """Seconds of a processor that a process has had: what else the machine does is not in it."""
    told = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(told[11]) + int(told[12])) / os.sysconf("SC_CLK_TCK")


async def watched(runner: RunnerApart, head: int) -> tuple[float, float, float, int]:
    """Seconds until it is projected (PATIENCE: it was not), and those of a processor that the runner had.

    And the most memory in MiB, and how often the runner ended.
    """
    started, peak, seen = time.perf_counter(), 0.0, dict[int, float]()
    while runner.position < head and time.perf_counter() - started < PATIENCE:
        for pid in children():
            with suppress(OSError):
                seen[pid] = worked(pid)
                peak = max(peak, peak_of(pid))
                if peak_of(pid) > LIMIT:
                    os.kill(pid, signal.SIGKILL)
        await asyncio.sleep(0.1)
    return time.perf_counter() - started, sum(seen.values()), peak, len(seen) - 1


async def run(root: Path, name: str) -> None:
    """One bulk in a fresh log."""
    with start(root) as running:
        await run_admin(running.server, "CREATE DATABASE nasty")
        access = access_to(running.server, "nasty")
        await migrate(access)
        head = await fill(access, BULKS[name]())
        connection = await access.connect()
        where = "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint"
        before = await connection.fetchval(where)

        async def learn() -> None:
            """Nothing is registered here."""

        runner = RunnerApart(access, Wakeup(), learn, Processes(RUNNER), log_level="error")
        work = asyncio.create_task(runner.run())
        seconds, own, peak, ended = await watched(runner, head)
        written = (await connection.fetchval(where) - before) / 1_048_576
        derived = await connection.fetchval(
            "SELECT sum(pg_total_relation_size(oid)) / 1048576 FROM pg_class"
            " WHERE relname IN ('subjects', 'documents', 'ledger', 'document_members')"
        )
        print(
            f"{name:<14}{head:>6,} events, at {runner.position:>6,} after {seconds:6.1f} s, {own:6.1f} s its own; peak {peak:6,.0f} MiB,"
            f" ended {ended} times; WAL {written:6,.0f} MiB, derived {derived:6,.0f} MiB",
            flush=True,
        )
        work.cancel()
        await asyncio.wait([work])
        await connection.close()


if __name__ == "__main__":
    heading("Nasty bulks")
    for chosen in sys.argv[1:] or list(BULKS):
        with scratch() as folder:
            asyncio.run(run(folder, chosen))
