"""A browser signs in, reads and follows by its cookie, which does nothing else."""

from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from http.cookies import Morsel, SimpleCookie
from typing import Any
from uuid import uuid4

import aiohttp
import pytest

from incidentlog.config import Settings
from incidentlog.events.values import Tlp
from incidentlog.live import PROTOCOL
from incidentlog.service.keys import SESSION_FOR
from incidentlog.store import sessions
from incidentlog.store.connect import Access, Connection
from tests.api.serving import ADMIN, NOW, Answer, Served, make_key, serving
from tests.api.test_access import entries
from tests.commands import strike

READER = "a-key-that-reads-only"


@pytest.fixture
async def service(access: Access) -> AsyncIterator[Served]:
    """The service, which is asked by a name of its own, too."""
    async with serving(access, settings=Settings(hosts=["log.example.org"])) as served:
        yield served


def cookie_of(answer: Answer) -> Morsel[str]:
    """The one cookie that is set."""
    (cookie,) = SimpleCookie(answer.headers["Set-Cookie"]).values()
    return cookie


async def signed_in(service: Served, key: str = ADMIN) -> dict[str, str]:
    """Sign in; what a browser sends from then on."""
    answer = await service.by(key).ask("POST", "/v1/session")
    assert answer.status == 200, answer
    cookie = cookie_of(answer)
    return {"Cookie": f"{cookie.key}={cookie.value}"}


async def following(service: Served, headers: Mapping[str, str]) -> tuple[int, str]:
    """Open a WebSocket; the status, and who one is told to be, or which problem there is."""
    asked = service.session.ws_connect(f"{service.url}/v1/live", protocols=[PROTOCOL], headers=headers)
    try:
        async with asked as socket:
            return 101, (await socket.receive_json(timeout=60))["auth"]["name"]
    except aiohttp.WSServerHandshakeError as error:
        return error.status, ""


async def test_a_browser_that_signed_in_follows_by_its_cookie(service: Served):
    await make_key(service.access, "reader", READER, scopes=("read",), clearance=Tlp.GREEN)
    headers = await signed_in(service, READER)
    assert await following(service, headers) == (101, "reader")
    assert await following(service, {**headers, "Origin": service.url}) == (101, "reader")
    opened = service.session.get(f"{service.url}/v1/events/stream", headers=headers)
    async with opened as stream:
        assert (stream.status, stream.content_type) == (200, "text/event-stream")
    told = (await service.by(None).get("/v1/session", headers)).json["session"]
    assert told == {"name": "reader", "clearance": Tlp.GREEN, "expires_at": "2026-03-02T00:00:00Z"}
    assert (await service.by(None).get("/v1/session")).json["session"] is None


async def test_no_script_sees_the_cookie_and_no_other_site_sends_it(service: Served):
    answer = await service.ask("POST", "/v1/session")
    cookie = cookie_of(answer)
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Strict", "/v1")
    assert (cookie["max-age"], cookie["domain"], cookie["secure"]) == ("43200", "", "")
    assert ADMIN not in answer.headers["Set-Cookie"]
    assert cookie.value not in answer.raw.decode()
    elsewhere = await service.ask("POST", "/v1/session", headers={"Host": "log.example.org"})
    assert cookie_of(elsewhere)["secure"] is True


READS = (
    "/v1/events",
    "/v1/events?format=csv",
    "/v1/projections",
    "/v1/projections/city_incidents",
    "/v1/projections/city_incidents?group_by=place&format=csv",
    "/v1/projections/city_incidents?group_by=place&format=geojson",
    "/v1/diff?projection=city_incidents&from_position=0",
    "/v1/places?q=Odesa",
    "/v1/replay?speed=0&format=ndjson",
)


async def test_the_cookie_opens_what_its_key_may_read_and_no_cache_keeps_it(service: Served):
    await make_key(service.access, "reader", READER, scopes=("read",))
    await service.add(strike(), strike(tlp="RED", stream="strike:hidden"))
    await service.settled()
    signed = await signed_in(service, READER)
    for path in READS:
        by_key = await service.by(READER).get(path)
        answer = await service.by(None).get(path, signed)
        assert (answer.status, answer.raw) == (by_key.status, by_key.raw), path
        assert answer.status == 200, answer
        assert b"hidden" not in answer.raw, path
        assert answer.headers["Cache-Control"] == "no-store", path
        assert (await service.by(None).get(path)).status == 401, path


async def test_what_a_cookie_opened_is_shown_in_no_page_of_another_origin(service: Served):
    answer = await service.by(None).get("/v1/projections", await signed_in(service))
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_an_answer_for_ever_that_all_may_read_is_not_shown_to_who_signed_in_since(access: Access):
    async with serving(access, settings=Settings(open_read=True)) as service:
        await service.add(strike(tlp="RED"))
        head = await service.settled()
        path = f"/v1/projections/city_incidents?at_position={head}&at=2026-01-01"
        for_all = await service.by(None).get(path)
        assert "immutable" in for_all.headers["Cache-Control"]
        assert {"Authorization", "Cookie"} <= set(for_all.headers["Vary"].split(", "))
        signed = await service.by(None).get(path, await signed_in(service))
        assert signed.raw != for_all.raw
        assert signed.headers["Cache-Control"] == "no-store"


