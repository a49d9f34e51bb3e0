"""Everything that is stored of an event, for whoever exports it or checks it: with salts, and with private parts."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from incidentlog.sqlfiles import query
from incidentlog.store.connect import Connection, Pool

INDEXED: Final = (
    "position", "event_id", "stream", "stream_version", "type", "schema_version", "recorded_by", "tlp", "verification",
    "occurred_from", "occurred_until", "reported_at", "place_id", "country", "admin1", "lat", "lon", "actors",
)  # fmt: skip
"""The columns of a row that are in neither its leaf nor its parts."""


@dataclass(slots=True)
class Row:
    """One row of the log as it is, with its private part beside it."""

    position: int
    recorded_at: datetime
    body: str | None
    body_salt: bytes | None
    body_digest: bytes | None
    """Of a body that was erased."""
    meta: str
    meta_salt: bytes
    has_private: bool
    private: str | None
    private_salt: bytes | None
    private_digest: bytes | None
    event_id: UUID
    stream: str
    stream_version: int
    type: str
    schema_version: int
    recorded_by: str
    tlp: int
    verification: str | None
    occurred_from: datetime
    occurred_until: datetime
    reported_at: datetime | None
    place_id: str | None
    country: str | None
    admin1: str | None
    lat: float | None
    lon: float | None
    actors: list[str] | None


async def read_rows(connection: Connection, after: int, upto: int, limit: int) -> list[Row]:
    """The next rows after a position, up to and with another, in position order. For a login that may read it all."""
    return [Row(*row) for row in await connection.fetch(query("parts", "rows"), after, upto, limit)]


async def read_salts(pool: Pool | Connection, position: int) -> tuple[bytes | None, bytes]:
    """The salts of an event's body (None where it is erased) and of its meta."""
    row = await pool.fetchrow(query("parts", "salts"), position)
    assert row is not None  # noqa: S101 - the caller has the event
    return row["body_salt"], row["meta_salt"]


async def read_commits(connection: Connection, after: int, limit: int) -> list[tuple[int, datetime]]:
    """Commits after a position: the last position of each, and when it was recorded."""
    rows: list[Any] = await connection.fetch(query("parts", "commits"), after, limit)
    return [(row["last_position"], row["recorded_at"]) for row in rows]


async def first_stray(connection: Connection) -> int | None:
    """The first position that has a private part and no event."""
    position: int | None = await connection.fetchval(query("parts", "strays"))
    return position
