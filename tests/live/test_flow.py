"""How fast it goes: windows, limits, and notices of how far behind things are."""

import asyncio
from contextlib import AsyncExitStack, suppress
from typing import Any

import pytest
import websockets

from incidentlog.live import PROTOCOL, Reader
from incidentlog.runner.lane import Lane
from incidentlog.store.connect import Access
from incidentlog.store.read import Section
from tests.commands import command, strike
from tests.live.following import Somebody, client, following, until
from tests.live.test_session import closed_with
from tests.live.test_tokens import introduced


async def test_a_full_window_waits_for_an_ack_and_then_one_conflated_update_brings_the_rest(access: Access):
    async with following(access, heartbeat_seconds=0.1) as node, client(node) as c:
        held = await c.subscribe("city_incidents", window=2)
        for position in (1, 2):
            await node.append(strike())
            await c.reach(held, position)
        await node.append(strike(), strike(), strike())
        await node.settled()
        await c.until("heartbeat", head=5)
        await c.until("heartbeat")
        assert [(u["from"], u["to"]) for u in held.seen] == [(0, 1), (1, 2)]
        await c.send(type="ack", channel=held.channel, position=2)
        update = await c.until("update")
        assert (update["from"], update["to"], update["conflated"]) == (2, 5, True)
        assert held.rows == await node.rows("city_incidents", 5, node.clock.now())


async def test_a_window_holds_the_raw_feed_back_and_skips_nothing(access: Access):
    async with following(access, heartbeat_seconds=0.1) as node, client(node) as c:
        held = await c.subscribe("events", window=1)
        await node.append(strike())
        await c.reach(held, 1)
        await node.append(strike(), strike(), strike())
        await c.until("heartbeat", head=4)
        await c.until("heartbeat")
        assert [item["position"] for item in held.items] == [1]
        while held.position < 4:
            await c.send(type="ack", channel=held.channel, position=held.position)
            await c.until("events")
        assert [item["position"] for item in held.items] == [1, 2, 3, 4]


async def test_an_ack_without_a_window_or_of_another_channel_means_nothing(access: Access):
    async with following(access) as node, client(node) as c:
        held = await c.subscribe("city_incidents")
        await c.send(type="ack", channel=held.channel, position=99)
        await c.send(type="ack", channel="no such", position=0)
        await node.append(strike())
        await c.until("update")
        assert not [m for m in c.others if m["type"] == "error"]


