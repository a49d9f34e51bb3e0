"""`incidentlog tables`, and the views of it that DuckDB has."""

import asyncio
import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from incidentlog.cli.ending import Failed
from incidentlog.cli.sql_tables import refuse_paths
from incidentlog.embedded import Server
from incidentlog.folding.shapes import PROJECTIONS
from incidentlog.folding.subject import Subject
from incidentlog.sqlfiles import sql_root
from tests.cli.acting import Demo, Terminal
from tests.conftest import run_admin

DOCUMENT = Path(__file__).parents[2] / "docs" / "sql.md"
EXAMPLE = re.compile(r"```sql\n(.*?)```", re.DOTALL)
WHY = "it is in the dependency group 'tools', which only .ci/run installs"
pytest.importorskip("pyarrow", reason=WHY)


def examples() -> list[str]:
    """The statements of the document, but for those that ask an archive."""
    said = "".join(text for text in EXAMPLE.findall(DOCUMENT.read_text("utf-8")) if "'kept/" not in text)
    return [statement for statement in said.split(";\n") if statement.strip()]


@pytest.mark.parametrize(
    ("name", "position"), [("../cities", 1), ("/tmp", 1), ("", 1), (None, 1), ("cities", "/.."), ("cities", True)]
)
def test_no_service_has_a_file_written_outside_the_directory(name: str | None, position: object):
    refuse_paths(["cities"], 1)
    with pytest.raises(Failed):
        refuse_paths([name], position)


def test_there_is_a_view_and_an_as_of_of_every_table():
    text = (sql_root() / "views" / "duckdb.sql").read_text("utf-8")
    tables = {"events", *PROJECTIONS, *(f"subjects_{category}" for category in Subject.families)}
    assert set(re.findall(r"VIEW (\w+) AS FROM every", text)) == tables
    assert set(re.findall(r"MACRO (\w+)_at\(known\)", text)) == tables


def test_duckdb_answers_what_the_service_does_now_and_as_known_before(demo: Demo, terminal: Terminal, tmp_path: Path):
    duckdb = pytest.importorskip("duckdb", reason=WHY)
    folder = tmp_path / "tables"
    before = terminal.data("projection", "show", "city_incidents", "--at-position", "60", "-o", "json")
    for known in (["--known-at", before["basis"].get("known_at", "2025-11-20")], []):
        done = terminal.run("tables", str(folder), *known, "--by", "city_incidents=place,kind")
        assert done.returncode == 0, done.stderr
    assert "already" in terminal.run("tables", str(folder)).stderr
    connection = duckdb.connect()
    connection.execute(f"SET file_search_path = '{folder}'; SET TimeZone = 'UTC'")
    connection.execute((folder / "views.sql").read_text("utf-8"))
    told = terminal.data("projection", "show", "city_incidents", "-o", "json")["rows"].values()
    [(count, killed)] = connection.sql("SELECT sum(incidents), sum(best) FROM city_incidents").fetchall()
    assert (count, killed) == (sum(row["incidents"] for row in told), sum(row["killed"]["best"] or 0 for row in told))
    total = "sum(coalesce(killed_best, killed_low, killed_high))"
    attacks = "SELECT * FROM subjects_strike UNION ALL BY NAME SELECT * FROM subjects_incident"
    assert connection.sql(f"SELECT {total} FROM ({attacks})").fetchall() == [(killed,)]
    bases = connection.sql("SELECT basis, known_at FROM bases ORDER BY basis").fetchall()
    assert len(bases) >= 1
    assert connection.sql("SELECT count(*), max(position) FROM events").fetchall() == [(bases[-1][0], bases[-1][0])]
    described = connection.sql("SELECT column_name, column_type FROM (DESCRIBE subjects_aggregate)").fetchall()
    assert dict(described)["as_of"] == "TIMESTAMP WITH TIME ZONE"  # its own, and not what the directory is called
    states = dict(connection.sql("SELECT key, state FROM ceasefire_states").fetchall())
    shown = terminal.data("projection", "show", "ceasefire_status", "-o", "json")["rows"]
    assert states == {key: row.get("state") for key, row in shown.items()}
    for statement in examples():
        if "clear." not in statement:
            assert connection.sql(statement).fetchall() or "_at(" in statement, statement
    for name in ("events", "city_incidents", "subjects_talk", "ceasefire_status"):
        assert connection.sql(f"SELECT count(*) FROM {name}_at('2000-01-01')").fetchall() == [(0,)]
        assert connection.sql(f"SELECT count(*) FROM {name}_at('2100-01-01')").fetchall()[0][0] > 0
    assert json.loads((folder / "bases" / f"{bases[-1][0]}.json").read_text("utf-8"))["by"] == "recorded"


