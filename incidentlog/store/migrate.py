"""The schema: numbered migrations, forward only, each applied once and never changed after."""

import asyncio
import hashlib
from dataclasses import dataclass
from typing import Final
from uuid import uuid4

import structlog

from incidentlog.events.values import KYIV
from incidentlog.sqlfiles import query, sql_root
from incidentlog.store.connect import LOOK_SECONDS, OWNER, ROLES, SAY_SECONDS, Access, Connection
from incidentlog.store.zones import keep_zone_data
from incidentlog.zones import packaged

LOCK: Final = 7241904
OLDEST: Final = 18
"""The PostgreSQL that the SQL is written for and tested on."""

log = structlog.get_logger(__name__)


class MigrationError(Exception):
    """The database and the migrations of this build do not fit."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file of `sql/migrations`."""

    number: int
    name: str
    text: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the text; a migration that was applied must not change."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def migrations() -> list[Migration]:
    """The migrations of this build, which count from 1 without a gap."""
    files = sorted((sql_root() / "migrations").glob("*.sql"))
    found = [Migration(int(f.stem[:4]), f.stem[5:], f.read_text("utf-8")) for f in files]
    if [m.number for m in found] != list(range(1, len(found) + 1)):
        raise MigrationError("sql/migrations does not count 0001, 0002, ... without a gap")
    return found


async def migrate(access: Access, zone: str = KYIV) -> list[Migration]:
    """Bring the schema up to this build, in one transaction under one lock; answers what was applied.

    While another session holds that lock it waits, and says so, at once and again and again.
    `zone` is the zone whose days a new log is counted in; an existing log keeps its own. The zone data of this build
    hold from then on, unless the log goes by a later release. Raises MigrationError when the database is newer than
    this build, or holds another text of a migration.
    """
    connection = await access.connect()
    try:
        if connection.get_server_version() < (OLDEST, 0):
            raise MigrationError(f"this is PostgreSQL {connection.get_server_version().major}; {OLDEST} is needed")
        if not access.shared_roles:
            await _make_roles(connection, access)
        async with connection.transaction():
            await _lock(connection)
            await _enter_schema(connection, access)
            applied = await _apply(connection)
            for path in sorted((sql_root() / "functions").glob("*.sql")):
                await connection.execute(path.read_text("utf-8"))
            await connection.execute((sql_root() / "grants.sql").read_text("utf-8"))
            await connection.execute(query("migrate", "make_log"), uuid4(), zone)
            await keep_zone_data(connection, packaged())
        return applied
    finally:
        await connection.close()


async def status(access: Access) -> list[tuple[Migration, bool]]:
    """Each migration of this build, and whether it is applied. Raises as `migrate` does; changes nothing."""
    connection = await access.connect()
    try:
        done = await _done(connection)
        return [(m, m.number in done) for m in _checked(done)]
    finally:
        await connection.close()


async def _lock(connection: Connection) -> None:
    loop = asyncio.get_running_loop()
    say_at = loop.time()
    while not await connection.fetchval(query("migrate", "lock"), LOCK):
        if loop.time() >= say_at:
            say_at = loop.time() + SAY_SECONDS
            holders = [dict(r) for r in await connection.fetch(query("migrate", "holders"), LOCK)]
            log.warning("waiting_for_the_migration_lock", holders=holders)
        await asyncio.sleep(LOOK_SECONDS)


async def is_made(access: Access) -> bool:
    """Whether there is a log, of whatever migration; changes nothing."""
    connection = await access.connect()
    try:
        return bool(await connection.fetchval(query("migrate", "has_table")))
    finally:
        await connection.close()


async def _apply(connection: Connection) -> list[Migration]:
    await connection.execute(query("migrate", "make_table"))
    done = await _done(connection)
    todo = [m for m in _checked(done) if m.number not in done]
    for migration in todo:
        await connection.execute(migration.text)
        await connection.execute(query("migrate", "note"), migration.number, migration.name, migration.checksum)
    return todo


async def _done(connection: Connection) -> dict[int, str]:
    if not await connection.fetchval(query("migrate", "has_table")):
        return {}
    return {r["number"]: r["checksum"] for r in await connection.fetch(query("migrate", "applied"))}


def _checked(done: dict[int, str]) -> list[Migration]:
    ours = migrations()
    newer = sorted(set(done) - {m.number for m in ours})
    if newer:
        raise MigrationError(f"the database has migration {newer[-1]}, which this build does not know: update it")
    for migration in ours:
        if done.get(migration.number, migration.checksum) != migration.checksum:
            raise MigrationError(f"migration {migration.number} was changed after it was applied")
    return ours


async def _enter_schema(connection: Connection, access: Access) -> None:
    schema = _quoted(access.schema)
    owner = _quoted(OWNER) if not access.shared_roles else "CURRENT_USER"
    await connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema} AUTHORIZATION {owner}")
    await connection.execute(f"SET LOCAL search_path TO {schema}, pg_temp")
    if not access.shared_roles:
        await connection.execute(f"SET LOCAL ROLE {owner}")


async def _make_roles(connection: Connection, access: Access) -> None:
    """The roles of a server of our own; names and passwords are ours, so nothing here is anybody's input."""
    existing = {r["rolname"] for r in await connection.fetch(query("migrate", "roles"))}
    if OWNER not in existing:
        await connection.execute(f"CREATE ROLE {_quoted(OWNER)} NOLOGIN")
    for role in ROLES:
        if f"incidentlog_{role}" not in existing:
            name = _quoted(f"incidentlog_{role}")
            await connection.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{access.password(role)}'")
            await connection.execute(f"ALTER ROLE {name} SET search_path TO {_quoted(access.schema)}")


async def renew_passwords(access: Access) -> None:
    """Give the roles of a server of our own the passwords that `access` derives: its secret is another than it was."""
    connection = await access.connect()
    try:
        existing = {r["rolname"] for r in await connection.fetch(query("migrate", "roles"))}
        for role in ROLES:
            if f"incidentlog_{role}" in existing:
                name = _quoted(f"incidentlog_{role}")
                await connection.execute(f"ALTER ROLE {name} PASSWORD '{access.password(role)}'")
    finally:
        await connection.close()


def _quoted(identifier: str) -> str:
    return '"' + identifier.replace('"', '""') + '"'
