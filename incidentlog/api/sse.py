"""Following over plain HTTP: server-sent events with the messages of the live protocol (docs/live-protocol.md)."""

import re
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from aiohttp import web

from incidentlog.api.access import note_access
from incidentlog.api.requests import READER, SERVICE, number_of, repeated, several
from incidentlog.api.session import follower
from incidentlog.errors import BadRequest, Fault
from incidentlog.events.values import MAX_INT
from incidentlog.live import Subscribe
from incidentlog.live.messages import SLOWEST_MS, in_utc
from incidentlog.live.stream import ID

OWN: Final = frozenset({"after", "last_event_id", "min_interval_ms", "group_by"})
"""What is no filter."""
_LAST: Final = re.compile(
    r"([0-9a-f-]{36}\.\d{1,9}\.\d{1,9})~([^:\s]{1,300}):(\d{1,16}):([0-9T:.+-]{10,40}[+-]\d\d:\d\d)", re.ASCII
)
routes = web.RouteTableDef()


@routes.get("/v1/projections/{name}/stream", allow_head=False)
async def stream_projection(request: web.Request) -> web.StreamResponse:
    """The rows of a projection and every change of them, with `group_by` and filters as when it is read."""
    return await _stream(request, request.match_info["name"])


@routes.get("/v1/events/stream", allow_head=False)
async def stream_events(request: web.Request) -> web.StreamResponse:
    """The log, narrowed by filters, from its head on, or from `after`."""
    return await _stream(request, "events")


async def _stream(request: web.Request, name: str) -> web.StreamResponse:
    service = request.app[SERVICE]
    reader, token = await follower(request)
    request[READER] = reader
    reader.may("read")
    faults = repeated(request, OWN - {"group_by"})
    if faults:
        raise BadRequest("the stream cannot be opened", errors=faults)
    # Built and not validated: every part is checked here, or by whatever reads it.
    asked = Subscribe.model_construct(
        type="subscribe",
        id=ID,
        projection=name,
        filter=dict(several(request, OWN)),
        group_by=[d for value in request.query.getall("group_by", ()) for d in value.split(",") if d] or None,
        min_interval_ms=number_of(request, "min_interval_ms", default=0, most=SLOWEST_MS),
        **_begin(request, name),
    )
    note_access(request)
    try:
        return await service.hub.stream(request, reader, token, asked)
    except BadRequest as refusal:  # over a WebSocket a filter is a member of its own, here each is a parameter
        faults = [replace(fault, pointer=fault.pointer.removeprefix("/filter")) for fault in refusal.errors]
        raise BadRequest(refusal.detail, errors=faults) from None


def _begin(request: web.Request, name: str) -> dict[str, Any]:
    """Where it goes on: after the last event that the client had, or after a position of the log."""
    # Its instant ends in an offset, whose plus sign is a blank in a query that did not escape it.
    last = request.headers.get("Last-Event-ID") or request.query.get("last_event_id", "").replace(" ", "+")
    if last:
        found = _LAST.fullmatch(last)
        try:
            at = in_utc(datetime.fromisoformat(found[4])) if found else None
        except ValueError:
            at = None
        if found is None or at is None or int(found[3]) > MAX_INT:
            raise BadRequest(errors=[Fault("/Last-Event-ID", "not_an_id", "give the id of an event of this stream")])
        return {"epoch": found[1], "channel": found[2], "from_": int(found[3]), "at": at}
    if "after" not in request.query:
        return {}
    if name != "events":
        raise BadRequest(errors=[Fault("/after", "unknown_parameter", "a projection is streamed from its rows on")])
    return {"from_": number_of(request, "after", default=0, most=2**53 - 1)}
