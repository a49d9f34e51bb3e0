#!/usr/bin/env bash
# A tanker that tells neither place nor speed sails at 102.3 knots on 91° N 181° E to pyais, and to h3 that is near the pole.
#
# What one would guess: what a ship says is not available is None, as the rate of turn, which pyais gives a word for
#   (NO_TI_DEFAULT); or what comes after refuses a latitude of 91.
# What happens: the other values stand as they are sent: latitude 91, longitude 181, speed 102.3, course 360, heading 511,
#   hour 24, minute 60; in the long-range message speed 63 and course 511, in that of aircraft height 4095. Floats, of the
#   same type as those that are known. h3 turns 91° 181° round the globe into a cell on 89° N 3° W, shapely calls the point
#   valid. ITU-R M.1371 lists these values, message by message; a mean or a maximum does not. A number of a coast station
#   (002731234) is an int and loses its zeros, so that it is no number of nine digits any more.
# Why it matters here: in the Black Sea and the Gulf receivers are jammed, and a ship whose GPS is lost sends just this. The
#   mean speed of a tanker on its way is 41 knots instead of 11, its greatest is that of no ship, and in one hour it went
#   from Novorossiysk to the pole. Drop these values by the message's type before anything is worked out of it.
# Versions: pyais 3.3.1, h3 4.5.0, shapely 2.2.0. Seen 2026-12-01.
# Output (nothing but a number of the ship was told):
#   position: lat 91.0, lon 181.0, speed 102.3, course 360.0, heading 511, turn NO_TI_DEFAULT
#   long range: lat 91.0, lon 181.0, speed 63.0, course 511.0
#   voyage: month 0, hour 24, minute 60
#   mean of 11.2, 10.8 and not available: 41.4
#   h3: 89, -3; shapely: valid True
#   002731234: 2731234
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check pyais==3.3.1 h3==4.5.0 shapely==2.2.0

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import sys
from statistics import mean

import h3
import shapely
from pyais import decode
from pyais.encode import encode_dict

UNKNOWN = {"lat": 91.0, "lon": 181.0, "speed": 102.3, "course": 360.0, "heading": 511}
NAMES = ("lat", "lon", "speed", "course", "heading", "turn", "month", "hour", "minute", "alt")


def heard(kind, mmsi="273123456", **values):
    sentences = encode_dict({"type": kind, "mmsi": mmsi, **values}, radio_channel="A", talker_id="AI")
    return decode(*sentences)


def told(message):
    values = message.asdict()
    return ", ".join(f"{name} {getattr(values[name], 'name', values[name])}" for name in NAMES if name in values)


lost = heard(1, **UNKNOWN)
speeds = [heard(1, lat=44.6, lon=37.8, speed=speed).speed for speed in (11.2, 10.8)] + [lost.speed]
latitude, longitude = h3.cell_to_latlng(h3.latlng_to_cell(lost.lat, lost.lon, 5))
seen = [
    f"position: {told(lost)}",
    f"long range: {told(heard(27, lat=91.0, lon=181.0, speed=63, course=511))}",
    f"voyage: {told(heard(5, month=0, day=0, hour=24, minute=60))}",
    f"mean of 11.2, 10.8 and not available: {mean(speeds):.1f}",
    f"h3: {latitude:.0f}, {longitude:.0f}; shapely: valid {shapely.Point(lost.lon, lost.lat).is_valid}",
    f"002731234: {heard(1, mmsi='002731234', **UNKNOWN).mmsi}",
]
print(*seen, sep="\n")
expected = [
    "position: lat 91.0, lon 181.0, speed 102.3, course 360.0, heading 511, turn NO_TI_DEFAULT",
    "long range: lat 91.0, lon 181.0, speed 63.0, course 511.0",
    "voyage: month 0, hour 24, minute 60",
    "mean of 11.2, 10.8 and not available: 41.4",
    "h3: 89, -3; shapely: valid True",
    "002731234: 2731234",
]
sys.exit(0 if seen == expected else f"it behaves otherwise now; expected {expected}")
PYTHON
