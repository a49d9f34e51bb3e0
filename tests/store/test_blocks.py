"""What occurs in each block of the log: whatever is searched is found there as it is by looking through all of it."""

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from incidentlog.events.envelope import ResolvedPlace
from incidentlog.events.values import Tlp
from incidentlog.sqlfiles import query
from incidentlog.store import blocks, search
from incidentlog.store.append import Append, append
from incidentlog.store.blocks import BLOCK, passing_ranges, write_blocks, wrong_blocks
from incidentlog.store.connect import Access, Connection
from incidentlog.store.erase import erase, pending_erasures
from incidentlog.store.filters import EventFilter
from incidentlog.store.search import search_events
from tests.commands import about, command, strike
from tests.plans import plans_of
from tests.runner.driving import following, log_at

ODD = ("it's", "back\\slash", "a & b | !c", "two  blanks ", "name:" + "дуже-довга-назва" * 20, "таке саме" * 30, "':*")
PLACES = (*ODD, *(f"geonames:{n}" for n in range(70)))
CODES = ("RUS", "UKR", "POL", "it's", "back\\slash", "a|b", "дуже-довгий-код-одного-учасника", "':*")
START = datetime(1969, 12, 20, tzinfo=UTC)
"""Weeks are counted from the first of 1970: some are before it."""
TOTAL = 3 * BLOCK + 100


