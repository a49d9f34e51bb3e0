"""From a place as it was reported to the one place it means, or the honest answer that nobody can tell."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from incidentlog.places.admin1 import INSIDE, Admin1, admin1_name, find_admin1, katottg_regions
from incidentlog.places.gazetteer import Gazetteer, Overlay, Place, Point, bundled, distance_km
from incidentlog.places.keys import name_key, point_key, point_name
from incidentlog.places.normalise import kinds_beside, normalise, settlement_name, sound
from incidentlog.places.query import How, PlaceQuery, Resolution, SwappedError, UnknownPlaceError, Unread
from incidentlog.places.register import HROMADA, OBLAST, RAION

NEAR_KM = 30.0
"""By name alone one real row in fifteen lands farther off. Given coordinates, no name is taken beyond it, and a point
tells its region only by a place as near as that."""
FAR_KM = 300.0
"""So far off a point is not merely over a border, nor a place another of its name nearby."""
PRIOR_POPULATION = 50_000
PRIOR_TIMES = 10
TOWN = 10_000
"""From so many people on, a place's own name is meant before what others are, or were, called beside their own names. A
village's is not where not all villages are known: the one that is need not be the one of the report."""
ALONE = 5_000
"""Of a country whose villages are not all known, a place of so many people is taken by its name alone."""
CANDIDATES = 8
FINE = frozenset({"exact", "settlement"})
"""Precisions that name a settlement."""


@dataclass(frozen=True, slots=True)
class Within:
    """What a query says a place is within, as far as that is understood."""

    country: str | None
    regions: tuple[Admin1, ...] = ()
    """What its region can mean; several only where the name is two regions', as Kyiv's is."""
    units: tuple[str, ...] = ()
    """Its hromada, else its raion, by the beginning of the code; several where the name is."""
    unread: tuple[Unread, ...] = ()

    @property
    def region(self) -> Admin1 | None:
        """The region, if it is one."""
        return self.regions[0] if len(self.regions) == 1 else None

    @property
    def unit(self) -> str | None:
        """The hromada or raion, if it is one."""
        return self.units[0] if len(self.units) == 1 else None

    @property
    def raion(self) -> str | None:
        """The raion, if it is one: of a hromada whose name is two of one raion's, too."""
        raions = {unit[:RAION] for unit in self.units}
        return raions.pop() if len(raions) == 1 else None

    @property
    def codes(self) -> set[tuple[str, str]]:
        """Country and code of each region, and of the city inside it."""
        codes = {(region.country, region.code) for region in self.regions}
        return codes | {INSIDE[code] for code in codes if code in INSIDE}

    def clues(self) -> Iterable[tuple[How, Callable[[Place], bool]]]:
        """What narrows a name down, in the order it is tried."""
        if self.country is not None:
            yield "name+country", lambda place: place.country == self.country
        if self.regions:
            yield "name+admin1", lambda place: (place.country, place.admin1) in self.codes


