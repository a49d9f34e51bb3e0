"""A log that was made to be hard to read, through the doors that are open to `report` and `edit` keys."""

from typing import Any, Final

from tests.api.serving import Served
from tests.commands import about, retraction, strike
from tests.subjects.given import merge

LONG: Final = "strike:long"
"""A stream of very many events."""
HEAVY: Final = "strike:heavy"
"""One whose events are nearly as large as they may be."""
CHAINED: Final = "strike:chained"
"""One in which an event is retracted and reinstated, and another amended, again and again."""
MERGED: Final = "strike:merged"
"""One that took in many others."""
TRACK: Final = "nasty"
"""A track of talks at which very many sat."""


def assessed(stream: str, number: int, **facts: Any) -> dict[str, Any]:
    """A report on a strike, and what changes it."""
    casualties = {"killed": {"best": number % 50}}
    data = {"as_of": "2025-11-20", "casualties": casualties, **facts}
    return strike(type="strike.assessed", stream=stream, data=data)


def heavy(stream: str, number: int) -> dict[str, Any]:
    """An event of 240 KB."""
    return assessed(stream, number, damage=[f"{number}: {n} ".ljust(4_000, "x") for n in range(60)])


def talk(number: int, actors: int) -> dict[str, Any]:
    """A talk at which two hundred may sit."""
    parties = [{"code": f"USA.N{n}", "role": "observer", "name": f"Number {n} of talk {number}"} for n in range(actors)]
    data = {"track": TRACK, "format": "multilateral", "level": "delegation", "direct_ua_ru": False, "outcome": "none"}
    return strike(type="talk.held", stream=f"talk:nasty-{number}", actors=parties, data=data)


def chain(stream: str, length: int) -> list[dict[str, Any]]:
    """An event that is retracted, reinstated, retracted; and another, amended as often."""
    events = [strike(stream=stream), strike(stream=stream)]
    undone, amended = events[0]["id"], events[1]["id"]
    for n in range(length):
        undo = retraction(undone if n % 2 else events[0]["id"])
        patch = {"data": {"casualties": {"killed": {"best": n}}}}
        events += [undo, about("amended", amended, patch=patch, reason="counted again")]
        undone = undo["id"]
    return events


async def make_nasty(
    served: Served,
    *,
    length: int = 1_000,
    heavies: int = 24,
    talks: int = 30,
    links: int = 60,
    merges: int = 100,
    imported: int = 100,
    wait: float = 120,
) -> int:
    """Fill a log with all of it, and wait until it is projected; answers the number of its import."""
    await _sent(served, [strike(stream=LONG), *(assessed(LONG, n) for n in range(length - 1))])
    await _sent(served, [strike(stream=HEAVY), *(heavy(HEAVY, n) for n in range(heavies))])
    await _sent(served, [heavy(f"strike:heavy-{n}", n) for n in range(heavies)])
    await _sent(served, [talk(n, 200) for n in range(talks)])
    await _sent(served, chain(CHAINED, links))
    absorbed = [f"strike:absorbed-{n}" for n in range(merges)]
    await _sent(served, [strike(stream=stream) for stream in (MERGED, *absorbed)])
    await _sent(served, [merge(MERGED, *absorbed[n : n + 50]) for n in range(0, merges, 50)])
    [number] = await served.add({"type": "import.begun", "stream": "import:nasty", "data": {"files": [{"name": "a"}]}})
    again = [strike(stream=f"strike:imported-{n}") for n in range(imported)]
    await _sent(served, again, **{"import": str(number)})
    assert await served.service.runner.reached(await served.head(), wait)
    return number


async def _sent(served: Served, events: list[dict[str, Any]], **params: str) -> None:
    for n in range(0, len(events), 100):
        answer = await served.bulk(*events[n : n + 100], **params)
        assert answer.status == 201, answer.raw[:2_000]
