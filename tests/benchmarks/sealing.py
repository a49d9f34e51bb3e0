"""What sealing costs: `python -m tests.benchmarks.sealing [PART...] [--events N]`; N is a million unless it is said.

`seal`: the notary over N events, bytes for each, a proof's latency. `verify`: an export of them, checked in a process
of its own. `archive`: the whole log as an export and as an archive, each checked so. `appends`: over HTTP with the notary at work and without, five alternating runs, their medians.
"""

import argparse
import asyncio
import os
import shutil
import statistics
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import uvloop

from incidentlog.api.app import make_app
from incidentlog.audit.archive import write_archive
from incidentlog.audit.beginning import begin_if_new
from incidentlog.audit.export import Wanted, export
from incidentlog.audit.notary import Notary
from incidentlog.audit.place import Place
from incidentlog.audit.state import Folder
from incidentlog.audit.tree import Tree
from incidentlog.audit.whole import export_whole
from incidentlog.beside import RUNNER, Processes
from incidentlog.clock import SystemClock
from incidentlog.config import Settings
from incidentlog.embedded import Server, start
from incidentlog.logging import configure_logging
from incidentlog.service.keys import first_key
from incidentlog.service.service import running, spare_the_collector
from incidentlog.store.append import append
from incidentlog.store.connect import Access, Connection
from tests.benchmarks.append import commands, drive, fresh
from tests.benchmarks.machine import heading, line, percentile, scratch
from tests.benchmarks.sample import KEY

BATCH = 2_000
PROOFS = 2_000
RUNS = 5
CONNECTIONS, EVENTS_A_RUN = 64, 20_000
NOW = datetime(2026, 3, 1, tzinfo=UTC)


async def fill(access: Access, events: int) -> None:
    """Append so many events."""
    connection = await access.connect("appender")
    for n in range(0, events, BATCH):
        await append(connection, commands(min(BATCH, events - n)))
    await connection.close()
    admin = await access.connect()
    await admin.execute("ANALYZE")
    await admin.close()


async def sealed(access: Access, folder: Folder, events: int) -> Tree:
    """Seal them all, and print what that took."""
    begun = await begin_if_new(access, folder, origin="bench.example/log", key=None)
    assert begun is not None
    await fill(access, events)
    notary = Notary(access, folder, SystemClock())
    cpu, started = time.process_time(), time.perf_counter()
    await notary.once()
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    assert notary.size == events
    line("the notary, over events that wait", events, seconds)
    print(f"    {cpu / events * 1e6:.1f} µs of our processor an event")
    admin = await access.connect()
    sizes = await admin.fetchrow(
        "SELECT pg_total_relation_size('tiles') AS tiles, pg_total_relation_size('events') AS events"
    )
    assert sizes is not None
    print(
        f"    {sizes['tiles'] / events:.1f} bytes an event for tiles, beside {sizes['events'] / events:.0f} for the event; "
        f"{folder.state.stat().st_size / 1024:.0f} KiB of state"
    )
    return Tree(admin, 0)


async def proofs(tree: Tree, events: int) -> None:
    """Inclusion proofs of events anywhere, one after the other."""
    chance, latencies = Random(1), list[float]()
    started = time.perf_counter()
    for _ in range(PROOFS):
        begun = time.perf_counter()
        await tree.inclusion(chance.randrange(events), events)
        latencies.append(time.perf_counter() - begun)
    line(f"proofs among {events:,} events", PROOFS, time.perf_counter() - started, latencies)


async def verify(connection: Connection, folder: Folder, place: Path, events: int) -> None:
    """Export them all, and check that elsewhere."""
    started = time.perf_counter()
    await export(connection, place / "export", Wanted(), by="benchmark", purpose=None, at=NOW)
    line("export", events, time.perf_counter() - started)
    checked(folder, place / "export", events)


def checked(folder: Folder, written: Path, events: int) -> None:
    """Check what was written in a process of its own, and throw it away."""
    signer = folder.signer(None)
    assert signer is not None
    key = written.with_suffix(".vkey")
    key.write_text(signer.verifier.vkey)
    seconds, cpu, memory = spent("verify", str(written), "--vkey", str(key))
    line("verify offline", events, seconds)
    size = sum(path.stat().st_size for path in written.rglob("*") if path.is_file())
    print(
        f"    {seconds:.1f} s, of which {cpu:.1f} s of a processor; at most "
        f"{memory:.0f} MiB; {size / 2**20:.0f} MiB, {size / events:.0f} bytes an event"
    )
    shutil.rmtree(written)


