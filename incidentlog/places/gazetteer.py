"""The places known by name: a bundled extract of GeoNames, and those that users registered."""

import gzip
import math
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property, lru_cache
from importlib.resources import files
from itertools import islice, product
from pathlib import Path

from incidentlog.places.admin1 import find_admin1, katottg_regions
from incidentlog.places.normalise import normalise, normalise_lists
from incidentlog.places.register import HROMADA, RAION, Register
from incidentlog.places.spelling import skeletons

ATTRIBUTION = "Places: GeoNames, CC BY 4.0; KATOTTG"
"""To be shown wherever places are."""

Point = tuple[float, float]
"""Latitude and longitude, in degrees."""
EARTH_KM = 6371.0088
KM_A_DEGREE = 111.0
"""Of latitude; rounded down."""
REMEMBERED = 4_096
"""Of how many names it is remembered who bears them: the rows of a file name the same places again."""


@dataclass(frozen=True, slots=True)
class Place:
    """One settlement. Country and admin1 are GeoNames' codes, and take no side on a territory's status."""

    place_id: str
    """`geonames:<id>`, `katottg:<code>` if GeoNames is not known to have it, or `place:<slug>` if somebody registered
    it."""
    name: str
    """As the field writes it."""
    country: str | None
    """ISO 3166-1 alpha-2."""
    admin1: str | None
    """GeoNames' code, unique in the country."""
    lat: float | None
    """None where only the register has it, which tells no coordinates."""
    lon: float | None
    population: int = 0
    """0 is unknown or none."""
    timezone: str | None = None
    katottg: str | None = None
    """Its code in Ukraine's register of settlements."""

    @property
    def admin2(self) -> str | None:
        """The raion, by the beginning of its code, as OCHA's P-codes are: UA1408. Kyiv and Chornobyl have none."""
        return _within(self.katottg, RAION)

    @property
    def admin3(self) -> str | None:
        """The hromada, so too: UA1408005."""
        return _within(self.katottg, HROMADA)

    @property
    def point(self) -> Point | None:
        """Latitude and longitude, where they are known."""
        return None if self.lat is None or self.lon is None else (self.lat, self.lon)


def _within(code: str | None, length: int) -> str | None:
    return None if code is None or set(code[length - 2 : length]) == {"0"} else code[:length]


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


def is_within(km: float, lat_a: float, lon_a: float, lat_b: float, lon_b: float) -> bool:
    """Whether two points are at most so far from each other; most that are not differ enough in latitude alone."""
    return abs(lat_a - lat_b) * KM_A_DEGREE <= km and distance_km(lat_a, lon_a, lat_b, lon_b) <= km


