"""Keys are listed and revoked: what one had opened ends within 2 s, everywhere, and each change is in the access log."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import aiohttp
import orjson
import pytest
from structlog.testing import capture_logs

from incidentlog.api import bulk as bulk_module
from incidentlog.api.candidates import REVIEWS
from incidentlog.api.redacting import redacted
from incidentlog.audit.keys import OPERATOR, put_key, revoke_key
from incidentlog.clock import SystemClock
from incidentlog.events.values import Tlp
from incidentlog.live import PROTOCOL
from incidentlog.service.keys import Keys, digest, first_key
from incidentlog.shares import OfKey
from incidentlog.store.connect import Access
from incidentlog.store.keys import find_key
from tests.api.serving import ADMIN, NOW, Served, make_key
from tests.api.test_access import entries
from tests.api.test_nodes import two
from tests.commands import strike

READER = "a-key-that-is-to-be-revoked"
SCOPES = ("read", "report")


@pytest.fixture
async def nodes(access: Access) -> AsyncIterator[tuple[Served, Served]]:
    """Two services on one log, and a key on it."""
    async with two(access) as (one, other):
        await make_key(access, "reader", READER, scopes=SCOPES, clearance=Tlp.GREEN)
        yield one, other


async def revoke(service: Served, name: str = "reader") -> None:
    answer = await service.by(ADMIN).ask("DELETE", f"/v1/keys/{name}")
    assert (answer.status, answer.raw) == (204, b"")


async def refused(service: Served, key: str = READER) -> None:
    """Ask until the key opens nothing any more, at most 60 s."""
    async with asyncio.timeout(60):
        while (await service.by(key).get("/v1/events")).status != 401:
            await asyncio.sleep(0.02)


async def test_keys_are_told_with_what_they_may_do_and_nothing_of_their_secrets(service: Served):
    await make_key(service.access, "reader", READER, scopes=SCOPES, clearance=Tlp.AMBER_STRICT)
    told = await service.get("/v1/keys")
    admin, reader = told.json["keys"]
    assert (admin["name"], admin["clearance"]) == ("admin", "RED")
    assert reader.keys() == {"name", "scopes", "clearance", "created_at", "revoked_at", "expires_at", "former_until",
                             "last_used_at", "requests", "note"}  # fmt: skip
    assert (reader["scopes"], reader["clearance"], reader["revoked_at"]) == ([*SCOPES], "AMBER+STRICT", None)
    for secret in (READER, ADMIN, digest(READER).hex()):
        assert secret.encode() not in told.raw
    assert (await service.get("/v1/keys/reader")).json == reader
    page = (await service.get("/v1/keys", limit=1)).json
    assert [key["name"] for key in page["keys"]] == ["admin"]
    assert (await service.ask("GET", page["next"])).json["keys"] == [reader]


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/v1/keys"), ("GET", "/v1/keys/admin"), ("DELETE", "/v1/keys/admin")]
)
async def test_keys_are_for_admins(service: Served, method: str, path: str):
    scopes = ("read", "report", "edit", "audit")
    await make_key(service.access, "reader", READER, scopes=scopes, clearance=Tlp.RED)
    assert (await service.by(None).ask(method, path)).status == 401
    assert (await service.by(READER).ask(method, path)).status == 403
    assert (await service.get("/v1/keys/admin")).json["revoked_at"] is None


@pytest.mark.parametrize("name", ["nobody", "NOBODY", "%00", "a%20b", "x" * 81])
async def test_a_key_that_is_not_there_is_not_found(attacked: Served, name: str):
    for method in ("GET", "DELETE"):
        answer = await attacked.ask(method, f"/v1/keys/{name}")
        assert (answer.status, answer.slug) == (404, "not-found")


async def test_a_name_that_is_none_is_no_place_to_go_on(service: Served):
    assert (await service.get("/v1/keys", after="A B")).faults == {"/after": "not_a_name"}


async def test_the_requests_of_a_revoked_key_end_on_every_node(nodes: tuple[Served, Served]):
    for node in nodes:
        assert (await node.by(READER).get("/v1/events")).status == 200
    await revoke(nodes[0])
    assert (await nodes[0].by(READER).get("/v1/events")).status == 401  # where it was revoked, at once
    await refused(nodes[1])
    assert (await nodes[1].by(READER).post(strike())).status == 401
    assert (await nodes[0].get("/v1/keys/reader")).json["revoked_at"] is not None
    await revoke(nodes[1])  # again does no harm


@asynccontextmanager
async def everything_open(node: Served) -> AsyncIterator[list[asyncio.Task[Any]]]:
    """A socket, its like of a browser's session, an event stream, and a replay that waits for an hour; each to its end."""
    auth = {"Authorization": f"Bearer {READER}"}
    signed_in = await node.by(READER).ask("POST", "/v1/session")
    cookie = {"Cookie": signed_in.headers["Set-Cookie"].partition(";")[0]}
    async with AsyncExitStack() as open_:
        tasks: list[asyncio.Task[Any]] = []
        for headers in (auth, cookie):
            asked = node.session.ws_connect(f"{node.url}/v1/live", protocols=[PROTOCOL], headers=headers)
            socket = await open_.enter_async_context(asked)
            assert (await socket.receive_json(timeout=60))["type"] == "welcome"
            tasks.append(asyncio.create_task(closed(socket)))
        for headers in (auth, cookie):
            stream = await open_.enter_async_context(node.session.get(f"{node.url}/v1/events/stream", headers=headers))
            assert stream.status == 200
            tasks.append(asyncio.create_task(stream.read()))
        slow = node.session.get(f"{node.url}/v1/replay?by=occurred&speed=0.001&max_gap=3600", headers=auth)
        replay = await open_.enter_async_context(slow)
        assert orjson.loads(await replay.content.readline())["position"] == 1
        tasks.append(asyncio.create_task(replay.read()))
        yield tasks
        for task in tasks:
            task.cancel()


