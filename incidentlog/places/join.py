"""Which place of GeoNames a settlement of the register certainly is."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from statistics import median
from typing import NamedTuple

from incidentlog.places.admin1 import katottg_regions
from incidentlog.places.gazetteer import distance_km
from incidentlog.places.normalise import normalise, sound
from incidentlog.places.register import HROMADA, RAION, SETTLEMENTS
from incidentlog.places.spelling import skeleton

NEAR_KM, FAR_KM = 15.0, 30.0
"""Of several villages of one name in a region one is meant whose hromada is so near, if no other's is within far."""
TOWN = 10_000
"""Of so many people is no village, where a town of the name is in the region."""
ODD_KM = 120.0
"""So far from the middle of its raion nothing of it lies: the name was the same by chance."""
_CYRILLIC = re.compile("[\u0400-\u04ff]")

Edition = Mapping[str, tuple[str, str]]
"""Code -> category and name."""


class Located(NamedTuple):
    """A place of the extract."""

    geonameid: str
    names: frozenset[str]
    """The skeletons of the spellings of its own name."""
    admin1: str
    lat: float
    lon: float
    population: int


def located(text: str) -> Iterator[Located]:
    """Ukraine's places of the extract."""
    for line in text.split("\n")[1:]:
        told = line.split("\t")
        if len(told) == len(("id", "name", "country", "admin1", "lat", "lon", "population", "zone", "names")):
            number, name, country, admin1, lat, lon, population, _, others = told
            if country == "UA":
                own = sound(normalise(name))
                names = {skeleton(n) for n in others.split("|") if _CYRILLIC.search(n) and sound(normalise(n)) == own}
                yield Located(
                    number, frozenset(names | {skeleton(name)}), admin1, float(lat), float(lon), int(population)
                )


def joined(register: Edition, former: Mapping[str, Sequence[str]], places: Iterable[Located]) -> dict[str, Located]:
    """Code -> the place of the extract that it certainly is.

    By name and region, where one is left on each side, or of several one is the town; then, of several villages of the
    name, by whose hromada is around the place.
    """
    regions = katottg_regions()
    named: dict[tuple[str, str], set[str]] = defaultdict(set)
    for code, (category, name) in register.items():
        if category in SETTLEMENTS:
            for each in (name, *former.get(code, ())):
                named[regions[code[2:4]], skeleton(each)].add(code)
    meant: dict[str, list[Located]] = defaultdict(list)
    open_ones: list[tuple[Located, set[str]]] = []
    for place in sorted(places, key=lambda place: -place.population):
        codes = _of_rank(place, set().union(*(named.get((place.admin1, name), ()) for name in place.names)), register)
        if len(codes) == 1:
            meant[codes.pop()].append(place)
        elif codes:
            open_ones.append((place, codes))
    sure = {code: found[0] for code, found in meant.items() if len(found) == 1 or _is_larger(*found[:2])}
    middles = _middles(sure)
    sure = {code: place for code, place in sure.items() if _km(place, middles[code[:RAION]]) <= ODD_KM}
    around = _by_hromada(sure)
    more: dict[str, list[Located]] = defaultdict(list)
    for place, codes in [
        *open_ones,
        *((p, {code}) for code, found in meant.items() if code not in sure for p in found),
    ]:
        far = {code: _apart(place, around.get(code[:HROMADA], ())) for code in codes - sure.keys()}
        near = [code for code, km in far.items() if km <= NEAR_KM]
        if len(near) == 1 and all(km > FAR_KM for code, km in far.items() if code != near[0]):
            more[near[0]].append(place)
    return sure | {code: found[0] for code, found in more.items() if len(found) == 1}


def _of_rank(place: Located, codes: set[str], register: Edition) -> set[str]:
    """Of those that share a name, for a place of many people the only city among them, else the only town."""
    if place.population >= TOWN:
        for rank in ("KM", "X"):
            if ranked := {code for code in codes if register[code][0] in rank}:
                return ranked
    return codes


def _is_larger(place: Located, other: Located) -> bool:
    return place.population >= TOWN and place.population >= 5 * other.population


def _by_hromada(sure: Mapping[str, Located]) -> dict[str, list[Located]]:
    around: dict[str, list[Located]] = defaultdict(list)
    for code, place in sure.items():
        around[code[:HROMADA]].append(place)
    return around


def _middles(sure: Mapping[str, Located]) -> dict[str, tuple[float, float]]:
    """The middle of each raion."""
    within: dict[str, list[Located]] = defaultdict(list)
    for code, place in sure.items():
        within[code[:RAION]].append(place)
    return {unit: (median(p.lat for p in each), median(p.lon for p in each)) for unit, each in within.items()}


def _km(place: Located, point: tuple[float, float]) -> float:
    return distance_km(place.lat, place.lon, *point)


def _apart(place: Located, others: Sequence[Located]) -> float:
    return min((distance_km(place.lat, place.lon, p.lat, p.lon) for p in others), default=float("inf"))
