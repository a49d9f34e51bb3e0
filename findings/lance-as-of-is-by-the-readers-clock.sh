#!/usr/bin/env bash
# Lance datasets: "as of an instant" takes the instant without its offset, and reads it by the clock of whoever asks.
#
# pylance 14.0.2, pyarrow 26.0.1, Python 3.11.7, Linux; 2026-12-01.
#
# `lance.dataset(path, asof=instant)` gives the last version that was there at an instant. The versions' times are kept in
# UTC. `versions()` shows them as local times without an offset, and `asof` is compared with those. So
#   - the same line of code on the same dataset gives one version in Kyiv and another in Bogota;
#   - an instant with its offset, which would say what is meant, is refused: a TypeError about comparing the two kinds.
#
# Seen, of one dataset with one killed, eight from the second version on, and of the same text for an instant (the time
# between the two, in UTC):
#   asked in UTC             1 killed
#   asked in Bogota          8 killed
#   asked in Kyiv            ValueError: earlier than the first version
#   with its offset          TypeError
#
# What to do: give `version=` or a tag; or turn an instant into the local time of the process, and set TZ=UTC for it.
#
# Exits 0 while that is so.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check "pylance==14.0.2" "pyarrow==26.0.1" "numpy==2.4.6"

"$work/venv/bin/python" - "$work" <<'PYTHON'
import os
import sys
import time
from datetime import UTC, datetime

import lance
import pyarrow as pa

dataset = f"{sys.argv[1]}/reports.lance"
lance.write_dataset(pa.table({"killed": [1]}), dataset)
time.sleep(1.1)
between = datetime.now(UTC)
time.sleep(1.1)
lance.write_dataset(pa.table({"killed": [8]}), dataset, mode="overwrite")


def as_of(zone: str, instant: datetime) -> str:
    os.environ["TZ"] = zone
    time.tzset()
    try:
        return f"{lance.dataset(dataset, asof=instant).to_table()['killed'].to_pylist()[0]} killed"
    except ValueError as error:
        assert "earlier than the first version" in str(error), error
        return "ValueError: earlier than the first version"
    except TypeError:
        return "TypeError"


seen = {
    "asked in UTC": as_of("UTC", between.replace(tzinfo=None)),
    "asked in Bogota": as_of("<-05>5", between.replace(tzinfo=None)),  # POSIX: five hours behind UTC
    "asked in Kyiv": as_of("<+02>-2", between.replace(tzinfo=None)),
    "with its offset": as_of("UTC", between),
}
expected = {
    "asked in UTC": "1 killed",
    "asked in Bogota": "8 killed",
    "asked in Kyiv": "ValueError: earlier than the first version",
    "with its offset": "TypeError",
}
for what, answer in seen.items():
    print(f"{what:<24} {answer}")
if seen != expected:
    sys.exit("this has changed")
PYTHON
