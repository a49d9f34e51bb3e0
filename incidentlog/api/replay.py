"""`GET /v1/replay`: history as a stream, with its own spacing (docs/erasure-and-replay.md)."""

import asyncio
import re
from collections.abc import AsyncGenerator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, get_args

import structlog
from aiohttp import web

from incidentlog.api.access import note_access
from incidentlog.api.answers import dumps
from incidentlog.api.errors import POSITION
from incidentlog.api.operations import (
    Answer,
    Choice,
    Header,
    Number,
    Parameter,
    Routes,
    Schema,
    parse_int,
    refuse_unknown,
)
from incidentlog.api.requests import READER, SERVICE
from incidentlog.api.session import follower
from incidentlog.api.shapes import ReplayLine
from incidentlog.audit.replay import By, Pace, Span, Told, pages
from incidentlog.errors import BadRequest, Fault, NotAcceptable, Overloaded, Problem, TooManyConnections
from incidentlog.events.values import start_instant
from incidentlog.folding.domains import NOT_A_TIME, read_when
from incidentlog.folding.encoding import encode_event
from incidentlog.live.passes import Pass
from incidentlog.runner import Wakeup
from incidentlog.service.keys import Reader
from incidentlog.service.service import Service
from incidentlog.shares import Shares
from incidentlog.store.connect import getting_over, lost
from incidentlog.store.read import LogIdentity, read_head
from incidentlog.store.replay import occurred_at
from incidentlog.turns import Turns

REPLAYS: Final = 32
"""How many may run at once."""
EACH: Final = 8
"""How many of them for one key, or one address without a key."""
KEPT: Final = 8
"""How many of them are for keys alone."""
FASTEST: Final = 1e9
LONGEST_GAP: Final = 3_600.0
CHUNK: Final = 32 * 1024
"""Bytes sent at a time while nothing has to wait."""
SEND_SECONDS: Final = 20.0
"""How long a piece may take to go; then the client has stopped reading, and is cut off."""
HEARTBEAT_SECONDS: Final = 15.0
"""How often a client that waits for the next event is told that the service is there; a client that went is noticed."""
LOOK_AGAIN_SECONDS: Final = 10.0
"""How often its key is looked up again, though nobody says that it was revoked."""
RETRY_MS: Final = 2_000

Form = Literal["sse", "ndjson"]


def _number(most: float) -> Schema:
    return {"type": "number", "minimum": 0, "maximum": most}


FROM: Final = Parameter("from", "From this date or time on, by the order.", example="2025-11-01")
TO: Final = Parameter("to", "Up to this date or time, which is not in it.", example="2025-12-01")
SPEED: Final = Parameter(
    "speed", "How many times faster than it was; 0 does not wait.", schema=_number(FASTEST), example="0"
)
BY: Final = Choice(
    "by", "In the order in which it was recorded, or in which it happened.", values=get_args(By), example="occurred"
)
MAX_GAP: Final = Parameter(
    "max_gap", "The most seconds that it waits for an event; 5, if left out.", schema=_number(LONGEST_GAP), example="0"
)
AFTER: Final = Number("after", "Go on after the event at this position.", example="1")
AT_POSITION: Final = Number(
    "at_position", "As known at this position of the log; its head, if left out.", example="100"
)
FORMAT: Final = Choice(
    "format", "The format, whatever `Accept` says.", values=get_args(Form), example="ndjson", raises=(NotAcceptable,)
)
LAST_EVENT_ID: Final = Header("Last-Event-ID", "Go on after this event of the stream.", leads_to=204)
_NUMBER = re.compile(r"[0-9]{1,10}(\.[0-9]{1,6})?", re.ASCII)
_EVENT_ID = re.compile(r"([0-9a-f-]{36})\.(\d{1,9})\.(\d{1,9}):(\d{1,16})(?:@(\d{1,16}))?", re.ASCII)

log = structlog.get_logger(__name__)
routes = Routes()


