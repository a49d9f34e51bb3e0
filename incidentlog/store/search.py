"""Searching the log: events that pass a filter, by whatever finds them without looking through all of it."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

import asyncpg
import orjson

from incidentlog.events.values import INSTANT
from incidentlog.folding.fold import RED
from incidentlog.sqlfiles import query
from incidentlog.store.blocks import Range, passing_ranges
from incidentlog.store.connect import Connection, Pool
from incidentlog.store.filters import EventFilter
from incidentlog.store.pages import PAGE_OCTETS
from incidentlog.store.read import Seen, fill, position_at

STRETCH: Final = 5_000
"""How much of the log one search looks through where nothing tells what is in it: some 10 ms."""
OF_KINDS: Final = 2_000
"""How many events of each type of each category one search looks at, where some of them may not be seen."""
FEW_BLOCKS: Final = 400
"""In how many blocks all of something is looked for at once: some 150 ms at the very most."""


async def search_events(
    pool: Pool | Connection,
    wanted: EventFilter,
    *,
    after: int,
    upto: int,
    clearance: int,
    limit: int,
    known: int | None = None,
) -> tuple[Seen, int]:
    """Events that pass a filter, and the position up to which the log was looked through.

    At most `limit` events, of as much of the log as is looked through at once: the caller goes on after the position
    answered. Streams, external ids, imports, types and categories are looked up, all else is looked for where the
    blocks of the log may have it. `known` is the position of which is asked, where that is not `upto`.
    """
    if wanted.recorded_since is not None and upto - after > STRETCH:
        after = max(after, min(upto, await position_at(pool, wanted.recorded_since - INSTANT)))
    name, arguments, reach = "", list(_arguments(wanted)), upto
    ranges: list[Range] | None = None
    if upto - after <= STRETCH:
        ranges = [(after, upto)]
    elif wanted.streams:
        name = "streams"
    elif wanted.external_ids and all(each is not None for _, each in wanted.external_ids):
        name = "external"
    elif wanted.imports:
        name = "import"
    elif (wanted.types or wanted.categories) and _without_kinds(wanted) == EventFilter():
        name, arguments = "kinds", [list(wanted.types) or None, list(wanted.categories) or None]
        if clearance < RED:  # else all that are found pass
            reach = await pool.fetchval(query("search", "horizon"), after, upto, *arguments, OF_KINDS) or upto
    else:
        ranges, reach = await passing_ranges(pool, wanted, after=after, upto=upto, unknown=STRETCH)

    rest = clearance, *arguments, PAGE_OCTETS

    async def read(after: int, most: int) -> list[asyncpg.Record]:
        if ranges is not None:
            return await _read_ranges(
                pool, [(max(begin, after), end) for begin, end in ranges if end > after], most, *rest
            )
        return await pool.fetch(query("search", name), after, reach, most, *rest)

    found, more = await fill(
        pool,
        read,
        lambda e: e.position,
        after=after,
        limit=limit,
        upto=upto if known is None else known,
        clearance=clearance,
    )
    return found, found.events[-1].position if more else reach


async def _read_ranges(pool: Pool | Connection, ranges: Sequence[Range], most: int, *rest: Any) -> list[asyncpg.Record]:
    """The first events that pass a filter in some ranges of the log; nearly always it is one."""
    match ranges:
        case []:
            return []
        case [(after, upto)]:
            return await pool.fetch(query("search", "range"), after, upto, most, *rest)
        case _:
            bounds = [after for after, _ in ranges], [upto for _, upto in ranges]
            return await pool.fetch(query("search", "ranges"), *bounds, most, *rest)


async def streams_where(pool: Pool | Connection, wanted: EventFilter, upto: int) -> list[str] | None:
    """The streams of whose subjects some may be at a place, in a region or country, or in a box, up to a position.

    A subject is where one of its events was sent from or amended to, or one of a stream that was merged into it. In
    order; None where the log says in too much of it that something was there: then it is the quicker to ask each.
    """
    ranges, reach = await passing_ranges(pool, wanted, after=0, upto=upto, unknown=STRETCH, most=FEW_BLOCKS)
    if reach < upto:
        return None
    bounds = [begin for begin, _ in ranges], [end for _, end in ranges]
    where = wanted.places, wanted.admin1s, wanted.countries
    rows = await pool.fetch(
        query("search", "streams_in"),
        *bounds,
        *(list(values) or None for values in where),
        *(wanted.bbox or (None,) * 4),
    )
    return [row["stream"] for row in rows]


def _without_kinds(wanted: EventFilter) -> EventFilter:
    """What a filter asks for beside types and categories, of events that were recorded late enough."""
    return replace(wanted, types=(), categories=(), recorded_since=None)


def _arguments(wanted: EventFilter) -> Iterator[Any]:
    """A filter as the queries take it; what is not asked for is null."""
    for values in (
        wanted.types, wanted.streams, wanted.categories, wanted.places, wanted.admin1s, wanted.countries,
        wanted.actors, wanted.verifications,
    ):  # fmt: skip
        yield list(values) or None
    yield from (wanted.since, wanted.until, wanted.recorded_since)
    yield from wanted.bbox or (None,) * 4
    yield [_held(scheme, each) for scheme, each in wanted.external_ids] or None
    yield list(wanted.imports) or None


def _held(scheme: str, external_id: str | None) -> str:
    """The JSON that the external ids of an event hold which has this one."""
    return orjson.dumps([{"scheme": scheme} | ({} if external_id is None else {"id": external_id})]).decode()
