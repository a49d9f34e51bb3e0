"""Who asks: bearer keys with scopes and a clearance, and browsers that signed in with one."""

import asyncio
import hashlib
import secrets
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from incidentlog.audit.keys import put_key
from incidentlog.clock import Clock, SystemClock
from incidentlog.errors import Forbidden, Unauthenticated
from incidentlog.events.values import Tlp
from incidentlog.runner import Wakeup
from incidentlog.shares import network_of
from incidentlog.store.connect import Access, Pool, getting_over
from incidentlog.store.keys import Care, StoredKey, find_key, has_keys, known_keys, read_key
from incidentlog.store.sessions import StoredSession, find_session, known_sessions

SCOPES: Final = ("read", "report", "edit", "audit", "admin")
SESSION: Final = "ils_"
"""How the token of a browser's session begins; a key that is made here never does."""
SESSION_FOR: Final = timedelta(hours=12)
NAME: Final = r"[a-z0-9._-]{1,80}"
"""What a key may be called."""
REMEMBERED: Final = 10_000
REMEMBERED_FOR: Final = timedelta(seconds=10)
"""For how long a key that was seen is taken for good while the database does not say whether it is."""
AN_HOUR: Final = timedelta(hours=1)
LOOK_SECONDS: Final = 0.5
"""How often it is looked whether the keys that are remembered still are what they were."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Whoever makes a request: what they may do, and up to which marking they see."""

    name: str
    """The key's id; `open` for a request without a key."""
    scopes: frozenset[str]
    clearance: int
    expires_at: datetime | None = None
    """Until when it may: of a session, of a key that expires, and of a secret that was rotated."""
    address: str = ""
    """Where a request without a key comes from (`shares.network_of`); empty with one."""
    requests: int | None = None
    """How many it may make in a minute; 0 is no limit, None the limit of all."""

    def may(self, scope: str) -> None:
        """Raises Forbidden, or Unauthenticated where a key would help, when the scope is missing."""
        if scope not in self.scopes:
            if self.name == OPEN:
                raise Unauthenticated(f"'{scope}' needs a key: Authorization: Bearer ...")
            raise Forbidden(f"the key {self.name} has not the scope '{scope}'")

    def is_still(self, before: "Reader") -> bool:
        """Whether it is who it was before, and may do the same; until when, and how often, may be otherwise."""
        return (self.name, self.scopes, self.clearance) == (before.name, before.scopes, before.clearance)


