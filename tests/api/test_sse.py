"""Following over plain HTTP: what a curl or an EventSource sees."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import orjson
import pytest

from incidentlog.live import sender
from tests.api.serving import ADMIN, Served
from tests.commands import strike
from tests.live.following import SAID

ODESA = "geonames:698740"
KYIV = {"name": "Kyiv", "country": "UA", "precision": "settlement"}
SECONDS = 60.0


@dataclass
class Events:
    """An event stream, read as the standard says (WHATWG HTML §9.2.6)."""

    answer: aiohttp.ClientResponse
    last_id: str = ""
    comments: list[str] = field(default_factory=list)
    retry: int | None = None

    async def next(self, type_: str | None = None) -> dict[str, Any]:
        """The next message, of a type if one is named."""
        data: list[str] = []
        async with asyncio.timeout(SECONDS):
            while True:
                line = (await self.answer.content.readline()).decode()
                assert line.endswith("\n"), "the stream has ended"
                name, _, value = line.rstrip("\n").partition(":")
                value = value.removeprefix(" ")
                if not line.strip():
                    if data:
                        SAID.validate_json("\n".join(data))
                        message: dict[str, Any] = orjson.loads("\n".join(data))
                        if type_ in {None, message["type"]}:
                            return message
                        data = []
                elif not name:
                    self.comments.append(value)
                elif name == "data":
                    data.append(value)
                elif name == "id":
                    self.last_id = value
                else:
                    assert name == "retry"
                    self.retry = int(value)


@asynccontextmanager
async def stream(service: Served, path: str, last_id: str = "", **params: str) -> AsyncIterator[Events]:
    headers = {"Authorization": f"Bearer {service.key}", **({"Last-Event-ID": last_id} if last_id else {})}
    timeout = aiohttp.ClientTimeout(total=None)
    await service.ready()
    async with service.session.get(service.url + path, headers=headers, params=params, timeout=timeout) as answer:
        assert answer.status == 200, await answer.text()
        assert answer.headers["Content-Type"] == "text/event-stream"
        assert answer.headers["Cache-Control"] == "no-store"
        yield Events(answer)


CITIES = "/v1/projections/city_incidents/stream"


async def test_a_projection_comes_as_a_snapshot_and_then_each_change(service: Served):
    await service.add(strike())
    await service.settled()
    async with stream(service, CITIES) as events:
        told = await events.next()
        assert (told["type"], told["mode"], told["position"]) == ("subscribed", "snapshot", 1)
        snapshot = await events.next()
        assert snapshot["rows"].keys() == {ODESA}
        assert 250 <= (events.retry or 0) <= 30_000
        await service.add(strike(killed=2))
        update = await events.next("update")
        assert (update["from"], update["to"], update["set"][ODESA]["incidents"]) == (1, 2, 2)
        epoch, position, at = events.last_id.split(":", 2)
        assert epoch.startswith(told["epoch"])
        assert (position, at) == ("2", update["at"].replace("Z", "+00:00"))


async def test_a_stream_is_grouped_and_narrowed_as_when_it_is_read(service: Served):
    await service.add(strike(), strike(place=KYIV))
    await service.settled()
    asked = {"group_by": "kind,place", "place": "geonames:703448"}
    async with stream(service, CITIES, **asked) as events:
        assert (await events.next("snapshot"))["rows"] == await service.rows("city_incidents", **asked)


async def test_last_event_id_goes_on_where_the_stream_broke_off(service: Served):
    await service.add(strike())
    await service.settled()
    async with stream(service, CITIES) as events:
        await events.next("snapshot")
        last_id = events.last_id
    await service.add(strike(), strike(place=KYIV))
    await service.settled()
    async with stream(service, CITIES, last_id) as events:
        assert (await events.next())["mode"] == "resume"
        update = await events.next()
        assert (update["type"], update["from"], update["to"]) == ("update", 1, 3)
        assert update["set"].keys() == {ODESA, "geonames:703448"}


async def test_the_id_of_another_stream_or_epoch_begins_anew(service: Served):
    await service.add(strike())
    await service.settled()
    async with stream(service, CITIES) as events:
        await events.next("snapshot")
        last_id = events.last_id
    async with stream(service, CITIES, last_id, group_by="kind") as events:
        told = await events.next()
        assert (told["mode"], told["reason"]) == ("snapshot", "version_changed")
    async with stream(service, CITIES, last_id.replace(".0~", ".7~")) as events:
        told = await events.next()
        assert (told["mode"], told["reason"]) == ("snapshot", "epoch_changed")


async def test_the_log_comes_from_its_head_or_after_a_position_and_each_event_once(service: Served):
    await service.add(strike(), strike(place=KYIV), strike())
    await service.settled()
    async with stream(service, "/v1/events/stream") as live, stream(service, "/v1/events/stream", after="1") as all_:
        assert (await live.next())["position"] == 3
        assert (await all_.next())["position"] == 1
        assert [e["position"] for e in (await all_.next("events"))["items"]] == [2, 3]
        assert (await all_.next())["code"] == "caught_up"
        await service.add(strike())
        assert [e["position"] for e in (await live.next("events"))["items"]] == [4]
        last_id = all_.last_id
    async with stream(service, "/v1/events/stream", last_id) as again:
        assert [e["position"] for e in (await again.next("events"))["items"]] == [4]


async def test_heartbeats_are_comments_and_move_the_id_on_through_what_the_filter_leaves_out(service: Served):
    service.service.hub.heartbeat_seconds = 0.1
    async with stream(service, "/v1/events/stream", city="geonames:703448") as events:
        await events.next("subscribed")
        await service.add(strike(), strike())
        reading = asyncio.create_task(events.next("events"))
        async with asyncio.timeout(SECONDS):
            while f":{2}:" not in events.last_id:
                await asyncio.sleep(0.01)
        assert "heartbeat" in events.comments
        await service.add(strike(place=KYIV))
        message = await reading
        assert (message["from"], message["to"]) == (0, 3)


@pytest.mark.parametrize(
    ("path", "params", "headers", "pointer"),
    [
        (CITIES, {"colour": "red"}, {}, "/colour"),
        (CITIES, {"country": "UKR"}, {}, "/country"),
        (CITIES, {"month": "May"}, {}, "/month"),
        ("/v1/events/stream", {"country": "UKR"}, {}, "/country"),
        (CITIES, {"group_by": "colour"}, {}, "/group_by"),
        (CITIES, {"after": "1"}, {}, "/after"),
        (CITIES, {"min_interval_ms": "60001"}, {}, "/min_interval_ms"),
        (CITIES, {}, {"Last-Event-ID": "7"}, "/Last-Event-ID"),
        ("/v1/events/stream", {"type": "none"}, {}, "/type"),
        ("/v1/events/stream", {"after": "-1"}, {}, "/after"),
        ("/v1/events/stream", {"group_by": "type"}, {}, "/group_by"),
        ("/v1/projections/ceasefire_status/stream", {"kind": "x"}, {}, "/kind"),
    ],
)
async def test_what_cannot_be_streamed_is_refused_before_the_first_byte(
    busy: Served, path: str, params: Mapping[str, str], headers: Mapping[str, str], pointer: str
):
    await busy.ready()
    answer = await busy.ask("GET", path, params=params, headers=headers)
    assert (answer.status, answer.slug) == (400, "bad-request")
    assert pointer in answer.faults


async def test_a_stream_needs_a_key_and_a_projection(busy: Served):
    assert (await busy.by(None).get(CITIES)).slug == "unauthenticated"
    assert (await busy.get("/v1/projections/tides/stream")).slug == "not-found"


async def test_when_the_service_stops_streams_say_so_and_end(service: Served):
    async with stream(service, CITIES) as events:
        await events.next("snapshot")
        closing = asyncio.create_task(service.service.hub.close())
        assert (await events.next("notice"))["code"] == "draining"
        assert await events.answer.content.read() == b""
        await closing
    assert (await service.get(CITIES)).status == 503


async def test_the_stream_of_a_revoked_key_ends_with_the_reason(service: Served):
    async with stream(service, CITIES) as events:
        await events.next("snapshot")
        connection = await service.access.connect()
        await connection.execute("UPDATE api_keys SET revoked_at = now()")
        await connection.close()
        service.service.keys._seen.clear()
        await service.service.hub._check(tuple(service.service.hub._sessions))
        assert (await events.next("error"))["code"] == "unauthenticated"
        assert await events.answer.content.read() == b""


async def test_a_stream_that_nobody_reads_is_cut_off(service: Served, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sender, "SEND_SECONDS", 0.5)
    for n in range(100):
        await service.fill(*(strike(stream=f"strike:{n}-{m}", notes="x" * 4_000) for m in range(10)))
    await service.settled()
    with contextlib.closing(socket.socket()) as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(deaf, ("127.0.0.1", service.port))
        await loop.sock_sendall(
            deaf,
            f"GET /v1/events/stream?after=0 HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {ADMIN}\r\n\r\n".encode(),
        )
        async with asyncio.timeout(SECONDS):
            while not service.service.hub._sessions:
                await asyncio.sleep(0.01)
            while service.service.hub._sessions:
                await asyncio.sleep(0.01)
