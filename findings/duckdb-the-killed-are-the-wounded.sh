#!/usr/bin/env bash
# A Parquet file has its columns in another order than the table: DuckDB's COPY makes the wounded of the killed, by name or not.
#
# What one would guess: a Parquet file says what its columns are called. COPY strike FROM it, and all the more COPY strike
#   (id, killed, wounded) FROM it, put killed into killed, or refuse a file whose names are others.
# What happens: COPY goes by place and does not look at the names: not those of a Parquet file, nor those of a CSV file's
#   header, nor the list of columns in the statement. A JSON file goes by name. Of several files the first goes by place and
#   the others by the names of the first, so that the same file is read well after one whose order is the table's and
#   wrongly alone, and two files together tell nothing of it. A SELECT from the file, which is what one tries first, has all
#   in order. That INSERT goes by place unless it says BY NAME is documented; COPY has no BY NAME.
# Why it matters here: one producer adds a column in the middle or sorts them, and all columns of figures are integers, so
#   nothing is refused. The table says 70 killed and 7 wounded where the report said 7 and 70. Load by INSERT INTO ... BY
#   NAME.
# Versions: duckdb 2.0.1. Seen 2026-12-01.
# Output (7 killed and 70 wounded, in the order id, wounded, killed):
#   SELECT from Parquet: 7 killed, 70 wounded
#   COPY from Parquet: 70 killed, 7 wounded
#   COPY from Parquet into (id, killed, wounded): 70 killed, 7 wounded
#   COPY from CSV with its header: 70 killed, 7 wounded
#   COPY from JSON: 7 killed, 70 wounded
#   COPY from Parquet, after a file in the table's order: 7 killed, 70 wounded
#   INSERT from Parquet: 70 killed, 7 wounded
#   INSERT BY NAME from Parquet: 7 killed, 70 wounded
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check duckdb==2.0.1

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import sys

import duckdb

LOADS = {
    "COPY from Parquet": "COPY strike FROM 'b.parquet'",
    "COPY from Parquet into (id, killed, wounded)": "COPY strike (id, killed, wounded) FROM 'b.parquet'",
    "COPY from CSV with its header": "COPY strike FROM 'b.csv' (HEADER)",
    "COPY from JSON": "COPY strike FROM 'b.json'",
    "COPY from Parquet, after a file in the table's order": "COPY strike FROM '*.parquet'",
    "INSERT from Parquet": "INSERT INTO strike FROM 'b.parquet'",
    "INSERT BY NAME from Parquet": "INSERT INTO strike BY NAME FROM 'b.parquet'",
}
ASKED = "SELECT killed, wounded FROM {} WHERE id = 2"

duckdb.sql("COPY (SELECT 1 AS id, 5 AS killed, 50 AS wounded) TO 'a.parquet'")
for ending in ("parquet", "csv", "json"):
    duckdb.sql(f"COPY (SELECT 2 AS id, 70 AS wounded, 7 AS killed) TO 'b.{ending}'")


def told(table):
    killed, wounded = duckdb.sql(ASKED.format(table)).fetchall()[0]
    return f"{killed} killed, {wounded} wounded"


def loaded(load):
    duckdb.sql("CREATE OR REPLACE TABLE strike (id INTEGER, killed INTEGER, wounded INTEGER)")
    duckdb.sql(load)
    return told("strike")


READ = "'b.parquet'"
seen = [f"SELECT from Parquet: {told(READ)}"]
seen += [f"{name}: {loaded(load)}" for name, load in LOADS.items()]
print(*seen, sep="\n")
expected = [
    "SELECT from Parquet: 7 killed, 70 wounded",
    "COPY from Parquet: 70 killed, 7 wounded",
    "COPY from Parquet into (id, killed, wounded): 70 killed, 7 wounded",
    "COPY from CSV with its header: 70 killed, 7 wounded",
    "COPY from JSON: 7 killed, 70 wounded",
    "COPY from Parquet, after a file in the table's order: 7 killed, 70 wounded",
    "INSERT from Parquet: 70 killed, 7 wounded",
    "INSERT BY NAME from Parquet: 7 killed, 70 wounded",
]
sys.exit(0 if seen == expected else f"it behaves otherwise now; expected {expected}")
PYTHON