Issued = Callable[[str], Awaitable[Reader]]
NoteUsed = Callable[[Sequence[str], datetime], Awaitable[None]]
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
    """Knows keys by their digest, and remembers those it has seen, while nothing has become of them."""

    def __init__(
        self,
        pool: Pool,
        clock: Clock,
        *,
        open_read: bool,
        note_used: NoteUsed | None = None,
        issued: Issued | None = None,
    ) -> None:
        """`open_read` lets requests without a key read what is CLEAR.

        `note_used` notes which keys were used in an hour; without it nobody does. `issued` says whose a token
        of an issuer is; without it none is taken.
        """
        self._pool, self._clock = pool, clock
        self._note_used, self._issued = note_used, issued
        self._used: dict[str, datetime] = {}
        """In which hour each key was used last, as far as is known here."""
        self._unnoted: set[str] = set()
        """The keys whose hour is not in the database yet."""
        self._open = Reader(OPEN, frozenset({"read"} if open_read else ()), int(Tlp.CLEAR))
        self._seen: dict[_Known, tuple[Reader, datetime]] = {}
        self.changed = Wakeup()
        """Rung when what somebody was let in by has been revoked, or allows something else by now."""

    @property
    def open_read(self) -> bool:
        """Whether requests without a key may read what is CLEAR."""
        return "read" in self._open.scopes

    async def run(self) -> None:
        """Forget what was revoked or changed, on whichever node, until cancelled."""
        while True:
            with getting_over("keys_not_looked_up"):
                await self.look()
                await self.note()
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Look up what is remembered: all of it in a query for keys and one for sessions."""
        before = {known: reader for known, (reader, _) in self._seen.items()}
        digests: dict[str, list[bytes]] = {"key": [], "session": []}
        for kind, digest_ in before:
            digests[kind].append(digest_)
        now = self._clock.now()
        found: dict[_Known, Reader] = {}
        if digests["key"]:
            found |= {("key", d): _of_key(key) for d, key in (await known_keys(self._pool, digests["key"])).items()}
        if digests["session"]:
            sessions = await known_sessions(self._pool, digests["session"])
            found |= {("session", d): _of_session(session) for d, session in sessions.items()}
        for known in found.keys() & self._seen.keys():  # what was forgotten meanwhile stays so
            self._seen[known] = found[known], now
        for known in before.keys() - found.keys():
            self._seen.pop(known, None)
        if found != before:
            self.changed.ring()

    async def note(self) -> None:
        """Note which keys were used for the first time in their hour: one write for each, however often it was used."""
        if self._note_used is None:
            return
        by_hour: dict[datetime, list[str]] = {}
        for key_id in self._unnoted:
            by_hour.setdefault(self._used[key_id], []).append(key_id)
        for hour, key_ids in by_hour.items():
            await self._note_used(key_ids, hour)
            self._unnoted.difference_update(k for k in key_ids if self._used[k] == hour)

    async def reader(self, authorization: str | None, remote: str | None) -> Reader:
        """Whoever presents this `Authorization`, from where; raises Unauthenticated for a key that is not known."""
        if authorization is None:
            return replace(self._open, address=network_of(remote))
        return await self.by_key(token_of(authorization))

    async def by_token(self, token: str) -> Reader:
        """Whose token it is, a key's or a session's; raises Unauthenticated for one that is not known."""
        if token.startswith(SESSION):
            with suppress(Unauthenticated):  # a key that was given, and not made here, may begin so
                return await self.by_session(token)
        return await self.by_key(token)

    async def follower(self, token: str) -> Reader:
        """Whose token it is; raises Unauthenticated for one that is not known, and Forbidden for one that reads not."""
        reader = await self.by_token(token)
        reader.may("read")
        return reader

    async def by_key(self, key: str) -> Reader:
        """The owner of a key, or of an issuer's token; raises Unauthenticated for what is not known, or has expired."""
        if self._issued is not None and _is_jwt(key):
            return await self._issued(key)
        reader = await self._known("key", key, self._find_key)
        now = self._clock.now()
        if reader.expires_at is not None and now >= reader.expires_at:
            raise Unauthenticated("the key has expired")
        self._use(reader.name, now)
        return reader

    async def by_session(self, token: str) -> Reader:
        """Who has signed in: with the key's clearance, to read. Raises Unauthenticated for what is not known."""
        reader = await self._known("session", token, self._find_session)
        if reader.expires_at is None or self._clock.now() >= reader.expires_at:
            raise Unauthenticated("the session has expired")
        self._use(reader.name, self._clock.now())
        return reader

    def _use(self, key_id: str, now: datetime) -> None:
        used = self._used.get(key_id)
        if used is None or now - used >= AN_HOUR:
            self._used[key_id] = now.replace(minute=0, second=0, microsecond=0)
            self._unnoted.add(key_id)

    def forget_session(self, token: str) -> None:
        """Look a session up again the next time."""
        self._seen.pop(("session", digest(token)), None)

    def remembers(self, token: str) -> bool:
        """Whether it is known here whose token it is."""
        known = digest(token)
        return ("key", known) in self._seen or ("session", known) in self._seen

    async def _known(self, kind: str, token: str, find: Callable[[bytes], Awaitable[Reader]]) -> Reader:
        known = kind, digest(token)
        reader, asked_at = self._seen.get(known, (None, None))
        if reader is None or asked_at is None or self._clock.now() - asked_at > REMEMBERED_FOR:
            self._seen.pop(known, None)
            reader = await find(known[1])
            if len(self._seen) >= REMEMBERED:
                del self._seen[next(iter(self._seen))]  # whoever shows it again is looked up again
            self._seen[known] = reader, self._clock.now()
        return reader

    async def _find_key(self, known: bytes) -> Reader:
        found = await find_key(self._pool, known)
        if found is None:
            raise Unauthenticated("the key is not known")
        return _of_key(found)

    async def _find_session(self, known: bytes) -> Reader:
        found = await find_session(self._pool, known)
        if found is None:
            raise Unauthenticated("the session is not known any more; sign in again")
        return _of_session(found)


def _is_jwt(token: str) -> bool:
    """Whether it has the form of a JWT: three parts, of which the first is a JSON object in base64."""
    return token.startswith("eyJ") and token.count(".") == 2  # noqa: PLR2004


_Known = tuple[str, bytes]
"""Whether it is a `key` or a `session`, and its digest."""


def _of_key(found: StoredKey) -> Reader:
    scopes = frozenset(found.scopes)
    return Reader(found.key_id, scopes, found.clearance, found.expires_at, requests=found.requests)


def _of_session(found: StoredSession) -> Reader:
    scopes = frozenset(found.key.scopes) & {"read"}
    return Reader(found.key.key_id, scopes, found.key.clearance, found.expires_at, requests=found.key.requests)


def new_key() -> str:
    """A key of 256 random bits."""
    return "il_" + secrets.token_urlsafe(32)


def new_session_token() -> str:
    """A token of 256 random bits."""
    return SESSION + secrets.token_urlsafe(32)


async def first_key(access: Access, given: str | None) -> str | None:
    """Make the admin key of a log that has none; answers it when it was made here, and is not `given`."""
    connection = await access.connect()
    now = SystemClock().now()
    try:
        if given is not None:
            before = await read_key(connection, "admin")
            care = Care() if before is None else before.care
            await put_key(connection, "admin", digest(given), SCOPES, Tlp.RED, now=now, care=care)
            return None
        if await has_keys(connection):
            return None
        made = new_key()
        await put_key(connection, "admin", digest(made), SCOPES, Tlp.RED, now=now)
        return made
    finally:
        await connection.close()
