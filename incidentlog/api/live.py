"""Where WebSockets come in (API §2)."""

from aiohttp import web

from incidentlog.api.access import note_access
from incidentlog.api.keys import token_of
from incidentlog.api.requests import READER, SERVICE

routes = web.RouteTableDef()


@routes.get("/v1/live")
async def follow(request: web.Request) -> web.StreamResponse:
    """Follow the log and its projections; without a key, where reading is not open, the first message is `auth`."""
    service = request.app[SERVICE]
    given = request.headers.get("Authorization")
    reader = await service.keys.reader(given)
    if given is None and not reader.scopes:
        return await service.hub.handle(request, None)
    request[READER] = reader
    reader.may("read")
    note_access(request)
    return await service.hub.handle(request, reader, None if given is None else token_of(given))
