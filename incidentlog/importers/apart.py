"""Rows made in a process of their own, for files and mappings that others send.

A pattern of a mapping may take for ever, and a packed file unpack to more than there is: here they end with their
process, and hold up nobody. Run as `python -m incidentlog.importers.apart MAPPING FILE...`; it writes a line of JSON
for each row, or one with the problem. With `--update RELEASE VANISHED` before these it reads what the log has from
stdin, an event a line, and leaves of each row what the log lacks; then come retractions, and a line with what became of
all.
"""

import asyncio
import os
import resource
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import orjson

from incidentlog.errors import BadRequest, Fault, Problem
from incidentlog.importers.importing import DESTROYED, made_of
from incidentlog.importers.making import Made, RowFault
from incidentlog.importers.mapping import Mapping, parse_mapping
from incidentlog.importers.opening import Progress
from incidentlog.importers.row import Row
from incidentlog.importers.updating import Comparison, OtherFileError

MEMORY: Final = 2 * 1024**3
"""The most bytes of address space that making rows may take."""
SECONDS: Final = 60.0
"""How long the next row may take. A workbook is read whole before its first."""
PROCESSOR_SECONDS: Final = 3_600
"""How long all of it may work: a packed file may hold rows for days, none of which gives an event."""
LINE: Final = 8 * 1024 * 1024
"""The most bytes that a row, its events and its faults take as JSON: the service reads as much at a time."""
NICE: Final = 10
"""How far it stands back where there is more to do than processors: whoever reads and reports goes first."""


@dataclass(slots=True)
class Release:
    """A release that is compared with what the log has of the releases before; and what came of that."""

    name: str
    vanished: str | None
    """What becomes of events whose rows are gone; None is as the mapping says."""
    held: AsyncIterator[bytes]
    """What the log has under the mapping's scheme: an event a line."""
    told: dict[str, Any] = field(default_factory=dict)
    """How many rows are of which kind (`counts`), a sample of each, and why nothing was retracted (`held_back`)."""


async def made_apart(
    mapping: Path, folder: Path, names: Sequence[str], release: Release | None = None
) -> AsyncIterator[tuple[Made, int]]:
    """What each row of files in a folder gives, and how many bytes that is as JSON.

    Raises BadRequest for what cannot be read so, or takes too much.

    Of a release, what the log lacks of it; then retractions, as rows of line 0.
    """
    update = [] if release is None else ["--update", release.name, release.vanished or ""]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "incidentlog.importers.apart", *update, str(mapping), *names,
        cwd=folder, stdin=DEVNULL if release is None else PIPE, stdout=PIPE, stderr=DEVNULL, limit=LINE,
    )  # fmt: skip
    try:
        if release is not None:
            await _give(process, release.held)
        while line := await _next(process):
            said = orjson.loads(line)
            if release is not None and "compared" in said:
                release.told = said["compared"]
            else:
                yield _read(said), len(line)
        if await process.wait() != 0:
            raise BadRequest("the files, or the patterns of the mapping, take more time or memory than they may")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _give(process: Process, lines: AsyncIterator[bytes]) -> None:
    """Let it read what the log has. One that has ended says why by its code."""
    assert process.stdin is not None  # noqa: S101 - it was asked for
    with suppress(ConnectionError):
        async for line in lines:
            process.stdin.write(line)
            await asyncio.wait_for(process.stdin.drain(), SECONDS)
        process.stdin.close()


async def _next(process: Process) -> bytes:
    assert process.stdout is not None  # noqa: S101 - it was asked for
    try:
        return await asyncio.wait_for(process.stdout.readline(), SECONDS)
    except (TimeoutError, ValueError):
        raise BadRequest("a row, or a pattern of the mapping, takes more than it may") from None


def _read(told: dict[str, Any]) -> Made:
    """A row from its line; raises the problem that a line tells."""
    if "problem" in told:
        faults = [Fault(each["pointer"], each["code"], each["detail"]) for each in told.get("errors", ())]
        raise BadRequest(told["problem"], errors=faults)
    row = Row(told["file"], told["line"], {"": DESTROYED} if told["destroyed"] else {})
    faults_of_row = [RowFault(row.file, row.line, column, reason) for column, reason in told["faults"]]
    return Made(
        row, told["external_id"], "", told["events"], faults_of_row, told["skipped"], told["repairs"],
        told["shortened"], told["within"],
    )  # fmt: skip


def _told(made: Made) -> dict[str, Any]:
    """A row as a line tells it."""
    cells = made.row.cells.values()
    return {
        "file": made.row.file,
        "line": made.row.line,
        "destroyed": any(isinstance(cell, str) and DESTROYED in cell for cell in cells),
        "external_id": made.external_id,
        "events": made.events,
        "faults": [[fault.column, fault.reason] for fault in made.faults],
        "skipped": made.skipped,
        "repairs": made.repairs,
        "shortened": made.shortened,
        "within": made.within,
    }


def main() -> None:
    """Write what the rows give."""
    os.nice(NICE)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (PROCESSOR_SECONDS, PROCESSOR_SECONDS))
    words = sys.argv[1:]
    update = words[1:3] if words[0] == "--update" else None
    mapping, *names = words if update is None else words[3:]
    try:
        read = parse_mapping(Path(mapping).read_bytes())
        lines = map(_told, made_of(read, names, Progress())) if update is None else _compared(read, names, *update)
        for said in lines:
            sys.stdout.buffer.write(orjson.dumps(said) + b"\n")
    except Problem as problem:
        told = {"problem": problem.detail, "errors": [fault.as_json() for fault in problem.errors]}
        sys.stdout.buffer.write(orjson.dumps(told) + b"\n")


def _compared(mapping: Mapping, names: list[str], release: str, vanished: str) -> Iterator[dict[str, Any]]:
    """What the log on stdin lacks of the rows, then what it has beyond them, then what that came to."""
    compared, held_back = Comparison(mapping, release), None
    for line in sys.stdin.buffer:
        compared.learn(orjson.loads(line))
    for made in made_of(mapping, names, Progress()):
        compared.judge(made)
        yield _told(made)
    try:
        retract = compared.retracts(vanished or None)
    except OtherFileError as other:
        retract, held_back = False, str(other)
    for event in compared.vanished(retract=retract):
        yield _told(Made(Row(release, 0, {}), events=[event]))
    yield {"compared": {"counts": compared.counts, "samples": compared.samples, "held_back": held_back}}


if __name__ == "__main__":
    main()