async def test_the_cookie_does_nothing_but_read_whatever_its_key_may(service: Served):
    headers = await signed_in(service)
    assert (await service.by(None).post(strike(), headers=headers)).status == 401
    tried = 0
    for route in service.app.router.routes():
        path = route.resource.canonical if route.resource else ""
        if route.method in {"GET", "HEAD", "*"} or path == "/v1/session":
            continue
        asked = path.format(stream="strike:x", name="admin", id=str(uuid4()), webhook=str(uuid4()))
        answer = await service.by(None).ask(route.method, asked, data=b"{}", headers=headers)
        assert answer.status == 401, (route.method, asked, answer)
        tried += 1
    assert tried >= 5
    assert await service.head() == 0
    assert (await service.get("/v1/keys/admin")).json["revoked_at"] is None


@pytest.mark.parametrize("path", ["/v1/access", "/v1/keys"])
async def test_what_needs_more_than_reading_needs_the_key_itself(service: Served, path: str):
    assert (await service.by(None).get(path, await signed_in(service))).status == 403
    assert (await service.get(path)).status == 200


async def test_what_is_private_needs_the_key_itself(service: Served):
    event = strike(private={"witness": "somebody"})
    await service.add(event)
    path = f"/v1/events/{event['id']}"
    headers = await signed_in(service)
    assert (await service.by(None).get(path, headers)).status == 200
    refused = await service.by(None).get(path, headers, private="true")
    assert refused.status == 403
    assert (await service.get(path, private="true")).json["private"] == event["private"]


async def test_what_is_read_by_a_cookie_is_noted_for_its_key(service: Served):
    await make_key(service.access, "reader", READER, scopes=("read",))
    await service.by(None).get("/v1/projections", await signed_in(service, READER))
    assert [(e["key"], e["route"]) for e in await entries(service, 1)] == [("reader", "GET /v1/projections")]


async def test_a_key_that_is_given_counts_and_the_cookie_beside_it_does_not(service: Served):
    headers = await signed_in(service)
    assert (await service.by("no-such-key").get("/v1/projections", headers)).status == 401
    assert "Cross-Origin-Resource-Policy" not in (await service.get("/v1/projections", headers)).headers


async def test_a_cookie_that_is_not_good_is_told_where_all_may_read(access: Access):
    async with serving(access, settings=Settings(open_read=True)) as service:
        headers = await signed_in(service)
        await service.by(None).ask("DELETE", "/v1/session", headers=headers)
        answer = await service.by(None).get("/v1/projections", headers)
        assert (answer.status, answer.headers["Cache-Control"]) == (401, "no-store")


async def test_what_the_cookie_holds_is_no_key(service: Served):
    token = (await signed_in(service))["Cookie"].partition("=")[2]
    assert (await service.by(token).get("/v1/events")).slug == "unauthenticated"
    assert (await service.by(token).ask("POST", "/v1/session")).slug == "unauthenticated"
    cookie = (await signed_in(service))["Cookie"].partition("=")[0]
    assert await following(service, {"Cookie": f"{cookie}={ADMIN}"}) == (401, "")


async def test_a_page_of_another_origin_cannot_use_it_even_where_it_may_follow(access: Access):
    others = "http://127.0.0.1:1"
    async with serving(access, settings=Settings(origins=[others])) as service:
        headers = await signed_in(service)
        assert await following(service, {"Origin": others, "Authorization": f"Bearer {ADMIN}"}) == (101, "admin")
        assert await following(service, {**headers, "Origin": others}) == (403, "")
        refused = await service.by(None).get("/v1/events/stream", {**headers, "Origin": others})
        assert (refused.status, refused.slug) == (403, "forbidden")


async def test_signing_in_needs_a_key_that_reads(access: Access):
    async with serving(access, settings=Settings(open_read=True)) as service:
        await make_key(access, "reporter", "a-key-that-reports", scopes=("report",))
        for key, status in ((None, 401), ("no-such-key", 401), ("a-key-that-reports", 403)):
            answer = await service.by(key).ask("POST", "/v1/session")
            assert answer.status == status
            assert "Set-Cookie" not in answer.headers
        assert await following(service, {}) == (101, "open")
        headers = await signed_in(service)
        assert await following(service, headers) == (101, "admin")


