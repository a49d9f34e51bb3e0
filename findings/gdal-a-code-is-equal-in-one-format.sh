#!/usr/bin/env bash
# where="actor = 'rus'" finds RUS as well in a GeoJSON file, and not in a GeoPackage of the same rows; with LIKE it is turned round.
#
# What one would guess: a condition given to geopandas.read_file means the same whatever the file is called. If = minds
#   capitals then so does LIKE, as in PostgreSQL, or neither does.
# What happens: GDAL asks the format. GeoPackage is SQLite, where = minds capitals and LIKE does not. GeoJSON, FlatGeobuf
#   and Shapefile have no language of their own and get GDAL's: there =, IN and <> do not mind capitals, of Latin letters
#   alone, and LIKE does (ILIKE is for the rest). So `<> 'RUS'` leaves out rus in one file and has it in the other. Each is
#   in GDAL's documentation, under two headings; what reads by GDAL (GeoPandas, pyogrio) passes the text on as it is.
# Why it matters here: actors and places have codes in which capitals tell one list from another. A map that was turned from
#   GeoJSON into GeoPackage, since it had grown, answers the same script with other counts, fewer by = and more by <>.
#   Filter in pandas, or by the numbers of a list.
# Versions: geopandas 1.2.0, pyogrio 0.13.0 (with GDAL 3.12.4), shapely 2.2.0. Seen 2026-12-01.
# Output (RUS, rus, Rus, UKR, Київ, київ):
#   actor = 'rus': geojson RUS rus Rus, fgb RUS rus Rus, shp RUS rus Rus, gpkg rus
#   actor <> 'RUS': geojson UKR Київ київ, fgb UKR Київ київ, shp UKR Київ київ, gpkg rus Rus UKR Київ київ
#   actor IN ('rus', 'UKR'): geojson RUS rus Rus UKR, fgb RUS rus Rus UKR, shp RUS rus Rus UKR, gpkg rus UKR
#   actor LIKE 'r%': geojson rus, fgb rus, shp rus, gpkg RUS rus Rus
#   actor = 'київ': geojson київ, fgb київ, shp київ, gpkg київ
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  geopandas==1.2.0 pyogrio==0.13.0 shapely==2.2.0

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import sys

import geopandas
from shapely import Point

ACTORS = ["RUS", "rus", "Rus", "UKR", "Київ", "київ"]
CONDITIONS = ["actor = 'rus'", "actor <> 'RUS'", "actor IN ('rus', 'UKR')", "actor LIKE 'r%'", "actor = 'київ'"]
FORMATS = ["geojson", "fgb", "shp", "gpkg"]

places = geopandas.GeoDataFrame({"actor": ACTORS}, geometry=[Point(n, n) for n in range(6)], crs="EPSG:4326")
for ending in FORMATS:
    places.to_file(f"map.{ending}")


def found(ending, condition):
    actors = set(geopandas.read_file(f"map.{ending}", where=condition)["actor"])
    return " ".join([ending, *(actor for actor in ACTORS if actor in actors)])


seen = [f"{each}: {', '.join(found(ending, each) for ending in FORMATS)}" for each in CONDITIONS]
print(*seen, sep="\n")
expected = [
    "actor = 'rus': geojson RUS rus Rus, fgb RUS rus Rus, shp RUS rus Rus, gpkg rus",
    "actor <> 'RUS': geojson UKR Київ київ, fgb UKR Київ київ, shp UKR Київ київ, gpkg rus Rus UKR Київ київ",
    "actor IN ('rus', 'UKR'): geojson RUS rus Rus UKR, fgb RUS rus Rus UKR, shp RUS rus Rus UKR, gpkg rus UKR",
    "actor LIKE 'r%': geojson rus, fgb rus, shp rus, gpkg RUS rus Rus",
    "actor = 'київ': geojson київ, fgb київ, shp київ, gpkg київ",
]
sys.exit(0 if seen == expected else f"it behaves otherwise now; expected {expected}")
PYTHON
