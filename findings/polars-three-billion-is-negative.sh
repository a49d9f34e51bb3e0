#!/usr/bin/env bash
# Three pledges of a billion, in a column of INTEGER, are -1,294,967,296 together to polars, and their mean is right.
#
# What one would guess: a sum of integers has room for more than its parts: it is a bigint in PostgreSQL, a HUGEINT in
#   DuckDB, 64 bits in pandas and pyarrow, and in polars for columns of 8 and 16 bits, as its documentation says.
# What happens: of 32 bits polars keeps 32, and runs over without a word: in sum, by groups, in its SQL, and in the
#   streaming engine. Of UInt32 two times four billion is 3,705,032,704, less than either of them, and nothing to see by a
#   sign. The mean of the same column is right, since it is worked out in floats. pyarrow's sum is right and its
#   cumulative_sum runs over; pandas is right in both. Nobody chooses 32 bits: DuckDB's and PostgreSQL's INTEGER and
#   Parquet's INT32 come so. The documentation of sum() names only the types that are widened; that 32 bits run over was
#   reported in 2023 and 2024, and is open.
# Why it matters here: pledges, budgets, aid in tonnes and views are such columns, and each value fits. The sum is wrong
#   from the year on in which it exceeds 2,147,483,647, in a table that was right for years. Cast to Int64 before you sum.
# Versions: polars 2.1.0, pyarrow 26.0.1, pandas 3.1.1, duckdb 2.0.1. Seen 2026-11-30.
# Output:
#   a column of INTEGER from DuckDB is Int32 to polars, from its Parquet file as well
#   three times 1,000,000,000
#     polars: sum -1294967296, mean 1000000000, cumulative -1294967296
#     polars by groups: sum -1294967296, in its SQL -1294967296, streaming -1294967296
#     pyarrow: sum 3000000000, mean 1000000000, cumulative -1294967296
#     pandas: sum 3000000000, mean 1000000000, cumulative 3000000000
#     DuckDB: sum 3000000000, mean 1000000000, cumulative 3000000000
#   two times 4,000,000,000 of UINTEGER: polars 3705032704, DuckDB 8000000000
#   three times 30,000 of SMALLINT: polars 90000, DuckDB 90000
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  polars==2.1.0 pyarrow==26.0.1 pandas==3.1.1 duckdb==2.0.1

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import sys

import duckdb
import polars
import pyarrow.compute
from pyarrow import parquet

BILLION = 1_000_000_000


def column(kind, *values):
    rows = ", ".join(f"({n}, CAST({value} AS {kind}))" for n, value in enumerate(values))
    return f"SELECT n, x FROM (VALUES {rows}) AS pledge (n, x)"


def told(total, mean, cumulative):
    return f"sum {total}, mean {float(mean):.0f}, cumulative {cumulative}"


def sums(kind, *values):
    query = column(kind, *values)
    by_duckdb = duckdb.sql(f"SELECT sum(x) FROM ({query})").fetchall()[0][0]
    return f"polars {duckdb.sql(query).pl()['x'].sum()}, DuckDB {by_duckdb}"


pledges = column("INTEGER", BILLION, BILLION, BILLION)
duckdb.sql(f"COPY ({pledges}) TO 'pledges.parquet'")
frame = duckdb.sql(pledges).pl()
table = parquet.read_table("pledges.parquet")
series = table.to_pandas().x
kinds = {str(each["x"].dtype) for each in (frame, polars.read_parquet("pledges.parquet"))}
x = polars.col("x")
groups = frame.group_by(polars.lit(1)).agg(x.sum())["x"][0]
in_sql = frame.sql("SELECT sum(x) AS x FROM self")["x"][0]
streaming = frame.lazy().select(x.sum()).collect(engine="streaming")["x"][0]
so_far = pyarrow.compute.cumulative_sum(table["x"])[-1]
by_duckdb = duckdb.sql(f"SELECT sum(x), avg(x), max(s) FROM (SELECT x, sum(x) OVER (ORDER BY n) AS s FROM ({pledges}))")
seen = [
    f"a column of INTEGER from DuckDB is {' and '.join(kinds)} to polars, from its Parquet file as well",
    "three times 1,000,000,000",
    f"  polars: {told(frame['x'].sum(), frame['x'].mean(), frame['x'].cum_sum()[-1])}",
    f"  polars by groups: sum {groups}, in its SQL {in_sql}, streaming {streaming}",
    f"  pyarrow: {told(pyarrow.compute.sum(table['x']), pyarrow.compute.mean(table['x']).as_py(), so_far)}",
    f"  pandas: {told(series.sum(), series.mean(), series.cumsum().iloc[-1])}",
    f"  DuckDB: {told(*by_duckdb.fetchall()[0])}",
    f"two times 4,000,000,000 of UINTEGER: {sums('UINTEGER', 4 * BILLION, 4 * BILLION)}",
    f"three times 30,000 of SMALLINT: {sums('SMALLINT', 30_000, 30_000, 30_000)}",
]
print(*seen, sep="\n")
expected = [
    "a column of INTEGER from DuckDB is Int32 to polars, from its Parquet file as well",
    "three times 1,000,000,000",
    "  polars: sum -1294967296, mean 1000000000, cumulative -1294967296",
    "  polars by groups: sum -1294967296, in its SQL -1294967296, streaming -1294967296",
    "  pyarrow: sum 3000000000, mean 1000000000, cumulative -1294967296",
    "  pandas: sum 3000000000, mean 1000000000, cumulative 3000000000",
    "  DuckDB: sum 3000000000, mean 1000000000, cumulative 3000000000",
    "two times 4,000,000,000 of UINTEGER: polars 3705032704, DuckDB 8000000000",
    "three times 30,000 of SMALLINT: polars 90000, DuckDB 90000",
]
sys.exit(0 if seen == expected else f"it behaves otherwise now; expected {expected}")
PYTHON
