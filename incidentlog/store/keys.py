"""API keys: only their digests are stored."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from incidentlog.sqlfiles import query
from incidentlog.store.connect import Connection, Pool

LOOK_UP_SECONDS: Final = 5.0
"""How long the database may take to say whose a key or a session is: every request waits for that."""


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A key that is not revoked."""

    key_id: str
    scopes: tuple[str, ...]
    clearance: int
    expires_at: datetime | None = None
    """Until when this secret opens anything; None while nothing ends it."""
    requests: int | None = None
    """How many it may make in a minute; 0 is no limit, None the limit of all."""


@dataclass(frozen=True, slots=True)
class Care:
    """How a key is looked after: what it is for, until when it opens anything, and how often it may ask."""

    note: str | None = None
    expires_at: datetime | None = None
    requests: int | None = None
    """As in StoredKey."""


@dataclass(frozen=True, slots=True)
class ListedKey:
    """A key as operators see it."""

    key_id: str
    scopes: tuple[str, ...]
    clearance: int
    created_at: datetime
    revoked_at: datetime | None
    """Since when it opens nothing; None for one that does."""
    care: Care
    last_used_at: datetime | None
    """In which hour it was used last; None where it never was."""
    former_until: datetime | None
    """Until when the secret before it was rotated opens the same."""


async def find_key(pool: Pool | Connection, digest: bytes) -> StoredKey | None:
    """The key with this SHA-256, unless it is revoked."""
    return (await known_keys(pool, [digest])).get(digest)


async def known_keys(pool: Pool | Connection, digests: Sequence[bytes]) -> dict[bytes, StoredKey]:
    """Of these SHA-256 those whose keys are not revoked."""
    rows = await pool.fetch(query("keys", "known"), digests, timeout=LOOK_UP_SECONDS)
    return {row["digest"]: stored_key(row) for row in rows}


def stored_key(row: Any) -> StoredKey:
    """The key in a row that has its columns."""
    return StoredKey(row["key_id"], tuple(row["scopes"]), row["clearance"], row["expires_at"], row["requests"])


async def list_keys(connection: Pool | Connection, after: str, limit: int) -> list[ListedKey]:
    """Keys by name, after a name, revoked ones too."""
    return [_listed(row) for row in await connection.fetch(query("keys", "list"), after, limit)]


async def read_key(connection: Pool | Connection, key_id: str) -> ListedKey | None:
    """A key by its name."""
    row = await connection.fetchrow(query("keys", "one"), key_id)
    return None if row is None else _listed(row)


def _listed(row: Any) -> ListedKey:
    care = Care(row["note"], row["expires_at"], row["requests"])
    return ListedKey(
        row["key_id"], tuple(row["scopes"]), row["clearance"], row["created_at"], row["revoked_at"], care,
        row["last_used_at"], row["former_until"],
    )  # fmt: skip


async def has_keys(connection: Connection) -> bool:
    """Whether any key was ever made."""
    return bool(await connection.fetchval(query("keys", "any")))


async def insert_key(
    connection: Connection,
    key_id: str,
    digest: bytes,
    scopes: Sequence[str],
    clearance: int,
    care: Care = Care(),
) -> bool | None:
    """Add a key, or give the one of this name another secret; whether it was added, None when it is so already.

    A secret that was revoked stays so.
    """
    added: bool | None = await connection.fetchval(
        query("keys", "put"), key_id, digest, list(scopes), int(clearance), care.note, care.expires_at, care.requests
    )
    return added


async def change_care(connection: Connection, key_id: str, care: Care) -> bool:
    """Look after a key otherwise; whether there was one of this name that is not revoked."""
    found = await connection.fetchval(query("keys", "change"), key_id, care.note, care.expires_at, care.requests)
    return found is not None


async def replace_secret(connection: Connection, key_id: str, digest: bytes, former_until: datetime) -> bool:
    """Give a key another secret; the one that it has goes on until an instant. Whether there was such a key."""
    return await connection.fetchval(query("keys", "rotate"), key_id, digest, former_until) is not None


async def note_used(connection: Connection, key_ids: Sequence[str], hour: datetime) -> None:
    """Note that keys were used in an hour."""
    await connection.execute(query("keys", "used"), list(key_ids), hour)


async def end_key(connection: Connection, key_id: str) -> bool:
    """Revoke a key; whether there was one of this name that was not."""
    return await connection.fetchval(query("keys", "revoke"), key_id) is not None
