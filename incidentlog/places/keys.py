"""By what places that are in no gazetteer are told from each other, so that they are neither lumped nor split."""

import re

from incidentlog.places.normalise import normalise

NAMED = "name:"
POINT = "point:"
_KEY = re.compile(r"name:([^@]+)@([A-Z]{2}(\.[^@.]+){0,2})")


def named(name: str) -> str:
    """A name, however it is spelt; `name:nova niva`."""
    return f"{NAMED}{normalise(name) or name.casefold()}"


def name_key(name: str, country: str | None, *within: str | None) -> str:
    """A name in what is known of country, region and district: `name:nova niva@UA.05`; without a country, the name.

    A name that is compared has no @, so the two parts are told apart.
    """
    known = [part for part in (country, *within) if part]
    return f"{named(name)}@{'.'.join(known)}" if country else named(name)


def point_key(lat: float | None, lon: float | None) -> str | None:
    """A point to some ten metres: `point:47.8200,38.2100`; None where there is none."""
    return None if lat is None or lon is None else f"{POINT}{lat:.4f},{lon:.4f}"


def point_name(lat: float | None, lon: float | None) -> str:
    """What a point without a name is called; the same for all that share its key."""
    return "" if lat is None or lon is None else f"{lat:.4f}, {lon:.4f}"


def read_key(text: str) -> str | None:
    """The key that a reader means who writes it by hand: `name:Nova-Niva@UA.05`, a point; None for another text."""
    if (point := read_point(text)) is not None:
        return point_key(*point)
    if (within := _KEY.fullmatch(text)) is not None:
        return f"{named(within[1])}@{within[2]}"
    name = text.removeprefix(NAMED)
    return None if name in {text, ""} else named(name)


def read_point(text: str) -> tuple[float, float] | None:
    """Latitude and longitude of a point's key; None where the text is none, or not on the globe."""
    if not text.startswith(POINT):
        return None
    try:
        lat, lon = (float(part) for part in text.removeprefix(POINT).split(","))
    except ValueError:
        return None
    return (lat, lon) if abs(lat) <= 90 and abs(lon) <= 180 else None  # noqa: PLR2004 - degrees
