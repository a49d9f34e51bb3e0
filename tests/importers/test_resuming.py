"""Which events of an import the log has, learnt as its rows come."""

from collections.abc import AsyncIterator

from incidentlog.importers import resuming
from incidentlog.importers.resuming import There


class Pages:
    """Ids by pages of two, and how many were asked for."""

    def __init__(self, *ids: str) -> None:
        self.ids, self.read = list(ids), 0

    async def __aiter__(self) -> AsyncIterator[list[str]]:
        for start in range(0, len(self.ids), 2):
            self.read += 1
            yield self.ids[start : start + 2]


async def had(there: There, *ids: str | None) -> list[str | None]:
    return [each for each in ids if await there.has({} if each is None else {"id": each})]


async def test_what_is_there_is_had_once_in_nearly_any_order():
    there = There(aiter(Pages("a", "c", "b", "e", "d")))
    assert await had(there, "a", "b", "refused", "c", "a", None, "d", "e", "d", "new") == ["a", "b", "c", "d", "e"]


async def test_no_more_ids_are_held_than_may_be_out_of_order(monkeypatch):
    monkeypatch.setattr(resuming, "AHEAD", 4)
    there = There(aiter(pages := Pages(*(str(n) for n in range(100)))))
    assert await had(there, "new", "newer", "newest") == []
    assert pages.read == 2
    assert await had(there, *(str(n) for n in range(100))) == [str(n) for n in range(100)]
    assert pages.read == 50
