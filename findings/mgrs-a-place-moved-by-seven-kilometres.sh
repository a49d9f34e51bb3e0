#!/usr/bin/env bash
# 37UDP28 is a square of 10 km. Since October 2026 mgrs reads its middle, 7 km from the corner that it read; pygeodesy has both.
#
# What one would guess: a grid reference is read as the same place by each program and by each version of one, and what was
#   read gives the same reference when it is written again.
# What happens: mgrs 1.5 gives the south-western corner, 1.6 of October 2026 the middle, and its release notes say so
#   loudly. A reference of four digits moves by 700 metres, one of two by 7 km. With the corner the reference that is
#   written again is that of a neighbour, or of another band, as the corner falls outside by a rounding. pygeodesy's
#   toLatLon is the middle and its toUtm the corner, of the same object: so they are 7 km apart, each by a default of its
#   own. With blanks, as references are written, mgrs 1.5 either fails or, for "37UDP 26 82", takes the square of 100 km
#   before the first blank, and its corner.
# Why it matters here: reports of armies and deminers give places by such references, of four or two digits where it is not
#   known better. Places that were stored before an upgrade are not where the same reports are read today, and matching by
#   distance takes one strike for two. Store the reference itself, and say which point of the square is meant.
# Versions: mgrs 1.6.0 and 1.5.4, pygeodesy 26.10.26. Seen 2026-11-30.
# Output:
#   37UDP28, mgrs 1.5.4: 48.5680 37.9156, written again 37UDP18
#   37UDP28, mgrs 1.6.0: 48.6136 37.9824, written again 37UDP28
#   37UDP28, pygeodesy: 48.6136 37.9824, by its toUtm: 48.5680 37.9156
#   37UDP2682, mgrs 1.5.4: 48.5867 37.9965, written again 37UDP2581
#   37UDP2682, mgrs 1.6.0: 48.5913 38.0032, written again 37UDP2682
#   37UDP2682, pygeodesy: 48.5913 38.0032, by its toUtm: 48.5867 37.9965
#   37UDP 26 82, mgrs 1.5.4: 47.8456 37.6634, written again 37TCN9999
#   37UDP 26 82, mgrs 1.6.0: 48.5913 38.0032, written again 37UDP2682
#   37UDP 26 82, pygeodesy: 48.5913 38.0032, by its toUtm: 48.5867 37.9965
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for version in 1.5.4 1.6.0; do
  python3 -m venv "$work/$version"
  "$work/$version/bin/python" -m pip install --quiet --disable-pip-version-check \
    "mgrs==$version" packaging==26.4 pygeodesy==26.10.26
done

cd "$work"
cat >read.py <<'PYTHON'
import sys
import warnings
from importlib.metadata import version

import mgrs
import pygeodesy

warnings.simplefilter("ignore")  # of mgrs 1.5, that a corner is not in the band of its square


def told(place):
    return f"{place[0]:.4f} {place[1]:.4f}"


for reference in sys.argv[1:]:
    place = mgrs.MGRS().toLatLon(reference)
    digits = sum(map(str.isdigit, reference)) // 2 - 1  # two are the zone's
    again = mgrs.MGRS().toMGRS(*place, MGRSPrecision=digits)
    print(f"{reference}, mgrs {version('mgrs')}: {told(place)}, written again {again}")
    if version("mgrs") == "1.6.0":
        square = pygeodesy.parseMGRS(reference)
        print(f"{reference}, pygeodesy: {told(square.toLatLon())}, by its toUtm: {told(square.toUtm().toLatLon())}")
PYTHON
for reference in 37UDP28 37UDP2682 "37UDP 26 82"; do
  for version in 1.5.4 1.6.0; do
    "$version/bin/python" read.py "$reference"
  done
done | tee seen
cat >expected <<'TEXT'
37UDP28, mgrs 1.5.4: 48.5680 37.9156, written again 37UDP18
37UDP28, mgrs 1.6.0: 48.6136 37.9824, written again 37UDP28
37UDP28, pygeodesy: 48.6136 37.9824, by its toUtm: 48.5680 37.9156
37UDP2682, mgrs 1.5.4: 48.5867 37.9965, written again 37UDP2581
37UDP2682, mgrs 1.6.0: 48.5913 38.0032, written again 37UDP2682
37UDP2682, pygeodesy: 48.5913 38.0032, by its toUtm: 48.5867 37.9965
37UDP 26 82, mgrs 1.5.4: 47.8456 37.6634, written again 37TCN9999
37UDP 26 82, mgrs 1.6.0: 48.5913 38.0032, written again 37UDP2682
37UDP 26 82, pygeodesy: 48.5913 38.0032, by its toUtm: 48.5867 37.9965
TEXT
diff expected seen || { echo "it behaves otherwise now" >&2 && exit 1; }
