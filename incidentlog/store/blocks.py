"""What occurs in each block of the log: who wants few of its events looks where some may be, and not through all of it.

A block is BLOCK positions. Its row has a term for each value by which events are filtered (`country:UA`), as words of a
text search: one index tells the blocks that have a combination of them. Nobody who appends pays for it: whole blocks
are written when there is time, and what has none yet is looked through.
"""

import hashlib
from collections.abc import AsyncIterator, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import product
from math import floor
from typing import Final

from incidentlog.sqlfiles import query
from incidentlog.store.connect import Connection, Pool
from incidentlog.store.filters import EventFilter

BLOCK: Final = 256
"""How many positions are a block, as `blocks_of_events` has it: fewer make more rows, more are more to look through."""
AT_ONCE: Final = 16
"""How many blocks are written in one transaction: some 30 ms."""
MOST: Final = 80
"""How many blocks one read looks through."""
WEEKS: Final = 260
"""A time of more weeks is told by when a block begins and ends alone."""
CELLS: Final = 64
"""A box of more cells of one degree is told by those of ten."""
PAIRS: Final = 400
"""More pairs of a category and a place are told by the two apart."""
LONGEST: Final = 24
"""A term of more octets is told by a digest."""
WEEK: Final = timedelta(weeks=1)
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

Range = tuple[int, int]
"""Positions after the one, up to the other."""


async def write_blocks(connection: Connection) -> bool:
    """Write the next blocks that are whole by now; whether there were any."""
    async with connection.transaction():
        await connection.execute(query("blocks", "hold"))
        return bool(await connection.fetchval(query("blocks", "write"), AT_ONCE))


async def write_block_again(connection: Connection, position: int) -> None:
    """Write the block of a position again, after something was erased there, in the same transaction."""
    await connection.execute(query("blocks", "hold"))  # who writes it for the first time saw what was erased, or waits
    await connection.execute(query("blocks", "write_again"), position)


async def wrong_blocks(connection: Connection, head: int) -> AsyncIterator[int]:
    """Which blocks are not what the events up to a head say: others, or missing before the last; and one beyond all."""
    for first in range(0, head // BLOCK, AT_ONCE):
        last = min(first + AT_ONCE, head // BLOCK) - 1
        for row in await connection.fetch(query("blocks", "wrong"), first, last):
            yield row[0]
    if (stray := await connection.fetchval(query("blocks", "stray"))) is not None:
        yield stray


async def passing_ranges(
    pool: Pool | Connection, wanted: EventFilter, *, after: int, upto: int, unknown: int, most: int | None = None
) -> tuple[list[Range], int]:
    """Where events may be that pass a filter, after a position and up to another; and up to where that is all.

    In order, and of so many blocks at most, or MOST; with them the next `unknown` positions of which no block tells.
    """
    told, passing, most = after, list[Range](), MOST if most is None else most
    if terms := " & ".join(_asked(wanted)):
        bounds = after // BLOCK, (upto - 1) // BLOCK
        row = await pool.fetchrow(query("blocks", "passing"), *bounds, terms, wanted.since, wanted.until, most)
        assert row is not None  # noqa: S101 - it has no FROM
        last, blocks = row
        passing = list(_joined(blocks, after, upto))
        if len(blocks) == most:
            return passing, passing[-1][1]
        if last is not None:
            told = min(upto, max(after, (last + 1) * BLOCK))
    reach = min(upto, told + unknown)
    return [*passing, (told, reach)], reach


def _joined(blocks: Iterable[int], after: int, upto: int) -> Iterator[Range]:
    """The positions of some blocks, in order, after a position and up to another; of neighbours in one."""
    begin = end = after
    for block in blocks:
        if block * BLOCK > end:
            if begin < end:
                yield begin, end
            begin = block * BLOCK
        end = min(upto, (block + 1) * BLOCK)
    if begin < end:
        yield begin, end


def _asked(wanted: EventFilter) -> Iterator[str]:
    """What a block must have of a filter, each as a text search asks for it: any of some terms."""
    for of, values in (
        ("type", wanted.types), ("category", wanted.categories), ("place", wanted.places), ("admin1", wanted.admin1s),
        ("country", wanted.countries), ("actor", wanted.actors), ("verification", wanted.verifications),
    ):  # fmt: skip
        if values:
            yield _any_of(f"{of}:{value}" for value in values)
    for values in (wanted.places, wanted.admin1s):
        if wanted.categories and values and len(wanted.categories) * len(values) <= PAIRS:
            yield _any_of(f"{category}@{value}" for category, value in product(wanted.categories, values))
    if wanted.since is not None or wanted.until is not None:
        weeks = _weeks(wanted.since, wanted.until)
        yield "any" if weeks is None else _any_of(f"week:{week}" for week in ("any", *weeks))
    if wanted.bbox is not None:
        size, (lats, lons) = 1, _cells(wanted.bbox, 1)
        if len(lats) * len(lons) > CELLS:
            size, (lats, lons) = 10, _cells(wanted.bbox, 10)
        yield _any_of(f"cell{size}:{lat}:{lon}" for lat, lon in product(lats, lons))


def _any_of(terms: Iterable[str]) -> str:
    """Any of some terms, as a text search asks for it."""
    return f"({' | '.join(map(_word, terms))})"


def _word(term: str) -> str:
    """A term as `blocks_of_events` writes it, as one word of a text search, whatever is in it."""
    if len(octets := term.encode()) > LONGEST:
        term = hashlib.sha256(octets).hexdigest()[:16]
    return "'" + term.replace("\\", "\\\\").replace("'", "''") + "'"


def _weeks(since: datetime | None, until: datetime | None) -> range | None:
    """The weeks of a time; None where it has no beginning or no end, or more weeks than are told one by one."""
    if since is None or until is None or until - since > WEEKS * WEEK:
        return None
    return range((since - EPOCH) // WEEK, (until - EPOCH) // WEEK + 1)


def _cells(box: tuple[float, float, float, float], size: int) -> tuple[range, list[int]]:
    """Latitudes and longitudes of a box in cells of so many degrees; west of east may be east of it."""
    west, south, east, north = (floor(edge / size) for edge in box)
    spans = [(west, east)] if box[0] <= box[2] else [(west, floor(180 / size)), (floor(-180 / size), east)]
    lons = {lon for first, last in spans for lon in range(first, last + 1)}
    return range(south, north + 1), sorted(lons)
