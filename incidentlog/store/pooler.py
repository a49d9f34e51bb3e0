"""A pooler in front of PostgreSQL that hands connections on after each transaction, as PgBouncer does.

What a session begins with or keeps is then gone: the login's role has to bring it (docs/pgbouncer.md).
"""

from incidentlog.sqlfiles import query
from incidentlog.store.connect import Access


class PoolerError(Exception):
    """Connections that the pooler gives are not what the service needs, and what to do about it."""


async def check_pooler(access: Access) -> None:
    """See that names are found in the log's schema; without a pooler every session says so itself.

    Raises PoolerError with the statement that is missing, and as `Access.connect` does.
    """
    if not access.pooled:
        return
    connection = await access.connect("reader")
    try:
        found = await connection.fetchrow(query("pooler", "path"))
    finally:
        await connection.close()
    assert found is not None  # noqa: S101 - one row, always
    if found["path"].partition(",")[0].strip(' "') != access.schema:
        raise PoolerError(
            f"behind the pooler the search_path is {found['path']}, and the log is in the schema {access.schema}. "
            f"Run once, as {found['login']} or a superuser: {found['statement']} SET search_path = {access.schema}; "
            "and then RECONNECT in the pooler's console: what it has open was opened before"
        )
