"""A place as it is reported, and what it was taken for."""

from dataclasses import dataclass
from typing import Final, Literal, get_args

from incidentlog.places.gazetteer import Place, Point

Precision = Literal["exact", "settlement", "admin2", "admin1", "country", "area", "unknown"]
How = Literal[
    "explicit",
    "external",
    "name",
    "name+country",
    "name+admin1",
    "name+admin2",
    "near",
    "population",
    "admin1",
    "admin2",
    "country",
    "nearest",
    "ambiguous",
    "conflict",
    "unresolved",
]
Unread = Literal["admin1", "admin2", "admin3"]
HOWS: tuple[How, ...] = get_args(How)
NOT_FOUND: Final = frozenset[str]({"ambiguous", "unresolved"})
"""How a place is that nobody knows: its name means none, or several."""


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


OF_PLACES: Final = frozenset({"geonames", "katottg", "iso_3166_2"})
"""Schemes of ids elsewhere by which a place is found."""


@dataclass(frozen=True, slots=True)
class PlaceQuery:
    """A place as reported."""

    name: str | None
    """None of a point that has no name."""
    precision: Precision = "settlement"
    place_id: str | None = None
    country: str | None = None
    """ISO 3166-1 alpha-2."""
    admin1: str | None = None
    """A region's GeoNames code, ISO 3166-2 code or name; told as `unread` if it is not known."""
    lat: float | None = None
    lon: float | None = None
    external_ids: tuple[tuple[str, str], ...] = ()
    """(scheme, id): `geonames` or `katottg` of the settlement, `iso_3166_2` of its region; others are ignored. (Whoever
    asks for many leaves them out: a row's own id would make every query another, and nothing be remembered.)"""
    admin2: str | None = None
    """A raion's P-code (UA1402), code or name; told as `unread` if it is not known."""
    admin3: str | None = None
    """A hromada's, so too."""
    year: int | None = None
    """When it was there: a place's former name is its own in the years in which it bore it."""

    @property
    def in_country(self) -> str | None:
        """The country, in capitals."""
        return self.country.upper() if self.country else None

    @property
    def point(self) -> Point | None:
        """Latitude and longitude; None unless both are given, and on the globe."""
        if self.lat is None or self.lon is None or not (abs(self.lat) <= 90 and abs(self.lon) <= 180):  # noqa: PLR2004 (degrees)
            return None
        return self.lat, self.lon


@dataclass(frozen=True, slots=True)
class Resolution:
    """What a reported place was taken for. Country and admin1 are codes as GeoNames has them, no more."""

    place_id: str | None
    """None unless it is one settlement (or any place named by its id)."""
    name: str
    """The canonical name of what was found, else the name as reported, else the point."""
    country: str | None
    """The found place's, else as reported, else that of the place nearest to the point."""
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
    """The largest of those left, at most 8; of an `unresolved` name or a `conflict`, those that the last clue ruled
    out."""
    key: str | None = None
    """By what a settlement that was not found is told from others; None where one was found, or is not named."""
    nearest: str | None = None
    """The id of the place by which a point's region, or country, is told."""
    distance_km: float | None = None
    """How far that is from the point; at most 30."""
    unread: tuple[Unread, ...] = ()
    """What was given and not understood, and so narrowed nothing."""
    admin2: str | None = None
    """The raion, by its P-code: the found place's, else as reported."""
    admin3: str | None = None
    """The hromada, so too."""
