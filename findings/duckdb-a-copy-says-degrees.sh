#!/usr/bin/env bash
# DuckDB reads a GeoParquet file whose coordinates are of an unknown system; the copy that it writes says longitude and latitude.
#
# What one would guess: a file that is read and written again without a change says of its coordinates what it said before.
#   DuckDB keeps the two apart: `"crs": null` (nobody knows) it reads as GEOMETRY, no member `crs` at all (which in
#   GeoParquet means longitude and latitude, OGC:CRS84) as GEOMETRY('OGC:CRS84'). So it could write both.
# What happens: a GEOMETRY without a system is written without the member. The next reader, DuckDB itself as well, is told
#   that it is in degrees: 500,000 is a longitude. The type of the column has changed by a copy. With
#   `GEOPARQUET_VERSION 'V2'` the member is missing too, though DuckDB then reads no system from its own file; so what the
#   same table is taken for depends on the version that it was written in. Nobody is warned.
# Why it matters here: places that were told in metres of some grid come without a system where the source did not say
#   which. Null is the honest word for it; after one COPY an incident is at a longitude that does not exist, or, with small
#   numbers, in the Gulf of Guinea. Say ST_SetCRS before you write, and refuse what has none.
# Versions: duckdb 2.0.1, pyarrow 26.0.1. Seen 2026-11-30.
# Output:
#   read, crs is null: GEOMETRY
#   read, crs is not there: GEOMETRY('OGC:CRS84')
#   copied as it is, the copy's crs: not there, read again: GEOMETRY('OGC:CRS84')
#   copied as V2, the copy's crs: not there, read again: GEOMETRY
#   from text, the file's crs: not there, read again: GEOMETRY('OGC:CRS84')
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check duckdb==2.0.1 pyarrow==26.0.1

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import json
import struct
import sys

import duckdb
import pyarrow
import pyarrow.parquet

POINT = struct.pack("<BIdd", 1, 1, 500_000.0, 5_500_000.0)  # metres, in well-known binary


def write(name, **crs):
    """A GeoParquet file of one point, with the member `crs` or without."""
    column = {"encoding": "WKB", "geometry_types": ["Point"]} | crs
    geo = {"version": "1.1.0", "primary_column": "place", "columns": {"place": column}}
    table = pyarrow.table({"place": [POINT]}).replace_schema_metadata({"geo": json.dumps(geo)})
    pyarrow.parquet.write_table(table, name)


def read(name):
    return duckdb.sql(f"SELECT typeof(place) FROM '{name}'").fetchall()[0][0]


def copied(query, how=""):
    duckdb.sql(f"COPY ({query}) TO 'copy.parquet' (FORMAT parquet{how})")
    geo = json.loads(pyarrow.parquet.read_metadata("copy.parquet").metadata[b"geo"])
    return f"crs: {geo['columns']['place'].get('crs', 'not there')}, read again: {read('copy.parquet')}"


write("unknown.parquet", crs=None)
write("degrees.parquet")
unknown = "FROM 'unknown.parquet'"
seen = [
    f"read, crs is null: {read('unknown.parquet')}",
    f"read, crs is not there: {read('degrees.parquet')}",
    f"copied as it is, the copy's {copied(unknown)}",
    "copied as V2, the copy's " + copied(unknown, ", GEOPARQUET_VERSION 'V2'"),
    "from text, the file's " + copied("SELECT 'POINT (500000 5500000)'::GEOMETRY AS place"),
]
print("\n".join(seen))
expected = [
    "read, crs is null: GEOMETRY",
    "read, crs is not there: GEOMETRY('OGC:CRS84')",
    "copied as it is, the copy's crs: not there, read again: GEOMETRY('OGC:CRS84')",
    "copied as V2, the copy's crs: not there, read again: GEOMETRY",
    "from text, the file's crs: not there, read again: GEOMETRY('OGC:CRS84')",
]
sys.exit(0 if seen == expected else f"it behaves otherwise now; expected {expected}")
PYTHON
