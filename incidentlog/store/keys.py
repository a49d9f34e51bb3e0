"""API keys: only their digests are stored."""

from collections.abc import Sequence
from dataclasses import dataclass

from incidentlog.sqlfiles import query
from incidentlog.store.connect import Connection, Pool


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A key that is not revoked."""

    key_id: str
    scopes: tuple[str, ...]
    clearance: int


async def find_key(pool: Pool | Connection, digest: bytes) -> StoredKey | None:
    """The key with this SHA-256, unless it is revoked."""
    row = await pool.fetchrow(query("keys", "find"), digest)
    return None if row is None else StoredKey(row["key_id"], tuple(row["scopes"]), row["clearance"])


async def has_keys(connection: Connection) -> bool:
    """Whether any key was ever made."""
    return bool(await connection.fetchval(query("keys", "any")))


async def insert_key(connection: Connection, key_id: str, digest: bytes, scopes: Sequence[str], clearance: int) -> None:
    """Add a key, or give the one of this name another secret."""
    await connection.execute(query("keys", "put"), key_id, digest, list(scopes), int(clearance))