class Gazetteer:
    """The bundled places, by id and by normalised name. Never changes; share one.

    Rows stay text until a place is asked for, and names are looked up in what is made of them when the first one is.
    """

    def __init__(self, text: str, register: Register | None = None, loaded: Mapping[str, str] | None = None) -> None:
        """Read the tab-separated extract, its header first, and what it lacks of the register and of loaded countries.

        `loaded` are whole countries, in the extract's columns; a row whose id is a code of the register gives that
        settlement its coordinates.
        """
        self.register = register or Register("")
        self.whole = frozenset({*(("UA",) if register else ()), *(loaded or ())})
        """The countries of which every settlement is known."""
        self._rows: list[str] = []
        self._ids: dict[str, int] = {}
        names: list[str] = []
        places: list[tuple[str, str]] = []
        for line in (line for each in (text, *(loaded or {}).values()) for line in each.split("\n")[1:]):
            number, _, told = line.partition("\t")
            if number and number not in self._ids:
                name, country, admin1, told = told.split("\t", 3)
                told, _, others = told.rpartition("\t")
                code = number if number.startswith("UA") else self.register.joined.get(number, "")
                self._ids |= dict.fromkeys(filter(None, (number, code)), len(self._rows))
                names.append(f"{name}|{others}")
                places.append((country, admin1))
                self._rows.append(f"{number}\t{code}\t{name}\t{country}\t{admin1}\t{told}")
        self._spelled = "\n".join(names)
        """A line of names, parted by `|`, for each row that has coordinates."""
        self._located = len(self._rows)
        """So many rows have coordinates; those that follow are codes of the register alone."""
        for code in self.register.alone:
            if code not in self._ids:
                self._ids[code] = len(self._rows)
                self._rows.append(code)
        self.admin1_codes = frozenset(places)
        """Every (country, admin1 code) that has a place."""
        self._places: dict[int, Place] = {}
        self._points: dict[str, Sequence[Point]] = {}
        """Where the settlements of a hromada are."""
        self._bearing = lru_cache(maxsize=REMEMBERED)(self._named_so)

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Place]:
        return map(self._place, range(len(self._rows)))

    def prepare(self) -> None:
        """Make what is else made when it is first asked for, which takes a second. May be called in a thread."""
        _ = self._sounding, self._sorted_names, self._cells, self.register.latin

    @cached_property
    def _named(self) -> Mapping[str, int | list[int]]:
        """The rows of a name, given normalised."""
        return _index(normalise_lists(self._spelled))

    @cached_property
    def _sounding(self) -> Mapping[str, int | list[int]]:
        """The places of the register by what the spellings of a name share."""
        skeletons = self.register.skeletons()
        return _index(skeletons.values(), [self._ids[code] for code in skeletons])

    @cached_property
    def _sorted_names(self) -> Sequence[str]:
        return sorted(self._named)

    @cached_property
    def _cells(self) -> Mapping[tuple[int, int], Sequence[tuple[int, float, float]]]:
        """Rows and their coordinates by whole degrees of latitude and longitude."""
        cells: dict[tuple[int, int], list[tuple[int, float, float]]] = {}
        for row, told in enumerate(self._rows[: self._located]):
            north, east = (float(degrees) for degrees in told.split("\t", 7)[5:7])
            cells.setdefault((math.floor(north), math.floor(east)), []).append((row, north, east))
        return cells

    def find(self, place_id: str) -> Place | None:
        """The place of an id such as geonames:698740 or katottg:UA51100270010076757; both may be the same place's."""
        scheme, _, number = place_id.partition(":")
        row = self._ids.get(number) if (scheme == "katottg") == number.startswith("UA") else None
        return None if row is None or scheme not in SCHEMES else self._place(row)

    def named(self, normalised: str) -> Sequence[Place]:
        """The places that bear a name, given normalised, in any spelling, in the order of the rows."""
        return self._bearing(normalised) if normalised else ()

    def _named_so(self, normalised: str) -> Sequence[Place]:
        rows = {**dict.fromkeys(_rows_of(self._named, normalised))}
        rows |= dict.fromkeys(_rows_of(self._sounding, skeletons(normalised)))
        return tuple(self._place(row) for row in rows)

    def prefixed(self, normalised: str) -> Iterator[Place]:
        """The places with a name that starts so, given normalised; some come more than once."""
        for name in islice(self._sorted_names, bisect_left(self._sorted_names, normalised), None):
            if not name.startswith(normalised):
                break
            yield from map(self._place, _rows_of(self._named, name))
        yield from (self._place(self._ids[code]) for code in self.register.prefixed(normalised))

    def around(self, lat: float, lon: float, km: float, country: str | None = None) -> Iterator[Place]:
        """The places known to be within so many kilometres of a point; of one country (ISO alpha-2) if it is given."""
        south, north = (math.floor(lat + degrees) for degrees in (-km / KM_A_DEGREE, km / KM_A_DEGREE))
        across = min(
            180, math.ceil(km / KM_A_DEGREE / max(math.cos(math.radians(max(abs(south), abs(north + 1)))), 0.01))
        )
        west = math.floor(lon) - across
        columns = {(column + 180) % 360 - 180 for column in range(west, west + 2 * across + 1)}
        for cell in product(range(south, north + 1), columns):
            for row, there_lat, there_lon in self._cells.get(cell, ()):
                if is_within(km, lat, lon, there_lat, there_lon):
                    place = self._place(row)
                    if country in {None, place.country}:
                        yield place

    def is_near(self, place: Place, lat: float, lon: float, km: float) -> bool:
        """Whether a place is within so many kilometres of a point.

        Of one without coordinates: whether another of its hromada is, or where none of that has any, of its raion.
        """
        if place.point is not None:
            return is_within(km, lat, lon, *place.point)
        if place.katottg is None:
            return False
        return any(is_within(km, lat, lon, *point) for point in self._beside(place.katottg))

    def _beside(self, code: str) -> Sequence[Point]:
        """Where the others of a settlement's hromada are, or if there are none those of its raion."""
        begins = code[:HROMADA]
        if (points := self._points.get(begins)) is None:
            others = (self._place(self._ids[each]).point for each in self.register.located(code))
            points = self._points[begins] = [point for point in others if point is not None]
        return points

    def _place(self, row: int) -> Place:
        if (place := self._places.get(row)) is None:
            told = self._rows[row]
            place = self._places[row] = (_alone if row >= self._located else _read)(told, self.register)
        return place


