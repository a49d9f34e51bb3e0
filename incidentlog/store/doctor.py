"""What `doctor` asks a database, migrated or not."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from incidentlog.sqlfiles import query
from incidentlog.store.connect import Access, Connection, Pool

AHEAD_SECONDS: Final = 10.0
"""How far the head may be ahead of the clock before it is worth a word: clocks are set right by less."""


@dataclass(frozen=True, slots=True)
class Condition:
    """What a server says of itself."""

    version: tuple[int, int]
    """Such as (18, 6)."""
    ahead_seconds: float
    """How far its clock is ahead of ours, to half of what the question took."""


async def condition(access: Access) -> Condition:
    """Ask the server; raises as `Access.connect` does."""
    connection = await access.connect()
    try:
        asked = datetime.now(UTC)
        theirs: datetime = await connection.fetchval(query("doctor", "clock"))
        ours = asked + (datetime.now(UTC) - asked) / 2
        version = connection.get_server_version()
        return Condition((version.major, version.minor), (theirs - ours).total_seconds())
    finally:
        await connection.close()


async def ahead(connection: Pool | Connection) -> str | None:
    """What is to be said of a log whose head is ahead of the database's clock; None where it is not, or hardly."""
    head = await connection.fetchrow(query("doctor", "ahead"))
    if head is None or head["seconds"] <= AHEAD_SECONDS:
        return None
    far = timedelta(seconds=round(head["seconds"]))
    return (
        f"the last event is recorded at {head['recorded_at']:%Y-%m-%d %H:%M:%S}Z, {far} ahead of the database's clock, "
        "which was wrong then or is now: until it is there, events get instants a microsecond apart, and no known_at "
        "before tells them from each other"
    )
