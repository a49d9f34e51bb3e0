"""Keys are made, changed and revoked, and each time that is noted in the access log, whose days have their digests."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from incidentlog.events.values import TLP_LABELS
from incidentlog.store.access import Entry, note_entries
from incidentlog.store.connect import Connection
from incidentlog.store.keys import end_key, insert_key
from incidentlog.store.read import read_log

OPERATOR: Final = "(operator)"
"""Who works on the database itself, as the access log calls them; no key is called so."""
MADE, CHANGED, REVOKED = 201, 200, 204
"""What the access log says of each, as a service answers."""


async def put_key(
    connection: Connection, key_id: str, digest: bytes, scopes: Sequence[str], clearance: int, *, now: datetime
) -> None:
    """Make a key, or change the one of this name; noted unless it is so already."""
    async with connection.transaction():
        added = await insert_key(connection, key_id, digest, scopes, clearance)
        if added is not None:
            asked = " ".join(["key create", key_id, *(f"--scope {scope}" for scope in scopes)])
            asked += f" --clearance {TLP_LABELS[clearance]}"
            await _note(connection, Entry(now, OPERATOR, asked, MADE if added else CHANGED))


async def revoke_key(
    connection: Connection, key_id: str, *, now: datetime, by: str = OPERATOR, asked: str | None = None
) -> bool:
    """Let a key open nothing any more; whether there was one of this name that did. Noted if there was.

    `by` is the key that asked for it, and `asked` how.
    """
    async with connection.transaction():
        if not await end_key(connection, key_id):
            return False
        await _note(connection, Entry(now, by, asked or f"key revoke {key_id}", REVOKED))
    return True


async def _note(connection: Connection, entry: Entry) -> None:
    await note_entries(connection, (await read_log(connection)).calendar, [entry])
