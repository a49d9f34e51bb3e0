#!/usr/bin/env bash
# A curfew ends each day at 05:00+02:00: handed on by DuckDB it ends at 05:00 by Arrow and at 03:00 by Parquet, of no zone in either.
#
# What one would guess: Arrow and Parquet, which read each other's types, get the same of one column; what a type of theirs
#   cannot say is an error, as it is to pandas of this column ("unsupported type"), or a text.
# What happens: of TIME WITH TIME ZONE Arrow gets the hands of the clock and Parquet the time in UTC, and both lose the
#   zone: pyarrow, polars and pandas have a plain time either way, five by the one and three by the other. Parquet's mark
#   that it is in UTC is kept to DuckDB, which reads 03:00+00 back, and told to nobody else. Likewise a sum of BIGINT is
#   exact by Arrow (a decimal) and a double in Parquet and pandas, also when DuckDB reads the file again; INTERVAL loses
#   what is below a millisecond. CSV and JSON have all of it.
# Why it matters here: curfews, working hours of crossings and daily ceasefires are times of a day with a zone. Two tables
#   of one query, one by file and one in memory, are two hours apart, in summer three. Keep the zone's name in a column of
#   its own and the time without; cast sums to BIGINT or DECIMAL.
# Versions: duckdb 2.0.1, pyarrow 26.0.1, polars 2.1.0, pandas 3.1.1. Seen 2026-12-01.
# Output (05:00:00+02; the sum of 9007199254740992 and 1; 1 hour and 123 microseconds):
#   CSV: 05:00:00+02, 9007199254740993, 01:00:00.000123
#   Arrow: 05:00:00, 9007199254740993
#   Parquet, read by pyarrow: 03:00:00, 9007199254740992.0
#   Parquet, read by polars: 03:00:00, 9007199254740992.0
#   Parquet, read by pandas: 03:00:00, 9007199254740992.0
#   Parquet, read by DuckDB: 03:00:00+00, 9007199254740992.0, 01:00:00
#   by .df(): Unsupported type "TIME WITH TIME ZONE", 9007199254740992.0
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  duckdb==2.0.1 pyarrow==26.0.1 polars==2.1.0 pandas==3.1.1

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import sys
from pathlib import Path

import duckdb
import pandas
import polars
from pyarrow import parquet

AT = "SELECT TIMETZ '05:00:00+02' AS ends"
SUM = "SELECT sum(x) AS total FROM (VALUES (9007199254740992), (1)) AS amount (x)"
BOTH = f"SELECT ends, total FROM ({AT}), ({SUM})"
ALL = f"SELECT ends, total, INTERVAL '1 hour 123 microseconds' AS lasts FROM ({BOTH})"

duckdb.sql(f"COPY ({ALL}) TO 'all.csv' (HEADER false)")
duckdb.sql(f"COPY ({ALL}) TO 'all.parquet'")
duckdb.sql(f"COPY ({BOTH}) TO 'both.parquet'")


def told(row):
    return ", ".join(map(str, row))


def refused():
    try:
        return duckdb.sql(AT).df()["ends"][0]
    except duckdb.NotImplementedException as error:
        return str(error).partition(": ")[2]


again = duckdb.sql("SELECT CAST(COLUMNS(*) AS VARCHAR) FROM 'all.parquet'").fetchall()[0]
seen = [
    f"CSV: {told(Path('all.csv').read_text().strip().split(','))}",
    f"Arrow: {told(duckdb.sql(BOTH).to_arrow_table().to_pylist()[0].values())}",
    f"Parquet, read by pyarrow: {told(parquet.read_table('both.parquet').to_pylist()[0].values())}",
    f"Parquet, read by polars: {told(polars.read_parquet('both.parquet').row(0))}",
    f"Parquet, read by pandas: {told(pandas.read_parquet('both.parquet').iloc[0])}",
    f"Parquet, read by DuckDB: {told(again)}",
    f"by .df(): {refused()}, {duckdb.sql(SUM).df()['total'][0]}",
]
print(*seen, sep="\n")
expected = [
    "CSV: 05:00:00+02, 9007199254740993, 01:00:00.000123",
    "Arrow: 05:00:00, 9007199254740993",
    "Parquet, read by pyarrow: 03:00:00, 9007199254740992.0",
    "Parquet, read by polars: 03:00:00, 9007199254740992.0",
    "Parquet, read by pandas: 03:00:00, 9007199254740992.0",
    "Parquet, read by DuckDB: 03:00:00+00, 9007199254740992.0, 01:00:00",
    'by .df(): Unsupported type "TIME WITH TIME ZONE", 9007199254740992.0',
]
sys.exit(0 if seen == expected else f"it behaves otherwise now; expected {expected}")
PYTHON
