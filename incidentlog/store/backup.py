"""What a backup asks of the server that it is taken from."""

from incidentlog.sqlfiles import query
from incidentlog.store.connect import Connection


async def summarizes(connection: Connection) -> bool:
    """Whether the server can make an increment on an earlier backup: it keeps summaries of its WAL."""
    on: bool = await connection.fetchval(query("backup", "summarizes"))
    return on


async def summarize(connection: Connection) -> None:
    """Let it keep them from now on. For a superuser."""
    await connection.execute(query("backup", "summarize"))
    await connection.fetchval(query("backup", "reload"))


async def kept_at_most(connection: Connection) -> str | None:
    """How much WAL the server keeps for whoever takes it by a slot, such as `8GB`; None where nothing bounds it."""
    bound: str | None = await connection.fetchval(query("backup", "kept_at_most"))
    return bound
