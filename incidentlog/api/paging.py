"""A page of an answer, written in slices and bounded by bytes: no answer holds up the others, or grows without end."""

import sys
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Final, TypeVar

from incidentlog.api.answers import Written, dumps
from incidentlog.turns import Turns

ANSWER_OCTETS: Final = 4 * 2**20
"""After so many bytes a page ends, with what it has: its last item may be over."""

PORTION: Final = 20
"""Of a longer list in a row, such as the rounds of a track, so many items are written at a stretch."""

V = TypeVar("V")


async def write_page(
    items: Iterable[tuple[str, V]],
    write: Callable[[str, V], Awaitable[bytes]],
    turns: Turns,
    octets: int = ANSWER_OCTETS,
    most: int = sys.maxsize,
) -> tuple[list[bytes], str | None]:
    """The items as bytes, each by itself, until a page is full; and the key after which more follow, None for none.

    It is full with so many octets, or `most` items.
    """
    written: list[bytes] = []
    total, last = 0, ""
    for key, item in items:
        if total >= octets or len(written) == most:
            return written, last
        piece = await write(key, item)
        written.append(piece)
        total, last = total + len(piece), key
        await turns.spend(len(piece))
    return written, None


async def in_parts(row: Mapping[str, Any], turns: Turns) -> dict[str, Any]:
    """A row with its long lists written, in slices: a row of a thousand rounds is no more at a stretch than others."""
    found: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, list) and len(value) > PORTION:
            found[name] = await write_list(value, lambda part: dumps(part)[1:-1], turns, portion=PORTION)
    return {**row, **found}


async def write_list(
    items: Sequence[Any], write: Callable[[Sequence[Any]], bytes], turns: Turns, *, portion: int, each: int = 0
) -> Written:
    """A long list, so many items at a stretch; `each` is what one costs beside its text.

    `write` makes some into JSON without brackets.
    """
    pieces = list[bytes]()
    for start in range(0, len(items), portion):
        part = items[start : start + portion]
        pieces.append(write(part))
        await turns.spend(len(pieces[-1]) + each * len(part))
    return Written(b"[" + b",".join(pieces) + b"]")
