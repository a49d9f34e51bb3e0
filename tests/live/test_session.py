import asyncio
import base64
import contextlib
import os
import socket
from typing import Any

import aiohttp
import orjson
import pytest
import websockets

from incidentlog.errors import Forbidden
from incidentlog.live import PROTOCOL, Reader
from incidentlog.projections import PROJECTIONS
from incidentlog.store.connect import Access
from tests.commands import command, strike
from tests.live.following import Node, Somebody, client, following, until

VERSION = PROJECTIONS["city_incidents"].version


async def closed_with(socket_: websockets.ClientConnection) -> int | None:
    """The code with which the service closes."""
    async with asyncio.timeout(60):
        with contextlib.suppress(websockets.ConnectionClosed):
            async for _ in socket_:
                pass
    return socket_.close_code


async def test_the_welcome_says_what_a_client_needs(access: Access):
    async with following(access, heartbeat_seconds=7) as node, client(node) as c:
        assert c.welcome["heartbeat_ms"] == 7000
        assert c.welcome["head"] == 0
        assert c.welcome["projections"]["city_incidents"] >= 1
        assert c.welcome["retry"]["min_ms"] < c.welcome["retry"]["max_ms"]
        assert c.welcome["epoch"].endswith(".0.0")


async def test_aiohttps_client_is_served_too(access: Access):
    async with (
        following(access) as node,
        aiohttp.ClientSession() as session,
        session.ws_connect(node.url, protocols=(PROTOCOL,)) as ws,
    ):
        assert ws.protocol == PROTOCOL
        assert (await ws.receive_json())["type"] == "welcome"
        await ws.send_json({"type": "subscribe", "id": "s", "projection": "city_incidents"})
        assert (await ws.receive_json())["type"] == "subscribed"
        assert (await ws.receive_json()) | {"at": None} == {
            "type": "snapshot", "channel": f"city_incidents@{VERSION}#" + _rest(node), "position": 0, "at": None,
            "part": 1, "parts": 1, "rows": {},
        }  # fmt: skip


def _rest(node: Node) -> str:
    (name,) = node.hub._channels
    return name.partition("#")[2]


BAD: list[tuple[Any, str | None, str | None]] = [
    ("no json", None, None),
    ("[1]", None, None),
    ("{}", None, None),
    ({"type": "shout"}, None, None),
    ({"type": "subscribe"}, None, "/id"),
    ({"type": "subscribe", "id": "x"}, "x", "/projection"),
    ({"type": "subscribe", "id": "x", "projection": "city_incidents", "from": -1}, "x", "/from"),
    ({"type": "subscribe", "id": "x", "projection": "city_incidents", "from": "1_0"}, "x", "/from"),
    ({"type": "subscribe", "id": "x", "projection": "city_incidents", "at": "2025-11-19"}, "x", "/at"),
    ({"type": "subscribe", "id": "x", "projection": "city_incidents", "group_by": ["colour"]}, "x", "/group_by"),
    ({"type": "subscribe", "id": "x", "projection": "city_incidents", "filter": {"a/b": "c"}}, "x", "/filter/a~1b"),
    ({"type": "subscribe", "id": "x", "projection": "city_incidents", "filter": {"since": "1"}}, "x", "/filter/since"),
    ({"type": "subscribe", "id": "x", "projection": "ceasefire_status", "filter": {"kind": "c"}}, "x", "/filter/kind"),
    ({"type": "subscribe", "id": "x", "projection": "events", "filter": {"type": "none"}}, "x", "/filter/type"),
    ({"type": "subscribe", "id": "x", "projection": "events", "group_by": "type"}, "x", "/group_by"),
    ({"type": "subscribe", "id": "x", "projection": "tides"}, "x", None),
    ({"type": "unsubscribe", "id": "x"}, "x", None),
    ({"type": "auth", "token": "x"}, None, None),
    ({"type": "subscribe", "id": "x", "projection": "city_incidents", "filter": {"kind": "Strike"}}, "x", "/filter/kind"),
    (
        {"type": "subscribe", "id": "x", "projection": "city_incidents", "filter": {"country": ["UA", "UKR"]}},
        "x",
        "/filter/country",
    ),
    ('{"type":"ping","ref":' + "[" * 300 + "]" * 300 + "}", None, None),
    ('{"type":"ping","ref":' + "[" * 5_000 + "]" * 5_000 + "}", None, None),
    ('{"type":"subscribe","id":"x","projection":"events","filter":' + '{"a":' * 300 + "1" + "}" * 301, None, None),
]  # fmt: skip


async def test_bad_messages_are_answered_with_error_and_the_socket_stays_open(access: Access):
    async with following(access) as node, client(node) as c:
        for n, (message, id_, pointer) in enumerate(BAD):
            if isinstance(message, str):
                await c.socket.send(message)
            else:
                await c.send(**message)
            error = await c.until("error")
            assert error["id"] == id_, message
            assert error["code"] == ("not-found" if message == BAD[15][0] else "bad-request")
            assert error["retryable"] is False
            assert pointer is None or pointer in [e["pointer"] for e in error["errors"]], (message, error)
            await c.send(type="ping", ref=n)
            await c.until("pong", ref=n)


async def test_following_the_same_twice_on_one_connection_is_an_error(access: Access):
    async with following(access) as node, client(node) as c:
        await c.subscribe("city_incidents", id_="a")
        await c.send(type="subscribe", id="b", projection="city_incidents", group_by="place")
        assert (await c.until("error", id="b"))["code"] == "bad-request"
        await node.append(strike())
        await c.until("update")


