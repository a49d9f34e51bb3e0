"""What the server says, as bytes: encoded once, sent to everyone whom it concerns."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple, TypeVar
from uuid import UUID

import orjson

from incidentlog.errors import Problem
from incidentlog.folding.shapes import Row
from incidentlog.live.answers import Cause as CauseSaid
from incidentlog.live.answers import (
    Error,
    Heartbeat,
    Kind,
    Notice,
    NoticeCode,
    Pong,
    Reason,
    Subscribed,
    Unsubscribed,
    Welcome,
)

PART_BYTES: Final = 256 * 1024
"""The most bytes of one part of a snapshot, and of one message of the raw feed; one row or item may be larger, and
then is alone."""
HEAD_BYTES: Final = 1_024
"""What of it is left for all but rows and items."""
UPDATE_BYTES: Final = 768 * 1024
"""An update that would be larger is sent as a snapshot, so that no client needs a large buffer."""
_OPTIONS: Final = orjson.OPT_UTC_Z | orjson.OPT_NAIVE_UTC
_TEXT: Final = 0x81
"""The first byte of a WebSocket frame: a whole text message (RFC 6455 §5.2)."""

P = TypeVar("P")


class Cursor(NamedTuple):
    """How far a reader is: everything up to a position, as it stood at an instant of the world."""

    position: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Cause:
    """What made rows change: the last event, or the clock."""

    position: int
    kind: Kind
    event_id: UUID | None = None


class Message:
    """One message, encoded: its JSON, the WebSocket frame around it, and where a reader is once it has it."""

    __slots__ = ("_frame", "cursor", "payload")

    def __init__(self, payload: bytes, cursor: Cursor | None = None) -> None:
        """`cursor` None: a reader cannot come back to just after this message."""
        self.payload = payload
        self.cursor = cursor
        self._frame: bytes | None = None

    @property
    def frame(self) -> bytes:
        """The bytes on the wire of a WebSocket; made once for all its readers."""
        if self._frame is None:
            size = len(self.payload)
            if size < 126:  # noqa: PLR2004 - RFC 6455 §5.2
                head = bytes((_TEXT, size))
            elif size < 1 << 16:
                head = bytes((_TEXT, 126)) + size.to_bytes(2)
            else:
                head = bytes((_TEXT, 127)) + size.to_bytes(8)
            self._frame = head + self.payload
        return self._frame


def dumps(value: Any) -> bytes:
    """The JSON of a message, with times as REST writes them."""
    return orjson.dumps(value, default=_written, option=_OPTIONS)


def _written(value: Any) -> str:
    if isinstance(value, UUID):  # asyncpg has a class of its own for them
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON")


def said(message: Welcome | Heartbeat | Pong | Unsubscribed) -> Message:
    """A message to one reader."""
    return Message(dumps(message))


def subscribed(
    id_: str, channel: str, *, resumed: bool, epoch: str, cursor: Cursor, reason: Reason | None, version: int | None
) -> Message:
    """The answer to `subscribe`."""
    message: Subscribed = {
        "type": "subscribed",
        "id": id_,
        "channel": channel,
        "mode": "resume" if resumed else "snapshot",
        "epoch": epoch,
        "position": cursor.position,
        "at": cursor.at,
        "reason": reason,
        "version": version,
    }
    # A snapshot follows where there are rows: until it is there, there is nothing to come back with.
    return Message(dumps(message), cursor if resumed or version is None else None)


def changes(to: Cursor, cause: Cause, rows: Mapping[str, Row], gone: Collection[str], *, conflated: bool) -> bytes:
    """All of an update but where it begins: the same for everyone who lacks it."""
    caused: CauseSaid = {"position": cause.position, "event_id": cause.event_id, "kind": cause.kind}
    body = {
        "to": to.position,
        "at": to.at,
        "cause": caused,
        "set": rows,
        "del": list(gone),
        "conflated": conflated,
    }
    return dumps(body)


def update(channel: str, start: int, to: Cursor, body: bytes) -> Message:
    """Rows that changed between two cursors, absolute, and keys that have none any more; `body` is of `changes`."""
    head = _open({"type": "update", "channel": channel, "from": start})
    return Message(head + b"," + body[1:], to)


def snapshot(channel: str, cursor: Cursor, rows: Mapping[str, Row]) -> list[Message]:
    """All rows as of one cursor, in parts; no rows are one empty part."""
    encoded = (dumps(key) + b":" + dumps(row) for key, row in rows.items())
    parts = list(_packed(encoded, size=len)) or [[]]
    return [
        Message(
            _open({"type": "snapshot", "channel": channel, "position": cursor.position, "at": cursor.at,
                   "part": number, "parts": len(parts)})
            + b',"rows":{' + b",".join(part) + b"}}",
            cursor if number == len(parts) else None,
        )
        for number, part in enumerate(parts, start=1)
    ]  # fmt: skip


def packed_events(items: Iterable[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
    """Encoded events, each with its position, in as many bodies of messages as they need, each with where it leads."""
    return [
        (part[-1][0], b',"items":[' + b",".join(item for _, item in part) + b"]}")
        for part in _packed(items, size=lambda item: len(item[1]))
    ]


def events(channel: str, start: int, at: datetime, bodies: Iterable[tuple[int, bytes]]) -> Iterator[Message]:
    """Messages of the raw feed that go on from a position, from the bodies of `packed_events`."""
    for to, body in bodies:
        head = _open({"type": "events", "channel": channel, "from": start, "to": to})
        yield Message(head + body, Cursor(to, at))
        start = to


def notice(code: NoticeCode, channel: str | None = None, *, retry_ms: int | None = None) -> Message:
    """What is good to know."""
    message: Notice = {"type": "notice", "code": code}
    if channel is not None:
        message["channel"] = channel
    if retry_ms is not None:
        message["retry_ms"] = retry_ms
    return Message(dumps(message))


def error(id_: str | None, problem: Problem) -> Message:
    """A refusal, with the slugs of REST; the socket stays open."""
    message: Error = {
        "type": "error",
        "id": id_,
        "code": problem.slug,
        "title": problem.title,
        "detail": problem.detail,
        "retryable": problem.retry_after is not None or problem.status == 500,  # noqa: PLR2004 - a fault of ours
    }
    if problem.errors:
        message["errors"] = [{"pointer": e.pointer, "code": e.code, "detail": e.detail} for e in problem.errors]
    return Message(dumps(message))


def _open(head: Mapping[str, Any]) -> bytes:
    return dumps(head)[:-1]


def _packed(pieces: Iterable[P], size: Callable[[P], int]) -> Iterator[list[P]]:
    """Pieces in groups that fit into one part."""
    group: list[P] = []
    total = 0
    for piece in pieces:
        if group and total + size(piece) > PART_BYTES - HEAD_BYTES:
            yield group
            group, total = [], 0
        group.append(piece)
        total += size(piece) + 1
    if group:
        yield group
