"""Everything that is stored of an event, for whoever exports it or checks it: with salts, and with private parts."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from incidentlog.sqlfiles import query
from incidentlog.store.connect import Connection
from incidentlog.subjects.recorded import Recorded


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

    @property
    def recorded(self) -> Recorded | None:
        """The event as a fold sees it; None where its body is erased."""
        if self.body is None:
            return None
        return Recorded(
            self.position,
            self.event_id,
            self.stream,
            self.stream_version,
            self.type,
            self.schema_version,
            self.recorded_at,
            self.recorded_by,
            self.tlp,
            self.body,
            self.meta,
        )


async def read_rows(connection: Connection, after: int, upto: int, limit: int) -> list[Row]:
    """The next rows after a position, up to and with another, in position order. For a login that may read it all."""
    return [Row(*row) for row in await connection.fetch(query("parts", "rows"), after, upto, limit)]


async def read_commits(connection: Connection, after: int, limit: int) -> list[tuple[int, datetime]]:
    """Commits after a position: the last position of each, and when it was recorded."""
    rows: list[Any] = await connection.fetch(query("parts", "commits"), after, limit)
    return [(row["last_position"], row["recorded_at"]) for row in rows]


async def first_stray(connection: Connection) -> int | None:
    """The first position that has a private part and no event."""
    position: int | None = await connection.fetchval(query("parts", "strays"))
    return position
