import asyncio
import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest
from structlog.testing import capture_logs

from incidentlog.embedded import Server
from incidentlog.sqlfiles import queries, sql_root
from incidentlog.store import migrate as migrate_module
from incidentlog.store.append import Appended, append
from incidentlog.store.builds import active_builds, shape_of, wanted_builds
from incidentlog.store.connect import Access
from incidentlog.store.migrate import MigrationError, migrate, migrations, status
from tests.commands import command
from tests.conftest import log_called, run_admin


async def test_migrating_again_applies_nothing_and_keeps_the_log(access: Access):
    connection = await access.connect()
    before = await connection.fetchval("SELECT id FROM log")
    assert await migrate(access, zone="UTC") == []
    assert await connection.fetchval("SELECT id FROM log") == before
    assert await connection.fetchval("SELECT zone FROM log") == "Europe/Kyiv"
    await connection.close()
    assert all(applied for _, applied in await status(access))


async def test_a_start_that_waits_for_the_migration_lock_says_so_at_once_and_again(
    access: Access, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(migrate_module, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(migrate_module, "SAY_SECONDS", 0.05)
    other = await access.connect()
    with capture_logs() as lines:
        async with other.transaction():
            await other.execute("SELECT pg_advisory_xact_lock($1)", migrate_module.LOCK)
            start = asyncio.create_task(migrate(access))
            async with asyncio.timeout(60):
                while len(lines) < 3:
                    await asyncio.sleep(0.01)
            assert not start.done()
        async with asyncio.timeout(60):
            assert await start == []
    assert {line["event"] for line in lines} == {"waiting_for_the_migration_lock"}
    (holder,) = lines[0]["holders"]
    assert holder["pid"] == other.get_server_pid()
    assert holder["application_name"] == "incidentlog admin"
    await other.close()


async def test_a_changed_migration_is_refused(access: Access):
    connection = await access.connect()
    await connection.execute("UPDATE migrations SET checksum = 'another' WHERE number = 1")
    await connection.close()
    with pytest.raises(MigrationError, match="migration 1 was changed"):
        await migrate(access)


async def test_a_database_of_a_newer_build_is_refused(access: Access):
    connection = await access.connect()
    await connection.execute("INSERT INTO migrations (number, name, checksum) VALUES (9999, 'later', '')")
    await connection.close()
    with pytest.raises(MigrationError, match="9999"):
        await migrate(access)


async def test_ledgers_of_an_earlier_version_that_are_stored_alike_answer_on(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Migration 25 tells how a ledger is stored without its rollups, and 27 how rows are without what describes them."""
    shutil.copytree(sql_root(), tmp_path / "sql")
    for later in (tmp_path / "sql/migrations").glob("*.sql"):
        if int(later.name[:4]) >= 25:
            later.unlink()
    (tmp_path / "sql/grants.sql").write_text("SELECT")  # of tables that are not there yet
    before = {
        "city_incidents": "8ce4a4194a69bf79", "escalation_index": "085818bc508da1cf", "violations": "another",
        "subjects": "6e2db6e70c0f9f11", "policies": "cc7001b54f41f00b", "ceasefire_status": "ab29bdebd256873f",
        "commitments": "a8c8ce0418bfd330", "positions_board": "7360546a18939385", "stated_totals": "1c7e6590fe3d3415",
        "talks_ledger": "6530f81bb8f6312d",
    }  # fmt: skip
    async with log_called("test_earlier", server, "template1") as access:
        with monkeypatch.context() as earlier:
            earlier.setattr(migrate_module, "sql_root", lambda: tmp_path / "sql")
            await migrate(access)
        connection = await access.connect()
        for number, (name, version) in enumerate(wanted_builds().items(), start=1):
            await connection.execute(
                "INSERT INTO builds (build, projection, version, base, shape, state, positions)"
                " VALUES ($1, $2, $3, 1, $4, 'active', array_fill(0::bigint, ARRAY[16]))",
                number, name, version + 100 * (name in before), before.get(name) or shape_of(name),
            )  # fmt: skip
        assert before.keys().isdisjoint(await active_builds(connection))
        assert [m.number for m in await migrate(access)] == [m.number for m in migrations() if m.number >= 25]
        answering = await active_builds(connection)
        assert wanted_builds().keys() - answering.keys() == {"violations"}
        assert not answering["city_incidents"].wanted
        await connection.close()


async def test_two_logs_live_beside_each_other_in_one_database(access: Access):
    other = replace(access, schema="other_log")
    assert [m.number for m in await migrate(other)] == [m.number for m in migrations()]
    ours, theirs = await access.connect(), await other.connect()
    assert await ours.fetchval("SELECT id FROM log") != await theirs.fetchval("SELECT id FROM log")
    await ours.close()
    await theirs.close()


@pytest.fixture(scope="module")
async def migrated(server: Server) -> AsyncIterator[Access]:
    """A log in which nothing is changed."""
    async with log_called("test_migrated", server) as access:
        yield access


_TYPES = {
    "jsonb": "jsonb",
    "smallint": "int2", "integer": "int4", "bigint": "int8", "double precision": "float8", "boolean": "bool", "tsquery": "tsquery",
    "text": "text", "uuid": "uuid", "timestamptz": "timestamptz", "bytea": "bytea", "date": "date",
}  # fmt: skip
STEMS = sorted(path.stem for path in (sql_root() / "queries").glob("*.sql"))


@pytest.mark.parametrize("stem", STEMS)
async def test_every_query_prepares_and_has_the_parameters_its_header_says(migrated: Access, stem: str):
    connection = await migrated.connect()
    try:
        for name, query in queries(stem).items():
            prepared = await connection.prepare(query.text)
            said = [_TYPES[t.removesuffix("[]")] + ("[]" if t.endswith("[]") else "") for _, t in query.parameters]
            assert [t.name for t in prepared.get_parameters()] == said, name
    finally:
        await connection.close()


CHANGES = [
    "UPDATE events SET type = 'x'",
    "DELETE FROM events",
    "TRUNCATE events CASCADE",
    "UPDATE commits SET recorded_at = now()",
    "DELETE FROM commits",
    "TRUNCATE commits",
    "UPDATE event_private SET text = NULL, salt = NULL",
    "DELETE FROM event_private",
    "TRUNCATE event_private",
]


@pytest.mark.parametrize("statement", CHANGES)
@pytest.mark.parametrize("mode", ["origin", "replica"])
async def test_nobody_changes_the_log_not_even_the_superuser_as_a_replica(migrated: Access, statement: str, mode: str):
    connection = await migrated.connect()
    try:
        await connection.execute(f"SET session_replication_role = {mode}")
        with pytest.raises(asyncpg.PostgresError, match="append-only") as refused:
            await connection.execute(statement)
        assert refused.value.sqlstate == "IL001"
    finally:
        await connection.close()


@pytest.mark.parametrize("role", ["appender", "runner", "notary", "eraser", "reader"])
async def test_no_role_may_insert_events_but_through_the_append(migrated: Access, role: str):
    connection = await migrated.connect(role)
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("INSERT INTO commits VALUES (1, now())")
        if role != "appender":
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute("SELECT append_events(NULL" + ", NULL" * 25 + ")")
    finally:
        await connection.close()


async def test_a_reader_cannot_see_private_parts_nor_write_derived_tables(migrated: Access):
    connection = await migrated.connect("reader")
    try:
        for statement in ("SELECT * FROM event_private", "DELETE FROM segments", "UPDATE builds SET positions = '{0}'"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
    finally:
        await connection.close()


async def test_one_login_may_stand_for_all_roles(server: Server):
    """A server of the user's: no roles of ours are made there, and everything works with what it has."""
    await run_admin(server, "CREATE ROLE somebody LOGIN PASSWORD 'secret'")
    await run_admin(server, "CREATE DATABASE theirs OWNER somebody")
    shared = Access(server.dsn("theirs", "somebody", "secret"))
    assert len(await migrate(shared)) == len(migrations())
    appender = await shared.connect("appender")
    assert await append(appender, [command()]) != []
    assert await appender.fetchval("SELECT current_user") == "somebody"
    with pytest.raises(asyncpg.PostgresError, match="append-only"):
        await appender.execute("DELETE FROM events")
    await appender.close()
    await run_admin(server, "DROP DATABASE theirs WITH (FORCE)")
    await run_admin(server, "DROP ROLE somebody")


async def test_a_temporary_table_of_the_appender_does_not_stand_in_for_the_logs(access: Access):
    """The append runs with its owner's rights: it must not be led astray by what its caller made."""
    connection = await access.connect("appender")
    try:
        await append(connection, [command()])
        await connection.execute(
            "CREATE TEMP TABLE commits AS SELECT 41::bigint AS last_position, now() AS recorded_at"
        )
        await connection.execute("CREATE TEMP TABLE events AS TABLE incidentlog.events")
        await connection.execute("SET search_path TO pg_temp, incidentlog")
        (outcome,) = await append(connection, [command()])
    finally:
        await connection.close()
    assert isinstance(outcome, Appended)
    assert outcome.position == 2
