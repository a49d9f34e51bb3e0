"""Where something was, as far as that is known: the place, its region and its country, and what they are called."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple, TypeAlias, TypeVar

from incidentlog.events.envelope import PlacePrecision, ResolvedPlace
from incidentlog.places import admin1_name, bundled_register, named, region_key


class Whereabouts(NamedTuple):
    """The dimensions of a place, as far as it is known."""

    place: str | None = None
    admin1: str | None = None
    country: str | None = None


T = TypeVar("T")
WHERE: Final = Whereabouts._fields
"""The dimensions."""
NOWHERE: Final = Whereabouts()
PLACE_MEMBERS: Final = tuple(ResolvedPlace.model_fields)
FINE: Final = frozenset({"exact", "settlement"})
"""Precisions that name a settlement; what is coarser goes to its region only."""


def whereabouts(place: ResolvedPlace | None) -> Whereabouts:
    """The dimensions of a place.

    A place is `geonames:<id>`, `place:<slug>` or, where the name is not or not uniquely known, `name:<name>@<region>`
    (older events: `name:<name>`), and without a name `point:<lat>,<lon>`; a region is the country and GeoNames' code,
    as GeoNames writes it (`UA.17`; not ISO 3166-2, whose numbers differ).
    """
    return NOWHERE if place is None else _kept_with(place, _where)


def place_names(place: ResolvedPlace | None) -> Mapping[tuple[str, str], str]:
    """What the place and its region are called, as a tally names its values."""
    return {} if place is None else _kept_with(place, _called)


def names_with_units(place: ResolvedPlace | None) -> Mapping[tuple[str, str], str]:
    """What the place, its region, its raion and its hromada are called."""
    return {} if place is None else _names_with_units(place.admin2, place.admin3, *_told_by(place))


def known_of(kept: Mapping[str, Any]) -> dict[str, Any]:
    """What is known of a place, as readers see it, from what is kept of it."""
    return {name: value for name, value in shown_place(kept).items() if value is not None}


def _kept_with(place: ResolvedPlace, make: Callable[[ResolvedPlace], T]) -> T:
    """What is made of a place, kept with it: every tally asks for it of every event."""
    made: dict[Any, Any] = place.__dict__.setdefault("_made_of_it", {})
    if make not in made:
        made[make] = make(place)
    kept: T = made[make]
    return kept


def _where(place: ResolvedPlace) -> Whereabouts:
    return _whereabouts(*_told_by(place))


def _called(place: ResolvedPlace) -> Mapping[tuple[str, str], str]:
    return _place_names(*_told_by(place))


_Told: TypeAlias = tuple[str, PlacePrecision, str | None, str | None, str | None]
"""What a place is counted and called by: its name, how precise it is, its settlement's key, its country and region."""


def _told_by(place: ResolvedPlace) -> _Told:
    """Not the place itself: several tallies ask for that of every event, and a town has as many points as events."""
    settlement = place_key(place) if place.precision in FINE else None
    return place.name, place.precision, settlement, place.country, place.admin1


@lru_cache(maxsize=10_000)
def _whereabouts(
    name: str, precision: PlacePrecision, settlement: str | None, country: str | None, admin1: str | None
) -> Whereabouts:
    region = region_key(country, admin1)
    if region is None and precision == "admin1":
        region = named(name)
    return Whereabouts(settlement, region, country)


@lru_cache(maxsize=10_000)
def _place_names(
    name: str, precision: PlacePrecision, settlement: str | None, country: str | None, admin1: str | None
) -> Mapping[tuple[str, str], str]:
    where = _whereabouts(name, precision, settlement, country, admin1)
    region = name if where.admin1 == named(name) else admin1_name(country, admin1)
    # A value has a name from its first event on, or never: else an old answer would change when one comes.
    called = (("place", where.place, name), ("admin1", where.admin1, region))
    return {(d, value): name for d, value, name in called if value is not None and name is not None}


@lru_cache(maxsize=10_000)
def _names_with_units(admin2: str | None, admin3: str | None, *told: Any) -> Mapping[tuple[str, str], str]:
    codes = {"admin2": admin2, "admin3": admin3}
    found = {(level, code): bundled_register().unit(code) for level, code in codes.items() if code is not None}
    units = {where: unit.name for where, unit in found.items() if unit is not None}
    return {**_place_names(*told), **units}


def shown_place(kept: Mapping[str, Any]) -> dict[str, Any]:
    """A place as readers see it: its region in the one form, by which it can be asked for, and not as it is kept."""
    shown = {name: kept.get(name) for name in PLACE_MEMBERS}
    shown["admin1"] = region_key(shown["country"], shown["admin1"])
    return shown


def place_key(place: ResolvedPlace) -> str:
    """By what a place is told from others: its id, else the key kept with it; what is older has none, but its name."""
    return place.place_id or place.key or named(place.name)
