"""What `doctor` asks a database, migrated or not."""

from dataclasses import dataclass
from datetime import UTC, datetime

from incidentlog.sqlfiles import query
from incidentlog.store.connect import Access


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
