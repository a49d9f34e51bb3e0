"""By which names the service may be asked: a page that points its own name at this machine reads nothing."""

from collections.abc import AsyncIterator

import aiohttp
import pytest
from pydantic import ValidationError

from incidentlog.config import Settings
from incidentlog.live import PROTOCOL
from incidentlog.service.hosts import Hosts, is_loopback
from incidentlog.store.connect import Access
from tests.api.serving import ADMIN, Served, serving
from tests.commands import strike
from tests.conftest import Server, log_called

OWN = ["localhost", "LOCALHOST:8080", "localhost.", "127.0.0.1", "127.0.0.1:1", "[::1]", "[::1]:8080", "10.0.0.5:80"]
OTHERS = [
    "evil.example",
    "evil.example:8080",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "evil-localhost",
    "x",
]


@pytest.fixture(scope="module")
async def open_log(server: Server) -> AsyncIterator[Served]:
    """A log on loopback that anybody may read."""
    async with (
        log_called("test_api_hosts", server) as access,
        serving(access, settings=Settings(open_read=True)) as served,
    ):
        yield served.by(None)


@pytest.mark.parametrize("host", OWN)
async def test_it_is_asked_by_the_names_of_this_machine_and_by_addresses(open_log: Served, host: str):
    assert (await open_log.get("/v1/events", {"Host": host})).status == 200


@pytest.mark.parametrize("host", OTHERS)
async def test_by_any_other_name_nothing_is_answered(open_log: Served, host: str):
    for path in ("/v1/events", "/v1/replay?speed=0", "/v1/events/stream", "/", "/livez", "/nowhere", "/docs/live"):
        answer = await open_log.get(path, {"Host": host})
        assert (answer.status, answer.slug) == (421, "misdirected"), path
        assert "position" not in answer.json
    refused = await open_log.by(ADMIN).post(strike(), headers={"Host": host})
    assert (refused.status, refused.slug) == (421, "misdirected")
    assert await open_log.head() == 0


async def test_a_page_that_was_pointed_here_opens_no_websocket(open_log: Served):
    rebound = {"Host": "evil.example", "Origin": "http://evil.example"}
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await open_log.session.ws_connect(f"{open_log.url}/v1/live", protocols=[PROTOCOL], headers=rebound)
    assert refused.value.status == 421
    async with open_log.session.ws_connect(f"{open_log.url}/v1/live", protocols=[PROTOCOL]) as socket:
        assert (await socket.receive_json(timeout=60))["type"] == "welcome"


async def test_two_names_are_two_names(open_log: Served):
    sent = b"GET /v1/events HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nConnection: close\r\n\r\n"
    assert (await open_log.raw(sent)).split(b" ")[1] in {b"400", b"421"}


async def test_names_that_are_set_are_let_in_wherever_it_listens(access: Access):
    settings = Settings(host="0.0.0.0", hosts=["Log.Example.org"])
    async with serving(access, settings=settings) as service:
        for host, status in (
            ("log.example.org", 200),
            ("log.example.org:8443", 200),
            ("localhost", 200),
            ("172.17.0.2:8080", 200),
            ("evil.example", 421),
            ("log.example.org.evil.example", 421),
        ):
            assert (await service.get("/v1/events", {"Host": host})).status == status, host


async def test_where_others_reach_it_and_no_name_is_set_it_is_asked_by_any(access: Access):
    """A proxy, and a container, are asked by names that nobody told the service."""
    async with serving(access, settings=Settings(host="0.0.0.0")) as service:
        assert (await service.get("/v1/events", {"Host": "log.example.org"})).status == 200


@pytest.mark.parametrize(
    ("host", "alone"),
    [("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("Localhost", True), ("0.0.0.0", False), ("::", False),
     ("10.0.0.5", False), ("log.example.org", False), ("localhost.example.org", False)],
)  # fmt: skip
def test_only_an_address_of_this_machine_alone_is_loopback(host: str, alone: bool):
    assert is_loopback(host) is alone
    assert Hosts.of(host, []).any is not alone


@pytest.mark.parametrize("name", ["https://log.example.org", "log.example.org:8080", "log.example.org/x", "a b", "*"])
def test_what_is_no_name_cannot_be_set(name: str):
    with pytest.raises(ValidationError, match="without a scheme and a port"):
        Settings(hosts=[name])


def test_names_are_separated_by_commas_in_the_environment(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("INCIDENTLOG_HOSTS", "log.example.org, log")
    assert Settings().hosts == ["log.example.org", "log"]
