"""Browsers that have signed in: of their tokens, too, only the digests are stored."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from incidentlog.sqlfiles import query
from incidentlog.store.connect import Connection, Pool
from incidentlog.store.keys import LOOK_UP_SECONDS, StoredKey, stored_key

MOST: Final = 1_000
"""How many browsers may be signed in with one secret; one more signs out the one that has been for the longest."""


@dataclass(frozen=True, slots=True)
class StoredSession:
    """A session whose key is not revoked: that key, and until when it may be used, which the key may end earlier."""

    key: StoredKey
    expires_at: datetime


async def find_session(pool: Pool | Connection, digest: bytes) -> StoredSession | None:
    """The session whose token has this SHA-256, unless its key is revoked or has another secret by now."""
    return (await known_sessions(pool, [digest])).get(digest)


async def known_sessions(pool: Pool | Connection, digests: Sequence[bytes]) -> dict[bytes, StoredSession]:
    """Of these SHA-256 of tokens those of sessions whose keys are not revoked, nor have another secret by now."""
    rows = await pool.fetch(query("sessions", "known"), digests, timeout=LOOK_UP_SECONDS)
    return {row["digest"]: StoredSession(stored_key(row), row["expires_at"]) for row in rows}


async def open_session(
    connection: Connection, digest: bytes, key_digest: bytes, *, now: datetime, expires_at: datetime
) -> None:
    """Add a session of a key; those that have expired are forgotten, and of the secret's all but the newest MOST."""
    await connection.execute(query("sessions", "open"), digest, key_digest, now, expires_at, MOST - 1)


async def close_session(connection: Connection, digest: bytes) -> None:
    """End a session."""
    await connection.execute(query("sessions", "close"), digest)
