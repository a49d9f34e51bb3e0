"""CloudEvents 1.0, in and out: structured, batched, and as HTTP headers (docs/cloudevents.md)."""

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote, unquote
from uuid import UUID

import orjson
from aiohttp import web

from incidentlog.api.answers import dumps
from incidentlog.api.audit import EVENT
from incidentlog.api.bulk import BadLines, append_whole, judging
from incidentlog.api.errors import POSITION
from incidentlog.api.events import AFTER, find_event, search
from incidentlog.api.narrowing import event_filters
from incidentlog.api.operations import Answer, Body, Choice, Number, Routes, narrowing
from incidentlog.api.requests import ABOUT, SERVICE, moment_of, pieces_of, reader_of
from incidentlog.api.shapes import CloudEvent, TakenCloudEvents
from incidentlog.door.door import Candidate
from incidentlog.errors import (
    BadRequest,
    Fault,
    Overloaded,
    Problem,
    RefusedLines,
    Tampered,
    TooLarge,
    UnsupportedMediaType,
)
from incidentlog.events.cloudevents import JSON, SPEC, STRUCTURED, cloudevent
from incidentlog.events.values import TLP_LABELS
from incidentlog.ids import imported_id
from incidentlog.service.keys import Reader
from incidentlog.service.service import Service
from incidentlog.store.filters import parse_event_filter
from incidentlog.turns import Turns

BATCH: Final = "application/cloudevents-batch+json"
BYTES: Final = 4 * 1024 * 1024
EVENTS: Final = 1_000
"""The most of a batch."""
MODES: Final = ("structured", "binary")
_HEADER: Final = re.compile(r"ce-([a-z0-9]+)", re.IGNORECASE | re.ASCII)
_PLAIN: Final = "!#$&'()*+,-./:;<=>?@[\\]^_`{|}~"
"""What a header carries as it is, beside letters and digits: all of ASCII but blanks, quotes and percent signs."""

MODE: Final = Choice("mode", "Whole (`structured`, if left out), or its attributes as headers.", values=MODES)
LIMIT: Final = Number("limit", "The most events.", default=100, least=1, most=1_000, example="10")
PAGED: Final = ("Log-Position", "Link")

routes = Routes()


@routes.post(
    "/v1/cloudevents",
    scope="report",
    body=Body(CloudEvent, media=(STRUCTURED, BATCH, JSON), meaning="One, a batch, or the data with `ce-` headers."),
    answers=(Answer(TakenCloudEvents, status=201, meaning="All are in the log.", headers=("Log-Position",)),),
    problems=(RefusedLines, TooLarge, Overloaded, Tampered),
)
async def take_cloudevents(request: web.Request) -> web.StreamResponse:
    """Append a CloudEvent, or a batch of them, all or none; the `data` of each is an event as `/v1/events` takes it."""
    service = request.app[SERVICE]
    reader = await reader_of(request)
    service.admit_appends()
    sent = await _received(request)
    if not sent:
        raise BadRequest(errors=[Fault("", "empty", "there is no event in the batch")])
    if len(sent) > EVENTS:
        raise BadRequest(errors=[Fault("", "too_many", f"a batch may have {EVENTS} events")])
    candidates = await _read(service, reader, sent)
    taken = await append_whole(request, reader, candidates, range(1, len(candidates) + 1))
    assert taken.last is not None  # noqa: S101 - all are in the log
    request[POSITION] = taken.last
    told = {"ids": [str(candidate.command.event_id) for candidate in candidates]}
    return await taken.answer(told, {"Log-Position": str(taken.last)})


@routes.get(
    "/v1/cloudevents",
    scope="read",
    takes=(*ABOUT, AFTER, LIMIT),
    narrows=event_filters,
    answers=(Answer(list[CloudEvent], media=BATCH, headers=PAGED),),
)
async def list_cloudevents(request: web.Request) -> web.Response:
    """The log in its order as batches of CloudEvents, narrowed as `/v1/events` is; `Link` names the next."""
    service = request.app[SERVICE]
    reader = await reader_of(request)
    moment = await moment_of(request, of_log=True)
    after, limit = AFTER.of(request), LIMIT.of(request)
    wanted = parse_event_filter(narrowing(request), service.log.calendar)
    found, reach = await search(service, wanted, moment, reader.clearance, after=after, limit=limit)
    headers = {"Log-Position": str(moment.position)}
    if reach < moment.position:
        headers["Link"] = f'<{request.rel_url.update_query({"after": str(reach)})}>; rel="next"'
    turns, written = Turns(), list[bytes]()
    for event, status in await found.with_statuses():
        written.append(dumps(cloudevent(event, status, service.log.id)))
        await turns.spend(len(written[-1]))
    return _answer(b"[" + b",".join(written) + b"]", BATCH, headers)


