"""Events: append one or many, list, show."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import orjson
from aiohttp import web

from incidentlog.api.answers import answer, dumps, in_list, with_members
from incidentlog.api.audit import EVENT, WAIT, seal_of, wants_seal
from incidentlog.api.bodies import EXAMPLE, ON_A_STREAM, AnyEvent
from incidentlog.api.errors import POSITION
from incidentlog.api.formats import CSV, FORMATS, GEOJSON, NDJSON, PARQUET, TABLED, Format, format_of, formatted
from incidentlog.api.geojson import collection, event_feature
from incidentlog.api.importing import find_begun
from incidentlog.api.moment import Moment
from incidentlog.api.narrowing import event_filters
from incidentlog.api.operations import Answer, Body, Choice, Header, Number, Parameter, Routes, narrowing
from incidentlog.api.parquet import packed, write_parquet
from incidentlog.api.requests import ABOUT, SERVICE, STREAM_NAME, body_of, moment_of, reader_of, stream_of
from incidentlog.api.shapes import Event, EventIds, EventPage, Features, Placed, StreamPage
from incidentlog.api.tables import EVENT_TABLE, EVENTS_HEADER, event_csv, flat_event
from incidentlog.door.door import Candidate
from incidentlog.door.foresight import foresee
from incidentlog.errors import (
    BadRequest,
    Erased,
    Fault,
    IdConflict,
    InvalidEvent,
    NotFound,
    Overloaded,
    Problem,
    StreamFull,
    Tampered,
    UnsupportedMediaType,
    WrongVersion,
)
from incidentlog.events.envelope import ResolvedPlace
from incidentlog.events.recorded import Recorded
from incidentlog.folding.asking import LONGEST, fits
from incidentlog.folding.encoding import encode_event
from incidentlog.folding.subject import Status
from incidentlog.ids import secret_id
from incidentlog.service.keys import Reader
from incidentlog.service.service import Service
from incidentlog.store import append as log
from incidentlog.store.erase import with_private
from incidentlog.store.filters import EventFilter, parse_event_filter
from incidentlog.store.read import Seen, imported_ids, read_ids, read_stream
from incidentlog.store.search import search_events
from incidentlog.turns import SLICE_OCTETS, Turns

STRETCHES: Final = 2_000
"""How often one answer looks further while it finds nothing: through ten million positions, a few seconds of them."""
EACH: Final = 2 * 1_024
"""What an event costs to write beside its text, in octets of text."""
NAMED_MOST: Final = 100
"""How many events one request may name by their ids."""

_VERSION = re.compile(r'"(\d{1,5})"', re.ASCII)
IDEMPOTENCY_KEY: Final = Header(
    "Idempotency-Key", "Stands for an id, for an event that has none: what comes again with it is the same event.",
    schema={"type": "string", "minLength": 1, "maxLength": LONGEST}, example="a-key-of-mine",
)  # fmt: skip
IF_VERSION: Final = Header(
    "If-Match", "The version at which the stream has to be.",
    schema={"type": "string", "pattern": f"^{_VERSION.pattern}$"}, raises=(WrongVersion,),
)  # fmt: skip
IF_NEW: Final = Header("If-None-Match", "`*`: the stream has to be new.", schema={"const": "*"}, raises=(WrongVersion,))
APPENDS: Final = (WAIT, IDEMPOTENCY_KEY, IF_VERSION, IF_NEW)
PAGED: Final = ("Log-Position", "Link")
OF_APPENDS: Final = (InvalidEvent, StreamFull, IdConflict, WrongVersion, Erased, Overloaded, Tampered)
PLACED: Final = (
    Answer(Placed, status=201, meaning="It is in the log.", headers=("Location", "Log-Position")),
    Answer(Placed, meaning="It was in the log before.", headers=("Location", "Log-Position", "Idempotent-Replayed")),
)
AFTER: Final = Number("after", "Go on after this position of the log.", example="10")
LIMIT: Final = Number("limit", "The most events.", default=100, least=1, most=1_000, example="10")
IDS: Final = Parameter(
    "id", f"The events that are wanted, up to {NAMED_MOST}, instead of a page of the log.", several=True,
    schema={"type": "string", "format": "uuid"},
)  # fmt: skip
OF_IMPORT: Final = Number(
    "import", "The import: the position of its `import.begun`.", least=1, needed=True, example="1234",
)  # fmt: skip
IDS_LIMIT: Final = Number("limit", "The most ids.", default=1_000, least=1, most=1_000, example="10")
PRIVATE: Final = Choice(
    "private",
    "With what is private of it, for keys that have the scope `audit`.",
    values=("true", "false"),
    example="true",
)
AFTER_VERSION: Final = Number("after_version", "Go on after this version of the stream.", most=10_000, example="1")
routes = Routes()


@routes.post(
    "/v1/events",
    scope="report",
    takes=APPENDS,
    body=Body(AnyEvent, example=EXAMPLE),
    answers=PLACED,
    problems=OF_APPENDS,
)
async def append_one(request: web.Request) -> web.Response:
    """Append one event."""
    return await _append_one(request, None)


@routes.post(
    "/v1/streams/{stream}/events",
    scope="report",
    takes=(STREAM_NAME, *APPENDS),
    body=Body(AnyEvent, example=ON_A_STREAM),
    answers=PLACED,
    problems=OF_APPENDS,
)
async def append_to_stream(request: web.Request) -> web.Response:
    """Append one event to a stream; `If-Match: "7"` or `If-None-Match: *` make it conditional."""
    return await _append_one(request, STREAM_NAME.of(request))


async def _append_one(request: web.Request, stream: str | None) -> web.Response:
    service = request.app[SERVICE]
    reader = await reader_of(request)
    service.admit_appends()
    sealed = wants_seal(request)
    if request.content_type != "application/json":
        raise UnsupportedMediaType(f"send application/json, not {request.content_type}")
    default_id = _id_of(request, reader)
    raw = await body_of(request)
    candidate = service.door.read(raw, recorded_by=reader.name, default_id=default_id, stream=stream)
    may_append(reader, candidate)
    _condition(request, candidate)
    faults = await service.door.admit(service.pool, [candidate], clearance=reader.clearance)
    if faults:
        raise InvalidEvent(errors=faults[0])
    may_append(reader, candidate)
    warnings = await warnings_of(service, reader, [candidate])
    outcome = await service.writer.append(candidate.command)
    if candidate.command.type == "record.erased":
        await service.eraser.carry_out()
    seal = await seal_of(service, candidate.command.event_id, outcome) if sealed else {}
    place = candidate.command.place
    if isinstance(outcome, log.Duplicate) and place is not None:  # as it was found then
        there = await read_ids(service.pool, [candidate.command.event_id], clearance=reader.clearance)
        place = next((e.place for e in there.events), None)
    found = {} if place is None else {"place": found_as(place)}
    more = {**found, **({"warnings": [w.as_json() for w in warnings[0]]} if 0 in warnings else {}), **seal}
    return _placed(request, candidate.command, outcome, more)


def found_as(place: ResolvedPlace) -> dict[str, str | None]:
    """How a place was found, and as which; for whoever reports."""
    return {"how": place.how, "place_id": place.place_id, "name": place.name}


async def warnings_of(service: Service, reader: Reader, candidates: Sequence[Candidate]) -> dict[int, list[Fault]]:
    """Why events that may be appended will be ignored, and what is odd about their places, by their number."""
    told = await foresee(
        service.pool, candidates, zone=service.log.zone, now=service.clock.now(), clearance=reader.clearance
    )
    for n, candidate in enumerate(candidates):
        if candidate.warnings:
            told[n] = [*candidate.warnings, *told.get(n, ())]
    return told


SCOPE_OF_TYPE: Final = {
    "record.amended": "edit",
    "record.retracted": "edit",
    "record.merged": "edit",
    "record.remarked": "edit",
    "record.erased": "admin",
}
"""The scope, with `report`, for what changes how others' events count."""
SCOPE_OF_CATEGORY: Final = {"place": "edit", "actor": "edit", "source": "edit", "policy": "admin", "audit": "audit"}
"""The scope, with `report`, for what goes on the streams on which everybody's answers depend, whatever its type."""


