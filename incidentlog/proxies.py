"""From where a request comes: what a proxy in front of the service says of it, where that proxy is one of ours.

Anybody may send `X-Forwarded-For` and `Forwarded` (RFC 7239). What counts is what the proxies that are named in the
settings have added, and each adds at the end: so it is read from there, as far back as one of ours said it.
"""

import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final

from aiohttp import web

HOPS: Final = 16
"""The most proxies in a row that are looked at: a header of 8 KB of commas costs no more than one of ours."""
_FOR: Final = re.compile(r'(?:^|;)\s*for="?([^";]+)"?\s*(?:;|$)', re.IGNORECASE)
_PORT: Final = re.compile(r"(?:\[([^\[\]]+)\]|([0-9.]+))(?::[0-9]{1,5})?", re.ASCII)


class Proxies:
    """The proxies that are believed, and the header in which they say who asked them."""

    def __init__(self, networks: Iterable[str] = (), *, header: str = "x-forwarded-for") -> None:
        """`networks` are addresses, or networks as `10.0.0.0/8`. Raises ValueError for what is none."""
        self._networks = [ip_network(each, strict=False) for each in networks]
        self._header = header

    def address_of(self, request: web.BaseRequest) -> str | None:
        """The address of whoever asks; that of the connection unless it is a proxy's. None for a socket without one.

        What cannot be read ends it: the proxy that handed it on stands for whoever it was.
        """
        found = request.remote
        if not self._networks or not self._believes(found):
            return found
        said = ",".join(request.headers.getall(self._header, ()))
        for part in reversed(said.rsplit(",", HOPS)[-HOPS:]):
            if not self._believes(found) or (address := self._read(part)) is None:
                break
            found = str(address)
        return found

    def _believes(self, address: str | None) -> bool:
        read = _address(address or "")
        return read is not None and any(read in network for network in self._networks)

    def _read(self, part: str) -> IPv4Address | IPv6Address | None:
        if self._header == "forwarded":
            found = _FOR.search(part)
            part = "" if found is None else found[1]
        text = part.strip()
        with_port = _PORT.fullmatch(text)
        return _address(text if with_port is None else with_port[1] or with_port[2])


PROXIES: Final = web.AppKey("proxies", Proxies)
"""Those that an application believes."""


def address_of(request: web.Request) -> str | None:
    """From where a request comes, as the application's proxies say it; without any, the connection's address."""
    proxies = request.app.get(PROXIES)
    return request.remote if proxies is None else proxies.address_of(request)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """An address; one of IPv4 that is written as one of IPv6 is the former. None for what is none."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address
