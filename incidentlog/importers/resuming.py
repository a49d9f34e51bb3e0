"""An import that is given again: which of its events the log has, so that only the others are sent (docs/import.md)."""

from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

from incidentlog.importers.making import Made

Given = tuple[Made, dict[str, Any]]
"""An event, and the row that gave it."""

AHEAD: Final = 4_000
"""How many ids are known that no row gave yet: more than were ever on their way at a time, by which the order of the
rows and that of the log may differ."""


class There:
    """What the log has of an import, learnt in the log's order while the rows come in the file's: the two are alike.

    So few ids are held, however many there are. Where the orders differ by more an event is sent that the log has: it
    is answered as a duplicate.
    """

    def __init__(self, pages: AsyncIterator[list[str]]) -> None:
        """`pages` are the ids of the import's events, in the log's order."""
        self._pages, self._is_read = pages, False
        self._ahead: set[str] = set()

    async def has(self, event: dict[str, Any]) -> bool:
        """Whether the log has an event by its id. Each is had once: a later row with the same id is to be judged."""
        event_id = event.get("id")
        while event_id not in self._ahead and len(self._ahead) < AHEAD and not self._is_read:
            page = await anext(self._pages, None)
            self._is_read = page is None
            self._ahead.update(page or ())
        if event_id not in self._ahead:
            return False
        self._ahead.discard(event_id)
        return True


async def lacked(there: There | None, given: Sequence[Given]) -> list[Given]:
    """Those of some events that the log does not have, `there` being what it has: all of them where that is None."""
    return [each for each in given if there is None or not await there.has(each[1])]
