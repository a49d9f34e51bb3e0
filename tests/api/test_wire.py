"""Below the routes: bytes that are no proper HTTP, bodies without an end, headers without measure."""

import asyncio
from typing import Any

import orjson
import pytest
from aiohttp import web
from aiohttp.web import RouteDef
from structlog.testing import capture_logs

from incidentlog.api import bulk as bulk_module
from incidentlog.api import requests as requests_module
from incidentlog.api.app import MODULES, make_app
from incidentlog.api.wire import LINE_BYTES, Runner
from tests.api.serving import Served
from tests.commands import strike
from tests.live.following import until

GOOD = orjson.dumps(strike())
START = b"POST /v1/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer an-admin-key-for-tests\r\n"
BULK = START.replace(b"/events ", b"/events/bulk ") + b"Content-Type: application/x-ndjson\r\n"
ONE = START + b"Content-Type: application/json\r\n"
CLOSE = b"Connection: close\r\n"


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


@pytest.mark.parametrize(
    "sent",
    [
        ONE + b"Content-Length: %d\r\nContent-Length: %d\r\n\r\n" % (len(GOOD), len(GOOD) + 1) + GOOD,
        ONE + b"Content-Length: %d\r\nTransfer-Encoding: chunked\r\n\r\n" % len(GOOD) + GOOD,
        ONE + b"Content-Length: -1\r\n\r\n" + GOOD,
        ONE + b"Content-Length: +%d\r\n\r\n" % len(GOOD) + GOOD,
        ONE + b"Content-Length: 1_0\r\n\r\n" + GOOD,
        ONE + b"Content-Length : %d\r\n\r\n" % len(GOOD) + GOOD,
        ONE + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n" + GOOD,
        ONE + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n" + GOOD,
        ONE + b"Transfer-Encoding: chunked, identity\r\n\r\n" + GOOD,
        ONE + b"X-Long: " + b"x" * 100_000 + b"\r\n\r\n",
        b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"NONSENSE\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET /livez HTTP/9.9\r\nHost: localhost\r\n\r\n",
        b"GET /livez\x00 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        ONE + b"Bad Name: x\r\n\r\n",
        ONE + b"X: a\rb\r\n\r\n",
    ],
    ids=lambda sent: repr(sent.replace(START, b"").replace(GOOD, b"{}")[:70]),
)
async def test_what_is_no_http_is_refused(attacked: Served, sent: bytes):
    """Who is told before all of it was read may hear nothing: the connection is gone while it still sends."""
    answer = await attacked.raw(sent, half_close=True)
    assert not answer or status(answer) == (431 if len(sent) > LINE_BYTES * 2 else 400), answer


@pytest.mark.parametrize(
    ("sent", "says"),
    [
        ("GET /v1/places?q=Одеса HTTP/1.1\r\nHost: localhost\r\n\r\n".encode(), "percent-encode"),
        ("GET /v1/streams/Одеса HTTP/1.1\r\nHost: localhost\r\n\r\n".encode(), "percent-encode"),
        (b"GET /" + b"x" * 10_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", "may have 8190 bytes"),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 10_000 + b"\r\n\r\n", "may have 8190 bytes"),
        (b"GET / HTTP/1.1\r\n" + b"".join(b"X%d: y\r\n" % n for n in range(200)) + b"\r\n", "head"),
        (b"GET / HTTP/1.1\r\n\r\n", "head"),
        (b"GET / HTTP/1.1\r\nBad Name: x\r\n\r\n", "head"),
        (b"GET http://x:y/ HTTP/1.1\r\nHost: localhost\r\n\r\n", "percent-encode"),
        (b"BREW /pot HTTP/1.1\r\nHost: localhost\r\n\r\n", "a method that is not known"),
        (b"NONSENSE\r\n\r\n", "this is not HTTP"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "this is not HTTP"),
        (b"GET /livez HTTP/9.9\r\nHost: localhost\r\n\r\n", "not HTTP/1.1"),
        (ONE + b"Content-Length: -1\r\n\r\n", "head"),
    ],
    ids=lambda value: None if isinstance(value, str) else repr(value[:40]),
)
async def test_what_never_becomes_a_request_is_refused_in_our_words(attacked: Served, sent: bytes, says: str):
    with capture_logs() as lines:
        head, _, body = (await attacked.raw(sent)).partition(b"\r\n\r\n")
    assert b"Content-Type: application/problem+json" in head
    told = orjson.loads(body)
    long = "8190 bytes" in says
    assert (status(head), told["type"]) == (
        (431, "/problems/head-too-large") if long else (400, "/problems/bad-request")
    )
    assert says in told["detail"]
    assert "b'" not in body.decode()
    assert [(line["event"], line["log_level"]) for line in lines] == [("not_http", "info")]


UNREAD = ["br", "zstd", "compress", "nonsense", "x-gzip", "gzip, gzip", "gzip, br", "identity, gzip"]


@pytest.mark.parametrize("coding", UNREAD)
@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/v1/events", "application/json"),
        ("/v1/streams/strike:x/events", "application/json"),
        ("/v1/events/bulk", "application/x-ndjson"),
        ("/v1/events/bulk?mode=partial", "application/x-ndjson"),
        ("/v1/builds", "application/json"),
        ("/v1/parked", "application/json"),
        ("/v1/cloudevents", "application/cloudevents+json"),
        ("/v1/imports", "multipart/form-data; boundary=x"),
        ("/v1/webhooks", "application/json"),
    ],
)
async def test_a_coding_that_is_not_read_is_refused_and_never_taken_for_plain(
    attacked: Served, coding: str, path: str, kind: str
):
    body = GOOD if "events" in path else b"{}"
    answer = await attacked.post(body, path=path, headers={"Content-Encoding": coding, "Content-Type": kind})
    assert (answer.status, answer.slug) == (415, "unsupported-encoding"), answer
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Accept-Encoding"] == "gzip, deflate, identity"