async def closed(socket: aiohttp.ClientWebSocketResponse) -> int | None:
    while (await socket.receive()).type not in {aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED}:
        pass
    return socket.close_code


def on(day: int) -> dict[str, Any]:
    return strike(occurred={"start": f"2025-11-{day:02}", "precision": "day", "tz": "Europe/Kyiv"}, stream=None)


async def test_all_that_a_revoked_key_had_opened_ends_on_every_node(nodes: tuple[Served, Served]):
    one, other = nodes
    await one.add(on(5), on(6))
    async with everything_open(one) as here, everything_open(other) as there:
        done, _ = await asyncio.wait([*here, *there], timeout=1)
        assert not done  # nothing of it ends by itself
        await revoke(one)
        _, pending = await asyncio.wait([*here, *there], timeout=60)
        assert not pending
        for socket, session, stream, cookie_stream, replay in (here, there):
            assert (socket.result(), session.result()) == (4401, 4401)
            assert b"unauthenticated" in stream.result()
            assert b"unauthenticated" in cookie_stream.result()
            assert isinstance(replay.exception(), aiohttp.ClientPayloadError)  # cut off, and not at its end


async def test_a_key_is_revoked_while_another_signs_in_again_and_again(service: Served):
    """Who may read could else put off for as long as it likes that its key is revoked."""
    await make_key(service.access, "another", "a-key-of-another-reader", scopes=("read",))
    busy = service.by("a-key-of-another-reader")
    async with service.service.keeping.place(OfKey("another"), seconds=None):
        signing = [asyncio.create_task(busy.ask("POST", "/v1/session")) for _ in range(5)]
        async with asyncio.timeout(60):
            while service.service.keeping.waiting < len(signing):
                await asyncio.sleep(0.01)
        assert (await service.ask("DELETE", "/v1/keys/another")).status == 204
        assert not any(each.done() for each in signing)
    assert {answer.status for answer in await asyncio.gather(*signing)} <= {200, 401}


async def test_what_is_followed_with_another_key_goes_on(nodes: tuple[Served, Served]):
    one, other = nodes
    await make_key(one.access, "spared", "a-key-that-is-spared", scopes=("read",))
    auth = {"Authorization": "Bearer a-key-that-is-spared"}
    async with other.session.ws_connect(f"{other.url}/v1/live", protocols=[PROTOCOL], headers=auth) as socket:
        assert (await socket.receive_json(timeout=60))["type"] == "welcome"
        assert (await other.by(READER).get("/v1/events")).status == 200
        await revoke(one)
        await refused(other)
        await socket.send_json({"type": "ping", "ref": 1})
        assert (await socket.receive_json(timeout=60)) == {"type": "pong", "ref": 1}


