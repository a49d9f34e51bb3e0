#!/usr/bin/env bash
# A day in an .xlsx file, in the format that Chinese Excel offers, is 45980 to pandas and polars, and a day to python-calamine.
#
# What one would guess: a date cell of an .xlsx file is a date to each reader, whatever the language of the Excel that wrote
#   it. polars (by fastexcel) and python-calamine read by the same library, so they agree.
# What happens: number formats 27 to 36 and 50 to 58 are built in, as 14 (the short date) is, and so are not written out in
#   the file: 31 is yyyy年m月d日 in Chinese and Japanese. openpyxl knows 14 to 22 and 45 to 47, fastexcel likewise: the cell is
#   an integer, with no warning, in pandas, polars and each of polars' engines. python-calamine knows them, so pandas with
#   engine="calamine" reads days. The same cell in format 14 is a day everywhere. The standard (ECMA-376, 18.8.30) lists them
#   per language. That calamine and others lack them is reported; that two of its bindings disagree on one file is what one
#   meets.
# Why it matters here: statements and tallies of ministries in Beijing, Tokyo and Seoul come as .xlsx. An integer is no
#   error: it passes for a figure, and as milliseconds of 1970 or a day count from 1970 for a time (45980 days is November
#   2095). Ask for the type: an integer where a day should be is an error.
# Versions: pandas 3.1.1, openpyxl 3.1.5, python-calamine 0.9.1, polars 2.1.0, fastexcel 0.21.0, xlsxwriter 3.3.1. Seen
#   2026-11-30.
# Output:
#   format 14: openpyxl a day, python-calamine a day, pandas a day, pandas with calamine a day, polars a day
#   format 31: openpyxl 45980, python-calamine a day, pandas 45980, pandas with calamine a day, polars 45980
#   format 57: openpyxl 45980, python-calamine a day, pandas 45980, pandas with calamine a day, polars 45980
#   yyyy年m月d日 written out: openpyxl a day, python-calamine a day, pandas a day, pandas with calamine a day, polars a day
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  pandas==3.1.1 openpyxl==3.1.5 python-calamine==0.9.1 polars==2.1.0 fastexcel==0.21.0 xlsxwriter==3.3.1

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import sys
import warnings

import openpyxl
import pandas
import polars
import python_calamine
import xlsxwriter

warnings.simplefilter("ignore")  # of pandas, about its future choice of a reader
WRITTEN_OUT = "yyyy年m月d日"
READERS = {
    "openpyxl": lambda: openpyxl.load_workbook("days.xlsx").active["A2"].value,
    "python-calamine": lambda: python_calamine.load_workbook("days.xlsx").get_sheet_by_index(0).to_python()[1][0],
    "pandas": lambda: pandas.read_excel("days.xlsx").day[0],
    "pandas with calamine": lambda: pandas.read_excel("days.xlsx", engine="calamine").day[0],
    "polars": lambda: polars.read_excel("days.xlsx")["day"][0],
}


def read(number_format):
    with xlsxwriter.Workbook("days.xlsx") as book:
        sheet = book.add_worksheet()
        sheet.write(0, 0, "day")
        sheet.write_number(1, 0, 45980, book.add_format({"num_format": number_format}))  # 2025-11-19
    values = {reader: value() for reader, value in READERS.items()}
    days = {reader: str(value)[:10] == "2025-11-19" for reader, value in values.items()}
    return ", ".join(f"{reader} {'a day' if days[reader] else value}" for reader, value in values.items())


seen = [
    *(f"format {number_format}: {read(number_format)}" for number_format in (14, 31, 57)),
    f"{WRITTEN_OUT} written out: {read(WRITTEN_OUT)}",
]
print(*seen, sep="\n")
known = "openpyxl a day, python-calamine a day, pandas a day, pandas with calamine a day, polars a day"
unknown = "openpyxl 45980, python-calamine a day, pandas 45980, pandas with calamine a day, polars 45980"
expected = [
    f"format 14: {known}",
    f"format 31: {unknown}",
    f"format 57: {unknown}",
    f"{WRITTEN_OUT} written out: {known}",
]
sys.exit(0 if seen == expected else f"it behaves otherwise now; expected {expected}")
PYTHON
