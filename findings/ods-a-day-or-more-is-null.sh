#!/usr/bin/env bash
# A duration of 24 hours or more in an .ods file: null to polars without a word, to pandas a text among times, or no file at all.
#
# What one would guess: an OpenDocument cell of the type time holds a duration (PT36H30M00S, shown as 36:30:00, is what one
#   gets by [HH]:MM:SS). It is read as a duration, as the same cell of an .xlsx file is, or the reader says that it cannot.
# What happens: up to 23:59:59 all is well. From 24 hours on, polars' read_ods gives null in a column that it calls a
#   duration, and leaves the row out if nothing else is in it. pandas with calamine makes times of the day of the shorter
#   ones and leaves the longer ones as the text PT36H30M00S, in one column. pandas with odfpy, its own choice for .ods,
#   reads what is shown, as a time of the day, so that one cell of 36:30:00 makes the whole file unreadable. Of .xlsx both
#   polars and pandas read 36 and a half hours. That fastexcel, by which polars reads, had columns of durations that were
#   all null was reported in 2024; that it is the length that decides in .ods, cell by cell, is what one meets.
# Why it matters here: how long talks, truces and air-raid alerts lasted comes in spreadsheets of ministries and monitors,
#   and .ods is a format that public bodies are told to use. The longest are null: their mean is too low, and their sum.
#   Keep the start and the end, or a number with its unit.
# Versions: polars 2.1.0, fastexcel 0.21.0, pandas 3.1.1, python-calamine 0.9.1, odfpy 1.4.1, openpyxl 3.1.5. Seen 2026-11-30.
# Output:
#   .ods, polars: 3:30:00, 23:59:59, null
#   .ods, pandas with calamine: time 03:30:00, time 23:59:59, str PT36H30M00S
#   .ods, pandas: DateParseError hour must be in 0..23: 36:30:00
#   .ods without the last, pandas: time 03:30:00, time 23:59:59
#   .xlsx, polars: 3:30:00, 23:59:59, 1 day, 12:30:00
#   .xlsx, pandas: Timedelta 0 days 03:30:00, Timedelta 0 days 23:59:59, Timedelta 1 days 12:30:00
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  polars==2.1.0 fastexcel==0.21.0 pandas==3.1.1 python-calamine==0.9.1 odfpy==1.4.1 openpyxl==3.1.5

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import sys
import warnings
from datetime import timedelta

import openpyxl
import pandas
import polars
from odf.opendocument import OpenDocumentSpreadsheet
from odf.table import Table, TableCell, TableRow
from odf.text import P

warnings.simplefilter("ignore")  # of pandas, about its future choice of a reader
LASTED = [(3, 30, 0), (23, 59, 59), (36, 30, 0)]


def write_ods(name, durations):
    document, table = OpenDocumentSpreadsheet(), Table(name="talks")
    document.spreadsheet.addElement(table)
    text = {"valuetype": "string"}
    rows = [[(text, "talks"), (text, "lasted")]]
    for hours, minutes, seconds in durations:
        duration = {"valuetype": "time", "timevalue": f"PT{hours:02}H{minutes:02}M{seconds:02}S"}
        rows.append([(text, "a round"), (duration, f"{hours:02}:{minutes:02}:{seconds:02}")])
    for cells in rows:
        row = TableRow()
        table.addElement(row)
        for attributes, shown in cells:
            cell = TableCell(**attributes)
            cell.addElement(P(text=shown))
            row.addElement(cell)
    document.save(name)


def write_xlsx(name, durations):
    book = openpyxl.Workbook()
    book.active.append(["talks", "lasted"])
    for hours, minutes, seconds in durations:
        book.active.append(["a round", timedelta(hours=hours, minutes=minutes, seconds=seconds)])
        book.active.cell(book.active.max_row, 2).number_format = "[h]:mm:ss"
    book.save(name)


def by_polars(read, name):
    return ", ".join("null" if value is None else str(value) for value in read(name)["lasted"].to_list())


def by_pandas(name, engine=None):
    try:
        values = pandas.read_excel(name, engine=engine)["lasted"].to_list()
    except Exception as error:
        return f"{type(error).__name__} {error}"
    return ", ".join(f"{type(value).__name__} {value}" for value in values)


write_ods("talks.ods", LASTED)
write_ods("short.ods", LASTED[:2])
write_xlsx("talks.xlsx", LASTED)
seen = [
    f".ods, polars: {by_polars(polars.read_ods, 'talks.ods')}",
    f".ods, pandas with calamine: {by_pandas('talks.ods', 'calamine')}",
    f".ods, pandas: {by_pandas('talks.ods')}",
    f".ods without the last, pandas: {by_pandas('short.ods')}",
    f".xlsx, polars: {by_polars(polars.read_excel, 'talks.xlsx')}",
    f".xlsx, pandas: {by_pandas('talks.xlsx', 'calamine')}",
]
print(*seen, sep="\n")
expected = [
    ".ods, polars: 3:30:00, 23:59:59, null",
    ".ods, pandas with calamine: time 03:30:00, time 23:59:59, str PT36H30M00S",
    ".ods, pandas: DateParseError hour must be in 0..23: 36:30:00",
    ".ods without the last, pandas: time 03:30:00, time 23:59:59",
    ".xlsx, polars: 3:30:00, 23:59:59, 1 day, 12:30:00",
    ".xlsx, pandas: Timedelta 0 days 03:30:00, Timedelta 0 days 23:59:59, Timedelta 1 days 12:30:00",
]
sys.exit(0 if seen == expected else f"it behaves otherwise now; expected {expected}")
PYTHON
