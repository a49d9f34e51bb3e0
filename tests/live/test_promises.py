"""The six promises of the protocol (docs/live-protocol.md), each by its name; the longer stories of each are in the tests beside."""

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from incidentlog.clock import ManualClock
from incidentlog.store.connect import Access
from tests.commands import command, retraction, strike
from tests.live.following import client, following
from tests.live.test_subscription import come_back

ODESA = "geonames:698740"


async def test_promise_1_chain_from_equals_the_last_to_and_the_cursor_strictly_grows(access: Access):
    """The client of these tests asserts both at each message; here a change by the clock, a gap and a filter meet."""
    clock = ManualClock(datetime(2025, 11, 10, tzinfo=UTC))
    async with following(access, clock, heartbeat_seconds=0.1) as node, client(node) as c:
        held = await c.subscribe("city_incidents", filter={"place": ODESA})
        await node.append(strike())  # counts from the 19th on
        await c.reach(held, 1)
        await clock.advance(clock.now() + timedelta(days=30))
        await c.until("update")
        await node.append(strike(place={"name": "Kyiv", "country": "UA", "precision": "settlement"}), strike())
        await c.reach(held, 3)
        cursors = [(u["from"], u["to"], u["at"]) for u in held.seen]
        assert cursors[0][:2] == (1, 1)
        assert all(before[1:] < after[1:] for before, after in pairwise(cursors))
        assert held.rows[ODESA]["incidents"] == 2


async def test_promise_2_state_the_rows_equal_the_projection_conflated_or_not(access: Access):
    async with following(access) as node, client(node) as one, client(node) as other:
        whole = await one.subscribe("city_incidents")
        conflated = await other.subscribe("city_incidents", min_interval_ms=300)
        for n in range(6):
            event = strike(stream=f"strike:{n}")
            await node.append(event)
            if n % 2:
                await node.append(retraction(event["id"]), stream=f"strike:{n}")
            await one.reach(whole, node.runner.position)
            at = datetime.fromisoformat(whole.at)
            assert whole.rows == await node.rows("city_incidents", whole.position, at)
        await other.reach(conflated, 9)
        assert conflated.rows == whole.rows
        assert len(conflated.seen) < len(whole.seen)


async def test_promise_3_once_who_stores_its_cursor_sees_every_change_once_across_reconnects(access: Access):
    async with following(access) as node:
        await node.append(strike())
        async with client(node) as c:
            held = await c.subscribe("city_incidents")
        for n in range(4):
            await node.append(strike())
            async with client(node) as c:
                held = await come_back(c, held, "city_incidents")
                update = await c.until("update")
                assert (update["from"], update["to"]) == (n + 1, n + 2)
        assert held.rows[ODESA]["incidents"] == 5


async def test_promise_4_the_log_itself_comes_once_and_in_order(access: Access):
    async with following(access) as node, client(node) as c:
        await node.append(strike(), strike())
        held = await c.subscribe("events", **{"from": 0})
        await asyncio.gather(*(node.writer.append(command()) for _ in range(300)))
        await c.reach(held, 302)
        assert [item["position"] for item in held.items] == list(range(1, 303))


async def test_promise_5_epoch_in_another_one_positions_mean_nothing(access: Access):
    async with following(access) as node:
        await node.append(strike())
        async with client(node) as c:
            held = await c.subscribe("city_incidents")
        admin = await access.connect()
        await admin.execute("UPDATE incidentlog.log SET fork = fork + 1")
        await admin.close()
        await node.hub.look()
        async with client(node) as c:
            again = await c.subscribe("city_incidents", **held.cursor())
            assert (again.subscribed["mode"], again.subscribed["reason"]) == ("snapshot", "epoch_changed")
            log_id, fork, _ = again.subscribed["epoch"].split(".")
            assert held.subscribed["epoch"].split(".")[:2] == [log_id, str(int(fork) - 1)]


async def test_promise_6_a_snapshot_and_its_position_are_of_one_moment_and_the_stream_goes_on_from_there(
    access: Access,
):
    """Clients come while events are appended; whatever moment they hit, what they add up is what is there."""
    async with following(access) as node:

        async def append() -> None:
            for _ in range(60):
                await node.writer.append(command(strike(stream=None)))
                await asyncio.sleep(0.005)

        async def come(after: float) -> None:
            await asyncio.sleep(after)
            async with client(node) as c:
                held = await c.subscribe("city_incidents")
                at = datetime.fromisoformat(held.at)
                assert held.rows == await node.rows("city_incidents", held.position, at)
                await c.reach(held, 60)
                assert held.rows[ODESA]["incidents"] == 60

        node.hub.heartbeat_seconds = 0.3
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(append())
            for n in range(6):
                tasks.create_task(come(n * 0.08))
