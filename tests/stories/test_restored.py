"""A log is dumped and restored elsewhere: the same rows at the same positions, and it goes on from there."""

import os
import subprocess
import tempfile
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
GOES_ON = {"access_log", "access_open", "leases", "tree_heads", "tiles"}
"""What a service writes by itself, also between two looks: who read, who works, what is sealed."""


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


async def everything(server: Server, database: str) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table that does not go on by itself."""
    connection = await asyncpg.connect(server.dsn(database))
    try:
        tables = [
            r["table_name"]
            for r in await connection.fetch(
                "SELECT table_name FROM information_schema.tables WHERE table_schema = 'incidentlog' ORDER BY 1"
            )
        ]
        return {
            table: sorted(map(tuple, await connection.fetch(f"SELECT * FROM incidentlog.{table}")), key=repr)
            for table in tables
            if table not in GOES_ON
        }
    finally:
        await connection.close()


async def test_a_restored_log_is_the_same_log_and_goes_on(server: Server, access: Access, service: Served):
    source = access.admin.rpartition("/")[2].partition("?")[0]
    event = strike(private={"victims": ["A name"]})
    await service.bulk(event, *(strike() for _ in range(20)), retraction(event["id"]))
    rows = await service.rows("city_incidents", at="2026-02-01")
    before = await everything(server, source)
    assert len(before["events"]) == 22
    with tempfile.TemporaryDirectory() as folder:
        file = str(Path(folder) / "log.dump")
        run(server, program(server, "pg_dump"), "--format=custom", "--file", file, source)
        await run_admin(server, f"CREATE DATABASE {RESTORED} TEMPLATE template0")
        run(server, program(server, "pg_restore"), "--exit-on-error", "--dbname", RESTORED, file)
    try:
        assert await everything(server, RESTORED) == before
        async with serving(access_to(server, RESTORED)) as restored:
            assert await restored.rows("city_incidents", at="2026-02-01") == rows
            again = await restored.post(event)
            assert (again.status, again.json["position"]) == (200, 1)
            assert await restored.add(strike()) == [23]
            assert (await restored.get("/readyz", min_position=23)).status == 200
        connection = await asyncpg.connect(server.dsn(RESTORED))
        with pytest.raises(asyncpg.PostgresError, match="append-only"):
            await connection.execute("DELETE FROM incidentlog.events")
        await connection.close()
    finally:
        await run_admin(server, f"DROP DATABASE {RESTORED} WITH (FORCE)")