SCHEMES = frozenset({"geonames", "katottg"})


def _index(names: Iterable[Iterable[str]], rows: Sequence[int] | None = None) -> dict[str, int | list[int]]:
    """Name -> the row that bears it, or several."""
    index: dict[str, int | list[int]] = {}
    for nth, spellings in enumerate(names):
        number = nth if rows is None else rows[nth]
        for name in spellings:
            known = index.setdefault(name, number)
            if known == number:
                continue
            if isinstance(known, int):
                index[name] = [known, number]
            elif known[-1] != number:
                known.append(number)
    index.pop("", None)
    return index


def _rows_of(index: Mapping[str, int | list[int]], name: str) -> list[int]:
    rows = index.get(name, [])
    return [rows] if isinstance(rows, int) else rows


def _read(told: str, register: Register) -> Place:
    number, code, name, country, admin1, lat, lon, population, timezone = told.split("\t")
    place_id = f"katottg:{code}" if number == code else f"geonames:{number}"
    shown = register.name(code) if code else name
    return Place(place_id, shown, country, admin1, float(lat), float(lon), int(population), timezone, code or None)


def _alone(code: str, register: Register) -> Place:
    """A place that only the register has."""
    return Place(f"katottg:{code}", register.name(code), "UA", katottg_regions()[code[2:4]], None, None, 0, None, code)


@cache
def bundled() -> Gazetteer:
    """The gazetteer inside the package, with what was loaded into the folder, read on the first call."""
    loaded = {}
    for path in sorted(_folder.glob(f"*{LOADED}")) if _folder is not None else ():
        loaded[path.name.removesuffix(LOADED)] = gzip.decompress(path.read_bytes()).decode()
    return Gazetteer(bundled_text(), bundled_register(), loaded)


@cache
def bundled_register() -> Register:
    """The register inside the package: what a raion is called takes no gazetteer, which is of five times the size."""
    return Register(bundled_text("ua_register"), bundled_centres())


LOADED = ".places.tsv.gz"
"""How the file of a loaded country is called, after its code."""
_folder: Path | None = None


def load_from(folder: Path | None) -> None:
    """Know also the countries that were loaded into a folder; to be said before anything is resolved."""
    global _folder  # noqa: PLW0603 - the gazetteer is one for the process, as it is large
    _folder = folder
    bundled.cache_clear()


def bundled_text(name: str = "places") -> str:
    """A bundled file of places, unpacked."""
    return gzip.decompress(files("incidentlog.places").joinpath(f"data/{name}.tsv.gz").read_bytes()).decode()


def bundled_centres() -> str:
    """The centres of Ukraine's raions."""
    return files("incidentlog.places").joinpath("data/ua_raion_centres.csv").read_text("utf-8")


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
