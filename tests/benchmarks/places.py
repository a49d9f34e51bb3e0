"""How many places of real reports are found, and how far off: `python -m tests.benchmarks.places FILE...`.

The files are UCDP GED's, with `where_prec`, `where_coordinates`, `adm_1`, `latitude` and `longitude`. A place of which
only the register knows has no coordinates: how far off it is, is told by the nearest place of its hromada.
"""

import csv
import resource
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from time import perf_counter

from incidentlog.places import PlaceQuery, Precision, Resolution, Resolver, distance_km

SETTLEMENT = {"1", "2"}
PRECISION: dict[str, Precision] = {
    "1": "exact", "2": "settlement", "3": "admin2", "4": "admin1", "5": "area", "6": "country", "7": "area",
}  # fmt: skip
FAR_KM = 30
CLUES = {"country": (), "country, region": ("region",), "country, point": ("point",), "all": ("region", "point")}

Row = dict[str, str]


def rows_of(lines: Iterable[str]) -> list[Row]:
    """The rows of a file, without that of the HXL tags."""
    return [row for row in csv.DictReader(lines) if row["where_prec"] in PRECISION]


def query_of(row: Row, clues: Iterable[str]) -> PlaceQuery:
    """A row's place, told by its name, its country and these clues."""
    pointed = "point" in clues
    return PlaceQuery(
        row["where_coordinates"],
        PRECISION[row["where_prec"]],
        country="UA",
        admin1=(row["adm_1"] or None) if "region" in clues else None,
        lat=float(row["latitude"]) if pointed else None,
        lon=float(row["longitude"]) if pointed else None,
        year=int(row["year"]),
    )


def resolved(
    resolver: Resolver, rows: Iterable[Row], clues: Iterable[str]
) -> Iterator[tuple[Resolution, float | None]]:
    """Each row's resolution, and how far off the place is that it was given."""
    for row in rows:
        found = resolver.resolve(query_of(row, clues))
        yield found, off_km(resolver, found, float(row["latitude"]), float(row["longitude"]))


def off_km(resolver: Resolver, found: Resolution, lat: float, lon: float) -> float | None:
    """How far a found place is from a point; None where none was found."""
    place = resolver.find(found.place_id) if found.place_id else None
    if place is None:
        return None
    if place.point is not None:
        return distance_km(lat, lon, *place.point)
    beside = [resolver.find(f"katottg:{code}") for code in resolver.gazetteer.register.located(place.katottg or "")]
    return min((distance_km(lat, lon, *p.point) for p in beside if p is not None and p.point), default=None)


def main() -> None:
    """Print the figures of each file."""
    began = perf_counter()
    resolver = Resolver()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{len(resolver.gazetteer):,} places in {perf_counter() - began:.2f} s; the process peaks at {peak:.0f} MiB")
    for name in sys.argv[1:]:
        with Path(name).open(encoding="utf-8-sig") as file:
            rows = [row for row in rows_of(file) if row["where_prec"] in SETTLEMENT]
        print(f"\n{name}: {len(rows):,} rows of a settlement")
        for told, clues in CLUES.items():
            began = perf_counter()
            found = list(resolved(resolver, rows, clues))
            seconds = perf_counter() - began
            placed = [off for _, off in found if off is not None]
            far = sum(off > FAR_KM for off in placed)
            hows = Counter(resolution.how for resolution, _ in found if resolution.place_id is None)
            print(
                f"{told:<18}{len(placed) / len(rows):>6.1%} found   {far:>4} ({far / len(rows):.2%}) over {FAR_KM} km off"
                f"   {seconds / len(rows) * 1e6:6.0f} µs each   {dict(hows)}"
            )


if __name__ == "__main__":
    main()
