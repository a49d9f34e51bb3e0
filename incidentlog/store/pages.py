"""Pages that are bounded by bytes, and not only by how many rows they have."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import asyncpg

from incidentlog.store.connect import Connection, Pool

PAGE_OCTETS: Final = 4 * 2**20
"""How much text one page is made of."""
ROWS: Final = 32
"""Rows that are fetched at a time where each holds 256 KiB at most, as an event does."""

Page = tuple[list[asyncpg.Record], asyncpg.Record | None]
"""Rows, and the first that did not fit beside them; None where there is none."""


async def fetch_page(
    pool: Pool | Connection, sql: str, *args: Any, octets: int = PAGE_OCTETS, at_a_time: int = ROWS
) -> Page:
    """The first rows that a query finds, as many as fit into some octets and at least one; and the first that does not.

    So many more than fit are held at most as are fetched at a time.
    """
    rows: list[asyncpg.Record] = []
    async with _reading(pool) as connection, connection.transaction():
        found = await connection.cursor(sql, *args)
        total = 0
        while page := await found.fetch(at_a_time):
            for row in page:
                total += size_of(row)
                if total > octets and rows:
                    return rows, row
                rows.append(row)
    return rows, None


def size_of(row: asyncpg.Record) -> int:
    """How much text a row holds."""
    return sum(len(value) for value in row if isinstance(value, str))


@asynccontextmanager
async def _reading(pool: Pool | Connection) -> AsyncIterator[Any]:
    if isinstance(pool, asyncpg.Pool):
        async with pool.acquire() as connection:
            yield connection
    else:
        yield pool
