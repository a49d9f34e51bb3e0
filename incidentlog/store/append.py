"""The one way into the log."""

import asyncio
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
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
SEPARATOR: Final = "\x1f"
"""What stands between the values of a column,"""
NULL: Final = "\x1e"
"""and for one that is not there (sql/queries/append.sql)."""
PORTION: Final = 100
"""How many commands are written at a stretch: a millisecond or two."""


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
    hidden = any(c.private is not None for c in commands)
    columns = await _columns(commands, _TEXTS | _PRIVATE if hidden else _TEXTS)
    rows = await connection.fetch(APPEND, atomic, *columns, *([] if hidden else [None] * len(_PRIVATE)))
    return [_outcome(*row) for row in rows]


async def append_nothing(connection: Connection) -> None:
    """Do all that an append does but for an event: whether one would go through. Raises asyncpg's errors.

    An append of no event writes nothing: no full disk is in its way, and its commit waits for no standby.
    """
    async with connection.transaction():
        await append(connection, ())
        await connection.fetch(query("append", "little"))
        await connection.fetch(query("append", "room"))


async def _columns(commands: Sequence[Append], texts: Mapping[str, Callable[[Append], str]]) -> list[str]:
    """Each column as one text, made in portions between which others get their turn.

    asyncpg writes the arrays of a call in one go: of 10,000 commands that held the loop for a quarter of a second.
    No value holds SEPARATOR: JSON escapes it. Raises ValueError for one that does.
    """
    columns: dict[str, list[str]] = {name: [] for name in texts}
    for start in range(0, len(commands), PORTION):
        if start:
            await asyncio.sleep(0)
        portion = commands[start : start + PORTION]
        for name, text_of in texts.items():
            joined = SEPARATOR.join(map(text_of, portion))
            if joined.count(SEPARATOR) != len(portion) - 1:
                raise ValueError(f"a {name} holds the character that parts values")
            columns[name].append(joined)
    return [SEPARATOR.join(joined) for joined in columns.values()]


def _meta_head(c: Append) -> str:
    """Canonical meta (keys sorted) up to the stream version: the lock's holder alone knows that."""
    head: dict[str, Any] = {
        "event_id": c.event_id,
        "occurred": c.occurred_raw,
        "recorded_by": c.recorded_by,
        "schema_version": c.schema_version,
        "stream": c.stream,
    }
    if c.place is not None:
        head["place"] = {name: value for name, value in vars(c.place).items() if value is not None}
    if c.imported is not None:
        head["import"] = c.imported
    return orjson.dumps(head, option=orjson.OPT_SORT_KEYS)[:-1].decode() + ',"stream_version":'


def _meta_tail(c: Append) -> str:
    """What comes after it."""
    return f',"tlp":{c.tlp},"type":"{c.type}","zone_data":"{c.zone_data}"}}'


def _bytea(octets: bytes) -> str:
    return "\\x" + octets.hex()


_TEXTS: Final[dict[str, Callable[[Append], str]]] = {
    "event_id": lambda c: str(c.event_id),
    "stream": lambda c: c.stream,
    "expected": lambda c: NULL if c.expected_version is None else str(c.expected_version),
    "type": lambda c: c.type,
    "schema_version": lambda c: str(c.schema_version),
    "recorder": lambda c: c.recorded_by,
    "tlp": lambda c: str(c.tlp),
    "verification": lambda c: c.verification,
    "since": lambda c: c.occurred.since.isoformat(),
    "until": lambda c: c.occurred.until.isoformat(),
    "reported": lambda c: NULL if c.reported_at is None else c.reported_at.isoformat(),
    "place_id": lambda c: (c.place and c.place.place_id) or NULL,
    "country": lambda c: (c.place and c.place.country) or NULL,
    "admin1": lambda c: (c.place and c.place.admin1) or NULL,
    "lat": lambda c: NULL if c.place is None or c.place.lat is None else repr(c.place.lat),
    "lon": lambda c: NULL if c.place is None or c.place.lon is None else repr(c.place.lon),
    "actors": lambda c: " ".join(c.actors) or NULL,
    "body": lambda c: c.body,
    "body_salt": lambda c: _bytea(c.body_salt),
    "meta_head": _meta_head,
    "meta_tail": _meta_tail,
    "meta_salt": lambda c: _bytea(c.meta_salt),
}
"""The columns, as texts,"""
_PRIVATE: Final[dict[str, Callable[[Append], str]]] = {
    "private": lambda c: c.private or NULL,
    "private_salt": lambda c: _bytea(c.private_salt),
    "private_digest": lambda c: NULL if (digest := _digest_of_private(c)) is None else _bytea(digest),
}
"""and those of what only auditors may see, where there is any."""


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
