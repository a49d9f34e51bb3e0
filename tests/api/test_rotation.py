"""A key is rotated without a gap, expires when it should, is limited by itself, and it is known when it was used last."""

import asyncio
from datetime import timedelta
from typing import Any

import orjson
import pytest

from incidentlog.audit.keys import change_key, put_key, rotate_key
from incidentlog.events.values import Tlp
from incidentlog.live import PROTOCOL
from incidentlog.service.keys import digest, first_key
from incidentlog.store.connect import Access
from incidentlog.store.keys import Care, read_key
from tests.api.serving import NOW, Served, make_key, serving
from tests.api.test_keyring import closed
from tests.commands import strike

OLD, NEW, NEWER = "the-secret-at-first", "the-secret-after-it", "the-secret-after-that"
HOUR = timedelta(hours=1)


@pytest.fixture
async def service(service: Served) -> Served:
    await make_key(service.access, "feed", OLD, scopes=("read", "report"))
    return service


async def rotate(service: Served, secret: str, overlap: timedelta = HOUR) -> None:
    connection = await service.access.connect()
    now = service.clock.now()
    assert await rotate_key(connection, "feed", digest(secret), former_until=now + overlap, now=now)
    await connection.close()
    await service.service.keys.look()


async def care(service: Served, **given: Any) -> None:
    connection = await service.access.connect()
    assert await change_key(connection, "feed", Care(**given), now=NOW)
    await connection.close()
    await service.service.keys.look()


async def opens(service: Served, *secrets: str) -> list[int]:
    return [(await service.by(secret).get("/v1/events")).status for secret in secrets]


async def test_both_secrets_open_the_same_until_the_overlap_is_over(service: Served):
    assert await opens(service, OLD) == [200]
    await rotate(service, NEW)
    assert await opens(service, OLD, NEW) == [200, 200]
    told = (await service.get("/v1/keys/feed")).json
    assert told["former_until"] == "2026-03-01T13:00:00Z"
    for secret in (OLD, NEW):
        posted = await service.by(secret).post(strike())
        assert (await service.get(f"/v1/events/{posted.json['id']}")).json["recorded_by"] == "feed"
    await service.clock.advance(NOW + HOUR - timedelta(seconds=1))
    assert await opens(service, OLD, NEW) == [200, 200]
    await service.clock.advance(NOW + HOUR)
    assert await opens(service, OLD, NEW) == [401, 200]


async def test_rotated_again_only_the_last_two_secrets_open_anything(service: Served):
    await rotate(service, NEW)
    await rotate(service, NEWER)
    assert await opens(service, OLD, NEW, NEWER) == [401, 200, 200]
    await rotate(service, OLD, timedelta(0))
    assert await opens(service, NEWER, OLD) == [401, 200]


async def test_a_key_that_is_revoked_or_made_anew_has_no_former_secret(service: Served):
    await rotate(service, NEW)
    connection = await service.access.connect()
    await put_key(connection, "feed", digest(NEWER), ["read"], Tlp.CLEAR, now=NOW)
    await service.service.keys.look()
    assert await opens(service, OLD, NEW, NEWER) == [401, 401, 200]
    await rotate(service, NEW)
    await service.ask("DELETE", "/v1/keys/feed")
    assert await opens(service, NEWER, NEW) == [401, 401]
    assert not await rotate_key(connection, "feed", digest(OLD), former_until=NOW + HOUR, now=NOW)
    assert not await change_key(connection, "feed", Care("x"), now=NOW)
    await connection.close()


async def test_a_session_and_a_socket_of_the_secret_before_go_on_until_it_ends(service: Served):
    signed = await service.by(OLD).ask("POST", "/v1/session")
    cookie = {"Cookie": signed.headers["Set-Cookie"].partition(";")[0]}
    auth = {"Authorization": f"Bearer {OLD}"}
    async with service.session.ws_connect(f"{service.url}/v1/live", protocols=[PROTOCOL], headers=auth) as socket:
        assert (await socket.receive_json(timeout=60))["type"] == "welcome"
        await rotate(service, NEW)
        await socket.send_json({"type": "ping", "ref": 1})
        assert (await socket.receive_json(timeout=60))["type"] == "pong"
        assert (await service.by(None).get("/v1/events", cookie)).status == 200
        await service.clock.advance(NOW + HOUR)
        async with asyncio.timeout(60):
            assert await closed(socket) == 4401
    assert (await service.by(None).get("/v1/events", cookie)).status == 401


