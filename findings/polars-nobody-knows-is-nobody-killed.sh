#!/usr/bin/env bash
# How many were killed where each report says that it is not known? 0 to polars and pandas, null to polars' own SQL and DuckDB.
#
# What one would guess: a sum of what nobody knows is not known, as in SQL, or 0, as in a loop; the same in polars'
#   expressions and in its SQL, which are one engine. A pivot has all rows in some column, or says how many it left out.
# What happens: sum() of polars and pandas is 0, alone, in groups and in a pivot, and so in polars' streaming; SUM of
#   polars' SQL is null, as in DuckDB, PostgreSQL and pyarrow. DuckDB's PIVOT has no column for a null in the column that it
#   turns, nor does pandas' pivot_table: the two killed by what nobody knows are in no cell; polars' pivot has a column
#   "null" for them. pandas takes min_count=1 for null; polars has no such word for sum(), and its documentation says 0.
# Why it matters here: null is "not known" and 0 is "nobody". A map by place, made by an expression, says 0 killed in
#   Bakhmut, and the same map by SQL says nothing. Sums by kind are short of what has no kind. Ask for the count of what is
#   known beside each sum, and give a null kind a name before a pivot.
# Versions: polars 2.1.0, duckdb 2.0.1, pandas 3.1.1, pyarrow 26.0.1. Seen 2026-12-01.
# Output (A: 1 by shelling, 2 by nobody knows what; B: not known by shelling):
#   polars, group_by: A 3, B 0
#   polars, streaming: A 3, B 0
#   polars, SQL: A 3, B null
#   DuckDB: A 3, B null
#   pyarrow: A 3, B null
#   pandas: A 3, B 0
#   polars, pivot, shelling: A 1, B 0; null: A 2, B 0
#   DuckDB, PIVOT, shelling: A 1, B null
#   pandas, pivot_table, shelling: A 1, B 0
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  polars==2.1.0 duckdb==2.0.1 pandas==3.1.1 pyarrow==26.0.1

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import sys

import duckdb
import polars

frame = polars.DataFrame({"place": ["A", "A", "B"], "kind": ["shelling", None, "shelling"], "killed": [1, 2, None]})
table = frame.to_pandas()
BY_PLACE = "SELECT place, sum(killed) AS killed FROM {} GROUP BY place ORDER BY place"
killed = polars.col("killed")


def told(rows):
    return ", ".join(f"{place} {'null' if value is None or value != value else int(value)}" for place, value in rows)


def cells(columns, rows):
    return "; ".join(
        f"{name}: {told([(row[0], row[place]) for row in rows])}" for place, name in enumerate(columns) if place
    )


pivoted = frame.pivot("kind", index="place", values="killed", aggregate_function="sum").sort("place")
by_duckdb = duckdb.sql("PIVOT frame ON kind USING sum(killed) GROUP BY place ORDER BY place")
by_pandas = table.pivot_table(index="place", columns="kind", values="killed", aggfunc="sum").reset_index()
by_pyarrow = frame.to_arrow().group_by("place").aggregate([("killed", "sum")]).sort_by("place")
grouped = frame.lazy().group_by("place").agg(killed.sum()).sort("place")
seen = [
    f"polars, group_by: {told(grouped.collect().rows())}",
    f"polars, streaming: {told(grouped.collect(engine='streaming').rows())}",
    f"polars, SQL: {told(frame.sql(BY_PLACE.format('self')).rows())}",
    f"DuckDB: {told(duckdb.sql(BY_PLACE.format('frame')).fetchall())}",
    f"pyarrow: {told(zip(by_pyarrow['place'].to_pylist(), by_pyarrow['killed_sum'].to_pylist()))}",
    f"pandas: {told(table.groupby('place')['killed'].sum().items())}",
    f"polars, pivot, {cells(pivoted.columns, pivoted.rows())}",
    f"DuckDB, PIVOT, {cells(by_duckdb.columns, by_duckdb.fetchall())}",
    f"pandas, pivot_table, {cells(list(by_pandas.columns), by_pandas.values.tolist())}",
]
print(*seen, sep="\n")
expected = [
    "polars, group_by: A 3, B 0",
    "polars, streaming: A 3, B 0",
    "polars, SQL: A 3, B null",
    "DuckDB: A 3, B null",
    "pyarrow: A 3, B null",
    "pandas: A 3, B 0",
    "polars, pivot, shelling: A 1, B 0; null: A 2, B 0",
    "DuckDB, PIVOT, shelling: A 1, B null",
    "pandas, pivot_table, shelling: A 1, B 0",
]
sys.exit(0 if seen == expected else f"it behaves otherwise now; expected {expected}")
PYTHON
