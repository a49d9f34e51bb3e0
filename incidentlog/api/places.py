"""Places: how a name would resolve."""

import re
from dataclasses import asdict
from typing import Any

from aiohttp import web

from incidentlog.api.answers import answer
from incidentlog.api.requests import SERVICE, limit_of, reader_of, refuse_unknown
from incidentlog.errors import BadRequest, Fault
from incidentlog.places import ATTRIBUTION, Place, Resolution, bundled, region_key, search

_COUNTRY = re.compile(r"[A-Za-z]{2}", re.ASCII)
routes = web.RouteTableDef()


@routes.get("/v1/places")
async def find_places(request: web.Request) -> web.Response:
    """How a name would resolve, with the candidates and suggestions by prefix."""
    await reader_of(request, "read")
    refuse_unknown(request, {"q", "country", "limit"})
    name = request.query.get("q", "")
    if not 0 < len(name) <= 200:  # noqa: PLR2004 - as long as a place's name may be
        raise BadRequest(errors=[Fault("/q", "missing", "give a name of 1 to 200 characters as q")])
    country = request.query.get("country")
    if country is not None and not _COUNTRY.fullmatch(country):
        raise BadRequest(errors=[Fault("/country", "not_a_country", "a country is two letters (ISO 3166-1)")])
    limit = limit_of(request, default=8, most=50)
    found = search(request.app[SERVICE].known.resolver, name, limit, country)
    resolution = {**_shown(found.resolution), "candidates": [_shown(place) for place in found.resolution.candidates]}
    body = {
        "q": name,
        "resolution": resolution,
        "suggestions": [{**_shown(s.place), "match": s.match} for s in found.suggestions],
        "attribution": ATTRIBUTION,
    }
    return answer(body)


def _shown(found: Resolution | Place) -> dict[str, Any]:
    """What was found, its region in the form in which it can be asked for, its raion and hromada with their names."""
    units = {"admin2": found.admin2, "admin3": found.admin3}
    register = bundled().register
    names = {f"{level}_name": unit.name if (unit := register.unit(code)) else None for level, code in units.items()}
    formers = register.formers(found.katottg) if isinstance(found, Place) and found.katottg else []
    told = {"former_names": [asdict(former) for former in formers]} if isinstance(found, Place) else {}
    return {**asdict(found), "admin1": region_key(found.country, found.admin1), **units, **names, **told}
