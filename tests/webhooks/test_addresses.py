"""Where webhooks may go, judged at the address that is connected to."""

import asyncio
import socket
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any
from uuid import uuid4

import pytest

from incidentlog.clock import ManualClock
from incidentlog.store.webhooks import Secrets
from incidentlog.webhooks import Networks, Sender
from incidentlog.webhooks.addresses import is_public
from tests.webhooks.receiving import receiving

REFUSED = "its address is not public, and INCIDENTLOG_WEBHOOK_NETWORKS does not name it"
NOT_PUBLIC = [
    "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
    "192.0.0.8", "192.0.2.1", "198.18.0.1", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255", "::", "::1",
    "fe80::1", "fc00::1", "fd12::1", "fec0::1", "ff02::1", "ff0e::1", "2001:db8::1", "100::1",
    # the same addresses, written otherwise
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1",
    "2002:7f00:1::", "2002:a00:1::", "2001::1",
]  # fmt: skip
PUBLIC = [
    "8.8.8.8",
    "1.1.1.1",
    "93.184.216.34",
    "2606:4700::1111",
    "2a00:1450:4001::1",
    "::ffff:8.8.8.8",
    "64:ff9b::808:808",
]


def test_what_is_public_is_told_from_what_is_not():
    assert [text for text in NOT_PUBLIC if is_public(ip_address(text))] == []
    assert [text for text in PUBLIC if not is_public(ip_address(text))] == []


def test_a_network_that_is_named_may_be_reached_however_its_addresses_are_written():
    networks = Networks(["10.1.0.0/16", "fd12::/32"])
    assert all(networks.reachable(ip_address(text)) for text in ("10.1.2.3", "::ffff:10.1.2.3", "fd12::1", "8.8.8.8"))
    assert not any(networks.reachable(ip_address(text)) for text in ("10.2.0.1", "::ffff:10.2.0.1", "fd13::1"))


@pytest.mark.parametrize(
    ("url", "networks", "says"),
    [
        ("https://example.org/hook?x=1", [], None),
        ("http://example.org/hook", [], "https://"),
        ("http://example.org/hook", ["10.0.0.0/8"], None),  # what its name leads to is seen when it is connected to
        ("http://8.8.8.8/", ["10.0.0.0/8"], "not public"),  # anybody on the way would read it
        ("http://10.1.2.3/", ["10.0.0.0/8"], None),
        ("https://127.0.0.1/", [], "not public"),
        ("https://[::ffff:127.0.0.1]/", [], "not public"),
        ("https://me:secret@example.org/", [], "no user"),
        ("https://example.org/#x", [], "fragment"),
        ("https://приклад.укр/", [], "ASCII"),
        ("ftp://example.org/", [], "no address"),
        ("https:///hook", [], "no address"),
        ("https://example.org:99999/", [], "no address"),
        ("https://example.org/a b", [], "no address"),
        ("https://example.org/" + "x" * 2_000, [], "2000 characters"),
    ],
)
def test_an_address_that_cannot_be_is_told_when_it_is_given(url: str, networks: Sequence[str], says: str | None):
    fault = Networks(networks).fault(url)
    assert fault is None if says is None else says in str(fault)


async def sent(url: str, networks: Sequence[str], *, seconds: float = 15) -> tuple[int | None, str | None]:
    async with Sender(
        Networks(networks), ManualClock(datetime(2026, 3, 1, tzinfo=UTC)), answer_seconds=seconds
    ) as sender:
        outcome = await sender.send(url, uuid4(), b"{}", Secrets(b"x" * 32))
    return outcome.status, outcome.failure


async def test_nothing_reaches_this_machine_unless_its_network_is_named():
    async with receiving() as receiver:
        port = receiver.url.rpartition(":")[2]
        for host in ("127.0.0.1", "localhost", "[::ffff:127.0.0.1]"):
            for scheme in ("http", "https"):
                assert await sent(f"{scheme}://{host}:{port}", []) == (None, REFUSED), (scheme, host)
        for host in ("2130706433", "127.1"):  # an address to some resolvers
            assert (await sent(f"https://{host}:{port}", []))[1] in {"its address is none", REFUSED}
        assert await sent(f"http://127.0.0.1:{port}", ["10.0.0.0/8"]) == (None, REFUSED)
        assert receiver.came == []
        assert await sent(f"http://localhost:{port}", ["127.0.0.0/8", "::1/128"]) == (200, None)
        assert len(receiver.came) == 1


async def test_a_name_that_leads_elsewhere_when_it_is_used_is_refused(monkeypatch: pytest.MonkeyPatch):
    """DNS that is rebound: whatever the name meant before, the address of this connection counts."""
    async with receiving() as receiver:
        port = int(receiver.url.split(":")[2].partition("/")[0])
        asked = []

        def rebound(host: str, *_: object, **__: object) -> object:
            asked.append(host)
            return [(2, 1, 6, "", ("127.0.0.1", port))]

        monkeypatch.setattr(socket, "getaddrinfo", rebound)
        assert await sent(f"https://rebound.example.org:{port}/", []) == (None, REFUSED)
        assert asked
        assert receiver.came == []


async def test_what_a_receiver_does_wrong_is_told_in_words_and_in_bounded_time():
    async def silent(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await asyncio.sleep(30)
        finally:
            writer.transport.abort()

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9999999999\r\n\r\n")
        try:
            while True:
                writer.write(b"x" * 65_536)
                await writer.drain()
        except ConnectionError:
            pass

    async def nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"what?\r\n\r\n")
        writer.close()

    told = {}
    for behaves in (silent, endless, nonsense):
        server = await asyncio.start_server(behaves, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        told[behaves.__name__] = await sent(url, ["127.0.0.0/8"], seconds=1 if behaves is silent else 15)
        server.close()
    assert told == {
        "silent": (None, "it did not answer within 1 s"),
        "endless": (200, None),  # what it says is not heeded, and not read to its end
        "nonsense": (None, "what it answered is no HTTP"),
    }
    assert await sent(url, ["127.0.0.0/8"]) == (None, "no connection can be made")
    assert await sent("https://nowhere.invalid/", []) == (None, "its name is not known")


async def test_names_that_nobody_answers_for_hold_up_nothing_else(monkeypatch: pytest.MonkeyPatch):
    answered, asked, real = threading.Event(), [], socket.getaddrinfo

    def look(host: str, *args: Any, **named: Any) -> Any:
        if not host.endswith(".silent.example"):
            return real(host, *args, **named)
        asked.append(host)
        answered.wait(60)
        raise socket.gaierror(socket.EAI_AGAIN, "nobody answered")

    monkeypatch.setattr(socket, "getaddrinfo", look)
    names = [f"https://{n}.silent.example/" for n in range(20)]
    async with receiving() as receiver:
        slow = [asyncio.create_task(sent(name, [], seconds=0.2)) for name in names]
        async with asyncio.timeout(60):
            while len(asked) < len(names):
                await asyncio.sleep(0.01)
            port = receiver.url.rpartition(":")[2]
            assert await sent(f"http://localhost:{port}", ["127.0.0.0/8", "::1/128"]) == (200, None)
            assert await asyncio.get_running_loop().getaddrinfo("localhost", 1)
            assert await asyncio.to_thread(int) == 0
        assert not any(each.done() for each in slow)  # their places are held until the look-ups have ended
        answered.set()
        async with asyncio.timeout(60):
            assert {failure for _, failure in await asyncio.gather(*slow)} <= {
                "it did not answer within 0 s", "its name is not known",
            }  # fmt: skip
