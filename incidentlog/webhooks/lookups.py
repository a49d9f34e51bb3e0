"""Looking up where the names of webhooks lead, apart from all other names: whoever chose one may let it take long.

The event loop looks names up in a few threads that everything shares, and a look-up cannot be broken off: two names
that nobody answers for would hold up each connection to a database that has a name.
"""

import asyncio
import socket
from contextlib import suppress
from threading import Thread
from typing import Any, Final

from aiohttp.abc import AbstractResolver, ResolveResult

MOST: Final = 256
"""Look-ups under way at once, those among them that nobody waits for any more."""

_Found = asyncio.Future[list[ResolveResult]]


class Lookups(AbstractResolver):
    """Looks each name up in a thread of its own, for which no end of the process waits."""

    def __init__(self) -> None:
        self._places = asyncio.Semaphore(MOST)
        self._under_way: dict[str, _Found] = {}
        """By name, the last that was begun."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses of a name. Raises OSError."""
        await self._places.acquire()
        found: _Found = asyncio.get_running_loop().create_future()
        self._under_way[host] = found
        Thread(target=self._look, args=(found, host, port, family), daemon=True).start()
        return await asyncio.shield(found)

    async def ended(self, host: str) -> None:
        """Wait until a name is not looked up any more, whatever came of it."""
        if (found := self._under_way.get(host)) is not None:
            await asyncio.wait([found])

    async def close(self) -> None:
        """Those that are under way end by themselves."""

    def _look(self, found: _Found, host: str, port: int, family: socket.AddressFamily) -> None:
        told: list[ResolveResult] | Exception
        try:
            infos = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
            told = [_result(host, info) for info in infos]
        except (OSError, UnicodeError) as error:
            told = error
        with suppress(RuntimeError):  # the loop is closed: nobody wants to know
            found.get_loop().call_soon_threadsafe(self._end, host, found, told)

    def _end(self, host: str, found: _Found, told: list[ResolveResult] | Exception) -> None:
        self._places.release()
        if self._under_way.get(host) is found:
            del self._under_way[host]
        if isinstance(told, Exception):
            found.set_exception(told)
            found.exception()  # nobody may be left who waits for it
        else:
            found.set_result(told)


def _result(host: str, info: tuple[Any, ...]) -> ResolveResult:
    family, _, protocol, _, address = info
    numeric = int(socket.AI_NUMERICHOST | socket.AI_NUMERICSERV)
    return ResolveResult(hostname=host, host=address[0], port=address[1], family=family, proto=protocol, flags=numeric)
