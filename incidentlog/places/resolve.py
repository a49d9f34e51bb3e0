"""From a place as it was reported to the one place it means, or the honest answer that nobody can tell."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, get_args

from incidentlog.places.admin1 import INSIDE, Admin1, admin1_name, find_admin1
from incidentlog.places.gazetteer import Gazetteer, Overlay, Place, bundled, distance_km
from incidentlog.places.normalise import normalise, sound

Precision = Literal["exact", "settlement", "admin2", "admin1", "country", "area", "unknown"]
How = Literal[
    "explicit",
    "external",
    "name",
    "name+country",
    "name+admin1",
    "near",
    "population",
    "admin1",
    "country",
    "ambiguous",
    "unresolved",
]
HOWS: tuple[How, ...] = get_args(How)

NEAR_KM = 30.0
"""By name alone one real row in fifteen lands farther off. Given coordinates, no name is taken beyond it."""
FAR_KM = 300.0
"""So far off a point is not merely over a border, nor a place another of its name nearby."""
PRIOR_POPULATION = 50_000
PRIOR_TIMES = 10
TOWN = 10_000
"""From so many people on, a place's own name is meant before what others are, or were, called beside their own names. A
village's is not: most villages are in no gazetteer, and the one that is need not be the one of the report."""
CANDIDATES = 8
CACHED_QUERIES = 65_536


class PlaceError(LookupError):
    """A place that cannot be as it is told: a refusal for the caller to report."""

    pointer = "/place"
    code = "unknown_place"


class SwappedError(PlaceError):
    """Latitude and longitude stand in each other's place."""

    pointer = "/place/lat"
    code = "swapped"

    def __init__(self) -> None:
        super().__init__(
            "lat and lon look swapped: so the point is far from the place, and the other way round it is there"
        )


class UnknownPlaceError(PlaceError):
    """A place_id that nobody knows: neither bundled nor registered."""

    pointer = "/place/place_id"

    def __init__(self, place_id: str) -> None:
        super().__init__(f"place {place_id!r} is not known")
        self.place_id = place_id


@dataclass(frozen=True, slots=True)
class PlaceQuery:
    """A place as reported."""

    name: str
    precision: Precision = "settlement"
    place_id: str | None = None
    country: str | None = None
    """ISO 3166-1 alpha-2."""
    admin1: str | None = None
    """A region's GeoNames code, ISO 3166-2 code or name; ignored if it is not known."""
    lat: float | None = None
    lon: float | None = None
    external_ids: tuple[tuple[str, str], ...] = ()
    """(scheme, id): `geonames` of the settlement, `iso_3166_2` of its region; others are ignored."""


@dataclass(frozen=True, slots=True)
class Resolution:
    """What a reported place was taken for. Country and admin1 are codes as GeoNames has them, no more."""

    place_id: str | None
    """None unless it is one settlement (or any place named by its id)."""
    name: str
    """The canonical name of what was found, else the name as reported: what it is counted under."""
    country: str | None
    """The found place's, else as reported; never inferred from coordinates."""
    admin1: str | None
    """GeoNames' code."""
    admin1_name: str | None
    lat: float | None
    """As reported, else the found place's."""
    lon: float | None
    precision: Precision
    """As reported."""
    how: How
    """What decided: the last clue that left one candidate over, or why there is none."""
    candidates: tuple[Place, ...] = ()
    """The largest of those left, at most 8; of an `unresolved` name, those that the last clue ruled out."""


