#!/usr/bin/env bash
# Told that "." parts thousands, pandas reads the day 19.11.2025 as 19,112,025, and the Article 12.3 as 123, as DuckDB does.
#
# What one would guess: thousands="." with decimal="," says how numbers are written in a Ukrainian or German file: 1.234,5. A
#   dot parts thousands where three digits follow; 19.11.2025 is no number and stays text, as 10.11.2025 would if it were not
#   said.
# What happens: pandas takes every dot out and looks whether digits are left. A column of days is integers, with no warning,
#   unless one of them is unknown in words ("unknown" keeps them all text); an empty one makes them floats. A leading zero is
#   lost by it, so that %d%m%Y, with which one would mend 1112025, gives 11 January for 01.11.2025. Sections (12.3),
#   versions, times with a dot (10.30) and telephone numbers go the same way. DuckDB is right about the day, and not about
#   the rest. read_html of pandas has thousands="," unless told otherwise, so that the 48,5 of a page is 485. Columns in
#   parse_dates are spared since 2013, when it was reported; the documentation says that thousands is for numerical values.
# Why it matters here: ministries publish figures and days in one table, with dots in both. A column of eight digits passes
#   for an id, or for milliseconds: all in 1970. Name the columns of days in parse_dates, and read sections as text (dtype).
# Versions: pandas 3.1.1, lxml 6.1.3, duckdb 2.0.1. Seen 2026-11-30.
# Output:
#   pandas: 19.11.2025 is 19112025, 12.3 is 123, 10.30 is 1030, 1.234,5 is 1234.5
#   pandas, the day in parse_dates: 19.11.2025 is 2025-11-19, 12.3 is 123, 10.30 is 1030, 1.234,5 is 1234.5
#   DuckDB: 19.11.2025 is 2025-11-19, 12.3 is 123, 10.30 is 1030, 1.234,5 is 1234.5
#   pandas, days and one unknown: 19.11.2025, unknown
#   pandas, days and one empty: 19112025.0, nan
#   pandas, 01.11.2025 by %d%m%Y afterwards: 2025-01-11
#   pandas, 48,5 of a page: 485
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check pandas==3.1.1 lxml==6.1.3 duckdb==2.0.1

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import sys
import warnings
from io import StringIO
from pathlib import Path

import duckdb
import pandas

ROW = ["19.11.2025", "12.3", "10.30", "1.234,5"]
TABLE = "day;article;at;spent\n" + ";".join(ROW) + "\n"
PAGE = "<table><tr><th>share</th></tr><tr><td>48,5</td></tr></table>"
warnings.simplefilter("ignore")  # of pandas, that integers with a format are to be epochs one day
Path("table.csv").write_text(TABLE)


def read_csv(text, **how):
    return pandas.read_csv(StringIO(text), sep=";", decimal=",", thousands=".", **how)


def told(values):
    return ", ".join(
        f"{text} is {str(value).removesuffix(' 00:00:00')}" for text, value in zip(ROW, values, strict=True)
    )


def days(*texts):
    return read_csv("day;n\n" + "".join(f"{text};1\n" for text in texts)).day


by_duckdb = duckdb.read_csv("table.csv", delimiter=";", decimal=",", thousands=".").fetchall()[0]
later = pandas.to_datetime(days("01.11.2025"), format="%d%m%Y")
seen = [
    f"pandas: {told(read_csv(TABLE).astype(object).iloc[0])}",
    "pandas, the day in parse_dates: "
    + told(read_csv(TABLE, parse_dates=["day"], dayfirst=True).astype(object).iloc[0]),
    f"DuckDB: {told(by_duckdb)}",
    f"pandas, days and one unknown: {', '.join(map(str, days('19.11.2025', 'unknown')))}",
    f"pandas, days and one empty: {', '.join(map(str, days('19.11.2025', '')))}",
    f"pandas, 01.11.2025 by %d%m%Y afterwards: {later[0]:%Y-%m-%d}",
    f"pandas, 48,5 of a page: {pandas.read_html(StringIO(PAGE))[0].share[0]}",
]
print(*seen, sep="\n")
expected = [
    "pandas: 19.11.2025 is 19112025, 12.3 is 123, 10.30 is 1030, 1.234,5 is 1234.5",
    "pandas, the day in parse_dates: 19.11.2025 is 2025-11-19, 12.3 is 123, 10.30 is 1030, 1.234,5 is 1234.5",
    "DuckDB: 19.11.2025 is 2025-11-19, 12.3 is 123, 10.30 is 1030, 1.234,5 is 1234.5",
    "pandas, days and one unknown: 19.11.2025, unknown",
    "pandas, days and one empty: 19112025.0, nan",
    "pandas, 01.11.2025 by %d%m%Y afterwards: 2025-01-11",
    "pandas, 48,5 of a page: 485",
]
sys.exit(0 if seen == expected else f"it behaves otherwise now; expected {expected}")
PYTHON
