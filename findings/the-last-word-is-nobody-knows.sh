#!/usr/bin/env bash
# A figure was withdrawn: the last report says null. DuckDB's arg_max, pandas and pyarrow answer with the figure from before.
#
# What one would guess: the value at the latest time, and the last row of a group in order, are those of one row. If that
#   row says null, the answer is null; so it is in polars, and in DuckDB's own last(... ORDER BY ...).
# What happens: arg_max (max_by) of DuckDB looks for the latest row among those with a value; `last` of a group in pandas and
#   in pyarrow passes nulls over. Column by column: the figure of one report stands beside the source of another, a row
#   that nobody wrote. Of the whole row (a struct), DuckDB's arg_max does tell the null. Each is in its documentation; that
#   the same words (last, max_by) mean both, also within one library, is what one meets.
# Why it matters here: the latest state of an incident is the first thing that is asked of a table of events, and arg_max and
#   last are how. A figure that its source took back is shown again, with the name of the one who took it back.
#   Take the whole row: arg_max of a struct, arg_max_null, tail(1), or skipna=False.
# Versions: duckdb 2.0.1, polars 2.1.0, pandas 3.1.1, pyarrow 26.0.1. Seen 2026-11-30.
# Output:
#   told: 12 by A, then null by B
#   duckdb arg_max: 12 by B
#   duckdb max_by: 12 by B
#   duckdb last: null by B
#   duckdb arg_max of the row: null by B
#   polars last: null by B
#   polars max_by: null by B
#   pandas last: 12 by B
#   pandas tail: null by B
#   pyarrow last: 12 by B
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
import pyarrow

ROWS = [{"id": 1, "told": 1, "killed": 12, "source": "A"}, {"id": 1, "told": 2, "killed": None, "source": "B"}]
TOLD = "(VALUES (1, 1, 12, 'A'), (1, 2, NULL, 'B')) AS log (id, told, killed, source)"


def sql(columns):
    return duckdb.sql(f"SELECT {columns} FROM {TOLD} GROUP BY id").fetchall()[0]


def both(how):
    return sql(", ".join(how.format(column) for column in ("killed", "source")))


frame = polars.DataFrame(ROWS)
table = pandas.DataFrame(ROWS).sort_values("told")
arrow = pyarrow.Table.from_pylist(ROWS).sort_by("told")
columns = polars.col("killed", "source")
ways = {
    "duckdb arg_max": both("arg_max({}, told)"),
    "duckdb max_by": both("max_by({}, told)"),
    "duckdb last": both("last({} ORDER BY told)"),
    "duckdb arg_max of the row": tuple(sql("arg_max({'killed': killed, 'source': source}, told)")[0].values()),
    "polars last": frame.sort("told").group_by("id").agg(columns.last()).rows()[0][1:],
    "polars max_by": frame.group_by("id").agg(columns.max_by("told")).rows()[0][1:],
    "pandas last": tuple(table.groupby("id")[["killed", "source"]].last().iloc[0]),
    "pandas tail": tuple(table.groupby("id")[["killed", "source"]].tail(1).iloc[0]),
    "pyarrow last": tuple(
        arrow.group_by("id", use_threads=False).aggregate([("killed", "last"), ("source", "last")]).to_pylist()[0][name]
        for name in ("killed_last", "source_last")
    ),
}
seen = [f"{way}: {'null' if pandas.isna(n) else int(n)} by {source}" for way, (n, source) in ways.items()]
print("told: 12 by A, then null by B", *seen, sep="\n")
expected = [
    "duckdb arg_max: 12 by B",
    "duckdb max_by: 12 by B",
    "duckdb last: null by B",
    "duckdb arg_max of the row: null by B",
    "polars last: null by B",
    "polars max_by: null by B",
    "pandas last: 12 by B",
    "pandas tail: null by B",
    "pyarrow last: 12 by B",
]
sys.exit(0 if seen == expected else f"it behaves otherwise now; expected {expected}")
PYTHON
