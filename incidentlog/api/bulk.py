"""Many events in one request: all of them or none (`atomic`), or each for itself (`partial`)."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final
from uuid import UUID

from aiohttp import web

from incidentlog.api.answers import answer, dumps
from incidentlog.api.audit import SEAL_SECONDS, wants_seal
from incidentlog.api.errors import POSITION
from incidentlog.api.events import may_append, refusal_of
from incidentlog.api.formats import NDJSON
from incidentlog.api.keys import Reader
from incidentlog.api.requests import SERVICE, pieces_of, reader_of, refuse_unknown
from incidentlog.api.service import Service
from incidentlog.errors import (
    BadRequest,
    Fault,
    InvalidEvent,
    Overloaded,
    Problem,
    RefusedLines,
    TooLarge,
    Unavailable,
    UnsupportedMediaType,
)
from incidentlog.importers.door import LINE, Candidate
from incidentlog.store import append as log
from incidentlog.store.connect import lost
from incidentlog.subjects.record import RecordMerged, Targeting

BULK_BYTES: Final = 64 * 1024 * 1024
BULK_LINES: Final = 100_000
TOLD: Final = 1_000
"""The most faults listed in one answer, and the most lines whose faults are listed."""
STEP: Final = 100_000
"""How many bytes are judged before others get their turn."""
PIECE: Final = 1_000
"""How many lines that stand for themselves are appended together."""
MODES: Final = ("atomic", "partial")

routes = web.RouteTableDef()


@routes.post("/v1/events/bulk")
async def append_many(request: web.Request) -> web.Response:
    """Append a file of NDJSON: all of it, or nothing when a line is bad; with `mode=partial` each line for itself."""
    service = request.app[SERVICE]
    reader = await reader_of(request, "report")
    service.notary.admit_appends()
    refuse_unknown(request, {"mode", "wait"})
    sealed = wants_seal(request)
    mode = request.query.get("mode", "atomic")
    if mode not in MODES:
        raise BadRequest(errors=[Fault("/mode", "unknown_value", f"mode is {' or '.join(MODES)}")])
    if request.content_type not in NDJSON.media:
        raise UnsupportedMediaType(f"send application/x-ndjson, not {request.content_type}")
    if service.files.locked():
        raise Overloaded("as many files are being taken in as there is memory for")
    async with service.files:
        if mode == "partial":
            return await _append_each(request, service, reader, sealed=sealed)
        body = await _append_all(request, service, reader)
    if sealed:
        body["sealed"] = await service.notary.sealed(request[POSITION], SEAL_SECONDS)
    return answer(body, status=201, headers={"Log-Position": str(request[POSITION])})


# ------------------------------------------------------------------------------------------------------- atomic


async def _append_all(request: web.Request, service: Service, reader: Reader) -> dict[str, Any]:
    candidates, lines = await _read_lines(request, service, reader)
    if not candidates:
        raise BadRequest(errors=[Fault("", "empty", "there is no event in the body")])
    bad = _Bad()
    for candidate in candidates:
        may_append(reader, candidate)
    for n, found in (await service.door.admit(service.pool, candidates, clearance=reader.clearance)).items():
        bad.add(lines[n], found)
    _only_first_expects(candidates, lines, bad)  # only now do record events have their targets' streams
    bad.refuse()
    outcomes = await service.writer.append_atomic([c.command for c in candidates])
    _lost(candidates, lines, outcomes, bad)
    bad.refuse()
    if any(c.command.type == "record.erased" for c in candidates):
        await service.eraser.carry_out()
    appended = [o.position for o in outcomes if isinstance(o, log.Appended)]
    places = [o.position for o in outcomes if isinstance(o, log.Appended | log.Duplicate)]
    request[POSITION] = max(places)
    return {
        "appended": len(appended),
        "duplicates": len(places) - len(appended),
        "first_position": min(appended, default=None),
        "last_position": max(appended, default=None),
    }


async def _read_lines(request: web.Request, service: Service, reader: Reader) -> tuple[list[Candidate], list[int]]:
    """Every event of the body with its line's number, from 1; raises RefusedLines when one breaks a rule."""
    candidates: list[Candidate] = []
    lines: list[int] = []
    bad = _Bad()
    seen: dict[UUID, int] = {}
    step = 0
    async for number, line in _numbered(request):
        step += len(line)
        if step > STEP:
            step = 0
            await asyncio.sleep(0)  # others are served while a large file is judged
        try:
            candidate = service.door.read(line, recorded_by=reader.name)
        except Problem as refusal:
            bad.add(number, refusal.errors or (Fault("", refusal.slug, refusal.detail),))
            continue
        if (first := seen.setdefault(candidate.command.event_id, number)) != number:
            bad.add(number, (Fault("/id", "repeated_id", f"the id is on line {first} too"),))
        candidates.append(candidate)
        lines.append(number)
    bad.refuse()
    return candidates, lines


def _only_first_expects(candidates: Sequence[Candidate], lines: Sequence[int], bad: "_Bad") -> None:
    streams: set[str] = set()
    for candidate, line in zip(candidates, lines, strict=True):
        command = candidate.command
        if command.expected_version is not None and command.stream in streams:
            detail = "in one request only a stream's first event may expect a version"
            bad.add(line, (Fault("/expected_version", "not_the_first", detail),))
        streams.add(command.stream)


def _lost(candidates: Sequence[Candidate], lines: Sequence[int], outcomes: Sequence[log.Outcome], bad: "_Bad") -> None:
    """The commands that lost, and with them the whole request."""
    won = log.Appended | log.Duplicate | log.Unwritten
    for candidate, line, outcome in zip(candidates, lines, outcomes, strict=True):
        if not isinstance(outcome, won):
            refusal = refusal_of(candidate.command, outcome)
            bad.add(line, (Fault("", refusal.slug, refusal.detail),))


