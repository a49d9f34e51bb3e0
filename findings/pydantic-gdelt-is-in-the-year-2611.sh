#!/usr/bin/env bash
# 20251119073000, as GDELT writes its times, is in the year 2611 to pydantic, strict and aware too, and 20251119 is in 1970.
#
# What one would guess: a text for a datetime is ISO 8601 or refused, all the more in strict mode, and AwareDatetime takes
#   what has an offset. 20251119 is ISO 8601 in its short form, and datetime.fromisoformat reads it as the 19th of November
#   2025.
# What happens: a text of digits alone is taken for a number, and that for seconds since 1970, or from 20 thousand million
#   on for milliseconds: in JSON and in dicts, in strict mode, in a union with None. What comes out is aware, in UTC, so
#   AwareDatetime is content, and past, so PastDatetime is content with 1970. A year alone is 0:33 on New Year 1970. A field
#   of date refuses all of them but a whole number of days (0), and a union with str takes the text; msgspec refuses each.
#   pandas and dateutil read the day and the time that were meant. That numbers, also as texts, are Unix times is in the
#   documentation of the type.
# Why it matters here: GDELT's day is 20251119 and its time 20251119073000, and much of this field copies that. Each row is
#   valid, has a zone, and sorts before or after all others of the log. Ask for the year: a time before or long after the
#   log's own is an error; or take a text with a pattern and read it by strptime.
# Versions: pydantic 2.14.3, msgspec 0.23.0, pandas 3.1.1, python-dateutil 4.0.0, Python 3.11. Seen 2026-12-01.
# Output (20251119073000, 20251119, 2025):
#   datetime: 2611-09-25 22:51, 1970-08-23 09:18, 1970-01-01 00:33
#   datetime, strict, of JSON: 2611-09-25 22:51, 1970-08-23 09:18, 1970-01-01 00:33
#   AwareDatetime, strict, of JSON: 2611-09-25 22:51, 1970-08-23 09:18, 1970-01-01 00:33
#   PastDatetime: refused, 1970-08-23 09:18, 1970-01-01 00:33
#   date: refused, refused, refused
#   msgspec: refused, refused, refused
#   Python: refused, 2025-11-19 00:00, refused
#   pandas: 2025-11-19 07:30, 2025-11-19 00:00, 2025-01-01 00:00
#   dateutil: 2025-11-19 07:30, 2025-11-19 00:00
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  pydantic==2.14.3 msgspec==0.23.0 pandas==3.1.1 python-dateutil==4.0.0 tzdata==2026.6

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import json
import sys
from datetime import date, datetime

import msgspec
import pandas
from dateutil import parser
from pydantic import AwareDatetime, PastDatetime, TypeAdapter

TEXTS = ["20251119073000", "20251119", "2025"]
READERS = {
    "datetime": TypeAdapter(datetime).validate_python,
    "datetime, strict, of JSON": lambda text: TypeAdapter(datetime).validate_json(json.dumps(text), strict=True),
    "AwareDatetime, strict, of JSON": lambda text: TypeAdapter(AwareDatetime).validate_json(json.dumps(text), strict=True),
    "PastDatetime": TypeAdapter(PastDatetime).validate_python,
    "date": TypeAdapter(date).validate_python,
    "msgspec": lambda text: msgspec.convert(text, datetime),
    "Python": datetime.fromisoformat,
    "pandas": pandas.Timestamp,
    "dateutil": parser.parse,
}


def told(read, text):
    try:
        return f"{read(text):%Y-%m-%d %H:%M}"
    except (ValueError, msgspec.ValidationError):
        return "refused"


# what dateutil makes of a year alone depends on today
seen = [
    f"{name}: {', '.join(told(read, text) for text in TEXTS[: 2 if name == 'dateutil' else 3])}"
    for name, read in READERS.items()
]
print(*seen, sep="\n")
expected = [
    "datetime: 2611-09-25 22:51, 1970-08-23 09:18, 1970-01-01 00:33",
    "datetime, strict, of JSON: 2611-09-25 22:51, 1970-08-23 09:18, 1970-01-01 00:33",
    "AwareDatetime, strict, of JSON: 2611-09-25 22:51, 1970-08-23 09:18, 1970-01-01 00:33",
    "PastDatetime: refused, 1970-08-23 09:18, 1970-01-01 00:33",
    "date: refused, refused, refused",
    "msgspec: refused, refused, refused",
    "Python: refused, 2025-11-19 00:00, refused",
    "pandas: 2025-11-19 07:30, 2025-11-19 00:00, 2025-01-01 00:00",
    "dateutil: 2025-11-19 07:30, 2025-11-19 00:00",
]
sys.exit(0 if seen == expected else f"it behaves otherwise now; expected {expected}")
PYTHON
