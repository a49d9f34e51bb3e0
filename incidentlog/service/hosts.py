"""The names by which the service is asked: a page whose name was pointed at this machine reads nothing (DNS rebinding).

To a browser such a page is of this service's own origin. What it cannot change is the name that it is asked by, which
is in `Host`. An address in it is always let in: nobody can point an address elsewhere, and health checks ask by it.
"""

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import ip_address
from typing import Final, Self

from aiohttp import web

from incidentlog.errors import Misdirected

LOOPBACK: Final = "localhost"
"""The name that every machine has for itself."""


class Hosts:
    """The names by which it may be asked, on any port; None lets any in."""

    def __init__(self, names: Iterable[str] | None) -> None:
        self._names = None if names is None else frozenset({LOOPBACK, *map(_plain, names)})
        self._is_let_in = lru_cache(maxsize=1_000)(self._judge)  # each request asks, and nearly all say the same

    @classmethod
    def of(cls, listening: str, names: Iterable[str]) -> Self:
        """Those of a service that listens on an address: any, where others reach it and no names are given."""
        given = [*names]
        return cls([*given, listening] if given or is_loopback(listening) else None)

    @property
    def any(self) -> bool:
        """Whether any name is let in."""
        return self._names is None

    def admit(self, request: web.BaseRequest) -> None:
        """Raises Misdirected for a request by a name that is none of these; one without a name is no browser's."""
        if self._names is None:
            return
        for host in request.headers.getall("Host", ()):
            if not self._is_let_in(host):
                raise Misdirected(f"{host[:200]!r} is no name of this service; INCIDENTLOG_HOSTS says which are")

    def _judge(self, host: str) -> bool:
        assert self._names is not None  # noqa: S101 - `admit` has looked
        name = _without_port(host)
        return _is_address(name) or _plain(name) in self._names


def is_loopback(host: str) -> bool:
    """Whether what listens there is reached from this machine alone."""
    name = _plain(host)
    return name == LOOPBACK or (_is_address(name) and ip_address(name).is_loopback)


def _plain(name: str) -> str:
    """A name as names are compared: capitals mean nothing, nor does the dot of the root."""
    return name.lower().removesuffix(".")


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
