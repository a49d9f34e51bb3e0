"""Who sends many events waits until its own are folded, and nobody else waits for it."""

import asyncio

from incidentlog.runner import Progress
from incidentlog.service.pace import BEHIND_SECONDS, PATIENCE_SECONDS, STILL_SECONDS, Pace
from incidentlog.shares import OfKey

ONE, OTHER = OfKey("one"), OfKey("other")


class Seconds:
    def __init__(self) -> None:
        self.passed = 100.0

    def __call__(self) -> float:
        return self.passed


def behind() -> tuple[Pace, Progress, Seconds]:
    """Where what ONE sent has waited for a second."""
    progress = Progress(now := Seconds())
    pace = Pace(progress, now)
    pace.sent(ONE, 10)
    progress.expect(10)
    now.passed += 1
    progress.move(1)
    return pace, progress, now


async def waiting(pace: Pace) -> asyncio.Task[None]:
    """Who is held back."""
    task = asyncio.create_task(pace.keep(ONE))
    await asyncio.sleep(0.01)
    assert not task.done()
    return task


async def test_who_sent_what_waits_is_held_back_until_it_is_folded_and_nobody_else():
    pace, progress, _ = behind()
    held = await waiting(pace)
    await asyncio.wait_for(pace.keep(OTHER), 60)
    assert not held.done()
    progress.move(10)
    await asyncio.wait_for(held, 60)
    await asyncio.wait_for(pace.keep(ONE), 60)


async def test_what_has_not_waited_long_holds_nobody_back():
    progress = Progress(now := Seconds())
    pace = Pace(progress, now)
    pace.sent(ONE, 10)
    progress.expect(10)
    now.passed += BEHIND_SECONDS / 2
    await asyncio.wait_for(pace.keep(ONE), 60)


async def test_nobody_is_held_back_where_nothing_is_folded():
    pace, progress, now = behind()
    held = await waiting(pace)
    now.passed += STILL_SECONDS
    progress.progressed.ring()
    await asyncio.wait_for(held, 60)
    assert progress.position == 1


async def test_nobody_is_held_back_for_ever():
    pace, progress, now = behind()
    held = await waiting(pace)
    for position in range(2, 9):
        now.passed += PATIENCE_SECONDS / 7
        progress.move(position)
    await asyncio.wait_for(held, 60)


async def test_of_what_is_folded_nothing_is_remembered():
    pace, progress, _ = behind()
    progress.move(10)
    pace.sent(OTHER, 12)
    assert pace._last == {("other", ""): 12}
