"""A whole log, as it is taken to another database: what is beside its events, and events put in as they were."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from incidentlog.sqlfiles import query
from incidentlog.store.connect import Connection
from incidentlog.store.notary import StoredHead, StoredTile
from incidentlog.store.parts import Row

EVENT_COLUMNS: Final = (
    "position", "event_id", "stream", "stream_version", "type", "schema_version", "recorded_at", "recorded_by", "tlp",
    "verification", "occurred_from", "occurred_until", "reported_at", "place_id", "country", "admin1", "lat", "lon",
    "actors", "body", "body_salt", "meta", "meta_salt", "body_digest",
)  # fmt: skip
PRIVATE_COLUMNS: Final = ("position", "digest", "salt", "text")


async def read_beside(connection: Connection) -> dict[str, Any]:
    """What the log is called, who signs it, and the zone data and the secret that its events and ids are read by."""
    log = await connection.fetchrow(query("whole", "log"))
    assert log is not None  # noqa: S101 - a log has one row
    return {
        "log": dict(log),
        "keys": [dict(row) for row in await connection.fetch(query("whole", "keys"))],
        "zone_data": [dict(row) for row in await connection.fetch(query("whole", "zone_data"))],
        "secret": await connection.fetchval(query("append", "secret")),
    }


async def hold_new(connection: Connection) -> bool:
    """Let nobody append before the transaction ends; whether nothing ever was appended, or signed."""
    await connection.execute(query("whole", "hold"))
    return bool(await connection.fetchval(query("whole", "is_new")))


async def hold_archives(connection: Connection) -> bool:
    """Let nobody else write an archive of this log before the transaction ends; whether nobody does."""
    return bool(await connection.fetchval(query("whole", "hold_archives")))


async def put_beside(
    connection: Connection,
    log: tuple[UUID, str, int, int, int, datetime],
    keys: Sequence[tuple[int, str, str, datetime]],
    zone_data: Sequence[tuple[str, str, bytes, datetime]],
    secret: bytes,
) -> None:
    """Let an empty log be that one."""
    await connection.execute(query("whole", "call"), *log)
    await connection.executemany(query("whole", "add_key"), keys)
    await connection.executemany(query("whole", "add_zone_data"), zone_data)
    await connection.execute(query("whole", "set_secret"), secret)


async def put_rows(connection: Connection, schema: str, rows: Sequence[Row]) -> None:
    """Put events in as they were, with their private parts."""
    events = [tuple(getattr(row, name) for name in EVENT_COLUMNS) for row in rows]
    hidden = [(r.position, r.private_digest, r.private_salt, r.private) for r in rows if r.has_private]
    for table, columns, records in (
        ("events", EVENT_COLUMNS, events),
        ("event_private", PRIVATE_COLUMNS, hidden),
    ):
        await connection.copy_records_to_table(table, schema_name=schema, columns=columns, records=records)


async def put_commits(connection: Connection, schema: str, commits: Sequence[tuple[int, datetime]]) -> None:
    """Put commits in: of each its last position, and when it was."""
    columns = ("last_position", "recorded_at")
    await connection.copy_records_to_table("commits", schema_name=schema, columns=columns, records=commits)


async def put_heads(connection: Connection, fork: int, heads: Sequence[StoredHead]) -> None:
    """Put published tree heads in."""
    records = [(fork, head.size, head.root, head.note, head.signed_at) for head in heads]
    await connection.executemany(query("notary", "add_head"), records)


async def put_tiles(connection: Connection, fork: int, tiles: Sequence[StoredTile]) -> None:
    """Put full tiles in."""
    if tiles:
        columns = [t.level for t in tiles], [t.index for t in tiles], [t.hashes for t in tiles]
        await connection.execute(query("notary", "add_tiles"), fork, *columns)


async def analyze(connection: Connection) -> None:
    """Let the planner know of what was loaded."""
    await connection.execute(query("whole", "analyze"))
