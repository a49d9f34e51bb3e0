#!/usr/bin/env bash
# What was known on a day: DuckDB's ASOF JOIN answers with the first of two reports of that day if 63 days are asked, with the last if 64.
#
# What one would guess: of two rows with the same time an as-of join takes one by a rule, or any; but the same question gets
#   the same answer when it is asked alone and when it is asked in a longer table. polars takes the last that was told.
# What happens: up to 63 rows that ask, DuckDB joins in a loop with arg_max, which keeps the first of equals; from 64 on it
#   sorts, and the last of equals is found. On one thread both are stable, and they are not the same figure. That ties are
#   open, and move between runs on several threads, was reported to DuckDB and is expected there; that a page for one day
#   and a table for all of them disagree for good is what it comes to. `SET asof_loop_join_threshold = 0` mends the
#   border, not the tie.
# Why it matters here: reports of a conflict are dated by day, and a correction has the day of what it corrects. The state
#   of one incident shows 12 killed, the export of all shows 15, and each looks right when it is tried again. Join on what
#   is unique (the position in the log), or make it part of the order.
# Versions: duckdb 2.0.1, polars 2.1.0. Seen 2026-11-30.
# Output:
#   told of one day: 12, then 15
#   duckdb, 1 asks: 12
#   duckdb, 63 ask: 12
#   duckdb, 64 ask: 15
#   duckdb, 1 asks, no loop: 15
#   polars, 1 asks: 15
#   polars, 64 ask: 15
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check duckdb==2.0.1 polars==2.1.0

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import sys

import duckdb
import polars

duckdb.sql("SET threads = 1")
duckdb.sql("CREATE TABLE told AS FROM (VALUES (DATE '2025-11-20', 12), (DATE '2025-11-20', 15)) AS told (day, killed)")


def by_duckdb(number):
    """The figures that a table of so many rows, all asking for one later day, is joined with."""
    asking = f"(SELECT DATE '2025-11-21' AS day FROM range({number})) AS asked"
    rows = duckdb.sql(f"SELECT killed FROM {asking} ASOF JOIN told ON asked.day >= told.day").fetchall()
    return ", ".join(sorted({str(killed) for (killed,) in rows}))


def by_polars(number):
    told = polars.DataFrame({"day": [20, 20], "killed": [12, 15]}).set_sorted("day")
    asked = polars.DataFrame({"day": [21] * number}).set_sorted("day")
    return ", ".join(sorted({str(killed) for killed in asked.join_asof(told, on="day")["killed"]}))


seen = [
    f"duckdb, 1 asks: {by_duckdb(1)}",
    f"duckdb, 63 ask: {by_duckdb(63)}",
    f"duckdb, 64 ask: {by_duckdb(64)}",
]
duckdb.sql("SET asof_loop_join_threshold = 0")
seen += [
    f"duckdb, 1 asks, no loop: {by_duckdb(1)}",
    f"polars, 1 asks: {by_polars(1)}",
    f"polars, 64 ask: {by_polars(64)}",
]
print("told of one day: 12, then 15", *seen, sep="\n")
expected = [
    "duckdb, 1 asks: 12",
    "duckdb, 63 ask: 12",
    "duckdb, 64 ask: 15",
    "duckdb, 1 asks, no loop: 15",
    "polars, 1 asks: 15",
    "polars, 64 ask: 15",
]
sys.exit(0 if seen == expected else f"it behaves otherwise now; expected {expected}")
PYTHON
