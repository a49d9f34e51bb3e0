"""Write `sql/catalogue.tsv` anew, after a migration or a function was added: `python -m tests.audit.listing`."""

import asyncio
import tempfile
from pathlib import Path

from incidentlog.embedded import Server, start
from incidentlog.sqlfiles import sql_root
from incidentlog.store.catalogue import LISTING, made_of
from incidentlog.store.migrate import migrate
from tests.conftest import access_to, run_admin


async def write(server: Server) -> None:
    """Migrate an empty database, and list what it is made of."""
    await run_admin(server, "CREATE DATABASE listed")
    access = access_to(server, "listed")
    await migrate(access)
    connection = await access.connect()
    parts = await made_of(connection)
    await connection.close()
    lines = (f"{p.kind}\t{p.of}\t{p.name}\t{p.definition}" for p in parts)
    (sql_root() / LISTING).write_text("".join(f"{line}\n" for line in lines), "utf-8")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="incidentlog-listing-", dir="/var/tmp") as path:
        root = Path(path)
        root.chmod(0o755)
        with start(root, durable=False) as running:
            asyncio.run(write(running.server))
