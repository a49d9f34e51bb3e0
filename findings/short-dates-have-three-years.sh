#!/usr/bin/env bash
# 19.11.25, a day as it is written in Ukraine, is in the year 2019 to DuckDB, in the year 25 to polars, and so is the whole month.
#
# What one would guess: a reader of CSV that looks for dates by itself finds that 30 days which count up in their first
#   number, with 25 at the end of each, are days of 2025; or it leaves such a column as text. What it takes for a date it
#   takes so from file to file.
# What happens: DuckDB tries year first, and 01 to 30 are years: November 2025 becomes the 25th of November of 30 years, 2001 to
#   2030. If one row cannot be read so, as 24.08.91, all rows are read as days of 2025, and that one as one of 1991; so each
#   row's year depends on the others. polars reads day first, and 25 as the year 25. pandas, asked for dates, takes each
#   row by itself: up to the 12th the first number is the month, after it the day; it does warn. Neither of the others
#   does. With four digits of the year DuckDB and polars read all 30 well. That the formats are guessed is documented, and
#   that polars' %Y takes two digits is known; that each gives a full column of dates, and no two the same, is what one meets.
# Why it matters here: lists of air raids, exchanges and returned bodies come with such dates. A table by year shows one event
#   in each year of this century, or none in it. Name the format, and look at the first and last day of what came in.
# Versions: duckdb 2.0.1, polars 2.1.0, pandas 3.1.1. Seen 2026-11-30.
# Output:
#   01.11.25 to 30.11.25, duckdb: 2001-11-25 to 2030-11-25
#   01.11.25 to 30.11.25, polars: 0025-11-01 to 0025-11-30
#   01.11.25 to 30.11.25, pandas: 2025-01-11 to 2025-12-11
#   the same and 24.08.91, duckdb: 1991-08-24 to 2025-11-30
#   01.11.2025 to 30.11.2025, duckdb: 2025-11-01 to 2025-11-30
#   01.11.2025 to 30.11.2025, polars: 2025-11-01 to 2025-11-30
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check duckdb==2.0.1 polars==2.1.0 pandas==3.1.1

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import sys
import warnings
from pathlib import Path

import duckdb
import pandas
import polars

warnings.simplefilter("ignore", UserWarning)  # of pandas, named above
NOVEMBER = range(1, 31)


def by_duckdb(name):
    return duckdb.sql(f"SELECT min(day), max(day) FROM '{name}'").fetchall()[0]


def by_polars(name):
    days = polars.read_csv(name, try_parse_dates=True)["day"]
    return days.min(), days.max()


def by_pandas(name):
    days = pandas.read_csv(name, parse_dates=["day"])["day"]
    return days.min().date(), days.max().date()


def told(what, days, *readers):
    Path("days.csv").write_text("\n".join(["day", *days]) + "\n")
    for read in readers:
        first, last = read("days.csv")
        yield f"{what}, {read.__name__.removeprefix('by_')}: {first} to {last}"


short = [f"{day:02}.11.25" for day in NOVEMBER]
seen = [
    *told("01.11.25 to 30.11.25", short, by_duckdb, by_polars, by_pandas),
    *told("the same and 24.08.91", [*short, "24.08.91"], by_duckdb),
    *told("01.11.2025 to 30.11.2025", [f"{day:02}.11.2025" for day in NOVEMBER], by_duckdb, by_polars),
]
print(*seen, sep="\n")
expected = [
    "01.11.25 to 30.11.25, duckdb: 2001-11-25 to 2030-11-25",
    "01.11.25 to 30.11.25, polars: 0025-11-01 to 0025-11-30",
    "01.11.25 to 30.11.25, pandas: 2025-01-11 to 2025-12-11",
    "the same and 24.08.91, duckdb: 1991-08-24 to 2025-11-30",
    "01.11.2025 to 30.11.2025, duckdb: 2025-11-01 to 2025-11-30",
    "01.11.2025 to 30.11.2025, polars: 2025-11-01 to 2025-11-30",
]
sys.exit(0 if seen == expected else f"it behaves otherwise now; expected {expected}")
PYTHON
