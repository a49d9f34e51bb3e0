#!/usr/bin/env bash
# One instant in the last half millisecond of a second makes a whole GeoJSON file unreadable, or moves back by a second.
#
# What one would guess: GDAL keeps times to the millisecond, so 23:59:59.9996 is read as 23:59:59.999 or as midnight.
# What happens: the millisecond is rounded up to 1,000 and not carried into the second. pyogrio's plain reader refuses
#   the whole file, whatever else is in it; its Arrow reader drops the fraction, 999.6 ms too early, without a word; as
#   text the time has a 60th second, which its minute does not have. Just before it, at 23:59:59.9994, all is well.
# Why it matters here: a log records to the microsecond. One event in 2,000 falls there, so of pages of 1,000 events
#   four in ten cannot be read, and by Arrow an event can come before the one that it answers. What helps is the
#   driver's own option that leaves times as text, as they were written.
# Versions: pyogrio 0.13.0 with GDAL 3.12.4, pyarrow 26.0.1, numpy 2.4.6. Seen 2026-11-28.
# Output:
#   plain, before: ['2025-12-31T23:59:59.999']
#   plain, after: microsecond must be in 0..999999
#   arrow, before: ['2025-12-31 23:59:59.999000+00:00']
#   arrow, after: ['2025-12-31 23:59:59+00:00']
#   text made of the time: ['2025-12-31T23:59:60.000Z']
#   text left as it was: ['2025-12-31T23:59:59.9996Z']
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check pyogrio==0.13.0 pyarrow==26.0.1 numpy==2.4.6

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import json
import sys

from pyogrio.raw import read, read_arrow


def file(*times):
    features = [{"type": "Feature", "geometry": None, "properties": {"at": at}} for at in times]
    return json.dumps({"type": "FeatureCollection", "features": features}).encode()


def plain(*times, **how):
    try:
        return [str(value) for value in read(file(*times), **how)[3][0]]
    except ValueError as error:
        return str(error)


def arrow(*times):
    return [str(value) for value in read_arrow(file(*times))[1].column("at")]


early, late, other = "2025-12-31T23:59:59.9994Z", "2025-12-31T23:59:59.9996Z", "2025-11-19T22:30:00Z"
seen = {
    "plain, before": plain(early),
    "plain, after": plain(other, late, other),
    "arrow, before": arrow(early),
    "arrow, after": arrow(late),
    "text made of the time": plain(late, datetime_as_string=True),
    "text left as it was": plain(late, DATE_AS_STRING="YES"),
}
expected = {
    "plain, before": ["2025-12-31T23:59:59.999"],
    "plain, after": "microsecond must be in 0..999999",
    "arrow, before": ["2025-12-31 23:59:59.999000+00:00"],
    "arrow, after": ["2025-12-31 23:59:59+00:00"],
    "text made of the time": ["2025-12-31T23:59:60.000Z"],
    "text left as it was": [late],
}
for name, value in seen.items():
    print(f"{name}: {value}")
sys.exit(0 if seen == expected else f"it behaves otherwise now; expected {expected}")
PYTHON
