"""How long a search of the log takes for what it has little of, or none, with its blocks and without.

python -m tests.benchmarks.searching [EVENTS]

Without them a search looks through a stretch of 20,000 positions after the other, as it did before there were any. Each
search goes on until it has a page of a hundred events, or is at the end of the log.
"""

import asyncio
import random
import statistics
import sys
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

from incidentlog.embedded import start
from incidentlog.events.values import Tlp
from incidentlog.store import search
from incidentlog.store.append import append
from incidentlog.store.blocks import BLOCK, write_blocks
from incidentlog.store.connect import Connection
from incidentlog.store.filters import EventFilter
from incidentlog.store.migrate import migrate
from incidentlog.store.search import search_events
from tests.benchmarks.history import commands
from tests.benchmarks.machine import heading, scratch
from tests.conftest import access_to, run_admin

CHUNK: Final = 1_000
PAGE: Final = 100
ROUNDS: Final = 40
SIZES: Final = (
    "SELECT pg_relation_size('blocks'), pg_table_size('blocks') - pg_relation_size('blocks'), pg_indexes_size('blocks'),"
    " pg_total_relation_size('events')"
)


async def questions(connection: Connection, chosen: random.Random) -> dict[str, Callable[[], EventFilter]]:
    """What is asked: of what there is, chosen at random each time, and of what there is not."""
    rows = await connection.fetch(
        "SELECT place_id, count(*) FROM events WHERE place_id IS NOT NULL GROUP BY 1 ORDER BY 2, 1"
    )
    places = [row[0] for row in rows]
    first, last = await connection.fetchrow("SELECT min(occurred_from), max(occurred_from) FROM events")  # type: ignore[misc]

    def day() -> datetime:
        return first + (last - first) * chosen.random()

    def of_a_day() -> EventFilter:
        since = day()
        return EventFilter(since=since, until=since + timedelta(days=1))

    rare, common = places[: len(places) // 10 + 1], places[-3:]
    print(
        f"{len(places)} places; the tenth with fewest events have up to {rows[len(rare) - 1][1]}, the largest {rows[-1][1]}"
    )
    return {
        "a place that has none": lambda: EventFilter(places=("geonames:none",)),
        "a place that has few": lambda: EventFilter(places=(chosen.choice(rare),)),
        "a place that has many": lambda: EventFilter(places=(chosen.choice(common),)),
        "strikes in a place that has few": lambda: EventFilter(categories=("strike",), places=(chosen.choice(rare),)),
        "talks in a place that has many": lambda: EventFilter(categories=("talk",), places=(chosen.choice(common),)),
        "an actor that has none": lambda: EventFilter(actors=("NOBODY",)),
        "a country that has none": lambda: EventFilter(countries=("FR",)),
        "a verification that has none": lambda: EventFilter(verifications=("disputed",)),
        "a box that has none": lambda: EventFilter(bbox=(0.0, 0.0, 10.0, 10.0)),
        "a large box that has none": lambda: EventFilter(bbox=(-120.0, -50.0, -40.0, 10.0)),
        "a box that has much": lambda: EventFilter(bbox=(22.0, 44.0, 41.0, 53.0)),
        "a day": of_a_day,
        "from a day on": lambda: EventFilter(since=day()),
        "after the last day": lambda: EventFilter(since=last + timedelta(days=2)),
        "everything": EventFilter,
    }


async def searched(connection: Connection, wanted: EventFilter, head: int) -> tuple[float, int]:
    """Milliseconds until a page is full or the log ends, and how many events it has."""
    begun, after, found = time.perf_counter(), 0, 0
    while after < head and found < PAGE:
        page, after = await search_events(
            connection, wanted, after=after, upto=head, clearance=Tlp.RED, limit=PAGE - found
        )
        found += len(page.events)
    return (time.perf_counter() - begun) * 1000, found


async def run(total: int) -> None:
    """Fill a log, ask without blocks, write them, and ask again."""
    heading(f"searching {total:,} events")
    with scratch() as root, start(root, durable=False) as running:
        await run_admin(running.server, "CREATE DATABASE bench")
        access = access_to(running.server, "bench")
        await migrate(access)
        connection = await access.connect()
        made = commands(total)
        while chunk := list(islice(made, CHUNK)):
            await append(connection, chunk)
        await connection.execute("ANALYZE")
        head = await connection.fetchval("SELECT max(position) FROM events")
        asked = await questions(connection, random.Random(1))
        stretch, search.STRETCH = search.STRETCH, 20_000  # type: ignore[misc]
        before = {
            name: [(await searched(connection, each(), head))[0] for _ in range(5)] for name, each in asked.items()
        }
        search.STRETCH = stretch  # type: ignore[misc]
        begun = time.perf_counter()
        while await write_blocks(connection):
            pass
        took = time.perf_counter() - begun
        print(f"{head // BLOCK:,} blocks in {took:.1f} s, {took / head * 1e6:.1f} µs an event")
        table, apart, index, events = await connection.fetchrow(SIZES)  # type: ignore[misc]
        print(
            f"bytes an event: {table / head:.1f} + {apart / head:.1f} + {index / head:.1f}; of the log {events / head:.0f}"
        )
        await connection.execute("ANALYZE blocks")
        print(f"{'':32} {'without, p50':>14} {'with: p50':>12} {'p95':>9} {'found':>7}")
        for name, each in asked.items():
            results = [await searched(connection, each(), head) for _ in range(ROUNDS)]
            times = [took for took, _ in results]
            print(
                f"{name:32} {statistics.median(before[name]):11.1f} ms {statistics.median(times):9.1f} ms"
                f" {sorted(times)[-ROUNDS // 20 - 1]:6.1f} ms {statistics.median(n for _, n in results):7.0f}"
            )
        await connection.close()


if __name__ == "__main__":
    asyncio.run(run(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000))
