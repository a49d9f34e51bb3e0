"""Where WebSockets come in (docs/live-protocol.md)."""

from aiohttp import web

from incidentlog.api.access import note_access
from incidentlog.api.operations import Answer, Routes, refuse_unknown
from incidentlog.api.requests import READER, SERVICE
from incidentlog.api.session import follower
from incidentlog.errors import Overloaded, TooManyConnections
from incidentlog.live import Reader as Following
from incidentlog.service.keys import Reader

routes = Routes()


@routes.get(
    "/v1/live",
    allow_head=False,
    scope="read",
    answers=(Answer(status=101, meaning="A WebSocket, as `/asyncapi.json` describes it."),),
    problems=(Overloaded, TooManyConnections),
)
async def follow(request: web.Request) -> web.StreamResponse:
    """Follow the log and its projections; without a key, where reading is not open, the first message is `auth`."""
    service = request.app[SERVICE]
    refuse_unknown(request)
    reader, token = await follower(request)

    def introduced(by_message: Following) -> None:
        assert isinstance(by_message, Reader)  # noqa: S101 - from the service's own keys
        request[READER] = by_message
        note_access(request)

    if token is None and not reader.scopes:
        return await service.hub.handle(request, None, known=introduced)
    request[READER] = reader
    reader.may("read")
    note_access(request)
    return await service.hub.handle(request, reader, token)
