import asyncio
from datetime import datetime

import pytest

from incidentlog.folding.rows import Grouping
from incidentlog.store.connect import Access
from tests.commands import command, retraction, strike
from tests.live.following import client, following, until

ODESA = "geonames:698740"
KYIV = {"name": "Kyiv", "country": "UA", "precision": "settlement"}


def at(held_at: str) -> datetime:
    return datetime.fromisoformat(held_at)


async def test_a_subscriber_gets_a_snapshot_and_then_each_change(access: Access):
    async with following(access) as node, client(node) as c:
        await node.append(strike(killed=2))
        held = await c.subscribe("city_incidents")
        assert held.subscribed["mode"] == "snapshot"
        assert held.subscribed["reason"] is None
        assert held.rows[ODESA]["killed"]["best"] == 2
        event = strike(killed=3)
        (position,) = await node.append(event)
        update = await c.until("update")
        assert (update["from"], update["to"]) == (1, 2)
        assert update["cause"] == {"position": position, "event_id": event["id"], "kind": "event"}
        assert update["conflated"] is False
        assert update["set"][ODESA]["killed"]["best"] == 5
        assert held.rows == await node.rows("city_incidents", held.position, at(held.at))


async def test_a_retraction_arrives_with_cause_restated_and_a_group_come_to_nothing_is_deleted(access: Access):
    async with following(access) as node, client(node) as c:
        event = strike(stream="strike:a")
        await node.append(event)
        held = await c.subscribe("city_incidents")
        await node.append(retraction(event["id"]), stream="strike:a")
        update = await c.until("update")
        assert update["cause"]["kind"] == "restated"
        assert update["del"] == [ODESA]
        assert held.rows == {}


async def test_state_after_everything_up_to_a_position_the_rows_equal_the_projection_there(access: Access):
    """Appends go on while three clients subscribe, at different times and with different groupings."""
    async with following(access) as node:
        done = asyncio.Event()

        async def append() -> None:
            told: list[tuple[str, str]] = []
            for n in range(120):
                event = strike(stream=f"strike:{n}", killed=n % 5, place=KYIV if n % 3 else strike()["place"])
                await node.writer.append(command(event))
                told.append((event["id"], f"strike:{n}"))
                if n % 7 == 6:
                    id_, stream = told.pop(0)
                    await node.writer.append(command(retraction(id_), stream=stream))
                await asyncio.sleep(0.001)
            done.set()

        async def follow(wait: float, **asked: object) -> None:
            await asyncio.sleep(wait)
            async with client(node) as c:
                held = await c.subscribe("city_incidents", **asked)
                by = tuple(asked.get("group_by", ("place",)))  # type: ignore[arg-type]
                where = {k: tuple(v) for k, v in asked.get("filter", {}).items()}  # type: ignore[attr-defined]
                compared = 0
                while not done.is_set() or held.position < node.runner.position:
                    message = await c.receive()
                    if message["type"] == "update":
                        compared += 1
                        now = await node.rows("city_incidents", held.position, at(held.at), Grouping(by, where))
                        assert held.rows == now
                assert compared > 3

        node.hub.heartbeat_seconds = 0.3
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(append())
            tasks.create_task(follow(0.0))
            tasks.create_task(follow(0.05, group_by=["place", "day"]))
            tasks.create_task(follow(0.1, filter={"place": [ODESA]}, min_interval_ms=50))


async def test_a_slow_subscriber_gets_one_conflated_update(access: Access):
    async with following(access, heartbeat_seconds=0.1) as node, client(node) as c:
        held = await c.subscribe("city_incidents", min_interval_ms=400)
        await node.append(strike())
        await c.until("update")
        await node.append(*(strike() for _ in range(5)))
        updates = [await c.until("update")]
        while updates[-1]["to"] < 6:  # one of them, where the machine takes less than the interval for five events
            updates.append(await c.until("update"))
        assert [update["from"] for update in updates] == [1, *(update["to"] for update in updates[:-1])]
        assert [update["conflated"] for update in updates] == [u["to"] - u["from"] > 1 for u in updates]
        assert len(updates) < 5
        assert updates[-1]["cause"]["position"] == 6
        assert held.rows[ODESA]["incidents"] == 6