async def test_who_does_not_ack_for_long_is_closed_as_slow_with_4490(access: Access, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("incidentlog.live.session.ACK_SECONDS", 0.2)
    async with following(access, look_seconds=0.05) as node, client(node) as c:
        await c.subscribe("city_incidents", window=1)
        await node.append(strike())
        assert await closed_with(c.socket) == 4490


async def test_too_many_messages_close_with_4429(access: Access, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("incidentlog.live.session.MESSAGES_AT_ONCE", 20)
    monkeypatch.setattr("incidentlog.live.session.MESSAGES_PER_SECOND", 1)
    async with following(access) as node, client(node) as c:
        for n in range(30):
            await c.send(type="ping", ref=n)
        assert await closed_with(c.socket) == 4429


async def test_the_raw_feed_says_when_everything_that_was_there_has_been_sent(access: Access):
    async with following(access) as node, client(node) as c:
        await node.append(strike(), strike())
        held = await c.subscribe("events", **{"from": 0})
        notice = await c.until("notice", code="caught_up")
        assert notice["channel"] == held.channel
        assert len(held.items) == 2
        await node.append(strike())
        await c.reach(held, 3)
        await c.send(type="ping")
        await c.until("pong")
        assert len([m for m in c.others if m["type"] == "notice"]) == 1


async def test_a_reader_of_the_raw_feed_hears_that_it_lags(access: Access, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("incidentlog.live.subscription.LAGGING", 3)
    async with following(access) as node, client(node) as c:
        held = await c.subscribe("events", window=1)
        await c.until("notice", code="caught_up")
        # At one go, and so derived at one go: event by event it may lag, catch up and lag again.
        await node.writer.append_atomic([command(strike()) for _ in range(8)])
        await c.send(type="ack", channel=held.channel, position=held.position or 1)
        while held.position < 8:
            await c.send(type="ack", channel=held.channel, position=held.position)
            await c.receive()
        await c.send(type="ack", channel=held.channel, position=held.position)
        await c.until("notice", code="caught_up")
        assert [m["code"] for m in c.others if m["type"] == "notice"] == ["caught_up", "lagging", "caught_up"]


async def test_readers_hear_when_the_projections_lag_behind_the_log(access: Access, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("incidentlog.live.subscription.LAGGING", 3)
    async with following(access, heartbeat_seconds=0.1) as node, client(node) as c:
        held = await c.subscribe("city_incidents")
        taking, gate = Lane.take, asyncio.Event()

        async def held_up(lane: Lane, read: Section) -> Any:
            await gate.wait()
            return await taking(lane, read)

        monkeypatch.setattr(Lane, "take", held_up)
        await asyncio.gather(*(node.writer.append(command(strike())) for _ in range(8)))
        assert (await c.until("notice", code="lagging"))["channel"] == held.channel
        gate.set()
        await c.until("notice", code="caught_up")
        await c.reach(held, 8)


async def test_one_key_cannot_hold_every_connection(access: Access):
    async with following(access, key_connections=2) as node:
        async with client(node) as first, client(node):
            with pytest.raises(websockets.InvalidStatus) as refused:
                async with client(node):
                    pass
            assert refused.value.response.status_code == 429
            node.reader = Somebody("another")
            async with client(node):
                pass
            node.reader = Somebody()
            await first.socket.close()
            await until(lambda: node.hub.connections.held[Somebody().name, ""] == 1)
            async with client(node):
                pass
        await until(lambda: not node.hub.connections.held)


async def test_who_says_its_key_in_the_first_message_is_counted_too(access: Access):
    async def authenticate(_: str) -> Reader:
        return Somebody()

    async with following(access, key_connections=1, authenticate=authenticate) as node:
        node.reader = None
        async with (
            introduced(node),
            websockets.connect(node.url, subprotocols=[PROTOCOL], proxy=None) as other,  # type: ignore[list-item]
        ):
            await other.send('{"type": "auth", "token": "one"}')
            assert await closed_with(other) == 4429


async def test_who_has_not_said_its_key_is_counted_and_has_ten_seconds_whatever_it_sends(
    access: Access, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("incidentlog.live.session.AUTH_SECONDS", 0.5)

    async def authenticate(_: str) -> Reader:
        return Somebody()

    async with following(access, key_connections=1, authenticate=authenticate) as node:
        node.reader = None
        async with websockets.connect(node.url, subprotocols=[PROTOCOL], proxy=None) as silent:  # type: ignore[list-item]
            with pytest.raises(websockets.InvalidStatus, match="429"):
                await websockets.connect(node.url, subprotocols=[PROTOCOL], proxy=None)  # type: ignore[list-item]
            with suppress(websockets.ConnectionClosed):
                for _ in range(1_000):  # each of them is answered, and none of them is a first message
                    await asyncio.wait_for(await silent.ping(), 60)
                    await asyncio.sleep(0.01)
            assert silent.close_code == 4408
        async with introduced(node):
            assert dict(node.hub.connections.held) == {(Somebody().name, ""): 1}


async def test_an_ack_of_what_was_never_sent_is_counted_as_a_message(access: Access, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("incidentlog.live.session.MESSAGES_AT_ONCE", 20)
    monkeypatch.setattr("incidentlog.live.session.MESSAGES_PER_SECOND", 1)
    async with following(access) as node, client(node) as c:
        held = await c.subscribe("city_incidents")
        for n in range(30):
            await c.send(type="ack", channel=held.channel, position=10**12 + n)
        assert await closed_with(c.socket) == 4429


async def test_one_address_without_a_key_leaves_room_for_others_and_all_of_them_for_keys(
    access: Access, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("incidentlog.live.hub.CHANNELS", 4)
    monkeypatch.setattr("incidentlog.live.hub.KEY_CHANNELS", 2)
    monkeypatch.setattr("incidentlog.live.hub.KEPT_CHANNELS", 1)
    async with following(access) as node, AsyncExitStack() as open_:

        async def followed(reader: Somebody, projection: str) -> bool:
            node.reader = reader
            c = await open_.enter_async_context(client(node))
            await c.send(type="subscribe", id="one", projection=projection)
            while (answer := await c._read())["type"] not in {"subscribed", "error"}:
                pass
            return answer["type"] == "subscribed"

        one, other = Somebody("open", address="192.0.2.1"), Somebody("open", address="192.0.2.2")
        assert await followed(one, "city_incidents")
        assert await followed(one, "talks_ledger")
        assert not await followed(one, "commitments")
        assert await followed(other, "commitments")
        assert not await followed(other, "daily_timeline")
        assert await followed(Somebody("a key"), "daily_timeline")


async def test_one_key_cannot_follow_everything_that_may_be_followed(access: Access, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("incidentlog.live.hub.KEY_CHANNELS", 2)
    async with following(access) as node, client(node) as c:
        await c.subscribe("city_incidents")
        await c.subscribe("events", id_="second")
        await c.send(type="subscribe", id="third", projection="talks_ledger")
        assert (await c.until("error"))["code"] == "overloaded"
        node.reader = Somebody("another")
        async with client(node) as other:
            await other.subscribe("talks_ledger")
            await c.send(type="subscribe", id="fourth", projection="talks_ledger")  # it is there already
            await c.until("subscribed", id="fourth")
