"""What to show a person who types a place's name: how it would resolve, and what else it could be."""

import heapq
from dataclasses import dataclass
from itertools import chain
from typing import Literal

from incidentlog.places.gazetteer import Place
from incidentlog.places.normalise import normalise
from incidentlog.places.query import PlaceQuery, Resolution
from incidentlog.places.resolve import Resolver

LIMIT = 50
PREFIX_FROM = 2
"""Shorter beginnings match too much to suggest anything."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One place to choose from, and why it is listed."""

    place: Place
    match: Literal["name", "prefix"]
    """`name`: it bears the very name. `prefix`: a name of its only starts so, and would not resolve to it."""


@dataclass(frozen=True, slots=True)
class Found:
    """How a name would resolve, and suggestions."""

    resolution: Resolution
    suggestions: tuple[Suggestion, ...]


def search(resolver: Resolver, q: str, limit: int = 8, country: str | None = None) -> Found:
    """Say how the name `q` would resolve, alone or in a country, and suggest `limit` places (1 to 50).

    The place that it resolves to comes first, then others of that very name, then those with a name that starts so;
    in each the largest first.
    """
    limit = max(1, min(limit, LIMIT))
    country = country.upper() if country else None
    resolution = resolver.resolve(PlaceQuery(q, country=country))
    name = normalise(q)
    exact = [place for place in resolver.named(name) if country in {None, place.country}]
    exact.sort(key=lambda place: place.place_id != resolution.place_id)
    suggestions = [Suggestion(place, "name") for place in exact[:limit]]
    if len(suggestions) < limit and len(name) >= PREFIX_FROM:
        seen = {place.place_id for place in exact}
        starting = {
            place.place_id: place
            for place in chain(resolver.gazetteer.prefixed(name), resolver.registered.prefixed(name))
            if place.place_id not in seen and country in {None, place.country}
        }
        best = heapq.nsmallest(
            limit - len(suggestions), starting.values(), key=lambda place: (-place.population, place.place_id)
        )
        suggestions += [Suggestion(place, "prefix") for place in best]
    return Found(resolution, tuple(suggestions))
