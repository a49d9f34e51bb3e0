#!/usr/bin/env bash
# "48.59, 38.00, 120", a place in Ukraine and its height, is at 38° N 120° E to geopy: of what it cannot read it takes the end.
#
# What one would guess: a text of coordinates that geopy cannot read in full is refused, as "48.59N38.00E" is. A third
#   number is the height, as it is in Point((48.59, 38.00, 120)).
# What happens: the pattern must reach the end of the text and may begin anywhere in it. A height needs a unit, as the
#   documentation says; without one the first number is skipped, and the other two are the latitude and the longitude, in
#   the sea off China. Degrees, minutes and seconds that are parted by blanks are 0 0 by their last two numbers, with the
#   letters N and E gone as well; a decimal comma makes the minutes a longitude. No error, no warning. A sign on zero
#   degrees is lost beside minutes (a mend was offered in September 2026 and closed). distance() and the geocoders'
#   reverse() take texts and read them so. That strings with fractions parted by blanks are misread was reported in 2017,
#   and is open.
# Why it matters here: places of strikes and of signatures are told in such texts, and one column holds several kinds of
#   them. What comes out is a latitude and a longitude like all others; those at 0 0 are soon found, those in China not.
#   Give geopy numbers; where it must be text, compare the numbers in it with what was read.
# Versions: geopy 2.5.0. Seen 2026-11-30.
# Output:
#   48.59, 38.00: 48.59 38.0, 578 km from Kyiv
#   48.59, 38.00, 120m: 48.59 38.0, 578 km from Kyiv
#   48.59, 38.00, 120: 38.0 120.0, 6823 km from Kyiv
#   48 35m 24s N 38 0m 0s E: 48.59 38.0, 578 km from Kyiv
#   48 35 24 N 38 0 0 E: 0.0 0.0, 6309 km from Kyiv
#   N 48 35 24 E 38 0 0: 0.0 0.0, 6309 km from Kyiv
#   48,59 38,00: 38.0 0.0, 2770 km from Kyiv
#   0 30m S 36 0m E: -0.5 36.0, 5689 km from Kyiv
#   -0 30m 36 0m: 0.5 36.0, 5578 km from Kyiv
#   48.59N38.00E: ValueError
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check geopy==2.5.0

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import sys

from geopy import Point
from geopy.distance import great_circle

KYIV = (50.45, 30.52)
LYMAN, NULL_ISLAND = "48.59 38.0, 578 km from Kyiv", "0.0 0.0, 6309 km from Kyiv"
expected = {
    "48.59, 38.00": LYMAN,
    "48.59, 38.00, 120m": LYMAN,
    "48.59, 38.00, 120": "38.0 120.0, 6823 km from Kyiv",
    "48 35m 24s N 38 0m 0s E": LYMAN,
    "48 35 24 N 38 0 0 E": NULL_ISLAND,
    "N 48 35 24 E 38 0 0": NULL_ISLAND,
    "48,59 38,00": "38.0 0.0, 2770 km from Kyiv",
    "0 30m S 36 0m E": "-0.5 36.0, 5689 km from Kyiv",
    "-0 30m 36 0m": "0.5 36.0, 5578 km from Kyiv",
    "48.59N38.00E": "ValueError",
}


def read(text):
    try:
        place = Point(text)
    except ValueError:
        return "ValueError"
    return f"{place.latitude} {place.longitude}, {great_circle(KYIV, (place.latitude, place.longitude)).km:.0f} km from Kyiv"


seen = {text: read(text) for text in expected}
print(*(f"{text}: {place}" for text, place in seen.items()), sep="\n")
sys.exit(0 if seen == expected else f"it behaves otherwise now; expected {expected}")
PYTHON
