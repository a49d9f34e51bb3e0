"""Who follows, and whether they still may: tokens expire, are revoked and are renewed while a connection is open."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final, Protocol

from aiohttp import web

from incidentlog.errors import BadRequest, Forbidden, Problem, Unauthenticated

EXPIRING: Final = timedelta(seconds=60)
"""How long before a token expires its client is told."""


class Reader(Protocol):
    """Who follows: a name, and up to which marking it may see."""

    @property
    def name(self) -> str:
        """For the log."""
        ...

    @property
    def address(self) -> str:
        """Where who has no key comes from; empty for one who has."""
        ...

    @property
    def clearance(self) -> int:
        """The highest marking it may see."""
        ...

    @property
    def expires_at(self) -> datetime | None:
        """Until when it may read, as far as is known."""
        ...


Authenticate = Callable[[str], Awaitable[Reader | None]]
"""Whose token it is; None for one that is not known. May raise Unauthenticated or Forbidden."""


def own_origins(request: web.Request) -> set[str]:
    """The origins of the service's own pages: those that were fetched from where is asked now."""
    return {f"http://{request.host}", f"https://{request.host}"}


class Pass:
    """By what a connection's reader may follow."""

    def __init__(self, reader: Reader, token: str | None, authenticate: Authenticate | None) -> None:
        """`token` is what the reader was known by; None where nothing was needed."""
        self.reader = reader
        self._token = token
        self._authenticate = authenticate
        self._warned: datetime | None = None

    def expired(self, now: datetime) -> bool:
        """Whether the token has expired."""
        return self.reader.expires_at is not None and now >= self.reader.expires_at

    def expiring(self, now: datetime) -> bool:
        """Whether the token expires soon; True once for each."""
        expires = self.reader.expires_at
        if expires is None or now < expires - EXPIRING or self._warned == expires:
            return False
        self._warned = expires
        return True

    async def ended(self) -> Problem | None:
        """Look the token up again: what stands against going on, such as that it was revoked."""
        token = self._token
        if token is None or self._authenticate is None:
            return None
        try:
            reader = await self._authenticate(token)
        except (Forbidden, Unauthenticated) as problem:
            return problem if token == self._token else None
        if token != self._token:
            return None  # it was replaced meanwhile
        if reader is None:
            return Unauthenticated("the token is not known any more")
        if reader.clearance != self.reader.clearance:
            return Unauthenticated("the token has another clearance by now")
        self.reader = reader
        return None

    async def renew(self, token: str) -> None:
        """Go on with another token of the same reader. Raises what is wrong with it; the old one stays."""
        if self._authenticate is None:
            raise BadRequest("readers are not told apart here")
        reader = await self._authenticate(token)
        if reader is None:
            raise Unauthenticated("the token is not known; the connection goes on with the one it has")
        if (reader.name, reader.clearance) != (self.reader.name, self.reader.clearance):
            raise BadRequest("the connection has its reader already; open another one for another reader")
        self.reader, self._token = reader, token
