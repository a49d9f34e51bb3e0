"""What the routes share: the service, the reader, and the parameters of a request."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Final, TypeVar

from aiohttp import web
from pydantic import BaseModel, ValidationError

from incidentlog.api.answers import CODINGS, IF_NONE_MATCH
from incidentlog.api.cookie import session_token
from incidentlog.api.moment import AT_POSITION, KNOWN_AT, MOMENT, POSITION, Moment, parse_moment
from incidentlog.api.operations import OPERATION, Header, Number, Segment, asked, refuse_unknown
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
from incidentlog.proxies import address_of
from incidentlog.service.keys import Reader, token_of
from incidentlog.service.rates import Standing
from incidentlog.service.service import Service

BODY_SECONDS: Final = 30.0
"""How long one event may take to arrive, or the next piece of a file."""
BODIES_SECONDS: Final = 600.0
"""How long a whole file may take."""
SLOWEST: Final = 1_000.0
"""Bytes a second that a file has to come at after the first BODY_SECONDS: who drips holds no place for ten minutes."""
SERVICE: Final = web.AppKey("service", Service)
READER: Final = web.RequestKey("reader", Reader)
"""Who asks, once that is known."""
STANDING: Final = web.RequestKey("standing", Standing)
"""How many requests whoever asks has left, once this one is counted, where there is a limit."""
ASKED_ABOUT: Final = web.RequestKey("asked_about", Moment)
"""The moment that a read is about, once that is known."""
WAIT_SECONDS: Final = 2.0
"""How long a read waits for the projections to reach its position, unless `Prefer: wait=n` says otherwise."""
WAIT_MOST: Final = 10
SOON_SECONDS: Final = 0.5
"""How long a read that names no position waits for the projections to reach the head,"""
SOON_EVENTS: Final = 100
"""and how far they may be from it: behind a bulk they stay, and each read would wait for nothing."""
READS: Final = frozenset({"GET", "HEAD"})
"""The methods of requests that a browser's cookie counts for."""
MIN_POSITION: Final = Number(
    "min_position",
    "Wait until everything up to this position is in the answer.",
    example="1",
    raises=(ProjectionLagging,),
)
PREFER: Final = Header(
    "Prefer",
    f"`wait=n`: how many seconds to wait for a position, at most {WAIT_MOST}; else {WAIT_SECONDS:.0f}.",
    example="wait=1",
)
ABOUT: Final = (*MOMENT, MIN_POSITION, PREFER, IF_NONE_MATCH)
"""What says about which moment a read is (docs/knowledge.md)."""
STREAM_NAME: Final = Segment(
    "stream",
    "A stream, as `category:slug`.",
    example="ceasefire:easter-2025",
    schema={"type": "string", "pattern": STREAM.pattern},
)
_POSITIONS: Final = (AT_POSITION, POSITION, MIN_POSITION)


async def reader_of(request: web.Request) -> Reader:
    """Who asks, if they may do this, and ask for nothing that the route does not take."""
    request[READER] = reader = await sender_of(request)
    if (scope := request[OPERATION].scope) is not None:
        reader.may(scope)
    refuse_unknown(request)
    return reader


async def sender_of(request: web.Request) -> Reader:
    """Whoever sent a request: by its key, of a read else by the cookie of a browser that signed in, or without one.

    The request is counted, once. Raises Unauthenticated for a key or a session that is not known, Forbidden for a
    cookie that is not for this page, TooManyRequests.
    """
    if STANDING in request:  # what is asked again while a body arrives is one request
        return await _sender_of(request)
    return await _counted(request, _sender_of(request))


async def session_of(request: web.Request, token: str) -> Reader:
    """Who has signed in by a token, whatever the request is; it is counted, and raises, as with `sender_of`."""
    _look_up(request, token)
    return await _counted(request, request.app[SERVICE].keys.by_session(token))


async def _counted(request: web.Request, asking: Awaitable[Reader]) -> Reader:
    """Whoever asks, and one request less that they may make."""
    rates = request.app[SERVICE].rates
    try:
        reader = await asking
    except Unauthenticated:
        _count(request, rates.stranger(address_of(request)))
        raise
    _count(request, rates.take(reader))
    return reader


def _count(request: web.Request, standing: Standing | None) -> None:
    if standing is None:
        return
    request[STANDING] = standing
    if standing.refused:
        raise standing.refuse()


async def _sender_of(request: web.Request) -> Reader:
    service = request.app[SERVICE]
    given = request.headers.get("Authorization")
    if given is None and request.method in READS:
        token = session_token(request, service.log.id)
        if token is not None:
            _look_up(request, token)
            return await service.keys.by_session(token)
    if given is not None:
        _look_up(request, token_of(given))
    return await service.keys.reader(given, address_of(request))


def _look_up(request: web.Request, token: str) -> None:
    """Raises TooManyRequests where the database is not asked for one more key that may be none."""
    service = request.app[SERVICE]
    if not service.keys.remembers(token):
        service.rates.refuse_guessing(address_of(request))


