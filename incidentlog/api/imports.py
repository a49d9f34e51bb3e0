"""Files brought in over HTTP, by the same mappings and the same code as on the command line (docs/import.md)."""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import orjson
from aiohttp import BodyPartReader, web
from aiohttp.http_exceptions import HttpProcessingError

from incidentlog.api.answers import answer, dumps
from incidentlog.api.bulk import Named, Told, append_lines, judging, places_told
from incidentlog.api.events import WRITERS, may_append, refusal_of, written
from incidentlog.api.formats import JSON, NDJSON, format_of, format_parameter
from incidentlog.api.importing import Begun, find_begun
from incidentlog.api.operations import Answer, Body, Choice, Parameter, Routes
from incidentlog.api.requests import BODIES_SECONDS, SERVICE, arriving, reader_of, refuse_coding, refuse_revoked
from incidentlog.api.shapes import ImportReport, ImportTold
from incidentlog.errors import (
    BadRequest,
    Fault,
    IdConflict,
    NotAcceptable,
    Overloaded,
    Problem,
    Tampered,
    TooLarge,
    TooManyConnections,
    UnsupportedMediaType,
    WrongVersion,
)
from incidentlog.importers.apart import Release, made_apart
from incidentlog.importers.importing import Account, column_at
from incidentlog.importers.making import Made
from incidentlog.importers.mapping import BYTES, Mapping, parse_mapping, path_of, presets
from incidentlog.importers.opening import Progress
from incidentlog.importers.recording import NAME, Plan, ended_with, plan_of
from incidentlog.importers.registering import Registering
from incidentlog.importers.resuming import There, lacked
from incidentlog.importers.updating import KINDS
from incidentlog.service.keys import Reader
from incidentlog.service.service import Service
from incidentlog.store import append as log
from incidentlog.store.filters import EventFilter
from incidentlog.store.read import imported_ids, read_head, version_of
from incidentlog.store.search import search_events

UPLOAD_BYTES: Final = 1024**3
"""The most bytes of all files of a request. They lie on the disk while they are read, and not in memory."""
FILES: Final = 100
CHUNK: Final = 256 * 1024
TOLD: Final = 1_000
"""How many bad and repaired rows an answer in JSON lists; one in NDJSON lists all."""
BATCH: Final = 1_000
BATCH_OCTETS: Final = 4 * 2**20
"""So many rows are appended together at most, and so many bytes of them: a row may give events of megabytes."""
NAMES: Final = 20_000
"""Of how many names of places that were not found it is told how often each came."""
HELD: Final = 1_000
"""How many events of the log are read at a time, to be compared."""
TRIES: Final = 8
"""How often events are tried that the service has no room for, with a pause before each."""
PAUSE_SECONDS: Final = 0.5
NAME_OCTETS: Final = 200
"""Of a file's name the end is kept; file systems take 255."""

DRY_RUN: Final = Choice("dry_run", "Judge every row, and append nothing.", values=("true", "false"), example="true")
UPDATE: Final = Choice(
    "update", "Compare with what the log has, and append what changed.", values=("true", "false"), example="true"
)
RELEASE: Final = Parameter("release", "Of an update: what it is called, in reasons; else as the first file.")
VANISHED: Final = Choice(
    "vanished",
    "Of an update: what becomes of events whose rows are gone; else as the mapping says.",
    values=("retract", "list"),
    example="list",
)
FORMAT: Final = format_parameter(JSON, NDJSON)
MULTIPART: Final = "multipart/form-data"

routes = Routes()