class Replays:
    """Those that run, so that their number is bounded and they end when the service does."""

    def __init__(self) -> None:
        self.closing = asyncio.Event()
        self.shares = Shares("replays", REPLAYS, each=EACH, kept=KEPT)
        self.send_seconds = SEND_SECONDS
        self.heartbeat_seconds = HEARTBEAT_SECONDS

    async def close(self, _: web.Application) -> None:
        """Let every one of them end, within moments."""
        self.closing.set()

    @property
    def running(self) -> int:
        """How many there are."""
        return self.shares.held.total()

    def place(self, reader: Reader) -> AbstractContextManager[None]:
        """A place for one more; raises Overloaded when there is none, TooManyConnections for who has many already."""
        if self.closing.is_set():
            raise Overloaded("the service stops")
        return self.shares.place(reader)


KEY: Final = web.AppKey("replays", Replays)


def add_replays(app: web.Application) -> None:
    """Give the application what its replays share."""
    app[KEY] = replays = Replays()
    app.on_shutdown.append(replays.close)


@dataclass(frozen=True, slots=True)
class Asked:
    """What the request says."""

    by: By
    since: datetime | None
    until: datetime | None
    upto: int | None
    """As known at which position; None is the head."""
    speed: float
    max_gap_seconds: float
    after: int
    resumed: bool
    form: Form


@routes.get(
    "/v1/replay",
    allow_head=False,
    scope="read",
    takes=(FROM, TO, SPEED, BY, MAX_GAP, AFTER, AT_POSITION, FORMAT, LAST_EVENT_ID),
    answers=(Answer(ReplayLine, media="application/x-ndjson"), Answer(str, media="text/event-stream")),
    problems=(Overloaded, TooManyConnections),
)
async def replay(request: web.Request) -> web.StreamResponse:
    """Stream history up to the head as it is now, spaced as it was, `speed` times faster; 0 does not wait.

    Server-sent events or NDJSON. `after`, or `Last-Event-ID`, goes on after an event that was seen. In the order of
    happening it goes on by what was known when it began: by what came since, that event may be elsewhere in the order.
    """
    service = request.app[SERVICE]
    reader, token = await follower(request)
    request[READER] = reader
    reader.may("read")
    asked = _parse(request, service.log)
    head = (await read_head(service.pool)).position
    upto = head if asked.upto is None else asked.upto
    if upto > head:
        detail = f"the log is at position {head}"
        raise BadRequest(detail, errors=[Fault("/at_position", "ahead_of_log", detail)], position=head)
    if asked.by == "occurred" and asked.after:
        await _refuse_unseen(service, asked, upto, reader.clearance)
    span = Span(asked.by, asked.since, asked.until, asked.after, upto)
    with request.app[KEY].place(reader):
        request[POSITION] = upto
        note_access(request)
        return await _Stream(request, service, asked, span).run(Pass(reader, token, service.keys.follower))


async def _refuse_unseen(service: Service, asked: Asked, upto: int, clearance: int) -> None:
    """Go on after no event but one that the reader was told: where another is in the order says when it happened."""
    pointer = "/Last-Event-ID" if asked.resumed else "/after"
    if asked.after > upto:
        raise BadRequest(errors=[Fault(pointer, "ahead_of_log", f"nothing is at position {asked.after} then")])
    if await occurred_at(service.pool, asked.after, upto=upto, clearance=clearance) is None:
        raise BadRequest(errors=[Fault(pointer, "unknown_event", f"no event at position {asked.after} was told")])


