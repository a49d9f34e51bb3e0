"""The places known by name: a bundled extract of GeoNames, and those that users registered."""

import gzip
import math
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from itertools import islice, product

from incidentlog.places.admin1 import find_admin1
from incidentlog.places.normalise import normalise, normalise_lists

ATTRIBUTION = "Places: GeoNames, CC BY 4.0"
"""To be shown wherever places are."""

EARTH_KM = 6371.0088
KM_A_DEGREE = 111.0
"""Of latitude; rounded down."""


@dataclass(frozen=True, slots=True)
class Place:
    """One settlement. Country and admin1 are GeoNames' codes, and take no side on a territory's status."""

    place_id: str
    """`geonames:<id>`, or `place:<slug>` if a user registered it."""
    name: str
    country: str | None
    """ISO 3166-1 alpha-2."""
    admin1: str | None
    """GeoNames' code, unique in the country."""
    lat: float
    lon: float
    population: int = 0
    """0 is unknown or none."""
    timezone: str | None = None


def distance_km(lat_a: float, lon_a: float, lat_b: float, lon_b: float) -> float:
    """Along the great circle; infinite if a coordinate is not on the globe."""
    if not (abs(lat_a) <= 90 and abs(lat_b) <= 90 and abs(lon_a) <= 180 and abs(lon_b) <= 180):  # noqa: PLR2004 (degrees)
        return math.inf
    phi_a, phi_b = math.radians(lat_a), math.radians(lat_b)
    chord = (
        math.sin((phi_b - phi_a) / 2) ** 2
        + math.cos(phi_a) * math.cos(phi_b) * math.sin(math.radians(lon_b - lon_a) / 2) ** 2
    )
    return 2 * EARTH_KM * math.asin(min(1.0, math.sqrt(chord)))


class Gazetteer:
    """The bundled places, by id and by normalised name. Never changes; share one.

    Rows stay text until a place is asked for, so loading costs little more than normalising the names.
    """

    def __init__(self, text: str) -> None:
        """Read the tab-separated extract, its header first."""
        self._rows = [line.split("\t") for line in text.split("\n")[1:] if line]
        self._ids = {row[0]: number for number, row in enumerate(self._rows)}
        self._named: dict[str, int | list[int]] = {}
        # The names leave the rows here: as text they would stay as large as the index made of them.
        names = normalise_lists("\n".join([f"{row[1]}|{row.pop()}" for row in self._rows]))
        for number, spellings in enumerate(names):
            for name in spellings:
                known = self._named.setdefault(name, number)
                if known == number:
                    continue
                if isinstance(known, int):
                    self._named[name] = [known, number]
                elif known[-1] != number:
                    known.append(number)
        self._named.pop("", None)
        self.admin1_codes = frozenset((row[2], row[3]) for row in self._rows)
        """Every (country, admin1 code) that has a place."""
        self._sorted_names: list[str] = []
        self._places: dict[int, Place] = {}
        self._cells: dict[tuple[int, int], list[int]] = {}
        """Rows by whole degrees of latitude and longitude."""

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Place]:
        return map(self._place, range(len(self._rows)))

    def find(self, place_id: str) -> Place | None:
        """The place of an id such as geonames:698740."""
        scheme, _, number = place_id.partition(":")
        row = self._ids.get(number) if scheme == "geonames" else None
        return None if row is None else self._place(row)

    def named(self, normalised: str) -> list[Place]:
        """The places that bear a name, given normalised, in the extract's order."""
        rows = self._named.get(normalised, [])
        return [self._place(row) for row in ([rows] if isinstance(rows, int) else rows)]

    def prefixed(self, normalised: str) -> Iterator[Place]:
        """The places with a name that starts so, given normalised; some come more than once."""
        if not self._sorted_names:
            self._sorted_names = sorted(self._named)
        for name in islice(self._sorted_names, bisect_left(self._sorted_names, normalised), None):
            if not name.startswith(normalised):
                return
            yield from self.named(name)

    def around(self, lat: float, lon: float, km: float, country: str | None = None) -> Iterator[Place]:
        """The places within so many kilometres of a point; of one country (ISO alpha-2) if it is given."""
        if not self._cells:
            for row, told in enumerate(self._rows):
                cell = math.floor(float(told[4])), math.floor(float(told[5]))
                self._cells.setdefault(cell, []).append(row)
        south, north = (math.floor(lat + degrees) for degrees in (-km / KM_A_DEGREE, km / KM_A_DEGREE))
        across = min(
            180, math.ceil(km / KM_A_DEGREE / max(math.cos(math.radians(max(abs(south), abs(north + 1)))), 0.01))
        )
        west = math.floor(lon) - across
        columns = {(column + 180) % 360 - 180 for column in range(west, west + 2 * across + 1)}
        for cell in product(range(south, north + 1), columns):
            for row in self._cells.get(cell, ()):
                if country in {None, self._rows[row][2]}:
                    place = self._place(row)
                    if distance_km(lat, lon, place.lat, place.lon) <= km:
                        yield place

    def _place(self, row: int) -> Place:
        if (place := self._places.get(row)) is None:
            number, name, country, admin1, lat, lon, population, timezone = self._rows[row]
            place = self._places[row] = Place(
                f"geonames:{number}", name, country, admin1, float(lat), float(lon), int(population), timezone
            )
        return place