@routes.post(
    "/v1/imports",
    scope="report",
    takes=(DRY_RUN, UPDATE, RELEASE, VANISHED, FORMAT),
    body=Body(str, media=(MULTIPART,), meaning="A part `mapping`, and one or more parts `file`."),
    answers=(
        Answer(ImportReport, status=201, meaning="What became of the rows, of which some were appended."),
        Answer(ImportReport, meaning="What became of the rows, of which none was appended."),
        Answer(ImportTold, status=207, media=NDJSON.media[0], meaning="What is to be said of each row, and of all."),
    ),
    problems=(NotAcceptable, TooLarge, TooManyConnections, Overloaded, Tampered, IdConflict, WrongVersion),
)
async def import_files(request: web.Request) -> web.StreamResponse:
    """Bring files in: multipart/form-data with a part `mapping`, the name of one that comes along or TOML, and files.

    With `dry_run=true` every row is judged, and nothing is appended. With `update=true`, which takes the scope `edit`,
    what is new is appended, what changed amended, and what has vanished retracted.
    """
    service = request.app[SERVICE]
    reader = await reader_of(request)
    service.admit_appends()
    dry_run = DRY_RUN.of(request) or "false"
    is_update, name, vanished = UPDATE.of(request) == "true", RELEASE.given(request), VANISHED.of(request)
    if is_update:
        reader.may("edit")
    elif name or vanished:
        raise BadRequest("release and vanished are of an update: say update=true")
    if name is not None and not (name.isprintable() and 0 < len(name) <= NAME):
        raise BadRequest(errors=[Fault("/release", "no_name", f"a release has a name of at most {NAME} characters")])
    format_ = format_of(request, (JSON, NDJSON), FORMAT)
    if request.content_type != MULTIPART:
        raise UnsupportedMediaType(f"send {MULTIPART}, not {request.content_type}")
    with service.files.place(reader):
        async with _folder() as folder:
            upload = await _received(request, folder)
            report = _Report(request, streams=format_ is NDJSON)
            run = _Run(service, reader, upload, report, is_dry=dry_run == "true")
            if is_update:
                run.compare(name or upload.names[0], vanished)
            return await run.run(request)


@asynccontextmanager
async def _folder() -> AsyncIterator[Path]:
    """A folder for as long as it lasts; a gigabyte in it is removed beside the loop."""
    folder = TemporaryDirectory(prefix="incidentlog-import-")
    try:
        yield Path(folder.name)
    finally:
        await asyncio.to_thread(folder.cleanup)


# ----------------------------------------------------------------------------------------------------- what came


@dataclass(slots=True)
class _Upload:
    """What a request brought, on the disk."""

    folder: Path
    mapping_name: str = ""
    mapping_text: bytes = b""
    names: list[str] = field(default_factory=list)

    @property
    def mapping_path(self) -> Path:
        return self.folder / "mapping.toml"

    @property
    def files(self) -> Path:
        return self.folder / "files"


async def _received(request: web.Request, folder: Path) -> _Upload:
    """The parts of a request, written down; raises BadRequest, TooLarge, RequestTimeout."""
    refuse_coding(request)
    upload = _Upload(folder)
    upload.files.mkdir()
    left = UPLOAD_BYTES
    try:
        with arriving():
            async with asyncio.timeout(BODIES_SECONDS):
                async for part in await request.multipart():
                    if not isinstance(part, BodyPartReader) or part.name not in {"mapping", "file"}:
                        raise BadRequest("the parts are `mapping` and `file`")
                    if part.name == "mapping":
                        await _take_mapping(part, upload)
                    else:
                        left -= await _take_file(part, upload, left)
    except (ValueError, RuntimeError, HttpProcessingError):  # no boundary, a letter's name that is none, a bad header
        raise BadRequest(errors=[Fault("", "broken_body", "the body is no multipart/form-data")]) from None
    await refuse_revoked(request)
    lacking = [name for name, there in (("mapping", upload.mapping_text), ("file", upload.names)) if not there]
    if lacking:
        raise BadRequest(errors=[Fault(f"/{name}", "missing", f"there is no part `{name}`") for name in lacking])
    return upload


async def _take_mapping(part: BodyPartReader, upload: _Upload) -> None:
    text = b""
    async for piece in _pieces(part):
        text += piece
        if len(text) > BYTES:
            raise TooLarge(f"a mapping may have {BYTES} bytes")
    name = text.decode("utf-8", "replace").strip()
    if name in presets():
        upload.mapping_name, upload.mapping_text = name, path_of(name).read_bytes()
    elif part.filename is None and re.fullmatch(r"[\w.-]{1,80}", name):
        raise BadRequest(errors=[Fault("/mapping", "unknown_value", f"there are {', '.join(presets())}")])
    else:
        upload.mapping_name, upload.mapping_text = part.filename or "mapping.toml", text
    upload.mapping_path.write_bytes(upload.mapping_text)


async def _take_file(part: BodyPartReader, upload: _Upload, most: int) -> int:
    """Write a file down; how many bytes it has."""
    if len(upload.names) == FILES:
        raise TooLarge(f"a request may have {FILES} files")
    name = _plain(part.filename or "", len(upload.names) + 1)
    if name in upload.names:
        raise BadRequest(errors=[Fault("/file", "repeated", f"two files are called {name}")])
    upload.names.append(name)
    size = 0
    with (upload.files / name).open("wb") as file:
        async for piece in _pieces(part):
            size += len(piece)
            if size > most:
                raise TooLarge(f"the files of a request may have {UPLOAD_BYTES} bytes")
            file.write(piece)
    return size


