#!/usr/bin/env bash
# 14:30, as Babel writes it in Arabic, Korean, Greek or Mexican Spanish, is 2:30 at night when Babel reads it again.
#
# What one would guess: parse_time of a locale reads what format_time of the same locale and format writes, or refuses it.
# What happens: where a locale has twelve hours, parse_time takes the numbers and looks for the letters "pm" in the text.
#   Babel itself knows that the afternoon is م in Arabic, 오후 in Korean, μ.μ. in Greek and p.m. in Mexico, and writes it; in
#   reading they are overlooked, in 168 of its locales. Half past midnight is half past twelve there. No error, no warning,
#   and the other hours before noon are right, as is English; but p.m. with its points is 2:30 at night in English, and pm
#   without them in Ukrainian, which has 24 hours. The documentation says that the locale's format is a hint for the order of
#   hours and minutes. That English noon and midnight were wrong was reported in 2026, and they are right now: the other
#   languages are not.
# Why it matters here: times in Arabic and Korean statements have no offset and mostly stand for themselves: a strike of the
#   afternoon is one of the night, and may be of another day in UTC. Look for the locale's own words (get_period_names)
#   before parse_time does.
# Versions: babel 2.19.0. Seen 2026-11-30.
# Output:
#   ar: 14:30 is written 2:30 م and read 02:30, 00:30 is written 12:30 ص and read 12:30
#   ko: 14:30 is written 오후 2:30 and read 02:30, 00:30 is written 오전 12:30 and read 12:30
#   el: 14:30 is written 2:30 μ.μ. and read 02:30, 00:30 is written 12:30 π.μ. and read 12:30
#   es_MX: 14:30 is written 2:30 p.m. and read 02:30, 00:30 is written 12:30 a.m. and read 12:30
#   en_US: 14:30 is written 2:30 PM and read 14:30, 00:30 is written 12:30 AM and read 00:30
#   uk: 14:30 is written 14:30 and read 14:30, 00:30 is written 00:30 and read 00:30
#   2:30 p.m. to en_US: 02:30; 2:30 pm to uk: 02:30
#   of 1147 locales 168 read 14:30 as 02:30, and 979 as 14:30
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check babel==2.19.0

cd "$work"
PYTHONUTF8=1 "$work/venv/bin/python" - <<'PYTHON'
import sys
from collections import Counter
from datetime import time

from babel.dates import format_time, parse_time
from babel.localedata import locale_identifiers

AFTERNOON, NIGHT = time(14, 30), time(0, 30)


def written(moment, locale):
    return format_time(moment, "short", locale=locale).replace("\u202f", " ").replace("\xa0", " ")


def read(text, locale):
    try:
        return f"{parse_time(text, locale=locale, format='short'):%H:%M}"
    except ValueError as error:
        return type(error).__name__


def both(moment, locale):
    text = written(moment, locale)
    return f"{moment:%H:%M} is written {text} and read {read(text, locale)}"


locales = locale_identifiers()
results = Counter(read(written(AFTERNOON, locale), locale) for locale in locales)
seen = [
    *(f"{name}: {both(AFTERNOON, name)}, {both(NIGHT, name)}" for name in ("ar", "ko", "el", "es_MX", "en_US", "uk")),
    f"2:30 p.m. to en_US: {read('2:30 p.m.', 'en_US')}; 2:30 pm to uk: {read('2:30 pm', 'uk')}",
    f"of {len(locales)} locales {results['02:30']} read 14:30 as 02:30, and {results['14:30']} as 14:30",
]
print(*seen, sep="\n")
expected = [
    "ar: 14:30 is written 2:30 م and read 02:30, 00:30 is written 12:30 ص and read 12:30",
    "ko: 14:30 is written 오후 2:30 and read 02:30, 00:30 is written 오전 12:30 and read 12:30",
    "el: 14:30 is written 2:30 μ.μ. and read 02:30, 00:30 is written 12:30 π.μ. and read 12:30",
    "es_MX: 14:30 is written 2:30 p.m. and read 02:30, 00:30 is written 12:30 a.m. and read 12:30",
    "en_US: 14:30 is written 2:30 PM and read 14:30, 00:30 is written 12:30 AM and read 00:30",
    "uk: 14:30 is written 14:30 and read 14:30, 00:30 is written 00:30 and read 00:30",
    "2:30 p.m. to en_US: 02:30; 2:30 pm to uk: 02:30",
    "of 1147 locales 168 read 14:30 as 02:30, and 979 as 14:30",
]
sys.exit(0 if seen == expected else f"it behaves otherwise now; expected {expected}")
PYTHON
