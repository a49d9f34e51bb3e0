"""Many events in one request, sent while they come, and sent again from its beginning when that is needed."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final

from pydantic import BaseModel

from incidentlog.client.answers import Bulk, RefusedEvent, warnings_of
from incidentlog.client.asking import AGAIN, Asking
from incidentlog.client.changes import Event
from incidentlog.client.problems import problem_of
from incidentlog.client.sending import encoded
from incidentlog.client.waits import Tries
from incidentlog.errors import TooLarge

BODY_BYTES: Final = 64 * 1024 * 1024
LINES: Final = 100_000
"""The service's limits of one request."""
PART_LINES: Final = 1_000
PART_BYTES: Final = 4 * 1024 * 1024
REFUSALS: Final = 1_000
"""How many refusals are kept; the others are counted."""
PIECE: Final = 64 * 1024
NDJSON: Final = "application/x-ndjson"
PATH: Final = "/v1/events/bulk"

Given = AsyncIterable[Event | BaseModel] | Iterable[Event | BaseModel]


@dataclass(slots=True)
class _Stream:
    """A body that is made while it is sent, and kept, so that it can be sent once more."""

    lines: AsyncIterator[bytes]
    pieces: list[bytes] = field(default_factory=list)
    size: int = 0
    count: int = 0
    failure: Exception | None = None
    """What the giver of the events raised: it must not pass for a lost connection."""

    async def body(self) -> AsyncIterator[bytes]:
        sent = 0
        while True:
            while sent < len(self.pieces):
                yield self.pieces[sent]
                sent += 1
            try:
                piece = await self._next()
            except Exception as failure:
                self.failure = failure
                raise
            if not piece:
                return
            self.pieces.append(piece)

    async def _next(self) -> bytes:
        piece = bytearray()
        async for line in self.lines:
            self.count += 1
            self.size += len(line)
            if self.count > LINES or self.size > BODY_BYTES:
                raise TooLarge(f"one request takes {LINES} events and {BODY_BYTES} bytes; send the rest in another")
            piece += line
            if len(piece) >= PIECE:
                break
        return bytes(piece)


def _params(mode: str, imported: int | None) -> list[tuple[str, str]]:
    return [("mode", mode), *([] if imported is None else [("import", str(imported))])]


async def append_atomic(asking: Asking, events: Given, imported: int | None = None) -> Bulk:
    """All of them, or none; `imported` is the number of the import that they come with."""
    stream = _Stream(_lines(events))
    try:
        params = _params("atomic", imported)
        answer = await asking.ask("POST", PATH, params=params, body=stream.body, content_type=NDJSON)
    except Exception:
        if stream.failure is not None:
            raise stream.failure from None
        raise
    return _with(Bulk(), answer.json)


async def append_partly(
    asking: Asking,
    events: Given,
    refused: Callable[[RefusedEvent], None] | None = None,
    imported: int | None = None,
) -> Bulk:
    """Each for itself, in as many requests as that takes; `refused` is told of each that is not taken in."""
    total, before = Bulk(), 0
    async for part in _parts(_lines(events)):
        lines = dict(enumerate(part, start=before + 1))
        total = await _append_part(asking, _params("partial", imported), lines, total, refused)
        before += len(part)
    return total


async def _append_part(
    asking: Asking,
    params: list[tuple[str, str]],
    lines: dict[int, bytes],
    total: Bulk,
    tell: Callable[[RefusedEvent], None] | None,
) -> Bulk:
    """Append lines, by their number; those that the service has no time for are sent again. The new sum."""
    tries = Tries(asking.retry_seconds)
    while True:
        body, numbers = b"".join(lines.values()), list(lines)
        answer = await asking.ask("POST", PATH, params=params, body=partial(bytes, body), content_type=NDJSON)
        *told, last = answer.lines
        total = _with(total, last["summary"])
        warned = (w for each in told for w in warnings_of(each, numbers[each["line"] - 1]))
        total = replace(total, warnings=(*total.warnings, *warned)[:REFUSALS])
        refused = {numbers[each["line"] - 1]: each for each in told if "problem" in each}
        lines = {number: lines[number] for number, each in refused.items() if each["status"] in AGAIN}
        refusals = [
            RefusedEvent(number, problem_of(each["problem"], each["status"]))
            for number, each in refused.items()
            if number not in lines
        ]
        if tell is not None:
            for refusal in refusals:
                tell(refusal)
        kept = (*total.refusals, *refusals)[:REFUSALS]
        total = replace(total, refused=total.refused + len(refusals), refusals=kept)
        if not lines:
            return total
        if (wait := tries.next_seconds()) is None:
            busy = refused[next(iter(lines))]
            raise problem_of(busy["problem"], busy["status"])
        await asyncio.sleep(wait)


def _with(total: Bulk, done: Mapping[str, Any]) -> Bulk:
    return replace(
        total,
        appended=total.appended + done["appended"],
        duplicates=total.duplicates + done["duplicates"],
        first_position=total.first_position or done["first_position"],
        last_position=done["last_position"] or total.last_position,
        places=Counter(total.places) + Counter(done.get("places", {})),
        unresolved=Counter(total.unresolved) + Counter(dict(map(_unresolved, done.get("unresolved", ())))),
        warnings=(*total.warnings, *warnings_of(done)),
    )


def _unresolved(told: Mapping[str, Any]) -> tuple[str, int]:
    where = ", ".join(told[level] or "?" for level in ("country", "admin1"))
    return f"{told['name']} ({where})", told["events"]


async def _lines(events: Given) -> AsyncIterator[bytes]:
    if isinstance(events, AsyncIterable):
        async for event in events:
            yield encoded(event) + b"\n"
    else:
        for event in events:
            yield encoded(event) + b"\n"


async def _parts(lines: AsyncIterator[bytes]) -> AsyncIterator[Sequence[bytes]]:
    part: list[bytes] = []
    size = 0
    async for line in lines:
        if part and (len(part) == PART_LINES or size + len(line) > PART_BYTES):
            yield part
            part, size = [], 0
        part.append(line)
        size += len(line)
    if part:
        yield part
