"""Turns: what takes long on the event loop is done in slices, between which others get their turn."""

import asyncio
from collections.abc import Callable
from typing import Any, Final, TypeVar

SLICE_OCTETS: Final = 256 * 1024
"""How much text is read, folded or written between two turns: a few milliseconds of a core."""
EACH_OCTETS: Final = 4 * 1024
"""What an item costs beside its text."""


MANY: Final = 500
"""From so many items on they are worked at in a thread."""

T = TypeVar("T")


async def beside(count: int, work: Callable[[], T]) -> T:
    """Do work on so many items: at once where they are few, else in a thread, while the loop serves others.

    For work in plain Python, which lets the loop in every few milliseconds.
    """
    return work() if count < MANY else await asyncio.to_thread(work)


async def let_go(items: list[Any]) -> None:
    """Free what a list alone holds, one after the other where they are many: at one go it would hold up the loop."""
    await beside(len(items), lambda: _pop_all(items))


def _pop_all(items: list[Any]) -> None:
    while items:
        items.pop()


class Turns:
    """The work of one answer on the loop. Whoever does some says how much it was, and others get their turn."""

    largest = 0
    """The most that was done at a stretch since the process began: what one item was, where it was over a slice."""

    def __init__(self, slice_octets: int = SLICE_OCTETS, *, each_octets: int = EACH_OCTETS) -> None:
        """`slice_octets` are done between two turns; an item is `each_octets` beside its text."""
        self._slice, self._each = slice_octets, each_octets
        self._spent = 0

    async def spend(self, octets: int) -> None:
        """Account for an item of so many octets of text; others get their turn once a slice is full."""
        self._spent += octets + self._each
        Turns.largest = max(Turns.largest, self._spent)
        if self._spent >= self._slice:
            self._spent = 0
            await asyncio.sleep(0)
