"""`incidentlog ingest`: a file of NDJSON into the log, in chunks, each line for itself."""

from codecs import BOM_UTF8
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Annotated, Final, Protocol

import typer

from incidentlog.cli import options
from incidentlog.cli.ending import Code, Failed, Refused, ending, places_told, say, told_fault, unreadable

if TYPE_CHECKING:
    from incidentlog.cli.asking import Service

CHUNK_LINES: Final = 1_000
CHUNK_BYTES: Final = 4 * 1024 * 1024
LINE_BYTES: Final = 256 * 1024
PATH: Final = "/v1/events/bulk"
TRIES: Final = 6
"""How often a chunk is sent while the service says it is overloaded; 31 s at its shortest waits."""


@dataclass(slots=True)
class Chunk:
    """Consecutive lines of the file, with their numbers from 1; blank ones are left out."""

    lines: list[tuple[int, bytes]] = field(default_factory=list)
    size: int = 0
    """Bytes of the file that it covers, blank lines included."""


@dataclass(slots=True)
class Sum:
    """What became of the lines."""

    appended: int = 0
    duplicates: int = 0
    refused: int = 0
    position: int | None = None
    places: Counter[str] = field(default_factory=Counter)
    """How the places were found,"""
    unresolved: Counter[str] = field(default_factory=Counter)
    """and the most frequent names that were not."""


class Advance(Protocol):
    """Told of every chunk that is done."""

    def __call__(self, size: int, total: Sum) -> None:
        """`size` more bytes of the file are behind us."""
        ...


def ingest(
    file: Annotated[str, typer.Argument(help="NDJSON, one event a line; - reads stdin.", metavar="FILE|-")],
    url: options.Url = options.URL,
    key: options.Key = None,
) -> None:
    """Append a file of events.

    Lines that the service refuses are listed on stderr with their numbers and left out; the rest is appended, and the
    exit code is 6; 2 where there is no line at all. Events that carry ids may be sent again: what is in the log already
    is not added twice.
    """
    with ending(), _opened(file) as source:
        total = _ingest(source, url, key)
    if total.refused:
        raise typer.Exit(Code.PARTLY_REFUSED)


def _opened(file: str) -> AbstractContextManager[IO[bytes]]:
    import sys
    from pathlib import Path

    if file == "-":
        return nullcontext(sys.stdin.buffer)
    try:
        return Path(file).open("rb")
    except OSError as error:
        raise unreadable(file, error) from error


def _ingest(source: IO[bytes], url: str, key: str | None) -> Sum:
    import asyncio
    import time

    from incidentlog.cli.asking import Service

    total, began, empty = Sum(), time.monotonic(), True
    # The file is read between the runs and not inside: a read that waits for a pipe would hold up Ctrl-C there.
    with asyncio.Runner() as loop, _progress(source) as advance:
        service = loop.run(Service(url, key).__aenter__())
        try:
            for chunk in chunks(source):
                empty = empty and not chunk.lines
                loop.run(_send(service, chunk, total))
                advance(chunk.size, total)
        except Failed:
            if total != Sum():
                told = _told(total, time.monotonic() - began)
                say(f"{told}. Sending the file again adds no event with an id twice.")
            raise
        finally:
            loop.run(service.__aexit__(None, None, None))
    if empty:
        raise Failed("there is no event in it", Code.USAGE)
    say("\n".join([_told(total, time.monotonic() - began), *places_told(total.places, total.unresolved)]))
    return total


def chunks(source: IO[bytes]) -> Iterator[Chunk]:
    """The file in chunks of at most 1,000 lines and 4 MiB; longer lines come as they are."""
    chunk, size = Chunk(), 0
    for number, line in enumerate(source, start=1):
        text = line.removeprefix(BOM_UTF8).strip()
        if chunk.lines and (len(chunk.lines) == CHUNK_LINES or size + len(text) + 1 > CHUNK_BYTES):
            yield chunk
            chunk, size = Chunk(), 0
        chunk.size += len(line)
        if text:
            chunk.lines.append((number, text))
            size += len(text) + 1
    if chunk.size:
        yield chunk


