"""A page of an answer, written in slices and bounded by bytes: no answer holds up the others, or grows without end."""

from collections.abc import Callable, Iterable
from typing import Final, TypeVar

from incidentlog.turns import Turns

ANSWER_OCTETS: Final = 4 * 2**20
"""After so many bytes a page ends, with what it has: its last item may be over."""

V = TypeVar("V")


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
