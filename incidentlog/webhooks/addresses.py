"""Where webhooks may go: to public addresses, and to networks of the operator's that a setting names.

Whoever may make a webhook could else have the service ask what only this machine or its network reaches. A name is no
guard: it may lead elsewhere by the time it is used. So each address is judged when it is about to be connected to.
"""

import socket
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, Final
from urllib.parse import urlsplit

from incidentlog.addresses import url_fault

LONGEST: Final = 2_000
NAT64: Final = IPv6Network("64:ff9b::/96")
"""Where networks without IPv4 find it (RFC 6052): the last 32 bits are the address that is meant."""
ASSIGNMENTS: Final = IPv4Network("192.0.0.0/24")
"""For protocols (RFC 6890); older versions of Python take most of it for public."""

Address = IPv4Address | IPv6Address


class RefusedAddressError(OSError):
    """The address is not public, and no setting allows it."""


class Networks:
    """The networks that are not public and may be reached all the same."""

    def __init__(self, networks: Iterable[str] = ()) -> None:
        self._networks: list[IPv4Network | IPv6Network] = [ip_network(text, strict=False) for text in networks]

    def __bool__(self) -> bool:
        return bool(self._networks)

    def named(self, address: Address) -> bool:
        """Whether an address is in one of them."""
        return any(each in network for each in _meant(address) for network in self._networks)

    def reachable(self, address: Address) -> bool:
        """Whether an address is public, or in one of them."""
        return is_public(address) or self.named(address)

    def https_socket(self, info: Any) -> socket.socket:
        """The socket for a connection with TLS. Raises RefusedAddressError."""
        return _socket(info, allowed=self.reachable(_address(info)))

    def http_socket(self, info: Any) -> socket.socket:
        """The socket for one that anybody on the way can read: within these networks alone."""
        return _socket(info, allowed=self.named(_address(info)))

    def fault(self, url: str) -> str | None:
        """Why a webhook cannot go to a URL, as far as that can be told without looking its name up."""
        if len(url) > LONGEST or not url.isascii() or url_fault(url) is not None:
            return f"it is no address of at most {LONGEST} characters of ASCII, such as https://example.org/hook"
        parts = urlsplit(url)
        if parts.scheme != "https" and not self:
            return "it begins with https://"
        if parts.username is not None or parts.password is not None or parts.fragment:
            return "it has no user, no password and no fragment: what is sent is signed"
        try:
            address = ip_address(parts.hostname or "")
        except ValueError:
            return None
        allowed = self.reachable(address) if parts.scheme == "https" else self.named(address)
        return None if allowed else "the address is not public, and INCIDENTLOG_WEBHOOK_NETWORKS does not name it"


def is_public(address: Address) -> bool:
    """Whether an address is one of the open internet, whatever way it is written."""
    return all(
        each.is_global
        and each not in ASSIGNMENTS
        and not each.is_multicast
        and not each.is_reserved
        and not getattr(each, "is_site_local", False)
        for each in _meant(address)
    )


def _meant(address: Address) -> Iterator[Address]:
    """The addresses that one leads to: an IPv4 address has several ways to be written in IPv6."""
    if isinstance(address, IPv4Address):
        yield address
    elif address.ipv4_mapped is not None:
        yield address.ipv4_mapped
    elif address in NAT64:
        yield IPv4Address(int(address) & 0xFFFF_FFFF)
    else:
        yield address
        if address.sixtofour is not None:
            yield address.sixtofour


def _address(info: Any) -> Address:
    return ip_address(info[4][0])


def _socket(info: Any, *, allowed: bool) -> socket.socket:
    if not allowed:
        raise RefusedAddressError("the address is not public")
    family, kind, protocol, *_ = info
    return socket.socket(family, kind, protocol)
