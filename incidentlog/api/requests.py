"""What the routes share: the service, the reader, and the parameters of a request."""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

from aiohttp import web

from incidentlog.api.answers import CODINGS
from incidentlog.api.cookie import session_token
from incidentlog.api.moment import MOMENT, Moment, parse_int, parse_moment
from incidentlog.door.door import STREAM
from incidentlog.errors import (
    BadRequest,
    Fault,
    NotFound,
    ProjectionLagging,
    RequestTimeout,
    TooLarge,
    Unauthenticated,
    UnsupportedEncoding,
)
from incidentlog.service.keys import Reader
from incidentlog.service.service import Service

BODY_SECONDS: Final = 30.0
"""How long one event may take to arrive, or the next piece of a file."""
BODIES_SECONDS: Final = 600.0
"""How long a whole file may take."""
SERVICE: Final = web.AppKey("service", Service)
READER: Final = web.RequestKey("reader", Reader)
"""Who asks, once that is known."""
ASKED_ABOUT: Final = web.RequestKey("asked_about", Moment)
"""The moment that a read is about, once that is known."""
WAIT_SECONDS: Final = 2.0
"""How long a read waits for the projections to reach its position, unless `Prefer: wait=n` says otherwise."""
WAIT_MOST: Final = 10
SOON_SECONDS: Final = 0.5
"""How long a read that names no position waits for the projections to reach the head."""
READS: Final = frozenset({"GET", "HEAD"})
"""The methods of requests that a browser's cookie counts for."""
_POSITIONS: Final = ("at_position", "position", "min_position")


async def reader_of(request: web.Request, scope: str) -> Reader:
    """Who asks, if they may do this."""
    request[READER] = reader = await sender_of(request)
    reader.may(scope)
    return reader


async def sender_of(request: web.Request) -> Reader:
    """Whoever sent a request: by its key, of a read else by the cookie of a browser that signed in, or without one.

    Raises Unauthenticated for a key or a session that is not known, Forbidden for a cookie that is not for this page.
    """
    service = request.app[SERVICE]
    given = request.headers.get("Authorization")
    if given is None and request.method in READS:
        token = session_token(request, service.log.id)
        if token is not None:
            return await service.keys.by_session(token)
    return await service.keys.reader(given, request.remote)


async def moment_of(request: web.Request, *, of_log: bool = False) -> Moment:
    """The moment asked about, as `_moment_of` says; it is noted with the request."""
    request[ASKED_ABOUT] = moment = await _moment_of(request, of_log=of_log)
    return moment


async def _moment_of(request: web.Request, *, of_log: bool) -> Moment:
    """The moment asked about, once the projections have reached it; `of_log` asks for nothing that is derived.

    Raises ProjectionLagging when they do not reach a position that was named; where none was, what they have reached
    is what is known.
    """
    service = request.app[SERVICE]
    faults = repeated(request, {*MOMENT, "min_position"})
    if faults:
        raise BadRequest("the moment cannot be read", errors=faults)
    moment = await parse_moment(request.query, service.pool, service.clock, service.log.calendar)
    wanted = moment.position
    if "min_position" in request.query:
        wanted = max(wanted, parse_int(request.query["min_position"], "/min_position", faults, most=2**53 - 1))
    if faults:
        raise BadRequest(errors=faults)
    if of_log and wanted <= moment.position:
        return moment
    named = bool({*_POSITIONS} & {*request.query}) or ("known_at" in request.query and not moment.open)
    if not await reached(request, wanted, named=named):
        # Whoever asks for what is known now gets what the projections know now: the basis says how far that is.
        return replace(moment, position=service.runner.position)
    if (
        "min_position" in request.query
        and wanted > moment.position
        and not {"at_position", "known_at"} & set(request.query)
    ):
        return await parse_moment(request.query, service.pool, service.clock, service.log.calendar)
    return moment


async def reached(request: web.Request, position: int, *, named: bool) -> bool:
    """Wait for the projections to reach a position; raises ProjectionLagging when they do not, and it was named."""
    service = request.app[SERVICE]
    runner, patience = service.runner, _patience(request) if named else SOON_SECONDS
    if runner.position >= position or await service.unless_it_stops(runner.reached(position, patience)):
        return True
    if named:
        raise ProjectionLagging(f"at position {runner.position}", position=runner.position)
    return False


