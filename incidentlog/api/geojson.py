"""Answers as GeoJSON (RFC 7946): a point for each row that has a place, longitude first; null where none is known."""

from collections.abc import Iterable, Mapping
from typing import Any

from incidentlog.places import bundled
from incidentlog.projections.shapes import Row
from incidentlog.store.answer import read_category
from incidentlog.store.connect import Pool
from incidentlog.subjects.place import RegisteredPlace

Point = tuple[float, float]
"""Longitude and latitude."""


async def coordinates(pool: Pool, place_ids: Iterable[str], *, position: int, clearance: int) -> dict[str, Point]:
    """Where places are, by their ids: the bundled ones, and those that were registered by a position."""
    wanted = set(place_ids)
    found: dict[str, Point] = {}
    for place_id in wanted:
        place = bundled().find(place_id)
        if place is not None:
            found[place_id] = place.lon, place.lat
    if any(place_id.startswith("place:") for place_id in wanted):
        for known in await read_category(pool, RegisteredPlace, clearance=clearance, position=position):
            if known.is_current and known.lat is not None and known.lon is not None:
                found[f"place:{known.slug}"] = known.lon, known.lat
    return found


def rows_geojson(rows: Mapping[str, Row], points: Mapping[str, Point], foreign: Mapping[str, Any]) -> dict[str, Any]:
    """Rows that have a `place` as features; `foreign` members say what they are of (RFC 7946 §6.1)."""
    features = [
        {
            "type": "Feature",
            "id": key,
            "geometry": _geometry(points.get(row["place"] or "")),
            "properties": row,
        }
        for key, row in rows.items()
    ]
    return {"type": "FeatureCollection", **foreign, "features": features}


def events_geojson(events: Iterable[Mapping[str, Any]], foreign: Mapping[str, Any]) -> dict[str, Any]:
    """Events as features, each where it was reported or its place is."""
    features = [
        {"type": "Feature", "id": event["id"], "geometry": _geometry(_point_of(event["place"])), "properties": event}
        for event in events
    ]
    return {"type": "FeatureCollection", **foreign, "features": features}


def _point_of(place: Mapping[str, Any] | None) -> Point | None:
    for told in () if place is None else (place.get("resolved", {}), place):
        if told.get("lat") is not None and told.get("lon") is not None:
            return told["lon"], told["lat"]
    return None


def _geometry(point: Point | None) -> dict[str, Any] | None:
    return None if point is None else {"type": "Point", "coordinates": point}
