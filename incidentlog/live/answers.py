"""What the server says, as types: `frames` builds them, the tests hold every message to them, AsyncAPI shows them.

Clients ignore members and messages that they do not know.
"""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field
from typing_extensions import TypedDict  # on Python 3.11 pydantic reads no other

from incidentlog.folding.shapes import Row

Reason = Literal["epoch_changed", "ahead_of_log", "version_changed", "too_far_behind"]
Kind = Literal["event", "restated", "clock"]
NoticeCode = Literal["draining", "auth_expiring", "lagging", "caught_up"]
Channel = Annotated[str, Field(description="What is followed: equal on all nodes for the same thing")]
Seen = Annotated[int, Field(description="Everything up to and including this position of the log has been seen", ge=0)]
At = Annotated[datetime, Field(description="The instant of the world for which the rows hold")]


class Retry(TypedDict):
    """The window in which clients come back, with full jitter."""

    min_ms: int
    max_ms: int


class Limits(TypedDict):
    """What one connection may have."""

    subscriptions: int
    message_bytes: Annotated[int, Field(description="The largest message that is read")]
    part_bytes: Annotated[int, Field(description="The most bytes in one part of a snapshot; one row may be larger")]
    rows: Annotated[int, Field(description="The most rows of one subscription")]
    messages_per_second: Annotated[int, Field(description="Past it, for longer, the socket is closed with 4429")]
    window: Annotated[int, Field(description="The largest window of a subscription")]


class Who(TypedDict):
    """As whom the connection reads."""

    name: str
    clearance: Annotated[int, Field(description="The highest marking it sees: 0 CLEAR to 4 RED")]


class Welcome(TypedDict):
    """The first message, once the reader is known."""

    type: Literal["welcome"]
    server: str
    epoch: Annotated[str, Field(description="Log id, fork and generation: positions of another mean nothing")]
    head: Seen
    heartbeat_ms: int
    retry: Retry
    limits: Limits
    auth: Who
    projections: Annotated[dict[str, int], Field(description="What can be followed, with its version")]


class Subscribed(TypedDict):
    """The answer to `subscribe`; a snapshot, or what was missed, follows."""

    type: Literal["subscribed"]
    id: str
    channel: Channel
    mode: Literal["snapshot", "resume"]
    epoch: str
    position: Seen
    at: At
    reason: Annotated[Reason | None, Field(description="Why it begins anew though a position was given")]
    version: Annotated[int | None, Field(description="The projection's version; null for the log itself")]


class Snapshot(TypedDict):
    """A part of all rows as of one cursor; parts are counted from 1."""

    type: Literal["snapshot"]
    channel: Channel
    position: Seen
    at: At
    part: int
    parts: int
    rows: dict[str, Row]


class Cause(TypedDict):
    """What made rows change: the last event behind it, or the clock."""

    position: int
    event_id: UUID | None
    kind: Kind


Update = TypedDict(
    "Update",
    {
        "type": Literal["update"],
        "channel": Channel,
        "from": Annotated[int, Field(description="The position that the client has: else it has missed something")],
        "to": Seen,
        "at": At,
        "cause": Cause,
        "set": Annotated[dict[str, Row], Field(description="Rows that are other than before, whole")],
        "del": Annotated[
            list[str],
            Field(
                description="Keys that have no row any more; if it is conflated, perhaps some that never had one here"
            ),
        ],
        "conflated": Annotated[bool, Field(description="Whether more than one change may be in it")],
    },
)
Update.__doc__ = "Rows that changed between two cursors, absolute; (`to`, `at`) strictly grows."

Events = TypedDict(
    "Events",
    {
        "type": Literal["events"],
        "channel": Channel,
        "from": Annotated[int, Field(description="The position that the client has: else it has missed something")],
        "to": Seen,
        "items": Annotated[list[dict[str, Any]], Field(description="Events as REST shows them, in log order")],
    },
)
Events.__doc__ = "Events of the raw log, each once."


class Heartbeat(TypedDict):
    """Moves quiet and filtered subscriptions on."""

    type: Literal["heartbeat"]
    at: At
    head: Seen
    channels: Annotated[
        dict[str, tuple[int, int]], Field(description="From where to where a channel moved without a change")
    ]


class _Notice(TypedDict):
    type: Literal["notice"]
    code: NoticeCode


class Notice(_Notice, total=False):
    """What is good to know; nothing needs to be done about it."""

    channel: Channel
    retry_ms: Annotated[int, Field(description="With `draining`: come back after 0 to so many ms, drawn evenly")]


class Unsubscribed(TypedDict):
    """The answer to `unsubscribe`."""

    type: Literal["unsubscribed"]
    id: str


class Pong(TypedDict):
    """The answer to `ping`."""

    type: Literal["pong"]
    ref: str | int | None


class FaultSaid(TypedDict):
    """One thing that is wrong with a message."""

    pointer: str
    code: str
    detail: str


class _Error(TypedDict):
    type: Literal["error"]
    id: Annotated[str | None, Field(description="The subscription it is about, which has ended or did not begin")]
    code: Annotated[str, Field(description="A slug of `/problems/`")]
    title: str
    detail: str
    retryable: bool


class Error(_Error, total=False):
    """A refusal; the connection stays open."""

    errors: list[FaultSaid]


ServerMessage = Welcome | Subscribed | Snapshot | Update | Events | Heartbeat | Notice | Unsubscribed | Pong | Error
