"""A log is dumped and restored elsewhere: the same rows at the same positions, and it goes on from there."""

import asyncio
import os
import subprocess
from pathlib import Path

import asyncpg
import pytest

from incidentlog.embedded import Server
from incidentlog.embedded.account import server_account
from incidentlog.embedded.binaries import find
from incidentlog.embedded.root import Root
from incidentlog.store.connect import Access
from tests.api.serving import Served, serving
from tests.commands import retraction, strike
from tests.conftest import access_to, run_admin

RESTORED = "test_story_restored"


def program(server: Server, name: str) -> Path:
    """A program of the PostgreSQL that the tests run on; the wheel may not bring every one."""
    root = Root(server.data.parent)
    path = find(root, server_account(server.data)).folder / name
    if not path.exists():
        pytest.skip(f"this PostgreSQL comes without {name}")
    return path


def run(server: Server, program_path: Path, *arguments: str) -> None:
    environment = {**os.environ, "PGPASSWORD": server.password, "PGHOST": "127.0.0.1", "PGPORT": str(server.port)}
    command = [str(program_path), "--username", server.superuser, *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


async def everything(connection: asyncpg.Connection) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table."""
    tables = await connection.fetch(
        "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'incidentlog' ORDER BY 1"
    )
    return {
        table["name"]: sorted(
            map(tuple, await connection.fetch(f"SELECT * FROM incidentlog.{table['name']}")), key=repr
        )
        for table in tables
    }


async def test_a_restored_log_is_the_same_log_and_goes_on(
    server: Server, access: Access, service: Served, tmp_path: Path
):
    source, file = access.admin.rpartition("/")[2].partition("?")[0], str(tmp_path / "log.dump")
    event = strike(private={"victims": ["A name"]})
    await service.fill(event, *(strike() for _ in range(20)), retraction(event["id"]))
    rows = await service.rows("city_incidents", at="2026-02-01")
    connection = await asyncpg.connect(server.dsn(source))
    # The service folds, seals and keeps its leases meanwhile: both look at one instant.
    async with connection.transaction(isolation="repeatable_read"):
        snapshot = await connection.fetchval("SELECT pg_export_snapshot()")
        dump = program(server, "pg_dump"), "--format=custom", f"--snapshot={snapshot}", "--file", file, source
        await asyncio.to_thread(run, server, *dump)
        before = await everything(connection)
    await connection.close()
    assert len(before["events"]) == 22
    await run_admin(server, f"CREATE DATABASE {RESTORED} TEMPLATE template0")
    try:
        run(server, program(server, "pg_restore"), "--exit-on-error", "--dbname", RESTORED, file)
        connection = await asyncpg.connect(server.dsn(RESTORED))
        assert await everything(connection) == before
        async with serving(access_to(server, RESTORED)) as restored:
            assert await restored.rows("city_incidents", at="2026-02-01") == rows
            again = await restored.post(event)
            assert (again.status, again.json["position"]) == (200, 1)
            assert await restored.add(strike()) == [23]
            await restored.unharmed()
        with pytest.raises(asyncpg.PostgresError, match="append-only"):
            await connection.execute("DELETE FROM incidentlog.events")
        await connection.close()
    finally:
        await run_admin(server, f"DROP DATABASE {RESTORED} WITH (FORCE)")