class _Stream:
    """One replay, on its way to one client."""

    def __init__(self, request: web.Request, service: Service, asked: Asked, span: Span) -> None:
        self._request, self._service, self._asked, self._span = request, service, asked, span
        self._replays = request.app[KEY]
        self._pace = Pace(service.clock, asked.speed, asked.max_gap_seconds)
        self._sse = asked.form == "sse"
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no", "Log-Position": str(span.upto)}
        self._response = web.StreamResponse(headers=headers)
        self._response.content_type = "text/event-stream" if self._sse else "application/x-ndjson"
        self._turns = Turns()
        self._buffer: list[bytes] = []
        self._buffered = 0
        self._position, self._events = span.after, 0

    async def run(self, pass_: Pass) -> web.StreamResponse:
        """Tell it to its end, or until its key opens nothing any more: then it is cut off, without an end.

        Raises what is wrong before the first byte.
        """
        telling = asyncio.ensure_future(self._tell(pass_.reader.clearance))
        watching = asyncio.ensure_future(self._ended(pass_))
        try:
            await asyncio.wait({telling, watching}, return_when=asyncio.FIRST_COMPLETED)
            if telling.done():
                return telling.result()
            if not self._response.prepared:
                raise watching.result()
            log.info("replay_ended", reader=pass_.reader.name, position=self._position)
            self._abort()
            return self._response
        finally:
            for task in (telling, watching):
                task.cancel()
            await asyncio.wait({telling, watching})

    async def _ended(self, pass_: Pass) -> Problem:
        """What stands against going on, once something does."""
        changed = self._service.keys.changed
        while True:
            ticket = changed.ticket()
            with getting_over():
                if (problem := await pass_.ended()) is not None:
                    return problem
            await Wakeup.wait(ticket, LOOK_AGAIN_SECONDS)

    async def _tell(self, clearance: int) -> web.StreamResponse:
        told = pages(self._service.pool, self._span, clearance)
        first = await _next(told)  # what fails in the first read is still answered as a problem
        if not first and self._asked.resumed:
            return web.Response(status=204)  # a browser's EventSource comes back for ever unless it is told this
        await self._response.prepare(self._request)
        try:
            if self._request.transport is not None:  # so that a client that stopped reading is noticed early
                self._request.transport.set_write_buffer_limits(high=CHUNK)
            if self._sse:
                self._put(b"retry: %d\n\n" % RETRY_MS)
            await self._send_page(first)
            async for page in told:
                await self._send_page(page)
            if not self._replays.closing.is_set():
                self._put(self._end())
            await self._flush()
            await self._response.write_eof()
        except (ConnectionError, TimeoutError):
            self._abort()
        except Exception as error:
            if not lost(error):
                log.exception("replay_failed", position=self._position)
            self._abort()  # without the end that says it is whole: the client goes on where it was
        finally:
            await told.aclose()
        return self._response

    async def _send_page(self, page: list[Told]) -> None:
        for told in page:
            if (due := self._pace.due(told.instant)) is not None:
                await self._flush()
                await self._wait(due)
            if self._replays.closing.is_set():
                return
            piece = self._event(told)
            self._put(piece)
            await self._turns.spend(len(piece))
            self._position, self._events = told.event.position, self._events + 1
            if self._buffered >= CHUNK:
                await self._flush()
        await self._flush()

    async def _wait(self, due: datetime) -> None:
        closing = self._replays.closing
        while not await self._pace.until(due, closing, self._replays.heartbeat_seconds) and not closing.is_set():
            self._put(b":\n\n" if self._sse else b"\n")
            await self._flush()

    def _event(self, told: Told) -> bytes:
        said = encode_event(told.event, told.status, self._service.log.zone)
        if not self._sse:
            return said + b"\n"
        known = f"@{self._span.upto}" if self._span.by == "occurred" else ""
        name = f"{self._service.log.epoch}:{told.event.position}{known}".encode()
        return b"id: " + name + b"\nevent: event\ndata: " + said + b"\n\n"

    def _end(self) -> bytes:
        said = dumps({"end": {"position": self._position, "events": self._events, "head": self._span.upto}})
        return b"event: end\ndata: " + said + b"\n\n" if self._sse else said + b"\n"

    def _put(self, piece: bytes) -> None:
        self._buffer.append(piece)
        self._buffered += len(piece)

    async def _flush(self) -> None:
        """Send what has gathered, once the client has taken what it was sent. Raises TimeoutError when it does not."""
        if self._buffer:
            piece = b"".join(self._buffer)
            self._buffer.clear()
            self._buffered = 0
            async with asyncio.timeout(self._replays.send_seconds):
                await self._response.write(piece)

    def _abort(self) -> None:
        if self._request.transport is not None:
            self._request.transport.abort()


async def _next(told: AsyncGenerator[list[Told], None]) -> list[Told]:
    """The first page that has something in it; an empty one when there is none."""
    async for page in told:
        if page:
            return page
    return []


