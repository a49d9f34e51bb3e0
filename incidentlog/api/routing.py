"""Reads that a replica may answer: what it cannot do after all, the leader does (docs/scale.md)."""

from typing import TYPE_CHECKING

from aiohttp import web

from incidentlog.api.errors import Handler

if TYPE_CHECKING:
    from incidentlog.service.replicas import Replicas


def from_replicas(handler: Handler, replicas: "Replicas") -> Handler:
    """The handler of a read that changes nothing; once it knows its moment, a replica is chosen for it."""

    async def handle(request: web.Request) -> web.StreamResponse:
        with replicas.routing() as route:
            try:
                return await handler(request)
            except Exception as error:
                if not replicas.failed(route, error):
                    raise
            return await handler(request)

    return handle
