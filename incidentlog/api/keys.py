"""Who asks: bearer keys with scopes and a clearance, and browsers that signed in with one."""

import hashlib
import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from incidentlog.clock import Clock
from incidentlog.errors import Forbidden, Unauthenticated
from incidentlog.store.connect import Access, Pool
from incidentlog.store.keys import find_key, has_keys, insert_key
from incidentlog.store.sessions import find_session
from incidentlog.subjects.values import Tlp

SCOPES: Final = ("read", "report", "edit", "audit", "admin")
SESSION: Final = "ils_"
"""How the token of a browser's session begins; a key that is made here never does."""
SESSION_FOR: Final = timedelta(hours=12)
REMEMBERED: Final = 10_000
REMEMBERED_FOR: Final = timedelta(seconds=10)
"""After which time a key is looked up again: so long a revoked one may still open."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Whoever makes a request: what they may do, and up to which marking they see."""

    name: str
    """The key's id; `open` for a request without a key."""
    scopes: frozenset[str]
    clearance: int
    expires_at: datetime | None = None
    """Until when it may: sessions expire; keys do not, they are revoked."""

    def may(self, scope: str) -> None:
        """Raises Forbidden, or Unauthenticated where a key would help, when the scope is missing."""
        if scope not in self.scopes:
            if self.name == OPEN:
                raise Unauthenticated(f"'{scope}' needs a key: Authorization: Bearer ...")
            raise Forbidden(f"the key {self.name} has not the scope '{scope}'")


OPEN: Final = "open"
"""Who reads without a key, where that is allowed: what is CLEAR, and nothing else."""


def digest(key: str) -> bytes:
    """What is stored of a key: it has 256 random bits, so one SHA-256 is enough."""
    return hashlib.sha256(key.encode("utf-8", "replace")).digest()


def token_of(authorization: str) -> str:
    """The key in an `Authorization`; raises Unauthenticated when it has another form."""
    scheme, _, key = authorization.partition(" ")
    if scheme.lower() != "bearer" or not key:
        raise Unauthenticated("the form is Authorization: Bearer <key>")
    return key.strip()


class Keys:
    """Knows keys by their digest, and remembers those it has seen."""

    def __init__(self, pool: Pool, clock: Clock, *, open_read: bool) -> None:
        """`open_read` lets requests without a key read what is CLEAR."""
        self._pool, self._clock = pool, clock
        self._open = Reader(OPEN, frozenset({"read"} if open_read else ()), int(Tlp.CLEAR))
        self._seen: dict[tuple[str, bytes], tuple[Reader, datetime]] = {}

    async def reader(self, authorization: str | None) -> Reader:
        """Whoever presents this `Authorization`; raises Unauthenticated for a key that is not known."""
        if authorization is None:
            return self._open
        return await self.by_key(token_of(authorization))

    async def by_token(self, token: str) -> Reader:
        """Whose token it is, a key's or a session's; raises Unauthenticated for one that is not known."""
        if token.startswith(SESSION):
            with suppress(Unauthenticated):  # a key that was given, and not made here, may begin so
                return await self.by_session(token)
        return await self.by_key(token)

    async def by_key(self, key: str) -> Reader:
        """The owner of a key; raises Unauthenticated for one that is not known."""
        return await self._known("key", key, self._find_key)

    async def by_session(self, token: str) -> Reader:
        """Who has signed in: with the key's clearance, to read. Raises Unauthenticated for what is not known."""
        reader = await self._known("session", token, self._find_session)
        if reader.expires_at is None or self._clock.now() >= reader.expires_at:
            raise Unauthenticated("the session has expired")
        return reader

    def forget_session(self, token: str) -> None:
        """Look a session up again the next time."""
        self._seen.pop(("session", digest(token)), None)

    async def _known(self, kind: str, token: str, find: Callable[[bytes], Awaitable[Reader]]) -> Reader:
        known = kind, digest(token)
        reader, asked_at = self._seen.get(known, (None, None))
        if reader is None or asked_at is None or self._clock.now() - asked_at > REMEMBERED_FOR:
            self._seen.pop(known, None)
            reader = await find(known[1])
            if len(self._seen) >= REMEMBERED:
                self._seen.clear()
            self._seen[known] = reader, self._clock.now()
        return reader

    async def _find_key(self, known: bytes) -> Reader:
        found = await find_key(self._pool, known)
        if found is None:
            raise Unauthenticated("the key is not known")
        return Reader(found.key_id, frozenset(found.scopes), found.clearance)

    async def _find_session(self, known: bytes) -> Reader:
        found = await find_session(self._pool, known)
        if found is None:
            raise Unauthenticated("the session is not known any more; sign in again")
        scopes = frozenset(found.key.scopes) & {"read"}
        return Reader(found.key.key_id, scopes, found.key.clearance, found.expires_at)


def new_session_token() -> str:
    """A token of 256 random bits."""
    return SESSION + secrets.token_urlsafe(32)


async def first_key(access: Access, given: str | None) -> str | None:
    """Make the admin key of a log that has none; answers it when it was made here, and is not `given`."""
    connection = await access.connect()
    try:
        if given is not None:
            await insert_key(connection, "admin", digest(given), SCOPES, Tlp.RED)
            return None
        if await has_keys(connection):
            return None
        made = "il_" + secrets.token_urlsafe(32)
        await insert_key(connection, "admin", digest(made), SCOPES, Tlp.RED)
        return made
    finally:
        await connection.close()