def may_append(reader: Reader, candidate: Candidate) -> None:
    """Raises Forbidden where reporting is not enough.

    To be asked before the log is, and again once a record event that named no stream has its target's.
    """
    command = candidate.command
    category = command.stream.partition(":")[0]
    for scope in (SCOPE_OF_TYPE.get(command.type), SCOPE_OF_CATEGORY.get(category)):
        if scope is not None:
            reader.may(scope)


def _id_of(request: web.Request, reader: Reader) -> UUID | None:
    """The id that an `Idempotency-Key` stands for under this key of ours: on every node the same."""
    given = IDEMPOTENCY_KEY.given(request)
    if given is None:
        return None
    if not fits(given):
        raise BadRequest(errors=[Fault("/Idempotency-Key", "not_text", f"give 1 to {LONGEST} characters")])
    return secret_id(request.app[SERVICE].secret, reader.name, given)


def _condition(request: web.Request, candidate: Candidate) -> None:
    """Take the version expected from the conditional headers (RFC 9110 §13)."""
    if IF_NEW.given(request) == "*":
        candidate.command.expected_version = 0
    if (tag := IF_VERSION.given(request)) is not None:
        matched = _VERSION.fullmatch(tag)
        if matched is None:
            raise BadRequest(errors=[Fault("/If-Match", "not_a_version", 'give a stream version, such as "7"')])
        candidate.command.expected_version = int(matched[1])


