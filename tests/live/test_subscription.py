import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import websockets

from incidentlog.clock import ManualClock
from incidentlog.folding.rows import Grouping
from incidentlog.live.frames import Cursor
from incidentlog.store.connect import Access, Connection
from tests.commands import command, retraction, strike
from tests.live.following import Client, Held, client, following, until
from tests.live.test_documents import TRUCE, declared, instant, violation

KYIV = {"name": "Kyiv", "country": "UA", "precision": "settlement"}
ODESA = "geonames:698740"


async def test_once_a_client_that_stores_its_cursor_sees_every_change_once_across_reconnects(access: Access):
    chance = random.Random(7)
    clock = ManualClock(datetime(2025, 11, 10, tzinfo=UTC))
    async with following(access, clock, heartbeat_seconds=0.1) as node:
        await node.append(strike())

        async def append() -> None:
            told: list[tuple[str, str]] = []
            for n in range(60):
                occurred = {"start": f"2025-11-{8 + n % 20:02}", "precision": "day", "tz": "Europe/Kyiv"}
                place = chance.choice([KYIV, strike()["place"]])
                event = strike(stream=f"strike:{n}", place=place, occurred=occurred)
                await node.writer.append(command(event))
                told.append((event["id"], f"strike:{n}"))
                if n % 5 == 4:
                    id_, stream = told.pop(0)
                    await node.writer.append(command(retraction(id_), stream=stream))
                await clock.advance(clock.now() + timedelta(hours=7))
                await asyncio.sleep(0.02)

        async def follow(by: tuple[str, ...]) -> None:
            held: Held | None = None
            while not appending.done() or held is None or held.position < node.runner.position:
                async with client(node) as c:
                    held = await come_back(c, held, "city_incidents", group_by=list(by))
                    for _ in range(chance.randint(1, 4)):
                        await c.receive()
                await asyncio.sleep(chance.random() * 0.1)
            async with client(node) as c:
                held = await come_back(c, held, "city_incidents", group_by=list(by))
                await c.until("heartbeat")
                await c.until("heartbeat")
            at = datetime.fromisoformat(held.at)
            assert held.rows == await node.rows("city_incidents", held.position, at, Grouping(by))
            assert held.rows == await node.rows("city_incidents", node.runner.position, clock.now(), Grouping(by))

        async with asyncio.TaskGroup() as tasks:
            appending = tasks.create_task(append())
            tasks.create_task(follow(("place",)))
            tasks.create_task(follow(("day", "kind")))


async def come_back(c: Client, before: Held | None, projection: str, **more: Any) -> Held:
    """Subscribe with what was stored, and go on with it."""
    held = await c.subscribe(projection, **more, **({} if before is None else before.cursor()))
    if before is not None:
        assert (held.subscribed["mode"], held.subscribed["reason"]) == ("resume", None)
        assert (held.position, held.at) == (before.position, before.at)
        held.rows = before.rows
    return held


async def test_what_the_clock_changed_meanwhile_comes_first_at_the_readers_own_position(access: Access):
    clock = ManualClock(instant("2025-05-09T12:00:00+03:00"))
    async with following(access, clock) as node:
        await node.append(declared())
        async with client(node) as c:
            held = await c.subscribe("ceasefire_status")
        await node.append(violation("one"), declared("ceasefire:new"))
        await clock.advance(instant("2025-05-12T00:00:00+03:00"))
        async with client(node) as c:
            held = await come_back(c, held, "ceasefire_status")
            first, second = await c.until("update"), await c.until("update")
            assert (first["from"], first["to"], first["cause"]["kind"]) == (1, 1, "clock")
            assert first["set"][TRUCE]["state"] == "expired"
            assert first["set"][TRUCE]["compliance"]["by_claimant"] == {}
            assert (second["from"], second["to"], second["cause"]["kind"]) == (1, 3, "event")
            assert set(second["set"]) == {TRUCE, "ceasefire:new"}
            assert second["set"][TRUCE]["compliance"]["by_claimant"] == {"UKR": 1}
            assert held.rows == await node.rows("ceasefire_status", 3, clock.now())


async def test_what_came_to_count_meanwhile_comes_first_for_a_tally_too(access: Access):
    clock = ManualClock(datetime(2025, 11, 10, tzinfo=UTC))
    async with following(access, clock) as node:
        await node.append(strike())
        async with client(node) as c:
            held = await c.subscribe("city_incidents")
            assert held.rows == {}
        await clock.advance(datetime(2025, 12, 1, tzinfo=UTC))
        await node.append(strike())
        async with client(node) as c:
            held = await come_back(c, held, "city_incidents")
            first, second = await c.until("update"), await c.until("update")
            assert (first["to"], first["cause"]["kind"], first["set"][ODESA]["incidents"]) == (1, "clock", 1)
            assert (second["to"], second["cause"]["kind"], second["set"][ODESA]["incidents"]) == (2, "event", 2)


async def test_a_resume_with_nothing_missed_is_silent(access: Access):
    async with following(access) as node:
        await node.append(strike())
        async with client(node) as c:
            held = await c.subscribe("city_incidents")
        async with client(node) as c:
            held = await come_back(c, held, "city_incidents")
            await c.send(type="ping", ref="x")
            await c.until("pong")
            assert held.seen == []
            await node.append(strike())
            update = await c.until("update")
            assert (update["from"], update["to"]) == (1, 2)


