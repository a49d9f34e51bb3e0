#!/usr/bin/env bash
# A tenth of 1,500 reports, by DuckDB's USING SAMPLE 10%, is none of them nine times out of ten, and all of them else.
#
# What one would guess: a sample of ten per cent is some 150 rows of 1,500, from all over the table, as by TABLESAMPLE
#   BERNOULLI or sample(fraction=0.1) of pandas and polars.
# What happens: by per cent DuckDB draws blocks, not rows, and a block is 2,048 rows that stand one after the other. A table
#   of fewer is one block, which is taken or not; one of 5,000 gives 0, 904, 2,048, or sums of these. Of a million rows it
#   is about a tenth, and whole stretches of it. USING SAMPLE 150 ROWS, beside it, draws rows, and so does 10% (bernoulli).
#   That SYSTEM is taken for per cent, and samples by vectors, is in the documentation.
# Why it matters here: coders look through a tenth of the reports a second time, and how well they agree is worked out of
#   that. In the first year the sample is empty, or the whole; later it is a few weeks of the war. Say bernoulli, or a
#   number of rows.
# Versions: duckdb 2.0.1. Seen 2026-12-01.
# Output (asked with the seeds 1 to 1000, in one thread; how many rows came, and how often):
#   1500, 10%: 0 rows 893 times, 1500 rows 107 times
#   5000, 10%: 0 rows 737 times, 904 rows 63 times, 2048 rows 165 times, 2952 rows 20 times, 4096 rows 12 times, 5000 rows 3 times
#   1500, 10% (bernoulli): from 113 to 192 rows
#   1500, 150 rows: 150 rows 1000 times
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check duckdb==2.0.1

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import sys
from collections import Counter

import duckdb

SEEDS = range(1, 1001)
connection = duckdb.connect(config={"threads": 1})


def counts(rows, sample):
    connection.execute(f"CREATE OR REPLACE TABLE report AS SELECT position FROM range({rows}) AS log (position)")
    asked = f"SELECT count(*) FROM report USING SAMPLE {sample}"
    return Counter(connection.execute(asked.format(seed=seed)).fetchall()[0][0] for seed in SEEDS)


def told(came):
    return ", ".join(f"{rows} rows {times} times" for rows, times in sorted(came.items()))


drawn = counts(1500, "10% (bernoulli, {seed})")
seen = [
    f"1500, 10%: {told(counts(1500, '10% (system, {seed})'))}",
    f"5000, 10%: {told(counts(5000, '10% (system, {seed})'))}",
    f"1500, 10% (bernoulli): from {min(drawn)} to {max(drawn)} rows",
    f"1500, 150 rows: {told(counts(1500, 'reservoir(150 ROWS) REPEATABLE ({seed})'))}",
]
print(*seen, sep="\n")
expected = [
    "1500, 10%: 0 rows 893 times, 1500 rows 107 times",
    "5000, 10%: 0 rows 737 times, 904 rows 63 times, 2048 rows 165 times, 2952 rows 20 times, 4096 rows 12 times, 5000 rows 3 times",
    "1500, 10% (bernoulli): from 113 to 192 rows",
    "1500, 150 rows: 150 rows 1000 times",
]
sys.exit(0 if seen == expected else f"it behaves otherwise now; expected {expected}")
PYTHON
