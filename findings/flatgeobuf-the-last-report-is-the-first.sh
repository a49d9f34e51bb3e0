#!/usr/bin/env bash
# Reports of a strike come back from a FlatGeobuf file in another order: the last of them is the first one again.
#
# What one would guess: a file of rows is read in the order in which it was written, as GeoJSON, GeoPackage, Shapefile and
#   GeoParquet are; the format of the copy changes types at most.
# What happens: FlatGeobuf keeps an index of places by default, and for it rows are sorted along a curve through the map
#   when the file is written. Reports of a strike whose place is told a little otherwise each time come back in the order of
#   that curve. drop_duplicates(keep="last"), groupby().last() and the number of a row then answer with another row, in
#   silence. Without the index (SPATIAL_INDEX="NO") the order stays. The format's page tells that rows can be clustered for
#   the index; GeoPandas, which writes the file with to_file(name), tells nothing of it.
# Why it matters here: "the last row of each incident is what is known" is how a table of reports is boiled down, and copies
#   on the way are made for their speed. The figure goes back from 7 to 3, and each row by itself is right. Sort by the time
#   or the position before taking the last, always.
# Versions: geopandas 1.2.0, pyogrio 0.13.0 (with GDAL 3.12.4), shapely 2.2.0, pyarrow 26.0.1. Seen 2026-12-01.
# Output (the last report of strike A, then of strike B; told as 3, 5, 7 killed and 1, 2, 4 killed):
#   in memory: A 7, B 4
#   geojson: A 7, B 4
#   gpkg: A 7, B 4
#   shp: A 7, B 4
#   parquet: A 7, B 4
#   fgb: A 3, B 2
#   fgb without an index: A 7, B 4
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  geopandas==1.2.0 pyogrio==0.13.0 shapely==2.2.0 pyarrow==26.0.1

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import sys

import geopandas
from shapely import Point

REPORTS = [
    ("A", 3, 37.981, 48.595),
    ("B", 1, 30.745, 46.482),
    ("A", 5, 38.004, 48.588),
    ("B", 2, 30.723, 46.469),
    ("A", 7, 37.996, 48.601),
    ("B", 4, 30.731, 46.490),
]
reports = geopandas.GeoDataFrame(
    {"strike": [strike for strike, *_ in REPORTS], "killed": [killed for _, killed, *_ in REPORTS]},
    geometry=[Point(*place) for _, _, *place in REPORTS],
    crs="EPSG:4326",
)


def last(frame):
    known = frame.drop_duplicates("strike", keep="last").sort_values("strike")
    return ", ".join(f"{row.strike} {row.killed}" for row in known.itertuples())


def copied(name, **options):
    reports.to_file(name, **options)
    return last(geopandas.read_file(name))


seen = [f"in memory: {last(reports)}"]
seen += [f"{ending}: {copied(f'reports.{ending}')}" for ending in ("geojson", "gpkg", "shp")]
reports.to_parquet("reports.parquet")
seen += [
    f"parquet: {last(geopandas.read_parquet('reports.parquet'))}",
    f"fgb: {copied('reports.fgb')}",
    f"fgb without an index: {copied('plain.fgb', SPATIAL_INDEX='NO')}",
]
print(*seen, sep="\n")
expected = [
    "in memory: A 7, B 4",
    "geojson: A 7, B 4",
    "gpkg: A 7, B 4",
    "shp: A 7, B 4",
    "parquet: A 7, B 4",
    "fgb: A 3, B 2",
    "fgb without an index: A 7, B 4",
]
sys.exit(0 if seen == expected else f"it behaves otherwise now; expected {expected}")
PYTHON
