"""Keys are made, changed and revoked, and each time that is noted in the access log, whose days have their digests."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from incidentlog.events.values import TLP_LABELS
from incidentlog.store.access import Entry, note_entries
from incidentlog.store.connect import Connection
from incidentlog.store.keys import Care, change_care, end_key, insert_key, replace_secret
from incidentlog.store.read import read_log

OPERATOR: Final = "(operator)"
"""Who works on the database itself, as the access log calls them; no key is called so."""
MADE, CHANGED, REVOKED = 201, 200, 204
"""What the access log says of each, as a service answers."""


async def put_key(
    connection: Connection,
    key_id: str,
    digest: bytes,
    scopes: Sequence[str],
    clearance: int,
    *,
    now: datetime,
    care: Care = Care(),  # noqa: B008 - it is frozen
) -> None:
    """Make a key, or change the one of this name; noted unless it is so already."""
    async with connection.transaction():
        added = await insert_key(connection, key_id, digest, scopes, clearance, care)
        if added is not None:
            asked = " ".join(["key create", key_id, *(f"--scope {scope}" for scope in scopes)])
            asked += f" --clearance {TLP_LABELS[clearance]}{_options(care)}"
            await _note(connection, Entry(now, OPERATOR, asked, MADE if added else CHANGED))


async def change_key(connection: Connection, key_id: str, care: Care, *, now: datetime) -> bool:
    """Look after a key otherwise; whether there was one of this name that is not revoked. Noted if there was."""
    async with connection.transaction():
        if not await change_care(connection, key_id, care):
            return False
        await _note(connection, Entry(now, OPERATOR, f"key change {key_id}{_options(care)}", CHANGED))
    return True


async def rotate_key(
    connection: Connection, key_id: str, digest: bytes, *, former_until: datetime, now: datetime
) -> bool:
    """Give a key another secret; the one that it has goes on until an instant. Whether there was such a key. Noted."""
    async with connection.transaction():
        if not await replace_secret(connection, key_id, digest, former_until):
            return False
        asked = f"key rotate {key_id} until {former_until.isoformat(timespec='seconds')}"
        await _note(connection, Entry(now, OPERATOR, asked, CHANGED))
    return True


def _options(care: Care) -> str:
    """How a key is looked after, as it is asked for; its note is nobody's concern but the operator's."""
    expires = "" if care.expires_at is None else f" --expires {care.expires_at.isoformat(timespec='seconds')}"
    return expires + ("" if care.requests is None else f" --requests {care.requests}")


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
