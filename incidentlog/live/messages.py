"""What a client may say, one JSON object in a text frame. Fields that are not known here are ignored."""

from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal

import orjson
from pydantic import (
    AfterValidator,
    AwareDatetime,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
)

from incidentlog.described import Described
from incidentlog.errors import BadRequest, Fault
from incidentlog.events.values import MAX_INT
from incidentlog.folding.asking import escaped
from incidentlog.nesting import DEPTH, too_deep

MESSAGE_BYTES: Final = 64 * 1024
"""The largest message that is read; a larger one closes the socket with 1009."""
SLOWEST_MS: Final = 60_000
WINDOW: Final = 1_000
"""The most messages of one subscription that may wait for an `ack`."""

Id = Annotated[str, StringConstraints(min_length=1, max_length=100)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Values = Name | Annotated[list[Name], Field(max_length=200)]
Position = Annotated[int, Field(ge=0, le=MAX_INT)]


def in_utc(at: datetime) -> datetime:
    """An instant in UTC; raises ValueError for one that is before the year 1 or after 9999 there."""
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise ValueError("no such instant") from None


class Said(Described):
    """What every message is."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)


class Auth(Said):
    """Who it is, where the handshake did not say; later, another token for the same reader, before one expires."""

    type: Literal["auth"]
    token: Annotated[str, StringConstraints(min_length=1, max_length=4_000)]


class Subscribe(Said):
    """Follow a projection, or the log itself."""

    type: Literal["subscribe"]
    id: Id
    """The client's own name for it; answers carry it."""
    projection: Name
    """A projection's name, or `events` for the log itself."""
    group_by: Values | None = None
    filter: Annotated[dict[str, Values], Field(max_length=20)] = Field(default_factory=dict)
    """As in REST: values by dimension, `since` and `until`; for the log its own, which go by what was sent."""
    from_: Annotated[Position | None, Field(alias="from")] = None
    """Up to where it has seen everything; without it a projection begins with a snapshot, the log at its head."""
    at: Annotated[AwareDatetime, Field(strict=False), AfterValidator(in_utc)] | None = None
    """The instant for which the client has the rows; needed with `from`, save for the log."""
    epoch: Annotated[str, StringConstraints(max_length=200)] | None = None
    """The epoch in which the client got its position."""
    version: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """The version of the projection of which the client has the rows."""
    channel: Annotated[str, StringConstraints(max_length=300)] | None = None
    """What `subscribed` called it when the client got its rows: of another version or build it begins anew."""
    min_interval_ms: Annotated[int, Field(ge=0, le=SLOWEST_MS)] = 0
    """At most one update in so many milliseconds."""
    window: Annotated[int, Field(ge=1, le=WINDOW)] | None = None
    """At most so many updates, or messages of events, before an `ack`; without it nothing waits for one."""


class Unsubscribe(Said):
    """No more of it."""

    type: Literal["unsubscribe"]
    id: Id


class Ack(Said):
    """Everything of a channel up to a position has been dealt with: makes room in its window, and nothing else."""

    type: Literal["ack"]
    channel: Annotated[str, StringConstraints(min_length=1, max_length=300)]
    position: Position


class Ping(Said):
    """Asks for a `pong` with the same `ref`."""

    type: Literal["ping"]
    ref: Annotated[str, StringConstraints(max_length=200)] | int | None = None


ClientMessage = Auth | Subscribe | Unsubscribe | Ack | Ping
_ADAPTER: TypeAdapter[ClientMessage] = TypeAdapter(Annotated[ClientMessage, Field(discriminator="type")])


class UnreadableError(BadRequest):
    """The message cannot be taken; `id` is the subscription it speaks of, where that could be read."""

    def __init__(self, detail: str, *, id_: str | None = None, errors: list[Fault] | None = None) -> None:
        super().__init__(detail, errors=errors or ())
        self.id = id_


def parse_message(text: str) -> ClientMessage:
    """A client's message. Raises UnreadableError with every fault."""
    try:
        said: Any = orjson.loads(text)
    except (orjson.JSONDecodeError, UnicodeEncodeError) as error:
        raise UnreadableError(f"the message is not JSON: {error}") from error
    if not isinstance(said, dict):
        raise UnreadableError("a message is one JSON object")
    if too_deep(said) is not None:
        raise UnreadableError(f"the message has more than {DEPTH} objects and lists in one another")
    try:
        return _ADAPTER.validate_python(said)
    except ValidationError as error:
        told = said.get("id")
        faults = [
            Fault(_pointer(e["loc"]), e["type"], e["msg"]) for e in error.errors(include_url=False, include_input=False)
        ]
        id_ = told if isinstance(told, str) and len(told) <= 100 else None  # noqa: PLR2004 - as in Id
        raise UnreadableError("the message is not valid", id_=id_, errors=faults[:50]) from error


def _pointer(loc: tuple[int | str, ...]) -> str:
    # The first part is the tag of the union, which is no part of the message.
    return "".join(f"/{escaped(str(part))}" for part in loc[1:])
