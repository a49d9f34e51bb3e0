#!/usr/bin/env bash
# An event at 10:00+02:00 that icalendar writes is read by icalendar as 10:00 of no zone, and an hour can last two.
#
# What one would guess: a calendar that a library writes it reads back as the same instants. A time with an offset alone,
#   which the standard forbids to write, is written in UTC or refused; and PT1H is an hour, since the standard calls hours
#   exact and days nominal.
# What happens: the offset becomes the name of a time zone, "UTC+02:00" from Python and "+02:00" from pydantic, which no
#   part of the file defines; `add_missing_timezones` adds none and says nothing. Read again, the time is naive
#   ("floating": 10:00 wherever the reader is). UTC and named zones are kept. And what `DURATION` says is added to the
#   wall's clock: PT1H from 3:00 in the night in which clocks go back ends two hours later, PT24H a day later by the
#   calendar, and is written again as P1D.
# Why it matters here: times in an event log have offsets and no zones; `fromisoformat` gives just these. A feed of talks
#   and ceasefires is moved by hours for each reader abroad, and a ceasefire of 24 hours lasts 25. Convert to UTC first,
#   and write DTEND, not DURATION.
# Versions: icalendar 7.3.2, pydantic 2.14.4, tzdata 2026.6. Seen 2026-11-30.
# Output:
#   10:00+02:00: written ;TZID="UTC+02:00":20251119T100000, zone defined: False, read 2025-11-19T10:00:00
#   10:00+02:00 by pydantic: written ;TZID="+02:00":20251119T100000, zone defined: False, read 2025-11-19T10:00:00
#   10:00 in Kyiv: written ;TZID=Europe/Kyiv:20251119T100000, zone defined: True, read 2025-11-19T10:00:00+02:00
#   in UTC: written :20251119T080000Z, zone defined: False, read 2025-11-19T08:00:00+00:00
#   PT1H lasts 2:00:00
#   PT24H lasts 1 day, 1:00:00, and is written again as P1D
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check icalendar==7.3.2 pydantic==2.14.4 tzdata==2026.6

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import sys
from datetime import datetime, timezone
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event
from pydantic import TypeAdapter

TEXT = "2025-11-19T10:00:00+02:00"
at = datetime.fromisoformat(TEXT)


def there_and_back(start):
    calendar, event = Calendar(), Event()
    calendar.add("prodid", "-//a//a//")
    calendar.add("version", "2.0")
    event.add("uid", "1")
    event.add("dtstamp", datetime(2025, 1, 1, tzinfo=timezone.utc))
    event.add("dtstart", start)
    calendar.add_component(event)
    calendar.add_missing_timezones()
    text = calendar.to_ical().decode()
    written = text.split("BEGIN:VEVENT")[1].split("DTSTART")[1].split("\r")[0]
    read = Calendar.from_ical(text).walk("VEVENT")[0]["DTSTART"].dt
    return f"written {written}, zone defined: {'VTIMEZONE' in text}, read {read.isoformat()}"


def lasting(start, duration):
    """An event as others write it."""
    return Event.from_ical(f"BEGIN:VEVENT\r\nDTSTART;TZID=Europe/Kyiv:{start}\r\nDURATION:{duration}\r\nEND:VEVENT\r\n")


def length(event):
    return event.end.astimezone(timezone.utc) - event.start.astimezone(timezone.utc)


hour, day = lasting("20251026T030000", "PT1H"), lasting("20251025T120000", "PT24H")
again = day.to_ical().decode().split("DURATION:")[1].split("\r")[0]
seen = [
    f"10:00+02:00: {there_and_back(at)}",
    f"10:00+02:00 by pydantic: {there_and_back(TypeAdapter(datetime).validate_python(TEXT))}",
    f"10:00 in Kyiv: {there_and_back(at.replace(tzinfo=ZoneInfo('Europe/Kyiv')))}",
    f"in UTC: {there_and_back(at.astimezone(timezone.utc))}",
    f"PT1H lasts {length(hour)}",
    f"PT24H lasts {length(day)}, and is written again as {again}",
]
print("\n".join(seen))
expected = [
    '10:00+02:00: written ;TZID="UTC+02:00":20251119T100000, zone defined: False, read 2025-11-19T10:00:00',
    '10:00+02:00 by pydantic: written ;TZID="+02:00":20251119T100000, zone defined: False, read 2025-11-19T10:00:00',
    "10:00 in Kyiv: written ;TZID=Europe/Kyiv:20251119T100000, zone defined: True, read 2025-11-19T10:00:00+02:00",
    "in UTC: written :20251119T080000Z, zone defined: False, read 2025-11-19T08:00:00+00:00",
    "PT1H lasts 2:00:00",
    "PT24H lasts 1 day, 1:00:00, and is written again as P1D",
]
sys.exit(0 if seen == expected else f"it behaves otherwise now; expected {expected}")
PYTHON