def _placed(request: web.Request, command: log.Append, outcome: log.Outcome, more: Mapping[str, Any]) -> web.Response:
    match outcome:
        case log.Appended(position, version, recorded_at) | log.Duplicate(position, version, recorded_at):
            request[POSITION] = position
            new = isinstance(outcome, log.Appended)
            headers = {"Location": f"/v1/events/{command.event_id}", "Log-Position": str(position)}
            if not new:
                headers["Idempotent-Replayed"] = "true"
            body = {
                "id": command.event_id,
                "position": position,
                "stream": command.stream,
                "stream_version": version,
                "recorded_at": recorded_at,
                **more,
            }
            return answer(body, status=201 if new else 200, headers=headers)
        case _:
            raise refusal_of(command, outcome)


def refusal_of(command: log.Append, outcome: log.Outcome) -> Problem:
    """What a command that lost is refused with."""
    match outcome:
        case log.IdConflict():
            return IdConflict(f"event {command.event_id} is in the log with other content")
        case log.Erased():
            return Erased(f"a part of event {command.event_id} was erased: it is not taken in again")
        case log.VersionConflict(current):
            detail = f"stream '{command.stream}' is at version {current}, not {command.expected_version}"
            return WrongVersion(detail, current_version=current)
        case log.Full(current):
            return StreamFull(f"stream '{command.stream}' holds {current} events; a subject ends somewhere")
        case _:
            raise AssertionError(outcome)