async def moment_of(request: web.Request, *, of_log: bool = False) -> Moment:
    """The moment asked about, as `_moment_of` says; it is noted with the request, and where it is read is chosen."""
    request[ASKED_ABOUT] = moment = await _moment_of(request, of_log=of_log)
    await choose_replica(request)
    return moment


async def choose_replica(request: web.Request) -> None:
    """Have what follows read from a replica, where one has all that is known by now."""
    if (replicas := request.app[SERVICE].replicas) is not None:
        await replicas.choose()


async def _moment_of(request: web.Request, *, of_log: bool) -> Moment:
    """The moment asked about, once the projections have reached it; `of_log` asks for nothing that is derived.

    Raises ProjectionLagging when they do not reach a position that was named; where none was, what they have reached
    is what is known.
    """
    service = request.app[SERVICE]

    async def found() -> Moment:
        return await parse_moment(asked(request, MOMENT), service.pool, service.clock, service.log.calendar)

    moment = await found()
    least = MIN_POSITION.of(request)
    wanted = max(moment.position, least)
    if of_log and wanted <= moment.position:
        return moment
    known_at = KNOWN_AT.given(request) is not None
    named = bool(asked(request, _POSITIONS)) or (known_at and not moment.open)
    if not await reached(request, wanted, named=named):
        # Whoever asks for what is known now gets what the projections know now: the basis says how far that is.
        return replace(moment, position=service.runner.position)
    if least > moment.position and not known_at and AT_POSITION.given(request) is None:
        moment = await found()
    return replace(moment, least=max(moment.least, min(least, moment.position)))


async def reached(request: web.Request, position: int, *, named: bool) -> bool:
    """Wait for the projections to reach a position; raises ProjectionLagging when they do not, and it was named."""
    service = request.app[SERVICE]
    runner = service.runner
    soon = SOON_SECONDS if position - runner.position <= SOON_EVENTS else 0.0
    patience = _patience(request) if named else soon
    if runner.position >= position or await service.unless_it_stops(runner.reached(position, patience)):
        return True
    if named:
        raise ProjectionLagging(f"at position {runner.position}", position=runner.position)
    return False


def _patience(request: web.Request) -> float:
    """Seconds to wait (RFC 7240 §4.3)."""
    for preference in (PREFER.given(request) or "").split(","):
        name, _, value = preference.strip().partition("=")
        if name == "wait" and value.isascii() and value.isdigit():
            return float(min(int(value[:4]), WAIT_MOST))
    return WAIT_SECONDS


async def body_of(request: web.Request) -> bytes:
    """The whole body, of at most the application's `client_max_size`; raises as `pieces_of` does."""
    refuse_coding(request)
    if request.content.is_eof():  # it has arrived with its headers, as nearly every event does: nothing to wait for
        return await request.read()
    with arriving():
        async with asyncio.timeout(BODY_SECONDS):
            body = await request.read()
    await refuse_revoked(request)
    return body


M = TypeVar("M", bound=BaseModel)


async def model_of(request: web.Request, model: type[M]) -> M:
    """The body as a model of its JSON. Raises BadRequest with every fault, and as `body_of` does."""
    try:
        return model.model_validate_json(await body_of(request))
    except ValidationError as invalid:
        faults = [
            Fault("".join(f"/{part}" for part in e["loc"]), e["type"], e["msg"])
            for e in invalid.errors(include_url=False, include_input=False)
        ]
        raise BadRequest(errors=faults) from None


async def pieces_of(request: web.Request, *, most: int) -> AsyncIterator[bytes]:
    """The body as it arrives, unpacked.

    Raises TooLarge past so many bytes, RequestTimeout, BadRequest for a broken one, UnsupportedEncoding, and
    Unauthenticated where the key was revoked meanwhile.
    """
    refuse_coding(request)
    clock = asyncio.get_running_loop().time
    total, began = 0, clock()
    while True:
        with arriving():
            by_now = began + min(BODIES_SECONDS, BODY_SECONDS + total / SLOWEST)
            async with asyncio.timeout_at(min(by_now, clock() + BODY_SECONDS)):
                piece = await request.content.readany()
        await refuse_revoked(request)
        if not piece:
            return
        total += len(piece)
        if total > most:
            raise TooLarge(f"a request may have {most} bytes")
        yield piece


async def refuse_revoked(request: web.Request) -> None:
    """Raises Unauthenticated for a key that was revoked since the request began.

    For what takes long: to arrive, to be appended part by part, or to have its turn.
    """
    if READER not in request:
        return
    if not (await sender_of(request)).is_still(request[READER]):
        raise Unauthenticated("the key has been changed since the request began")


def refuse_coding(request: web.Request) -> None:
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
    stream = STREAM_NAME.of(request)
    if not STREAM.fullmatch(stream):
        raise NotFound(f"no stream is called {stream[:161]!r}: the form is category:slug")
    return stream