async def test_who_signs_out_is_out(service: Served):
    headers = await signed_in(service)
    answer = await service.by(None).ask("DELETE", "/v1/session", headers=headers)
    assert (answer.status, cookie_of(answer)["max-age"]) == (204, "0")
    assert await following(service, headers) == (401, "")
    assert (await service.by(None).get("/v1/projections", headers)).status == 401
    assert (await service.by(None).get("/v1/session", headers)).json["session"] is None
    assert (await service.by(None).ask("DELETE", "/v1/session")).status == 204


async def test_a_browser_learns_whether_it_needs_a_key_and_its_cookie_is_taken_back_once_it_opens_nothing(
    access: Access,
):
    async with serving(access, settings=Settings(open_read=True)) as service:
        headers = await signed_in(service)
        assert "Set-Cookie" not in (await service.by(None).get("/v1/session", headers)).headers
        await service.by(None).ask("DELETE", "/v1/session", headers=headers)
        answer = await service.by(None).get("/v1/session", headers)
        assert (answer.json, cookie_of(answer)["max-age"]) == ({"session": None, "open": True}, "0")
    async with serving(access, again=True) as closed:
        assert (await closed.by(None).get("/v1/session")).json == {"session": None, "open": False}


async def test_of_one_key_only_so_many_browsers_are_signed_in(service: Served, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sessions, "MOST", 2)
    browsers = []
    for _ in range(3):
        browsers.append(await signed_in(service))
        await service.clock.advance(service.clock.now() + timedelta(minutes=1))
    assert [(await service.by(None).get("/v1/events", headers)).status for headers in browsers] == [401, 200, 200]


async def test_a_session_ends_after_its_time_and_is_forgotten(service: Served):
    headers = await signed_in(service)
    async with service.session.ws_connect(f"{service.url}/v1/live", protocols=[PROTOCOL], headers=headers) as socket:
        assert (await socket.receive_json(timeout=60))["type"] == "welcome"
        await service.clock.advance(NOW + SESSION_FOR)
        closed = await socket.receive(timeout=60)
        assert (closed.type, closed.data) == (aiohttp.WSMsgType.CLOSE, 4401)
    assert await following(service, headers) == (401, "")
    assert (await service.by(None).get("/v1/projections", headers)).status == 401
    await signed_in(service)
    assert await service.service.pool.fetchval("SELECT count(*) FROM sessions") == 1


@pytest.mark.parametrize(
    "ended",
    ["revoked_at = now()", "digest = sha256('another')"],
    ids=["revoked", "replaced"],
)
async def test_a_session_ends_with_its_key(service: Served, ended: str):
    await make_key(service.access, "reader", READER, scopes=("read",))
    headers = await signed_in(service, READER)
    connection = await service.access.connect()
    try:
        await connection.execute(f"UPDATE api_keys SET {ended} WHERE key_id = 'reader'")
    finally:
        await connection.close()
    await service.clock.advance(NOW + timedelta(seconds=11))
    assert await following(service, headers) == (401, "")
    assert (await service.by(None).get("/v1/projections", headers)).status == 401


async def test_another_service_on_the_log_knows_the_session(access: Access):
    async with serving(access) as one, serving(access, again=True) as other:
        assert await following(other, await signed_in(one)) == (101, "admin")


async def test_ending_a_session_that_is_not_there_costs_the_database_next_to_nothing(
    service: Served, access: Access, monkeypatch: pytest.MonkeyPatch
):
    cookie = (await signed_in(service))["Cookie"].partition("=")[0]

    class Refusing(Access):
        """What the routes connect with; the eraser and the notary have their own."""

        async def connect(self, *_: Any, **__: Any) -> Connection:
            raise AssertionError("a connection was made for somebody who is not known")

    monkeypatch.setattr(service.service, "access", Refusing(access.admin))
    answer = await service.by(None).ask("DELETE", "/v1/session", headers={"Cookie": f"{cookie}=ils_nobody"})
    assert (answer.status, cookie_of(answer)["max-age"]) == (204, "0")


async def test_a_request_that_another_page_made_is_not_let_in_by_the_cookie(service: Served):
    headers = await signed_in(service)
    for sent in (
        {"Host": "log.example.org", "Origin": "http://log.example.org"},
        {"Host": "log.example.org", "Origin": "https://other.example.org"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site"},
    ):
        assert await following(service, {**headers, **sent}) == (403, ""), sent
        assert (await service.by(None).get("/v1/projections", {**headers, **sent})).slug == "forbidden", sent


async def test_the_services_own_page_behind_tls_is_let_in(service: Served):
    own = {"Host": "log.example.org", "Origin": "https://log.example.org", "Sec-Fetch-Site": "same-origin"}
    assert await following(service, {**await signed_in(service), **own}) == (101, "admin")


async def test_a_key_that_begins_as_a_sessions_token_does_is_a_key(service: Served):
    await make_key(service.access, "odd", "ils_a-key-that-was-given", scopes=("read",))
    keys = service.service.keys
    assert (await keys.by_token("ils_a-key-that-was-given")).name == "odd"
