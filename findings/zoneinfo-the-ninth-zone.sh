#!/usr/bin/env bash
# Times in eight zones read eight files of zone data; times in nine zones, in turn, read one file for each time.
#
# What one would guess: ZoneInfo("Europe/Kyiv") is cached, as its documentation says, so that a zone's file is read and
#   understood once in a process, however many zones there are: there are 600, of a few hundred bytes each.
# What happens: what keeps a zone is a list of the eight that were used last; beyond these it is kept only as long as something
#   else holds it. Whoever turns a local time into UTC and drops the zone has nothing that holds it. With nine zones in
#   turn the one that is asked for is always the one that was dropped just before: 900 times read 900 files, through
#   importlib.resources where tzdata is a package. Nothing is wrong but the time that it takes. The documentation tells that
#   there is a cache, and that two calls give one object; it does not tell of the eight.
# Why it matters here: a log of one war has two or three zones, and so has each test. Events of the whole world by day have
#   nine in their first lines, and an import or a replay of them is slow in a way that no trial showed. Hold the zones in a
#   dict of one's own: ZoneInfo gives them again as long as that lives.
# Versions: tzdata 2026.6 with Python 3.11; Python 3.13 with the system's files is the same. Seen 2026-11-30.
# Output:
#   900 times in 8 zones: 8 files read
#   900 times in 9 zones: 900 files read
#   900 times in 9 zones that are held: 9 files read
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check tzdata==2026.6

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import sys
import zoneinfo
from datetime import datetime, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

ZONES = [
    "Europe/Kyiv", "Europe/Moscow", "Asia/Damascus", "Asia/Jerusalem", "Asia/Gaza", "Africa/Khartoum", "Africa/Juba",
    "Asia/Kabul", "America/Port-au-Prince",
]  # fmt: skip
zoneinfo.reset_tzpath([])  # the package, not the system
files = 0


def watch(event, arguments):
    global files
    if event == "open" and isinstance(arguments[0], str) and any(arguments[0].endswith(zone) for zone in ZONES):
        files += 1


sys.addaudithook(watch)


def told(number, held=()):
    global files
    ZoneInfo.clear_cache()
    files = 0
    held = [ZoneInfo(zone) for zone in held]
    for turn in range(900):
        datetime(2025, 11, 19, 3, tzinfo=ZoneInfo(ZONES[turn % number])).astimezone(timezone.utc)
    return f"900 times in {number} zones{' that are held' if held else ''}: {files} files read"


seen = [told(8), told(9), told(9, held=ZONES)]
print(*seen, sep="\n")
expected = [
    "900 times in 8 zones: 8 files read",
    "900 times in 9 zones: 900 files read",
    "900 times in 9 zones that are held: 9 files read",
]
sys.exit(0 if seen == expected else f"it behaves otherwise now; expected {expected}")
PYTHON
