"""The subjects that stood at a position, one after the other in the order of their streams."""

from collections.abc import AsyncGenerator, Collection, Iterable, Iterator, Sequence
from contextlib import aclosing
from typing import Final

import asyncpg

from incidentlog.folding.flat import Standing
from incidentlog.folding.subject import Subject
from incidentlog.sqlfiles import query
from incidentlog.store.connect import Connection, Pool
from incidentlog.store.pages import fetch_page
from incidentlog.store.versions import Texts, light_of
from incidentlog.turns import Turns

PORTION: Final = 200
"""How many subjects are read at a time: with those of few events come their events."""


async def read_standing(
    pool: Pool | Connection,
    categories: Collection[str],
    *,
    clearance: int,
    position: int,
    after: str = "",
    among: Collection[str] | None = None,
) -> AsyncGenerator[tuple[str, Standing | None], None]:
    """Each stream with a subject, after one, and what stood of it, without its events; None where a merge took it.

    Of some categories, or of all, for none; of some streams only, where they are given. Whoever has enough stops
    asking: what follows is not read.
    """
    turns = Turns()
    if among is None:
        portions = _between(pool, categories, clearance, position, after)
    else:
        portions = _of(pool, _among(among, categories, after), clearance, position)
    async with aclosing(portions):
        async for rows in portions:
            async for row, text in Texts(pool).of(rows):
                state = await light_of(text)
                yield text.stream, Standing(state, row["from_position"]) if isinstance(state, Subject) else None
                await turns.spend(text.work)


async def _between(
    pool: Pool | Connection, categories: Collection[str], clearance: int, position: int, after: str
) -> AsyncGenerator[list[asyncpg.Record], None]:
    """The rows of all streams of some categories after one, a portion at a time."""
    for first, last in _ranges(categories, after):
        begin: str | None = first
        while begin is not None:
            rows, beyond = await fetch_page(
                pool, query("answer", "standing"), begin, last, clearance, position, PORTION
            )
            yield rows
            begin = rows[-1]["stream"] if beyond is not None or len(rows) == PORTION else None


async def _of(
    pool: Pool | Connection, streams: Sequence[str], clearance: int, position: int
) -> AsyncGenerator[list[asyncpg.Record], None]:
    """The rows of some streams in their order, likewise."""
    for start in range(0, len(streams), PORTION):
        begin, portion = 0, streams[start : start + PORTION]
        while begin < len(portion):
            rows, beyond = await fetch_page(pool, query("answer", "standing_of"), portion[begin:], clearance, position)
            yield rows
            begin = len(portion) if beyond is None else portion.index(beyond["stream"])


def _among(streams: Iterable[str], categories: Collection[str], after: str) -> list[str]:
    """Those of some streams that are of some categories, or of any for none, and come after one; in order."""
    return sorted(s for s in streams if s > after and (not categories or s.partition(":")[0] in categories))


def _ranges(categories: Collection[str], after: str) -> Iterator[tuple[str, str]]:
    """Between which texts the streams of some categories lie, in order, as far as they come after one."""
    for first, last in [(f"{name}:", f"{name};") for name in sorted(set(categories))] or [("", "{")]:
        if after < last:
            yield max(first, after), last
