"""Many events in one request: all of them or none (`atomic`), or each for itself (`partial`)."""

import asyncio
from codecs import BOM_UTF8
from collections import Counter
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeAlias
from uuid import UUID

import structlog
from aiohttp import web

from incidentlog.api import shapes
from incidentlog.api.answers import answer, dumps
from incidentlog.api.audit import WAIT, is_sealed, wants_seal
from incidentlog.api.bodies import EXAMPLE, AnyEvent
from incidentlog.api.errors import POSITION
from incidentlog.api.events import found_as, may_append, refusal_of, warnings_of
from incidentlog.api.formats import NDJSON
from incidentlog.api.importing import IMPORT, Begun, begun_import, of_import
from incidentlog.api.operations import Answer, Body, Choice, Routes
from incidentlog.api.requests import BODIES_SECONDS, SERVICE, pieces_of, reader_of, refuse_revoked
from incidentlog.api.shapes import LineTold
from incidentlog.door.door import LINE, Candidate
from incidentlog.errors import (
    BadRequest,
    Fault,
    Forbidden,
    Internal,
    InvalidEvent,
    Overloaded,
    Problem,
    RefusedLines,
    Tampered,
    TooLarge,
    TooManyConnections,
    Unavailable,
    UnsupportedMediaType,
)
from incidentlog.events.envelope import ResolvedPlace
from incidentlog.events.record import RecordMerged, Targeting
from incidentlog.places import NOT_FOUND, region_key
from incidentlog.service.keys import Reader
from incidentlog.service.pace import PART_OCTETS
from incidentlog.service.service import Service
from incidentlog.store import append as log
from incidentlog.store.connect import lost
from incidentlog.turns import Turns

BULK_BYTES: Final = 64 * 1024 * 1024
BULK_LINES: Final = 100_000
TOLD: Final = 1_000
"""How many faults are listed where all lines are refused together; past them one of each line, so that each has one."""
UNRESOLVED: Final = 100
"""How many names that were not found are listed."""
KEPT: Final = 16 * 1024 * 1024
"""About how many bytes of what became of the lines are kept; more are sent as they come. Good lines never are more."""
SENT: Final = 256 * 1024
SEND_SECONDS: Final = 30.0
"""How long a client may take for so many bytes of its answer; past that it is told no more."""
STEP: Final = 2_000
"""How many bytes are judged before others get their turn: a millisecond. A read takes a dozen turns."""
PIECE: Final = 500
"""How many lines that stand for themselves are appended together: what the database is sent is encoded in one turn."""
MODE: Final = Choice(
    "mode",
    "All or nothing (`atomic`, if left out), or each line for itself.",
    values=("atomic", "partial"),
    example="partial",
)

Named: TypeAlias = tuple[str, str | None, str | None]
"""A name that was not found, with its country and its region."""

logger = structlog.get_logger(__name__)
routes = Routes()


@routes.post(
    "/v1/events/bulk",
    scope="report",
    takes=(MODE, WAIT, IMPORT),
    body=Body(AnyEvent, media=NDJSON.media, example=EXAMPLE, meaning="One event a line."),
    answers=(
        Answer(shapes.Taken, status=201, meaning="All of them are in the log.", headers=("Log-Position",)),
        Answer(LineTold, status=207, media=NDJSON.media[0], meaning="What became of each line, and of all together."),
    ),
    problems=(RefusedLines, TooManyConnections, Overloaded, Tampered),
)
async def append_many(request: web.Request) -> web.StreamResponse:
    """Append a file of NDJSON: all of it, or nothing when a line is bad; with `mode=partial` each line for itself."""
    service = request.app[SERVICE]
    reader = await reader_of(request)
    service.admit_appends()
    sealed, mode = wants_seal(request), MODE.of(request)
    if request.content_type not in NDJSON.media:
        raise UnsupportedMediaType(f"send application/x-ndjson, not {request.content_type}")
    begun = await begun_import(request, service, reader)
    with service.files.place(reader):
        taken = await (_append_each if mode == "partial" else _append_all)(request, service, reader, begun)
    if taken.last is None:
        return await taken.answer({}, {})
    request[POSITION] = taken.last
    seal = {"sealed": await is_sealed(service, taken.last)} if sealed else {}
    return await taken.answer(seal, {"Log-Position": str(taken.last)})