async def test_those_at_the_same_cursor_share_the_bytes(access: Access):
    async with following(access) as node, client(node) as one, client(node) as other:
        await one.subscribe("city_incidents")
        await other.subscribe("city_incidents")
        (channel,) = node.hub._channels.values()
        for _ in range(2):
            await node.append(strike())
            await one.until("update")
            await other.until("update")
        assert len(channel._updates) == 1
        assert one.held == {**other.held}


async def test_a_channel_that_nobody_follows_is_dropped(access: Access):
    async with following(access) as node, client(node) as c:
        await c.subscribe("city_incidents", id_="a")
        await c.subscribe("city_incidents", id_="b", filter={"kind": "strike"})
        assert len(node.hub._channels) == 2
        await c.send(type="unsubscribe", id="a")
        await c.until("unsubscribed", id="a")
        assert len(node.hub._channels) == 1
        await c.socket.close()
        await until(lambda: not node.hub._channels)
        assert not node.hub._tasks


async def test_a_heartbeat_moves_a_filtered_subscription_on(access: Access):
    async with following(access, heartbeat_seconds=0.2) as node, client(node) as c:
        held = await c.subscribe("city_incidents", filter={"place": ["geonames:703448"]})
        await node.append(strike(), strike())
        beat = await c.until("heartbeat", channels={held.channel: [0, 2]})
        assert beat["head"] == 2
        await node.append(strike(place=KYIV))
        update = await c.until("update")
        assert (update["from"], update["to"]) == (2, 3)
        assert update["conflated"] is False


async def test_a_large_snapshot_comes_in_parts(access: Access, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("incidentlog.live.frames.PART_BYTES", 700)
    async with following(access) as node, client(node) as c:
        days = [f"2025-11-{n:02}" for n in range(1, 21)]
        await node.append(*(strike(occurred={"start": d, "precision": "day", "tz": "Europe/Kyiv"}) for d in days))
        held = await c.subscribe("city_incidents", group_by="day")
        assert sorted(held.rows) == days
        assert held.rows == await node.rows("city_incidents", 20, at(held.at), Grouping(("day",)))


async def test_an_update_that_would_be_large_comes_as_a_snapshot(access: Access, monkeypatch: pytest.MonkeyPatch):
    async with following(access) as node, client(node) as c:
        held = await c.subscribe("city_incidents")
        monkeypatch.setattr("incidentlog.live.frames.UPDATE_BYTES", 100)
        await node.append(strike())
        await c.until("snapshot")
        assert held.rows[ODESA]["incidents"] == 1
        monkeypatch.setattr("incidentlog.live.frames.UPDATE_BYTES", 100_000)
        await node.append(strike())
        update = await c.until("update")
        assert update["from"] == 1


async def test_more_rows_than_a_subscription_may_have_are_an_error(access: Access, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("incidentlog.live.views.ROWS", 1)
    async with following(access) as node, client(node) as c:
        await c.subscribe("city_incidents")
        await node.append(strike(), strike(place=KYIV))
        error = await c.until("error")
        assert (error["id"], error["code"], error["retryable"]) == ("s", "too-large", False)
        await c.send(type="ping", ref=1)
        await c.until("pong", ref=1)
        assert not node.hub._channels


async def test_a_reader_sees_only_what_its_clearance_covers(access: Access):
    async with following(access, heartbeat_seconds=0.2) as node, client(node) as c:
        held = await c.subscribe("city_incidents")
        await node.append(strike(tlp="RED"))
        await c.until("heartbeat", channels={held.channel: [0, 1]})
        assert held.rows == {}
