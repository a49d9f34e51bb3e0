"""What the server says, as bytes: encoded once, sent to everyone whom it concerns."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple, TypeVar
from uuid import UUID

import orjson

from incidentlog.errors import Problem
from incidentlog.projections.shapes import Row

PART_BYTES: Final = 256 * 1024
"""The most bytes of rows in one part of a snapshot, and of items in one message of the raw feed; one row or item may
be larger, and then is alone."""
UPDATE_BYTES: Final = 768 * 1024
"""An update that would be larger is sent as a snapshot, so that no client needs a large buffer."""
_OPTIONS: Final = orjson.OPT_UTC_Z | orjson.OPT_NAIVE_UTC

Reason = Literal["epoch_changed", "ahead_of_log", "version_changed", "too_far_behind"]
Kind = Literal["event", "restated", "clock"]
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


def dumps(value: Any) -> bytes:
    """The JSON of a message, with times as REST writes them."""
    return orjson.dumps(value, default=_written, option=_OPTIONS)


def _written(value: Any) -> str:
    if isinstance(value, UUID):  # asyncpg has a class of its own for them
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON")


def subscribed(
    id_: str, channel: str, *, resumed: bool, epoch: str, cursor: Cursor, reason: Reason | None, version: int | None
) -> bytes:
    """The answer to `subscribe`."""
    return dumps(
        {
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
    )


def update(
    channel: str,
    start: int,
    to: Cursor,
    cause: Cause,
    rows: Mapping[str, Row],
    gone: Collection[str],
    *,
    conflated: bool,
) -> bytes:
    """Rows that changed between two cursors, absolute, and keys that have none any more."""
    return dumps(
        {
            "type": "update",
            "channel": channel,
            "from": start,
            "to": to.position,
            "at": to.at,
            "cause": {"position": cause.position, "event_id": cause.event_id, "kind": cause.kind},
            "set": rows,
            "del": list(gone),
            "conflated": conflated,
        }
    )


def snapshot(channel: str, cursor: Cursor, rows: Mapping[str, Row]) -> list[bytes]:
    """All rows as of one cursor, in parts; no rows are one empty part."""
    encoded = (dumps(key) + b":" + dumps(row) for key, row in rows.items())
    parts = list(_packed(encoded, size=len)) or [[]]
    return [
        _open({"type": "snapshot", "channel": channel, "position": cursor.position, "at": cursor.at,
               "part": number, "parts": len(parts)})
        + b',"rows":{' + b",".join(part) + b"}}"
        for number, part in enumerate(parts, start=1)
    ]  # fmt: skip


def events(channel: str, start: int, items: Iterable[tuple[int, bytes]]) -> Iterator[tuple[int, bytes]]:
    """Encoded events, each with its position, in as many messages as they need; each with the position it reaches."""
    for part in _packed(items, size=lambda item: len(item[1])):
        to = part[-1][0]
        head = _open({"type": "events", "channel": channel, "from": start, "to": to})
        yield to, head + b',"items":[' + b",".join(item for _, item in part) + b"]}"
        start = to


def error(id_: str | None, problem: Problem) -> bytes:
    """A refusal, with the slugs of REST; the socket stays open."""
    said = {
        "type": "error",
        "id": id_,
        "code": problem.slug,
        "title": problem.title,
        "detail": problem.detail,
        "retryable": problem.retry_after is not None or problem.status == 500,  # noqa: PLR2004 - a fault of ours
    }
    return dumps(said | ({"errors": [e.as_json() for e in problem.errors]} if problem.errors else {}))


def _open(head: Mapping[str, Any]) -> bytes:
    return dumps(head)[:-1]


def _packed(pieces: Iterable[P], size: Callable[[P], int]) -> Iterator[list[P]]:
    """Pieces in groups of at most PART_BYTES."""
    group: list[P] = []
    total = 0
    for piece in pieces:
        if group and total + size(piece) > PART_BYTES:
            yield group
            group, total = [], 0
        group.append(piece)
        total += size(piece) + 1
    if group:
        yield group
