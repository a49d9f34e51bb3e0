"""Who follows, while it goes on: tokens are renewed, expire and are revoked."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import orjson
import websockets

from incidentlog.clock import ManualClock
from incidentlog.errors import Unauthenticated
from incidentlog.live import PROTOCOL, Reader
from incidentlog.store.connect import Access
from tests.commands import strike
from tests.live.following import Client, Node, Somebody, following
from tests.live.test_session import closed_with

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Tokens:
    """What is known of tokens; a test changes it while somebody follows."""

    def __init__(self) -> None:
        self.known = {"one": Somebody("ada", 1), "two": Somebody("ada", 1), "other": Somebody("bob", 1)}
        self.asked = 0
        self.away = False

    async def __call__(self, token: str) -> Reader | None:
        self.asked += 1
        if self.away:
            raise OSError
        if token not in self.known:
            raise Unauthenticated
        return self.known[token]


@asynccontextmanager
async def introduced(node: Node, token: str = "one") -> AsyncIterator[Client]:
    async with websockets.connect(node.url, subprotocols=[PROTOCOL], proxy=None) as socket:  # type: ignore[list-item]
        await socket.send(orjson.dumps({"type": "auth", "token": token}).decode())
        c = Client(socket)
        assert (await c.receive())["type"] == "welcome"
        yield c


@asynccontextmanager
async def guarded(access: Access, tokens: Tokens, clock: ManualClock | None = None) -> AsyncIterator[Node]:
    async with following(
        access, clock, authenticate=tokens, look_seconds=0.05, check_seconds=0.1, heartbeat_seconds=5.0
    ) as node:
        node.reader = None
        yield node


async def test_the_sockets_of_a_revoked_key_end_with_4401(access: Access):
    tokens = Tokens()
    async with guarded(access, tokens) as node, introduced(node) as c, introduced(node, "two") as spared:
        held = await spared.subscribe("city_incidents")
        del tokens.known["one"]
        assert await closed_with(c.socket) == 4401
        (position,) = await node.append(strike())
        await spared.reach(held, position)


async def test_a_key_with_another_clearance_by_now_has_to_come_back(access: Access):
    tokens = Tokens()
    async with guarded(access, tokens) as node, introduced(node) as c:
        tokens.known["one"] = Somebody("ada", 4)
        assert await closed_with(c.socket) == 4401


async def test_the_database_being_away_shuts_nobody_out(access: Access):
    tokens = Tokens()
    async with guarded(access, tokens) as node, introduced(node) as c:
        tokens.away = True
        for n in range(3):
            await node.hub._check(tuple(node.hub._sessions))
            await c.send(type="ping", ref=n)
            await c.until("pong", ref=n)
        assert tokens.asked > 3


async def test_a_token_that_expires_is_told_before_and_closed_with_4401(access: Access):
    tokens, clock = Tokens(), ManualClock(NOON)
    tokens.known["one"] = replace(tokens.known["one"], expires_at=NOON + timedelta(hours=1))
    async with guarded(access, tokens, clock) as node, introduced(node) as c:
        await clock.advance(NOON + timedelta(minutes=58))
        await c.send(type="ping", ref="before")
        await c.until("pong")
        assert not c.others[:-1]
        await clock.advance(NOON + timedelta(minutes=59, seconds=1))
        await c.until("notice", code="auth_expiring")
        await clock.advance(NOON + timedelta(hours=1))
        assert await closed_with(c.socket) == 4401


async def test_a_token_is_renewed_on_the_open_connection(access: Access):
    tokens, clock = Tokens(), ManualClock(NOON)
    tokens.known["one"] = replace(tokens.known["one"], expires_at=NOON + timedelta(seconds=30))
    async with guarded(access, tokens, clock) as node, introduced(node) as c:
        await c.until("notice", code="auth_expiring")
        held = await c.subscribe("city_incidents")
        await c.send(type="auth", token="two")
        await c.send(type="ping", ref="accepted")
        assert (await c.receive())["type"] == "pong"
        await clock.advance(NOON + timedelta(days=1))
        del tokens.known["one"]
        await node.hub._check(tuple(node.hub._sessions))
        (position,) = await node.append(strike())
        await c.reach(held, position)


async def test_a_token_of_another_reader_or_of_nobody_changes_nothing(access: Access):
    async with guarded(access, Tokens()) as node, introduced(node) as c:
        for token, code in (("other", "bad-request"), ("none", "unauthenticated")):
            await c.send(type="auth", token=token)
            assert (await c.until("error"))["code"] == code
        held = await c.subscribe("city_incidents")
        (position,) = await node.append(strike())
        await c.reach(held, position)
