"""The chain of what one subscription receives, checked link by link (docs/live-protocol.md). Pure.

Whatever a connection does, what leaves here is whole: a snapshot with all its parts, an update that goes on from where
the last one ended, and never two epochs in one state.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import pairwise
from typing import Any

from incidentlog.client.changes import Cause, Change, Events, Row

Message = Mapping[str, Any]


class BrokenError(Exception):
    """What came does not follow on what came before: come back, and go on from the last good place."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """Up to where everything was seen, and in which log, of which rows, that means something."""

    epoch: str
    channel: str
    position: int
    at: datetime | None = None
    """The instant that rows are of; None for the raw log."""
    version: int | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One move of the cursor, and what it brings: neither of the two where nothing concerned us."""

    cursor: Cursor
    rows: Change | None = None
    whole: bool = False
    """Whether `rows.set` is every row there is, and not those that changed."""
    events: Events | None = None

    @property
    def brings_nothing(self) -> bool:
        """Whether only the cursor moves."""
        return self.rows is None and self.events is None


def means_the_same(cursor: Cursor, told: Cursor) -> bool:
    """The epoch check: whether what we hold can go on as what the service would go on with.

    The channel has the filter, the grouping and the clearance in its name: with another one these are other rows.
    """
    return (cursor.epoch, cursor.channel, cursor.position) == (told.epoch, told.channel, told.position)


def follows(cursor: Cursor, start: int, to: int, at: datetime | None) -> bool:
    """The gap check: whether a move begins where the last one ended, and gets somewhere.

    `at` is None for what moves no instant: the raw log, and a heartbeat.
    """
    if start != cursor.position or to < start:
        return False
    return to > start or (at is not None and cursor.at is not None and at > cursor.at)


