#!/usr/bin/env bash
# 300 wounded in a column of UInt8 are 44 to ClickHouse, and 3 billion in Int32 minus 1.3: from JSON, CSV, Parquet and VALUES.
#
# What one would guess: a number that its column cannot hold is refused, as by PostgreSQL and DuckDB, and as ClickHouse itself
#   refuses a text that is no number, a fraction for a whole number, or a day of 1914 from Parquet for a Date.
# What happens: digits beyond the type are read modulo 2^8, 2^16, 2^32: while a file is read with the types given, and while
#   it is put into a table. A time before 1970 or after 2106 becomes the nearest end of DateTime, 1970 or 2106, and a day
#   from text for a Date likewise, though the same day from Parquet is an error. CAST and toUInt8 do as files do;
#   toUInt8OrNull says null, and accurateCast is an error. What -1 is depends on the format: an error for UInt8 from JSON and
#   CSV, 255 from Parquet and by CAST. That types wrap is documented for CAST; that a loader does so without a word, and
#   refuses other things, is what one meets.
# Why it matters here: small types are what guides to ClickHouse advise. The column fits for years, until the one event that
#   is larger than all before, and that is the one which becomes small, or negative. A Parquet file of int64 that a table of
#   narrower types takes loses the same. Compare max() with the source after each load, or load into wide types and use
#   accurateCast.
# Versions: chdb 4.4.0 with chdb-core 26.9.0 (ClickHouse 26.9.2), pyarrow 26.0.1, duckdb 2.0.1. Seen 2026-12-01.
# Output:
#   JSON: 44 -1294967296
#   CSV: 44 -1294967296
#   Parquet: 44 -1294967296
#   Parquet by INSERT: 44 -1294967296
#   VALUES by INSERT: 44 -1294967296
#   CAST: 44, toUInt8OrNull: \N, accurateCast: an error
#   -1: JSON an error, CSV an error, Parquet 255
#   1914-06-28 as DateTime: JSON 1970-01-01 00:00:00, Parquet 1970-01-01 00:00:00; 2300: JSON 2106-02-07 06:28:15
#   1914-06-28 as Date: JSON 1970-01-01, Parquet an error
#   2.7 as Int32: JSON an error
#   DuckDB: JSON an error, CSV an error, Parquet by INSERT an error
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  chdb==4.4.0 chdb-core==26.9.0 pyarrow==26.0.1 duckdb==2.0.1

cd "$work"
TZ=UTC "$work/venv/bin/python" - <<'PYTHON'
import json
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import pyarrow
import pyarrow.parquet
from chdb import session

clickhouse = session.Session()
FORMATS = {"JSON": "JSONEachRow", "CSV": "CSVWithNames", "Parquet": "Parquet"}


def asked(query):
    try:
        return str(clickhouse.query(query, "TSV")).strip().replace("\t", " ")
    except Exception:
        return "an error"


def by_duckdb(query):
    try:
        return str(duckdb.sql(query).fetchall())
    except duckdb.Error:
        return "an error"


def written(name, row):
    """One row in each of three formats, in files of that name."""
    texts = {of: value if isinstance(value, int | float) else str(value).replace("+00:00", "") for of, value in row.items()}
    Path(f"{name}.json").write_text(json.dumps(texts) + "\n")
    Path(f"{name}.csv").write_text(",".join(row) + "\n" + ",".join(map(str, texts.values())) + "\n")
    pyarrow.parquet.write_table(pyarrow.table({of: [value] for of, value in row.items()}), f"{name}.parquet")


def read(name, kind, types, what="*"):
    return asked(f"SELECT {what} FROM file('{Path.cwd()}/{name}.{kind.lower()}', '{FORMATS[kind]}', '{types}')")


written("large", {"wounded": 300, "barrels": 3_000_000_000})
written("negative", {"n": -1})
written("early", {"at": datetime(1914, 6, 28, 9, tzinfo=UTC)})
written("late", {"at": datetime(2300, 1, 1, tzinfo=UTC)})
written("day", {"at": date(1914, 6, 28)})
written("part", {"n": 2.7})

asked("CREATE DATABASE a")
asked("CREATE TABLE a.parquet (wounded UInt8, barrels Int32) ENGINE = Memory")
asked("CREATE TABLE a.given (wounded UInt8, barrels Int32) ENGINE = Memory")
asked(f"INSERT INTO a.parquet SELECT wounded, barrels FROM file('{Path.cwd()}/large.parquet')")
asked("INSERT INTO a.given VALUES (300, 3000000000)")
duckdb.sql("CREATE TABLE narrow (wounded UTINYINT, barrels INTEGER)")
LARGE = "wounded UInt8, barrels Int32"
seen = [
    *(f"{kind}: {read('large', kind, LARGE)}" for kind in FORMATS),
    f"Parquet by INSERT: {asked('SELECT * FROM a.parquet')}",
    f"VALUES by INSERT: {asked('SELECT * FROM a.given')}",
    f"CAST: {asked('SELECT CAST(300 AS UInt8)')}, toUInt8OrNull: " + asked("SELECT toUInt8OrNull('300')")
    + ", accurateCast: " + asked("SELECT accurateCast(300, 'UInt8')"),
    f"-1: {', '.join(f'{kind} ' + read('negative', kind, 'n UInt8') for kind in FORMATS)}",
    f"1914-06-28 as DateTime: JSON {read('early', 'JSON', 'at DateTime')}, "
    f"Parquet {read('early', 'Parquet', 'at DateTime')}; 2300: JSON {read('late', 'JSON', 'at DateTime')}",
    f"1914-06-28 as Date: JSON {read('day', 'JSON', 'at Date')}, Parquet {read('day', 'Parquet', 'at Date')}",
    f"2.7 as Int32: JSON {read('part', 'JSON', 'n Int32')}",
    "DuckDB: JSON "
    + by_duckdb("FROM read_json('large.json', columns = {'wounded': 'UTINYINT', 'barrels': 'INTEGER'})")
    + ", CSV "
    + by_duckdb("FROM read_csv('large.csv', types = {'wounded': 'UTINYINT', 'barrels': 'INTEGER'})")
    + ", Parquet by INSERT "
    + by_duckdb("INSERT INTO narrow FROM 'large.parquet'"),
]  # fmt: skip
print(*seen, sep="\n")
expected = [
    "JSON: 44 -1294967296",
    "CSV: 44 -1294967296",
    "Parquet: 44 -1294967296",
    "Parquet by INSERT: 44 -1294967296",
    "VALUES by INSERT: 44 -1294967296",
    "CAST: 44, toUInt8OrNull: \\N, accurateCast: an error",
    "-1: JSON an error, CSV an error, Parquet 255",
    "1914-06-28 as DateTime: JSON 1970-01-01 00:00:00, Parquet 1970-01-01 00:00:00; 2300: JSON 2106-02-07 06:28:15",
    "1914-06-28 as Date: JSON 1970-01-01, Parquet an error",
    "2.7 as Int32: JSON an error",
    "DuckDB: JSON an error, CSV an error, Parquet by INSERT an error",
]
sys.exit(0 if seen == expected else f"it behaves otherwise now; expected {expected}")
PYTHON