@dataclass(slots=True)
class Taken:
    """What became of the events of a request."""

    appended: list[int] = field(default_factory=list)
    duplicates: int = 0
    last: int | None = None
    """The highest position that one of them is at."""
    hows: Counter[str] = field(default_factory=Counter)
    """How the places were found of those that are new,"""
    unresolved: Counter[Named] = field(default_factory=Counter)
    """and the names, countries and regions of those that were not."""
    warnings: list[Fault] = field(default_factory=list)
    """Why some will be ignored, each with its line."""

    def place(self, command: log.Append, outcome: log.Appended | log.Duplicate) -> bool:
        """Note where one is; whether it is new."""
        new = isinstance(outcome, log.Appended)
        if new:
            self.appended.append(outcome.position)
            self.note_place(command.place)
        else:
            self.duplicates += 1
        self.last = max(self.last or 0, outcome.position)
        return new

    def note_place(self, place: ResolvedPlace | None) -> None:
        """Note how one's place was found."""
        if place is None:
            return
        self.hows[place.how] += 1
        if place.how in NOT_FOUND:
            self.unresolved[place.name, place.country, region_key(place.country, place.admin1)] += 1

    def sum(self) -> dict[str, Any]:
        """How many there are, where, and how their places were found."""
        return {
            **places_told(self.hows, self.unresolved),
            "appended": len(self.appended),
            "duplicates": self.duplicates,
            "first_position": min(self.appended, default=None),
            "last_position": max(self.appended, default=None),
        }

    async def answer(self, seal: Mapping[str, Any], headers: dict[str, str]) -> web.StreamResponse:
        """What is answered, with the seal that was waited for."""
        warned = {"warnings_total": len(self.warnings), "warnings": [w.as_json() for w in self.warnings[:TOLD]]}
        return answer({**self.sum(), **(warned if self.warnings else {}), **seal}, status=201, headers=headers)


def places_told(hows: Counter[str], unresolved: Counter[Named]) -> dict[str, Any]:
    """How places were found, and the names that were not, the most frequent first."""
    told: dict[str, Any] = {"places": dict(hows)} if hows else {}
    if unresolved:
        most = unresolved.most_common(UNRESOLVED)
        told["unresolved_total"] = len(unresolved)
        told["unresolved"] = [{"name": n, "country": c, "admin1": a, "events": events} for (n, c, a), events in most]
    return told


# ------------------------------------------------------------------------------------------------------- atomic


async def _append_all(request: web.Request, service: Service, reader: Reader, begun: Begun | None) -> Taken:
    """Append every line, or raise what is wrong with which."""
    candidates, lines = await _read_lines(request, service, reader)
    if not candidates:
        raise BadRequest(errors=[Fault("", "empty", "there is no event in the body")])
    return await append_whole(request, reader, candidates, lines, begun)


async def append_whole(
    request: web.Request,
    reader: Reader,
    candidates: Sequence[Candidate],
    lines: Sequence[int],
    begun: Begun | None = None,
) -> Taken:
    """Append events that were read from these lines, all or none.

    Raises RefusedLines with what is wrong with which, and Unauthenticated for a key that was revoked meanwhile.
    """
    service, bad = request.app[SERVICE], BadLines()
    for candidate in candidates:
        may_append(reader, candidate)
    await service.pace.keep(reader)
    await refuse_revoked(request)
    for n, found in (await service.door.admit(service.pool, candidates, clearance=reader.clearance)).items():
        bad.add(lines[n], found)
    for n, candidate in enumerate(candidates):
        bad.add(lines[n], of_import(candidate, begun))
    _only_first_expects(candidates, lines, bad)  # only now do record events have their targets' streams
    bad.refuse()
    for candidate in candidates:
        may_append(reader, candidate)
    warnings = await warnings_of(service, reader, candidates)
    outcomes = await service.writer.append_atomic([c.command for c in candidates])
    _told_against(candidates, lines, outcomes, bad)
    bad.refuse()
    if any(c.command.type == "record.erased" for c in candidates):
        await service.eraser.carry_out()
    taken = Taken(warnings=[replace(w, line=lines[n]) for n in sorted(warnings) for w in warnings[n]])
    for candidate, outcome in zip(candidates, outcomes, strict=True):
        if isinstance(outcome, log.Appended | log.Duplicate):
            taken.place(candidate.command, outcome)
    if taken.appended:
        service.pace.sent(reader, taken.appended[-1])
    return taken