@pytest.mark.parametrize("by", ["city_incidents", "nothing=place", "ceasefire_status=key"])
def test_a_grouping_that_is_none_is_refused(demo: Demo, terminal: Terminal, tmp_path: Path, by: str):
    done = terminal.run("tables", str(tmp_path / "none"), "--by", by)
    assert done.returncode == 2
    assert not (tmp_path / "none").exists()


def test_a_postgresql_of_ones_own_answers_the_same_to_whoever_may_read_it_and_to_nobody_else(
    demo: Demo, terminal: Terminal, tmp_path: Path, server: Server
):
    folder, owner, guest = tmp_path / "tables", f"owner_{uuid4().hex[:8]}", f"guest_{uuid4().hex[:8]}"

    async def prepare() -> None:
        await run_admin(server, f"CREATE ROLE {owner} LOGIN PASSWORD 'owner'")
        await run_admin(server, f"CREATE ROLE {guest} LOGIN PASSWORD 'guest'")
        await run_admin(server, f"CREATE DATABASE {owner} OWNER {owner}")

    asyncio.run(prepare())
    dsn = server.dsn(owner, owner, "owner")
    for known in (["--known-at", "2025-11-20"], []):
        done = terminal.run("tables", str(folder), *known, "--into", dsn, "--schema", "clear", "--reader", guest)
        assert done.returncode == 0, done.stderr
    assert (
        "nothing that was not there" in terminal.run("tables", str(folder), "--into", dsn, "--schema", "clear").stderr
    )

    async def ask(statement: str, *args: Any, user: str = guest) -> list[tuple[Any, ...]]:
        connection = await asyncpg.connect(server.dsn(owner, user, user.partition("_")[0]))
        try:
            await connection.execute("SET search_path = clear")
            return [tuple(row) for row in await connection.fetch(statement, *args)]
        finally:
            await connection.close()

    told = terminal.data("projection", "show", "city_incidents", "-o", "json")["rows"].values()
    sums = "SELECT sum(incidents)::int, sum(best)::int FROM"
    assert asyncio.run(ask(f"{sums} city_incidents")) == [
        (sum(row["incidents"] for row in told), sum(row["killed"]["best"] or 0 for row in told))
    ]
    for known_at, states in (
        ("2025-11-21", [(None, None)]),
        ("2100-01-01", asyncio.run(ask(f"{sums} city_incidents"))),
    ):
        told_then = asyncio.run(ask(f"{sums} city_incidents_at($1)", datetime.fromisoformat(f"{known_at}T00:00Z")))
        assert told_then == states
    shown = terminal.data("projection", "show", "ceasefire_status", "-o", "json")["rows"]
    assert dict(asyncio.run(ask("SELECT key, state FROM ceasefire_states"))) == {
        k: r.get("state") for k, r in shown.items()
    }
    [(count, last)] = asyncio.run(ask("SELECT count(*), max(position) FROM events"))
    assert count == last >= 110
    for statement in examples():
        if "clear." in statement:
            assert asyncio.run(ask(statement)) or "_at(" in statement, statement
    tables = {"events", *PROJECTIONS, *(f"subjects_{category}" for category in Subject.families)}
    found = asyncio.run(
        ask("SELECT relname FROM pg_class WHERE relkind = 'v' AND relnamespace = 'clear'::regnamespace")
    )
    assert {name for (name,) in found} >= {table for table in tables if (folder / table).is_dir()} | {
        "ceasefire_states"
    }
    for statement in (
        "CREATE TABLE clear.mine ()",
        "DELETE FROM clear.events_states",
        "INSERT INTO clear.bases VALUES (1)",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            asyncio.run(ask(statement))


@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        (["--schema", "Clear; DROP"], 2, "no name of a schema"),
        (["--reader", '"x"'], 2, "no name of a schema or a role"),
        (["--into", "postgresql://127.0.0.1:9/x"], 8, "cannot be reached"),
        (["--reader", "nobody_is_called_so"], 1, "CREATE ROLE nobody_is_called_so"),
    ],
)
def test_a_database_that_cannot_be_loaded_is_told_in_a_line_and_at_once(
    terminal: Terminal, tmp_path: Path, server: Server, words: list[str], code: int, why: str
):
    done = terminal.run("tables", str(tmp_path / "tables"), "--into", server.dsn("postgres"), *words)
    assert done.returncode == code, done.stderr
    assert why in done.stderr.splitlines()[-1]
    assert not (tmp_path / "tables").exists()  # it is told before anything is fetched