class Resolver:
    """Resolves against the bundled gazetteer and the places registered by users.

    The same query gives the same answer until the overlay changes. Not for use from several threads.
    """

    def __init__(self, gazetteer: Gazetteer | None = None, registered: Overlay | None = None) -> None:
        self.gazetteer = bundled() if gazetteer is None else gazetteer
        self.registered = Overlay() if registered is None else registered

    def resolve(self, query: PlaceQuery) -> Resolution:
        """Find the one place that a query means, or say why there is none.

        In this order: an explicit place_id; a known id elsewhere; the normalised name in any spelling, narrowed by
        country, then admin1, then to within 30 km of given coordinates, then by raion, hromada and kind. Of several
        that are left a present name, or that of the report's year, counts before a former one; then the one of 50,000
        people or more (in its region a city of 10,000) that is ten times larger than the next; else it is
        `ambiguous`. The only one left counts if it could not be another's name: where all settlements of the country
        are known, or a region or a point was given too, or it is a place of 5,000 people. A name known only in
        another country or region makes it `unresolved`, one known only over 30 km from the point a `conflict`, which
        is counted in the point's region. A point without a name is in the region of the `nearest` place. At a
        precision of admin1, admin2 or country the region, raion or country is found; at area and unknown, nothing.

        Refuses with UnknownPlaceError a place_id that nobody knows, and raises nothing else.
        """
        within = self.within(query)
        return replace(self._settled(query, within), unread=within.unread)

    def find(self, place_id: str) -> Place | None:
        """The place of an id; a registered one wins over a bundled one."""
        return self.registered.find(place_id) or self.gazetteer.find(place_id)

    def named(self, normalised: str) -> list[Place]:
        """Every place that bears a name, given normalised, the largest first."""
        places = {place.place_id: place for place in self.gazetteer.named(normalised)}
        places.update((place.place_id, place) for place in self.registered.named(normalised))
        return largest_first([self.registered.find(place_id) or place for place_id, place in places.items()])

    def within(self, query: PlaceQuery) -> Within:
        """What the query says the place is within; what is not understood is told.

        An ISO 3166-2 id among the ids elsewhere comes before admin1. A raion or hromada that is one tells its region.
        """
        country = query.in_country
        unread: list[Unread] = []
        codes = [value for scheme, value in query.external_ids if scheme == "iso_3166_2"]
        regions: tuple[Admin1, ...] = ()
        for text in (*codes, query.admin1):
            regions = regions or (find_admin1(text, country, self.gazetteer.admin1_codes) if text else ())
        if query.admin1 and not find_admin1(query.admin1, country, self.gazetteer.admin1_codes):
            unread.append("admin1")
        units: list[str] = []  # of the narrowest level that is understood, narrowed by those that are wider
        levels: tuple[tuple[Unread, str | None, int], ...]
        levels = ("admin3", query.admin3, HROMADA), ("admin2", query.admin2, RAION)
        for name, text, length in levels:
            if text is not None:
                found = self._units(text, length, country, regions)
                units = [unit for unit in units if unit[:length] in found] or units or found
                if not found:
                    unread.append(name)
        if not regions and len({unit[:OBLAST] for unit in units}) == 1:
            regions = _oblast(units[0])
        return Within(country or (regions[0].country if regions else None), regions, tuple(units), tuple(unread))

    def _units(self, text: str, length: int, country: str | None, regions: Sequence[Admin1]) -> list[str]:
        if country not in {None, "UA"} or any(region.country != "UA" for region in regions):
            return []
        numbers = {code: number for number, code in katottg_regions().items()}
        oblasts = [f"UA{numbers[region.code]}" for region in regions]
        return self.gazetteer.register.find_units(text, length, oblasts)

    def refuse_swapped(self, query: PlaceQuery) -> None:
        """Raises SwappedError where the point is right with latitude and longitude exchanged, and cannot be as it is.

        Either the place itself (by its id, else by the name in the country given) is within 30 km the other way round,
        while none of it is within 300 km of the point and nothing of its country within 30; or the country given is
        there the other way round, and within 300 km of the point there are places, none of them in that country. So a
        point over the border, or deep in a country of which the gazetteer knows little, stands.
        """
        lat, lon, country = query.lat, query.lon, query.in_country
        if lat is None or lon is None or abs(lon) > 90:  # noqa: PLR2004 (degrees)
            return
        ids = [query.place_id, *(f"geonames:{value}" for scheme, value in query.external_ids if scheme == "geonames")]
        sought = [place for each in ids if each and (place := self.find(each))] or [
            place for place in self.named(normalise(query.name or "")) if country in {None, place.country}
        ]
        around = self.gazetteer.around
        is_near = self.gazetteer.is_near
        there = [place for place in sought if is_near(place, lon, lat, NEAR_KM)]
        if there:
            here = any(is_near(place, lat, lon, FAR_KM) for place in sought)
            swapped = not here and not any(any(around(lat, lon, NEAR_KM, place.country)) for place in there)
        else:
            swapped = country is not None and any(around(lon, lat, NEAR_KM, country))
            swapped = swapped and not any(around(lat, lon, FAR_KM, country)) and any(around(lat, lon, FAR_KM))
        if swapped:
            raise SwappedError

    def _settled(self, query: PlaceQuery, within: Within) -> Resolution:
        if (named := self._by_id(query)) is not None:
            return named
        if query.name is None:
            return self._open_at(query, "nearest", within)
        match query.precision:
            case "exact" | "settlement" if query.point is None:
                return self._by_name(query, *self._bearers(query.name), within)
            case "exact" | "settlement":
                return self._by_name_and_point(query, *self._bearers(query.name), within)
            case "admin1":
                return self._region(query, query.name, within)
            case "admin2":
                return self._unit(query, query.name, within)
            case "country" if query.country:
                return _open(query, "country", within)
            case _:
                return _open(query, "unresolved", within)

    def _by_id(self, query: PlaceQuery) -> Resolution | None:
        if query.place_id is not None:
            if (place := self.find(query.place_id)) is None:
                raise UnknownPlaceError(query.place_id)
            return _found(query, place, "explicit", (place,))
        for scheme, value in query.external_ids:
            if scheme in {"geonames", "katottg"} and (place := self.find(f"{scheme}:{value}")) is not None:
                return _found(query, place, "external", (place,))
        return None

    def _region(self, query: PlaceQuery, name: str, within: Within) -> Resolution:
        """A region: from the region given, else from the name."""
        regions = within.regions or find_admin1(name, query.in_country, self.gazetteer.admin1_codes)
        how: How = "admin1" if len(regions) == 1 else "ambiguous" if regions else "unresolved"
        country = within.country or (regions[0].country if regions else None)
        return _open(query, how, replace(within, country=country, regions=regions))

    def _unit(self, query: PlaceQuery, name: str, within: Within) -> Resolution:
        """A raion, or else a hromada: as given, else from the name."""
        units: Sequence[str] = within.units
        for length in (RAION, HROMADA):
            units = units or self._units(name, length, within.country, within.regions)
        if len(units) != 1:
            return _open(query, "ambiguous" if units else "unresolved", within)
        unit = self.gazetteer.register.unit(units[0])
        found = _open(query, "admin2", replace(within, country="UA", regions=_oblast(units[0]), units=tuple(units)))
        return replace(found, name=unit.name if unit else name)

    def _bearers(self, told: str) -> tuple[str, list[Place]]:
        """The places that bear a name; of one that none bears, without what is beside it: "village of Pisky"."""
        borne = self.named(normalise(told))
        return (told, borne) if borne else (name := settlement_name(told), self.named(normalise(name)))

    def _of_kind(self, told: str | None, left: list[Place]) -> list[Place]:
        """Those of the kind of settlement that is said beside the name; all if none is."""
        kinds = kinds_beside(told or "")
        return [place for place in left if self.gazetteer.register.category(place.katottg) in kinds] or left

    def _by_name(self, query: PlaceQuery, name: str, left: list[Place], within: Within) -> Resolution:
        how: How = "name"
        for clue, fits in within.clues():
            fitting = [place for place in left if fits(place)]
            if left and not fitting:
                return _open(query, "unresolved", within, left)
            if len(fitting) < len(left):
                how, left = clue, fitting
        how, left = self._in_unit(within, how, self._of_kind(query.name, self._present(query, name, left)))
        own = self._own(query, name, left)
        match left:
            case [only] if self._is_sure(only, own, within):
                return _found(query, only, how, (only,))
            case [top, second, *_] if (top in own or not own) and self._is_prior(top, second, own, within):
                return _found(query, top, "population", left)
            case [] | [_]:
                return _open(query, "unresolved", within, left)
            case _:
                return _open(query, "ambiguous", within, left)

    def _by_name_and_point(self, query: PlaceQuery, name: str, borne: list[Place], within: Within) -> Resolution:
        """What bears the name near the point; the region that is told beside it only chooses among several."""
        clues = dict(within.clues())
        left = [place for place in borne if "name+country" not in clues or clues["name+country"](place)]
        how: How = "name" if len(left) == len(borne) else "name+country"
        near = [place for place in left if self._is_near(query, place)]
        if not near:
            return self._open_at(query, "conflict" if left else "unresolved", within, left or borne)
        is_in_region = clues.get("name+admin1", _nowhere)
        if in_region := [place for place in near if is_in_region(place)]:
            how, left = "name+admin1" if not all(map(is_in_region, left)) else how, list(filter(is_in_region, left))
            near = in_region
        if len(near) < len(left):
            how = "near"
        present = self._present(query, name, near)
        if _nearest(query, near) in {None, *present}:
            near = present
        near = [place for place in near if self._is_settlement(place, near)]
        how, near = self._in_unit(within, how, self._of_kind(query.name, near))
        own = self._own(query, name, near)
        match near:
            case [only]:
                return _found(query, only, how, (only,))
            # Not against the point: Donetsk is listed as Oleksandrivka too, and a report from the village of that
            # name, 20 km off, must not go to the city for its size.
            case [top, second, *_] if (
                (top in own or not own) and self._is_prior(top, second, own, within) and top == _nearest(query, near)
            ):
                return _found(query, top, "population", near)
            case _:
                return self._open_at(query, "ambiguous", within, near)

    def _open_at(
        self, query: PlaceQuery, how: How, within: Within, candidates: list[Place] | None = None
    ) -> Resolution:
        """No settlement, but a point: a region that is not told, or that the point is not in, is the nearest place's.

        A region that is told stands where a place of it is within 30 km.
        """
        around = [] if query.point is None else self._around(query.point, query.in_country)
        if not around:
            return _open(query, "unresolved" if how == "nearest" else how, within, candidates)
        told = [found for found in around if (found[1].country, found[1].admin1) in within.codes]
        km, nearest = (told or around)[0]
        if within.regions and not told:
            how, within = "conflict", replace(within, units=())
        if not told or within.region is None:
            within = replace(within, country=within.country or nearest.country, regions=_region_of(nearest))
        found = _open(query, how, within, candidates)
        return replace(found, nearest=nearest.place_id, distance_km=round(km, 1))

    def _around(self, point: Point, country: str | None) -> list[tuple[float, Place]]:
        """The places within 30 km of a point, with the distance, the nearest first."""
        found = [
            (distance_km(*point, *place.point), place)
            for place in self.gazetteer.around(*point, NEAR_KM, country)
            if place.point is not None
        ]
        return sorted(found, key=lambda each: (each[0], each[1].place_id))

    def _present(self, query: PlaceQuery, name: str, left: list[Place]) -> list[Place]:
        """Those whose own name it is, before those that were once called so.

        Where not all settlements are known only if a town is among them: the village that is known may be another.
        """
        own = self._own(query, name, left)
        return own if own and (own[0].population >= TOWN or all(map(self._is_whole, left))) else left

    def _own(self, query: PlaceQuery, name: str, places: list[Place]) -> list[Place]:
        """Of places that bear a name, those whose own it is, or was in the year of the report.

        GeoNames does not say which of a place's names are former ones, so one is its own if it sounds as what the
        place is called today.
        """
        wanted = _sound(name)
        then = [place for place in places if wanted in _sounds(self._names_in(place, query.year))]
        return then or [place for place in places if wanted in _sounds(self._names_in(place, None))]

    def _names_in(self, place: Place, year: int | None) -> list[str]:
        """What a place was called in a year, as far as that is known: around a change, both."""
        if place.katottg is None:
            return [place.name]
        register = self.gazetteer.register
        formers = register.formers(place.katottg) if year is not None else []
        names = [former.name for former in formers if year is not None and year <= former.until]
        if year is None or all(year >= former.last for former in formers):
            names += [place.name, register.own_name(place.katottg)]
        return names

    @staticmethod
    def _in_unit(within: Within, how: How, left: list[Place]) -> tuple[How, list[Place]]:
        """Of several those in the raion or hromada that is told; all if none is, as raions were drawn anew in 2020."""
        inside = [place for place in left if place.katottg and place.katottg.startswith(within.units or "-")]
        return ("name+admin2", inside) if inside and len(inside) < len(left) else (how, left)

    def _is_near(self, query: PlaceQuery, place: Place) -> bool:
        return query.point is None or self.gazetteer.is_near(place, *query.point, NEAR_KM)

    def _is_sure(self, place: Place, own: list[Place], within: Within) -> bool:
        """Whether the only one left of a name could not be another's.

        Of a village's former names that GeoNames has none is taken: it has few villages, and others were called so.
        """
        if place.place_id.startswith("place:") or place.population >= ALONE:
            return True
        return place in own and (bool(within.regions) or self._is_whole(place))

    def _is_prior(self, top: Place, second: Place, own: list[Place], within: Within) -> bool:
        """Whether the largest stands out so far that it is meant, as Berlin is; in its region a city of 10,000 may."""
        is_city = within.regions and top in own and self.gazetteer.register.category(top.katottg) in set("KM")
        return (
            top.population >= (TOWN if is_city else PRIOR_POPULATION)
            and top.population >= PRIOR_TIMES * second.population
            and self._is_settlement(top, own)
        )

    def _is_settlement(self, place: Place, others: list[Place]) -> bool:
        """Whether it is one, rather than a part of a city that shares its name with one.

        Of a country whose settlements are all known GeoNames has those parts too.
        """
        return (
            place.country not in self.gazetteer.whole
            or place.place_id.startswith("place:")
            or place.katottg is not None
            or not any(other.katottg for other in others)
        )

    def _is_whole(self, place: Place) -> bool:
        """Whether all settlements of its country are known, or it is one that somebody registered."""
        return place.country in self.gazetteer.whole or place.place_id.startswith("place:")


