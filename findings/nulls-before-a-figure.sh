#!/usr/bin/env bash
# The same late figure in NDJSON: DuckDB loses it if nulls stand before it, polars loses it if nothing does.
#
# What one would guess: whether a producer writes `"killed":null` or leaves the member out makes no difference, and
#   a reader that has guessed a column's type wrongly says so.
# What happens: both learn from the first lines, DuckDB from 20,480 and polars from 100. After lines that leave the
#   member out, DuckDB raises an error and polars leaves the member out without a word. After lines with null it is the
#   other way round: polars raises an error, and DuckDB reads the figure as null, without a word, in a column of the
#   type "NULL". So no way of writing the lines is loud in both.
# Why it matters here: in a conflict's data a figure is null for long stretches (civilians among the dead are told late,
#   if at all), and null is "nobody knows": the one figure that was known is lost and the sum looks honest. Each
#   reader has an option that makes it look at every line, and needs to be told.
# Versions: duckdb 2.0.1, polars 2.1.0. Seen 2026-11-28.
# Output:
#   duckdb, left out: BinderException
#   duckdb, left out, told to look at all: (20480, 1, 'BIGINT')
#   polars, left out: [('day', 100)]
#   polars, left out, told to look at all: [('day', 100), ('killed', 7)]
#   duckdb, null: (20480, 0, '"NULL"')
#   duckdb, null, told to look at all: (20480, 1, 'BIGINT')
#   polars, null: ComputeError
#   polars, null, told to look at all: [('day', 100), ('killed', 7)]
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check duckdb==2.0.1 polars==2.1.0

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import json
import sys

import duckdb
import polars as pl


def written(lines, before):
    rows = [{"day": n} | before for n in range(lines)] + [{"day": lines, "killed": 7}]
    with open("rows.ndjson", "w") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)


def tried(read):
    try:
        return read()
    except Exception as error:
        return type(error).__name__


def by_duckdb(how=""):
    query = f"SELECT max(day), count(killed), any_value(typeof(killed)) FROM read_json('rows.ndjson'{how})"
    return tried(lambda: duckdb.sql(query).fetchall()[0])


def by_polars(**how):
    return tried(lambda: list(pl.read_ndjson("rows.ndjson", **how).tail(1).to_dicts()[0].items()))


seen = {}
for name, before in {"left out": {}, "null": {"killed": None}}.items():
    written(20_480, before)
    seen[f"duckdb, {name}"] = by_duckdb()
    seen[f"duckdb, {name}, told to look at all"] = by_duckdb(", sample_size=-1")
    written(100, before)
    seen[f"polars, {name}"] = by_polars()
    seen[f"polars, {name}, told to look at all"] = by_polars(infer_schema_length=None)
expected = {
    "duckdb, left out": "BinderException",
    "duckdb, left out, told to look at all": (20480, 1, "BIGINT"),
    "polars, left out": [("day", 100)],
    "polars, left out, told to look at all": [("day", 100), ("killed", 7)],
    "duckdb, null": (20480, 0, '"NULL"'),
    "duckdb, null, told to look at all": (20480, 1, "BIGINT"),
    "polars, null": "ComputeError",
    "polars, null, told to look at all": [("day", 100), ("killed", 7)],
}
for name, value in seen.items():
    print(f"{name}: {value}")
sys.exit(0 if seen == expected else f"it behaves otherwise now; expected {expected}")
PYTHON
