"""Another build of a projection begins to answer while it is followed (docs/design.md, Following the log)."""

from typing import Any

import pytest
import websockets

from incidentlog.live.tallies import TallyView
from incidentlog.runner import Rebuilder
from incidentlog.store.builds import rebuild
from incidentlog.store.connect import Access
from tests.commands import strike
from tests.ledgers import edit_segments, first_amount
from tests.live.following import Node, client, following, until
from tests.live.test_session import closed_with

ODESA = "geonames:698740"


async def rebuilt(node: Node, name: str = "city_incidents") -> None:
    """Build it beside what answers, and switch."""
    connection = await node.access.connect("runner")
    await rebuild(connection, [name])
    await connection.close()
    await Rebuilder(node.access).run(until_done=True)


async def execute(node: Node, *statements: str) -> None:
    connection = await node.access.connect()
    for statement in statements:
        await connection.execute(statement)
    await connection.close()


async def rebook(node: Node, amount: int) -> None:
    """Book another amount of every first measure, against all promises."""
    connection = await node.access.connect()
    await edit_segments(connection, first_amount(lambda _: amount))
    await connection.close()


async def notice(node: Node) -> None:
    """What a service does within half a second of a switch."""
    await node.hub.look()
    node.runner.progressed.ring()


async def test_where_the_rows_are_the_same_nobody_notices(access: Access):
    async with following(access) as node, client(node) as c:
        await node.append(strike(), strike(stream="strike:b"))
        held = await c.subscribe("city_incidents")
        (channel,) = node.hub._channels.values()
        before = channel._numbers
        await rebuilt(node)
        await node.append(strike())
        await c.reach(held, 3)
        assert channel._numbers != before
        assert [(u["from"], u["to"]) for u in held.seen] == [(2, 3)]
        assert held.rows == await node.rows("city_incidents", 3, node.clock.now())


async def test_what_the_new_build_mended_is_told_at_once_and_a_cursor_of_the_old_one_begins_anew(access: Access):
    async with following(access) as node, client(node) as c:
        await node.append(strike())
        await rebook(node, 7)
        held = await c.subscribe("city_incidents")
        assert held.rows[ODESA]["incidents"] == 7
        stored = held.cursor()
        await rebuilt(node)
        await notice(node)
        update = await c.until("update")
        assert (update["from"], update["to"], update["cause"]["kind"]) == (1, 1, "restated")
        assert held.rows == await node.rows("city_incidents", 1, node.clock.now())
        assert held.rows[ODESA]["incidents"] == 1
        for more in ({}, {"channel": held.channel}):
            async with client(node) as again:
                new = await again.subscribe("city_incidents", **stored, **more)
                assert (new.subscribed["mode"], new.subscribed["reason"]) == ("snapshot", "version_changed")
                assert new.channel != held.channel
                assert new.rows == held.rows
        (position,) = await node.append(strike())
        await c.reach(held, position)
        assert held.rows[ODESA]["incidents"] == 2


async def test_another_version_that_this_node_can_read_makes_its_readers_come_back_for_a_snapshot(access: Access):
    async with following(access) as node:
        await node.append(strike())
        async with client(node) as c:
            held = await c.subscribe("city_incidents")
            await execute(node, *other_version("shape"))
            await notice(node)
            with pytest.raises(websockets.ConnectionClosed) as closed:
                await c.until("update")
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1012
        async with client(node) as c:
            assert c.welcome["projections"]["city_incidents"] == 99
            again = await c.subscribe("city_incidents", **held.cursor())
            assert (again.subscribed["reason"], again.subscribed["version"]) == ("version_changed", 99)


async def test_another_version_that_this_node_cannot_read_closes_with_4410(access: Access):
    async with following(access) as node, client(node) as c, client(node) as spared:
        await node.append(strike())
        await c.subscribe("city_incidents")
        other = await spared.subscribe("ceasefire_status")
        await execute(node, *other_version("'another'"))
        await notice(node)
        assert await closed_with(c.socket) == 4410
        async with client(node) as late:
            await late.send(type="subscribe", id="s", projection="city_incidents")
            assert (await late.until("error"))["code"] == "projection-lagging"
        await spared.send(type="ping")
        await spared.until("pong")
        assert other.channel


def other_version(shape: str) -> tuple[str, str]:
    """City incidents of version 99, stored as an expression says, as the code of that version would leave it."""
    made = f"""
        INSERT INTO incidentlog.builds (build, projection, version, base, positions, state, shape, made)
        SELECT 99, projection, 99, base, positions, 'active', {shape}, 99 FROM incidentlog.builds
        WHERE projection = 'city_incidents'
    """
    return "UPDATE incidentlog.builds SET state = 'retired' WHERE projection = 'city_incidents'", made


async def test_heartbeats_while_the_new_build_is_read_do_not_end_the_channel(
    access: Access, monkeypatch: pytest.MonkeyPatch
):
    async with following(access, heartbeat_seconds=0.02) as node, client(node) as c:
        await node.append(strike())
        await rebook(node, 7)
        held = await c.subscribe("city_incidents")
        load = TallyView.load

        (channel,) = node.hub._channels.values()

        async def slow(view: TallyView, *more: Any) -> None:
            await load(view, *more)
            begun = channel.cursor.at
            await until(lambda: channel.cursor.at > begun)  # a heartbeat moved it on

        monkeypatch.setattr(TallyView, "load", slow)
        await rebuilt(node)
        await notice(node)
        update = await c.until("update")
        assert update["cause"]["kind"] == "restated"
        assert held.rows[ODESA]["incidents"] == 1
