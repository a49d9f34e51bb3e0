"""A page of an answer, written in slices and bounded by bytes: no answer holds up the others, or grows without end."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Final, TypeVar

from incidentlog.errors import Overloaded
from incidentlog.turns import Turns

ANSWER_OCTETS: Final = 4 * 2**20
"""After so many bytes a page ends, with what it has: its last item may be over."""

WAIT_SECONDS: Final = 10.0
"""How long one who asks for what is long waits for others to be answered."""

V = TypeVar("V")


@asynccontextmanager
async def waiting(places: asyncio.Semaphore, otherwise: str, *, seconds: float = WAIT_SECONDS) -> AsyncIterator[None]:
    """One of few places. Raises Overloaded, with what the others do, after so many seconds."""
    try:
        await asyncio.wait_for(places.acquire(), seconds)
    except TimeoutError:
        raise Overloaded(otherwise) from None
    try:
        yield
    finally:
        places.release()


async def write_page(
    items: Iterable[tuple[str, V]], write: Callable[[str, V], bytes], turns: Turns, octets: int = ANSWER_OCTETS
) -> tuple[list[bytes], str | None]:
    """The items as bytes, each by itself, until a page is full; and the key after which more follow, None for none."""
    written: list[bytes] = []
    total, last = 0, ""
    for key, item in items:
        if total >= octets:
            return written, last
        piece = write(key, item)
        written.append(piece)
        total, last = total + len(piece), key
        await turns.spend(len(piece))
    return written, None
