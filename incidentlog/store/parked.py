"""Streams that a projection could not take in: set aside with the reason, so that the others go on."""

from collections.abc import Collection
from typing import Literal

from incidentlog.folding.fold import Variants
from incidentlog.folding.steps import Entries
from incidentlog.folding.totalling import both, of_stream
from incidentlog.sqlfiles import query
from incidentlog.store.builds import Build, Parked
from incidentlog.store.connect import Connection, Pool
from incidentlog.store.segments import read_pages
from incidentlog.store.versions import Texts

Wish = Literal["retry", "discard"]


async def read_parked(connection: Pool | Connection, builds: Collection[Build]) -> list[Parked]:
    """All that was ever parked by some builds."""
    numbers = [b.build for b in builds]
    return [Parked(*row) for row in await connection.fetch(query("builds", "parked"), numbers)]


async def still_parked(connection: Connection, build: int, stream: str, reason: str) -> None:
    """A retry failed, too."""
    await connection.execute(query("builds", "still_parked"), build, stream, reason)


async def wish(connection: Connection, projection: str, stream: str, what: Wish, note: str | None) -> bool:
    """Ask for a parked stream to be tried again with the next event, or given up; whether there is such."""
    return await connection.fetchval(query("builds", "wish"), projection, stream, what, note) is not None


async def incomplete(pool: Pool | Connection, build: Build, clearance: int, position: int) -> int | None:
    """How many streams are not in an answer as of a position; None when the build's rows are gone by now."""
    count: int | None = await pool.fetchval(query("builds", "incomplete"), build.build, clearance, position)
    return count


async def read_variants(connection: Connection, base: int, stream: str, position: int) -> Variants:
    """What stood of a stream's subject as of a position, at every marking."""
    rows = await connection.fetch(query("derive", "variants"), base, stream, position)
    return {row["level"]: text.state async for row, text in Texts(connection, forgiving=True).of(rows)}


async def keys_of(connection: Connection, build: int, stream: str) -> set[str]:
    """The documents that a stream is part of."""
    return {r["key"] for r in await connection.fetch(query("derive", "keys_of"), build, stream)}


async def booked(connection: Connection, build: int, stream: str, upto: int) -> Entries:
    """What a ledger holds of one stream, up to the checkpoint."""
    sums: Entries = {}
    async for lines in read_pages(connection, build, upto):
        for b in lines.bookings(both(of_stream(lines, stream), lines.positions <= upto)):
            cell = b.level, b.at, b.dimensions
            there = sums.get(cell)
            sums[cell] = b.amounts if there is None else tuple([x + y for x, y in zip(there, b.amounts, strict=True)])
    return sums
