"""Erasing what a `record.erased` names, as the one role that may; and the private parts, for those who may see them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from incidentlog.sqlfiles import query
from incidentlog.store.blocks import write_block_again
from incidentlog.store.connect import Connection, Pool

AT_ONCE: Final = 1_000
"""The most erasures listed at a time."""

REWRITE_SECONDS: Final = 24 * 3_600.0
"""How long writing the tables anew may take; None would be the connection's own limit."""

Part = Literal["body", "private"]


@dataclass(frozen=True, slots=True)
class Erasure:
    """A part that is to go: the `record.erased` at `position` names it."""

    position: int
    target: int
    """The position of the event it is a part of."""
    part: Part


async def pending_erasures(connection: Connection) -> list[Erasure]:
    """What was to be erased and is still there, oldest first; at most AT_ONCE."""
    return [Erasure(*row) for row in await connection.fetch(query("erase", "pending"), AT_ONCE)]


async def erase(connection: Connection, erasure: Erasure) -> None:
    """Remove text and salt and leave the commitment. What is gone already stays gone; the trigger refuses the rest.

    What the block of a body says of its event goes with it.
    """
    async with connection.transaction():
        await connection.fetch(query("erase", "as_eraser"))
        await connection.execute(query("erase", f"erase_{erasure.part}"), erasure.target)
        if erasure.part == "body":
            await write_block_again(connection, erasure.target)


async def read_erased(connection: Connection) -> list[tuple[int, Part]]:
    """Which parts are gone, by the positions of the events that they were of, in order."""
    return [(row["position"], row["part"]) for row in await connection.fetch(query("erase", "erased"))]


async def rebuild_owed(connection: Connection) -> bool:
    """Whether a body was erased that what answers was still built from."""
    return bool(await connection.fetchval(query("erase", "owed")))


async def read_private(connection: Connection, position: int) -> str | None:
    """The private part of the event at a position, for the eraser's login; None when it has none, or it is erased."""
    text: str | None = await connection.fetchval(query("erase", "private"), position)
    return text


async def with_private(pool: Pool | Connection, positions: Iterable[int]) -> set[int]:
    """Which of these events have a private part, or had one that was erased."""
    return {row["position"] for row in await pool.fetch(query("erase", "private_positions"), list(positions))}


async def rewrite(connection: Connection) -> None:
    """Write the tables anew, with a login that owns them, so that no file of theirs has a trace of what was erased.

    Each is locked while that goes on, and needs as much room again. The write-ahead log and backups are not rewritten.
    """
    await connection.execute(query("erase", "rewrite"), timeout=REWRITE_SECONDS)
    await connection.execute(query("erase", "checkpoint"), timeout=REWRITE_SECONDS)