async def test_every_route_with_a_body_is_tried_above(attacked: Served):
    posts = {r.path for module in MODULES for r in module.routes if isinstance(r, RouteDef) and r.method == "POST"}
    assert posts == {
        "/v1/events", "/v1/streams/{stream}/events", "/v1/events/bulk", "/v1/builds", "/v1/cloudevents",
        "/v1/imports", "/v1/parked",
        "/v1/webhooks",
        "/v1/webhooks/{webhook}/secret", "/v1/webhooks/{webhook}/dead-letters",  # of one that is there, like the others
        "/v1/session", "/v1/webhooks/{webhook}/test",  # which read no body
    }  # fmt: skip


async def test_two_headers_are_one_list_of_codings(attacked: Served):
    sent = ONE + CLOSE + b"Content-Encoding: gzip\r\nContent-Encoding: br\r\nContent-Length: 2\r\n\r\n{}"
    assert status(await attacked.raw(sent)) == 415


async def test_two_requests_in_one_packet_are_two_requests(busy: Served):
    def one(body: bytes, more: bytes = b"") -> bytes:
        return ONE + more + b"Content-Length: %d\r\n\r\n" % len(body) + body

    head = await busy.head()
    answer = await busy.raw(one(orjson.dumps(strike())) + one(b"{}") + one(orjson.dumps(strike()), CLOSE))
    assert [part.split(b" ")[0] for part in answer.split(b"HTTP/1.1 ")[1:]] == [b"201", b"422", b"201"]
    assert await busy.head() == head + 2


async def test_a_request_within_a_body_is_a_body(attacked: Served):
    inner = ONE + b"Content-Length: %d\r\n\r\n" % len(GOOD) + GOOD
    answer = await attacked.raw(ONE + CLOSE + b"Content-Length: %d\r\n\r\n" % len(inner) + inner)
    assert status(answer) == 400
    assert answer.count(b"HTTP/1.1") == 1


async def test_expect_100_continue_is_answered(busy: Served):
    reader, writer = await asyncio.open_connection("127.0.0.1", busy.port)
    async with asyncio.timeout(60):
        body = orjson.dumps(strike())
        writer.write(ONE + CLOSE + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(body))
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100 ")
        writer.write(body)
        assert status(await reader.read()) == 201
    writer.transport.abort()


async def test_another_expectation_cannot_be_met(attacked: Served):
    answer = await attacked.raw(ONE + CLOSE + b"Expect: a-miracle\r\nContent-Length: 2\r\n\r\n{}")
    assert status(answer) == 417


