"""Following over plain HTTP: server-sent events with the messages of the live protocol (docs/live-protocol.md)."""

import re
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from aiohttp import web

from incidentlog.api.access import note_access
from incidentlog.api.narrowing import GROUP_BY, NAME, event_filters, tally_filters
from incidentlog.api.operations import Answer, Header, Number, Parameter, Routes, narrowing, refuse_unknown
from incidentlog.api.requests import READER, SERVICE
from incidentlog.api.session import follower
from incidentlog.errors import (
    BadRequest,
    Fault,
    Overloaded,
    ProjectionLagging,
    TooLarge,
    TooManyConnections,
    VersionRetired,
)
from incidentlog.events.values import MAX_INT
from incidentlog.live import Subscribe
from incidentlog.live.messages import SLOWEST_MS, in_utc
from incidentlog.live.stream import ID

AFTER: Final = Number("after", "Begin after this position of the log, and not at its head.", example="1")
RESUME: Final = Header("Last-Event-ID", "Go on after this message of the stream.")
RESUMED: Final = Parameter("last_event_id", "The same, for whatever cannot set headers.")
INTERVAL: Final = Number("min_interval_ms", "The least time between two updates.", most=SLOWEST_MS, example="100")
STREAM: Final = (Answer(str, media="text/event-stream", meaning="Messages of the live protocol, without an end."),)
BUSY: Final = (Overloaded, TooManyConnections, ProjectionLagging, VersionRetired, TooLarge)
_LAST: Final = re.compile(
    r"([0-9a-f-]{36}\.\d{1,9}\.\d{1,9})~([^:\s]{1,300}):(\d{1,16}):([0-9T:.+-]{10,40}[+-]\d\d:\d\d)", re.ASCII
)
routes = Routes()


@routes.get(
    "/v1/projections/{name}/stream",
    allow_head=False,
    scope="read",
    takes=(NAME, INTERVAL, RESUME, RESUMED, GROUP_BY),
    narrows=tally_filters,
    answers=STREAM,
    problems=BUSY,
)
async def stream_projection(request: web.Request) -> web.StreamResponse:
    """The rows of a projection and every change of them, with `group_by` and filters as when it is read."""
    return await _stream(request, NAME.of(request))


@routes.get(
    "/v1/events/stream",
    allow_head=False,
    scope="read",
    takes=(AFTER, INTERVAL, RESUME, RESUMED),
    narrows=event_filters,
    answers=STREAM,
    problems=BUSY,
)
async def stream_events(request: web.Request) -> web.StreamResponse:
    """The log, narrowed by filters, from its head on, or from `after`."""
    return await _stream(request, "events")


async def _stream(request: web.Request, name: str) -> web.StreamResponse:
    service = request.app[SERVICE]
    reader, token = await follower(request)
    request[READER] = reader
    reader.may("read")
    refuse_unknown(request)
    # Built and not validated: every part is checked here, or by whatever reads it.
    asked = Subscribe.model_construct(
        type="subscribe",
        id=ID,
        projection=name,
        filter=dict(narrowing(request)),
        group_by=None if name == "events" else _dimensions(request),
        min_interval_ms=INTERVAL.of(request),
        **_begin(request, name),
    )
    note_access(request)
    try:
        return await service.hub.stream(request, reader, token, asked)
    except BadRequest as refusal:  # over a WebSocket a filter is a member of its own, here each is a parameter
        faults = [replace(fault, pointer=fault.pointer.removeprefix("/filter")) for fault in refusal.errors]
        raise BadRequest(refusal.detail, errors=faults) from None


def _dimensions(request: web.Request) -> list[str] | None:
    return [d for value in GROUP_BY.all_given(request) for d in value.split(",") if d] or None


def _begin(request: web.Request, name: str) -> dict[str, Any]:
    """Where it goes on: after the last event that the client had, or after a position of the log."""
    # Its instant ends in an offset, whose plus sign is a blank in a query that did not escape it.
    last = RESUME.given(request) or (RESUMED.given(request) or "").replace(" ", "+")
    if last:
        found = _LAST.fullmatch(last)
        try:
            at = in_utc(datetime.fromisoformat(found[4])) if found else None
        except ValueError:
            at = None
        if found is None or at is None or int(found[3]) > MAX_INT:
            raise BadRequest(errors=[Fault("/Last-Event-ID", "not_an_id", "give the id of an event of this stream")])
        return {"epoch": found[1], "channel": found[2], "from_": int(found[3]), "at": at}
    return {} if name != "events" or AFTER.given(request) is None else {"from_": AFTER.of(request)}