class Resolver:
    """Resolves against the bundled gazetteer and the places registered by users.

    The same query gives the same answer until the overlay changes. Not for use from several threads.
    """

    def __init__(self, gazetteer: Gazetteer | None = None, registered: Overlay | None = None) -> None:
        self.gazetteer = bundled() if gazetteer is None else gazetteer
        self.registered = Overlay() if registered is None else registered
        self._cached = lru_cache(maxsize=CACHED_QUERIES)(self._resolve)
        self._revision = self.registered.revision

    def resolve(self, query: PlaceQuery) -> Resolution:
        """Find the one place that a query means, or say why there is none.

        In this order: an explicit place_id; a known external id; the exact normalised name, narrowed by
        country, then admin1, then to within 30 km of given coordinates; if several are left, those whose own
        present name it is, once a town of 10,000 people is among them; then the one of 50,000 people or more that is
        ten times larger than the next, if the name is its own or nobody's own; else `ambiguous`. A clue that leaves
        nobody makes it `unresolved`: a name in another country, or far from the coordinates, is another place. At a
        precision of admin1 or country the region or the country is found; at admin2, area and unknown, nothing.

        Refuses with UnknownPlaceError a place_id that nobody knows, and raises nothing else.
        """
        if self._revision != self.registered.revision:
            self._cached.cache_clear()
            self._revision = self.registered.revision
        return self._cached(query)

    def find(self, place_id: str) -> Place | None:
        """The place of an id; a registered one wins over a bundled one."""
        return self.registered.find(place_id) or self.gazetteer.find(place_id)

    def named(self, normalised: str) -> list[Place]:
        """Every place that bears a name, given normalised, the largest first."""
        places = {place.place_id: place for place in self.gazetteer.named(normalised)}
        places.update((place.place_id, place) for place in self.registered.named(normalised))
        return largest_first([self.registered.find(place_id) or place for place_id, place in places.items()])

    def regions(self, query: PlaceQuery) -> tuple[Admin1, ...]:
        """What the query's ISO 3166-2 id, else its admin1, can mean; none if it gives none that is known."""
        country = _country(query)
        for text in (
            *(value for scheme, value in query.external_ids if scheme == "iso_3166_2"),
            query.admin1,
        ):
            if text and (found := find_admin1(text, country, self.gazetteer.admin1_codes)):
                return found
        return ()

    def refuse_swapped(self, query: PlaceQuery) -> None:
        """Raises SwappedError where the point is right with latitude and longitude exchanged, and cannot be as it is.

        Either the place itself (by its id, else by the name in the country given) is within 30 km the other way round,
        while none of it is within 300 km of the point and nothing of its country within 30; or the country given is
        there the other way round, and within 300 km of the point there are places, none of them in that country. So a
        point over the border, or deep in a country of which the gazetteer knows little, stands.
        """
        lat, lon, country = query.lat, query.lon, _country(query)
        if lat is None or lon is None or abs(lon) > 90:  # noqa: PLR2004 (degrees)
            return
        ids = [query.place_id, *(f"geonames:{value}" for scheme, value in query.external_ids if scheme == "geonames")]
        sought = [place for each in ids if each and (place := self.find(each))] or [
            place for place in self.named(normalise(query.name)) if country in {None, place.country}
        ]
        around = self.gazetteer.around
        there = [place for place in sought if distance_km(lon, lat, place.lat, place.lon) <= NEAR_KM]
        if there:
            here = any(distance_km(lat, lon, place.lat, place.lon) <= FAR_KM for place in sought)
            swapped = not here and not any(any(around(lat, lon, NEAR_KM, place.country)) for place in there)
        else:
            swapped = country is not None and any(around(lon, lat, NEAR_KM, country))
            swapped = swapped and not any(around(lat, lon, FAR_KM, country)) and any(around(lat, lon, FAR_KM))
        if swapped:
            raise SwappedError

    def _resolve(self, query: PlaceQuery) -> Resolution:
        if query.place_id is not None:
            if (place := self.find(query.place_id)) is None:
                raise UnknownPlaceError(query.place_id)
            return _found(query, place, "explicit", (place,))
        for scheme, value in query.external_ids:
            if scheme == "geonames" and (place := self.find(f"geonames:{value}")) is not None:
                return _found(query, place, "external", (place,))
        match query.precision:
            case "exact" | "settlement":
                return self._by_name(query)
            case "admin1":
                return self._region(query)
            case "country" if query.country:
                return _open(query, "country", ())
            case _:
                return _open(query, "unresolved", self.regions(query))

    def _region(self, query: PlaceQuery) -> Resolution:
        """A region: from the region given, else from the name."""
        regions = self.regions(query)
        if not regions:
            regions = find_admin1(query.name, _country(query), self.gazetteer.admin1_codes)
        how: How = "admin1" if len(regions) == 1 else "ambiguous" if regions else "unresolved"
        return _open(query, how, regions)

    def _by_name(self, query: PlaceQuery) -> Resolution:
        regions = self.regions(query)
        name = normalise(query.name)
        left = self.named(name)
        how: How = "name"
        for clue, fits in _clues(query, regions):
            if not left:
                break
            fitting = [place for place in left if fits(place)]
            if not fitting:
                return _open(query, "unresolved", regions, left)
            if len(fitting) < len(left):
                how, left = clue, fitting
        own = _own(name, left) if len(left) > 1 else left
        if own and own[0].population >= TOWN and _nearest(query, left) in {None, *own}:
            left = own
        match left:
            case []:
                return _open(query, "unresolved", regions)
            case [only]:
                return _found(query, only, how, (only,))
            case [top, second, *_] if (top in own or not own) and _is_prior(query, top, second, left):
                return _found(query, top, "population", left)
            case _:
                return _open(query, "ambiguous", regions, left)


