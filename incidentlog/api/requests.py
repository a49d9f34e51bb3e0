"""What the routes share: the service, the reader, and the parameters of a request."""

from collections.abc import Collection, Mapping
from typing import Final

from aiohttp import web

from incidentlog.api.keys import Reader
from incidentlog.api.moment import MOMENT, Moment, parse_int, parse_moment
from incidentlog.api.service import Service
from incidentlog.errors import BadRequest, Fault, NotFound, ProjectionLagging
from incidentlog.importers.door import STREAM

SERVICE: Final = web.AppKey("service", Service)
WAIT_SECONDS: Final = 2.0
"""How long a read waits for the projections to reach its position, unless `Prefer: wait=n` says otherwise."""
WAIT_MOST: Final = 10


async def reader_of(request: web.Request, scope: str) -> Reader:
    """Who asks, if they may do this."""
    reader = await request.app[SERVICE].keys.reader(request.headers.get("Authorization"))
    reader.may(scope)
    return reader


async def moment_of(request: web.Request) -> Moment:
    """The moment asked about, once the projections have reached it; raises ProjectionLagging when they do not."""
    service = request.app[SERVICE]
    faults = [
        Fault(f"/{name}", "repeated", "one value is needed")
        for name in {*request.query} & {*MOMENT, "min_position"}
        if len(request.query.getall(name)) > 1
    ]
    if faults:
        raise BadRequest("the moment cannot be read", errors=faults)
    moment = await parse_moment(request.query, service.pool, service.clock, service.log.zone)
    wanted = moment.position
    if "min_position" in request.query:
        wanted = max(wanted, parse_int(request.query["min_position"], "/min_position", faults, most=2**53 - 1))
    if faults:
        raise BadRequest(errors=faults)
    if not await service.runner.reached(wanted, _patience(request)):
        raise ProjectionLagging(f"at position {service.runner.position}", position=service.runner.position)
    if (
        "min_position" in request.query
        and wanted > moment.position
        and not {"at_position", "known_at"} & set(request.query)
    ):
        return await parse_moment(request.query, service.pool, service.clock, service.log.zone)
    return moment


def _patience(request: web.Request) -> float:
    """Seconds to wait (RFC 7240 §4.3)."""
    for preference in request.headers.get("Prefer", "").split(","):
        name, _, value = preference.strip().partition("=")
        if name == "wait" and value.isascii() and value.isdigit():
            return float(min(int(value[:4]), WAIT_MOST))
    return WAIT_SECONDS


def stream_of(request: web.Request) -> str:
    """The stream that the path names; raises NotFound for what cannot be one, such as text with a NUL."""
    stream = request.match_info["stream"]
    if not STREAM.fullmatch(stream):
        raise NotFound(f"no stream is called {stream[:161]!r}: the form is category:slug")
    return stream


def limit_of(request: web.Request, *, default: int, most: int) -> int:
    """The page size asked for."""
    return number_of(request, "limit", default=default, least=1, most=most)


def number_of(request: web.Request, name: str, *, default: int, least: int = 0, most: int) -> int:
    """A whole number from the query, within bounds; raises BadRequest."""
    if name not in request.query:
        return default
    faults: list[Fault] = []
    number = parse_int(request.query[name], f"/{name}", faults, least=least, most=most)
    if faults:
        raise BadRequest(errors=faults)
    return number


def several(request: web.Request, without: Collection[str]) -> Mapping[str, list[str]]:
    """The parameters, each with its values in order, but for some."""
    return {name: request.query.getall(name) for name in request.query if name not in without}


def refuse_unknown(request: web.Request, known: Collection[str]) -> None:
    """A misspelt parameter must not pass for a default: raises BadRequest naming every one."""
    unknown = sorted(set(request.query) - set(known))
    if unknown:
        detail = f"the parameters are {', '.join(sorted(known))}"
        raise BadRequest(errors=[Fault(f"/{name[:80]}", "unknown_parameter", detail) for name in unknown])
