"""What one key, and one address, may ask for: past it the answer says when there is room again."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from incidentlog.api import requests as requests_module
from incidentlog.config import Settings
from incidentlog.embedded import Server
from incidentlog.live import PROTOCOL
from incidentlog.shares import OfKey
from tests.api.serving import NDJSON, Answer, Served, make_key, serving
from tests.commands import strike
from tests.conftest import log_called
from tests.test_rates import Watch

QUOTA = 6
LOW = Settings(key_requests=QUOTA, address_requests=QUOTA, open_read=True, proxies=["127.0.0.1"])


@pytest.fixture(scope="module")
async def running(server: Server) -> AsyncIterator[Served]:
    """A service that lets little through, behind a proxy on this machine."""
    async with log_called("test_api_limits", server) as access, serving(access, settings=LOW) as served:
        await make_key(access, "reader", "a-key-for-reading", scopes=["read"])
        yield served


@pytest.fixture
def watch(running: Served) -> Watch:
    """The seconds that its buckets are filled by; all are full at the beginning."""
    running.service.rates.seconds = watch = Watch()
    for buckets in (running.service.rates.keys, running.service.rates.addresses, running.service.rates.strangers):
        buckets._full_at.clear()
    return watch


def by(address: str) -> dict[str, str]:
    """A request that comes through the proxy from an address."""
    return {"X-Forwarded-For": address}


async def statuses(service: Served, number: int, headers: dict[str, str] | None = None) -> list[int]:
    return [(await service.get("/v1/projections", headers)).status for _ in range(number)]


def is_too_many(answer: Answer) -> bool:
    return (answer.status, answer.slug) == (429, "too-many-requests")


async def test_a_key_is_told_what_it_has_left_and_when_it_has_asked_too_much(running: Served, watch: Watch):
    for left in range(QUOTA - 1, -1, -1):
        answer = await running.get("/v1/projections")
        assert answer.status == 200
        assert answer.headers["RateLimit-Policy"] == f'"key";q={QUOTA};w=60'
        assert answer.headers["RateLimit"] == f'"key";r={left};t={10 * (QUOTA - left)}'
    refused = await running.get("/v1/projections")
    assert is_too_many(refused)
    assert refused.headers["Retry-After"] == "10"
    assert refused.headers["RateLimit"] == '"key";r=0;t=10'
    assert await statuses(running.by("a-key-for-reading"), 1) == [200]
    watch.now += 10
    assert await statuses(running, 2) == [200, 429]


async def test_nothing_is_written_by_a_request_that_is_one_too_many(running: Served, watch: Watch):
    head = await running.head()
    await statuses(running, QUOTA)
    assert is_too_many(await running.post(strike()))
    assert is_too_many(await running.ask("POST", "/v1/events/bulk", data=b"{}\n", headers={"Content-Type": NDJSON}))
    assert await running.head() == head


async def test_a_body_that_is_still_arriving_is_one_request(running: Served, watch: Watch):
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(2 * QUOTA):
            yield b"{}\n"
            await asyncio.sleep(0.01)

    answer = await running.ask("POST", "/v1/events/bulk", data=pieces(), headers={"Content-Type": NDJSON})
    assert answer.slug == "refused-lines"
    assert answer.headers["RateLimit"].startswith(f'"key";r={QUOTA - 1};')


async def test_addresses_without_a_key_have_a_bucket_each(running: Served, watch: Watch):
    nobody = running.by(None)
    assert await statuses(nobody, QUOTA + 1, by("192.0.2.1")) == [200] * QUOTA + [429]
    assert await statuses(nobody, 1, by("192.0.2.2")) == [200]
    assert await statuses(running, 1, by("192.0.2.1")) == [200]  # a key is its own
    # An address of IPv6 is its network's: its subscriber has as many as there are grains of sand.
    assert await statuses(nobody, QUOTA, by("2001:db8::1")) == [200] * QUOTA
    assert await statuses(nobody, 1, by("2001:db8::2")) == [429]
    assert await statuses(nobody, 1, by("2001:db8:0:1::1")) == [200]


async def test_what_a_client_says_of_itself_gives_it_no_other_bucket(running: Served, watch: Watch):
    nobody = running.by(None)
    for n in range(QUOTA):
        assert await statuses(nobody, 1, by(f"198.51.100.{n}, 192.0.2.1")) == [200]
    assert await statuses(nobody, 1, by("198.51.100.77, 192.0.2.1")) == [429]
    assert await statuses(nobody, 1, {**by("192.0.2.1"), "Forwarded": "for=198.51.100.7"}) == [429]


async def test_keys_that_are_none_are_counted_and_no_longer_looked_up(running: Served, watch: Watch):
    assert await statuses(running, 1, by("192.0.2.1")) == [200]
    asked = [await running.by(f"a-guess-{n}").get("/v1/projections", by("192.0.2.1")) for n in range(QUOTA + 2)]
    assert [a.status for a in asked] == [401] * QUOTA + [429] * 2
    assert asked[-1].headers["Retry-After"] == "10"
    assert await statuses(running, 1, by("192.0.2.1")) == [200]  # a key that is known here goes on
    assert await statuses(running.by(None), 1, by("192.0.2.1")) == [200]


async def test_a_socket_is_a_request_and_what_health_is_asked_by_is_none(running: Served, watch: Watch):
    nobody = running.by(None)
    for _ in range(QUOTA):
        async with nobody.session.ws_connect(
            f"{nobody.url}/v1/live", protocols=[PROTOCOL], headers=by("192.0.2.1")
        ) as s:
            assert (await s.receive_json(timeout=60))["type"] == "welcome"
    assert await statuses(nobody, 1, by("192.0.2.1")) == [429]
    for path in ("/livez", "/readyz", "/", "/page/board.css", "/problems/too-many-requests"):
        answer = await nobody.get(path, by("192.0.2.1"))
        assert answer.status == 200, path
        assert "RateLimit" not in answer.headers


async def test_zero_is_no_limit(server: Server):
    settings = Settings(key_requests=0, address_requests=0)
    async with log_called("test_api_unlimited", server) as access, serving(access, settings=settings) as service:
        answer = await service.get("/v1/projections")
        assert answer.status == 200
        assert "RateLimit" not in answer.headers
        assert (await service.by("a-guess").get("/v1/projections")).status == 401


async def test_the_page_and_bulk_stay_well_within_what_is_let_through_unasked():
    settings = Settings()
    assert settings.address_requests >= 1_000
    assert settings.key_requests >= 10 * settings.address_requests


async def test_a_file_that_drips_is_cut_before_it_has_held_a_place_for_long(
    timeline: Served, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(requests_module, "BODY_SECONDS", 0.3)

    async def drops() -> AsyncIterator[bytes]:
        while True:
            yield b" "
            await asyncio.sleep(0.05)

    begun = asyncio.get_running_loop().time()
    answer = await timeline.ask("POST", "/v1/events/bulk", data=drops(), headers={"Content-Type": NDJSON})
    assert (answer.status, answer.slug) == (408, "request-timeout")
    assert asyncio.get_running_loop().time() - begun < 5


async def test_reads_that_fold_wait_for_each_other_and_are_refused_where_many_wait(
    timeline: Served, monkeypatch: pytest.MonkeyPatch
):
    service = timeline.service
    path = "/v1/projections/city_incidents?basis=reported&known_at=2026-01-01"
    assert (await timeline.get(path)).status == 200
    monkeypatch.setattr("incidentlog.api.folds.FOLD_SECONDS", 0.05)
    async with AsyncExitStack() as others:
        for name in ("one", "another"):
            await others.enter_async_context(service.reported.place(OfKey(name), seconds=None))
        busy = await timeline.get(path)
        assert (busy.status, busy.slug, busy.headers["Retry-After"]) == (503, "overloaded", "1")
        assert (await timeline.get("/v1/projections/city_incidents")).status == 200  # what is stored waits for nobody
        monkeypatch.setattr(service.folding, "each", 0)
        many = await timeline.get(path)
        assert (many.status, many.slug) == (429, "too-many-connections")
    assert not service.folding.held
