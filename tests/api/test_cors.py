"""Whose pages may read: those of origins that are set, with a key, and never by another's cookie."""

from collections.abc import AsyncIterator

import aiohttp
import pytest
from pydantic import ValidationError

from incidentlog.config import Settings
from incidentlog.embedded import Server
from incidentlog.live import PROTOCOL
from tests.api.serving import ADMIN, Served, serving
from tests.commands import strike
from tests.conftest import log_called

MAP = "https://map.example"
OTHERS = [
    "https://map.example.evil.example",
    "https://MAP.example",
    "http://map.example",
    "null",
    "https://other.example",
]
ALLOW = "Access-Control-Allow-Origin"


@pytest.fixture(scope="module")
async def shown(server: Server) -> AsyncIterator[Served]:
    """A log that pages of one other origin may read."""
    async with (
        log_called("test_api_cors", server) as access,
        serving(access, settings=Settings(origins=[MAP], open_read=True)) as served,
    ):
        yield served.by(None)


@pytest.fixture(scope="module")
async def anybodys(server: Server) -> AsyncIterator[Served]:
    """A log that every page may read."""
    async with (
        log_called("test_api_cors_any", server) as access,
        serving(access, settings=Settings(origins=["*"], open_read=True)) as served,
    ):
        yield served.by(None)


def asked(origin: str, method: str = "GET") -> dict[str, str]:
    """What a browser asks before a page's request."""
    return {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "authorization",
    }


@pytest.mark.parametrize(
    "path", ["/v1/events", "/v1/projections", "/log/key", "/asyncapi.json", "/nowhere", "/v1/keys"]
)
async def test_a_page_of_an_origin_that_is_set_sees_answers_and_refusals(shown: Served, path: str):
    answer = await shown.get(path, {"Origin": MAP})
    assert answer.headers[ALLOW] == MAP
    assert "Origin" in answer.headers["Vary"]
    assert "Log-Position" in answer.headers["Access-Control-Expose-Headers"]
    assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize("origin", [*OTHERS, None])
async def test_pages_of_others_do_not_and_no_cache_shows_them_what_it_kept(shown: Served, origin: str | None):
    answer = await shown.get("/v1/events", {"Origin": origin} if origin else {})
    assert answer.status == 200
    assert ALLOW not in answer.headers
    assert "Origin" in answer.headers["Vary"]
    if origin:
        assert (await shown.ask("OPTIONS", "/v1/events", headers=asked(origin))).status == 405


async def test_a_browser_is_told_that_a_page_may_read_with_a_key(shown: Served):
    for method in ("GET", "HEAD"):
        granted = await shown.ask("OPTIONS", "/v1/events", headers=asked(MAP, method))
        assert (granted.status, granted.headers[ALLOW]) == (204, MAP)
        assert granted.headers["Access-Control-Allow-Methods"] == "GET, HEAD"
        assert "Authorization" in granted.headers["Access-Control-Allow-Headers"]
        assert "Access-Control-Allow-Credentials" not in granted.headers


@pytest.mark.parametrize("method", ["POST", "DELETE", "PUT", "PATCH", "get", ""])
async def test_nothing_is_granted_to_a_page_that_would_write(shown: Served, method: str):
    """A browser lets POST through whatever methods are named, so there must be no grant at all."""
    answer = await shown.ask("OPTIONS", "/v1/events", headers=asked(MAP, method))
    assert answer.status == 405
    assert ALLOW not in answer.headers
    written = await shown.by(ADMIN).post(strike(), headers={"Origin": MAP})
    assert ALLOW not in written.headers


async def test_what_is_no_question_of_a_browser_is_not_allowed(shown: Served):
    for headers in ({}, {"Origin": MAP}, {"Access-Control-Request-Method": "GET"}):
        answer = await shown.ask("OPTIONS", "/v1/events", headers=headers)
        assert (answer.status, answer.slug) == (405, "method-not-allowed")


async def test_streams_are_shown_too(shown: Served):
    async with shown.session.get(f"{shown.url}/v1/events/stream", headers={"Origin": MAP}) as response:
        assert response.headers[ALLOW] == MAP


@pytest.mark.parametrize("name", ["shown", "anybodys"])
async def test_what_a_cookie_opens_is_shown_to_no_other_page(name: str, shown: Served, anybodys: Served):
    service = {"shown": shown, "anybodys": anybodys}[name]
    signed = await service.by(ADMIN).ask("POST", "/v1/session", headers={"Origin": MAP})
    assert ALLOW not in signed.headers
    cookie = {"Cookie": signed.headers["Set-Cookie"].partition(";")[0]}
    for path in ("/v1/events", "/v1/session"):
        answer = await service.get(path, {**cookie, "Origin": MAP})
        assert "Access-Control-Allow-Credentials" not in answer.headers
        assert answer.status == (403 if path == "/v1/events" else 200)
    assert ALLOW not in (await service.get("/v1/session", {**cookie, "Origin": MAP})).headers
    own = await service.get("/v1/events", {**cookie, "Origin": service.url})
    assert own.status == 200
    assert ALLOW not in own.headers
    assert (await service.ask("OPTIONS", "/v1/session", headers=asked(MAP))).status == 405


async def test_every_page_may_be_let_read(anybodys: Served):
    for origin in (MAP, "null"):
        answer = await anybodys.get("/v1/events", {"Origin": origin})
        assert answer.headers[ALLOW] == "*"
        assert "Access-Control-Allow-Credentials" not in answer.headers
        assert (await anybodys.ask("OPTIONS", "/v1/events", headers=asked(origin))).headers[ALLOW] == "*"
        assert (await anybodys.ask("OPTIONS", "/v1/events", headers=asked(origin, "POST"))).status == 405
    async with anybodys.session.ws_connect(
        f"{anybodys.url}/v1/live", protocols=[PROTOCOL], headers={"Origin": MAP}
    ) as socket:
        assert (await socket.receive_json(timeout=60))["type"] == "welcome"


async def test_without_the_setting_no_other_page_may(timeline: Served):
    answer = await timeline.get("/v1/events", {"Origin": MAP})
    assert ALLOW not in answer.headers
    assert (await timeline.ask("OPTIONS", "/v1/events", headers=asked(MAP))).status == 405


async def test_a_name_that_was_pointed_here_is_granted_nothing(anybodys: Served):
    rebound = {"Host": "evil.example", **asked("http://evil.example")}
    assert (await anybodys.ask("OPTIONS", "/v1/events", headers=rebound)).status == 421
    with pytest.raises(aiohttp.WSServerHandshakeError):
        await anybodys.session.ws_connect(f"{anybodys.url}/v1/live", protocols=[PROTOCOL], headers=rebound)


@pytest.mark.parametrize(
    "given",
    [
        {"origins": ["*", MAP]},
        {"origins": ["https://*.example"]} | {"proxies": ["x"]},
        {"proxies": ["10.0.0.0/33"]},
        {"proxies": ["0.0.0.0/0"]},
        {"proxies": ["::/0"]},
        {"proxies": ["proxy.example"]},
        {"proxy_header": "x-real-ip"},
    ],
)
def test_what_is_no_origin_and_no_proxy_cannot_be_set(given: dict[str, object]):
    with pytest.raises(ValidationError):
        Settings(**given)