@dataclass(slots=True)
class Chain:
    """Takes a subscription's messages in, in their order, and answers the steps that they make."""

    of_log: bool
    """Whether it is the raw log that is followed, and no projection."""
    after: int | None = None
    """Where the log is begun; None for what comes next."""
    cursor: Cursor | None = None
    """Up to where everything was received."""
    begun: bool = False
    """Whether this connection goes on from the cursor: its subscription is answered, and its snapshot whole."""
    _reason: str | None = None
    """Why what we hold is of no use any more, until it is replaced."""
    _opening: Cursor | None = None
    """What the subscription of this connection answered; None before that."""
    _parts: dict[str, Row] = field(default_factory=dict)
    _part: int = 0

    def connect(self) -> dict[str, Any]:
        """A connection is made: what `subscribe` says of where we are."""
        self._opening, self.begun, self._part = None, False, 0
        cursor = self.cursor
        if cursor is None or self._reason is not None:
            # The log is told from its beginning, then, and not from its head: what we had is of no use.
            after = self.after if cursor is None else 0
            return {"from": after} if self.of_log and after is not None else {}
        said = {"from": cursor.position, "epoch": cursor.epoch, "version": cursor.version}
        said["at"] = cursor.at and cursor.at.isoformat()
        return {name: value for name, value in said.items() if value is not None}

    def take(self, message: Message) -> Step | None:
        """What a message brings; None where that is nothing, or not known here. Raises BrokenError."""
        try:
            step = self._step(message)
        except (KeyError, TypeError, ValueError) as error:
            raise BrokenError(f"a message of type {message.get('type')!r} cannot be read: {error!r}") from error
        if step is not None:
            self.cursor = step.cursor
        return step

    def _step(self, message: Message) -> Step | None:
        match message["type"]:
            case "subscribed":
                return self._subscribed(message)
            case "snapshot" if self._concerns(message):
                return self._snapshot(message)
            case "update" if self._concerns(message):
                return self._update(message)
            case "events" if self._concerns(message):
                return self._events(message)
            case "heartbeat":
                return self._heartbeat(message)
            case _:
                return None

    def _concerns(self, message: Message) -> bool:
        if self._opening is None:
            raise BrokenError("rows or events came before the subscription was answered")
        return bool(message["channel"] == self._opening.channel)

    # ------------------------------------------------------------------------------------------- beginning

    def _subscribed(self, message: Message) -> Step | None:
        told = Cursor(
            epoch=message["epoch"],
            channel=message["channel"],
            position=message["position"],
            at=None if self.of_log else datetime.fromisoformat(message["at"]),
            version=message.get("version"),
        )
        self._opening = told
        held = None if self._reason else self.cursor
        if message["mode"] == "resume" and held is not None:
            if not means_the_same(held, told):
                self._reason = "epoch_changed" if held.epoch != told.epoch else "channel_changed"
                raise BrokenError(f"the service would go on from {told}, and we are at {held}")
            self.begun = True
            return None
        if message["mode"] == "resume" and not self.of_log:
            raise BrokenError("the service would go on, and we hold nothing")
        if self.cursor is not None:
            self._reason = message.get("reason") or self._reason
        if not self.of_log:
            return None  # the snapshot follows
        self.begun = True
        reason, self._reason = message.get("reason") or self._reason, None
        start = told.position if self.cursor is None else self.cursor.position
        return Step(told, events=Events(start, told.position, (), reason) if reason else None)

    def _snapshot(self, message: Message) -> Step | None:
        part, parts = message["part"], message["parts"]
        if part != self._part + 1:
            raise BrokenError(f"part {part} of {parts} came after part {self._part}")
        self._parts = {**message["rows"]} if part == 1 else self._parts | message["rows"]
        self._part = part % parts
        if part < parts:
            return None
        opening, cursor = self._opening, self.cursor
        assert opening is not None  # noqa: S101 - it concerns us
        to, at = message["position"], datetime.fromisoformat(message["at"])
        start = to if cursor is None else cursor.position
        if self.begun and to < start:
            raise BrokenError(f"a snapshot of {to} came after {start}")
        rows, self._parts = self._parts, {}
        reason, self._reason, self.begun = self._reason, None, True
        change = Change(start, to, at, rows, (), reason=reason)
        return Step(replace(opening, position=to, at=at), rows=change, whole=True)

    # --------------------------------------------------------------------------------------------- going on

    def _update(self, message: Message) -> Step:
        start, to, at = message["from"], message["to"], datetime.fromisoformat(message["at"])
        cursor = self._next(start, to, at)
        cause = Cause(message["cause"]["position"], message["cause"]["kind"], message["cause"].get("event_id"))
        change = Change(start, to, at, message["set"], tuple(message["del"]), cause, bool(message["conflated"]))
        return Step(replace(cursor, position=to, at=at), rows=change)

    def _events(self, message: Message) -> Step:
        start, to, items = message["from"], message["to"], tuple(message["items"])
        cursor = self._next(start, to, None)
        positions = [start, *(item["position"] for item in items)]
        if any(one >= other for one, other in pairwise(positions)) or positions[-1] > to:
            raise BrokenError(f"the events between {start} and {to} are not in order")
        return Step(replace(cursor, position=to), events=Events(start, to, items))

    def _heartbeat(self, message: Message) -> Step | None:
        move = None if self._opening is None else message["channels"].get(self._opening.channel)
        if move is None:
            return None
        start, to = move
        cursor = self._next(start, to, None)
        # Nothing changed up to there: so the rows are those of that instant, too.
        at = None if cursor.at is None else max(cursor.at, datetime.fromisoformat(message["at"]))
        return Step(replace(cursor, position=to, at=at))

    def _next(self, start: int, to: int, at: datetime | None) -> Cursor:
        cursor = self.cursor
        if cursor is None or not self.begun:
            raise BrokenError("what changed came before what it changes")
        if not follows(cursor, start, to, at):
            raise BrokenError(f"it goes on from {start} to {to}, and we are at {cursor.position}")
        return cursor
