#!/usr/bin/env bash
# 31 December as a week of Stata is week 1 of the next year in the file that pandas writes; February 2022 is 745 to pyreadstat.
#
# What one would guess: Stata's weeks (%tw) begin at 1 January, and the last one of a year, the 52nd, has eight or nine days, so that
#   no week is of two years. A reader gives days for weeks and months, as it does for days.
# What happens: pandas counts a 53rd week, which is the number of the next year's first: each 31 December, and 30 December
#   of a leap year, is read back as 1 January, by pandas itself as by others. The other days, and months, quarters and half years are right.
#   pyreadstat reads days and times of the same file as such, and weeks and months as bare numbers, of weeks and months
#   since 1960, in floats, like any figure; what they mean is in the metadata alone.
# Why it matters here: panels of conflicts come by week or month in Stata. What happened on New Year's Eve is counted in the wrong
#   year, once a year, and a join on the year's weeks finds it beside the wrong events. Read by the other library, a month
#   joins with nothing, or with any number between 600 and 900. Write days (%td), and make weeks by a calendar that is named.
# Versions: pandas 3.1.1, pyreadstat 1.3.7, numpy 2.4.6, narwhals 2.29.0. Seen 2026-12-01.
# Output:
#   2022-12-30: 2022-12-24, 2022-12-31: 2023-01-01, 2023-01-01: 2023-01-01
#   2024-12-29: 2024-12-23, 2024-12-30: 2025-01-01, 2024-12-31: 2025-01-01
#   days of 2020 to 2029 that are in another year: by week 13, by month 0, by quarter 0, by half 0, by day 0
#   the week of 31 December 2022 and that of 1 January 2023, as pyreadstat reads them: 3276.0, 3276.0
#   24 February 2022, as pyreadstat reads it: day 2022-02-24, month 745.0
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  pandas==3.1.1 pyreadstat==1.3.7 numpy==2.4.6 narwhals==2.29.0

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import sys

import pandas
import pyreadstat

KINDS = {"week": "tw", "month": "tm", "quarter": "tq", "half": "th", "day": "td"}


def written(days):
    columns = dict.fromkeys(KINDS, pandas.Series(pandas.to_datetime(days)))
    pandas.DataFrame(columns).to_stata("written.dta", convert_dates=KINDS, write_index=False)


def by_pandas(*days):
    written(days)
    weeks = pandas.read_stata("written.dta")["week"]
    return ", ".join(f"{day}: {week:%Y-%m-%d}" for day, week in zip(days, weeks, strict=True))


def by_pyreadstat(column, *days):
    written(days)
    return ", ".join(map(str, pyreadstat.read_dta("written.dta")[0][column]))


seen = [by_pandas("2022-12-30", "2022-12-31", "2023-01-01"), by_pandas("2024-12-29", "2024-12-30", "2024-12-31")]
decade = pandas.date_range("2020-01-01", "2029-12-31")
written(decade)
read = pandas.read_stata("written.dta")
others = ", ".join(f"by {kind} {sum(read[kind].dt.year != decade.year)}" for kind in KINDS)
seen += [
    f"days of 2020 to 2029 that are in another year: {others}",
    "the week of 31 December 2022 and that of 1 January 2023, as pyreadstat reads them: "
    + by_pyreadstat("week", "2022-12-31", "2023-01-01"),
    "24 February 2022, as pyreadstat reads it: day "
    + by_pyreadstat("day", "2022-02-24") + ", month " + by_pyreadstat("month", "2022-02-24"),
]  # fmt: skip
print(*seen, sep="\n")
expected = [
    "2022-12-30: 2022-12-24, 2022-12-31: 2023-01-01, 2023-01-01: 2023-01-01",
    "2024-12-29: 2024-12-23, 2024-12-30: 2025-01-01, 2024-12-31: 2025-01-01",
    "days of 2020 to 2029 that are in another year: by week 13, by month 0, by quarter 0, by half 0, by day 0",
    "the week of 31 December 2022 and that of 1 January 2023, as pyreadstat reads them: 3276.0, 3276.0",
    "24 February 2022, as pyreadstat reads it: day 2022-02-24, month 745.0",
]
sys.exit(0 if seen == expected else f"it behaves otherwise now; expected {expected}")
PYTHON