async def test_what_came_and_went_meanwhile_is_not_told(access: Access):
    async with following(access) as node:
        await node.append(strike())
        async with client(node) as c:
            held = await c.subscribe("city_incidents")
        event = strike(stream="strike:k", place=KYIV)
        await node.append(event)
        await node.append(retraction(event["id"]), stream="strike:k")
        await node.append(strike())
        async with client(node) as c:
            held = await come_back(c, held, "city_incidents")
            update = await c.until("update")
            assert (list(update["set"]), update["del"]) == ([ODESA], [])


async def test_a_reader_ahead_of_the_log_begins_anew(access: Access):
    async with following(access) as node, client(node) as c:
        await node.append(strike())
        at = node.clock.now().isoformat()
        held = await c.subscribe("city_incidents", **{"from": 9, "at": at})
        assert (held.subscribed["mode"], held.subscribed["reason"]) == ("snapshot", "ahead_of_log")
        assert held.position == 1
        feed = await c.subscribe("events", id_="e", **{"from": 9})
        assert (feed.subscribed["mode"], feed.subscribed["reason"]) == ("snapshot", "ahead_of_log")
        await c.reach(feed, 1)
        assert len(feed.items) == 1


async def test_a_reader_of_another_version_begins_anew(access: Access):
    async with following(access) as node, client(node) as c:
        await node.append(strike())
        held = await c.subscribe("city_incidents", **{"from": 1, "at": node.clock.now().isoformat(), "version": 99})
        assert (held.subscribed["mode"], held.subscribed["reason"]) == ("snapshot", "version_changed")


async def test_a_reader_that_is_too_far_behind_begins_anew(access: Access, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("incidentlog.live.subscription.BEHIND", 2)
    async with following(access) as node, client(node) as c:
        await node.append(strike(), strike(), strike(), strike())
        held = await c.subscribe("city_incidents", **{"from": 1, "at": node.clock.now().isoformat()})
        assert (held.subscribed["mode"], held.subscribed["reason"]) == ("snapshot", "too_far_behind")


async def test_a_position_of_a_node_that_is_ahead_is_waited_for(access: Access):
    """The log has it, and this node has not got there yet: that is no reason to begin anew."""
    async with following(access) as node, client(node) as c:
        await node.append(strike())
        position, node.runner.position = node.runner.position, 0
        await c.send(type="subscribe", id="s", projection="city_incidents",
                     **{"from": 1, "at": node.clock.now().isoformat()})  # fmt: skip
        await c.send(type="ping", ref="after")
        await c.until("pong")
        assert not c.held
        node.runner.position = position
        node.runner.progressed.ring()
        assert (await c.until("subscribed"))["mode"] == "resume"


async def test_in_a_new_epoch_everybody_comes_back_for_a_snapshot(access: Access):
    async with following(access) as node:
        await node.append(strike())
        async with client(node) as c:
            held = await c.subscribe("city_incidents")
            epoch = c.welcome["epoch"]
            assert held.subscribed["epoch"] == epoch
            admin = await access.connect()
            await admin.execute("UPDATE incidentlog.log SET generation = generation + 1")
            await admin.close()
            await node.hub.look()
            with pytest.raises(websockets.ConnectionClosed) as closed:
                await c.receive()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1012
        async with client(node) as c:
            assert c.welcome["epoch"] != epoch
            again = await c.subscribe("city_incidents", **held.cursor())
            assert (again.subscribed["mode"], again.subscribed["reason"]) == ("snapshot", "epoch_changed")
            assert again.subscribed["epoch"] == c.welcome["epoch"]
            feed = await c.subscribe("events", id_="e", **{"from": 1, "epoch": epoch})
            assert feed.subscribed["reason"] == "epoch_changed"
            await c.reach(feed, 1)


async def test_a_resume_of_a_projection_needs_the_instant(access: Access):
    async with following(access) as node, client(node) as c:
        await c.send(type="subscribe", id="s", projection="city_incidents", **{"from": 0})
        error = await c.until("error", id="s")
        assert error["errors"][0]["pointer"] == "/at"


async def test_who_comes_back_while_the_channel_moves_on_is_told_nothing_twice(access: Access):
    """The channel goes on while the connection to read what was missed is waited for, as on a busy node."""
    async with following(access) as node, client(node) as other:
        await node.append(strike())
        await other.subscribe("city_incidents")
        async with client(node) as c:
            held = await c.subscribe("city_incidents")
        await node.append(strike())
        await node.settled()
        (channel,) = node.hub._channels.values()
        reading, moved = channel._reading, False

        @asynccontextmanager
        async def late() -> AsyncIterator[Connection]:
            nonlocal moved
            if not moved and asyncio.current_task() is not node.hub._tasks[channel]:
                moved = True
                await node.append(strike())
                await until(lambda: channel.cursor.position == 3)
            async with reading() as connection:
                yield connection

        channel._reading = late  # type: ignore[method-assign]
        async with client(node) as c:
            held = await come_back(c, held, "city_incidents")
            update = await c.until("update")
            assert (update["from"], update["to"]) == (1, 3)
            await c.send(type="ping")
            await c.until("pong")
            assert moved
            assert len(held.seen) == 1
            assert held.rows == await node.rows("city_incidents", 3, node.clock.now())


async def test_what_changes_while_it_is_read_what_was_missed_is_told_at_once(access: Access):
    async with following(access, heartbeat_seconds=3_600) as node, client(node) as other:
        await other.subscribe("city_incidents")
        async with client(node) as c:
            held = await c.subscribe("city_incidents")
        (channel,) = node.hub._channels.values()
        missed = channel.missed

        async def slowly(since: Cursor) -> Any:
            found = await missed(since)
            await node.append(strike())
            await node.settled()
            return found

        channel.missed = slowly  # type: ignore[method-assign]
        async with client(node) as c:
            held = await come_back(c, held, "city_incidents")
            await c.reach(held, 1)
