#!/usr/bin/env bash
# Was it dark? By the sunrise and sunset that astral gives of a day it is night in Seoul all year round; in Kyiv all is right.
#
# What one would guess: sun(place, date) gives the sunrise and the sunset of one day, the one before the other; a time
#   between them is by day. In UTC, which is what it does if one says nothing, since all times are kept in UTC.
# What happens: each is looked for by itself, on the day of UTC. In Seoul the sun rises on the day before, by UTC, so what
#   is found is the next rise: sunrise at 22:16 of the 19th, sunset at 08:18 of the 19th, and nothing is between them. In
#   the west of Mexico the sunset is that of the day before. In Kathmandu and Yangon it changes with the season. With the
#   place's zone (tzinfo) the two are of one day, though on a day of the year it then finds no sunrise, for a sun that rises
#   each day in Kathmandu. That such a sunset is of another day was reported in 2023, and is open.
# Why it matters here: night strikes are counted apart, and written from Kyiv or Goma the function is right for each hour of
#   the year. Rows of Korea and Sinaloa are all at night, and those of Myanmar from season to season. Give the zone of the
#   place, and ask `elevation` of the sun at the time itself instead of two times.
# Versions: astral 3.2, tzdata 2026.6. Seen 2026-12-01.
# Output (19 November 2025 in UTC; every seventh hour of 2025 at which the sun is 3° or more above the horizon; days without):
#   Kyiv: sunrise 19 05:19, sunset 19 14:06; by day in UTC 592 of 592, with the zone 592 of 592; no sunrise on 0 days
#   Goma: sunrise 19 03:42, sunset 19 15:54; by day in UTC 591 of 591, with the zone 591 of 591; no sunrise on 0 days
#   Srinagar: sunrise 19 01:37, sunset 19 11:54; by day in UTC 483 of 593, with the zone 589 of 593; no sunrise on 1 days
#   Kathmandu: sunrise 19 00:43, sunset 19 11:25; by day in UTC 334 of 604, with the zone 600 of 604; no sunrise on 1 days
#   Yangon: sunrise 19 23:42, sunset 19 10:59; by day in UTC 92 of 597, with the zone 596 of 597; no sunrise on 1 days
#   Seoul: sunrise 19 22:16, sunset 19 08:18; by day in UTC 0 of 603, with the zone 603 of 603; no sunrise on 0 days
#   Culiacán: sunrise 19 13:29, sunset 19 00:21; by day in UTC 0 of 607, with the zone 607 of 607; no sunrise on 0 days
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check astral==3.2 tzdata==2026.6

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import sys
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from astral import Observer
from astral.sun import elevation, sun, sunrise

PLACES = {
    "Kyiv": (50.45, 30.52, "Europe/Kyiv"),
    "Goma": (-1.68, 29.22, "Africa/Lubumbashi"),
    "Srinagar": (34.09, 74.79, "Asia/Kolkata"),
    "Kathmandu": (27.7, 85.3, "Asia/Kathmandu"),
    "Yangon": (16.8, 96.15, "Asia/Yangon"),
    "Seoul": (37.5, 127.0, "Asia/Seoul"),
    "Culiacán": (24.8, -107.4, "America/Mazatlan"),
}
HOURS = [datetime(2025, 1, 1, tzinfo=UTC) + timedelta(hours=7 * n) for n in range(8760 // 7)]
DAYS = [date(2025, 1, 1) + timedelta(days=n) for n in range(365)]


def by_day(place, time, zone):
    try:
        day = sun(place, date=time.astimezone(zone).date(), tzinfo=zone)
    except ValueError:  # no dawn or no sunrise on that day
        return False
    return day["sunrise"] <= time <= day["sunset"]


def rises(place, day, zone):
    try:
        return bool(sunrise(place, date=day, tzinfo=zone))
    except ValueError:
        return False


def told(name):
    latitude, longitude, zone = PLACES[name]
    place, zone = Observer(latitude, longitude), ZoneInfo(zone)
    day = sun(place, date=date(2025, 11, 19))
    light = [time for time in HOURS if elevation(place, time) >= 3]
    in_utc, in_zone = (sum(by_day(place, time, each) for time in light) for each in (UTC, zone))
    return (
        f"{name}: sunrise {day['sunrise']:%d %H:%M}, sunset {day['sunset']:%d %H:%M}; by day in UTC {in_utc} of {len(light)}, "
        f"with the zone {in_zone} of {len(light)}; no sunrise on {sum(not rises(place, each, zone) for each in DAYS)} days"
    )


seen = [told(name) for name in PLACES]
print(*seen, sep="\n")
expected = [
    "Kyiv: sunrise 19 05:19, sunset 19 14:06; by day in UTC 592 of 592, with the zone 592 of 592; no sunrise on 0 days",
    "Goma: sunrise 19 03:42, sunset 19 15:54; by day in UTC 591 of 591, with the zone 591 of 591; no sunrise on 0 days",
    "Srinagar: sunrise 19 01:37, sunset 19 11:54; by day in UTC 483 of 593, with the zone 589 of 593; no sunrise on 1 days",
    "Kathmandu: sunrise 19 00:43, sunset 19 11:25; by day in UTC 334 of 604, with the zone 600 of 604; no sunrise on 1 days",
    "Yangon: sunrise 19 23:42, sunset 19 10:59; by day in UTC 92 of 597, with the zone 596 of 597; no sunrise on 1 days",
    "Seoul: sunrise 19 22:16, sunset 19 08:18; by day in UTC 0 of 603, with the zone 603 of 603; no sunrise on 0 days",
    "Culiacán: sunrise 19 13:29, sunset 19 00:21; by day in UTC 0 of 607, with the zone 607 of 607; no sunrise on 0 days",
]
sys.exit(0 if seen == expected else f"it behaves otherwise now; expected {expected}")
PYTHON
