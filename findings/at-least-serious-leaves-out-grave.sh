#!/usr/bin/env bash
# minor, serious, grave, in this order: the worst of a DuckDB ENUM is grave, and "at least serious" finds no grave one.
#
# What one would guess: where the values of a column have an order, `>=` goes by that order, as ORDER BY and max do; so it is
#   in PostgreSQL, in pandas (an ordered category) and in polars (an Enum). Where the order is lost on the way to another
#   program, the column says so.
# What happens: DuckDB sorts and takes the greatest by the order, but compares with a text as text, also with a parameter,
#   where no type is written: g comes before s, so a grave violation is not "at least serious", and BETWEEN finds nothing
#   at all. In a Parquet file that DuckDB wrote the order is gone for max as well. pandas' ordered category becomes polars'
#   Categorical, which has no order but the alphabet: the worst is serious. polars' own Enum keeps its order in Parquet, to
#   polars and pandas. No error, no warning, and always a value that can be. DuckDB's documentation does warn of the
#   comparison with text; that max and >= of one column differ, and which way takes the order away, is what one meets.
# Why it matters here: severity (minor, serious, grave), precision and grades have an order that is not the alphabet's. The
#   filter that should show the worst leaves out just these. Write 'serious'::severity, or keep the rank as a number.
# Versions: duckdb 2.0.1, polars 2.1.0, pandas 3.1.1, pyarrow 26.0.1. Seen 2026-11-30.
# Output:
#   duckdb: the worst is grave, at least serious are serious
#   duckdb, with the type: the worst is grave, at least serious are serious, grave
#   duckdb, from its Parquet: the worst is serious, at least serious are serious
#   duckdb, from pandas: the worst is grave, at least serious are serious
#   pandas: the worst is grave, at least serious are serious, grave
#   polars: the worst is grave, at least serious are serious, grave
#   polars, from pandas: the worst is serious, at least serious are serious
#   polars, from duckdb: the worst is serious, at least serious are serious
#   polars, from its Parquet: the worst is grave, at least serious are serious, grave
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  duckdb==2.0.1 polars==2.1.0 pandas==3.1.1 pyarrow==26.0.1

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import sys

import duckdb
import pandas
import polars

SEVERITIES = ["minor", "serious", "grave"]
duckdb.sql(f"CREATE TYPE severity AS ENUM {tuple(SEVERITIES)}")
duckdb.sql(f"CREATE TABLE log AS SELECT unnest({SEVERITIES})::severity AS severity")
duckdb.sql("COPY log TO 'duckdb.parquet'")
by_pandas = pandas.DataFrame({"severity": pandas.Categorical(SEVERITIES, SEVERITIES, ordered=True)})
by_polars = polars.DataFrame({"severity": polars.Series(SEVERITIES, dtype=polars.Enum(SEVERITIES))})
by_polars.write_parquet("polars.parquet")


def of_duckdb(table, bound="?"):
    worst = duckdb.sql(f"SELECT max(severity) FROM {table}").fetchall()[0][0]
    asked = [] if "serious" in bound else ["serious"]
    rows = duckdb.execute(f"SELECT severity FROM {table} WHERE severity >= {bound}", asked).fetchall()
    return worst, [severity for (severity,) in rows]


def of_pandas(frame):
    return frame.severity.max(), frame[frame.severity >= "serious"].severity.to_list()


def of_polars(frame):
    return frame["severity"].max(), frame.filter(polars.col("severity") >= "serious")["severity"].to_list()


ways = {
    "duckdb": of_duckdb("log"),
    "duckdb, with the type": of_duckdb("log", "'serious'::severity"),
    "duckdb, from its Parquet": of_duckdb("'duckdb.parquet'"),
    "duckdb, from pandas": of_duckdb("by_pandas"),
    "pandas": of_pandas(by_pandas),
    "polars": of_polars(by_polars),
    "polars, from pandas": of_polars(polars.from_pandas(by_pandas)),
    "polars, from duckdb": of_polars(duckdb.sql("FROM log").pl()),
    "polars, from its Parquet": of_polars(polars.read_parquet("polars.parquet")),
}
seen = [f"{way}: the worst is {worst}, at least serious are {', '.join(found)}" for way, (worst, found) in ways.items()]
print(*seen, sep="\n")
expected = [
    "duckdb: the worst is grave, at least serious are serious",
    "duckdb, with the type: the worst is grave, at least serious are serious, grave",
    "duckdb, from its Parquet: the worst is serious, at least serious are serious",
    "duckdb, from pandas: the worst is grave, at least serious are serious",
    "pandas: the worst is grave, at least serious are serious, grave",
    "polars: the worst is grave, at least serious are serious, grave",
    "polars, from pandas: the worst is serious, at least serious are serious",
    "polars, from duckdb: the worst is serious, at least serious are serious",
    "polars, from its Parquet: the worst is grave, at least serious are serious, grave",
]
sys.exit(0 if seen == expected else f"it behaves otherwise now; expected {expected}")
PYTHON