@pytest.mark.parametrize("change", [{"key": "another-secret-of-it"}, {"clearance": Tlp.CLEAR}, {"scopes": ("report",)}])
async def test_a_key_that_is_changed_is_another_on_every_node(nodes: tuple[Served, Served], change: dict[str, Any]):
    _, other = nodes
    auth = {"Authorization": f"Bearer {READER}"}
    async with other.session.ws_connect(f"{other.url}/v1/live", protocols=[PROTOCOL], headers=auth) as socket:
        made = {"key": READER, "scopes": SCOPES, "clearance": Tlp.GREEN, **change}
        await make_key(other.access, "reader", **made)
        async with asyncio.timeout(60):
            assert await closed(socket) in {4401, 4403}


async def test_a_body_that_is_still_coming_when_its_key_is_revoked_is_not_appended(service: Served):
    await make_key(service.access, "reader", READER, scopes=SCOPES)
    lines = [orjson.dumps(strike()) + b"\n" for _ in range(2)]
    for path, kind, first, rest in (
        ("/v1/events/bulk", b"application/x-ndjson", *lines),
        ("/v1/events", b"application/json", lines[0][:20], lines[0][20:]),
    ):
        await make_key(service.access, "reader", READER + path, scopes=SCOPES)
        reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {READER + path}\r\n".encode()
        head += b"Content-Type: %b\r\nContent-Length: %d\r\n\r\n" % (kind, len(first + rest))
        async with asyncio.timeout(60):
            writer.write(head + first)
            await writer.drain()
            while not any(reader.name == "reader" for reader, _ in service.service.keys._seen.values()):
                await asyncio.sleep(0.01)
            await revoke(service)
            writer.write(rest)
            assert (await reader.read(65_536)).startswith(b"HTTP/1.1 401 ")
        writer.transport.abort()
    assert await service.head() == 0


@pytest.mark.parametrize("path", ["/v1/events/bulk", "/v1/events/bulk?mode=partial", "/v1/cloudevents"])
async def test_what_waits_to_be_folded_is_not_appended_by_a_key_that_was_revoked_meanwhile(
    service: Served, monkeypatch: pytest.MonkeyPatch, path: str
):
    await make_key(service.access, "reader", READER, scopes=SCOPES)
    monkeypatch.setattr(bulk_module, "PIECE", 1)
    at, parts = (2 if "partial" in path else 1), list[int]()

    async def waits(_: Any) -> None:
        parts.append(1)
        if len(parts) == at:
            await revoke(service)

    monkeypatch.setattr(service.service.pace, "keep", waits)
    events = [strike() for _ in range(3)]
    if path == "/v1/cloudevents":
        told = [{"specversion": "1.0", "id": e["id"], "source": "x", "type": e["type"], "data": e} for e in events]
        body, kind = orjson.dumps(told), "application/cloudevents-batch+json"
    else:
        body, kind = b"\n".join(map(orjson.dumps, events)), "application/x-ndjson"
    answer = await service.by(READER).ask("POST", path, data=body, headers={"Content-Type": kind})
    if at == 1:
        assert answer.status == 401
    else:
        assert [orjson.loads(line).get("status") for line in answer.raw.splitlines()] == [201, 401, 401, None]
    assert await service.head() == at - 1


@pytest.mark.parametrize("read", ["history", "candidates"])
async def test_a_read_that_waits_for_its_turn_is_not_answered_to_a_key_that_was_revoked_meanwhile(
    service: Served, read: str
):
    await make_key(service.access, "reader", READER, scopes=SCOPES)
    begun = {"type": "import.begun", "stream": "import:a", "data": {"files": [{"name": "a.csv"}]}}
    (number, _) = await service.add(begun, strike(stream="strike:a"))
    await service.settled()
    path, turnstile = {
        "history": ("/v1/subjects/strike:a/history", service.service.histories),
        "candidates": (f"/v1/candidates?import={number}", service.app[REVIEWS].places),
    }[read]
    async with AsyncExitStack() as others:
        for n in range(turnstile.places):
            await others.enter_async_context(turnstile.place(OfKey(f"another {n}"), seconds=None))
        asked = asyncio.create_task(service.by(READER).get(path))
        async with asyncio.timeout(60):
            while not turnstile.waiting:
                await asyncio.sleep(0.01)
        await revoke(service)
    assert (await asked).status == 401


