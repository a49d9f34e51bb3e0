"""The application: every route, each behind the guard."""

from typing import Final

from aiohttp import web

from incidentlog.api import (
    access,
    asyncapi,
    audit,
    board,
    builds,
    bulk,
    candidates,
    cloudevents,
    diff,
    events,
    health,
    imports,
    keyring,
    live,
    metrics,
    openapi,
    pages,
    places,
    projections,
    replay,
    session,
    sse,
    subjects,
    verify,
    webhooks,
)
from incidentlog.api.cors import Origins
from incidentlog.api.errors import HOSTS, TRACING, TRAFFIC, guarded
from incidentlog.api.folds import few_at_once
from incidentlog.api.generations import in_one_generation
from incidentlog.api.operations import operation_of
from incidentlog.api.requests import SERVICE
from incidentlog.api.routing import from_replicas
from incidentlog.api.traffic import Traffic
from incidentlog.door.door import LINE
from incidentlog.proxies import PROXIES
from incidentlog.service.service import Service

MODULES: Final = (
    sse, bulk, imports, cloudevents, events, projections, subjects, candidates, builds, diff, places, live, session,
    audit, replay, access, keyring, webhooks, health, verify, metrics, asyncapi, openapi, board, pages,
)  # fmt: skip
"""Those that have routes; the first that fits is taken."""
ORIGINS: Final = web.AppKey("origins", Origins)
"""Whose pages may read."""
DERIVED: Final = (projections, subjects, candidates, diff)
"""What answers from that which an erasure builds anew."""
REPLICATED: Final = (*DERIVED, events, cloudevents)
"""What replicas may answer."""
ALONE: Final = (health, metrics)
"""What a node tells that serves nothing else."""


def make_app(service: Service) -> web.Application:
    """The routes on a running service."""
    app = web.Application(client_max_size=LINE + 1)
    app[SERVICE] = service
    app[HOSTS], app[TRAFFIC], app[PROXIES] = service.hosts, Traffic(), service.proxies
    if service.tracing is not None:
        app[TRACING] = service.tracing
    app[ORIGINS] = origins = Origins(service.origins)
    if service.origins:
        app.on_response_prepare.append(origins.mark)
    app[openapi.DESCRIBED] = MODULES
    candidates.add_reviews(app)
    replay.add_replays(app)
    app.on_shutdown.append(_stop_waiting)
    # Each handler is wrapped, instead of one middleware before them all: that costs a tenth of an append's time.
    for module in MODULES if "api" in service.roles else ALONE:
        for route in module.routes:
            assert isinstance(route, web.RouteDef)  # noqa: S101 - the modules have no static files
            own = route.handler
            if service.replicas is not None and module in REPLICATED and route.method == "GET":
                own = from_replicas(own, service.replicas)
            if module in DERIVED:
                own = few_at_once(in_one_generation(own))
            handler = guarded(own, operation_of(route))
            if route.method == "GET":
                handler = access.noted(handler)
            kwargs = {name: value for name, value in route.kwargs.items() if name != "operation"}
            app.add_routes([web.RouteDef(route.method, route.path, handler, kwargs)])
    app.router.add_route("*", r"/{nowhere:[\s\S]*}", guarded(nowhere))
    return app


async def _stop_waiting(app: web.Application) -> None:
    app[SERVICE].stopping.set()


async def nowhere(request: web.Request) -> web.Response:
    """Whatever no route takes. Raises what says whether the path or the method is wrong."""
    if (granted := request.app[ORIGINS].preflight(request)) is not None:
        return granted
    allowed: set[str] = set()
    for resource in request.app.router.resources():
        allowed |= (await resource.resolve(request))[1]
    allowed -= {"*"}
    raise web.HTTPMethodNotAllowed(request.method, sorted(allowed)) if allowed else web.HTTPNotFound
