#!/usr/bin/env bash
# 11月19日, 19 November as Beijing and Tokyo write it, is in the year 2011 to dateparser, and 19日, the 19th, is 19 days ago.
#
# What one would guess: a parser of dates in 200 languages that reads 2025年11月19日 reads the same day when its year is left
#   out, as it is in every statement about the current year; what it cannot read it answers with None.
# What happens: from January to September every day without a year is right. From October to December every one is wrong, or
#   two of them None: the number of the month is taken for a year, and the day for a month if it can be one, so that 10月1日
#   is 30 January 2010. With zeros (05月09日) it is so all year. With blanks (11 月 19 日), or found in a text by search_dates,
#   it is eleven months and nineteen days before now, and the 19th alone 19 days ago: both characters mean also a length.
#   Named as Chinese, the first is None; named as Japanese it is as said; Korean, which has the same words in another
#   script, is right throughout. That days from the 10th on make years was reported in 2019, and is open.
# Why it matters here: foreign ministries and news agencies write so. Nine months of the year a reader of them is right,
#   then all dates of new events are between 2010 and 2012, where nobody looks. Take the numbers from the text yourself.
# Versions: dateparser 1.5.0. Seen 2026-11-30 with Python 3.11.
# Output (now is 2026-11-30 12:00):
#   11月19日: 2011-11-19, as Chinese None, as Japanese 2011-11-19
#   11 月 19 日: 2025-12-11, as Chinese 2025-12-11, as Japanese 2025-12-11
#   19日: 2026-11-11, as Chinese 2026-11-11, as Japanese 2026-11-11
#   10月1日: 2010-01-30, as Chinese None, as Japanese 2010-01-30
#   9月30日: 2026-09-30, as Chinese None, as Japanese 2026-09-30
#   2025年11月19日: 2025-11-19, as Chinese 2025-11-19, as Japanese 2025-11-19
#   search_dates, as Chinese, 外交部：11月19日，双方举行会谈: 2025-12-11
#   January to September right 273 of 273, October to December right 0 of 92
#   with a zero before the month or the day right 0 of 365
#   in Korean (11월 19일) right 365 of 365
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check dateparser==1.5.0

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import sys
import warnings
from datetime import date, datetime, timedelta

import dateparser
from dateparser.search import search_dates

warnings.simplefilter("ignore")  # of what dateparser imports
SETTINGS = {"RELATIVE_BASE": datetime(2026, 11, 30, 12)}
STATEMENT = "外交部：11月19日，双方举行会谈"
DAYS = [date(2026, 1, 1) + timedelta(days=n) for n in range(365)]


def read(text, *languages):
    found = dateparser.parse(text, languages=languages or None, settings=SETTINGS)
    return found and found.date()


def told(text):
    return f"{text}: {read(text)}, as Chinese {read(text, 'zh')}, as Japanese {read(text, 'ja')}"


def right(form, days=DAYS):
    return f"right {sum(read(form.format(day.month, day.day)) == day for day in days)} of {len(days)}"


early, late = ([day for day in DAYS if (day.month < 10) is wanted] for wanted in (True, False))
in_text = search_dates(STATEMENT, languages=["zh"], settings=SETTINGS)[0][1].date()
seen = [
    *map(told, ("11月19日", "11 月 19 日", "19日", "10月1日", "9月30日", "2025年11月19日")),
    f"search_dates, as Chinese, {STATEMENT}: {in_text}",
    f"January to September {right('{}月{}日', early)}, October to December {right('{}月{}日', late)}",
    f"with a zero before the month or the day {right('{:02}月{:02}日')}",
    f"in Korean (11월 19일) {right('{}월 {}일')}",
]
print(*seen, sep="\n")
expected = [
    "11月19日: 2011-11-19, as Chinese None, as Japanese 2011-11-19",
    "11 月 19 日: 2025-12-11, as Chinese 2025-12-11, as Japanese 2025-12-11",
    "19日: 2026-11-11, as Chinese 2026-11-11, as Japanese 2026-11-11",
    "10月1日: 2010-01-30, as Chinese None, as Japanese 2010-01-30",
    "9月30日: 2026-09-30, as Chinese None, as Japanese 2026-09-30",
    "2025年11月19日: 2025-11-19, as Chinese 2025-11-19, as Japanese 2025-11-19",
    f"search_dates, as Chinese, {STATEMENT}: 2025-12-11",
    "January to September right 273 of 273, October to December right 0 of 92",
    "with a zero before the month or the day right 0 of 365",
    "in Korean (11월 19일) right 365 of 365",
]
sys.exit(0 if seen == expected else f"it behaves otherwise now; expected {expected}")
PYTHON
