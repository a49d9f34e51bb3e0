#!/usr/bin/env bash
# A column of times that pandas keeps in seconds is 1970-01-01 in each row of the SPSS, Stata or SAS file that pyreadstat writes.
#
# What one would guess: the unit in which pandas keeps a time (s, ms, us, ns) is its own affair: the file holds the same time
#   for each, or the unit is refused.
# What happens: ms, us and ns are right. Of datetime64[s] each row is 1970-01-01 00:00:00, in .sav, .dta and .xpt, without an
#   error or a warning; a missing one stays missing, so that the number of rows with a time is right too. pandas makes seconds of
#   dates: pandas.to_datetime of Python's dates, a numpy array of days, and read_stata of days and months give them. So a Stata
#   file of days that is read by pandas and handed on as SPSS has one day. pandas' own to_stata writes all four rightly.
# Why it matters here: SPSS and Stata are what researchers of conflicts ask for, and an export makes its times of dates. A file
#   with one day in all rows is seen; one whose second column of times (reported_at beside at) was made another way is not. Use
#   .astype("datetime64[us]") on each column before writing, or polars.
# Versions: pyreadstat 1.3.7, pandas 3.1.1, numpy 2.4.6, narwhals 2.29.0. Seen 2026-12-01.
# Output:
#   s: 1970-01-01 00:00:00, 1970-01-01 00:00:00, NaT
#   ms: 2022-02-24 05:00:00, 1914-06-28 09:00:00, NaT
#   us: 2022-02-24 05:00:00, 1914-06-28 09:00:00, NaT
#   ns: 2022-02-24 05:00:00, 1914-06-28 09:00:00, NaT
#   s, as Stata: 1970-01-01 00:00:00, 1970-01-01 00:00:00, NaT
#   s, as SAS: 1970-01-01 00:00:00, 1970-01-01 00:00:00, NaT
#   s, as Stata by pandas: 2022-02-24 05:00:00, 1914-06-28 09:00:00, NaT
#   to_datetime of dates: datetime64[s], days of numpy: datetime64[s], read_stata of days: datetime64[s], of texts: datetime64[us]
#   days from Stata by pandas, to SPSS: 1970-01-01 00:00:00, 1970-01-01 00:00:00, NaT
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  pyreadstat==1.3.7 pandas==3.1.1 numpy==2.4.6 narwhals==2.29.0

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import sys
from datetime import date

import numpy
import pandas
import pyreadstat

TIMES = pandas.Series(pandas.to_datetime(["2022-02-24 05:00", "1914-06-28 09:00", None]))


def told(times):
    return ", ".join(map(str, times))


def written(times, write=pyreadstat.write_sav, read=pyreadstat.read_sav):
    write(pandas.DataFrame({"at": times}), "written")
    return told(read("written")[0]["at"])


seen = [f"{unit}: {written(TIMES.astype(f'datetime64[{unit}]'))}" for unit in ("s", "ms", "us", "ns")]
seconds = TIMES.astype("datetime64[s]")
pandas.DataFrame({"at": seconds}).to_stata("by_pandas.dta", write_index=False)
pandas.DataFrame({"day": TIMES}).to_stata("days.dta", convert_dates={"day": "td"}, write_index=False)
days = pandas.read_stata("days.dta")["day"]
seen += [
    f"s, as Stata: {written(seconds, pyreadstat.write_dta, pyreadstat.read_dta)}",
    f"s, as SAS: {written(seconds, pyreadstat.write_xport, pyreadstat.read_xport)}",
    f"s, as Stata by pandas: {told(pandas.read_stata('by_pandas.dta')['at'])}",
    f"to_datetime of dates: {pandas.to_datetime([date(2022, 2, 24)]).dtype}, "
    f"days of numpy: {pandas.Series(numpy.array(['2022-02-24'], 'datetime64[D]')).dtype}, "
    f"read_stata of days: {days.dtype}, of texts: {TIMES.dtype}",
    f"days from Stata by pandas, to SPSS: {written(days)}",
]
print(*seen, sep="\n")
expected = [
    "s: 1970-01-01 00:00:00, 1970-01-01 00:00:00, NaT",
    "ms: 2022-02-24 05:00:00, 1914-06-28 09:00:00, NaT",
    "us: 2022-02-24 05:00:00, 1914-06-28 09:00:00, NaT",
    "ns: 2022-02-24 05:00:00, 1914-06-28 09:00:00, NaT",
    "s, as Stata: 1970-01-01 00:00:00, 1970-01-01 00:00:00, NaT",
    "s, as SAS: 1970-01-01 00:00:00, 1970-01-01 00:00:00, NaT",
    "s, as Stata by pandas: 2022-02-24 05:00:00, 1914-06-28 09:00:00, NaT",
    "to_datetime of dates: datetime64[s], days of numpy: datetime64[s], read_stata of days: datetime64[s], "
    "of texts: datetime64[us]",
    "days from Stata by pandas, to SPSS: 1970-01-01 00:00:00, 1970-01-01 00:00:00, NaT",
]
sys.exit(0 if seen == expected else f"it behaves otherwise now; expected {expected}")
PYTHON