async def _read_lines(request: web.Request, service: Service, reader: Reader) -> tuple[list[Candidate], list[int]]:
    """Every event of the body with its line's number, from 1; raises RefusedLines when one breaks a rule."""
    candidates: list[Candidate] = []
    lines: list[int] = []
    bad = BadLines()
    seen: dict[UUID, int] = {}
    turns = judging()
    async for number, line in _numbered(request):
        await turns.spend(len(line))
        try:
            candidate = service.door.read(line, recorded_by=reader.name)
        except Problem as refusal:
            bad.add(number, refusal.errors or (Fault("", refusal.slug, refusal.detail),))
            continue
        if (first := seen.setdefault(candidate.command.event_id, number)) != number:
            bad.add(number, (Fault("/id", "repeated_id", f"the id is on line {first} too"),))
        candidate.lighten()
        candidates.append(candidate)
        lines.append(number)
    bad.refuse()
    return candidates, lines


def _only_first_expects(candidates: Sequence[Candidate], lines: Sequence[int], bad: "BadLines") -> None:
    streams: set[str] = set()
    for candidate, line in zip(candidates, lines, strict=True):
        command = candidate.command
        if command.expected_version is not None and command.stream in streams:
            detail = "in one request only a stream's first event may expect a version"
            bad.add(line, (Fault("/expected_version", "not_the_first", detail),))
        streams.add(command.stream)


def _told_against(
    candidates: Sequence[Candidate], lines: Sequence[int], outcomes: Sequence[log.Outcome], bad: "BadLines"
) -> None:
    """The commands that lost, and with them the whole request."""
    won = log.Appended | log.Duplicate | log.Unwritten
    for candidate, line, outcome in zip(candidates, lines, outcomes, strict=True):
        if not isinstance(outcome, won):
            refusal = refusal_of(candidate.command, outcome)
            bad.add(line, (Fault("", refusal.slug, refusal.detail),))


def judging() -> Turns:
    """The judging of many events on the loop."""
    return Turns(STEP, each_octets=0)


class BadLines:
    """The bad lines of a request: all of their faults counted, the first ones kept, and at least one of each line."""

    def __init__(self) -> None:
        self.lines: set[int] = set()
        self.count = 0
        self.size = 0
        """Characters of what is told."""
        self.told: list[Fault] = []

    def add(self, line: int, faults: Sequence[Fault]) -> None:
        """Note what is wrong with a line."""
        if not faults:
            return
        self.lines.add(line)
        self.count += len(faults)
        for fault in faults[: max(TOLD - len(self.told), 1)]:
            if self.size < KEPT:
                self.told.append(replace(fault, line=line))
                self.size += len(fault.detail) + len(fault.pointer)

    def refuse(self) -> None:
        """Raises RefusedLines where any is bad."""
        if self.lines:
            n = len(self.lines)
            detail = f"{n} line{'s' * (n > 1)} refused; nothing was written"
            if self.count > len(self.told):
                detail += f"; here are {len(self.told)} of {self.count} faults, of each line at least one"
                if self.told[-1].line != max(self.lines):
                    detail += f" up to line {self.told[-1].line}"
            raise RefusedLines(detail, errors_total=self.count, errors=self.told)


# ------------------------------------------------------------------------------------------------------ partial


async def _append_each(request: web.Request, service: Service, reader: Reader, begun: Begun | None) -> "Told":
    """Append the lines in their order, each for itself; what became of each of them."""
    lines = [(number, line) async for number, line in _numbered(request)]  # all: past a limit nothing is written
    if not lines:
        raise BadRequest(errors=[Fault("", "empty", "there is no event in the body")])
    told = Told(request)
    try:
        await append_lines(service, reader, lines, told, begun)
    except Exception:
        told.abort()
        raise
    return told


async def append_lines(
    service: Service, reader: Reader, lines: Sequence[tuple[int, bytes]], told: "Told", begun: Begun | None
) -> None:
    """Append lines in their order, each for itself; `told` is told what became of each."""
    piece, turns = _Piece(begun), judging()
    for number, line in lines:
        await turns.spend(len(line))
        if told.size > KEPT:  # all lines before this one are told of, or in the piece
            await _append_piece(service, reader, piece, told)
            piece = _Piece(begun)
            await told.send()
        try:
            candidate = service.door.read(line, recorded_by=reader.name)
            may_append(reader, candidate)
        except Problem as refusal:
            told.refused(number, refusal)
            continue
        except Exception:
            logger.exception("line_failed", line=number)
            told.refused(number, Internal())
            continue
        if piece.is_full or piece.is_spoken_of(candidate):
            await _append_piece(service, reader, piece, told)
            piece = _Piece(begun)
        piece.add(number, candidate, len(line))
    await _append_piece(service, reader, piece, told)


