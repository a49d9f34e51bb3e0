"""Places: how a name would resolve."""

import re
from dataclasses import asdict
from typing import Any, Final

from aiohttp import web

from incidentlog.api.answers import answer
from incidentlog.api.operations import Number, Parameter, Routes
from incidentlog.api.requests import SERVICE, reader_of
from incidentlog.api.shapes import Found
from incidentlog.errors import BadRequest, Fault
from incidentlog.places import ATTRIBUTION, Place, Resolution, bundled, region_key, search

LONGEST: Final = 200
"""As long as a place's name may be."""
_COUNTRY = re.compile(r"[A-Za-z]{2}", re.ASCII)
NAME: Final = Parameter(
    "q", "A name, in any language and spelling.", example="Odessa", needed=True,
    schema={"type": "string", "minLength": 1, "maxLength": LONGEST},
)  # fmt: skip
COUNTRY: Final = Parameter(
    "country", "Where it is (ISO 3166-1 alpha-2).", example="UA",
    schema={"type": "string", "pattern": f"^{_COUNTRY.pattern}$"},
)  # fmt: skip
LIMIT: Final = Number("limit", "The most suggestions.", default=8, least=1, most=50, example="3")
routes = Routes()


@routes.get("/v1/places", scope="read", takes=(NAME, COUNTRY, LIMIT), answers=Found)
async def find_places(request: web.Request) -> web.Response:
    """How a name would resolve, with the candidates and suggestions by prefix."""
    await reader_of(request)
    name, country = NAME.given(request) or "", COUNTRY.given(request)
    if not 0 < len(name) <= LONGEST:
        raise BadRequest(errors=[Fault("/q", "missing", f"give a name of 1 to {LONGEST} characters as q")])
    if country is not None and not _COUNTRY.fullmatch(country):
        raise BadRequest(errors=[Fault("/country", "not_a_country", "a country is two letters (ISO 3166-1)")])
    found = search(request.app[SERVICE].known.resolver, name, LIMIT.of(request), country)
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
