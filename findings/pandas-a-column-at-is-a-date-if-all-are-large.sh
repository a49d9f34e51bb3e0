#!/usr/bin/env bash
# What a number in a JSON column `..._at` is to pandas depends on the others: a number, a day in 1971, or a day in 1970.
#
# What one would guess: a number in JSON is read as a number. Who knows that read_json takes columns called `..._at`,
#   `..._time`, `date` or `modified` for dates (that is documented) expects this of the name alone: the same number is the
#   same in every file, and since pandas 3, whose times reach beyond 2262, a far date is like any other.
# What happens: the column becomes dates if each number in it is above 31,536,000 (a year of seconds), and stays numbers if
#   one is not. The unit is then the first of seconds, milliseconds and so on in which ALL numbers lie before 2262: one
#   far date among seconds makes all of them milliseconds, so that 2025 is 1970. There is no warning. Of both borders the
#   documentation says nothing. With `chunksize` each chunk decides anew.
# Why it matters here: `valued_at` of damage is money, `known_at` may be a position in the log: numbers while the log is
#   young, dates of 1971 after its 31,536,000th event, and both within one read in chunks. `ends_at` of a treaty is year
#   2300 or 9999 for one of a thousand. Say `dtype=False` (`keep_default_dates` is deprecated since 3.1), and make dates
#   of what is one yourself.
# Versions: pandas 3.1.1. Seen 2026-11-30.
# Output:
#   damage of 45 and 32 million: ['1971-06-05', '1971-01-06']
#   damage of 45 and 31 million: [45000000, 31000000]
#   positions, in chunks of two: [31535998, 31535999] [31536000, 31536001] ['1971-01-01', '1971-01-01']
#   ends in 2025 and 2261: ['2025-11-20', '2261-01-01']
#   ends in 2025 and 2300: ['1970-01-21', '1970-05-01']
#   told not to: [45000000, 32000000]
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check pandas==3.1.1

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import io
import json
import sys
import warnings
from datetime import UTC, datetime

import pandas

warnings.simplefilter("error")  # a warning would be a change


def told(frame, name):
    dates = pandas.api.types.is_datetime64_any_dtype(frame[name])
    return [value.date().isoformat() if dates else value for value in frame[name].tolist()]


def read(name, *numbers, **how):
    return pandas.read_json(io.StringIO("".join(json.dumps({name: n}) + "\n" for n in numbers)), lines=True, **how)


def seconds(year, month=1, day=1):
    return int(datetime(year, month, day, tzinfo=UTC).timestamp())


chunks = read("known_at", *range(31_535_998, 31_536_004), chunksize=2)
now = seconds(2025, 11, 20)
seen = [
    f"damage of 45 and 32 million: {told(read('valued_at', 45_000_000, 32_000_000), 'valued_at')}",
    f"damage of 45 and 31 million: {told(read('valued_at', 45_000_000, 31_000_000), 'valued_at')}",
    f"positions, in chunks of two: {' '.join(str(told(chunk, 'known_at')) for chunk in chunks)}",
    f"ends in 2025 and 2261: {told(read('ends_at', now, seconds(2261)), 'ends_at')}",
    f"ends in 2025 and 2300: {told(read('ends_at', now, seconds(2300)), 'ends_at')}",
    f"told not to: {told(read('valued_at', 45_000_000, 32_000_000, dtype=False), 'valued_at')}",
]
print("\n".join(seen))
expected = [
    "damage of 45 and 32 million: ['1971-06-05', '1971-01-06']",
    "damage of 45 and 31 million: [45000000, 31000000]",
    "positions, in chunks of two: [31535998, 31535999] [31536000, 31536001] ['1971-01-01', '1971-01-01']",
    "ends in 2025 and 2261: ['2025-11-20', '2261-01-01']",
    "ends in 2025 and 2300: ['1970-01-21', '1970-05-01']",
    "told not to: [45000000, 32000000]",
]
sys.exit(0 if seen == expected else f"it behaves otherwise now; expected {expected}")
PYTHON
