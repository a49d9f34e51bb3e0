#!/usr/bin/env bash
# 2025-11-10 is 11 October to pandas when it reads with dayfirst=True, in silence, unless the column begins with a day above 12.
#
# What one would guess: dayfirst settles what 10.11.2025 means. 2025-11-10 has one meaning, which is why a file uses it, and
#   a date with the year in front has no "day first". A text of eight digits, 20251110, as well.
# What happens: dayfirst=True makes of the first row the format %Y-%d-%m, which nobody writes, and the whole column follows.
#   A file of the first twelve days of a month has all its dates wrong, and no warning. With a day above 12 later on, the
#   column stays text in read_csv, without a word, and is an error in to_datetime; with such a day in the first row it is
#   right, and just then pandas warns. Times with an offset are turned round like dates. dateutil does the same date by date.
#   format="ISO8601" is right, and so are DuckDB and polars. The documentation says that dayfirst is not strict, of dates
#   that cannot be read with the day first, and gives 10/11/12 for an example. That eight digits were not turned round like
#   the rest was reported to pandas in 2024 as a bug; since 3 they are.
# Why it matters here: one call reads a table with two columns, the day as the source wrote it (10.11.2025) and the day when
#   it was entered (2025-11-10), and dayfirst holds for both. What was entered is then up to eleven months before or after
#   what happened.
# Versions: pandas 3.1.1, python-dateutil 2.9.0.post0, polars 2.1.0, duckdb 2.0.1. Seen 2026-11-30.
# Output:
#   pandas read_csv, 2025-11-10, 2025-11-12: 2025-10-11, 2025-12-11, no warning
#   pandas read_csv, 2025-11-10, 2025-11-19: the text 2025-11-10, the text 2025-11-19, no warning
#   pandas read_csv, 2025-11-19, 2025-11-10: 2025-11-19, 2025-11-10, a warning
#   pandas read_csv, 2025-11-10T09:00+02:00, 2025-11-12T09:00+02:00: 2025-10-11, 2025-12-11, no warning
#   pandas read_csv, 20251110, 20251112: 2025-10-11, 2025-12-11, a warning
#   pandas read_csv, 10.11.2025, 12.11.2025: 2025-11-10, 2025-11-12, no warning
#   pandas to_datetime, 2025-11-10, 2025-11-19: ValueError
#   pandas to_datetime, ISO8601, 2025-11-10, 2025-11-19: 2025-11-10, 2025-11-19
#   dateutil, 2025-11-10, 2025-11-19: 2025-10-11, 2025-11-19
#   duckdb, 2025-11-10, 2025-11-12: 2025-11-10, 2025-11-12
#   polars, 2025-11-10, 2025-11-12: 2025-11-10, 2025-11-12
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  pandas==3.1.1 python-dateutil==2.9.0.post0 polars==2.1.0 duckdb==2.0.1

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import sys
import warnings
from io import StringIO
from pathlib import Path

import dateutil.parser
import duckdb
import pandas
import polars

EARLY = ["2025-11-10", "2025-11-12"]
LATE = ["2025-11-10", "2025-11-19"]
TIMES = ["2025-11-10T09:00+02:00", "2025-11-12T09:00+02:00"]


def shown(values):
    return ", ".join(f"the text {value}" if isinstance(value, str) else f"{value:%Y-%m-%d}" for value in values)


def csv(days):
    return "\n".join(["day", *days])


def read_csv(days):
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        table = pandas.read_csv(StringIO(csv(days)), parse_dates=["day"], dayfirst=True)
    return f"pandas read_csv, {', '.join(days)}: {shown(table.day)}, {'a' if told else 'no'} warning"


def to_datetime(days, **how):
    try:
        return shown(pandas.to_datetime(days, dayfirst=True, **how))
    except ValueError as error:
        return type(error).__name__


Path("days.csv").write_text(csv(EARLY))
seen = [
    *map(read_csv, [EARLY, LATE, LATE[::-1], TIMES, ["20251110", "20251112"], ["10.11.2025", "12.11.2025"]]),
    f"pandas to_datetime, {', '.join(LATE)}: {to_datetime(LATE)}",
    f"pandas to_datetime, ISO8601, {', '.join(LATE)}: {to_datetime(LATE, format='ISO8601')}",
    f"dateutil, {', '.join(LATE)}: {shown(dateutil.parser.parse(day, dayfirst=True) for day in LATE)}",
    f"duckdb, {', '.join(EARLY)}: {shown(day for (day,) in duckdb.read_csv('days.csv').fetchall())}",
    f"polars, {', '.join(EARLY)}: {shown(polars.read_csv('days.csv', try_parse_dates=True)['day'])}",
]
print(*seen, sep="\n")
expected = [
    "pandas read_csv, 2025-11-10, 2025-11-12: 2025-10-11, 2025-12-11, no warning",
    "pandas read_csv, 2025-11-10, 2025-11-19: the text 2025-11-10, the text 2025-11-19, no warning",
    "pandas read_csv, 2025-11-19, 2025-11-10: 2025-11-19, 2025-11-10, a warning",
    "pandas read_csv, 2025-11-10T09:00+02:00, 2025-11-12T09:00+02:00: 2025-10-11, 2025-12-11, no warning",
    "pandas read_csv, 20251110, 20251112: 2025-10-11, 2025-12-11, a warning",
    "pandas read_csv, 10.11.2025, 12.11.2025: 2025-11-10, 2025-11-12, no warning",
    "pandas to_datetime, 2025-11-10, 2025-11-19: ValueError",
    "pandas to_datetime, ISO8601, 2025-11-10, 2025-11-19: 2025-11-10, 2025-11-19",
    "dateutil, 2025-11-10, 2025-11-19: 2025-10-11, 2025-11-19",
    "duckdb, 2025-11-10, 2025-11-12: 2025-11-10, 2025-11-12",
    "polars, 2025-11-10, 2025-11-12: 2025-11-10, 2025-11-12",
]
sys.exit(0 if seen == expected else f"it behaves otherwise now; expected {expected}")
PYTHON
