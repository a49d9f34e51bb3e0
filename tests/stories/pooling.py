"""PgBouncer in transaction mode in front of the test server, and a database with one login."""

import asyncio
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from urllib.parse import quote

import asyncpg

from incidentlog.embedded import Server
from incidentlog.store.connect import Access
from tests.conftest import run_admin

PROGRAM = shutil.which("pgbouncer", path=os.environ.get("PATH", "") + ":/usr/sbin")
PAGE = Path(__file__).parents[2] / "docs/pgbouncer.md"
"""Whose settings it has."""
POOL = 4
"""Connections of PgBouncer to the server; the service alone has more to PgBouncer, so they do change hands."""
LOGIN, PASSWORD = "pooled_login", "a-password"
_numbers = count(1)


@dataclass(frozen=True)
class Pooled:
    """A database behind PgBouncer."""

    name: str
    server: Server
    folder: Path

    @property
    def dsn(self) -> str:
        """Through PgBouncer."""
        return f"postgresql://{LOGIN}:{PASSWORD}@/{self.name}?host={quote(str(self.folder), safe='')}&port=6432"

    @property
    def direct(self) -> str:
        """Around it."""
        return self.server.dsn(self.name, LOGIN, PASSWORD)

    def access(self, *, direct: bool) -> Access:
        return Access(self.dsn, pooled=True, direct=self.direct if direct else None)

    async def cut(self) -> None:
        """End what PgBouncer has open to the server."""
        await run_admin(
            self.server, f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{self.name}'"
        )


@asynccontextmanager
async def pooled(server: Server) -> AsyncIterator[Pooled]:
    """A fresh database, not yet migrated, behind a PgBouncer of its own."""
    folder = Path(tempfile.mkdtemp(prefix="incidentlog-pool-", dir="/var/tmp"))
    name = f"test_pooled_{next(_numbers)}"
    await run_admin(server, f"CREATE ROLE {LOGIN} LOGIN PASSWORD '{PASSWORD}'")
    # The server has the roles of the other tests' logs, and where there is an eraser nobody else may erase.
    await run_admin(server, f"GRANT incidentlog_eraser TO {LOGIN}")
    await run_admin(server, f"CREATE DATABASE {name} OWNER {LOGIN}")
    try:
        process = _started(server, folder)
        try:
            made = Pooled(name, server, folder)
            await _answers(made, process)
            yield made
        finally:
            process.terminate()
            process.wait(10)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        await run_admin(server, f"DROP DATABASE {name} WITH (FORCE)")
        await run_admin(server, f"DROP ROLE {LOGIN}")


def _started(server: Server, folder: Path) -> subprocess.Popen[bytes]:
    (folder / "users").write_text(f'"{LOGIN}" "{PASSWORD}"\n')
    (folder / "pgbouncer.ini").write_text(f"""
[databases]
* = host=127.0.0.1 port={server.port}
[pgbouncer]
{PAGE.read_text("utf-8").partition("[pgbouncer]")[2].partition("```")[0]}
listen_addr =
unix_socket_dir = {folder}
listen_port = 6432
auth_type = scram-sha-256
auth_file = {folder}/users
default_pool_size = {POOL}
""")
    user: str | None = None
    if os.geteuid() == 0:  # it refuses to be root
        user = "nobody"
        for path in (folder, *folder.iterdir()):
            os.chown(path, pwd.getpwnam(user).pw_uid, -1)
    assert PROGRAM is not None
    return subprocess.Popen([PROGRAM, "--quiet", str(folder / "pgbouncer.ini")], user=user, cwd="/")


async def _answers(made: Pooled, process: subprocess.Popen[bytes]) -> None:
    async with asyncio.timeout(60):
        while True:
            assert process.poll() is None, "PgBouncer ended"
            try:
                await (await asyncpg.connect(made.dsn, statement_cache_size=0)).close()
            except OSError:
                await asyncio.sleep(0.05)
            else:
                return
