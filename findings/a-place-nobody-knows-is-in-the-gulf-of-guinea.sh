#!/usr/bin/env bash
# A point without coordinates in a KML or CSV file is at 0° 0° to GeoPandas, unless it reads by Arrow: then it is empty.
#
# What one would guess: POINT EMPTY in a CSV file, or a KML placemark whose Point has no coordinates, is read as an empty
#   point or as no geometry, as it is from GeoPackage and GeoJSON; and the way that rows take into the frame changes nothing.
# What happens: GDAL finds an empty point in both. To get it into the frame, pyogrio asks GDAL for well-known binary, in the
#   older variant, which has no empty point and says 0 0: Null Island in the Gulf of Guinea, with no warning. fiona comes to
#   the same. With use_arrow=True the newer variant is used, and the point is empty. A GeoPackage is spared, since its points
#   of nothing are points of NaN. A point that GeoPandas itself wrote as empty to KML comes back at 0 0. Of the file, only
#   the geographic filter knows: a box around 0 0 does not find it. GDAL was told of its binary in 2020, and mended the newer
#   one.
# Why it matters here: a report whose place nobody knows is an empty point, or a placemark without coordinates. It is then on
#   the map, is_empty finds nothing, and bounds and centroids of all the others go wrong. Read with use_arrow=True.
# Versions: geopandas 1.2.0, pyogrio 0.13.0 (with GDAL 3.12.4), fiona 1.10.1, shapely 2.2.0, pyarrow 26.0.1. Seen 2026-11-30.
# Output:
#   CSV: POINT (0 0), bounds 0 0 37 48; by Arrow POINT EMPTY; by fiona POINT (0 0); within a box around 0 0: none
#   KML: POINT (0 0), bounds 0 0 37 48; by Arrow POINT EMPTY; within a box around 0 0: none
#   written by GeoPandas, KML: POINT (0 0), bounds 0 0 37 48; by Arrow POINT EMPTY; within a box around 0 0: none
#   written by GeoPandas, GPKG: POINT EMPTY, bounds 37 48 37 48; by Arrow POINT EMPTY; within a box around 0 0: none
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  geopandas==1.2.0 pyogrio==0.13.0 fiona==1.10.1 shapely==2.2.0 pyarrow==26.0.1

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import sys
import warnings
from pathlib import Path

import geopandas
from shapely.geometry import Point

warnings.simplefilter("ignore")
Path("told.csv").write_text('WKT,id\n"POINT EMPTY",1\n"POINT (37 48)",2\n')
Path("told.kml").write_text(
    '<kml xmlns="http://www.opengis.net/kml/2.2"><Document>'
    "<Placemark><name>1</name><Point><coordinates></coordinates></Point></Placemark>"
    "<Placemark><name>2</name><Point><coordinates>37,48</coordinates></Point></Placemark>"
    "</Document></kml>"
)
frame = geopandas.GeoDataFrame({"id": [1, 2]}, geometry=[Point(), Point(37, 48)], crs=4326)
frame.to_file("written.kml", driver="KML")
frame.to_file("written.gpkg", driver="GPKG")


def first(name, **how):
    return geopandas.read_file(name, **how).geometry.iloc[0]


def read(name):
    bounds = " ".join(f"{bound:g}" for bound in geopandas.read_file(name).total_bounds)
    by_fiona = f"; by fiona {first(name, engine='fiona')}" if name.endswith(".csv") else ""  # its GDAL reads no KML
    boxed = len(geopandas.read_file(name, bbox=(-1, -1, 1, 1))) or "none"
    by_arrow = first(name, use_arrow=True)
    return f"{first(name)}, bounds {bounds}; by Arrow {by_arrow}{by_fiona}; within a box around 0 0: {boxed}"


seen = [
    f"CSV: {read('told.csv')}",
    f"KML: {read('told.kml')}",
    f"written by GeoPandas, KML: {read('written.kml')}",
    f"written by GeoPandas, GPKG: {read('written.gpkg')}",
]
print(*seen, sep="\n")
empty = "POINT (0 0), bounds 0 0 37 48; by Arrow POINT EMPTY"
expected = [
    f"CSV: {empty}; by fiona POINT (0 0); within a box around 0 0: none",
    f"KML: {empty}; within a box around 0 0: none",
    f"written by GeoPandas, KML: {empty}; within a box around 0 0: none",
    "written by GeoPandas, GPKG: POINT EMPTY, bounds 37 48 37 48; by Arrow POINT EMPTY; within a box around 0 0: none",
]
sys.exit(0 if seen == expected else f"it behaves otherwise now; expected {expected}")
PYTHON
