"""`incidentlog import run`, or without the word: a file of any format into the log, by a mapping."""

from collections.abc import Callable, Iterator
from collections.abc import Mapping as Members
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Self, TypeAlias

import typer

from incidentlog.cli import options
from incidentlog.cli.ending import Code, Failed, Refused, ending, places_told, say

if TYPE_CHECKING:
    from incidentlog.client.answers import Bulk
    from incidentlog.door import Door
    from incidentlog.importers.importing import Account, Made
    from incidentlog.importers.mapping import Mapping
    from incidentlog.importers.opening import Progress
    from incidentlog.importers.recording import Plan
    from incidentlog.importers.resuming import Given, There
    from incidentlog.importers.updating import Comparison

TOLD: Final = 100
"""How many bad rows are told on stderr; a report has all of them."""
AHEAD: Final = 2
"""How many batches are made while one is on its way."""


class Vanished(StrEnum):
    """What becomes of events whose rows a release has no more."""

    RETRACT = "retract"
    LIST = "list"


@dataclass(frozen=True, slots=True)
class _Update:
    """What is asked of an update."""

    release: str
    vanished: Vanished | None
    """None is as the mapping says."""


def import_(
    mapping: Annotated[
        str, typer.Argument(help="A mapping that comes along (--explain lists them), or a file.", metavar="MAPPING")
    ] = "",
    files: Annotated[
        list[str] | None, typer.Argument(help="The files; - reads stdin.", metavar="FILE...", show_default=False)
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Judge every row here, and send nothing.")] = False,
    report: Annotated[
        Path | None, typer.Option("--report", dir_okay=False, help="Write every bad and repaired row into this CSV.")
    ] = None,
    update: Annotated[
        bool, typer.Option("--update", help="Compare with what the log has, and append what a new release changed.")
    ] = False,
    release: Annotated[
        str | None,
        typer.Option("--release", help="What the release is called, in reasons.", show_default="the file's name"),
    ] = None,
    vanished: Annotated[
        Vanished | None,
        typer.Option(
            "--vanished", help="What becomes of events whose rows are gone.", show_default="as in the mapping"
        ),
    ] = None,
    guess: Annotated[
        bool, typer.Option("--guess", help="Write a first mapping for the spreadsheet that stands in MAPPING's place.")
    ] = False,
    explain: Annotated[bool, typer.Option("--explain", help="Show a mapping, or which ones come along.")] = False,
    schema: Annotated[bool, typer.Option("--schema", help="Show the JSON Schema of mappings.")] = False,
    url: options.Url = options.URL,
    key: options.Key = None,
) -> None:
    """Append what the rows of files say.

    Every event's id comes from its row's: what is in the log already is not added twice, so a command that was ended
    in the middle is simply given again. Rows that cannot be taken in are listed on stderr with file, line and column,
    and keep nothing else out; the exit code is 6 then.
    """
    with ending(), problems():
        if guess:
            _guess(mapping, files)
            return
        if schema or explain:
            _show(mapping, schema=schema)
            return
        if not mapping or not files:
            raise Failed("name a mapping and at least one file; --explain lists the mappings", Code.USAGE)
        if not update and (release or vanished):
            raise Failed("--release and --vanished are of an --update", Code.USAGE)
        wanted = _Update(release or files[0], vanished) if update else None
        refused = _import(mapping, files, report, wanted, dry_run=dry_run, url=url, key=key)
    if refused:
        raise typer.Exit(Code.PARTLY_REFUSED)


def _guess(file: str, others: list[str] | None) -> None:
    if not file or others:
        raise Failed("name one spreadsheet: incidentlog import --guess incidents.csv > incidents.toml", Code.USAGE)
    from incidentlog.importers.guessing import guess

    typer.echo(guess(file), nl=False)


def _show(mapping: str, *, schema: bool) -> None:
    import json

    from incidentlog.importers import mapping as language

    if schema:
        typer.echo(json.dumps(language.schema(), indent=2))
    elif mapping:
        language.load_mapping(mapping)
        path = language.path_of(mapping)
        typer.echo(path.read_text("utf-8"), nl=False)
    else:
        for name in language.presets():
            typer.echo(f"{name:20}{language.load_mapping(name).title}")


@contextmanager
def problems() -> Iterator[None]:
    """Tell what the importers and the client refuse as commands do."""
    from incidentlog.client.problems import NotOursError, UnreachableError
    from incidentlog.errors import Problem

    try:
        yield
    except Problem as problem:
        raise Refused(problem.status, {**problem.as_json(), "title": problem.detail}) from None
    except UnreachableError as error:
        raise Failed(f"{error}. Say where it is with --url or INCIDENTLOG_URL.", Code.UNAVAILABLE) from None
    except (NotOursError, ValueError) as error:
        raise Failed(str(error), Code.USAGE if isinstance(error, ValueError) else Code.FAILURE) from None


def _import(
    name: str,
    files: list[str],
    report: Path | None,
    update: _Update | None,
    *,
    dry_run: bool,
    url: str,
    key: str | None,
) -> int:
    """Import files by the mapping of a name; how many rows were refused."""
    import asyncio
    import time

    from incidentlog.importers.importing import Account, batches, made_of
    from incidentlog.importers.mapping import load_mapping, path_of
    from incidentlog.importers.opening import Progress
    from incidentlog.importers.recording import ended_with, plan_of

    mapping = load_mapping(name)
    account, progress, began = Account(), Progress(), time.monotonic()
    with _Report(report) as told, asyncio.Runner() as loop, _bar(progress, account) as advance:
        compared = None if update is None else _compared(mapping, update, loop, url, key)
        if dry_run:
            taker: _Taker = _Counting() if compared is not None else _Trying(mapping, told)
        else:
            release, vanished = (None, None) if update is None else (update.release, update.vanished)
            plan = plan_of(mapping, name, path_of(name).read_bytes(), files, release=release, vanished=vanished)
            taker = _Sending(mapping, told, Recording(plan, loop, url, key))
        with taker:
            for batch in _ahead(batches(made_of(mapping, files, progress))):
                for made in batch:
                    if compared is not None:
                        compared.judge(made)
                    account.count(made)
                    told.row(made)
                taker.take(batch, account)
                advance()
            if not account.rows:
                raise Failed("there is no row in it", Code.USAGE)
            if compared is not None and update is not None:
                _retract(compared, update, taker, account, dry_run=dry_run)
            if isinstance(taker, _Sending):
                changes = None if compared is None else compared.counts
                done = {"appended": taker.appended, "already_there": taker.duplicates}
                taker.recording.end(ended_with(account, **done, progress=progress, changes=changes))
    _sum_up(account, taker, told, time.monotonic() - began)
    if compared is not None:
        _tell_changes(compared)
    return account.refused


def _compared(mapping: "Mapping", update: _Update, loop: Any, url: str, key: str | None) -> "Comparison":
    """What the log has under the scheme, read to its head."""
    from incidentlog.cli.live import RETRY_SECONDS
    from incidentlog.client.client import Client
    from incidentlog.importers.updating import Comparison

    compared = Comparison(mapping, update.release)
    if not compared.scheme:
        raise Failed("events as they are have no rows to compare: --update needs a mapping with an id", Code.USAGE)

    async def read() -> None:
        async with Client(url, key, retry_seconds=RETRY_SECONDS) as client:
            async for event in client.events(filters={"external_id": f"{compared.scheme}:*"}):
                compared.learn(event)

    loop.run(read())
    return compared


def _retract(
    compared: "Comparison",
    update: _Update,
    taker: "_Taker",
    account: "Account",
    *,
    dry_run: bool,
) -> None:
    """Retract what the release has no more, where that is wanted."""
    from incidentlog.importers.importing import BATCH
    from incidentlog.importers.making import Made
    from incidentlog.importers.row import Row
    from incidentlog.importers.updating import OtherFileError

    try:
        retract = compared.retracts(update.vanished, is_dry=dry_run)
    except OtherFileError as other:
        raise Failed(
            f"{other}. What it adds and changes was appended. To retract them say --vanished retract"
        ) from None
    gone = [Made(Row(update.release, 0, {}), events=[event]) for event in compared.vanished(retract=retract)]
    for start in range(0, len(gone), BATCH):
        taker.take(gone[start : start + BATCH], account)


def _tell_changes(compared: "Comparison") -> None:
    """Say the four numbers, with a sample of each."""
    from incidentlog.importers.updating import KINDS

    say(", ".join(f"{compared.counts[kind]:,} {kind}" for kind in KINDS))
    for kind in KINDS[1:]:
        if compared.samples[kind]:
            say(f"  {kind}: {'; '.join(compared.samples[kind])}")


class _Counting:
    """Takes batches and does nothing with them: what an update would send is counted where it is compared."""

    def __init__(self) -> None:
        self._events = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    def take(self, batch: "list[Made]", account: "Account") -> None:  # noqa: ARG002 - as the others
        """Count a batch's events."""
        self._events += sum(len(made.events) for made in batch)

    def told(self) -> str:
        """What would become of the events."""
        return f"{self._events:,} events would be sent; nothing was"


def _ahead(batches: "Iterator[list[Made]]") -> "Iterator[list[Made]]":
    """The batches, made in a thread while earlier ones are on their way; whatever goes wrong there is raised here."""
    from queue import Queue
    from threading import Thread

    made: Queue[list[Made] | BaseException | None] = Queue(AHEAD)

    def make() -> None:
        try:
            for batch in batches:
                made.put(batch)
            made.put(None)
        except BaseException as error:  # noqa: BLE001 - it is raised where the batches are taken
            made.put(error)

    # A daemon: one that waits for a pipe must not keep the process from ending.
    Thread(target=make, daemon=True).start()
    while (batch := made.get()) is not None:
        if isinstance(batch, BaseException):
            raise batch
        yield batch


class _Report:
    """Bad and repaired rows: the first on stderr, all of them in a file where one is named."""

    def __init__(self, path: Path | None) -> None:
        self._path, self._told = path, 0

    def __enter__(self) -> Self:
        import csv

        try:
            self._file = None if self._path is None else self._path.open("w", encoding="utf-8", newline="")
        except OSError as error:
            raise Failed(f"cannot write {self._path}: {error.strerror}", Code.USAGE) from error
        self._rows = None if self._file is None else csv.writer(self._file)
        if self._rows is not None:
            self._rows.writerow(("what", "file", "line", "column", "reason"))
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def row(self, made: "Made") -> None:
        """Tell of a row what is wrong with it, and what was repaired."""
        for fault in made.faults:
            self.add("refused", fault.file, fault.line, fault.column, fault.reason)
        for repair in made.repairs:
            self.add("repaired", made.row.file, made.row.line, "", repair)

    def add(self, what: str, file: str, line: int, column: str, reason: str) -> None:
        """Tell of one row."""
        if self._rows is not None:
            self._rows.writerow((what, file, line, column, reason))
        self._told += 1
        if self._told <= TOLD:
            say(f"{file}, line {line}{', ' + column if column else ''}: {what}: {reason}")

    @property
    def untold(self) -> int:
        """How many were told in no way."""
        return 0 if self._rows is not None else max(0, self._told - TOLD)


class Recording:
    """The record of an import: begun before the first of its events is sent, ended when all of it was read."""

    def __init__(self, plan: "Plan", loop: Any, url: str, key: str | None) -> None:
        from incidentlog.cli.live import RETRY_SECONDS
        from incidentlog.client.client import Client

        self._plan, self._loop = plan, loop
        # A service that does not answer from the beginning is not waited for as long as one that is lost on the way.
        self._client = Client(url, key, retry_seconds=RETRY_SECONDS)
        self._stream: str | None = None
        self._has_ended = False
        self._there: There | None = None
        """What the log has of it, where it was begun before."""
        self.number: int | None = None
        """The position at which it began."""

    def __enter__(self) -> Self:
        self._loop.run(self._client.__aenter__())
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.run(self._client.__aexit__(None, None, None))

    def lacked(self, given: "list[Given]") -> "list[Given]":
        """Those of some events that the log does not have of it; they are given in the order of the rows, each once."""
        from incidentlog.importers.resuming import lacked

        async def of_it() -> "list[Given]":
            if self.number is None:
                await self._begin()
            return await lacked(self._there, given)

        found: list[Given] = self._loop.run(of_it())
        return found

    def append(self, events: list[dict[str, Any]], refused: Callable[[Any], None]) -> "Bulk":
        """Append events that come with it, each for itself."""

        async def append() -> "Bulk":
            if self.number is None:
                await self._begin()
            return await self._client.append_many(events, mode="partial", refused=refused, imported=self.number)

        done: Bulk = self._loop.run(append())
        return done

    def tell(self, learn: "Callable[[Members[str, Any]], None]", filters: dict[str, str]) -> None:
        """Let something learn events that the log has, in its order."""

        async def tell() -> None:
            async for event in self._client.events(filters=filters):
                learn(event)

        self._loop.run(tell())

    async def _begin(self) -> None:
        """Begin, or go on with what was broken off.

        Files that were read to their end go on, too: nothing is new in them. Of a release something may be, where it is
        compared with another one by now.
        """
        from incidentlog.client.client import RETRY_SECONDS
        from incidentlog.importers.resuming import There

        attempt = 0
        while True:
            begun = self._plan.begun(attempt)
            there = [e["type"] async for e in self._client.events(filters={"stream": begun["stream"]})]
            self._has_ended = "import.ended" in there
            if not self._has_ended or "release" not in self._plan.said:
                break
            attempt += 1
        self._stream, self.number = begun["stream"], (await self._client.append(begun)).position
        if there and "release" not in self._plan.said:  # an update has asked what the log has
            self._there = There(self._client.imported(self.number))
        self._client.retry_seconds = RETRY_SECONDS

    def end(self, said: dict[str, Any]) -> None:
        """Say what became of it; of what was there before and of which nothing is new there is nothing to say."""
        if self._stream is not None and not (self._has_ended and not said["appended"]):
            self._loop.run(self._client.append(self._plan.ended(self._stream, said)))


class _Sending:
    """Appends batches to a log."""

    def __init__(self, mapping: "Mapping", report: _Report, recording: Recording) -> None:
        self._mapping, self._report, self.recording = mapping, report, recording
        from collections import Counter

        self.appended = self.duplicates = 0
        self.position: int | None = None
        self._how: Counter[str] = Counter()
        self._unresolved: Counter[str] = Counter()
        self._actors = _Actors(mapping)

    def __enter__(self) -> Self:
        self.recording.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.recording.__exit__()

    def take(self, batch: "list[Made]", account: "Account") -> None:
        """Append a batch, and count the rows of which an event is refused."""
        given = [(made, event) for made in batch for event in made.events]
        if not given:
            return
        lacked = self.recording.lacked(given)
        self.duplicates += len(given) - len(lacked)
        of, events = [made for made, _ in lacked], [event for _, event in lacked]
        if not events:
            return
        if self._actors.are_to_be_registered:
            self._actors.register(self.recording)
        bad: set[int] = set()

        def refused(refusal: Any) -> None:
            made = of[refusal.number - 1]
            bad.add(id(made))
            _tell(self._mapping, self._report, made, refusal.problem)

        done = self.recording.append(events, refused)
        account.refused += len(bad)
        self.appended += done.appended
        self.duplicates += done.duplicates
        self._how.update(done.places)
        self._unresolved.update(done.unresolved)
        self.position = done.last_position or self.position

    def told(self) -> str:
        """What became of the events."""
        there = f", {self.duplicates:,} already there" if self.duplicates else ""
        head = f"; the log is at position {self.position:,} or later" if self.position else ""
        number = self.recording.number
        undo = f"\nimport {number}: `incidentlog import undo {number}` shows what would take it back" if number else ""
        said = f"{self.appended:,} appended{there}{head}{undo}"
        return "\n".join([said, *self._actors.told("registered"), *places_told(self._how, self._unresolved)])


class _Actors:
    """The mapping's actors, of which those are registered that the log does not have."""

    def __init__(self, mapping: "Mapping") -> None:
        from incidentlog.importers.registering import Registering

        self._registering = Registering(mapping)
        self.are_to_be_registered = bool(mapping.register_)
        self.codes: list[str] = []
        self.faults: list[str] = []

    def register(self, recording: Recording) -> None:
        """Register them; what cannot be is told in the end."""
        self.are_to_be_registered = False
        recording.tell(self._registering.learn, {"type": self._registering.TYPE})
        if events := self._registering.missing():
            refused: dict[int, Any] = {}
            recording.append(events, lambda refusal: refused.update({refusal.number - 1: refusal.problem}))
            for n, event in enumerate(events):
                self._note(event, refused.get(n))

    def suppose(self, door: "Door") -> "Door":
        """A door that takes them for registered, as far as they can be."""
        import orjson

        from incidentlog.errors import Problem

        for event in self._registering.missing():
            try:
                door.read(orjson.dumps(event), recorded_by="import")
            except Problem as problem:
                self._note(event, problem)
            else:
                self._note(event)
        return door.supposing(frozenset(self.codes))

    def _note(self, event: dict[str, Any], problem: Any = None) -> None:
        code = event["data"]["code"]
        if problem is None:
            self.codes.append(code)
        else:
            self.faults.append(f"{code}: {' '.join(fault.detail for fault in problem.errors) or problem.detail}")

    def told(self, doing: str) -> list[str]:
        """Who was registered, and who could not be."""
        good = [f"actors {doing}: {', '.join(self.codes)}"] if self.codes else []
        return good + [f"actor not registered: {fault}" for fault in self.faults]


def _tell(mapping: "Mapping", report: _Report, made: "Made", problem: Any) -> None:
    """Tell why the door refuses an event, by the columns that it was made of."""
    from incidentlog.importers.importing import column_at

    if problem.slug == "id-conflict":
        reason = "the log has this id with other content: of an earlier row, or an earlier release (--update)"
        report.add("refused", made.row.file, made.row.line, "", reason)
        return
    for fault in problem.errors or [None]:
        column = "" if fault is None else column_at(mapping, fault.pointer)
        reason = problem.detail if fault is None else f"{fault.pointer} {fault.code}: {fault.detail}"
        report.add("refused", made.row.file, made.row.line, column, reason)


class _Trying:
    """Judges batches as the door of a log would that has nothing registered; and looks for their places."""

    def __init__(self, mapping: "Mapping", report: _Report) -> None:
        from collections import Counter

        from incidentlog.clock import SystemClock
        from incidentlog.door import Door, Known
        from incidentlog.events.values import KYIV

        self._mapping, self._report = mapping, report
        self._actors = _Actors(mapping)
        self._door = self._actors.suppose(Door(Known(), SystemClock(), KYIV))
        self.good = 0
        self.how: Counter[str] = Counter()
        self.unresolved: Counter[str] = Counter()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    def take(self, batch: "list[Made]", account: "Account") -> None:
        """Judge a batch."""
        for made in batch:
            judged = [self._judge(made, event) for event in made.events]  # all of them: every fault is told
            account.refused += not all(judged)

    def _judge(self, made: "Made", event: dict[str, Any]) -> bool:
        import orjson

        from incidentlog.errors import Problem
        from incidentlog.places import NOT_FOUND

        try:
            candidate = self._door.read(orjson.dumps(event), recorded_by="import")
        except Problem as problem:
            _tell(self._mapping, self._report, made, problem)
            return False
        self.good += 1
        if (place := candidate.command.place) is not None:
            self.how[place.how] += 1
            if place.how in NOT_FOUND:
                self.unresolved[f"{place.name} ({place.country or '?'}, {place.admin1 or '?'})"] += 1
        return True

    def told(self) -> str:
        """What would become of the events, and how their places are found."""
        said = f"{self.good:,} events would be sent; nothing was"
        would = self._actors.told("that would be registered, where the log does not have them")
        return "\n".join([said, *would, *places_told(self.how, self.unresolved)])


_Taker: TypeAlias = _Sending | _Trying | _Counting
"""What takes the batches."""


def _sum_up(account: "Account", taker: "_Taker", report: _Report, seconds: float) -> None:
    """Say what became of the rows."""
    if report.untold:
        say(f"... and {report.untold:,} more: --report FILE lists all of them")
    rate = f", {account.rows / seconds:,.0f} rows/s" if seconds > 0 else ""
    say(f"{account.rows:,} rows in {seconds:.1f} s{rate}: {account.refused:,} refused, {account.repaired:,} repaired")
    for counter, doing in ((account.repairs, "repaired"), (account.skipped, "passed over")):
        for what, n in counter.most_common():
            say(f"  {doing}: {what}: {n:,}")
    if account.nested:
        say(f"  {account.nested:,} rows lie within another, and are linked to it as its part")
    if account.shortened:
        say(f"  {account.shortened:,} texts are too long, and were shortened")
    if account.destroyed:
        say(f"  {account.destroyed:,} rows have characters that the file has lost")
    say(taker.told())


@contextmanager
def _bar(progress: "Progress", account: "Account") -> Iterator[Callable[[], None]]:
    """A bar on stderr when that is a terminal, with the rate and the time left."""
    import sys

    if not sys.stderr.isatty():
        yield lambda: None
        return
    from rich import progress as bars
    from rich.console import Console

    columns = (
        bars.BarColumn(),
        bars.TaskProgressColumn(),
        bars.TextColumn("{task.fields[rows]:,} rows"),
        bars.TransferSpeedColumn(),
        bars.TimeElapsedColumn(),
        bars.TimeRemainingColumn(),
    )
    with bars.Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=None, rows=0)
        yield lambda: bar.update(task, total=progress.total, completed=progress.done, rows=account.rows)