async def _pieces(part: BodyPartReader) -> AsyncIterator[bytes]:
    while piece := await part.read_chunk(CHUNK):
        yield piece


def _plain(name: str, number: int) -> str:
    """A file's name without a path, and without what begins an option or a hidden file."""
    plain = re.sub(r"[^\w .()+-]", "_", re.split(r"[/\\]", name)[-1])
    plain = plain.encode()[-NAME_OCTETS:].decode(errors="ignore").lstrip(".- ")
    return plain or f"file-{number}"


# --------------------------------------------------------------------------------------------------- what becomes of it


class _Report:
    """Bad and repaired rows: streamed as they come, or the first of them kept."""

    def __init__(self, request: web.Request, *, streams: bool) -> None:
        self._request, self._streams = request, streams
        self._response: web.StreamResponse | None = None
        self._lines: list[bytes] = []
        self.kept: list[dict[str, Any]] = []
        self.total = 0

    def row(self, made: Made) -> None:
        """Tell what is wrong with a row, and what was repaired."""
        for fault in made.faults:
            self.add("refused", made, fault.column, fault.reason)
        for repair in made.repairs:
            self.add("repaired", made, "", repair)

    def add(self, what: str, made: Made, column: str, reason: str) -> None:
        """Tell of one row."""
        self.total += 1
        told = {"what": what, "file": made.row.file, "line": made.row.line, "column": column, "reason": reason}
        if self._streams:
            self._lines.append(dumps(told) + b"\n")
        elif len(self.kept) < TOLD:
            self.kept.append(told)

    async def send(self) -> None:
        """Send what came since."""
        if not self._lines:
            return
        if self._response is None:
            self._response = web.StreamResponse(status=207)
            self._response.content_type = NDJSON.media[0]
            with suppress(ConnectionError):
                await self._response.prepare(self._request)
        lines, self._lines = self._lines, []
        with suppress(ConnectionError):  # whoever went away is told no more; the rows are brought in all the same
            await self._response.write(b"".join(lines))

    async def end(self, summary: dict[str, Any], headers: dict[str, str]) -> web.StreamResponse:
        """The whole answer."""
        if not self._streams:
            told = {"report_total": self.total, "report": self.kept}
            return answer({**summary, **told}, status=201 if summary["appended"] else 200, headers=headers)
        self._lines.append(dumps({"summary": summary}) + b"\n")
        await self.send()
        assert self._response is not None  # noqa: S101 - a line was sent
        with suppress(ConnectionError):
            await self._response.write_eof()
        return self._response

    async def broke_off(self, problem: Problem) -> web.StreamResponse:
        """The end of an answer of which a part was sent; raises the problem where none was."""
        if self._response is None:
            raise problem
        self._lines.append(dumps({"problem": problem.as_json()}) + b"\n")
        await self.send()
        with suppress(ConnectionError):
            await self._response.write_eof()
        return self._response


class _Rows(Told):
    """What became of the events of a batch: problems by the event's number, and those that there was no room for."""

    def __init__(self, request: web.Request) -> None:
        super().__init__(request)
        self.problems: list[tuple[int, Problem]] = []
        self.held: list[int] = []

    def refused(self, line: int, problem: Problem) -> None:
        self.problems.append((line, problem))

    def hold_back(self, lines: Sequence[int], busy: Problem) -> None:
        self.busy = busy
        self.held += lines

    def _keep(self, line: int, told: Any) -> None:
        """Keep nothing: rows are told of, and not their events."""