def _patience(request: web.Request) -> float:
    """Seconds to wait (RFC 7240 §4.3)."""
    for preference in request.headers.get("Prefer", "").split(","):
        name, _, value = preference.strip().partition("=")
        if name == "wait" and value.isascii() and value.isdigit():
            return float(min(int(value[:4]), WAIT_MOST))
    return WAIT_SECONDS


async def body_of(request: web.Request) -> bytes:
    """The whole body, of at most the application's `client_max_size`; raises as `pieces_of` does."""
    _refuse_coding(request)
    if request.content.is_eof():  # it has arrived with its headers, as nearly every event does: nothing to wait for
        return await request.read()
    with arriving():
        async with asyncio.timeout(BODY_SECONDS):
            body = await request.read()
    await refuse_revoked(request)
    return body


async def pieces_of(request: web.Request, *, most: int) -> AsyncIterator[bytes]:
    """The body as it arrives, unpacked.

    Raises TooLarge past so many bytes, RequestTimeout, BadRequest for a broken one, UnsupportedEncoding, and
    Unauthenticated where the key was revoked meanwhile.
    """
    _refuse_coding(request)
    clock = asyncio.get_running_loop().time
    total, deadline = 0, clock() + BODIES_SECONDS
    while True:
        with arriving():
            async with asyncio.timeout_at(min(deadline, clock() + BODY_SECONDS)):
                piece = await request.content.readany()
        await refuse_revoked(request)
        if not piece:
            return
        total += len(piece)
        if total > most:
            raise TooLarge(f"a request may have {most} bytes")
        yield piece


async def refuse_revoked(request: web.Request) -> None:
    """What takes minutes to arrive is appended by a key that is good when it has, and not only when it began."""
    if READER not in request:
        return
    if await sender_of(request) != request[READER]:
        raise Unauthenticated("the key has been changed while the body came")


def _refuse_coding(request: web.Request) -> None:
    """What aiohttp does not unpack it hands on as it came, and that must not pass for what was meant."""
    told = ", ".join(request.headers.getall("Content-Encoding", [])).strip().lower()
    if told and told not in CODINGS:
        raise UnsupportedEncoding(f"the codings are {', '.join(CODINGS)}, one at a time; not {told[:80]}")


@contextmanager
def arriving() -> Iterator[None]:
    """What goes wrong while a body arrives is the sender's: it must not pass for the database's being away."""
    try:
        yield
    except TimeoutError:
        raise RequestTimeout from None
    except web.RequestPayloadError:
        raise BadRequest(errors=[Fault("", "broken_body", "the body is not what its headers say")]) from None
    except ConnectionError:
        raise BadRequest("the client went away") from None


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


def several(request: web.Request, own: Collection[str]) -> Mapping[str, list[str]]:
    """The parameters that narrow something down, each with its values in order: all but a route's own ones.

    Those are given once. Raises BadRequest naming each that is not.
    """
    faults = repeated(request, own)
    if faults:
        raise BadRequest(errors=faults)
    return {name: request.query.getall(name) for name in request.query if name not in own}


def repeated(request: web.Request, names: Collection[str]) -> list[Fault]:
    """A fault for each of these parameters that is given more than once: one of its values would go unheard."""
    return [
        Fault(f"/{name[:80]}", "repeated", "one value is needed")
        for name in sorted({*request.query} & {*names})
        if len(request.query.getall(name)) > 1
    ]


def refuse_unknown(request: web.Request, known: Collection[str]) -> None:
    """For a route whose every parameter is known, and given once. Raises BadRequest naming each that is not.

    A misspelt parameter must not pass for a default, nor the first of two values for both.
    """
    unknown = sorted(set(request.query) - set(known))
    detail = f"the parameters are {', '.join(sorted(known))}" if known else "there are no parameters"
    faults = [Fault(f"/{name[:80]}", "unknown_parameter", detail) for name in unknown]
    faults += repeated(request, known)
    if faults:
        raise BadRequest(errors=faults)