@dataclass(slots=True)
class _Piece:
    """Lines that are appended together, none of which speaks of another."""

    begun: Begun | None
    """The import that they come with."""
    lines: list[int] = field(default_factory=list)
    candidates: list[Candidate] = field(default_factory=list)
    _octets: int = 0
    _ids: set[UUID] = field(default_factory=set)
    _streams: set[str] = field(default_factory=set)

    @property
    def is_full(self) -> bool:
        """Whether it is appended before another line is read."""
        return len(self.candidates) == PIECE or self._octets >= PART_OCTETS

    def add(self, line: int, candidate: Candidate, octets: int) -> None:
        self._octets += octets
        self.lines.append(line)
        self.candidates.append(candidate)
        self._ids.add(candidate.command.event_id)
        self._streams.add(candidate.command.stream)

    def is_spoken_of(self, candidate: Candidate) -> bool:
        """Whether the candidate speaks of a record of the piece, which has to be in the log, or refused, before it."""
        data = candidate.envelope.data
        if isinstance(data, Targeting):
            return data.target in self._ids
        return isinstance(data, RecordMerged) and not self._streams.isdisjoint({data.survivor, *data.absorbed})


async def _append_piece(service: Service, reader: Reader, piece: _Piece, told: "Told") -> None:
    """Append what the log has nothing against, and note what became of each line."""
    if told.busy is not None:
        told.hold_back(piece.lines, told.busy)
        return
    try:
        await service.pace.keep(reader)
        await refuse_revoked(told.request)  # pieces may wait for each other for minutes
        faults = await service.door.admit(service.pool, piece.candidates, clearance=reader.clearance)
        for n, candidate in enumerate(piece.candidates):
            if n not in faults and (found := of_import(candidate, piece.begun)):
                faults[n] = found
        refused: dict[int, Problem] = {n: InvalidEvent(errors=found) for n, found in faults.items()}
        refused |= _forbidden(reader, piece.candidates)
        good = [n for n in range(len(piece.candidates)) if n not in refused]
        warnings = await warnings_of(service, reader, [piece.candidates[n] for n in good])
        outcomes = await service.writer.append_each([piece.candidates[n].command for n in good])
    except Exception as error:
        if isinstance(error, Problem) or lost(error):
            told.hold_back(piece.lines, error if isinstance(error, Problem) else Unavailable())
        else:
            logger.exception("piece_failed", first_line=piece.lines[0])
            for line in piece.lines:
                told.refused(line, Internal())
        return
    for n, refusal in refused.items():
        told.refused(piece.lines[n], refusal)
    for nth, (n, outcome) in enumerate(zip(good, outcomes, strict=True)):
        told.came_of(piece.lines[n], piece.candidates[n].command, outcome, warnings.get(nth, ()))
    if written := [outcome.position for outcome in outcomes if isinstance(outcome, log.Appended)]:
        service.pace.sent(reader, max(written))
    await _carry_out(service, {c.command.type for c in piece.candidates})


async def _carry_out(service: Service, types: Collection[str]) -> None:
    """Do what is to be done at once for what was appended, by its types."""
    if "record.erased" in types:
        await service.eraser.carry_out()
    if "actor.registered" in types:
        await service.learn()  # the lines that follow may name them


def _forbidden(reader: Reader, candidates: Sequence[Candidate]) -> dict[int, Problem]:
    """Those that the key may not append on the streams that they turned out to be on, by their numbers."""
    found: dict[int, Problem] = {}
    for n, candidate in enumerate(candidates):
        try:
            may_append(reader, candidate)
        except Forbidden as refusal:
            found[n] = refusal
    return found