async def test_a_body_that_is_on_its_way_while_its_key_is_rotated_is_appended(service: Served):
    line = orjson.dumps(strike())
    reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
    head = f"POST /v1/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {OLD}\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(line)}\r\nConnection: close\r\n\r\n"
    async with asyncio.timeout(60):
        writer.write(head.encode() + line[:20])
        await writer.drain()
        while not service.service.keys.remembers(OLD):
            await asyncio.sleep(0.01)
        await rotate(service, NEW)
        writer.write(line[20:])
        assert (await reader.read(65_536)).startswith(b"HTTP/1.1 201 ")
    writer.transport.abort()


async def test_a_key_expires_at_its_instant_and_may_be_given_longer(service: Served):
    await care(service, expires_at=NOW + HOUR)
    assert await opens(service, OLD) == [200]
    await service.clock.advance(NOW + HOUR)
    refused = await service.by(OLD).get("/v1/events")
    assert (refused.status, refused.json["detail"]) == (401, "the key has expired")
    await care(service, expires_at=NOW + 2 * HOUR)
    assert await opens(service, OLD) == [200]
    await care(service)
    await service.clock.advance(NOW + 100 * HOUR)
    assert await opens(service, OLD) == [200]


async def test_a_session_ends_with_its_key(service: Served):
    await care(service, expires_at=NOW + HOUR)
    signed = await service.by(OLD).ask("POST", "/v1/session")
    assert signed.json["session"]["expires_at"] == "2026-03-01T13:00:00Z"
    cookie = {"Cookie": signed.headers["Set-Cookie"].partition(";")[0]}
    assert (await service.by(None).get("/v1/events", cookie)).status == 200
    await service.clock.advance(NOW + HOUR)
    assert (await service.by(None).get("/v1/events", cookie)).status == 401


async def test_a_key_has_a_limit_of_its_own(service: Served):
    await care(service, requests=2)
    service.service.rates.seconds = lambda: 0.0
    answers = [await service.by(OLD).get("/v1/events") for _ in range(3)]
    assert [a.status for a in answers] == [200, 200, 429]
    assert answers[0].headers["RateLimit-Policy"] == '"key";q=2;w=60'
    await care(service, requests=0)
    answer = await service.by(OLD).get("/v1/events")
    assert (answer.status, "RateLimit" in answer.headers) == (200, False)


async def test_the_hour_of_the_last_use_is_written_once(service: Served, monkeypatch: pytest.MonkeyPatch):
    keys = service.service.keys
    written: list[tuple[list[str], Any]] = []
    note = keys._note_used
    assert note is not None

    async def counted(key_ids: Any, hour: Any) -> None:
        written.append((list(key_ids), hour))
        await note(key_ids, hour)

    monkeypatch.setattr(keys, "_note_used", counted)
    assert (await service.get("/v1/keys/feed")).json["last_used_at"] is None
    await service.clock.advance(NOW + timedelta(minutes=59))
    for _ in range(20):
        assert await opens(service, OLD) == [200]
    async with asyncio.timeout(60):
        while (await service.get("/v1/keys/feed")).json["last_used_at"] != "2026-03-01T12:00:00Z":
            await asyncio.sleep(0.02)
    await keys.note()
    assert [hour for names, hour in written if "feed" in names] == [NOW]
    await service.clock.advance(NOW + HOUR)
    await opens(service, OLD)
    await keys.note()
    assert (await service.get("/v1/keys/feed")).json["last_used_at"] == "2026-03-01T13:00:00Z"


async def test_what_is_not_known_to_have_been_used_yet_is_noted_later(service: Served, monkeypatch: pytest.MonkeyPatch):
    keys = service.service.keys
    note = keys._note_used

    async def away(_: Any, __: Any) -> None:
        raise ConnectionError

    monkeypatch.setattr(keys, "_note_used", away)
    await opens(service, OLD)
    with pytest.raises(ConnectionError):
        await keys.note()
    monkeypatch.setattr(keys, "_note_used", note)
    await keys.note()
    assert (await service.get("/v1/keys/feed")).json["last_used_at"] == "2026-03-01T12:00:00Z"


async def test_a_start_with_the_given_admin_key_leaves_how_it_is_looked_after(access: Access):
    given = "an-admin-key-that-is-given"
    await first_key(access, given)
    connection = await access.connect()
    assert await change_key(connection, "admin", Care("whose", None, 7), now=NOW)
    await first_key(access, given)
    key = await read_key(connection, "admin")
    assert key is not None
    assert key.care == Care("whose", None, 7)
    await connection.close()
    async with serving(access, again=True) as service:
        assert (await service.by(given).get("/v1/events")).headers["RateLimit-Policy"] == '"key";q=7;w=60'