def _parse(request: web.Request, identity: LogIdentity) -> Asked:
    """What is asked for; raises BadRequest with every fault, NotAcceptable."""
    refuse_unknown(request)
    faults: list[Fault] = []
    by = "recorded" if (given := BY.given(request)) is None else given
    faults += BY.faults(by)
    since, until = (_instant(request, each, identity.calendar, faults) for each in (FROM, TO))
    if since is not None and until is not None and until < since:
        faults.append(Fault("/to", "ends_before_start", "to is before from"))
    speed = _number_of(request, SPEED, 1.0, FASTEST, faults)
    max_gap = _number_of(request, MAX_GAP, 5.0, LONGEST_GAP, faults)
    place = _place(request, by, identity, faults)
    form = _form(request, faults)
    if faults:
        raise BadRequest("the replay cannot be made", errors=faults)
    order: By = "occurred" if by == "occurred" else "recorded"
    return Asked(order, since, until, place.upto, speed, max_gap, place.after, place.resumed, form)


def _instant(request: web.Request, parameter: Parameter, zone: str, faults: list[Fault]) -> datetime | None:
    if (text := parameter.given(request)) is None:
        return None
    when = read_when(text)
    if when is None:
        faults.append(Fault(f"/{parameter.name}", "not_a_time", NOT_A_TIME))
        return None
    return start_instant(when, zone)


def _number_of(request: web.Request, parameter: Parameter, default: float, most: float, faults: list[Fault]) -> float:
    if (text := parameter.given(request)) is None:
        return default
    if _NUMBER.fullmatch(text) and (number := float(text)) <= most:
        return number
    faults.append(Fault(f"/{parameter.name}", "not_a_number", f"give a number from 0 to {most:g}"))
    return default


@dataclass(frozen=True, slots=True)
class _Place:
    """Where to go on."""

    after: int = 0
    """The position of the last event seen; 0 for none."""
    upto: int | None = None
    """As known at which position; None is the head."""
    resumed: bool = False
    """Whether it came back with `Last-Event-ID`, which outdoes `after` and `at_position`."""


def _place(request: web.Request, by: str, identity: LogIdentity, faults: list[Fault]) -> _Place:
    if (given := LAST_EVENT_ID.given(request)) is not None:
        return _place_of(given, by, identity, faults)
    after, upto = (
        None if (text := each.given(request)) is None else parse_int(text, f"/{each.name}", faults, most=each.most)
        for each in (AFTER, AT_POSITION)
    )
    if after and upto is None and by == "occurred":
        detail = "the order is that of one state of knowledge: give the Log-Position that the part before came with"
        faults.append(Fault("/at_position", "missing", detail))
    return _Place(after or 0, upto)


def _place_of(event_id: str, by: str, identity: LogIdentity, faults: list[Fault]) -> _Place:
    matched = _EVENT_ID.fullmatch(event_id)
    if matched is None:
        faults.append(Fault("/Last-Event-ID", "not_an_id", "give the id of an event of this stream"))
    elif (matched[1], int(matched[2])) != (str(identity.id), identity.fork):
        faults.append(Fault("/Last-Event-ID", "epoch_changed", "it is of another log, or of one that was restored"))
    elif by == "occurred" and matched[5] is None:
        detail = "it does not say by what was known its stream was in order; begin again without it"
        faults.append(Fault("/Last-Event-ID", "no_head", detail))
    elif by == "recorded" and matched[5] is not None:
        faults.append(Fault("/Last-Event-ID", "other_order", "it is of a stream by=occurred"))
    else:
        return _Place(int(matched[4]), None if matched[5] is None else int(matched[5]), resumed=True)
    return _Place()


def _form(request: web.Request, faults: list[Fault]) -> Form:
    """Server-sent events or NDJSON; raises NotAcceptable where a client takes neither."""
    match FORMAT.given(request):
        case "sse":
            return "sse"
        case "ndjson":
            return "ndjson"
        case str(other):
            faults += FORMAT.faults(other)
    accepted = [part.partition(";")[0].strip().lower() for part in request.headers.get("Accept", "*/*").split(",")]
    for kind in accepted:
        if kind == "text/event-stream":
            return "sse"
        if kind in {"application/x-ndjson", "application/ndjson", "application/*", "*/*", ""}:
            return "ndjson"
    raise NotAcceptable("a replay is text/event-stream or application/x-ndjson")
