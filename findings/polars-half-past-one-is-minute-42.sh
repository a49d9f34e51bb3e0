#!/usr/bin/env bash
# 13:30 is minute 42 of the day to polars: hour() * 60 + minute() runs over in eight bits, and so does month() * 100 + day().
#
# What one would guess: the hour of a time is a number; times 60 and with the minutes it is the minute of the day, 810. So
#   it is in PostgreSQL, DuckDB and pandas, and there is no sum in it that could be too large for anything.
# What happens: hour(), minute(), day(), month() and weekday() are Int8 to polars, a whole number in the expression takes
#   the type of the column, and the product runs over without a word. Of the 1,440 minutes of a day the first 128 are right,
#   and the rest are spread over -128 to 127; of the days of a year, as month * 100 + day, the first 27 of January. polars'
#   SQL does the same with extract(hour FROM t) * 60. year() is wider, so year() * 100 + month() is right, and hour() * 3600
#   is 16 bits, as 3600 does not fit in eight, and runs over after nine in the morning. The types are in the documentation
#   of each function; that arithmetic with a number does not widen them was asked to be changed in April 2026; that its SQL
#   comes to the same is what one meets besides.
# Why it matters here: strikes by minute of the day, nights from 22 to 6, and seasons by month and day are worked out so.
#   The values are small whole numbers, each group has some, and a chart of them shows when nobody attacked. Write
#   .cast(pl.Int32) behind the part, or take dt.time() and dt.truncate.
# Versions: polars 2.1.0, duckdb 2.0.1, pandas 3.1.1 (pyarrow 26.0.1). Seen 2026-11-30.
# Output (2025-11-19 13:30):
#   polars: minute of the day 42, month * 100 + day 95, second of the day by the hour -18736, year * 100 + month 202511
#   polars' SQL: minute of the day 42, month * 100 + day 95, second of the day by the hour -18736, year * 100 + month 202511
#   DuckDB: minute of the day 810, month * 100 + day 1119, second of the day by the hour 46800, year * 100 + month 202511
#   pandas: minute of the day 810, month * 100 + day 1119, second of the day by the hour 46800, year * 100 + month 202511
#   polars, minutes of a day that are right: 128 of 1440, different ones: 256
#   polars, days of 2025 that are right: 27 of 365
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  polars==2.1.0 duckdb==2.0.1 pandas==3.1.1 pyarrow==26.0.1

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import sys
from datetime import datetime, timedelta

import duckdb
import polars

NAMES = ("minute of the day", "month * 100 + day", "second of the day by the hour", "year * 100 + month")
PARTS = """
  extract(hour FROM t) * 60 + extract(minute FROM t) AS a, extract(month FROM t) * 100 + extract(day FROM t) AS b,
  extract(hour FROM t) * 3600 AS c, extract(year FROM t) * 100 + extract(month FROM t) AS d
"""


def parts(t):
    """Of what has hour, minute and so on as attributes, or as methods."""
    hour, minute, day, month, year = (
        part() if callable(part) else part for part in (t.hour, t.minute, t.day, t.month, t.year)
    )
    return hour * 60 + minute, month * 100 + day, hour * 3600, year * 100 + month


def told(numbers):
    return ", ".join(f"{name} {number}" for name, number in zip(NAMES, numbers, strict=True))


def by_expressions(frame):
    return [frame.select(part).to_series().to_list() for part in parts(polars.col("t").dt)]


def read(which, step, count):
    """What polars makes of so many times, and how many of them it has right."""
    times = [datetime(2025, 1, 1) + n * step for n in range(count)]
    by_polars = by_expressions(polars.DataFrame({"t": times}))[which]
    return by_polars, sum(one == parts(t)[which] for one, t in zip(by_polars, times, strict=True))


strike = polars.DataFrame({"t": [datetime(2025, 11, 19, 13, 30)]})
minutes, minutes_right = read(0, timedelta(minutes=1), 24 * 60)
days, days_right = read(1, timedelta(days=1), 365)
seen = [
    f"polars: {told(part[0] for part in by_expressions(strike))}",
    f"polars' SQL: {told(strike.sql(f'SELECT {PARTS} FROM self').row(0))}",
    f"DuckDB: {told(duckdb.sql(f'SELECT {PARTS} FROM strike').fetchall()[0])}",
    f"pandas: {told(part[0] for part in parts(strike.to_pandas().t.dt))}",
    f"polars, minutes of a day that are right: {minutes_right} of {len(minutes)}, different ones: {len(set(minutes))}",
    f"polars, days of 2025 that are right: {days_right} of {len(days)}",
]
print(*seen, sep="\n")
expected = [
    f"polars: {told((42, 95, -18736, 202511))}",
    f"polars' SQL: {told((42, 95, -18736, 202511))}",
    f"DuckDB: {told((810, 1119, 46800, 202511))}",
    f"pandas: {told((810, 1119, 46800, 202511))}",
    "polars, minutes of a day that are right: 128 of 1440, different ones: 256",
    "polars, days of 2025 that are right: 27 of 365",
]
sys.exit(0 if seen == expected else f"it behaves otherwise now; expected {expected}")
PYTHON