class _Bad:
    """The bad lines of a request: all of them counted, the first faults kept."""

    def __init__(self) -> None:
        self.lines: set[int] = set()
        self.count = 0
        self.told: list[Fault] = []

    def add(self, line: int, faults: Sequence[Fault]) -> None:
        self.lines.add(line)
        self.count += len(faults)
        self.told += [replace(fault, line=line) for fault in faults[: TOLD - len(self.told)]]

    def refuse(self) -> None:
        if self.lines:
            n = len(self.lines)
            detail = f"{n} line{'s' * (n > 1)} refused; nothing was written"
            raise RefusedLines(detail, errors_total=self.count, errors=self.told)


# ------------------------------------------------------------------------------------------------------ partial


async def _append_each(request: web.Request, service: Service, reader: Reader, *, sealed: bool) -> web.Response:
    """Append the lines in their order, each for itself; answers a line for each of them, and their sum."""
    lines = [(number, line) async for number, line in _numbered(request)]  # all: past a limit nothing is written
    if not lines:
        raise BadRequest(errors=[Fault("", "empty", "there is no event in the body")])
    told, piece, step = _Told(), _Piece(), 0
    for number, line in lines:
        step += len(line)
        if step > STEP:
            step = 0
            await asyncio.sleep(0)
        try:
            candidate = service.door.read(line, recorded_by=reader.name)
            may_append(reader, candidate)
        except Problem as refusal:
            told.refused(number, refusal)
            continue
        if len(piece.candidates) == PIECE or piece.is_spoken_of(candidate):
            await _append_piece(service, reader, piece, told)
            piece = _Piece()
        piece.add(number, candidate)
    await _append_piece(service, reader, piece, told)
    summary: dict[str, Any] = told.summary()
    if told.last is not None:
        request[POSITION] = told.last
        if sealed:
            summary["sealed"] = await service.notary.sealed(told.last, SEAL_SECONDS)
    headers = {} if told.last is None else {"Log-Position": str(told.last)}
    body = told.body(summary)
    return web.Response(body=body, status=207, headers=headers, content_type=NDJSON.media[0])


@dataclass(slots=True)
class _Piece:
    """Lines that are appended together, none of which speaks of another."""

    lines: list[int] = field(default_factory=list)
    candidates: list[Candidate] = field(default_factory=list)
    _ids: set[UUID] = field(default_factory=set)
    _streams: set[str] = field(default_factory=set)

    def add(self, line: int, candidate: Candidate) -> None:
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


async def _append_piece(service: Service, reader: Reader, piece: _Piece, told: "_Told") -> None:
    """Append what the log has nothing against, and note what became of each line."""
    try:
        faults = await service.door.admit(service.pool, piece.candidates, clearance=reader.clearance)
        good = [n for n in range(len(piece.candidates)) if n not in faults]
        outcomes = await service.writer.append_each([piece.candidates[n].command for n in good])
    except Exception as error:
        if not isinstance(error, Problem) and not lost(error):
            raise
        refusal = error if isinstance(error, Problem) else Unavailable()
        for line in piece.lines:
            told.refused(line, refusal)
        return
    for n, found in faults.items():
        told.refused(piece.lines[n], InvalidEvent(errors=found))
    erased = False
    for n, outcome in zip(good, outcomes, strict=True):
        line, command = piece.lines[n], piece.candidates[n].command
        match outcome:
            case log.Appended() | log.Duplicate():
                told.placed(line, command, outcome)
                erased = erased or command.type == "record.erased"
            case Problem():
                told.refused(line, outcome)
            case _:
                told.refused(line, refusal_of(command, outcome))
    if erased:
        await service.eraser.carry_out()


@dataclass(slots=True)
class _Told:
    """What became of each line, as it is answered."""

    appended: list[int] = field(default_factory=list)
    last: int | None = None
    """The highest position that an event of the request is at."""
    _duplicates: int = 0
    _refused: int = 0
    _lines: dict[int, bytes] = field(default_factory=dict)

    def placed(self, line: int, command: log.Append, outcome: log.Appended | log.Duplicate) -> None:
        new = isinstance(outcome, log.Appended)
        if new:
            self.appended.append(outcome.position)
        else:
            self._duplicates += 1
        self.last = max(self.last or 0, outcome.position)
        told = {"line": line, "status": 201 if new else 200, "id": command.event_id, "position": outcome.position}
        self._lines[line] = dumps(told)

    def refused(self, line: int, problem: Problem) -> None:
        self._refused += 1
        said = problem.as_json()
        if self._refused > TOLD:
            said = {name: said[name] for name in ("type", "title", "status")}
        self._lines[line] = dumps({"line": line, "status": problem.status, "problem": said})

    def summary(self) -> dict[str, Any]:
        return {
            "appended": len(self.appended),
            "duplicates": self._duplicates,
            "refused": self._refused,
            "first_position": min(self.appended, default=None),
            "last_position": max(self.appended, default=None),
        }

    def body(self, summary: dict[str, Any]) -> bytes:
        """A line for each line, in their order, and the summary."""
        lines = [self._lines[number] for number in sorted(self._lines)]
        return b"\n".join([*lines, dumps({"summary": summary}), b""])


# ------------------------------------------------------------------------------------------------------- lines


async def _numbered(request: web.Request) -> AsyncIterator[tuple[int, bytes]]:
    """The lines of the body that are not blank, with their numbers from 1; raises TooLarge past a limit."""
    number = 0
    async for line in _lines(request):
        number += 1
        if line.strip():
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
