"""Answers as GeoJSON (RFC 7946): a point for each row that has a place, longitude first; null where none is known."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec
import orjson

from incidentlog.api.answers import dumps
from incidentlog.folding.shapes import Row
from incidentlog.places import bundled, read_point
from incidentlog.store.answer import read_category
from incidentlog.store.connect import Pool
from incidentlog.subjects.place import RegisteredPlace

Point = tuple[float, float]
"""Longitude and latitude."""


async def coordinates(pool: Pool, place_ids: Iterable[str], *, position: int, clearance: int) -> dict[str, Point]:
    """Where places are, by their ids: the bundled ones, those that were registered by a position, and bare points."""
    wanted = set(place_ids)
    found: dict[str, Point] = {}
    for place_id in wanted:
        if (point := read_point(place_id)) is not None:
            found[place_id] = point[1], point[0]
        place = bundled().find(place_id)
        if place is not None and place.lat is not None and place.lon is not None:
            found[place_id] = place.lon, place.lat
    if any(place_id.startswith("place:") for place_id in wanted):
        for known in await read_category(pool, RegisteredPlace, clearance=clearance, position=position):
            if known.is_current and known.lat is not None and known.lon is not None:
                found[f"place:{known.slug}"] = known.lon, known.lat
    return found


def row_feature(key: str, row: Row, points: Mapping[str, Point]) -> dict[str, Any]:
    """A row that has a `place`."""
    geometry = _geometry(points.get(row["place"] or ""))
    return {"type": "Feature", "id": key, "geometry": geometry, "properties": row}


class _Where(msgspec.Struct, gc=False):
    """What of the JSON of an event says which it is, and where."""

    id: str
    place: dict[str, Any] | None


_WHERE: Final = msgspec.json.Decoder(_Where)


def event_feature(event: bytes) -> bytes:
    """The JSON of an event where it was reported or its place is, from the JSON of the event."""
    told = _WHERE.decode(event)
    geometry = _geometry(_point_of(told.place))
    return dumps({"type": "Feature", "id": told.id, "geometry": geometry, "properties": orjson.Fragment(event)})


def flat_feature(key: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """A row that has its own `latitude` and `longitude`."""
    known = row["latitude"] is not None and row["longitude"] is not None
    geometry = _geometry((row["longitude"], row["latitude"]) if known else None)
    return {"type": "Feature", "id": key, "geometry": geometry, "properties": row}


def collection(features: orjson.Fragment, foreign: Mapping[str, Any]) -> dict[str, Any]:
    """A list of features; `foreign` members say what they are of (RFC 7946 §6.1)."""
    return {"type": "FeatureCollection", **foreign, "features": features}


def _point_of(place: Mapping[str, Any] | None) -> Point | None:
    for told in () if place is None else (place.get("resolved", {}), place):
        if told.get("lat") is not None and told.get("lon") is not None:
            return told["lon"], told["lat"]
    return None


def _geometry(point: Point | None) -> dict[str, Any] | None:
    return None if point is None else {"type": "Point", "coordinates": point}
