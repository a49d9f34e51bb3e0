#!/usr/bin/env bash
# 24:00, the end of a day, is the day's beginning to aniso8601, and to polars a time that is not known.
#
# What one would guess: 2025-11-19T24:00Z is ISO 8601 (2004, and again since 2022) for the instant 2025-11-20T00:00Z; who
#   does not take it says so. A time of 24:00 that one program writes into a Parquet file is 24:00 or an error to the
#   next.
# What happens: aniso8601 takes it, and answers with the midnight before: a day early, without a word, for an instant as
#   for the end of an interval, which then ends before it begins. ciso8601 answers with the midnight that is meant; Python
#   3.11 raises an error. Of times alone: DuckDB (as PostgreSQL) has 24:00 and writes it as 86,400,000,000 microseconds.
#   polars reads a null, pyarrow's values are 0:00, pandas raises an error, and DuckDB reads it back.
# Why it matters here: ceasefires, curfews and air-raid alerts are announced "until 24:00". Read so, a ceasefire of a day
#   has no length, or ended before it began; in polars its end is not known. Write the next day's 00:00.
# Versions: aniso8601 10.0.1, ciso8601 2.4.1, duckdb 2.0.1, polars 2.1.0, pyarrow 26.0.1, pandas 3.1.1. Seen 2026-11-30.
# Output:
#   instant, aniso8601: 2025-11-19T00:00:00+00:00
#   instant, ciso8601: 2025-11-20T00:00:00+00:00
#   interval, aniso8601: 2025-11-19T06:00:00+00:00 to 2025-11-19T00:00:00+00:00
#   Parquet, duckdb: ['06:00:00', '24:00:00']
#   Parquet, polars: ['06:00:00', 'None']
#   Parquet, pyarrow: ['06:00:00', '00:00:00']
#   Parquet, pandas: ValueError
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  aniso8601==10.0.1 ciso8601==2.4.1 duckdb==2.0.1 polars==2.1.0 pyarrow==26.0.1 pandas==3.1.1

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import sys

import aniso8601
import ciso8601
import duckdb
import pandas as pd
import polars as pl
import pyarrow.parquet as pq

END = "2025-11-19T24:00:00Z"
duckdb.sql("COPY (VALUES (TIME '06:00'), (TIME '24:00')) TO 'times.parquet'")


def told(read):
    try:
        return [str(value) for value in read()]
    except ValueError as error:
        return type(error).__name__


seen = {
    "instant, aniso8601": aniso8601.parse_datetime(END).isoformat(),
    "instant, ciso8601": ciso8601.parse_datetime(END).isoformat(),
    "interval, aniso8601": " to ".join(at.isoformat() for at in aniso8601.parse_interval(f"2025-11-19T06:00:00Z/{END}")),
    "Parquet, duckdb": told(lambda: [time for (time,) in duckdb.sql("FROM 'times.parquet'").fetchall()]),
    "Parquet, polars": told(lambda: pl.read_parquet("times.parquet").to_series().to_list()),
    "Parquet, pyarrow": told(lambda: pq.read_table("times.parquet").column(0).to_pylist()),
    "Parquet, pandas": told(lambda: pd.read_parquet("times.parquet").iloc[:, 0].to_list()),
}
expected = {
    "instant, aniso8601": "2025-11-19T00:00:00+00:00",
    "instant, ciso8601": "2025-11-20T00:00:00+00:00",
    "interval, aniso8601": "2025-11-19T06:00:00+00:00 to 2025-11-19T00:00:00+00:00",
    "Parquet, duckdb": ["06:00:00", "24:00:00"],
    "Parquet, polars": ["06:00:00", "None"],
    "Parquet, pyarrow": ["06:00:00", "00:00:00"],
    "Parquet, pandas": "ValueError",
}
for name, value in seen.items():
    print(f"{name}: {value}")
sys.exit(0 if seen == expected else f"it behaves otherwise now; expected {expected}")
PYTHON
