"""What is noted of each read, and `GET /v1/access`, where auditors see it."""

from typing import Any, Final

import orjson
from aiohttp import web

from incidentlog.api.answers import answer
from incidentlog.api.errors import POSITION, Handler
from incidentlog.api.operations import Number, Routes
from incidentlog.api.redacting import redacted
from incidentlog.api.requests import ASKED_ABOUT, READER, SERVICE, reader_of
from incidentlog.api.shapes import Reads
from incidentlog.errors import Forbidden
from incidentlog.events.values import Tlp
from incidentlog.store.access import Entry

PURPOSE: Final = "Access-Purpose"
"""The header in which a reader says why it asks."""
LONGEST_ROUTE: Final = 500
LONGEST_PURPOSE: Final = 200
_NOTED: Final = web.RequestKey("noted", bool)

routes = Routes()


def noted(handler: Handler) -> Handler:
    """A handler of reads, each of which is noted when it has been answered, unless it was before."""

    async def handle(request: web.Request) -> web.StreamResponse:
        response = await handler(request)
        note_access(request, response.status)
        return response

    return handle


def note_access(request: web.Request, status: int = 200) -> None:
    """Note a read now, once; streams do so when they begin."""
    reader = request.get(READER)
    if reader is None or _NOTED in request:
        return
    request[_NOTED] = True
    service = request.app[SERVICE]
    purpose = request.headers.get(PURPOSE)
    service.accesses.note(
        Entry(
            service.clock.now(),
            reader.name,
            _stored(f"{request.method} {redacted(request.rel_url.raw_path_qs)}", LONGEST_ROUTE),
            status,
            _basis(request),
            None if purpose is None else _stored(redacted(purpose), LONGEST_PURPOSE),
        )
    )


def _stored(text: str, most: int) -> str:
    """Text that PostgreSQL takes, of bounded length."""
    return text[:most].replace("\0", "").encode("utf-8", "replace").decode()


def _basis(request: web.Request) -> str | None:
    moment = request.get(ASKED_ABOUT)
    if moment is not None:
        said = {"position": moment.position, "at": moment.at, "by": moment.by, "known_at": moment.known_at}
    elif POSITION in request:
        said = {"position": request[POSITION]}
    else:
        return None
    return orjson.dumps({k: v for k, v in said.items() if v is not None}, option=orjson.OPT_UTC_Z).decode()


AFTER: Final = Number("after", "Go on after this number.", example="0")
LIMIT: Final = Number("limit", "The most reads.", default=100, least=1, most=1_000, example="10")


@routes.get("/v1/access", scope="audit", takes=(AFTER, LIMIT), answers=Reads)
async def list_access(request: web.Request) -> web.Response:
    """Who read what, in the order in which it was written; for auditors from whom nothing is hidden."""
    service = request.app[SERVICE]
    reader = await reader_of(request)
    if reader.clearance < Tlp.RED:  # what others asked for is named in it, and a part of it proves no digest
        raise Forbidden(f"the key {reader.name} is not cleared for RED, and what was asked for may be named so")
    limit = LIMIT.of(request)
    found = await service.accesses.after(AFTER.of(request), limit)
    body: dict[str, Any] = {
        "entries": [
            {
                "number": kept.number,
                "day": kept.day,
                "at": kept.entry.at,
                "key": kept.entry.key_id,
                "route": kept.entry.route,
                "status": kept.entry.status,
                "basis": None if kept.entry.basis is None else orjson.loads(kept.entry.basis),
                "purpose": kept.entry.purpose,
            }
            for kept in found
        ]
    }
    if len(found) == limit:
        body["next"] = str(request.rel_url.update_query({"after": str(found[-1].number)}))
    return answer(body)
