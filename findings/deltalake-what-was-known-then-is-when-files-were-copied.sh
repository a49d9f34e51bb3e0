#!/usr/bin/env bash
# Delta tables: "as of an instant" goes by when the files of the table's log were last written, and not by the times that
# the log itself holds. A copy of a table answers otherwise than the table; and before its first version there was one.
#
# deltalake 1.6.6, pyarrow 26.0.1, Python 3.11.7, Linux; 2026-12-01.
#
# `DeltaTable.load_as_version(instant)` is the time travel of Delta tables. Each commit file says when it was made
# (`commitInfo.timestamp`, which `history()` shows), and one would guess that this is what an instant is compared with.
# It is compared with the time of modification of the commit's file. So
#   - after a copy, a checkout, an unpacked archive or an upload to another bucket, all versions are of that day: for every
#     instant before it the first version answers, with `history()` still telling the truth beside it;
#   - an instant before the first version is no error: the first version answers, as if it had been known already.
#
# Seen, of a table with one killed, and eight from the second version on:
#   history: version 0 first, then version 1         yes
#   the table, between the two                       1 killed (version 0)
#   the table, after the second                      8 killed (version 1)
#   the table, a year before the first               1 killed (version 0)
#   a copy, after the second                         1 killed (version 0)
#   a copy, whose history is                         the same
#
# What to do: give versions and no instants, and find the version for an instant in `history()` yourself; keep a time of
# knowledge in the rows.
#
# Exits 0 while that is so.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check "deltalake==1.6.6" "pyarrow==26.0.1"

"$work/venv/bin/python" - "$work" <<'PYTHON'
import shutil
import sys
import time
from datetime import UTC, datetime, timedelta

import pyarrow as pa
from deltalake import DeltaTable, write_deltalake

table, copy = f"{sys.argv[1]}/table", f"{sys.argv[1]}/copy"
instants = []
for killed in (1, 8):
    write_deltalake(table, pa.table({"place": ["Odesa"], "killed": [killed]}), mode="overwrite")
    time.sleep(1.1)
    instants.append(datetime.now(UTC))
    time.sleep(1.1)
between, after = instants
shutil.copytree(table, copy, copy_function=shutil.copy)  # as `cp -r` does


def as_of(path: str, instant: datetime) -> str:
    asked = DeltaTable(path)
    asked.load_as_version(instant)
    return f"{asked.to_pyarrow_table()['killed'].to_pylist()[0]} killed (version {asked.version()})"


def history(path: str) -> list[tuple[int, int]]:
    return [(commit["version"], commit["timestamp"]) for commit in DeltaTable(path).history()]


made = {version: timestamp for version, timestamp in history(table)}
in_order = made[0] < between.timestamp() * 1000 < made[1] < after.timestamp() * 1000
seen = {
    "history: version 0 first, then version 1": "yes" if in_order else "no",
    "the table, between the two": as_of(table, between),
    "the table, after the second": as_of(table, after),
    "the table, a year before the first": as_of(table, between - timedelta(days=365)),
    "a copy, after the second": as_of(copy, after),
    "a copy, whose history is": "the same" if history(copy) == history(table) else "another",
}
expected = {
    "history: version 0 first, then version 1": "yes",
    "the table, between the two": "1 killed (version 0)",
    "the table, after the second": "8 killed (version 1)",
    "the table, a year before the first": "1 killed (version 0)",
    "a copy, after the second": "1 killed (version 0)",
    "a copy, whose history is": "the same",
}
for what, answer in seen.items():
    print(f"{what:<48} {answer}")
if seen != expected:
    sys.exit("this has changed")
PYTHON
