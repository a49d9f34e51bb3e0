"""Whether the service lives, and whether it can do its work."""

import asyncio
from typing import Any, Final

from aiohttp import web

from incidentlog import __version__
from incidentlog.api.answers import answer
from incidentlog.api.operations import Answer, Parameter, Routes
from incidentlog.api.requests import SERVICE, sender_of
from incidentlog.api.shapes import Alive, Ready
from incidentlog.errors import Forbidden, Unauthenticated
from incidentlog.events.values import Tlp
from incidentlog.service.service import Service
from incidentlog.store.builds import Lag, active_builds, built, lags
from incidentlog.store.connect import why
from incidentlog.store.read import read_head

routes = Routes()
VERBOSE: Final = Parameter(
    "verbose", "Tell each check, to a key that may read.", example="", raises=(Unauthenticated, Forbidden)
)
SEALING_IS_WELL = frozenset({"sealing", "following", "off"})
FAILS = "they fail: a key that is cleared for RED is told why"
ANSWER_SECONDS: Final = 2.0
"""How long the database may take to say whose a key is, and then to answer."""
LAG_EVENTS = 10_000
"""How far the projections may be behind before the service says it is not ready; for how long, the settings say."""


@routes.get("/livez", answers=Alive)
async def live(_: web.Request) -> web.Response:
    """The process answers."""
    return answer({"status": "ok"})


@routes.get(
    "/readyz",
    takes=(VERBOSE,),
    answers=(Answer(Ready, meaning="It can."), Answer(Ready, status=503, meaning="It cannot, or not yet.")),
)
async def ready(request: web.Request) -> web.Response:
    """The database answers, appends go through, the projections keep up and can be followed here.

    `verbose` tells each check, and how long the log is: to those who may read it, and no more of it than they may.
    """
    service = request.app[SERVICE]
    clearance = await _verbose_for(request)
    checks: dict[str, Any] = {"database": "ok", "appends": _appends(service), "projections": "ok"}
    head, lagging = service.runner.position, list[Lag]()
    warnings = [part.warning for part in (service.standbys, service.fanout, service.notary) if part is not None]
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            head = (await read_head(service.pool)).position
            service.runner.expect(head)
            builds = await active_builds(service.pool)
            if not (built(builds) and await service.hub.follows_all()):
                checks["projections"] = "not built yet"
            if clearance is not None:
                lagging = await lags(service.pool, builds.values(), clearance)
                warnings.append(await service.ahead.look())
    except Exception as error:  # noqa: BLE001 - whatever it is, the database does not answer
        checks["database"] = why(error) or type(error).__name__
    lag = head - service.runner.position
    if service.runner.failure is not None:
        # It may quote the event that was too much for a projection, whatever that is marked.
        checks["projections"] = service.runner.failure if clearance == Tlp.RED else FAILS
    elif lag > LAG_EVENTS:
        checks["projections"] = f"{lag} events behind"
    elif service.runner.still_seconds > service.still_seconds:
        checks["projections"] = f"no progress for {service.runner.still_seconds:.0f} s, and {lag} behind"
    elif service.runner.lag_seconds > service.lag_seconds:
        checks["projections"] = f"{service.runner.lag_seconds:.0f} s behind"
    if service.notary.status not in SEALING_IS_WELL:
        checks["sealing"] = service.notary.status
    good = all(value == "ok" for value in checks.values())
    body: dict[str, Any] = {"status": "ok" if good else "not ready"}
    if clearance is not None:
        body |= {
            "checks": checks,
            "warnings": [warning for warning in warnings if warning is not None],
            "head": head,
            "position": service.runner.position,
            "lag_events": lag,
            "lag_seconds": round(service.runner.lag_seconds, 3),
            "still_seconds": round(service.runner.still_seconds, 3),
            "projections": {
                each.projection: {
                    "version": each.version,
                    "position": each.position,
                    "lag_events": head - each.position,
                    "lag_seconds": round(each.seconds, 3),
                    "parked": each.parked,
                }
                for each in lagging
            },
            "does": list(service.roles),
            "replicas": _replicas(service),
            "roles": "shared" if service.access.shared_roles else "separate",
            "sealing": service.notary.status,
            "sealed": service.notary.size,
            "log": str(service.log.id),
            "fork": service.log.fork,
            "zone": service.log.zone,
            "zone_data": service.log.zone_data,
            "version": __version__,
        }
    return answer(body, status=200 if good else 503)


async def _verbose_for(request: web.Request) -> int | None:
    """Up to which marking whoever asks for each check may see; None where nobody does.

    Raises Unauthenticated or Forbidden where that is not for who asks, TimeoutError where the database does not say.
    """
    if VERBOSE.given(request) is None:
        return None
    async with asyncio.timeout(ANSWER_SECONDS):
        reader = await sender_of(request)
    reader.may("read")
    return reader.clearance


def _replicas(service: Service) -> list[dict[str, Any]]:
    """Of each replica whether it is read from, and how far it is behind."""
    replicas = service.replicas
    if replicas is None:
        return []
    return [
        {"server": r.name, "left_out": replicas.why_left_out(r), "lag_seconds": round(r.lag_seconds, 3)}
        for r in replicas.each
    ]


def _appends(service: Service) -> str:
    writer = service.writer
    if writer.failure is not None:
        return writer.failure
    if writer.overdue_seconds:
        return f"an append is not answered, {writer.overdue_seconds:.0f} s after it should be"
    refusal = None if service.standbys is None else service.standbys.refusal
    return refusal or "ok"
