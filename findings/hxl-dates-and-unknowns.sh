#!/usr/bin/env bash
# The Humanitarian Exchange Language's own library reads 20251119 as a day in 1970, and an unknown figure as small.
#
# What one would guess: cleaning dates takes ISO 8601's short form as well as its long one, and a row whose figure is
#   empty is neither below 100 nor above 9.
# What happens: a date of digits alone is taken for seconds since 1970, so 20251119 becomes 1970-08-23, and so does
#   every date of 2025: these are valid dates, and nothing is said. A filter by number compares
#   as text where a cell is no number: empty is below 100, and "n/a" is above 9 and above 0.
# Why it matters here: HXL is how this field's figures are passed on. A series of dates falls into a heap in 1970 that
#   looks like one bad day, and "fewer than 100 killed" includes all the places of which nobody knows. Write dates with
#   hyphens before they are cleaned, and take out what is no number before it is filtered.
# Versions: libhxl 5.2.2, with six 1.17.0, which it needs and does not bring. Seen 2026-11-28.
# Output:
#   dates cleaned: ['2025-11-19', '1970-08-23', '1970-08-23', '2025-11-21']
#   below 100: ['Odesa', 'Sumy']
#   above 9: ['Odesa', 'Kyiv', 'Izmail']
#   0 or above: ['Odesa', 'Kyiv', 'Izmail']
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check libhxl==5.2.2 six==1.17.0

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import sys

import hxl

TABLE = [
    ["Place", "Killed", "Date"],
    ["#loc", "#affected+killed", "#date"],
    ["Odesa", "12", "2025-11-19"],
    ["Kyiv", "150", "20251119"],
    ["Sumy", "", "20250224"],
    ["Izmail", "n/a", "2025-11-21"],
]


def places(query):
    return [row.values[0] for row in hxl.data(TABLE).with_rows(query)]


seen = {
    "dates cleaned": [row.values[2] for row in hxl.data(TABLE).clean_data(date="#date")],
    "below 100": places("#affected+killed<100"),
    "above 9": places("#affected+killed>9"),
    "0 or above": places("#affected+killed>=0"),
}
expected = {
    "dates cleaned": ["2025-11-19", "1970-08-23", "1970-08-23", "2025-11-21"],
    "below 100": ["Odesa", "Sumy"],
    "above 9": ["Odesa", "Kyiv", "Izmail"],
    "0 or above": ["Odesa", "Kyiv", "Izmail"],
}
for name, value in seen.items():
    print(f"{name}: {value}")
sys.exit(0 if seen == expected else f"it behaves otherwise now; expected {expected}")
PYTHON
