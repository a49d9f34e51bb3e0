#!/usr/bin/env bash
# Every seven days is a week from Monday to DuckDB, from Thursday to polars and pyarrow; every two weeks differ by a week.
#
# What one would guess: "7d" and "1w" are two ways to say one thing within a library, and two libraries that cut time into
#   weeks from Monday on cut it alike by two weeks too.
# What happens: days are counted from 1 January 1970, a Thursday, in polars, pyarrow and pandas' floor; weeks are set on a
#   Monday. DuckDB's time_bucket counts both from Monday, 3 January 2000. pandas' resample("7D") begins on the first day in
#   the data, so that one late report moves all weeks, and "W" names a week by its last day, a Sunday. Two weeks begin on 27
#   October to polars, and on 3 November to pyarrow and DuckDB; three years in 2025 to pyarrow, in 2024 to polars and
#   DuckDB. Each origin is documented or can be given; that two words of one library part, and that agreement at one week
#   ends at two, is what one meets.
# Why it matters here: strikes by week are compared from table to table. Of two tables of the same rows, one has a week with
#   the weekend's strikes and the other has it cut, and reports of every fortnight are of other fortnights. Say "1w", give
#   the origin for more than one, and name a week by its Monday.
# Versions: duckdb 2.0.1, polars 2.1.0, pandas 3.1.1, pyarrow 26.0.1. Seen 2026-12-01.
# Output (what 2025-11-08, a Saturday, belongs to; the data begin on Tuesday 4, or on Monday 3, November):
#   7 days: polars Thu 2025-11-06, pyarrow Thu 2025-11-06, pandas.floor Thu 2025-11-06, DuckDB Mon 2025-11-03
#   7 days, pandas.resample: Tue 2025-11-04, or Mon 2025-11-03
#   1 week: polars Mon 2025-11-03, pyarrow Mon 2025-11-03, DuckDB Mon 2025-11-03
#   1 week, pandas.resample: Sun 2025-11-09
#   2 weeks: polars Mon 2025-10-27, pyarrow Mon 2025-11-03, DuckDB Mon 2025-11-03
#   3 years: polars Mon 2024-01-01, pyarrow Wed 2025-01-01, DuckDB Mon 2024-01-01
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  duckdb==2.0.1 polars==2.1.0 pandas==3.1.1 pyarrow==26.0.1

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import sys
from datetime import date

import duckdb
import pandas
import polars
import pyarrow
import pyarrow.compute

DAY = date(2025, 11, 8)


def by_polars(every):
    return polars.Series([DAY]).dt.truncate(every)[0]


def by_pyarrow(number, unit):
    return pyarrow.compute.floor_temporal(pyarrow.array([DAY]), number, unit)[0].as_py()


def by_duckdb(interval):
    return duckdb.sql(f"SELECT time_bucket(INTERVAL '{interval}', date '{DAY}')").fetchall()[0][0]


def by_resample(first, every):
    counts = pandas.Series(1, index=pandas.DatetimeIndex([first, DAY])).resample(every).sum()
    return counts[counts > 0].index[-1]


def told(**windows):
    return ", ".join(f"{name.replace('_', '.')} {first:%a %Y-%m-%d}" for name, first in windows.items())


tuesday, monday = by_resample("2025-11-04", "7D"), by_resample("2025-11-03", "7D")
seen = [
    "7 days: "
    + told(
        polars=by_polars("7d"),
        pyarrow=by_pyarrow(7, "day"),
        pandas_floor=pandas.DatetimeIndex([DAY]).floor("7D")[0],
        DuckDB=by_duckdb("7 days"),
    ),
    f"7 days, pandas.resample: {tuesday:%a %Y-%m-%d}, or {monday:%a %Y-%m-%d}",
    f"1 week: {told(polars=by_polars('1w'), pyarrow=by_pyarrow(1, 'week'), DuckDB=by_duckdb('1 week'))}",
    f"1 week, pandas.resample: {by_resample('2025-11-04', 'W'):%a %Y-%m-%d}",
    f"2 weeks: {told(polars=by_polars('2w'), pyarrow=by_pyarrow(2, 'week'), DuckDB=by_duckdb('2 weeks'))}",
    f"3 years: {told(polars=by_polars('3y'), pyarrow=by_pyarrow(3, 'year'), DuckDB=by_duckdb('3 years'))}",
]
print(*seen, sep="\n")
expected = [
    "7 days: polars Thu 2025-11-06, pyarrow Thu 2025-11-06, pandas.floor Thu 2025-11-06, DuckDB Mon 2025-11-03",
    "7 days, pandas.resample: Tue 2025-11-04, or Mon 2025-11-03",
    "1 week: polars Mon 2025-11-03, pyarrow Mon 2025-11-03, DuckDB Mon 2025-11-03",
    "1 week, pandas.resample: Sun 2025-11-09",
    "2 weeks: polars Mon 2025-10-27, pyarrow Mon 2025-11-03, DuckDB Mon 2025-11-03",
    "3 years: polars Mon 2024-01-01, pyarrow Wed 2025-01-01, DuckDB Mon 2024-01-01",
]
sys.exit(0 if seen == expected else f"it behaves otherwise now; expected {expected}")
PYTHON
