#!/usr/bin/env bash
# A pydantic model with a time in Kyiv is not equal to itself, written as JSON and read again: in two hours of each year.
#
# What one would guess: the JSON has the offset, so what is read is the same instant, and two aware times are equal if they
#   are the same instant. If not, nothing would be found by such a time, and a test would show it.
# What happens: in the hour that is told twice in autumn a time of one zone is unequal to each time of another, by a rule of
#   PEP 495. It is not before it, not after it, no second away from it, has the same timestamp, and is not equal. What is
#   read from JSON has the fixed offset +03:00, another zone than Europe/Kyiv; msgspec, and a driver that answers in UTC,
#   come to the same. Within the zone it is the other way round: the two hours are equal, so that of two things that
#   happened an hour apart a dict or a set keeps one. pandas and polars compare the instants, but a pandas Timestamp and
#   the datetime that it was made of follow PEP 495. The rule is documented; that it reaches the equality of models, and
#   both ways, is what one meets.
# Why it matters here: "the same id and the same content again" is how a log tells a retry from a conflict. A report of
#   03:30 that night is a conflict with what was stored of it, for ever; of two alerts of that night, kept by zone and time,
#   one is gone. Turn times into UTC at the door, and compare these.
# Versions: pydantic 2.14.4, msgspec 0.23.0, pandas 3.1.1, polars 2.1.0, tzdata 2026.6. Seen 2026-11-30 with Python 3.11.
# Output:
#   pydantic, hours of 2025 in which it is not its own JSON: 2 of 8760
#   msgspec, hours of 2025 in which it is not its own JSON: 2 of 8760
#   03:30+03:00 and 00:30 UTC: before False, after False, apart 0:00:00, equal False, found False
#   03:30+03:00 and 03:30+02:00: before False, after False, apart 0:00:00, equal True, found True
#   a set of both: 1, unique to pandas: 2, to polars: 2
#   pandas, 03:30+03:00 and 00:30 UTC: equal True, with the datetime: equal False
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  pydantic==2.14.4 msgspec==0.23.0 pandas==3.1.1 polars==2.1.0 tzdata==2026.6

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import sys
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import msgspec
import pandas
import polars
import pydantic

KYIV = ZoneInfo("Europe/Kyiv")


class Model(pydantic.BaseModel):
    at: datetime


class Struct(msgspec.Struct):
    at: datetime


def by_pydantic(at):
    return Model.model_validate_json(Model(at=at).model_dump_json()) == Model(at=at)


def by_msgspec(at):
    return msgspec.json.decode(msgspec.json.encode(Struct(at=at)), type=Struct) == Struct(at=at)


def counted(same):
    first = datetime(2025, 1, 1, tzinfo=timezone.utc)
    hours = [(first + timedelta(hours=n)).astimezone(KYIV) for n in range(365 * 24)]
    return f"hours of 2025 in which it is not its own JSON: {sum(not same(at) for at in hours)} of {len(hours)}"


def compared(one, other):
    return f"before {one < other}, after {one > other}, apart {other - one}, equal {one == other}, found {one in {other}}"


early = datetime(2025, 10, 26, 3, 30, tzinfo=KYIV)
late = early.replace(fold=1)
early_utc = early.astimezone(timezone.utc)
stamp = pandas.Timestamp(early)
seen = [
    f"pydantic, {counted(by_pydantic)}",
    f"msgspec, {counted(by_msgspec)}",
    f"03:30+03:00 and 00:30 UTC: {compared(early, early_utc)}",
    f"03:30+03:00 and 03:30+02:00: {compared(early, late)}",
    f"a set of both: {len({early, late})}, unique to pandas: {pandas.Series([early, late]).nunique()}, "
    f"to polars: {polars.Series([early, late]).n_unique()}",
    f"pandas, 03:30+03:00 and 00:30 UTC: equal {stamp == pandas.Timestamp(early_utc)}, "
    f"with the datetime: equal {stamp == early_utc}",
]
print(*seen, sep="\n")
expected = [
    "pydantic, hours of 2025 in which it is not its own JSON: 2 of 8760",
    "msgspec, hours of 2025 in which it is not its own JSON: 2 of 8760",
    "03:30+03:00 and 00:30 UTC: before False, after False, apart 0:00:00, equal False, found False",
    "03:30+03:00 and 03:30+02:00: before False, after False, apart 0:00:00, equal True, found True",
    "a set of both: 1, unique to pandas: 2, to polars: 2",
    "pandas, 03:30+03:00 and 00:30 UTC: equal True, with the datetime: equal False",
]
sys.exit(0 if seen == expected else f"it behaves otherwise now; expected {expected}")
PYTHON
