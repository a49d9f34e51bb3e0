"""Many events in one request, sent while they come, and sent again from its beginning when that is needed."""

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final

import orjson
from pydantic import BaseModel

from incidentlog.client.answers import Bulk, RefusedEvent
from incidentlog.client.asking import Asking
from incidentlog.client.changes import Event
from incidentlog.client.problems import NotOursError, problem_of
from incidentlog.client.sending import encoded
from incidentlog.errors import TooLarge

BODY_BYTES: Final = 64 * 1024 * 1024
LINES: Final = 100_000
"""The service's limits of one request."""
PART_LINES: Final = 10_000
PART_BYTES: Final = 8 * 1024 * 1024
REFUSALS: Final = 1_000
"""How many refusals are kept; the others are counted."""
PIECE: Final = 64 * 1024
NDJSON: Final = "application/x-ndjson"

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


async def append_atomic(asking: Asking, events: Given) -> Bulk:
    """All of them, or none."""
    stream = _Stream(_lines(events))
    try:
        answer = await asking.ask(
            "POST", "/v1/events/bulk", params=[("mode", "atomic")], body=stream.body, content_type=NDJSON
        )
    except Exception:
        if stream.failure is not None:
            raise stream.failure from None
        raise
    return _sum(answer.json)


async def append_partly(asking: Asking, events: Given) -> Bulk:
    """Each for itself, in as many requests as that takes."""
    total, before = Bulk(), 0
    async for part in _parts(_lines(events)):
        body = b"".join(part)
        answer = await asking.ask(
            "POST", "/v1/events/bulk", params=[("mode", "partial")], body=partial(bytes, body), content_type=NDJSON
        )
        total = _added(total, answer.raw, before)
        before += len(part)
    return total


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


def _sum(said: dict[str, Any]) -> Bulk:
    return Bulk(said["appended"], said["duplicates"], 0, said["first_position"], said["last_position"])


def _added(total: Bulk, answer: bytes, before: int) -> Bulk:
    """The sum with one more answer of `mode=partial`: a line for each event, and one that sums up."""
    refusals = list(total.refusals)
    for text in answer.split(b"\n"):
        line = _line(text)
        if line is None:
            continue
        if "problem" in line:
            total = replace(total, refused=total.refused + 1)
            if len(refusals) < REFUSALS:
                refusals.append(RefusedEvent(before + line["line"], problem_of(line["problem"], line["status"])))
        elif line["status"] == 200:  # noqa: PLR2004 - as for one event
            total = replace(total, duplicates=total.duplicates + 1)
        else:
            first = line["position"] if total.first_position is None else total.first_position
            total = replace(total, appended=total.appended + 1, first_position=first, last_position=line["position"])
    return replace(total, refusals=tuple(refusals))


def _line(text: bytes) -> dict[str, Any] | None:
    """What became of one event; None for what is no such line."""
    if not text.strip():
        return None
    try:
        line = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise NotOursError(f"the answer is not NDJSON: {text[:80]!r}") from error
    return line if isinstance(line, dict) and "line" in line else None