def largest_first(places: list[Place]) -> list[Place]:
    """In the one order candidates are shown and judged in: by population, then id."""
    if len(places) > 1:
        places.sort(key=lambda place: (-place.population, place.place_id))
    return places


def _own(name: str, places: list[Place]) -> list[Place]:
    """Of several places that bear a name, given normalised, those whose own it is: others may have had it long ago.

    The gazetteer does not say which of a place's names are former ones, so one is its own if it sounds as what the
    place is called today.
    """
    wanted = sound(name)
    return [place for place in places if sound(normalise(place.name)) == wanted]


def _is_prior(query: PlaceQuery, top: Place, second: Place, left: list[Place]) -> bool:
    """Whether the largest stands out so far that it is meant, as Berlin is.

    Not against the coordinates: Donetsk is listed as Oleksandrivka too, and a report from the village of that
    name, 20 km off, must not go to the city for its size.
    """
    if top.population < PRIOR_POPULATION or top.population < PRIOR_TIMES * second.population:
        return False
    return _nearest(query, left) in {None, top}


def _nearest(query: PlaceQuery, places: list[Place]) -> Place | None:
    """Of some places the one nearest to the coordinates given; None where none are."""
    if query.lat is None or query.lon is None or not places:
        return None
    lat, lon = query.lat, query.lon
    return min(places, key=lambda place: distance_km(lat, lon, place.lat, place.lon))


def _country(query: PlaceQuery) -> str | None:
    return query.country.upper() if query.country else None


def _clues(query: PlaceQuery, regions: tuple[Admin1, ...]) -> list[tuple[How, Callable[[Place], bool]]]:
    """What narrows a name down, in the order it is tried."""
    clues: list[tuple[How, Callable[[Place], bool]]] = []
    country = _country(query)
    if country is None and regions:
        country = regions[0].country
    if country is not None:
        clues.append(("name+country", lambda place: place.country == country))
    if regions:
        codes = {(region.country, region.code) for region in regions}
        codes |= {INSIDE[code] for code in codes if code in INSIDE}
        clues.append(("name+admin1", lambda place: (place.country, place.admin1) in codes))
    if query.lat is not None and query.lon is not None:
        lat, lon = query.lat, query.lon
        clues.append(("near", lambda place: distance_km(lat, lon, place.lat, place.lon) <= NEAR_KM))
    return clues


def _found(query: PlaceQuery, place: Place, how: How, candidates: list[Place] | tuple[Place, ...]) -> Resolution:
    both = query.lat is not None and query.lon is not None
    return Resolution(
        place_id=place.place_id,
        name=place.name,
        country=place.country,
        admin1=place.admin1,
        admin1_name=admin1_name(place.country, place.admin1),
        lat=query.lat if both else place.lat,
        lon=query.lon if both else place.lon,
        precision=query.precision,
        how=how,
        candidates=tuple(candidates[:CANDIDATES]),
    )


def _open(
    query: PlaceQuery, how: How, regions: tuple[Admin1, ...], candidates: list[Place] | None = None
) -> Resolution:
    """No settlement; what is known of country and region is kept."""
    region = regions[0] if len(regions) == 1 else None
    country = _country(query) or (regions[0].country if regions else None)
    return Resolution(
        place_id=None,
        name=region.title if how == "admin1" and region else query.name,
        country=country,
        admin1=region.code if region else None,
        admin1_name=region.name if region else None,
        lat=query.lat,
        lon=query.lon,
        precision=query.precision,
        how=how,
        candidates=tuple((candidates or [])[:CANDIDATES]),
    )
