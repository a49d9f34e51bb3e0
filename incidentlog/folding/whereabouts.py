"""Where something was, as far as that is known: the place, its region and its country, and what they are called."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple

from incidentlog.events.envelope import ResolvedPlace
from incidentlog.places import admin1_name, bundled, named, region_key


class Whereabouts(NamedTuple):
    """The dimensions of a place, as far as it is known."""

    place: str | None = None
    admin1: str | None = None
    country: str | None = None


WHERE: Final = Whereabouts._fields
"""The dimensions."""
NOWHERE: Final = Whereabouts()
FINE: Final = frozenset({"exact", "settlement"})
"""Precisions that name a settlement; what is coarser goes to its region only."""


@lru_cache(maxsize=10_000)  # several tallies ask for the place of every event, and there are few places
def whereabouts(place: ResolvedPlace | None) -> Whereabouts:
    """The dimensions of a place.

    A place is `geonames:<id>`, `place:<slug>` or, where the name is not or not uniquely known, `name:<name>@<region>`
    (older events: `name:<name>`), and without a name `point:<lat>,<lon>`; a region is the country and GeoNames' code,
    as GeoNames writes it (`UA.17`; not ISO 3166-2, whose numbers differ).
    """
    if place is None:
        return NOWHERE
    region = region_key(place.country, place.admin1)
    if region is None and place.precision == "admin1":
        region = named(place.name)
    settlement = place_key(place) if place.precision in FINE else None
    return Whereabouts(settlement, region, place.country)


@lru_cache(maxsize=10_000)
def place_names(place: ResolvedPlace | None) -> Mapping[tuple[str, str], str]:
    """What the place and its region are called, as a tally names its values."""
    if place is None:
        return {}
    where = whereabouts(place)
    region = admin1_name(place.country, place.admin1)
    if where.admin1 == named(place.name):
        region = place.name
    # A value has a name from its first event on, or never: else an old answer would change when one comes.
    called = (("place", where.place, place.name), ("admin1", where.admin1, region))
    return {(d, value): name for d, value, name in called if value is not None and name is not None}


@lru_cache(maxsize=10_000)
def names_with_units(place: ResolvedPlace | None) -> Mapping[tuple[str, str], str]:
    """What the place, its region, its raion and its hromada are called."""
    codes = {} if place is None else {"admin2": place.admin2, "admin3": place.admin3}
    found = {(level, code): bundled().register.unit(code) for level, code in codes.items() if code is not None}
    units = {where: unit.name for where, unit in found.items() if unit is not None}
    return {**place_names(place), **units}


def shown_place(place: ResolvedPlace) -> dict[str, Any]:
    """A place as readers see it: its region in the one form, by which it can be asked for, and not as it is kept."""
    return {**place.model_dump(mode="json"), "admin1": region_key(place.country, place.admin1)}


def place_key(place: ResolvedPlace) -> str:
    """By what a place is told from others: its id, else the key kept with it; what is older has none, but its name."""
    return place.place_id or place.key or named(place.name)
