"""A service over a log that was filled for a benchmark, once its projections have caught up."""

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import islice
from typing import Final

from incidentlog.embedded import start
from incidentlog.store.append import Append
from incidentlog.store.migrate import migrate
from tests.api.serving import Served, serving
from tests.benchmarks.machine import scratch
from tests.conftest import access_to, run_admin

CHUNK: Final = 1_000
CATCH_UP_SECONDS: Final = 3_600


@asynccontextmanager
async def filled(events: Iterator[Append]) -> AsyncIterator[tuple[Served, int]]:
    """The service and its head, on a PostgreSQL of its own that is thrown away; says how far projecting was behind."""
    with scratch() as root, start(root, durable=False) as running:
        await run_admin(running.server, "CREATE DATABASE bench")
        access = access_to(running.server, "bench")
        await migrate(access)
        async with serving(access, runner_apart=True) as served:
            while chunk := list(islice(events, CHUNK)):
                await served.service.writer.append_atomic(chunk)
            head, begun = await served.head(), time.perf_counter()
            await served.service.runner.reached(head, CATCH_UP_SECONDS)
            print(f"{head:,} events, projected {time.perf_counter() - begun:.0f} s after the last one")
            yield served, head
