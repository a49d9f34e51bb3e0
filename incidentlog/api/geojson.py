"""Answers as GeoJSON (RFC 7946): a point for each row that has a place, longitude first; null where none is known."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

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


def event_feature(event: Mapping[str, Any]) -> dict[str, Any]:
    """An event where it was reported or its place is."""
    geometry = _geometry(_point_of(event["place"]))
    return {"type": "Feature", "id": event["id"], "geometry": geometry, "properties": event}


def flat_feature(key: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """A row that has its own `latitude` and `longitude`."""
    known = row["latitude"] is not None and row["longitude"] is not None
    geometry = _geometry((row["longitude"], row["latitude"]) if known else None)
    return {"type": "Feature", "id": key, "geometry": geometry, "properties": row}


def collection(features: Sequence[Any], foreign: Mapping[str, Any]) -> dict[str, Any]:
    """Features; `foreign` members say what they are of (RFC 7946 §6.1)."""
    return {"type": "FeatureCollection", **foreign, "features": features}


def _point_of(place: Mapping[str, Any] | None) -> Point | None:
    for told in () if place is None else (place.get("resolved", {}), place):
        if told.get("lat") is not None and told.get("lon") is not None:
            return told["lon"], told["lat"]
    return None


def _geometry(point: Point | None) -> dict[str, Any] | None:
    return None if point is None else {"type": "Point", "coordinates": point}