@routes.get(
    "/v1/events",
    scope="read",
    takes=(*ABOUT, AFTER, LIMIT, IDS, *TABLED),
    narrows=event_filters,
    answers=(
        Answer(EventPage, headers=PAGED),
        Answer(Event, media=NDJSON.media[0], headers=PAGED),
        Answer(str, media=CSV.media[0], headers=PAGED),
        Answer(Features, media=GEOJSON.media[0], headers=PAGED),
        Answer(bytes, media=PARQUET.media[0], headers=PAGED, meaning="The same columns as CSV, with types."),
    ),
)
async def list_events(request: web.Request) -> web.Response:
    """The log in its order, narrowed by filters, a page at a time; one without events says that none follow.

    Or the events that are named by `id`, which may be repeated.

    Filters by place and time go by what an event said when it was sent, and not by its amendments.
    """
    service = request.app[SERVICE]
    reader = await reader_of(request)
    format_ = format_of(request, FORMATS)
    moment = await moment_of(request, of_log=True)
    after, limit, ids, narrowed = AFTER.of(request), LIMIT.of(request), IDS.all_given(request), narrowing(request)
    if ids:
        found, reach = await _by_ids(service, ids, narrowed, moment, reader.clearance), moment.position
    else:
        wanted = parse_event_filter(narrowed, service.log.calendar)
        found, reach = await search(service, wanted, moment, reader.clearance, after=after, limit=limit)
    headers, foreign = {"Log-Position": str(moment.position)}, dict[str, str]()
    if reach < moment.position:
        foreign["next"] = str(request.rel_url.update_query({"after": str(reach)}))
        headers["Link"] = f'<{foreign["next"]}>; rel="next"'
    events = await written(service, found, WRITERS.get(format_))
    if format_ is PARQUET:
        body = await write_parquet(EVENT_TABLE, events, {})
    else:
        body = _written(format_, events, foreign)
    return formatted(request, format_, body, pinned=False, headers=headers, called="events")


async def search(
    service: Service, wanted: EventFilter, moment: Moment, clearance: int, *, after: int, limit: int
) -> tuple[Seen, int]:
    """Up to `limit` events after a position that pass, and up to where was looked."""
    found, reach = Seen(), after
    for _ in range(STRETCHES):
        found, reach = await search_events(
            service.pool, wanted, after=reach, upto=moment.position, clearance=clearance, limit=limit
        )
        if found.events or reach >= moment.position:
            break
    return found, reach


async def _by_ids(
    service: Service, named: Sequence[str], narrowed: Iterable[str], moment: Moment, clearance: int
) -> Seen:
    """The events that are named. Raises BadRequest, naming each that is no id, and what is asked beside them."""
    faults = [Fault(f"/{name[:80]}", "one_of_two", "ids name the events: leave it out") for name in narrowed]
    ids = list[UUID]()
    for text in named[:NAMED_MOST]:
        try:
            ids.append(UUID(text))
        except ValueError:
            faults.append(Fault("/id", "not_an_id", "an event's id is a UUID"))
    if len(named) > NAMED_MOST:
        faults.append(Fault("/id", "too_many", f"at most {NAMED_MOST} can be named"))
    if faults:
        raise BadRequest("the events cannot be named so", errors=faults)
    return await read_ids(service.pool, ids, upto=moment.position, clearance=clearance)


def _written(format_: Format, events: Sequence[bytes], foreign: Mapping[str, Any]) -> bytes:
    """A page of events in a format, each of which has been written in it."""
    if format_ is NDJSON:
        return b"".join(events)
    if format_ is CSV:
        return b"".join((EVENTS_HEADER, *events))
    if format_ is GEOJSON:
        return dumps(collection(in_list(events), foreign))
    return dumps({"events": in_list(events), **foreign})


WRITERS: Final[Mapping[Format, Callable[[bytes], bytes]]] = {
    NDJSON: lambda event: event + b"\n",
    CSV: event_csv,
    GEOJSON: event_feature,
    PARQUET: lambda event: packed(flat_event(event)),
}
"""What a format makes of the JSON of an event; JSON takes it as it is."""