async def archive(connection: Connection, folder: Folder, place: Path, events: int) -> None:
    """The whole log as an export and as an archive, the one after the other."""
    began = time.perf_counter()
    whole = {"by": "benchmark", "purpose": None, "at": NOW}
    await export_whole(connection, place / "whole", **whole, progress=lambda _done, _all: None)  # type: ignore[arg-type]
    line("export --all", events, time.perf_counter() - began)
    checked(folder, place / "whole", events)
    began = time.perf_counter()
    await write_archive(connection, Place(str(place / "archive")), segment=None, **whole)  # type: ignore[arg-type]
    line("archive", events, time.perf_counter() - began)
    began = time.perf_counter()
    await write_archive(connection, Place(str(place / "archive")), segment=None, **whole)  # type: ignore[arg-type]
    print(f"    again, with nothing new: {time.perf_counter() - began:.2f} s")
    checked(folder, place / "archive", events)


# What the kernel tells of a child's memory begins with the parent's: so the child looks at its own.
MEASURED = """
import atexit, sys
from incidentlog.cli import main
atexit.register(lambda: sys.stderr.write(next(l for l in open("/proc/self/status") if l.startswith("VmHWM"))))
sys.argv[0] = "incidentlog"
main()
"""


def spent(*words: str) -> tuple[float, float, float]:
    """How long a command took, how much of a processor, and its most memory in MiB."""
    before, started = os.times(), time.perf_counter()
    done = subprocess.run([sys.executable, "-c", MEASURED, *words], capture_output=True, text=True, check=True)
    seconds, after = time.perf_counter() - started, os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return seconds, cpu, int(done.stderr.split()[-2]) / 1024


async def appends(server: Server, place: Path) -> None:
    """Single events over HTTP, with the notary at work and without, in turns."""
    rates: dict[bool, list[float]] = {True: [], False: []}
    tails: dict[bool, list[float]] = {True: [], False: []}
    for run in range(2 * RUNS):
        on = run % 2 == 0
        folder = Folder(place / f"run-{run}") if on else None
        async with fresh(server) as access:
            await first_key(access, KEY)
            if folder is not None:
                await begin_if_new(access, folder, origin="bench.example/log", key=None)
            async with running(access, Settings(admin_key=KEY), apart=Processes(RUNNER), folder=folder) as service:
                await asyncio.sleep(2)  # the runner has started
                seconds, latencies = await drive(make_app(service), CONNECTIONS, EVENTS_A_RUN)
                rates[on].append(len(latencies) / seconds)
                tails[on].append(percentile(latencies, 0.99))
                assert not on or await service.notary.sealed(len(latencies), 60)
    for on in (False, True):
        told = f"p99 {statistics.median(tails[on]) * 1e3:.1f} ms"
        print(
            f"notary {'at work' if on else 'off':<8} {statistics.median(rates[on]):>8,.0f}/s   {told}   medians of {RUNS}"
        )
    rate, tail = (statistics.median(of[True]) / statistics.median(of[False]) for of in (rates, tails))
    print(f"    throughput {rate - 1:+.1%}, p99 {tail - 1:+.1%}", flush=True)


async def main(server: Server, place: Path, parts: list[str], events: int) -> None:
    """All of it, or some."""
    spare_the_collector()
    if {"seal", "verify", "archive"} & set(parts):
        async with fresh(server) as access:
            folder = Folder(place / "log")
            tree = await sealed(access, folder, events)
            await proofs(tree, events)
            connection = tree.source
            if "verify" in parts:
                await verify(connection, folder, place, events)  # type: ignore[arg-type]
            if "archive" in parts:
                await archive(connection, folder, place, events)  # type: ignore[arg-type]
            await connection.close()
    if "appends" in parts:
        await appends(server, place)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("parts", nargs="*", default=["seal", "verify", "archive", "appends"])
    parser.add_argument("--events", type=int, default=1_000_000)
    given = parser.parse_args()
    configure_logging("warning")
    heading("Sealing")
    with scratch() as root:
        (root / "bench").mkdir()
        with start(root) as embedded:
            uvloop.run(main(embedded.server, root / "bench", given.parts, given.events))
