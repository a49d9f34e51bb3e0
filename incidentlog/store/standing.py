"""The subjects that stood at a position, one after the other in the order of their streams."""

from collections.abc import AsyncGenerator, Collection, Iterator
from typing import Final

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
    pool: Pool | Connection, categories: Collection[str], *, clearance: int, position: int, after: str = ""
) -> AsyncGenerator[tuple[str, Standing | None], None]:
    """Each stream with a subject, after one, and what stood of it, without its events; None where a merge took it.

    Of some categories, or of all, for none. Whoever has enough stops asking: what follows is not read.
    """
    turns = Turns()
    for first, last in _ranges(categories, after):
        begin: str | None = first
        while begin is not None:
            rows, beyond = await fetch_page(
                pool, query("answer", "standing"), begin, last, clearance, position, PORTION
            )
            async for row, text in Texts(pool).of(rows):
                state = await light_of(text)
                yield text.stream, Standing(state, row["from_position"]) if isinstance(state, Subject) else None
                await turns.spend(text.work)
            begin = rows[-1]["stream"] if beyond is not None or len(rows) == PORTION else None


def _ranges(categories: Collection[str], after: str) -> Iterator[tuple[str, str]]:
    """Between which texts the streams of some categories lie, in order, as far as they come after one."""
    for first, last in [(f"{name}:", f"{name};") for name in sorted(set(categories))] or [("", "{")]:
        if after < last:
            yield max(first, after), last