def event(n: int, chosen: random.Random) -> Append:
    """A command whose columns are anything: rare and common, none, long, on the edge of a week or of a degree."""
    day = START + timedelta(days=n // 4 * chosen.choice((0, 1, 1, 1, 1)), hours=chosen.choice((0, 12)))
    lasted = timedelta(days=chosen.choice((0, 0, 1, 7, 400)))
    occurred = {"start": day.isoformat(), "precision": "minute", "tz": "Europe/Kyiv"}
    if lasted:
        occurred |= {"end": (day + lasted).isoformat(), "range": "length"}
    found = ResolvedPlace(
        name="Somewhere", precision="settlement", how="explicit",
        place_id=chosen.choice(PLACES[: 1 + n // 10]),
        country=chosen.choice(("UA", "UA", "PL", None)),
        admin1=chosen.choice(("17", "05", None)),
        lat=chosen.choice((-90, -0.0, 48, 48.5, 49, 90)),
        lon=chosen.choice((-180, -179.5, -0.0, 37.5, 38, 180)),
    )  # fmt: skip
    return replace(
        command(strike(occurred=occurred)),
        stream=chosen.choice(("strike:a", f"strike:{n}", f"incident:{n}")),
        place=chosen.choice((None, found, found)),
        type=chosen.choice(("strike.reported", "strike.reported", "incident.reported")),
        actors=tuple(chosen.sample(CODES, k=chosen.randrange(3))),
        verification=chosen.choice(("unverified", "verified")),
        tlp=chosen.choice((Tlp.CLEAR, Tlp.RED)),
    )


def asked(chosen: random.Random) -> EventFilter:
    """A filter of a few parts."""

    def some(*values: str) -> tuple[str, ...]:
        return tuple(chosen.sample(values, k=min(len(values), chosen.randrange(1, 3))))

    begin = START + timedelta(days=chosen.randrange(-30, 230), hours=chosen.choice((0, 12)))
    west, east = chosen.sample((-180.0, -179.5, -10.0, 0.0, 37.0, 38.0, 180.0), k=2)
    south, north = sorted(chosen.sample((-90.0, 0.0, 48.0, 48.5, 49.0, 90.0), k=2))
    parts: dict[str, Any] = {
        "types": some("strike.reported", "incident.reported", "talk.held"),
        "categories": some("strike", "incident", "talk"),
        "streams": some("strike:a", "strike:3", "strike:none"),
        "places": some(*PLACES, "geonames:none"),
        "admin1s": some("UA.17", "UA.05", "PL.05"),
        "countries": some("UA", "PL", "DE"),
        "actors": some(*CODES, "NOBODY"),
        "verifications": some("verified", "disputed"),
        "since": begin,
        "until": begin + timedelta(days=chosen.choice((0, 1, 20, 8_000))),
        "bbox": (west, south, east, north),
    }
    return EventFilter(**{name: parts[name] for name in chosen.sample(sorted(parts), k=chosen.choice((1, 1, 2, 3)))})


async def found(connection: Connection, wanted: EventFilter, upto: int, clearance: int) -> list[int]:
    """The positions of all events that pass, page by page."""
    positions, after = list[int](), 0
    while after < upto:
        page, after = await search_events(connection, wanted, after=after, upto=upto, clearance=clearance, limit=40)
        positions += [e.position for e in page.events]
    return positions


@pytest.fixture
async def connection(access: Access) -> AsyncIterator[Connection]:
    connection = await access.connect()
    try:
        yield connection
    finally:
        await connection.close()


@pytest.mark.parametrize("seed", range(3))
async def test_a_search_finds_the_same_with_blocks_and_without(
    connection: Connection, monkeypatch: pytest.MonkeyPatch, seed: int
):
    chosen = random.Random(seed)
    await append(connection, [event(n, chosen) for n in range(TOTAL)])
    filters = [(asked(chosen), chosen.choice((TOTAL, TOTAL - 200)), chosen.choice((0, 4))) for _ in range(25)]
    right = [await found(connection, *each) for each in filters]  # of one stretch: all of it is looked through
    assert any(right)
    assert any(len(each) == 0 for each in right)
    while await write_blocks(connection):
        pass
    monkeypatch.setattr(search, "STRETCH", 40)
    for most in (1, 80):
        monkeypatch.setattr(blocks, "MOST", most)
        for each, positions in zip(filters, right, strict=True):
            assert await found(connection, *each) == positions, each
    await connection.execute("DELETE FROM blocks WHERE block > 0")  # as it is while they are written
    for each, positions in zip(filters, right, strict=True):
        assert await found(connection, *each) == positions, each


@pytest.mark.parametrize("place", ["x" * 18, "x" * 19, *ODD])
async def test_what_is_in_few_blocks_is_looked_for_there_alone(connection: Connection, place: str):
    events = [command() for _ in range(TOTAL)]
    rare = ResolvedPlace(
        name="Rare",
        precision="settlement",
        how="explicit",
        place_id=place,
        country="PL",
        admin1="05",
        lat=48.5,
        lon=-171.5,
    )
    for n in (BLOCK, 3 * BLOCK + 5):
        events[n] = replace(events[n], place=rare, verification="disputed", actors=("POL",))
    await append(connection, events)
    while await write_blocks(connection):
        pass
    there = (BLOCK, 2 * BLOCK), (3 * BLOCK, TOTAL)  # the last block is not whole: nothing tells what is in it
    for wanted in (
        EventFilter(places=(place,)),
        EventFilter(places=(place,), categories=("strike", "talk")),
        EventFilter(admin1s=("PL.05",), categories=("strike",)),
        EventFilter(countries=("PL", "DE"), types=("strike.reported",)),
        EventFilter(actors=("POL",)),
        EventFilter(verifications=("disputed",)),
        EventFilter(bbox=(-171.5, 48.5, -171.5, 48.5)),
        EventFilter(bbox=(-175, 48, -120, 59)),  # so large that it is told in tens of degrees
        EventFilter(bbox=(170, 48, -170, 49)),  # over the antimeridian
    ):
        assert await passing_ranges(connection, wanted, after=0, upto=TOTAL, unknown=1_000) == (list(there), TOTAL)
        assert await found(connection, wanted, TOTAL, Tlp.RED) == [BLOCK + 1, 3 * BLOCK + 6]
    none, later = EventFilter(countries=("DE",)), EventFilter(since=datetime(2026, 1, 1, tzinfo=UTC))
    short = EventFilter(since=datetime(2026, 1, 1, tzinfo=UTC), until=datetime(2026, 2, 1, tzinfo=UTC))
    before = EventFilter(until=datetime(2025, 1, 1, tzinfo=UTC))
    for wanted in (none, later, short, before):
        assert await passing_ranges(connection, wanted, after=0, upto=TOTAL, unknown=20) == (
            [(3 * BLOCK, 3 * BLOCK + 20)],
            3 * BLOCK + 20,
        )
    assert await passing_ranges(connection, EventFilter(), after=5, upto=TOTAL, unknown=20) == ([(5, 25)], 25)


async def test_blocks_are_found_by_their_terms_and_not_one_after_the_other(connection: Connection):
    await connection.execute(
        """INSERT INTO blocks SELECT n, array_to_tsvector(ARRAY['any', 'country:UA'] || array(
            SELECT 'place:' || m FROM generate_series(n, n + 200) AS m)), now(), now() FROM generate_series(0, 3000) AS n"""
    )
    await connection.execute("ANALYZE blocks")
    asked = query("blocks", "passing"), 0, 3_000, "'place:none'", None, None, 80
    for plan in (await plans_of(connection, *asked)).values():
        assert "Bitmap Index Scan on blocks_by_term" in plan


async def test_no_events_are_too_much_for_a_block(connection: Connection):
    """As many other terms as 256 events can have, each as long as it may be."""
    events = [
        replace(command(), actors=tuple(f"{n}-{k}-{'x' * 40}" for k in range(100)), verification=f"{n}" * 60)
        for n in range(BLOCK)
    ]
    await append(connection, events)
    assert await write_blocks(connection)
    assert await found(connection, EventFilter(actors=(events[7].actors[3],)), BLOCK, Tlp.RED) == [8]
    await connection.execute("SELECT terms @@ 'any' FROM blocks")


async def test_the_runner_writes_blocks_as_they_are_full(access: Access):
    async with log_at(access) as log, following(log) as runner:
        await log.add(*(strike() for _ in range(BLOCK - 1)))
        await runner.reached(BLOCK - 1, 60)
        assert await log.connection.fetchval("SELECT count(*) FROM blocks") == 0
        await log.add(*(strike() for _ in range(BLOCK + 1)))
        async with asyncio.timeout(60):
            while await log.connection.fetchval("SELECT count(*) FROM blocks") < 2:
                await asyncio.sleep(0.02)
        assert [each async for each in wrong_blocks(log.connection, 2 * BLOCK)] == []


async def test_what_was_erased_is_in_no_block(access: Access, connection: Connection):
    hidden = strike(actors=[{"code": "POL", "role": "attacker"}], verification="disputed")
    commands = [command(hidden), *(command() for _ in range(BLOCK))]
    await append(connection, commands)
    assert await write_blocks(connection)
    terms = "SELECT terms::text FROM blocks"
    assert "actor:POL" in await connection.fetchval(terms)
    erasing = about("erased", hidden["id"], part="body", ground="asked to")
    await append(connection, [command(erasing, stream=commands[0].stream)])
    eraser = await access.connect("eraser")
    try:
        for erasure in await pending_erasures(eraser):
            await erase(eraser, erasure)
    finally:
        await eraser.close()
    told = await connection.fetchval(terms)
    assert "actor:POL" not in told
    assert "disputed" not in told
    assert "actor:RUS" in told
    assert [each async for each in wrong_blocks(connection, BLOCK + 2)] == []


async def test_a_block_that_is_written_while_something_is_erased_does_not_have_it(
    access: Access, connection: Connection
):
    """Who erases holds the others up: what they write they read after it."""
    hidden = strike(actors=[{"code": "POL", "role": "attacker"}])
    commands = [command(hidden), *(command() for _ in range(BLOCK))]
    await append(connection, commands)
    erasing = about("erased", hidden["id"], part="body", ground="asked to")
    await append(connection, [command(erasing, stream=commands[0].stream)])
    eraser = await access.connect("eraser")
    try:
        async with eraser.transaction():
            for erasure in await pending_erasures(eraser):
                await erase(eraser, erasure)
            writing = asyncio.create_task(write_blocks(connection))
            waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'blocks'::regclass"
            async with asyncio.timeout(60):
                while not await eraser.fetchval(waits):
                    await asyncio.sleep(0.01)
        assert await writing
    finally:
        await eraser.close()
    assert "actor:POL" not in await connection.fetchval("SELECT terms::text FROM blocks")
