"""Long work on the loop gives others their turn."""

import asyncio
import threading

from incidentlog.turns import EACH_OCTETS, MANY, SLICE_OCTETS, Turns, beside, let_go


async def test_others_get_their_turn_once_a_slice_is_full_and_not_before():
    turns, came = Turns(), asyncio.Event()
    asyncio.get_running_loop().call_soon(came.set)
    await turns.spend(SLICE_OCTETS - 2 * EACH_OCTETS - 1)
    assert not came.is_set()
    await turns.spend(1)
    assert came.is_set()


async def test_what_was_done_at_a_stretch_is_told():
    Turns.largest = 0
    turns = Turns()
    await turns.spend(SLICE_OCTETS)
    await turns.spend(1)
    assert Turns.largest == SLICE_OCTETS + EACH_OCTETS


async def test_many_items_are_worked_at_beside_the_loop_and_few_in_it():
    here = threading.get_ident()
    assert await beside(MANY - 1, threading.get_ident) == here
    assert await beside(MANY, threading.get_ident) != here


async def test_what_is_let_go_is_freed_one_by_one_and_many_of_it_beside_the_loop():
    freed: list[int] = []

    class Item:
        def __del__(self) -> None:
            freed.append(threading.get_ident())

    for count, here in ((MANY - 1, True), (MANY, False)):
        freed.clear()
        await let_go([Item() for _ in range(count)])
        assert len(freed) == count
        assert {ident == threading.get_ident() for ident in freed} == {here}