async def test_what_was_revoked_does_not_come_back_and_the_name_may_get_another_key(access: Access):
    connection = await access.connect()
    await first_key(access, "an-admin-key-that-is-given")
    assert await revoke_key(connection, "admin", now=NOW)
    await first_key(access, "an-admin-key-that-is-given")  # as at the next start
    assert await find_key(connection, digest("an-admin-key-that-is-given")) is None
    await first_key(access, "another-admin-key-that-is-given")
    assert await find_key(connection, digest("another-admin-key-that-is-given")) is not None
    await connection.close()


async def test_making_changing_and_revoking_a_key_is_in_the_access_log(service: Served):
    connection = await service.access.connect()
    for scopes, clearance in ((("read",), Tlp.GREEN), (("read",), Tlp.GREEN), (SCOPES, Tlp.CLEAR)):
        await put_key(connection, "reader", digest(READER), scopes, clearance, now=NOW)
    await revoke(service)
    await revoke(service)
    assert not await revoke_key(connection, "reader", now=NOW)
    await put_key(connection, "other", digest("other"), ("read",), Tlp.CLEAR, now=NOW)
    assert await revoke_key(connection, "other", now=NOW)
    await connection.close()
    told = [(e["key"], e["route"], e["status"]) for e in await entries(service, 5)]
    assert told == [
        (OPERATOR, "key create reader --scope read --clearance GREEN", 201),
        (OPERATOR, "key create reader --scope read --scope report --clearance CLEAR", 200),
        ("admin", "DELETE /v1/keys/reader", 204),
        (OPERATOR, "key create other --scope read --clearance CLEAR", 201),
        (OPERATOR, "key revoke other", 204),
    ]


async def test_the_keys_that_are_remembered_are_bounded_and_the_oldest_goes_first(
    access: Access, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("incidentlog.service.keys.REMEMBERED", 2)
    pool = await access.pool("reader")
    keys = Keys(pool, SystemClock(), open_read=False)
    for n in range(3):
        await make_key(access, f"k{n}", f"the-key-of-number-{n}", scopes=("read",))
        await keys.by_key(f"the-key-of-number-{n}")
    assert [reader.name for reader, _ in keys._seen.values()] == ["k1", "k2"]
    await pool.close()


# ------------------------------------------------------------------------------------------------ secrets

SECRET = "hunter2-of-somebody"
TOKEN = "il_" + "Ab3-" * 8


@pytest.mark.parametrize(
    ("address", "kept"),
    [
        (f"/v1/events?token={SECRET}", "/v1/events?token=***"),
        (f"/v1/events?key={SECRET}&limit=3", "/v1/events?key=***&limit=3"),
        (f"/v1/events?limit=3&Access_Token={SECRET}", "/v1/events?limit=3&Access_Token=***"),
        (f"/v1/events?%74oken={SECRET}", "/v1/events?%74oken=***"),
        (f"/v1/events?api-key={SECRET}", "/v1/events?api-key=***"),
        (f"/v1/events?q={TOKEN}", "/v1/events?q=***"),
        (f"/v1/events/{TOKEN}", "/v1/events/***"),
        ("/v1/events?q=eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.AbCd-_", "/v1/events?q=***"),
        ("/v1/events/" + "eyJ" * 2_000, "/v1/events/" + "eyJ" * 2_000),
        ("/v1/events?type=strike.reported&after=3", "/v1/events?type=strike.reported&after=3"),
        ("/v1/streams/strike:il_x", "/v1/streams/strike:il_x"),
    ],
)
def test_an_address_is_told_without_what_may_be_a_secret(address: str, kept: str):
    assert redacted(address) == kept


async def test_no_secret_is_in_a_log_line_or_in_the_access_log(service: Served, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.DEBUG)
    with capture_logs() as lines:
        for path in (f"/v1/events?token={SECRET}", f"/v1/replay?key={SECRET}", f"/v1/events/{TOKEN}", f"/{TOKEN}"):
            assert (await service.get(path, {"Access-Purpose": f"I have {TOKEN}"})).status in {400, 404}
        for odd in (b"\x00", b"\x01", b"\x1b", b"\x7f", b"\xff", b"\r", b"\n "):
            await service.raw(
                b"GET /v1/events HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer "
                + SECRET.encode() + odd + SECRET.encode() + b"\r\n\r\n"
            )  # fmt: skip
        told = await entries(service, 3)
    logged = repr(lines) + caplog.text
    assert len(lines) >= 11
    for written in (logged, repr(told)):
        assert SECRET not in written
        assert TOKEN not in written
    assert "Traceback" not in logged
    assert [line for line in lines if line["log_level"] not in {"debug", "info"}] == []
