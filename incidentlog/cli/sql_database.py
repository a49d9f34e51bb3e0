"""States that `incidentlog tables` wrote as files, loaded into a schema of a PostgreSQL (docs/sql.md)."""

import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from string import Template
from typing import Any, Final

import asyncpg
import pyarrow as pa
from pyarrow import parquet

from incidentlog.cli.ending import Code, Failed
from incidentlog.sqlfiles import sql_root

NAMED: Final = re.compile(r"[a-z_][a-z0-9_]{0,54}")
"""What a schema, a role or a table may be called: as PostgreSQL takes it without quotes."""
DOCUMENT: Final = {"key": "text", "json": "jsonb"}
"""The columns of a table of documents."""
IS_ROLE: Final = "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)"
LAST: Final = """
CREATE OR REPLACE VIEW $name AS SELECT * FROM ${name}_states WHERE basis = (SELECT max(basis) FROM bases)
"""
KNOWN: Final = """
CREATE OR REPLACE FUNCTION ${name}_at(known timestamptz) RETURNS SETOF ${name}_states LANGUAGE sql STABLE
BEGIN ATOMIC SELECT * FROM ${name}_states WHERE basis = known_by(known); END
"""
CEASEFIRES: Final = """
CREATE OR REPLACE VIEW ceasefire_states AS
    SELECT basis, key, json ->> 'state' AS state, json ->> 'label' AS label, json -> 'views' AS views,
           (json ->> 'next_transition_at')::timestamptz AS next_transition_at
    FROM ceasefire_status
"""


async def check(dsn: str, schema: str, reader: str | None) -> None:
    """See that the database can be reached and has that role, before anything is fetched for it. Raises Failed."""
    for what in filter(None, (schema, reader)):
        if not NAMED.fullmatch(what):
            raise Failed(f"{what!r} is no name of a schema or a role: a-z, 0-9 and _", Code.USAGE)
    async with _connected(dsn) as connection:
        if reader is not None and not await connection.fetchval(IS_ROLE, reader):
            raise Failed(f"the database of --into has no role {reader!r}: CREATE ROLE {reader}")


async def load(folder: Path, dsn: str, schema: str, reader: str | None) -> list[int]:
    """Load every state of a folder that the schema lacks, each whole or not at all; which they are.

    `reader` is a role that may then read them, and does not get to see anything else by it. Both names are such as
    `check` lets pass. Raises Failed for what the database says.
    """
    async with _connected(dsn) as connection:
        await _begin(connection, schema)
        there = {row[0] for row in await connection.fetch("SELECT basis FROM bases")}
        lacking = sorted(n for base in (folder / "bases").glob("*.json") if (n := int(base.stem)) not in there)
        for basis in lacking:
            async with connection.transaction():
                await _load_state(connection, folder, basis)
        if reader is not None:
            await connection.execute(f"GRANT USAGE ON SCHEMA {schema} TO {reader}")
            await connection.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {reader}")
    return lacking


@asynccontextmanager
async def _connected(dsn: str) -> AsyncIterator[Any]:
    try:
        connection = await asyncpg.connect(dsn)
    except (OSError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise Failed(f"the database of --into cannot be reached: {error}", Code.UNAVAILABLE) from None
    try:
        yield connection
    except asyncpg.PostgresError as error:
        raise Failed(f"the database of --into says: {error}") from None
    finally:
        await connection.close()


async def _begin(connection: Any, schema: str) -> None:
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock(hashtext($1))", schema)
        await connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
        await connection.execute(f"SET search_path = {schema}")
        await connection.execute((sql_root() / "views" / "postgresql.sql").read_text("utf-8"))


async def _load_state(connection: Any, folder: Path, basis: int) -> None:
    """One state: what it rests on, and the rows of every table. One that somebody else loaded meanwhile stays."""
    told = json.loads((folder / "bases" / f"{basis}.json").read_bytes())
    known = told["known_at"] and datetime.fromisoformat(told["known_at"])
    at = datetime.fromisoformat(told["at"])
    made = await connection.fetchval(
        'INSERT INTO bases (basis, "at", known_at, "by") VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING RETURNING true',
        basis, at, known, told["by"],
    )  # fmt: skip
    if not made:
        return
    for name, pages in _tables(folder, basis):
        await _load_table(connection, name, basis, pages)
    if (folder / "ceasefire_status" / f"basis={basis}").is_dir():
        await connection.execute(CEASEFIRES)


def _tables(folder: Path, basis: int) -> Iterator[tuple[str, list[Path]]]:
    """The tables of a state, with their files."""
    for table in sorted(folder.glob(f"*/basis={basis}")):
        if NAMED.fullmatch(table.parent.name) and (pages := sorted(table.iterdir())):
            yield table.parent.name, pages


async def _load_table(connection: Any, name: str, basis: int, pages: Sequence[Path]) -> None:
    columns = DOCUMENT if pages[0].suffix == ".ndjson" else _columns(parquet.read_schema(pages[0]))
    await connection.execute(f"CREATE TABLE IF NOT EXISTS {name}_states (basis bigint NOT NULL)")
    for column, kind in columns.items():
        await connection.execute(f"ALTER TABLE {name}_states ADD COLUMN IF NOT EXISTS {_quoted(column)} {kind}")
    await connection.execute(f"CREATE INDEX IF NOT EXISTS {name}_basis ON {name}_states (basis)")
    for page in pages:
        rows = _documents(page) if page.suffix == ".ndjson" else _rows(page)
        await connection.copy_records_to_table(
            f"{name}_states", records=((basis, *row) for row in rows), columns=["basis", *columns]
        )
    for statement in (LAST, KNOWN):
        await connection.execute(Template(statement).substitute(name=name))


def _columns(schema: Any) -> Mapping[str, str]:
    return {field.name: _type(field.type) for field in schema}


def _type(kind: Any) -> str:
    """What a type of Parquet is in PostgreSQL; other than these none is written."""
    if pa.types.is_list(kind):
        return "text[]"
    if pa.types.is_decimal(kind):
        return "numeric"
    named = {
        pa.string(): "text", pa.int64(): "bigint", pa.float64(): "double precision", pa.bool_(): "boolean",
        pa.date32(): "date", pa.timestamp("us", tz="UTC"): "timestamptz",
    }  # fmt: skip
    return named[kind]


def _quoted(column: str) -> str:
    escaped = column.replace('"', '""')
    return f'"{escaped}"'


def _rows(page: Path) -> Iterator[tuple[Any, ...]]:
    for batch in parquet.ParquetFile(page).iter_batches():
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


def _documents(page: Path) -> Iterator[tuple[str, str]]:
    with page.open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)["key"], line.strip()