@routes.get(
    "/v1/cloudevents/{id}",
    scope="read",
    takes=(EVENT, *ABOUT, MODE),
    answers=(Answer(CloudEvent, media=STRUCTURED), Answer(dict[str, Any])),
)
async def show_cloudevent(request: web.Request) -> web.Response:
    """One event as a CloudEvent; with `mode=binary` its attributes are headers and its data the body."""
    service = request.app[SERVICE]
    reader = await reader_of(request)
    mode = MODE.of(request) or MODES[0]
    moment = await moment_of(request, of_log=True)
    event, status = await find_event(request, moment, reader.clearance)
    told = cloudevent(event, status, service.log.id)
    headers = {"Log-Position": str(moment.position)}
    if mode == "structured":
        return _answer(dumps(told), STRUCTURED, headers)
    data = dumps(told.pop("data")) if "data" in told else b""
    kind = str(told.pop("datacontenttype"))
    return _answer(data, kind, headers | {f"ce-{name}": quote(str(value), safe=_PLAIN) for name, value in told.items()})


def _answer(body: bytes, kind: str, headers: Mapping[str, str]) -> web.Response:
    response = web.Response(body=body, headers=dict(headers))
    response.headers["Content-Type"] = kind
    response.headers["Cache-Control"] = "no-cache"
    return response


async def _received(request: web.Request) -> list[Any]:
    """The CloudEvents of a request, in whichever of the three modes it is."""
    kind = request.content_type
    if kind not in {STRUCTURED, BATCH, JSON} or (kind == JSON and "ce-specversion" not in request.headers):
        raise UnsupportedMediaType(f"send {STRUCTURED}, {BATCH}, or {JSON} with ce- headers; not {kind}")
    raw = b"".join([piece async for piece in pieces_of(request, most=BYTES)])
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise BadRequest(errors=[Fault("", "not_json", str(error))]) from error
    if kind == JSON:
        named = ((_HEADER.fullmatch(name), value) for name, value in request.headers.items())
        return [{name[1].lower(): unquote(value) for name, value in named if name} | {"data": body}]
    if kind == STRUCTURED:
        return [body]
    if not isinstance(body, list):
        raise BadRequest(errors=[Fault("", "not_a_list", "a batch is a JSON array")])
    return body


async def _read(service: Service, reader: Reader, sent: list[Any]) -> list[Candidate]:
    """Each as the door reads it; raises RefusedLines, in which a line is an event's number in the batch."""
    bad, candidates, seen, turns = BadLines(), list[Candidate](), dict[UUID, int](), judging()
    for number, each in enumerate(sent, 1):
        faults: list[Fault] = []
        event = event_of(each, faults)
        if not faults:
            line = orjson.dumps(event)
            await turns.spend(len(line))
            try:
                candidates.append(service.door.read(line, recorded_by=reader.name))
                if (first := seen.setdefault(candidates[-1].command.event_id, number)) != number:
                    faults.append(Fault("/id", "repeated_id", f"event {first} of the batch has it too"))
            except Problem as refusal:
                faults += [_placed(fault) for fault in refusal.errors] or [Fault("", refusal.slug, refusal.detail)]
        if faults:
            bad.add(number, faults)
    bad.refuse()
    return candidates


def event_of(sent: Any, faults: list[Fault]) -> dict[str, Any]:
    """The event that a CloudEvent says; what cannot be is added to the faults.

    An id that is no UUID stands for one that is made of it and the source, always the same: together they are unique.
    """
    if not isinstance(sent, dict):
        faults.append(Fault("", "not_an_object", "a CloudEvent is a JSON object"))
        return {}
    if sent.get("specversion") != SPEC:
        faults.append(Fault("/specversion", "unknown_value", f"the version is {SPEC}"))
    lacking = [name for name in ("id", "source", "type") if not isinstance(sent.get(name), str) or not sent[name]]
    faults += [Fault(f"/{name}", "missing", "it is a text that is not empty") for name in lacking]
    data = sent.get("data")
    if "data_base64" in sent or not isinstance(data, dict):
        faults.append(Fault("/data", "not_an_object", "the data is an event as a JSON object"))
        return {}
    if faults:
        return {}
    said = {"id": _id(sent["source"], sent["id"]), "type": sent["type"], "stream": sent.get("subject")}
    if sent.get("tlp", TLP_LABELS[0]) != TLP_LABELS[0]:
        said["tlp"] = sent["tlp"]
    event = dict(data)
    for name, value in said.items():
        if value is not None and event.setdefault(name, value) != value:
            faults.append(
                Fault(f"/data/{name}", "other_value", f"the attribute of the CloudEvent says {str(value)[:80]!r}")
            )
    return event


def _id(source: str, own: str) -> str:
    try:
        return str(UUID(own))
    except ValueError:
        return str(imported_id("cloudevents", source, own))


def _placed(fault: Fault) -> Fault:
    """A fault of the event, where it is in the CloudEvent."""
    first = fault.pointer.split("/")[1] if fault.pointer else ""
    there = {"id": "/id", "type": "/type", "stream": "/subject"}
    return Fault(there.get(first, f"/data{fault.pointer}"), fault.code, fault.detail)
