#!/usr/bin/env bash
# Is NaN above 100? In DuckDB yes, and from a Parquet file only in those row groups that have another value above 100.
#
# What one would guess: whether a row is found depends on the row. NaN, by which pandas and polars say that a figure is not
#   known, is above all numbers to DuckDB, as it is to PostgreSQL, and so is found by > 100, or by <> 5, wherever it is.
# What happens: a Parquet file tells of each row group its least and greatest value, and by the format's rules NaN is not
#   counted in. DuckDB passes over groups whose greatest value is not above 100, with their NaN rows, and reads the others,
#   with theirs. So a count depends on how rows were grouped when the file was written; after sorting the file it is
#   another. A file that DuckDB writes has no such values where there is a NaN, and is read in full. pyarrow, to which NaN
#   is above nothing, does the same with not (x <= 100). polars, which reads the same files, finds all. It was reported of
#   DuckDB in September 2026, and is open.
# Why it matters here: "more than a hundred" is a limit that moves people. Unknown figures are above it or not by the
#   company they are in, and a table that is sorted, or cut by month, answers otherwise. Turn NaN into null before it is
#   written.
# Versions: duckdb 2.0.1, polars 2.1.0, pyarrow 26.0.1. Seen 2026-12-01.
# Output (4, NaN; 200, NaN; in two row groups, and turned into one; the rows above 100):
#   DuckDB, in memory: NaN, 200, NaN
#   DuckDB, polars' file of two row groups: 200, NaN
#   DuckDB, polars' file of one: NaN, 200, NaN
#   DuckDB, pyarrow's file of two: 200, NaN
#   DuckDB, its own file of two: NaN, 200, NaN
#   polars, its file of two: NaN, 200, NaN
#   pyarrow, its file of two, not at most 100: 200, NaN
#   pyarrow, in memory, not at most 100: NaN, 200, NaN
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check duckdb==2.0.1 polars==2.1.0 pyarrow==26.0.1

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import sys

import duckdb
import polars
import pyarrow
import pyarrow.compute
from pyarrow import parquet

GROUP = 2048  # the least that DuckDB writes
NAN = float("nan")
AT_MOST = pyarrow.compute.field("x") <= 100

calm, loud = [4.0] * (GROUP - 1) + [NAN], [200.0] + [4.0] * (GROUP - 2) + [NAN]
frame = polars.DataFrame({"n": range(2 * GROUP), "x": calm + loud})
table = frame.to_arrow()
frame.write_parquet("polars-two.parquet", row_group_size=GROUP)
frame.write_parquet("polars-one.parquet", row_group_size=2 * GROUP)
parquet.write_table(table, "pyarrow-two.parquet", row_group_size=GROUP)
duckdb.sql(f"COPY (FROM frame ORDER BY n) TO 'duckdb-two.parquet' (ROW_GROUP_SIZE {GROUP})")


def told(values):
    return ", ".join("NaN" if value != value else f"{value:.0f}" for value in values)


def by_duckdb(source):
    return told(value for (value,) in duckdb.sql(f"SELECT x FROM {source} WHERE x > 100 ORDER BY n").fetchall())


def by_polars(name):
    return told(polars.scan_parquet(name).filter(polars.col("x") > 100).collect()["x"])


def by_pyarrow(rows):
    return told(rows["x"].to_pylist())


groups = {name: parquet.ParquetFile(f"{name}-two.parquet").num_row_groups for name in ("polars", "pyarrow", "duckdb")}
assert set(groups.values()) == {2}, groups
found = {
    "DuckDB, in memory": by_duckdb("frame"),
    "DuckDB, polars' file of two row groups": by_duckdb("'polars-two.parquet'"),
    "DuckDB, polars' file of one": by_duckdb("'polars-one.parquet'"),
    "DuckDB, pyarrow's file of two": by_duckdb("'pyarrow-two.parquet'"),
    "DuckDB, its own file of two": by_duckdb("'duckdb-two.parquet'"),
    "polars, its file of two": by_polars("polars-two.parquet"),
    "pyarrow, its file of two, not at most 100": by_pyarrow(parquet.read_table("pyarrow-two.parquet", filters=~AT_MOST)),
    "pyarrow, in memory, not at most 100": by_pyarrow(table.filter(~AT_MOST)),
}
seen = [f"{name}: {rows}" for name, rows in found.items()]
print(*seen, sep="\n")
expected = [
    "DuckDB, in memory: NaN, 200, NaN",
    "DuckDB, polars' file of two row groups: 200, NaN",
    "DuckDB, polars' file of one: NaN, 200, NaN",
    "DuckDB, pyarrow's file of two: 200, NaN",
    "DuckDB, its own file of two: NaN, 200, NaN",
    "polars, its file of two: NaN, 200, NaN",
    "pyarrow, its file of two, not at most 100: 200, NaN",
    "pyarrow, in memory, not at most 100: NaN, 200, NaN",
]
sys.exit(0 if seen == expected else f"it behaves otherwise now; expected {expected}")
PYTHON