class _Run:
    """One import."""

    def __init__(self, service: Service, reader: Reader, upload: _Upload, report: _Report, *, is_dry: bool) -> None:
        self._service, self._reader, self._upload, self._report = service, reader, upload, report
        self._is_dry = is_dry
        self._account = Account()
        self._appended = self._known = 0
        self._places: Counter[str] = Counter()
        self._unresolved: Counter[Named] = Counter()
        self._begun: Begun | None = None
        self._there: There | None = None
        """What the log has of it, where it was begun before."""
        self._had_ended = False
        self._stream = ""
        self._release: Release | None = None
        self._registering: Registering | None = None
        """The mapping's actors, until the first events are judged."""
        self._door = service.door
        self._registered: list[str] = []
        self._unregistered: list[dict[str, str]] = []

    def compare(self, name: str, vanished: str | None) -> None:
        """Compare what is brought in with what the log has under the same ids, as the release of a name."""
        self._release = Release(name, vanished, self._held())

    async def _held(self) -> AsyncIterator[bytes]:
        """What the log has under the mapping's scheme, as far as the reader sees it: an event a line."""
        mapping = parse_mapping(self._upload.mapping_text)
        if mapping.id is None:
            raise BadRequest("events as they are have no rows to compare: an update needs a mapping with an id")
        async for line in self._found(EventFilter(external_ids=((mapping.id.scheme, None),))):
            yield line

    async def _found(self, wanted: EventFilter) -> AsyncIterator[bytes]:
        """Events of the log, as far as the reader sees them: an event a line."""
        reached = 0
        pool, clearance = self._service.pool, self._reader.clearance
        upto = (await read_head(pool)).position
        while reached < upto:
            found, reached = await search_events(
                pool, wanted, after=reached, upto=upto, clearance=clearance, limit=HELD
            )
            for line in await written(self._service, found, WRITERS[NDJSON]):
                yield line

    async def run(self, request: web.Request) -> web.StreamResponse:
        """Bring the rows in, and answer what became of them."""
        upload = self._upload
        mapping = await asyncio.to_thread(parse_mapping, upload.mapping_text)
        paths = [str(upload.files / name) for name in upload.names]
        release = self._release
        told = {} if release is None else {"release": release.name, "vanished": release.vanished}
        planned = partial(plan_of, mapping, upload.mapping_name, upload.mapping_text, paths, **told)
        plan = await asyncio.to_thread(planned)
        self._registering = Registering(mapping) if mapping.register_ else None
        batch, octets = list[Made](), 0
        try:
            async for made, size in made_apart(upload.mapping_path, upload.files, upload.names, release):
                if made.row.line:  # the others are retractions of rows that are gone
                    self._account.count(made)
                    self._report.row(made)
                batch.append(made)
                octets += size
                if len(batch) == BATCH or octets >= BATCH_OCTETS:
                    await self._take(request, mapping, plan, batch)
                    batch, octets = [], 0
            await self._take(request, mapping, plan, batch)
        except Problem as problem:
            return await self._report.broke_off(problem)
        if not self._account.rows:
            raise BadRequest("there is no row in it")
        if self._begun is not None and (self._appended or not self._had_ended):
            done = {"appended": self._appended, "already_there": self._known}
            changes = None if release is None else release.told["counts"]
            ended = ended_with(self._account, **done, progress=Progress(), changes=changes)
            await self._append(plan.ended(self._stream, ended))
        headers = {} if self._begun is None else {"Location": f"/v1/events?import={self._begun.number}"}
        return await self._report.end(self._summary(), headers)

    def _summary(self) -> dict[str, Any]:
        account = self._account
        return {
            "import": None if self._begun is None else self._begun.number,
            "dry_run": self._is_dry,
            "rows": account.rows,
            "refused": account.refused,
            "repaired": account.repaired,
            "passed_over": sum(account.skipped.values()),
            "appended": self._appended,
            "already_there": self._known,
            **({"registered": self._registered} if self._registered else {}),
            **({"not_registered": self._unregistered} if self._unregistered else {}),
            **places_told(self._places, self._unresolved),
            **({} if self._release is None else self._changes(self._release.told)),
        }

    @staticmethod
    def _changes(told: dict[str, Any]) -> dict[str, Any]:
        """How many rows are of which kind, and what of these."""
        counts = {kind: told["counts"].get(kind, 0) for kind in KINDS}
        return {"changes": counts, "samples": told["samples"], "held_back": told["held_back"]}

    async def _take(self, request: web.Request, mapping: Mapping, plan: Plan, batch: list[Made]) -> None:
        """Append a batch, or judge it."""
        await refuse_revoked(request)
        given = [(made, event) for made in batch for event in made.events]
        told = _Rows(request)
        if given and not self._is_dry and self._begun is None:
            await self._begin(plan)
        to_send = await lacked(self._there, given)
        self._known += len(given) - len(to_send)
        of = [made for made, _ in to_send]
        lines = [(n, orjson.dumps(event)) for n, (_, event) in enumerate(to_send)]
        if lines and self._registering is not None:
            await self._register(request, self._registering)
            self._registering = None
        await self._judge_or_send(lines, told)
        bad = {id(of[n]) for n, _ in told.problems}
        self._account.refused += len(bad)
        for n, problem in told.problems:
            self._tell(mapping, of[n], problem)
        self._appended += len(told.appended)
        self._known += told.duplicates
        self._places.update(told.hows)
        for name, events in told.unresolved.items():
            if name in self._unresolved or len(self._unresolved) < NAMES:
                self._unresolved[name] += events
        await self._report.send()

    async def _register(self, request: web.Request, registering: Registering) -> None:
        """Register those of the mapping's actors that the log does not have; what cannot be is told, and no more."""
        async for line in self._found(EventFilter(types=(registering.TYPE,))):
            registering.learn(orjson.loads(line))
        events, told = registering.missing(), _Rows(request)
        await self._judge_or_send([(n, orjson.dumps(event)) for n, event in enumerate(events)], told)
        refused = {n: " ".join(f.detail for f in problem.errors) or problem.detail for n, problem in told.problems}
        codes = [event["data"]["code"] for event in events]
        self._registered = [code for n, code in enumerate(codes) if n not in refused]
        self._unregistered = [{"code": codes[n], "reason": reason} for n, reason in refused.items()]
        if self._is_dry:
            self._door = self._door.supposing(frozenset(self._registered))

    async def _judge_or_send(self, lines: Sequence[tuple[int, bytes]], told: _Rows) -> None:
        if self._is_dry:
            await self._judge(lines, told)
        else:
            await self._send(lines, told)

    async def _judge(self, lines: Sequence[tuple[int, bytes]], told: _Rows) -> None:
        turns = judging()
        for n, line in lines:
            await turns.spend(len(line))
            try:
                candidate = self._door.read(line, recorded_by=self._reader.name)
                may_append(self._reader, candidate)
            except Problem as problem:
                told.refused(n, problem)
            else:
                told.note_place(candidate.command.place)

    async def _send(self, lines: Sequence[tuple[int, bytes]], told: _Rows) -> None:
        """Append events; those that there is no room for, again after a while."""
        for tried in range(TRIES):
            await append_lines(self._service, self._reader, lines, told, self._begun)
            if told.busy is None:
                return
            held, told.held, busy, told.busy = set(told.held), [], told.busy, None
            lines = [(n, line) for n, line in lines if n in held]
            if tried + 1 == TRIES or busy.retry_after is None:
                raise busy
            await asyncio.sleep(PAUSE_SECONDS)

    def _tell(self, mapping: Mapping, made: Made, problem: Problem) -> None:
        for fault in problem.errors or [Fault("", problem.slug, problem.detail)]:
            self._report.add(
                "refused", made, column_at(mapping, fault.pointer), f"{fault.pointer} {fault.detail}".strip()
            )

    async def _begin(self, plan: Plan) -> None:
        """Begin, or go on with the same import that was given before."""
        attempt = 0
        while True:
            event = plan.begun(attempt)
            self._stream = event["stream"]
            version = await version_of(self._service.pool, self._stream)
            self._had_ended = version > 1
            # Files that were read to their end go on: nothing is new in them. Of a release something may be.
            if not self._had_ended or self._release is None:
                break
            attempt += 1
        position, tlp = await self._append(event)
        knows = replace(self._reader, clearance=max(self._reader.clearance, tlp))
        if (begun := await find_begun(self._service, position, knows)) is None:  # it was marked higher since
            raise IdConflict(f"event {event['id']} is in the log with other content")
        self._begun = begun
        if version and self._release is None:  # an update has asked what the log has
            self._there = There(self._ids(position))

    async def _ids(self, number: int) -> AsyncIterator[list[str]]:
        """The ids of what the log has of it, a page at a time."""
        after: int | None = 0
        while after is not None:
            pool, clearance = self._service.pool, self._reader.clearance
            ids, after = await imported_ids(pool, number, after=after, clearance=clearance, limit=HELD)
            yield [str(each) for each in ids]

    async def _append(self, event: dict[str, Any]) -> tuple[int, int]:
        """Append an event about the import; its position and its marking."""
        command = self._service.door.read(orjson.dumps(event), recorded_by=self._reader.name).command
        outcome = await self._service.writer.append(command)
        if not isinstance(outcome, log.Appended | log.Duplicate):
            raise refusal_of(command, outcome)
        return outcome.position, command.tlp
