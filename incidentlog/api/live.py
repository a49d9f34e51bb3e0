"""Where WebSockets come in (API §2)."""

from aiohttp import web

from incidentlog.api.access import note_access
from incidentlog.api.requests import READER, SERVICE
from incidentlog.api.session import follower

routes = web.RouteTableDef()


@routes.get("/v1/live")
async def follow(request: web.Request) -> web.StreamResponse:
    """Follow the log and its projections; without a key, where reading is not open, the first message is `auth`."""
    service = request.app[SERVICE]
    reader, token = await follower(request)
    if token is None and not reader.scopes:
        return await service.hub.handle(request, None)
    request[READER] = reader
    reader.may("read")
    note_access(request)
    return await service.hub.handle(request, reader, token)
