#!/usr/bin/env bash
# One instant has two local days in one process: each library brings its own rules for time zones.
#
# What one would guess: two tables in one program agree on which day 2026-11-10T07:30Z is in Vancouver, and installing a
#   newer tzdata settles it for all of them.
# What happens: newer rules have British Columbia keep its summer time in 2026. DuckDB has them built in: the 10th;
#   polars has older ones built in: the 9th; zoneinfo says the 10th by tzdata 2026.6 and the 9th by 2025.2,
#   and takes a system's own copy before the installed package. No tzdata that is installed changes the first two.
# Why it matters here: "incidents by local day" is a sum over days. Counted in DuckDB and in polars from the same rows,
#   an incident of the night is on two days, and a ceasefire that begins on a date begins an hour apart. Days have to be
#   worked out once, where the event is taken in, and be sent along as dates.
# Versions: duckdb 2.0.1, polars 2.1.0, tzdata 2026.6 and 2025.2. Seen 2026-11-28.
# Output:
#   duckdb: 2026-11-10 00:30
#   polars: 2026-11-09 23:30
#   zoneinfo, tzdata 2026.6: 2026-11-10 00:30
#   zoneinfo, a system copy of 2025.2: 2026-11-09 23:30
#   duckdb, then: 2026-11-10 00:30
#   polars, then: 2026-11-09 23:30
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
pip="$work/venv/bin/python -m pip install --quiet --disable-pip-version-check"
$pip duckdb==2.0.1 polars==2.1.0 tzdata==2026.6
$pip --no-deps --target "$work/older" tzdata==2025.2

cd "$work"
PYTHONTZPATH="" "$work/venv/bin/python" - "$work/older/tzdata/zoneinfo" <<'PYTHON'
import sys
import zoneinfo
from datetime import datetime, timezone

import duckdb
import polars as pl

ZONE, INSTANT = "America/Vancouver", datetime(2026, 11, 10, 7, 30, tzinfo=timezone.utc)


def by_zoneinfo():
    return f"{INSTANT.astimezone(zoneinfo.ZoneInfo(ZONE)):%Y-%m-%d %H:%M}"


def by_duckdb():
    local = duckdb.sql(f"SELECT timezone('{ZONE}', TIMESTAMPTZ '{INSTANT.isoformat()}')").fetchall()[0][0]
    return f"{local:%Y-%m-%d %H:%M}"


def by_polars():
    return pl.Series([INSTANT]).dt.convert_time_zone(ZONE).dt.strftime("%Y-%m-%d %H:%M")[0]


seen = {"duckdb": by_duckdb(), "polars": by_polars(), "zoneinfo, tzdata 2026.6": by_zoneinfo()}
zoneinfo.reset_tzpath([sys.argv[1]])
zoneinfo.ZoneInfo.clear_cache()
seen |= {"zoneinfo, a system copy of 2025.2": by_zoneinfo(), "duckdb, then": by_duckdb(), "polars, then": by_polars()}
tenth, ninth = "2026-11-10 00:30", "2026-11-09 23:30"
expected = {
    "duckdb": tenth,
    "polars": ninth,
    "zoneinfo, tzdata 2026.6": tenth,
    "zoneinfo, a system copy of 2025.2": ninth,
    "duckdb, then": tenth,
    "polars, then": ninth,
}
for name, value in seen.items():
    print(f"{name}: {value}")
sys.exit(0 if seen == expected else f"it behaves otherwise now; expected {expected}")
PYTHON
