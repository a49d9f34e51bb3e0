#!/usr/bin/env bash
# 07:30:00+02:00 is no "time" to jsonschema, and 07:30:00 is one; to jsonschema-rs the other way round. pydantic writes both.
#
# What one would guess: `"format": "time"` is a time of RFC 3339, which has an offset, as JSON Schema says since draft 7;
#   two validators that are told to look at formats agree, and what pydantic writes is valid by the schema that pydantic
#   makes.
# What happens: FormatChecker() of jsonschema has the formats of all drafts in one; of "time" it has draft 3's, a time
#   without an offset, and applies it to 2020-12. The draft's own checker, its FORMAT_CHECKER, looks at times only where a
#   further package is installed, and then goes by the RFC: so of one library two checkers say the opposite of both values.
#   jsonschema-rs goes by the RFC, and refuses a time without an offset, which is what most times of day are; fastjsonschema
#   takes both. Of durations jsonschema-rs and fastjsonschema refuse what pydantic writes of half seconds and of negative
#   ones, which the RFC's grammar lacks, and jsonschema takes all.
# Why it matters here: a curfew from 23:00 to 05:00 is such a time. A producer that checks with the one validator sends what
#   a consumer refuses with the other, both by one published schema. Publish a pattern with it, or say whole dates and
#   times.
# Versions: jsonschema 4.26.0 (with rfc3339-validator 0.1.4), jsonschema-rs 0.61.2, fastjsonschema 2.22.3, pydantic 2.14.4.
#   Seen 2026-11-30.
# Output:
#   time 07:30:00+02:00: jsonschema no, its draft's yes, jsonschema-rs yes, fastjsonschema yes
#   time 07:30:00: jsonschema yes, its draft's yes, jsonschema-rs no, fastjsonschema yes
#   duration PT1H30M: jsonschema yes, its draft's yes, jsonschema-rs yes, fastjsonschema yes
#   duration PT1.5S: jsonschema yes, its draft's yes, jsonschema-rs no, fastjsonschema no
#   duration -PT1H30M: jsonschema yes, its draft's yes, jsonschema-rs no, fastjsonschema no
#   with rfc3339-validator, time 07:30:00+02:00: jsonschema no, its draft's yes, jsonschema-rs yes, fastjsonschema yes
#   with rfc3339-validator, time 07:30:00: jsonschema yes, its draft's no, jsonschema-rs no, fastjsonschema yes
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  jsonschema==4.26.0 jsonschema-rs==0.61.2 fastjsonschema==2.22.3 pydantic==2.14.4

cd "$work"
cat >check.py <<'PYTHON'
import json
import sys
from datetime import time, timedelta, timezone

import fastjsonschema
import jsonschema_rs
from jsonschema import Draft202012Validator, FormatChecker
from pydantic import TypeAdapter

DRAFT = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
VALUES = {
    time: [time(7, 30, tzinfo=timezone(timedelta(hours=2))), time(7, 30)],
    timedelta: [timedelta(minutes=90), timedelta(seconds=1.5), -timedelta(minutes=90)],
}


def by_fastjsonschema(schema, value):
    try:
        fastjsonschema.compile(schema)(value)
    except fastjsonschema.JsonSchemaValueException:
        return False
    return True


VALIDATORS = {
    "jsonschema": lambda schema, value: Draft202012Validator(schema, format_checker=FormatChecker()).is_valid(value),
    "its draft's": lambda schema, value: Draft202012Validator(
        schema, format_checker=Draft202012Validator.FORMAT_CHECKER
    ).is_valid(value),
    "jsonschema-rs": lambda schema, value: jsonschema_rs.validator_for(schema, validate_formats=True).is_valid(value),
    "fastjsonschema": by_fastjsonschema,
}
for kind, values in VALUES.items():
    schema = DRAFT | TypeAdapter(kind).json_schema(mode="serialization")
    for value in values:
        written = json.loads(TypeAdapter(kind).dump_json(value))
        told = (f"{name} {'yes' if valid(schema, written) else 'no'}" for name, valid in VALIDATORS.items())
        print(f"{sys.argv[1]}{schema['format']} {written}: {', '.join(told)}")
PYTHON
"venv/bin/python" check.py "" >seen
"venv/bin/python" -m pip install --quiet --disable-pip-version-check rfc3339-validator==0.1.4
"venv/bin/python" check.py "with rfc3339-validator, " >again
head -2 again >>seen
cat seen
cat >expected <<'TEXT'
time 07:30:00+02:00: jsonschema no, its draft's yes, jsonschema-rs yes, fastjsonschema yes
time 07:30:00: jsonschema yes, its draft's yes, jsonschema-rs no, fastjsonschema yes
duration PT1H30M: jsonschema yes, its draft's yes, jsonschema-rs yes, fastjsonschema yes
duration PT1.5S: jsonschema yes, its draft's yes, jsonschema-rs no, fastjsonschema no
duration -PT1H30M: jsonschema yes, its draft's yes, jsonschema-rs no, fastjsonschema no
with rfc3339-validator, time 07:30:00+02:00: jsonschema no, its draft's yes, jsonschema-rs yes, fastjsonschema yes
with rfc3339-validator, time 07:30:00: jsonschema yes, its draft's no, jsonschema-rs no, fastjsonschema yes
TEXT
diff expected seen || { echo "it behaves otherwise now" >&2 && exit 1; }
