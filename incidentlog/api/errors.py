"""The one place where refusals become answers, and requests become log lines."""

import logging
import re
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Final

import structlog
from aiohttp import ClientConnectionResetError, web

from incidentlog.api.answers import problem
from incidentlog.api.codings import as_accepted
from incidentlog.api.cookie import BY_COOKIE, kept_nowhere
from incidentlog.api.operations import OPERATION, Operation
from incidentlog.api.redacting import redacted
from incidentlog.api.requests import STANDING
from incidentlog.api.traffic import Traffic, method_and_route
from incidentlog.errors import BadRequest, Internal, MethodNotAllowed, NotFound, Problem, TooLarge, Unavailable
from incidentlog.service.hosts import Hosts
from incidentlog.store.connect import lost, told, why
from incidentlog.tracing import Tracing

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
POSITION: Final = web.RequestKey("position", int)
"""Set by a route: the position that its answer is about, for the line in the log."""
HOSTS: Final = web.AppKey("hosts", Hosts)
"""The names by which the application may be asked."""
TRAFFIC: Final = web.AppKey("traffic", Traffic)
"""Where the application's requests are counted."""
TRACING: Final = web.AppKey("tracing", Tracing)
"""What is told of requests, where somebody wants traces."""
REFUSED = 400
GONE: Final = 499
"""As nginx has it: whoever asked closed the connection before there was an answer."""
SLOW_SECONDS = 1.0
_GIVEN = re.compile(r"[A-Za-z0-9._-]{8,64}", re.ASCII)
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-((?!0{32})[0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}", re.ASCII)
"""Version 00, or a later one that is written alike (W3C Trace Context §3.2)."""

log = structlog.get_logger(__name__)


def guarded(handler: Handler, operation: Operation | None = None) -> Handler:
    """The handler behind the guard; what was said of its route is known to the request."""
    said = Operation() if operation is None else operation

    async def guard(request: web.Request) -> web.StreamResponse:
        request[OPERATION] = said
        tracing = request.app.get(TRACING)
        return await (_guard(request, handler) if tracing is None else _traced(request, handler, tracing))

    return guard


async def _traced(request: web.Request, handler: Handler, tracing: Tracing) -> web.StreamResponse:
    """A request that is taken down."""
    with tracing.request(*method_and_route(request), request.headers) as answered:
        response = await _guard(request, handler)
        answered(response.status)
    return response


async def _guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give each request an id, answer its refusals as problem+json, and write one line about it.

    A client's mistake is logged without a stack trace; only a fault of ours has one.
    """
    started = time.perf_counter()
    trace = trace_id(request)
    try:
        request.app[HOSTS].admit(request)
        response = await as_accepted(request, await handler(request))
    except Problem as refusal:
        response = _refusal(request, refusal, trace)
    except web.HTTPException as error:
        response = _refusal(request, _from_http(error, request), trace)
        if "Allow" in error.headers:  # RFC 9110 §15.5.6 wants it
            response.headers["Allow"] = error.headers["Allow"]
    except Exception as error:
        if _is_gone(request, error):
            log.info("gone", request_id=trace, method=request.method, path=redacted(request.path))
            return web.Response(status=GONE)  # which nobody gets
        if lost(error):
            log.warning("database_away", request_id=trace, path=redacted(request.path), error=told(error))
            response = _refusal(request, Unavailable(why(error)), trace)
        else:
            log.exception("failed", request_id=trace, method=request.method, path=redacted(request.path))
            response = _refusal(request, Internal(), trace)
    if not response.prepared:
        _complete(request, response, trace)
    took = time.perf_counter() - started
    request.app[TRAFFIC].note(request, response, took)
    # A line for each of thousands of appends a second would cost a twentieth of their time: what went well is told
    # at the level `debug`, what did not, or was slow, always.
    level = logging.DEBUG if response.status < REFUSED and took < SLOW_SECONDS else logging.INFO
    if level == logging.DEBUG and not log.is_enabled_for(level):
        return response
    log.log(
        level,
        "request",
        request_id=trace,
        method=request.method,
        path=redacted(request.path),
        status=response.status,
        position=request.get(POSITION),
        milliseconds=round(took * 1000, 2),
    )
    return response


def _complete(request: web.Request, response: web.StreamResponse, trace: str) -> None:
    """What every answer says that is not sent yet."""
    response.headers["X-Request-Id"] = trace
    if STANDING in request:
        response.headers.update(request[STANDING].headers())
    if BY_COOKIE in request:
        kept_nowhere(response)
    _end_body(request, response)


def _refusal(request: web.Request, refusal: Problem, trace: str) -> web.Response:
    request.app[TRAFFIC].refuse(refusal.slug)
    return problem(refusal, instance=request.path, trace_id=trace)


def _is_gone(request: web.Request, error: Exception) -> bool:
    """Whether it is the connection of whoever asked that broke off."""
    # aiohttp raises its own where it writes, and the plain one where it would upgrade; asyncpg may raise that, too.
    return isinstance(error, ClientConnectionResetError) or (
        isinstance(error, ConnectionResetError) and request.transport is None
    )


def _end_body(request: web.Request, response: web.StreamResponse) -> None:
    """The connection ends with the answer when the body did not: its rest is no request."""
    if request.content.exception() is not None:
        request.content.feed_eof()  # else aiohttp reads on, and logs what is broken as a fault of ours
        response.force_close()
    elif not request.content.is_eof():
        response.force_close()


def trace_id(request: web.BaseRequest) -> str:
    """The caller's id, or the trace of a W3C traceparent, or one of ours, which tells nothing of other requests."""
    headers = request.headers
    if "X-Request-Id" in headers and _GIVEN.fullmatch(headers["X-Request-Id"]):
        return headers["X-Request-Id"]
    if "traceparent" in headers and (parent := _TRACEPARENT.fullmatch(headers["traceparent"])):
        return parent[1]
    return secrets.token_hex(8)


def _from_http(error: web.HTTPException, request: web.Request) -> Problem:
    """Aiohttp's own refusals in our words."""
    match error:
        case web.HTTPNotFound():
            return NotFound(f"nothing is at {request.path[:200]}")
        case web.HTTPMethodNotAllowed():
            return MethodNotAllowed(f"{request.method} is not; {', '.join(sorted(error.allowed_methods))} are")
        case web.HTTPRequestEntityTooLarge():
            return TooLarge()
        case web.HTTPClientError():
            return BadRequest(error.reason)
        case _:
            return Internal()
