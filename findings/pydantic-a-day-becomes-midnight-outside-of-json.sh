#!/usr/bin/env bash
# A field that is a time or a day: "2025-11-19" is a day in JSON, and midnight in the dict that json.loads makes of it.
#
# What one would guess: pydantic's smart unions take what a value fits exactly, and a text fits the same in JSON, in a query
#   string and in a dict of what was JSON. `datetime | date` and `date | datetime` are then one type.
# What happens: in JSON, and by validate_strings, a text can be a date or a datetime strictly, and that decides: a day is a
#   date, a time a datetime. In validate_python no text is either strictly, so the first type of the union that accepts it
#   wins: of datetime | date a day becomes midnight without a zone, of date | datetime the midnight of a zone becomes a day,
#   and its offset is gone. A model is then unlike itself after model_dump(mode="json") and model_validate. That a midnight
#   becomes a date was reported in 2023 as a change from pydantic 1, and is open. The documentation says that a smart union
#   prefers what is strictly right, and on another page that JSON is less strict; what both come to is what one meets.
# Why it matters here: some events have a time and some only a day, and that is such a union. What comes by HTTP as JSON and
#   what a worker reads back by json.loads are then two events: the day has become an instant of midnight nowhere, or the
#   instant a day that begins elsewhere. Validate the JSON itself, or use a type for each.
# Versions: pydantic 2.14.4 (pydantic-core 2.50.5). Seen 2026-11-30.
# Output:
#   datetime | date, 2025-11-19: JSON 2025-11-19, strings 2025-11-19, Python 2025-11-19 00:00:00
#   datetime | date, 2025-11-19T00:00:00+02:00: JSON 2025-11-19 00:00:00+02:00, strings 2025-11-19 00:00:00+02:00, Python 2025-11-19 00:00:00+02:00
#   date | datetime, 2025-11-19: JSON 2025-11-19, strings 2025-11-19, Python 2025-11-19
#   date | datetime, 2025-11-19T00:00:00+02:00: JSON 2025-11-19 00:00:00+02:00, strings 2025-11-19 00:00:00+02:00, Python 2025-11-19
#   a model of a day, dumped for JSON and read again: 2025-11-19 00:00:00, unequal
#   the same by its JSON: 2025-11-19, equal
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check pydantic==2.14.4

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import json
import sys
from datetime import date, datetime

from pydantic import BaseModel, TypeAdapter


class Report(BaseModel):
    happened: datetime | date


def read(kind, text):
    adapter = TypeAdapter(kind)
    by_json, by_strings = adapter.validate_json(json.dumps(text)), adapter.validate_strings(text)
    return f"JSON {by_json}, strings {by_strings}, Python {adapter.validate_python(text)}"


def compared(report, again):
    return f"{again.happened}, {'equal' if again == report else 'unequal'}"


DAY, MIDNIGHT = "2025-11-19", "2025-11-19T00:00:00+02:00"
report = Report(happened=date(2025, 11, 19))
seen = [
    *(f"datetime | date, {text}: {read(datetime | date, text)}" for text in (DAY, MIDNIGHT)),
    *(f"date | datetime, {text}: {read(date | datetime, text)}" for text in (DAY, MIDNIGHT)),
    "a model of a day, dumped for JSON and read again: "
    + compared(report, Report.model_validate(report.model_dump(mode="json"))),
    f"the same by its JSON: {compared(report, Report.model_validate_json(report.model_dump_json()))}",
]
print(*seen, sep="\n")
midnight = "2025-11-19 00:00:00+02:00"
expected = [
    f"datetime | date, {DAY}: JSON {DAY}, strings {DAY}, Python {DAY} 00:00:00",
    f"datetime | date, {MIDNIGHT}: JSON {midnight}, strings {midnight}, Python {midnight}",
    f"date | datetime, {DAY}: JSON {DAY}, strings {DAY}, Python {DAY}",
    f"date | datetime, {MIDNIGHT}: JSON {midnight}, strings {midnight}, Python {DAY}",
    f"a model of a day, dumped for JSON and read again: {DAY} 00:00:00, unequal",
    f"the same by its JSON: {DAY}, equal",
]
sys.exit(0 if seen == expected else f"it behaves otherwise now; expected {expected}")
PYTHON