class Told(Taken):
    """What became of each line, as it is answered."""

    def __init__(self, request: web.Request) -> None:
        super().__init__()
        self.busy: Problem | None = None
        """Why lines could not be appended by now, though nothing is wrong with them."""
        self.size = 0
        """Bytes that are kept."""
        self.request = request
        self._response: web.StreamResponse | None = None
        self._until = 0.0
        """When all has to be sent, by the loop's clock."""
        self._gone = False
        """Whether the client takes no more of it."""
        self._refused = 0
        self._lines: dict[int, bytes] = {}

    def came_of(
        self, line: int, command: log.Append, outcome: log.Outcome | Problem, warnings: Sequence[Fault]
    ) -> None:
        """Note what the log made of a line's event."""
        match outcome:
            case log.Appended() | log.Duplicate():
                self.placed(line, command, outcome, warnings)
            case Problem() if outcome.retry_after is not None:
                self.hold_back([line], outcome)
            case Problem():
                self.refused(line, outcome)
            case _:
                self.refused(line, refusal_of(command, outcome))

    def placed(
        self, line: int, command: log.Append, outcome: log.Appended | log.Duplicate, warnings: Sequence[Fault]
    ) -> None:
        """Note that a line's event is in the log."""
        new = self.place(command, outcome)
        told: dict[str, Any] = {"line": line, "status": 201 if new else 200, "id": command.event_id}
        told["position"] = outcome.position
        if new and command.place is not None:
            told["place"] = found_as(command.place)
        if warnings:
            told["warnings"] = [w.as_json() for w in warnings]
        self._keep(line, told)

    def refused(self, line: int, problem: Problem) -> None:
        """Note why a line is not taken in."""
        self._refused += 1
        self._keep(line, {"line": line, "status": problem.status, "problem": problem.as_json()})

    def hold_back(self, lines: Sequence[int], busy: Problem) -> None:
        """Note that lines, and all that follow them, are to be sent again: one may speak of another."""
        self.busy = busy
        for line in lines:
            self.refused(line, busy)

    def _keep(self, line: int, told: Mapping[str, Any]) -> None:
        self._lines[line] = dumps(told) + b"\n"
        self.size += len(self._lines[line])

    async def send(self) -> None:
        """Send what is kept. A client that takes none of it is told no more; its lines are appended all the same."""
        body = self._body()
        if self._gone:
            return
        try:
            if self._response is None:
                self._response = web.StreamResponse(status=207)
                self._response.content_type = NDJSON.media[0]
                self._until = asyncio.get_running_loop().time() + BODIES_SECONDS
                await self._response.prepare(self.request)
            for start in range(0, len(body), SENT):
                until = min(self._until, asyncio.get_running_loop().time() + SEND_SECONDS)
                async with asyncio.timeout_at(until):
                    await self._response.write(body[start : start + SENT])
        except (ConnectionError, TimeoutError):
            self.abort()

    def abort(self) -> None:
        """End the connection where a part of the answer was sent: it must not pass for the whole."""
        self._gone = self._response is not None
        if self._gone and self.request.transport is not None:
            self.request.transport.abort()

    def _body(self) -> bytes:
        """What is kept, a line for each line in their order; it is kept no longer."""
        body = b"".join(self._lines[number] for number in sorted(self._lines))
        self._lines.clear()
        self.size = 0
        return body

    async def answer(self, seal: Mapping[str, Any], headers: dict[str, str]) -> web.StreamResponse:
        """A line for each line, in their order, and their sum."""
        summary = dumps({"summary": {**self.sum(), "refused": self._refused, **seal}}) + b"\n"
        if self._response is None:
            body = self._body() + summary
            return web.Response(body=body, status=207, headers=headers, content_type=NDJSON.media[0])
        await self.send()
        if not self._gone:
            with suppress(ConnectionError):
                await self._response.write_eof(summary)
        return self._response


# ------------------------------------------------------------------------------------------------------- lines


async def _numbered(request: web.Request) -> AsyncIterator[tuple[int, bytes]]:
    """The lines of the body that are not blank, with their numbers from 1; raises TooLarge past a limit."""
    number = 0
    async for line in _lines(request):
        number += 1
        if line.removeprefix(BOM_UTF8).strip():
            yield number, line


async def _lines(request: web.Request) -> AsyncIterator[bytes]:
    """The body's lines, counted while they arrive; raises TooLarge past a limit."""
    rest, count = b"", 0
    async for chunk in pieces_of(request, most=BULK_BYTES):
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            count += 1
            yield _within(line, count)
        if rest:
            _within(rest, count + 1)
    if rest:
        yield rest


def _within(line: bytes, number: int) -> bytes:
    if len(line) > LINE:
        raise TooLarge(f"line {number} has over {LINE} bytes")
    if number > BULK_LINES:
        raise TooLarge(f"a request may have {BULK_LINES} lines")
    return line