def _nowhere(_: Place) -> bool:
    return False


def _sounds(names: Iterable[str]) -> set[str]:
    return set(map(_sound, names))


@lru_cache(maxsize=16_384)
def _sound(name: str) -> str:
    return sound(normalise(name))


def _oblast(unit: str) -> tuple[Admin1, ...]:
    """The region that a raion or hromada is in."""
    return find_admin1(f"UA.{katottg_regions()[unit[2:OBLAST]]}")


def _region_of(place: Place) -> tuple[Admin1, ...]:
    if place.country is None or place.admin1 is None:
        return ()
    return find_admin1(f"{place.country}.{place.admin1}") or (Admin1(place.country, place.admin1),)


def largest_first(places: list[Place]) -> list[Place]:
    """In the one order candidates are shown and judged in: by population, then id."""
    if len(places) > 1:
        places.sort(key=lambda place: (-place.population, place.place_id))
    return places


def _nearest(query: PlaceQuery, places: list[Place]) -> Place | None:
    """Of some places the one nearest to the coordinates given; None where none are."""
    if query.point is None or not places:
        return None
    lat, lon = query.point
    return min(places, key=lambda place: distance_km(lat, lon, *place.point) if place.point else math.inf)


def _found(query: PlaceQuery, place: Place, how: How, candidates: list[Place] | tuple[Place, ...]) -> Resolution:
    lat, lon = query.point or place.point or (None, None)
    return Resolution(
        place_id=place.place_id,
        name=place.name,
        country=place.country,
        admin1=place.admin1,
        admin1_name=admin1_name(place.country, place.admin1),
        lat=lat,
        lon=lon,
        precision=query.precision,
        how=how,
        candidates=tuple(candidates[:CANDIDATES]),
        admin2=place.admin2,
        admin3=place.admin3,
    )


def _open(query: PlaceQuery, how: How, within: Within, candidates: list[Place] | None = None) -> Resolution:
    """No settlement; what is known of country, region, raion and hromada is kept."""
    region = within.region
    name = region.title if how == "admin1" and region else query.name or point_name(query.lat, query.lon)
    found = Resolution(
        place_id=None,
        name=name,
        country=within.country,
        admin1=region.code if region else None,
        admin1_name=region.name if region else None,
        lat=query.lat,
        lon=query.lon,
        precision=query.precision,
        how=how,
        candidates=tuple((candidates or [])[:CANDIDATES]),
        admin2=within.raion,
        admin3=within.unit if within.unit and len(within.unit) == HROMADA else None,
    )
    return replace(found, key=_key(query, found))


def _key(query: PlaceQuery, found: Resolution) -> str | None:
    if query.name is None:
        return point_key(query.lat, query.lon)
    return (
        name_key(settlement_name(query.name), found.country, found.admin1, found.admin2)
        if query.precision in FINE
        else None
    )
