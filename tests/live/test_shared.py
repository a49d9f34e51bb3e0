"""What the log brought is read once for many channels; a few read it each for itself."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import cast

import pytest

from incidentlog.folding.rows import Grouping
from incidentlog.live import shared as shared_module
from incidentlog.live.shared import SharedReading
from incidentlog.store.carried import MOST
from incidentlog.store.connect import Access, Connection
from tests.commands import retraction, strike
from tests.live.following import Node, client, following

GROUPED = (["place"], ["kind"], ["country"], ["day"], ["admin1", "kind"])


@pytest.mark.parametrize(("channels", "source"), [(3, "database"), (5, "shared")])
async def test_many_channels_go_on_with_what_was_read_once(access: Access, channels: int, source: str):
    async with following(access) as node, client(node) as c:
        first = strike(stream="strike:a")
        await node.append(first)
        held = [await c.subscribe("city_incidents", str(n), group_by=by) for n, by in enumerate(GROUPED[:channels])]
        before = dict(node.hub.steps)
        changes = [(strike(stream="strike:b"), None), (retraction(first["id"]), "strike:a"), (strike(tlp="RED"), None)]
        for event, stream in changes:
            (position,) = await (node.append(event) if stream is None else node.append(event, stream=stream))
            for own in held:
                await c.reach(own, position)
        assert {name: node.hub.steps[name] - before.get(name, 0) for name in ("database", "shared", "carried")} == {
            "database": 0, "shared": 0, "carried": 0, source: channels * len(changes),
        }  # fmt: skip
        for own, by in zip(held, GROUPED, strict=False):
            at = datetime.fromisoformat(own.at)
            assert own.rows == await node.rows("city_incidents", own.position, at, Grouping(tuple(by)))


async def test_documents_and_tallies_hold_what_the_database_has(access: Access):
    async with following(access) as node, client(node) as c:
        await node.append(strike())
        names = ("city_incidents", "ceasefire_status", "talks_ledger", "daily_timeline", "actor_participation")
        held = [await c.subscribe(name, name) for name in names]
        for _ in range(3):
            (position,) = await node.append(strike())
            for own in held:
                await c.reach(own, position)
        assert node.hub.steps["shared"] > 0
        for own, name in zip(held, names, strict=True):
            assert own.rows == await node.rows(name, own.position, datetime.fromisoformat(own.at))


class Counted:
    """Lends connections of a node, counts how often, and fails as often as it is told to."""

    def __init__(self, node: Node) -> None:
        self.node, self.lent, self.failures = node, 0, 0

    @asynccontextmanager
    async def __call__(self) -> AsyncIterator[Connection]:
        self.lent += 1
        if self.failures:
            self.failures -= 1
            raise ConnectionResetError
        async with self.node.pool.acquire() as connection, connection.transaction(isolation="repeatable_read"):
            yield cast("Connection", connection)


def sharing(reading: Counted, channels: int = shared_module.MANY) -> SharedReading:
    return SharedReading(reading, channels=lambda: channels, epoch=lambda: reading.node.hub.epoch)


async def test_a_stretch_is_read_once_and_a_few_are_kept(access: Access, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(shared_module, "KEPT", 2)
    async with following(access) as node:
        for _ in range(4):
            await node.append(strike())
        await node.runner.reached(4, 60)
        reading = Counted(node)
        many = sharing(reading)
        found = [await many.between(n, 4) for n in (3, 2, 3, 2)]
        assert (reading.lent, found[0] is found[2], found[1] is found[3]) == (2, True, True)
        assert found[0] is not None
        assert found[0].heading.after == 3
        await many.between(1, 4)  # the third is one too many
        await many.between(3, 4)
        assert reading.lent == 4
        assert await many.between(4, 4 + MOST + 1) is None
        assert await sharing(reading, channels=shared_module.MANY - 1).between(3, 4) is None


async def test_what_could_not_be_read_is_read_again(access: Access):
    async with following(access) as node:
        await node.append(strike())
        await node.runner.reached(1, 60)
        reading = Counted(node)
        many = sharing(reading)
        reading.failures = 1
        with pytest.raises(ConnectionResetError):
            await many.between(0, 1)
        assert await many.between(0, 1) is not None


async def test_what_was_read_in_another_epoch_is_not_gone_on_with(access: Access):
    async with following(access) as node:
        await node.append(strike())
        await node.runner.reached(1, 60)
        reading, now = Counted(node), [node.hub.epoch]
        many = SharedReading(reading, channels=lambda: shared_module.MANY, epoch=lambda: now[0])
        assert await many.between(0, 1) is not None
        now[0] = "another"
        assert await many.between(0, 1) is None
        assert reading.lent == 2  # it was looked at anew, and is still of the epoch before
        now[0] = node.hub.epoch
        assert await many.between(0, 1) is not None
        assert reading.lent == 3