async def _send(service: "Service", chunk: Chunk, total: Sum) -> None:
    """Send a chunk, and again those of its lines that the service has no room for."""
    import asyncio

    lines: Sequence[tuple[int, bytes]] = _short_enough(chunk.lines, total)
    for tried in range(1, TRIES + 1):
        if not lines:
            return
        busy = await _append(service, lines, total)
        if busy is None:
            return
        # None of these was written: also events without ids may be sent again.
        if tried == TRIES:
            raise busy.refusal
        await asyncio.sleep(min(30.0, max(busy.refusal.retry_after_seconds or 0, 2.0 ** (tried - 1))))
        lines = busy.lines


@dataclass(frozen=True, slots=True)
class _Busy:
    """The lines that the service has no room for by now, and what it says."""

    lines: Sequence[tuple[int, bytes]]
    refusal: Refused


async def _append(service: "Service", lines: Sequence[tuple[int, bytes]], total: Sum) -> _Busy | None:
    """Append lines, each for itself; those that there is no room for are answered."""
    body = b"\n".join(text for _, text in lines)
    try:
        *told, last = await service.post_lines(PATH, body, "application/x-ndjson", params=[("mode", "partial")])
    except Refused as refused:
        if refused.code is not Code.UNAVAILABLE:
            raise
        return _Busy(lines, refused)
    total.appended += last["summary"]["appended"]
    total.duplicates += last["summary"]["duplicates"]
    total.position = last["summary"]["last_position"] or total.position
    total.places.update(last["summary"].get("places", {}))
    for told_name in last["summary"].get("unresolved", ()):
        where = ", ".join(told_name[level] or "?" for level in ("country", "admin1"))
        total.unresolved[f"{told_name['name']} ({where})"] += told_name["events"]
    left: list[tuple[int, bytes]] = []
    busy: Refused | None = None
    for each in told:
        for warning in each.get("warnings", ()):
            say(f"line {lines[each['line'] - 1][0]}: warning: {told_fault(warning)}")
        if "problem" not in each:
            continue
        number, text = lines[each["line"] - 1]
        refusal = Refused(each["status"], each["problem"])
        match refusal.slug:
            case "overloaded":
                left.append((number, text))
                busy = refusal
            case "unavailable":
                raise refusal  # whether it was written is not known
            case _:
                total.refused += 1
                for fault in refusal.faults or [{"code": refusal.slug, "detail": each["problem"].get("detail", "")}]:
                    say(f"line {number}: {told_fault(fault)}")
    return None if busy is None else _Busy(left, busy)


def _short_enough(lines: Sequence[tuple[int, bytes]], total: Sum) -> list[tuple[int, bytes]]:
    """One line that is too long would have the whole chunk refused with no word about the others."""
    kept = [line for line in lines if len(line[1]) <= LINE_BYTES]
    for number, text in lines:
        if len(text) > LINE_BYTES:
            say(f"line {number}: too-large: {len(text)} bytes; an event may have {LINE_BYTES}")
    total.refused += len(lines) - len(kept)
    return kept


def _told(total: Sum, seconds: float) -> str:
    done = total.appended + total.duplicates
    rate = f", {done / seconds:,.0f} events/s" if done and seconds > 0 else ""
    there = f", {total.duplicates:,} already there" if total.duplicates else ""
    refused = f", {total.refused:,} refused" if total.refused else ""
    head = f"; the log is at position {total.position:,} or later" if total.position else ""
    return f"{total.appended:,} appended{there}{refused} in {seconds:.1f} s{rate}{head}"


@contextmanager
def _progress(source: IO[bytes]) -> Iterator[Advance]:
    """A bar on stderr when that is a terminal, with the rate and the time left."""
    import os
    import stat
    import sys

    if not sys.stderr.isatty():
        yield lambda size, total: None  # noqa: ARG005 - nobody looks
        return
    from rich import progress
    from rich.console import Console

    about = os.fstat(source.fileno())
    columns = (
        progress.BarColumn(),
        progress.TaskProgressColumn(),
        progress.TextColumn("{task.fields[events]:,} events"),
        progress.TransferSpeedColumn(),
        progress.TimeElapsedColumn(),
        progress.TimeRemainingColumn(),
    )
    with progress.Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=about.st_size if stat.S_ISREG(about.st_mode) else None, events=0)
        yield lambda size, total: bar.update(task, advance=size, events=total.appended + total.duplicates)
