"""Reads that fold what was reported are dear: few are at it at once, and few more wait."""

from typing import Final

from aiohttp import web

from incidentlog.api.errors import Handler
from incidentlog.api.requests import SERVICE, sender_of
from incidentlog.errors import Overloaded, Problem, TooManyConnections

FOLD_SECONDS: Final = 20.0
"""How long a read waits until others have folded."""
REPORTED: Final = "reported"
FOLDING: Final[tuple[type[Problem], ...]] = (TooManyConnections, Overloaded)
"""With what such a read may be refused."""


def few_at_once(handler: Handler) -> Handler:
    """The handler of a read that may fold: those that do take turns. Raises Overloaded, or TooManyConnections."""

    async def handle(request: web.Request) -> web.StreamResponse:
        if REPORTED not in {request.query.get("basis"), request.query.get("by")}:
            return await handler(request)
        service = request.app[SERVICE]
        with service.folding.place(await sender_of(request)):
            async with service.reported.place(await sender_of(request), seconds=FOLD_SECONDS):
                return await handler(request)

    return handle
