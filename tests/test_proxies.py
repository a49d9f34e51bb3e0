"""From where a request comes, as the proxies in front of the service say it, and nobody else."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from incidentlog.proxies import PROXIES, Proxies, address_of

HERE = "127.0.0.1"
"""The address of whoever asks in these tests."""


@asynccontextmanager
async def telling(proxies: Proxies | None) -> AsyncIterator[str]:
    """The address of a service that tells from where it is asked."""

    async def tell(request: web.Request) -> web.Response:
        return web.Response(text=address_of(request))

    app = web.Application()
    if proxies is not None:
        app[PROXIES] = proxies
    app.router.add_get("/", tell)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, HERE, 0).start()
    try:
        yield f"http://{HERE}:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()


async def told(proxies: Proxies | None, *headers: tuple[str, str]) -> str:
    """From where a request with such headers comes."""
    async with telling(proxies) as url, aiohttp.ClientSession() as session, session.get(url, headers=headers) as answer:
        return await answer.text()


@pytest.mark.parametrize("proxies", [None, Proxies(), Proxies(["10.0.0.0/8", "::1"])])
async def test_what_somebody_says_who_is_no_proxy_of_ours_is_not_believed(proxies: Proxies | None):
    said = ("X-Forwarded-For", "192.0.2.7"), ("Forwarded", "for=192.0.2.7"), ("X-Real-IP", "192.0.2.7")
    assert await told(proxies, *said) == HERE


@pytest.mark.parametrize(
    ("said", "address"),
    [
        ("192.0.2.7", "192.0.2.7"),
        (" 192.0.2.7 ", "192.0.2.7"),
        ("192.0.2.7:4711", "192.0.2.7"),
        ("2001:db8::7", "2001:db8::7"),
        ("[2001:db8::7]:4711", "2001:db8::7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("198.51.100.1, 192.0.2.7", "192.0.2.7"),  # what the client had written itself stands before it
        ("192.0.2.7, 10.1.1.1", "192.0.2.7"),  # two proxies of ours
        ("198.51.100.1, 192.0.2.7, 10.1.1.1, 127.0.0.1", "192.0.2.7"),
        ("10.1.1.1", "10.1.1.1"),  # nobody was before it
        ("192.0.2.7, nonsense", HERE),
        ("192.0.2.7, ", HERE),
        ("192.0.2.7, unknown, 10.1.1.1", "10.1.1.1"),
        ("999.1.1.1", HERE),
        ("192.0.2.7, 192.0.2.8/8", HERE),
        ("", HERE),
        ("," * 8_000, HERE),
        ("192.0.2.7, " + ", ".join(["10.1.1.1"] * 400), "10.1.1.1"),
    ],
)
async def test_what_our_proxies_say_is_read_from_its_end(said: str, address: str):
    proxies = Proxies([HERE, "10.0.0.0/8"])
    assert await told(proxies, ("X-Forwarded-For", said)) == address
    assert await told(proxies, ("Forwarded", f"for={said}")) == HERE  # the other header is anybody's


@pytest.mark.parametrize(
    ("said", "address"),
    [
        ("for=192.0.2.7", "192.0.2.7"),
        ("For=192.0.2.7;proto=https;by=10.1.1.1", "192.0.2.7"),
        ("proto=https; for=192.0.2.7", "192.0.2.7"),
        ('for="192.0.2.7:4711"', "192.0.2.7"),
        ('for="[2001:db8::7]:4711"', "2001:db8::7"),
        ("for=198.51.100.1, for=192.0.2.7, for=10.1.1.1", "192.0.2.7"),
        ('for="198.51.100.1, for=192.0.2.7', "192.0.2.7"),  # a quote that the client left open hides nothing
        ("for=_hidden", HERE),
        ("for=unknown", HERE),
        ("by=192.0.2.7", HERE),
        ("192.0.2.7", HERE),
        ("xfor=192.0.2.7", HERE),
    ],
)
async def test_the_header_of_rfc_7239_is_read_where_the_proxies_write_that(said: str, address: str):
    proxies = Proxies([HERE, "10.0.0.0/8"], header="forwarded")
    assert await told(proxies, ("Forwarded", said), ("X-Forwarded-For", "198.51.100.9")) == address


async def test_a_header_that_is_there_twice_is_one_list():
    proxies = Proxies([HERE, "10.0.0.0/8"])
    twice = ("X-Forwarded-For", "198.51.100.1"), ("X-Forwarded-For", "192.0.2.7")
    assert await told(proxies, *twice) == "192.0.2.7"
