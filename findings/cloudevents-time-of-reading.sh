#!/usr/bin/env bash
# An event without a time gets the time at which it is read, another one at each reading; one with a null is refused.
#
# What one would guess: `time` is optional in CloudEvents, so an event that has none is read as having none; and a null
#   attribute is the same as an absent one, as the JSON format says of decoders.
# What happens: the SDK's reader fills an absent `time` with the clock, so that the same bytes are a different event at
#   each reading, and writes it out as if the producer had said so; an absent `id`, which the standard wants refused,
#   gets a random one. Attributes that are null are a validation error, and a null `time` is a TypeError from within.
#   A null extension is taken, and is there as null.
# Why it matters here: when something happened, and whether it was told before, are what a log of incidents is about. An
#   event relayed by this SDK says it happened when it was relayed, and every retry without an id is a new event.
#   Look at the raw JSON before the object, and refuse what has no id and no time.
# Versions: cloudevents 2.2.0. Seen 2026-11-28.
# Output:
#   a time: 2025-11-19T12:00:00Z
#   no time: two values of two readings
#   no id: two values of two readings
#   a subject that is null: CloudEventValidationError
#   a time that is null: TypeError
#   an extension that is null: None
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check cloudevents==2.2.0

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import json
import sys
import time

from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

EVENT = {"specversion": "1.0", "id": "1", "source": "/log", "type": "strike.reported"}


def read(**more):
    raw = json.dumps({name: value for name, value in (EVENT | more).items() if value != "absent"}).encode()
    try:
        return json.loads(JSONFormat().write(JSONFormat().read(CloudEvent, raw)))
    except Exception as error:
        return type(error).__name__


def twice(member, **more):
    first = read(**more)[member]
    time.sleep(0.01)
    return "two values of two readings" if first != read(**more)[member] else "one value"


NOON = "2025-11-19T12:00:00Z"
seen = {
    "a time": read(time=NOON)["time"],
    "no time": twice("time"),
    "no id": twice("id", id="absent", time=NOON),
    "a subject that is null": read(subject=None, time=NOON),
    "a time that is null": read(time=None),
    "an extension that is null": read(position=None, time=NOON).get("position", "absent"),
}
expected = {
    "a time": NOON,
    "no time": "two values of two readings",
    "no id": "two values of two readings",
    "a subject that is null": "CloudEventValidationError",
    "a time that is null": "TypeError",
    "an extension that is null": None,
}
for name, value in seen.items():
    print(f"{name}: {value}")
sys.exit(0 if seen == expected else f"it behaves otherwise now; expected {expected}")
PYTHON
