"""What a subscription tells: changed rows of a projection, or events of the log."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

Row = Mapping[str, Any]
Event = Mapping[str, Any]
"""An event as REST shows it."""
Kind = Literal["event", "restated", "clock"]


@dataclass(frozen=True, slots=True)
class Cause:
    """What made rows change: the last event behind it, a correction, or the clock."""

    position: int
    kind: Kind
    event_id: str | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """Rows that became others between two positions. Rows are absolute, never differences.

    `start` is where the subscription was. `start == to` when it was the clock that changed them. After a new beginning
    (`reason`) `start` is of no meaning: the rows now are those of another epoch, version or channel, and `set` and
    `gone` are what has to be done to the rows held before.
    """

    start: int
    to: int
    at: datetime
    """The instant of the world that the rows are of."""
    set: Mapping[str, Row]
    gone: Sequence[str]
    """Keys that have no row any more."""
    cause: Cause | None = None
    """None where the service sent all rows anew."""
    conflated: bool = False
    """Whether there may be states in between that were not told."""
    reason: str | None = None
    """Why it began anew: `epoch_changed`, `ahead_of_log`, `version_changed`, `channel_changed` or `too_far_behind`."""


@dataclass(frozen=True, slots=True)
class Events:
    """Events that follow on one another in the log, after `start` and up to `to`."""

    start: int
    to: int
    items: Sequence[Event]
    reason: str | None = None
    """Why the log is told from its beginning again: `epoch_changed` or `ahead_of_log`. `items` is empty then."""


@dataclass(frozen=True, slots=True)
class Notice:
    """What happens to the connection, for whoever wants to say so."""

    code: str
    """`lost`, `back`, `refused`, or what the service sends: `draining`, `auth_expiring`, `lagging`, `caught_up`."""
    detail: str = ""
    retry_seconds: float | None = None
    """After `lost`: how long it waits before it tries again."""
