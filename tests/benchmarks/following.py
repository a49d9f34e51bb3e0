"""What following costs: one lane in this process, from zero to the head of a long history (`history.py`).

python -m tests.benchmarks.following [EVENTS]      20,000 by default

Processor time is told, and no rate: on a machine that does other work besides it says more. `compare.py` runs this and
others in turns with another commit.
"""

import asyncio
import sys
import time
from pathlib import Path

from incidentlog.embedded import start
from incidentlog.runner.apart import Spared
from incidentlog.runner.lane import Lane
from incidentlog.runner.runner import PAGE
from incidentlog.store.builds import begin_builds
from incidentlog.store.connect import Connection
from incidentlog.store.migrate import migrate
from incidentlog.store.read import read_log
from tests.benchmarks.machine import heading, scratch
from tests.benchmarks.projections import fill
from tests.conftest import access_to, run_admin

TABLES = ("segments", "snapshots", "subjects", "documents", "document_members", "names", "events")


def processor_of(pid: int) -> float:
    """Seconds of a processor that a process has had, to the hundredth."""
    told = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(told[11]) + int(told[12])) / 100


async def follow(connection: Connection, lane: Lane) -> None:
    """Take in the whole log, with the snapshots that are due."""
    spared = Spared()
    while batch := await lane.read(connection, PAGE):
        spared(await lane.take(batch))
        await lane.merge(len(batch))
        while await lane.summarise():
            pass


async def run(root: Path, total: int) -> None:
    """Everything, on a history of some length."""
    with start(root) as running:
        await run_admin(running.server, "CREATE DATABASE bench")
        access = access_to(running.server, "bench")
        await migrate(access)
        await fill(access, total)
        connection = await access.connect("runner")
        lane = Lane(connection, await begin_builds(connection), (await read_log(connection)).zone)
        begun, server = await connection.fetchval("SELECT pg_current_wal_insert_lsn()"), connection.get_server_pid()
        ours, theirs = time.process_time(), processor_of(server)
        await follow(connection, lane)
        ours, theirs = time.process_time() - ours, processor_of(server) - theirs
        written = await connection.fetchval("SELECT pg_current_wal_insert_lsn() - $1::pg_lsn", begun)
        print(f"{'our own processor, µs an event':<50}{ours / total * 1e6:>10.1f}")
        print(f"{'the processor of PostgreSQL, µs an event':<50}{theirs / total * 1e6:>10.1f}")
        print(f"{'written ahead, bytes an event':<50}{written / total:>10.0f}")
        for table in TABLES:
            size = await connection.fetchval("SELECT pg_total_relation_size($1::text::regclass)", table)
            print(f"{f'{table}, bytes an event with indexes':<50}{size / total:>10.0f}")
        await connection.close()


if __name__ == "__main__":
    heading("Following")
    with scratch() as folder:
        asyncio.run(run(folder, int(sys.argv[1]) if sys.argv[1:] else 20_000))