@routes.get("/v1/events/ids", scope="read", takes=(OF_IMPORT, AFTER, IDS_LIMIT), answers=EventIds, problems=(NotFound,))
async def list_ids(request: web.Request) -> web.Response:
    """The ids of the events that came with an import, in the log's order, a page at a time; the last one has no `next`.

    For whoever goes on with an import, and has to know what need not be sent again.
    """
    service = request.app[SERVICE]
    reader = await reader_of(request)
    if OF_IMPORT.given(request) is None:
        raise BadRequest(errors=[Fault("/import", "missing", "name an import, as ?import=1234")])
    number, after, limit = OF_IMPORT.of(request), AFTER.of(request), IDS_LIMIT.of(request)
    if await find_begun(service, number, reader) is None:
        raise NotFound(f"no import began at {number}")
    ids, following = await imported_ids(service.pool, number, after=after, clearance=reader.clearance, limit=limit)
    more = {} if following is None else {"next": str(request.rel_url.update_query({"after": str(following)}))}
    return answer({"ids": ids, **more})


@routes.get("/v1/events/{id}", scope="read", takes=(EVENT, *ABOUT, PRIVATE), answers=Event)
async def show_event(request: web.Request) -> web.Response:
    """One event; with `private=true`, for auditors, what is private of it too."""
    service = request.app[SERVICE]
    reader = await reader_of(request)
    if with_it := PRIVATE.of(request) == "true":
        reader.may("audit")
    moment = await moment_of(request, of_log=True)
    event, status = await find_event(request, moment, reader.clearance)
    body = encode_event(event, status, service.log.zone)
    if with_it:
        body = with_members(body, await _private_of(service, event.position))
    return answer(orjson.Fragment(body), headers={"Log-Position": str(moment.position)})


async def find_event(request: web.Request, moment: Moment, clearance: int) -> tuple[Recorded, Status]:
    """The event that the path names, and whether it counts. Raises NotFound where a clearance sees none at a moment."""
    try:
        event_id = UUID(EVENT.of(request))
    except ValueError:
        raise NotFound("an event's id is a UUID") from None
    found = await read_ids(request.app[SERVICE].pool, [event_id], upto=moment.position, clearance=clearance)
    if not found.events:
        raise NotFound(f"no event {event_id} is in the log")
    (event,) = await found.with_statuses()
    return event


async def _private_of(service: Service, position: int) -> dict[str, Any]:
    """What only auditors see of an event: its private part, null once it is erased; nothing where it has none."""
    if not await with_private(service.pool, [position]):
        return {}
    text = await service.eraser.private(position)
    return {"private": None if text is None else orjson.loads(text)}


@routes.get("/v1/streams/{stream}", scope="read", takes=(STREAM_NAME, *ABOUT, AFTER_VERSION, LIMIT), answers=StreamPage)
async def show_stream(request: web.Request) -> web.Response:
    """A stream's events, oldest first."""
    service = request.app[SERVICE]
    reader = await reader_of(request)
    moment = await moment_of(request, of_log=True)
    stream = stream_of(request)
    limit = LIMIT.of(request)
    found, more = await read_stream(
        service.pool,
        stream,
        after_version=AFTER_VERSION.of(request),
        upto=moment.position,
        clearance=reader.clearance,
        limit=limit,
    )
    if not found.events and AFTER_VERSION.given(request) is None:
        raise NotFound(f"no stream '{stream[:161]}' is in the log")
    body: dict[str, Any] = {"stream": stream, "events": in_list(await written(service, found))}
    if more:
        body["next"] = str(request.rel_url.update_query({"after_version": str(found.events[-1].stream_version)}))
    return answer(body, headers={"Log-Position": str(moment.position)})


async def written(service: Service, found: Seen, write: Callable[[bytes], bytes] | None = None) -> list[bytes]:
    """Each event by itself, in slices: what is read of it is held no longer than it takes to write it.

    `write` makes what is wanted of the JSON of an event; that itself, where there is none.
    """
    turns, lines, zone, spent = Turns(each_octets=0), list[bytes](), service.log.zone, 0
    for e, status in await found.with_statuses():
        event = encode_event(e, status, zone)
        lines.append(event if write is None else write(event))
        spent += len(lines[-1]) + EACH
        if spent >= SLICE_OCTETS:
            await turns.spend(spent)
            spent = 0
    return lines
