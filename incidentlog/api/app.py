"""The application: every route, behind one guard."""

from aiohttp import web

from incidentlog.api import events, health, live, pages, places, projections
from incidentlog.api.errors import guard
from incidentlog.api.requests import SERVICE
from incidentlog.api.service import Service
from incidentlog.importers.door import LINE


def make_app(service: Service) -> web.Application:
    """The routes on a running service."""
    app = web.Application(middlewares=[guard], client_max_size=LINE + 1)
    app[SERVICE] = service
    for module in (events, projections, places, live, health, pages):
        app.add_routes(module.routes)
    return app