@pytest.mark.parametrize("start", [ONE, BULK])
async def test_a_body_without_an_end_is_cut_off(attacked: Served, start: bytes, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(bulk_module, "BULK_BYTES", 1_000_000)
    reader, writer = await asyncio.open_connection("127.0.0.1", attacked.port)
    writer.write(start + b"Transfer-Encoding: chunked\r\n\r\n")
    piece = b"\n" * 100 + b" " * 9_900
    sent = 0
    async with asyncio.timeout(60):
        try:
            while not reader._buffer:  # type: ignore[attr-defined]
                writer.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                sent += len(piece)
                await writer.drain()
        except ConnectionError:
            pass
        answer = await reader.read(65_536)
    writer.transport.abort()
    assert status(answer) == 413
    assert b"too-large" in answer
    assert sent < 20_000_000


@pytest.mark.parametrize("start", [ONE, BULK])
async def test_a_body_that_does_not_come_is_not_waited_for_for_ever(
    attacked: Served, start: bytes, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(requests_module, "BODY_SECONDS", 0.2)
    answer = await attacked.raw(start + b"Content-Length: 1000\r\n\r\n" + b'{"type":', whole=False)
    assert status(answer) == 408
    assert b"/problems/request-timeout" in answer


async def test_a_client_that_sends_nothing_does_no_harm(attacked: Served):
    writers = [(await asyncio.open_connection("127.0.0.1", attacked.port))[1] for _ in range(200)]
    for writer in writers:
        writer.write(ONE + b"Content-Length: 100\r\n\r\n{")
    assert (await attacked.get("/livez")).status == 200
    for writer in writers:
        writer.transport.abort()


@pytest.mark.parametrize("value", [b"\xff\xfe", b"\xed\xa0\x80", b"x" * 8_000, b"\xd0\x9e\xd0\xb4"])
@pytest.mark.parametrize("name", [b"Idempotency-Key", b"If-None-Match", b"Prefer", b"X-Request-Id", b"traceparent"])
async def test_odd_headers_are_taken_as_text_or_refused(busy: Served, name: bytes, value: bytes):
    body = orjson.dumps(strike())
    answer = await busy.raw(ONE + CLOSE + name + b": " + value + b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    assert status(answer) in {201, 400}, answer
    if status(answer) == 400:
        assert b"problem+json" in answer


@pytest.mark.parametrize("value", [b"\xff\xfe", b"Bearer \xff", b"Bearer \xed\xa0\x80"])
async def test_odd_keys_are_not_known(attacked: Served, value: bytes):
    answer = await attacked.raw(
        b"GET /v1/events HTTP/1.1\r\nHost: localhost\r\n" + CLOSE + b"Authorization: " + value + b"\r\n\r\n"
    )
    assert status(answer) == 401
    assert b"problem+json" in answer


@pytest.mark.parametrize(
    "path",
    [
        b"/\xff",
        b"/v1/events/\xff",
        b"/v1/streams/\xed\xa0\x80",
        b"/v1/events?\xff=\xff",
        b"//",
        b"/v1//events",
        b"*",
        b"http://other.example/v1/events/x",
    ],
)
async def test_odd_addresses_are_refused(attacked: Served, path: bytes):
    """In the usual way; but for what is no HTTP, which does not reach us."""
    answer = await attacked.raw(
        b"GET "
        + path
        + b" HTTP/1.1\r\nHost: localhost\r\n"
        + CLOSE
        + b"Authorization: Bearer an-admin-key-for-tests\r\n\r\n"
    )
    assert status(answer) in {400, 404}, answer
    assert b"problem+json" in answer or not path.isascii() or path == b"*", answer


async def test_who_is_gone_before_the_handshake_is_answered_is_not_taken_for_the_database(
    service: Served, monkeypatch: pytest.MonkeyPatch
):
    asked = asyncio.Event()
    handle = service.service.hub.handle

    async def once_it_is_gone(request: web.Request, *more: Any) -> web.WebSocketResponse:
        asked.set()
        await until(lambda: request.transport is None)
        return await handle(request, *more)

    monkeypatch.setattr(service.service.hub, "handle", once_it_is_gone)
    _, writer = await asyncio.open_connection("127.0.0.1", service.port)
    writer.write(
        b"GET /v1/live HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        b"Sec-WebSocket-Protocol: incidentlog.live.v1\r\nAuthorization: Bearer an-admin-key-for-tests\r\n\r\n"
    )
    await asyncio.wait_for(asked.wait(), 60)
    with capture_logs() as lines:
        writer.transport.abort()
        await until(lambda: any(line.get("path") == "/v1/live" for line in lines))
    assert [(line["event"], line["log_level"]) for line in lines] == [("gone", "info")]
    await service.unharmed()


@pytest.mark.parametrize("sent", [b"", b"GET /livez HTTP/1.1\r\nHo", b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"])
async def test_who_sends_no_whole_head_is_cut_off(service: Served, sent: bytes):
    """Nothing, half a head that goes on arriving byte by byte, and nothing more after an answer."""
    runner = Runner(make_app(service.service), access_log=None, silent_seconds=0.3)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        reader, writer = await asyncio.open_connection(*runner.addresses[0][:2])
        writer.write(sent)

        async def dribble() -> None:
            while sent and not sent.endswith(b"\r\n\r\n"):
                writer.write(b"x")
                await asyncio.sleep(0.05)

        dribbling = asyncio.create_task(dribble())
        async with asyncio.timeout(60):
            await reader.read()  # until it is closed
        dribbling.cancel()
        writer.transport.abort()
    finally:
        await runner.cleanup()