async def test_too_many_subscriptions_are_an_error(access: Access, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("incidentlog.live.session.SUBSCRIPTIONS", 1)
    async with following(access) as node, client(node) as c:
        await c.subscribe("city_incidents", id_="a")
        await c.send(type="subscribe", id="b", projection="events")
        error = await c.until("error", id="b")
        assert (error["code"], error["retryable"]) == ("overloaded", True)


async def test_misuse_closes_with_4400(access: Access):
    async with following(access) as node:
        async with client(node) as c:
            await c.socket.send(b"\x00")
            assert await closed_with(c.socket) == 4400
        async with client(node) as c:
            for _ in range(20):
                await c.socket.send("?")
            assert await closed_with(c.socket) == 4400


async def test_an_id_in_use_closes_with_4409(access: Access):
    async with following(access) as node, client(node) as c:
        await c.subscribe("city_incidents")
        await c.send(type="subscribe", id="s", projection="events")
        assert await closed_with(c.socket) == 4409


async def test_a_message_over_64_kib_closes_with_1009(access: Access):
    async with following(access) as node, client(node) as c:
        await c.send(type="ping", ref="x" * 70_000)
        assert await closed_with(c.socket) == 1009


async def test_a_first_message_may_say_who_it_is(access: Access, monkeypatch: pytest.MonkeyPatch):
    async def authenticate(token: str) -> Reader | None:
        if token == "forbidden":
            raise Forbidden("it may not read")
        return Somebody("key", 4) if token == "good" else None

    async with following(access, authenticate=authenticate, heartbeat_seconds=0.2) as node:
        node.reader = None

        async def connect() -> websockets.ClientConnection:
            return await websockets.connect(node.url, subprotocols=[PROTOCOL], proxy=None)  # type: ignore[list-item]

        async with await connect() as ws:
            await ws.send('{"type": "auth", "token": "good"}')
            welcome = orjson.loads(await ws.recv())
            assert welcome["auth"] == {"name": "key", "clearance": 4}
        for said in ('{"type": "auth", "token": "bad"}', '{"type": "ping"}', "?"):
            async with await connect() as ws:
                await ws.send(said)
                assert await closed_with(ws) == 4401
        async with await connect() as ws:
            await ws.send('{"type": "auth", "token": "forbidden"}')
            assert await closed_with(ws) == 4403
        monkeypatch.setattr("incidentlog.live.session.AUTH_SECONDS", 0.1)
        async with await connect() as ws:
            assert await closed_with(ws) == 4408


async def test_a_client_that_stops_reading_holds_nobody_up(access: Access, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("incidentlog.live.sender.SEND_SECONDS", 600.0)  # it is not cut off meanwhile
    async with following(access) as node, client(node) as c:
        with contextlib.closing(await deaf_client(node.port)):
            await until(lambda: len(node.hub._sessions) == 2)
            held = await c.subscribe("events")
            await much(node)
            await c.reach(held, 600)
            assert len(node.hub._sessions) == 2


async def much(node: Node) -> None:
    """More than a client that does not read has room for."""
    for _ in range(6):
        await asyncio.gather(*(node.writer.append(command(strike(notes="x" * 4_000))) for _ in range(100)))


async def test_a_client_that_stops_reading_is_cut_off(access: Access, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("incidentlog.live.sender.SEND_SECONDS", 0.1)
    async with following(access) as node, client(node) as c:
        with contextlib.closing(await deaf_client(node.port)):
            await until(lambda: len(node.hub._sessions) == 2)
            held = await c.subscribe("events")
            await much(node)
            await c.reach(held, 600)
            await until(lambda: len(node.hub._sessions) == 1)
            (feed,) = node.hub._feeds.values()
            assert len(feed.followers) == 1


async def test_a_client_that_asks_and_never_reads_is_cut_off(access: Access, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("incidentlog.live.sender.SEND_SECONDS", 0.5)
    async with following(access) as node:
        with contextlib.closing(await deaf_client(node.port)) as deaf:
            await until(lambda: len(node.hub._sessions) == 1)
            ping = b'{"type":"ping","ref":"%s"}' % (b"x" * 60)
            frames = bytes([0x81, 0x80 | len(ping), 0, 0, 0, 0]) + ping
            with contextlib.suppress(OSError):
                async with asyncio.timeout(60):
                    while node.hub._sessions:
                        await asyncio.get_running_loop().sock_sendall(deaf, frames * 500)
            await until(lambda: not node.hub._sessions)


async def deaf_client(port: int) -> socket.socket:
    """A client that subscribes to everything, and never reads."""
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(raw, ("127.0.0.1", port))
    key = base64.b64encode(os.urandom(16)).decode()
    await loop.sock_sendall(
        raw,
        (
            f"GET /v1/live HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: {PROTOCOL}\r\n\r\n"
        ).encode(),
    )
    said = b'{"type":"subscribe","id":"s","projection":"events","from":0}'
    await loop.sock_sendall(raw, bytes([0x81, 0x80 | len(said), 0, 0, 0, 0]) + said)
    return raw


async def test_a_close_reason_is_never_cut_within_a_character(access: Access):
    async with following(access) as node, client(node) as c:
        for _ in range(2):
            await c.send(type="subscribe", id="ü" * 100, projection="city_incidents")
        assert await closed_with(c.socket) == 4409


async def test_an_instant_that_no_clock_shows_is_a_mistake_of_the_client(access: Access):
    async with following(access) as node, client(node) as c:
        at = {"from": 0, "at": "0001-01-01T00:00:00+14:00"}
        await c.send(type="subscribe", id="s", projection="city_incidents", **at)
        assert (await c.until("error"))["code"] == "bad-request"
