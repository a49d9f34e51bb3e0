#!/usr/bin/env bash
# orjson, msgspec and pydantic write a time of before standard time up to half a minute away, not all to the same side.
#
# What one would guess: JSON's date-time (RFC 3339) has no seconds in its offsets. A writer that meets a time whose offset
#   has some writes it in UTC, which RFC 3339 can say exactly, or with the seconds, as Python's `isoformat` does, or
#   refuses it.
# What happens: all three drop the seconds of the offset and leave the clock as it is. Local mean time in Kyiv, until
#   1924, was 2:02:04 ahead, so what is read back is four seconds later. Monrovia was 44 minutes and 30 seconds behind
#   until January 1972, within Unix time: orjson writes -00:45, the other two -00:44, and one instant has become two, a
#   minute apart. To every reader it is a valid time, so no round trip fails. In the other direction pydantic and msgspec
#   refuse what `isoformat` wrote (that pydantic does is known).
# Why it matters here: a log of diplomacy has treaties of 1918, by the clock of the place. Such an event has one instant
#   in the database and another in an export, and two hashes if the JSON is what is signed. Convert to UTC before it is
#   written.
# Versions: orjson 3.13.0, msgspec 0.23.0, pydantic 2.14.4, tzdata 2026.6. Seen 2026-11-30.
# Output (what is written, and how far it is from the time):
#   Kyiv, isoformat: 1918-01-22T12:00:00+02:02:04, 0 s; pydantic refuses it; msgspec refuses it
#   Kyiv, orjson: 1918-01-22T12:00:00+02:02, 4 s
#   Kyiv, msgspec: 1918-01-22T12:00:00+02:02, 4 s
#   Kyiv, pydantic: 1918-01-22T12:00:00+02:02, 4 s
#   Monrovia, isoformat: 1971-11-19T12:00:00-00:44:30, 0 s; pydantic refuses it; msgspec refuses it
#   Monrovia, orjson: 1971-11-19T12:00:00-00:45, 30 s
#   Monrovia, msgspec: 1971-11-19T12:00:00-00:44, -30 s
#   Monrovia, pydantic: 1971-11-19T12:00:00-00:44, -30 s
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  orjson==3.13.0 msgspec==0.23.0 pydantic==2.14.4 tzdata==2026.6

cd "$work"
PYTHONTZPATH="" "$work/venv/bin/python" - <<'PYTHON'
import sys
from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec
import orjson
import pydantic

TYPE = pydantic.TypeAdapter(datetime)
TIMES = {
    "Kyiv": datetime(1918, 1, 22, 12, tzinfo=ZoneInfo("Europe/Kyiv")),
    "Monrovia": datetime(1971, 11, 19, 12, tzinfo=ZoneInfo("Africa/Monrovia")),
}
WRITERS = {"orjson": orjson.dumps, "msgspec": msgspec.json.encode, "pydantic": TYPE.dump_json}
READERS = {"pydantic": TYPE.validate_python, "msgspec": lambda text: msgspec.convert(text, datetime)}


def away(text, at):
    return f"{text}, {(datetime.fromisoformat(text) - at).total_seconds():.0f} s"


def refusals(text):
    for name, read in READERS.items():
        try:
            read(text)
        except ValueError:
            yield f"; {name} refuses it"


seen = []
for place, at in TIMES.items():
    text = at.isoformat()
    seen.append(f"{place}, isoformat: {away(text, at)}{''.join(refusals(text))}")
    seen += [f"{place}, {name}: {away(orjson.loads(write(at)), at)}" for name, write in WRITERS.items()]
print("\n".join(seen))
kyiv, monrovia = "1918-01-22T12:00:00+02:02", "1971-11-19T12:00:00-00:44"
expected = [
    f"Kyiv, isoformat: {kyiv}:04, 0 s; pydantic refuses it; msgspec refuses it",
    *[f"Kyiv, {name}: {kyiv}, 4 s" for name in WRITERS],
    f"Monrovia, isoformat: {monrovia}:30, 0 s; pydantic refuses it; msgspec refuses it",
    "Monrovia, orjson: 1971-11-19T12:00:00-00:45, 30 s",
    *[f"Monrovia, {name}: {monrovia}, -30 s" for name in ("msgspec", "pydantic")],
]
sys.exit(0 if seen == expected else f"it behaves otherwise now; expected {expected}")
PYTHON
