"""Rows made in a process of their own, for files and mappings that others send.

A pattern of a mapping may take for ever, and a packed file unpack to more than there is: here they end with their
process, and hold up nobody. Run as `python -m incidentlog.importers.apart MAPPING FILE...`; it writes a line of JSON
for each row, or one with the problem.
"""

import asyncio
import resource
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, Final

import orjson

from incidentlog.errors import BadRequest, Fault, Problem
from incidentlog.importers.importing import DESTROYED, made_of
from incidentlog.importers.making import Made, RowFault
from incidentlog.importers.mapping import parse_mapping
from incidentlog.importers.opening import Progress
from incidentlog.importers.row import Row

MEMORY: Final = 2 * 1024**3
"""The most bytes of address space that making rows may take."""
SECONDS: Final = 60.0
"""How long the next row may take. A workbook is read whole before its first."""
LINE: Final = 32 * 1024 * 1024
"""The most bytes that a row, its events and its faults take as JSON."""


async def made_apart(mapping: Path, folder: Path, names: Sequence[str]) -> AsyncIterator[Made]:
    """What each row of files in a folder gives; raises BadRequest for what cannot be read so, or takes too much."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "incidentlog.importers.apart", str(mapping), *names,
        cwd=folder, stdin=DEVNULL, stdout=PIPE, stderr=DEVNULL, limit=LINE,
    )  # fmt: skip
    try:
        while line := await _next(process):
            yield _read(orjson.loads(line))
        if await process.wait() != 0:
            raise BadRequest("the files, or the patterns of the mapping, take more time or memory than they may")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


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
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    mapping, *names = sys.argv[1:]
    try:
        for made in made_of(parse_mapping(Path(mapping).read_bytes()), names, Progress()):
            sys.stdout.buffer.write(orjson.dumps(_told(made)) + b"\n")
    except Problem as problem:
        told = {"problem": problem.detail, "errors": [fault.as_json() for fault in problem.errors]}
        sys.stdout.buffer.write(orjson.dumps(told) + b"\n")


if __name__ == "__main__":
    main()
