"""Places: the gazetteer, and resolving what a report calls a place to the one place it means.

Country and region codes follow GeoNames and ISO 3166, for occupied and disputed territories as for any other:
they are codes to count by, and take no side on status. A country is never inferred from coordinates.
"""

from incidentlog.places.admin1 import Admin1, admin1_name, code_of, find_admin1, region_key
from incidentlog.places.gazetteer import (
    ATTRIBUTION,
    LOADED,
    Gazetteer,
    Overlay,
    Place,
    bundled,
    bundled_register,
    distance_km,
    load_from,
)
from incidentlog.places.keys import named, read_key, read_point
from incidentlog.places.normalise import normalise, settlement_name
from incidentlog.places.query import (
    HOWS,
    NOT_FOUND,
    OF_PLACES,
    How,
    PlaceError,
    PlaceQuery,
    Precision,
    Resolution,
    SwappedError,
    UnknownPlaceError,
)
from incidentlog.places.resolve import NEAR_KM, Resolver
from incidentlog.places.search import Found, Suggestion, search

__all__ = [
    "ATTRIBUTION",
    "HOWS",
    "LOADED",
    "NEAR_KM",
    "NOT_FOUND",
    "OF_PLACES",
    "Admin1",
    "Found",
    "Gazetteer",
    "How",
    "Overlay",
    "Place",
    "PlaceError",
    "PlaceQuery",
    "Precision",
    "Resolution",
    "Resolver",
    "Suggestion",
    "SwappedError",
    "UnknownPlaceError",
    "admin1_name",
    "bundled",
    "bundled_register",
    "code_of",
    "distance_km",
    "find_admin1",
    "load_from",
    "named",
    "normalise",
    "read_key",
    "read_point",
    "region_key",
    "search",
    "settlement_name",
]
