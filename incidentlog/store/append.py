"""The one way into the log."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import orjson

from incidentlog.commitment import SALT_BYTES, commitment
from incidentlog.events.envelope import ResolvedPlace
from incidentlog.events.values import Occurred
from incidentlog.sqlfiles import query
from incidentlog.store.connect import Connection

APPEND: Final = query("append", "append")


def _salts() -> Iterator[bytes]:
    """Fresh random salts for ever, drawn from the system in blocks: a system call for each cost 5% of a request."""
    while True:
        block = os.urandom(SALT_BYTES * 128)
        yield from (block[n : n + SALT_BYTES] for n in range(0, len(block), SALT_BYTES))


_SALTS: Final = _salts()


async def read_secret(connection: Connection) -> bytes:
    """What ids are derived under that stand for a client's words: 32 bytes of the log's own, and of no reader's."""
    secret: bytes = await connection.fetchval(query("append", "secret"))
    return secret


@dataclass(slots=True)
class Append:
    """One command: an event that passed the door, with all that the log keeps of it.

    `body` is the canonical text of what the client sent; `expected_version` None appends whatever the stream's
    version, 0 asks for a new stream.
    """

    event_id: UUID
    stream: str
    type: str
    schema_version: int
    recorded_by: str
    tlp: int
    verification: str
    occurred: Occurred
    body: str
    occurred_raw: dict[str, Any]
    """`occurred` as it goes into `meta`."""
    zone_data: str
    """By which zone data its dates are meant."""
    expected_version: int | None = None
    reported_at: datetime | None = None
    place: ResolvedPlace | None = None
    actors: tuple[str, ...] = ()
    private: str | None = None
    imported: int | None = None
    """The number of the import that it came with."""
    body_salt: bytes = field(default_factory=_SALTS.__next__, repr=False)
    meta_salt: bytes = field(default_factory=_SALTS.__next__, repr=False)
    private_salt: bytes = field(default_factory=_SALTS.__next__, repr=False)


@dataclass(frozen=True, slots=True)
class Appended:
    """The event is in the log, here."""

    position: int
    stream_version: int
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class Duplicate:
    """The event was in the log already, with the same content, here."""

    position: int
    stream_version: int
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class IdConflict:
    """The id is in the log with other content."""

    position: int


@dataclass(frozen=True, slots=True)
class Erased:
    """The id is in the log, and a part of its event was erased: what was there is not to come back."""

    position: int


@dataclass(frozen=True, slots=True)
class VersionConflict:
    """The stream is at another version than expected."""

    current: int


@dataclass(frozen=True, slots=True)
class Full:
    """The stream would pass 10,000 events."""

    current: int


@dataclass(frozen=True, slots=True)
class Unwritten:
    """Nothing is wrong with this one; a neighbour in an atomic call lost."""


Outcome = Appended | Duplicate | IdConflict | Erased | VersionConflict | Full | Unwritten


async def append(connection: Connection, commands: Sequence[Append], *, atomic: bool = False) -> list[Outcome]:
    """Append each command whole or not at all; positions are gapless and in commit order.

    Outcomes come in the order of the commands. A refusal burns no position and leaves its neighbours alone; with
    `atomic` one refusal leaves everything unwritten. An id may come once in `commands`; a stream with an
    `expected_version` may have no other command, save in an atomic call, where its first alone may carry one.
    Raises asyncpg's errors; after a lost connection the same commands may be sent again.
    """
    heads, tails = _metas(commands)
    hidden = any(c.private is not None for c in commands)
    rows = await connection.fetch(
        APPEND,
        atomic,
        [c.event_id for c in commands],
        [c.stream for c in commands],
        [c.expected_version for c in commands],
        [c.type for c in commands],
        [c.schema_version for c in commands],
        [c.recorded_by for c in commands],
        [c.tlp for c in commands],
        [c.verification for c in commands],
        [c.occurred.since for c in commands],
        [c.occurred.until for c in commands],
        [c.reported_at for c in commands],
        [c.place and c.place.place_id for c in commands],
        [c.place and c.place.country for c in commands],
        [c.place and c.place.admin1 for c in commands],
        [c.place and c.place.lat for c in commands],
        [c.place and c.place.lon for c in commands],
        [" ".join(c.actors) for c in commands],
        [c.body for c in commands],
        [c.body_salt for c in commands],
        heads,
        tails,
        [c.meta_salt for c in commands],
        [c.private for c in commands] if hidden else None,
        [c.private_salt for c in commands] if hidden else None,
        [_digest_of_private(c) for c in commands] if hidden else None,
    )
    return [_outcome(*row) for row in rows]


def _metas(commands: Sequence[Append]) -> tuple[list[str], list[str]]:
    """Canonical meta (keys sorted), split around the stream version: the lock's holder alone knows that."""
    heads, tails = [], []
    for c in commands:
        place = None if c.place is None else c.place.model_dump(exclude_none=True)
        head = {
            "event_id": c.event_id,
            "import": c.imported,
            "occurred": c.occurred_raw,
            "place": place,
            "recorded_by": c.recorded_by,
            "schema_version": c.schema_version,
            "stream": c.stream,
        }
        if place is None:
            del head["place"]
        if c.imported is None:
            del head["import"]
        heads.append(orjson.dumps(head, option=orjson.OPT_SORT_KEYS)[:-1].decode() + ',"stream_version":')
        tails.append(f',"tlp":{c.tlp},"type":"{c.type}","zone_data":"{c.zone_data}"}}')
    return heads, tails


def _digest_of_private(command: Append) -> bytes | None:
    """What stays of the private part when it is erased."""
    return None if command.private is None else commitment(b"private", command.private_salt, command.private.encode())


def _outcome(verdict: str, position: int, version: int, recorded: datetime) -> Outcome:
    match verdict:
        case "ok":
            return Appended(position, version, recorded)
        case "duplicate":
            return Duplicate(position, version, recorded)
        case "id_conflict":
            return IdConflict(position)
        case "erased":
            return Erased(position)
        case "wrong_version":
            return VersionConflict(version)
        case "stream_full":
            return Full(version)
        case _:
            return Unwritten()
