import asyncio

from incidentlog.store.connect import Access
from tests.commands import command, retraction, strike
from tests.live.following import client, following

KYIV = {"name": "Kyiv", "country": "UA", "precision": "settlement"}


async def test_the_raw_feed_delivers_each_event_once_in_log_order(access: Access):
    """While events are appended, clients begin at the start, in the middle and at the head."""
    async with following(access) as node:
        await node.append(*(strike() for _ in range(30)))

        async def append() -> None:
            for _ in range(20):
                await asyncio.gather(*(node.writer.append(command()) for _ in range(10)))

        async def read(start: int | None) -> list[int]:
            async with client(node) as c:
                held = await c.subscribe("events", **({} if start is None else {"from": start}))
                first = held.position
                await c.reach(held, 230)
                positions = [item["position"] for item in held.items]
                assert positions == list(range(first + 1, 231))
                return positions

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(append())
            read_all = tasks.create_task(read(0))
            tasks.create_task(read(17))
            tasks.create_task(read(None))
        assert len(read_all.result()) == 230


async def test_a_filtered_feed_has_what_rest_would_list_and_a_heartbeat_moves_it_on(access: Access):
    async with following(access, heartbeat_seconds=0.2) as node, client(node) as c:
        held = await c.subscribe("events", filter={"city": "geonames:703448"})
        await node.append(strike(), strike(place=KYIV), strike())
        await c.reach(held, 3)
        assert [item["position"] for item in held.items] == [2]
        assert held.seen[0]["from"] == 0
        await node.append(strike(place=KYIV))
        message = await c.until("events")
        assert (message["from"], message["to"]) == (3, 4)


async def test_an_event_says_whether_it_counts_by_now(access: Access):
    async with following(access) as node, client(node) as c:
        event = strike(stream="strike:a")
        await node.append(event)
        await node.append(retraction(event["id"]), stream="strike:a")
        held = await c.subscribe("events", **{"from": 0})
        await c.reach(held, 2)
        assert [(i["id"], i["status"]) for i in held.items] == [
            (event["id"], "retracted"),
            (held.items[1]["id"], "effective"),
        ]


async def test_what_the_reader_may_not_see_is_not_in_its_feed(access: Access):
    async with following(access, heartbeat_seconds=0.2) as node, client(node) as c:
        held = await c.subscribe("events")
        await node.append(strike(tlp="RED"), strike())
        await c.reach(held, 2)
        assert [item["position"] for item in held.items] == [2]


async def test_readers_at_the_same_place_share_one_reading(access: Access):
    async with following(access) as node, client(node) as one, client(node) as other:
        a, b = await one.subscribe("events"), await other.subscribe("events")
        (feed,) = node.hub._feeds.values()
        await node.append(strike())
        await one.reach(a, 1)
        await other.reach(b, 1)
        assert a.items == b.items
        assert len(feed._pages) == 1


async def test_a_large_event_is_a_message_of_its_own_and_others_are_packed(access: Access):
    async with following(access) as node, client(node, max_size=2**22) as c:
        notes = {"notes": "x" * 4000}
        await node.append(*(strike(**notes) for _ in range(80)))
        held = await c.subscribe("events", **{"from": 0})
        await c.reach(held, 80)
        assert len(held.items) == 80
        assert 1 < len(held.seen) < 5