@cache
def bundled() -> Gazetteer:
    """The gazetteer inside the package, loaded on the first call."""
    packed = files("incidentlog.places").joinpath("data/places.tsv.gz").read_bytes()
    return Gazetteer(gzip.decompress(packed).decode())


class Overlay:
    """The places that users registered. The caller fills it from the log, in the log's order.

    By id an entry wins over the bundled one; by name it is one more candidate.
    """

    def __init__(self) -> None:
        self.revision = 0
        """Grows with every change, so that what was resolved before can be told from what holds now."""
        self._places: dict[str, Place] = {}
        self._names: dict[str, tuple[str, ...]] = {}
        self._named: dict[str, dict[str, None]] = {}

    def __len__(self) -> int:
        return len(self._places)

    def __iter__(self) -> Iterator[Place]:
        return iter(self._places.values())

    def add(self, place: Place, names: Iterable[str] = ()) -> None:
        """Know a place by its own and further names; what was said of the same id before is replaced whole.

        Its country is put in capitals, and its admin1 to GeoNames' code where it is a known region.
        """
        self.discard(place.place_id)
        country = place.country.upper() if place.country else None
        regions = find_admin1(place.admin1, country) if place.admin1 else ()
        if len(regions) == 1:
            country, place = regions[0].country, replace(place, admin1=regions[0].code)
        place = replace(place, country=country)
        spellings = tuple(dict.fromkeys(n for n in map(normalise, (place.name, *names)) if n))
        self._places[place.place_id] = place
        self._names[place.place_id] = spellings
        for name in spellings:
            self._named.setdefault(name, {})[place.place_id] = None
        self.revision += 1

    def discard(self, place_id: str) -> None:
        """Forget a place, as when its registration is retracted; nothing happens if it is not known."""
        if self._places.pop(place_id, None) is None:
            return
        for name in self._names.pop(place_id):
            del self._named[name][place_id]
            if not self._named[name]:
                del self._named[name]
        self.revision += 1

    def find(self, place_id: str) -> Place | None:
        """The place of an id."""
        return self._places.get(place_id)

    def named(self, normalised: str) -> list[Place]:
        """The places that bear a name, given normalised, in the order they were registered."""
        return [self._places[place_id] for place_id in self._named.get(normalised, ())]

    def prefixed(self, normalised: str) -> Iterator[Place]:
        """The places with a name that starts so, given normalised."""
        for place_id, spellings in self._names.items():
            if any(name.startswith(normalised) for name in spellings):
                yield self._places[place_id]
