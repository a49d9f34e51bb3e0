#!/usr/bin/env bash
# Two districts of 7,892 km² each have together an area of 0 to pyproj, and one without its middle is larger than with it.
#
# What one would guess: the area of a polygon is what it covers. A hole takes away, a second part adds; in which direction
#   somebody drew a ring changes nothing in a valid geometry, or the sign of the whole at most, as it is with one polygon.
# What happens: Geod.geometry_area_perimeter adds up rings by their direction. Parts drawn in different directions are taken
#   from each other, and a hole that is drawn as its outline is adds its area. Shapely calls all of them valid and equal to
#   what is drawn well, and its own area, in square degrees, is the same. abs(), with which one mends the sign, leaves a
#   number that can be right. What a file format does to rings decides as well: GeoJSON and GeoPackage keep them as they
#   were, a Shapefile turns them all, so that the same map has two areas. The documentation tells how rings should run and
#   says that an area can be negative; that RFC 7946 wants a direction and also that no reader refuses another one, is why
#   both come.
# Why it matters here: how much is held, mined or flooded is this number, in km², and maps of it are drawn by many hands. A
#   district that is drawn the other way is taken off the sum of all. Use shapely.orient_polygons before.
# Versions: pyproj 3.7.2, shapely 2.2.0, geopandas 1.2.0, pyogrio 0.13.0 (with GDAL 3.12.4). Seen 2026-11-30 with Python
#   3.11.
# Output (km², as drawn; turned by orient_polygons; read again from GeoJSON, GeoPackage, Shapefile):
#   west: 7892; 7892; 7892, 7892, -7892
#   west, the other way: -7892; 7892; -7892, -7892, -7892
#   west and east: 15784; 15784; 15784, 15784, -15784
#   west and east, east the other way: 0; 15784; 0, 0, -15784
#   around, whole: 31233; 31233; 31233, 31233, -31233
#   around, its middle cut out the other way: 23424; 23424; 23424, 23424, -23424
#   around, its middle cut out: 39042; 23424; 39042, 39042, -23424
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  pyproj==3.7.2 shapely==2.2.0 geopandas==1.2.0 pyogrio==0.13.0

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import sys

import geopandas
import shapely
from pyproj import Geod
from shapely import MultiPolygon, Polygon

GEOD = Geod(ellps="WGS84")
WEST = [(30, 50), (31, 50), (31, 51), (30, 51)]
EAST = [(40, 50), (41, 50), (41, 51), (40, 51)]
AROUND = [(30, 50), (32, 50), (32, 52), (30, 52)]
MIDDLE = [(30.5, 50.5), (31.5, 50.5), (31.5, 51.5), (30.5, 51.5)]
MAPS = {
    "west": Polygon(WEST),
    "west, the other way": Polygon(WEST[::-1]),
    "west and east": MultiPolygon([Polygon(WEST), Polygon(EAST)]),
    "west and east, east the other way": MultiPolygon([Polygon(WEST), Polygon(EAST[::-1])]),
    "around, whole": Polygon(AROUND),
    "around, its middle cut out the other way": Polygon(AROUND, [MIDDLE[::-1]]),
    "around, its middle cut out": Polygon(AROUND, [MIDDLE]),
}


def area(shape):
    return f"{GEOD.geometry_area_perimeter(shape)[0] / 1e6:.0f}"


def read_again(shape, name):
    geopandas.GeoSeries([shape], crs="EPSG:4326").to_file(name)
    return geopandas.read_file(name).geometry[0]


def told(name, shape):
    assert shape.is_valid
    assert shape.equals(shapely.orient_polygons(shape))
    files = ", ".join(area(read_again(shape, f"map.{ending}")) for ending in ("geojson", "gpkg", "shp"))
    return f"{name}: {area(shape)}; {area(shapely.orient_polygons(shape))}; {files}"


seen = [told(name, shape) for name, shape in MAPS.items()]
print(*seen, sep="\n")
expected = [
    "west: 7892; 7892; 7892, 7892, -7892",
    "west, the other way: -7892; 7892; -7892, -7892, -7892",
    "west and east: 15784; 15784; 15784, 15784, -15784",
    "west and east, east the other way: 0; 15784; 0, 0, -15784",
    "around, whole: 31233; 31233; 31233, 31233, -31233",
    "around, its middle cut out the other way: 23424; 23424; 23424, 23424, -23424",
    "around, its middle cut out: 39042; 23424; 39042, 39042, -23424",
]
sys.exit(0 if seen == expected else f"it behaves otherwise now; expected {expected}")
PYTHON
