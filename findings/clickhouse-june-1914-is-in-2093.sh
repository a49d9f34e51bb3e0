#!/usr/bin/env bash
# The month of 28 June 1914 is January 1970 by ClickHouse's toStartOfMonth, June 1914 by its date_trunc, and 2093 by toDate.
#
# What one would guess: ClickHouse reads a day of 1914 out of a Parquet file, shows it, sorts it, compares it and says its
#   year rightly, so what begins its month, week or year is right too, or an error.
# What happens: a day comes as Date32, which holds it, and toStartOfMonth, toStartOfYear, toMonday and toStartOfInterval
#   answer with Date, which counts from 1970 to June 2149 in sixteen bits. The first three stop at its ends. toStartOfInterval
#   goes round them instead, to 2093, as toDate does, and toDateTime, whose 32 bits hold 1970 to February 2106, to 2050.
#   date_trunc is right by itself, as are toYear, toYYYYMM, formatDateTime and dateDiff. So it is after 2149: what is in force
#   until 2300 ends by the month of June 2149 by the one and of January 2300 by the other. The setting
#   enable_extended_results_for_datetime_functions mends the first four; toDate stays. The narrow types are documented; that
#   functions of one family part in three ways, in silence, is what one meets.
# Why it matters here: COW, UCDP and treaty collections begin in 1816, 1946 and 1648. A count by month puts all that was before
#   1970 into one month of it, where nothing shows among the real ones, and the count by toYYYYMM beside it is right. Use
#   date_trunc, or set the setting for the session, and toDate32 for toDate.
# Versions: chdb 4.4.0 with chdb-core 26.9.0 (ClickHouse 26.9.2), pyarrow 26.0.1. Seen 2026-12-01.
# Output:
#   the day: 1648-10-24, 1914-06-28, 2022-02-24, 2300-01-01
#   toYYYYMM: 164810, 191406, 202202, 230001
#   date_trunc('month', day): 1648-10-01, 1914-06-01, 2022-02-01, 2300-01-01
#   toStartOfMonth(day): 1970-01-01, 1970-01-01, 2022-02-01, 2149-06-06
#   toMonday(day): 1970-01-01, 1970-01-01, 2022-02-21, 2149-06-06
#   toDate(day), of 1914: 2093-12-01, toDateTime: 2050-08-03
#   toStartOfInterval(day, INTERVAL 1 YEAR), of 1914: 2093-06-06
#   toStartOfMonth(day), with the setting: 1648-10-01, 1914-06-01, 2022-02-01, 2300-01-01
#   toDate(day), of 1914, with the setting: 2093-12-01
#   days by month, toStartOfMonth: 1970-01-01 twice, date_trunc: none twice
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  chdb==4.4.0 chdb-core==26.9.0 pyarrow==26.0.1

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import sys
from datetime import date

import chdb
import pyarrow
import pyarrow.parquet

DAYS = [date(1648, 10, 24), date(1914, 6, 28), date(2022, 2, 24), date(2300, 1, 1)]
SETTING = "SETTINGS enable_extended_results_for_datetime_functions = 1"
pyarrow.parquet.write_table(pyarrow.table({"day": DAYS}), "days.parquet")


def asked(what, settings="", where="true"):
    answer = chdb.query(f"SELECT {what} FROM file('days.parquet') WHERE {where} ORDER BY day {settings}", "TSV")
    return str(answer).split("\n")[: -1 if str(answer).endswith("\n") else None]


def all_of(what, settings=""):
    return ", ".join(asked(what, settings))


def of_1914(what, settings=""):
    return asked(f"left(toString({what}), 10)", settings, "toYear(day) = 1914")[0]


def twice(month):
    """The months that have more than one day of the four."""
    answer = str(chdb.query(f"SELECT {month} AS m FROM file('days.parquet') GROUP BY m HAVING count() > 1", "TSV"))
    return answer.strip() or "none"


seen = [
    f"the day: {all_of('day')}",
    f"toYYYYMM: {all_of('toYYYYMM(day)')}",
    "date_trunc('month', day): " + all_of("date_trunc('month', day)"),
    f"toStartOfMonth(day): {all_of('toStartOfMonth(day)')}",
    f"toMonday(day): {all_of('toMonday(day)')}",
    f"toDate(day), of 1914: {of_1914('toDate(day)')}, toDateTime: " + of_1914("toDateTime(day, 'UTC')"),
    f"toStartOfInterval(day, INTERVAL 1 YEAR), of 1914: {of_1914('toStartOfInterval(day, INTERVAL 1 YEAR)')}",
    f"toStartOfMonth(day), with the setting: {all_of('toStartOfMonth(day)', SETTING)}",
    f"toDate(day), of 1914, with the setting: {of_1914('toDate(day)', SETTING)}",
    f"days by month, toStartOfMonth: {twice('toStartOfMonth(day)')} twice, "
    "date_trunc: " + twice("date_trunc('month', day)") + " twice",
]
print(*seen, sep="\n")
expected = [
    "the day: 1648-10-24, 1914-06-28, 2022-02-24, 2300-01-01",
    "toYYYYMM: 164810, 191406, 202202, 230001",
    "date_trunc('month', day): 1648-10-01, 1914-06-01, 2022-02-01, 2300-01-01",
    "toStartOfMonth(day): 1970-01-01, 1970-01-01, 2022-02-01, 2149-06-06",
    "toMonday(day): 1970-01-01, 1970-01-01, 2022-02-21, 2149-06-06",
    "toDate(day), of 1914: 2093-12-01, toDateTime: 2050-08-03",
    "toStartOfInterval(day, INTERVAL 1 YEAR), of 1914: 2093-06-06",
    "toStartOfMonth(day), with the setting: 1648-10-01, 1914-06-01, 2022-02-01, 2300-01-01",
    "toDate(day), of 1914, with the setting: 2093-12-01",
    "days by month, toStartOfMonth: 1970-01-01 twice, date_trunc: none twice",
]
sys.exit(0 if seen == expected else f"it behaves otherwise now; expected {expected}")
PYTHON
