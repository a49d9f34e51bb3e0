"""One subscription: a cursor into a channel, and no queue. What is to be sent is made when it can be sent."""

import asyncio
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, Protocol

from incidentlog.errors import BadRequest, Fault, Problem
from incidentlog.live import frames
from incidentlog.live.answers import Reason
from incidentlog.live.channel import BEHIND, Channel
from incidentlog.live.feed import Feed, Page
from incidentlog.live.frames import Cursor, Message
from incidentlog.live.messages import Subscribe

LAGGING: Final = 1_000
"""How many events behind the log something has to fall before its readers are told."""


class Desk(Protocol):
    """What a subscription asks of its hub."""

    @property
    def epoch(self) -> str:
        """The log's epoch."""
        ...

    @property
    def position(self) -> int:
        """Up to where subjects and projections stand here."""
        ...

    @property
    def head_seen(self) -> int:
        """The last position of the log that this node has heard of."""
        ...

    def now(self) -> datetime:
        """The instant."""
        ...

    async def head(self) -> int:
        """The last position of the log."""
        ...


class Reach(Protocol):
    """The way to the client of a subscription."""

    def wake(self, subscription: "Subscription") -> None:
        """It may have something to send."""
        ...

    def fail(self, subscription: "Subscription", problem: Problem) -> None:
        """It cannot go on."""
        ...

    @property
    def offer(self) -> Callable[[Message], bool]:
        """Send a message at once, if nothing else is to be sent and the client takes it; whether it was sent."""
        ...


class Subscription:
    """What one client follows; `reach` leads to the client."""

    __slots__ = (  # thousands are gone through for each change
        "_acked",
        "_desk",
        "_first",
        "_held_back",
        "_lagging",
        "_offer",
        "_reach",
        "_unacked",
        "asked",
        "full_since",
        "id",
        "not_before",
        "opened",
        "seen",
        "told",
    )  # fmt: skip

    def __init__(
        self,
        asked: Subscribe,
        desk: Desk,
        reach: "Reach",
    ) -> None:
        self.id = asked.id
        self.asked = asked
        self.opened = False
        self.told = Cursor(0, datetime.min.replace(tzinfo=UTC))
        """Up to where the client knows that it has everything; what is sent next goes on from there."""
        self.seen: Cursor | None = None
        """Up to where it has been given everything; past `told` while nothing concerned it."""
        self.not_before = 0.0
        """When the next message may go, on the loop's clock."""
        self.full_since: float | None = None
        """Since when its window has been full, on the loop's clock; None while there is room."""
        self._desk = desk
        self._first: deque[Message] = deque()
        self._reach = reach
        self._offer = reach.offer
        self._held_back = asked.min_interval_ms > 0 or asked.window is not None
        self._lagging = False
        self._acked = -1
        self._unacked: deque[int] = deque()
        """Where each message leads that waits for an `ack`; as many as the window has at most."""

    @property
    def channel_name(self) -> str:
        """What the channel is called in messages."""
        raise NotImplementedError

    def rest(self, seconds: float) -> None:
        """Send nothing for a while."""
        self.not_before = _clock() + seconds

    def wake(self) -> None:
        """There may be something to send."""
        self._reach.wake(self)

    def fail(self, problem: Problem) -> None:
        """It cannot go on."""
        self._reach.fail(self, problem)

    def offer(self, before: Cursor, to: Cursor, message: Message) -> bool:
        """Send a change at once if it is what is lacked and nothing is in the way; whether it was sent."""
        # The cursor itself, not its like: whoever was told the change before this one holds it.
        if self.told is not before or self._held_back or self._first or not self._offer(message):
            return False
        self.told = self.seen = to
        return True

    def ack(self, position: int) -> bool:
        """The client has dealt with everything up to a position; whether that is more than it had said before."""
        position = min(position, self.told.position)
        more = position > self._acked
        self._acked = max(self._acked, position)
        while self._unacked and self._unacked[0] <= position:
            self._unacked.popleft()
            self.full_since = None
        if self.asked.window is not None:
            self.wake()
        return more

    async def open(self) -> None:
        """Find out where it begins. Raises what stands in the way."""
        raise NotImplementedError

    def close(self) -> None:
        """Nothing more is to be sent."""
        self.opened, self._held_back = False, True

    def ready(self) -> list[Message] | None:
        """What is to be sent now; None when it has to be read first."""
        if self._first:
            first, self._first = list(self._first), deque()
            return first
        if self.full_since is not None or (self.not_before and _clock() < self.not_before):
            return []
        found = self._ready()
        return None if found is None else self._sent(found)

    async def take(self) -> list[Message]:
        """What is to be sent now, read first if need be."""
        found = self.ready()
        return found if found is not None else self._sent(await self._read())

    def _sent(self, messages: list[Message]) -> list[Message]:
        """Count what is sent against the interval and the window."""
        if messages and self.asked.min_interval_ms:
            self.not_before = _clock() + self.asked.min_interval_ms / 1000
        if self.asked.window is not None:
            self._unacked.extend(m.cursor.position for m in messages if m.cursor is not None)
            if len(self._unacked) >= self.asked.window and self.full_since is None:
                self.full_since = _clock()
        return messages

    @property
    def more(self) -> bool:
        """Whether something can be sent at once."""
        return bool(self._first)

    def beat(self) -> tuple[int, int, datetime] | None:
        """From where to where the client may move on though nothing concerned it, and as of which instant.

        None when it is there already, or when something is to be sent first.
        """
        quiet = self.quiet()
        if quiet is None or quiet.position <= self.told.position:
            return None
        start, self.told = self.told.position, quiet
        return start, quiet.position, quiet.at

    def quiet(self) -> Cursor | None:
        """Up to where nothing concerns it; None when something does, or is still to be sent."""
        return self._quiet() if self.opened and not self._first else None

    def standing(self) -> list[Message]:
        """A notice when it has fallen behind the log, or has caught up."""
        return self._stand(behind=self.opened and self._desk.head_seen - self._desk.position > LAGGING)

    def _stand(self, *, behind: bool) -> list[Message]:
        if behind == self._lagging:
            return []
        self._lagging = behind
        return [frames.notice("lagging" if behind else "caught_up", self.channel_name)]

    def _quiet(self) -> Cursor | None:
        raise NotImplementedError

    def _ready(self) -> list[Message] | None:
        raise NotImplementedError

    async def _read(self) -> list[Message]:
        raise NotImplementedError

    async def _refusal(self) -> Reason | None:
        """Why it cannot go on from where the client was."""
        assert self.asked.from_ is not None  # noqa: S101 - asked of those who want to resume
        if self.asked.epoch is not None and self.asked.epoch != self._desk.epoch:
            return "epoch_changed"
        # Another node may have been ahead of this one: what counts is the log.
        if self.asked.from_ > self._desk.position and self.asked.from_ > await self._desk.head():
            return "ahead_of_log"
        return None


class Following(Subscription):
    """A projection, followed."""

    __slots__ = ("channel",)

    def __init__(
        self,
        asked: Subscribe,
        desk: Desk,
        reach: "Reach",
        channel: Channel,
    ) -> None:
        super().__init__(asked, desk, reach)
        self.channel = channel
        if asked.from_ is not None and asked.at is None:
            detail = "'from' needs 'at', the instant for which the rows were sent"
            raise BadRequest(detail, errors=[Fault("/at", "missing", detail)])

    @property
    def channel_name(self) -> str:
        """What the channel is called in messages."""
        return self.channel.name

    async def open(self) -> None:
        """Resume, or begin with a snapshot."""
        since = await self._since()
        reason: Reason | None = None
        if isinstance(since, str):
            reason, since = since, None
        await self.channel.reached(max(self._desk.position, since.position if since else 0))
        if since is not None and self.channel.cursor.position - since.position > BEHIND:
            reason, since = "too_far_behind", None
        if since is None:
            self.told, parts = self.channel.snapshot()
            self.seen = self.told
        else:
            # Before reading: so that the channel forgets no change from here on.
            self.seen = self.channel.cursor
            self.told, self.seen, parts = await self.channel.missed(since)
        begun = self.told if since is None else since
        said = frames.subscribed(
            self.id, self.channel.name, resumed=since is not None, epoch=self._desk.epoch, cursor=begun,
            reason=reason, version=self.channel.version,
        )  # fmt: skip
        self._first.extend([said, *parts])
        self.opened = True

    async def _since(self) -> Cursor | Reason | None:
        if self.asked.from_ is None or self.asked.at is None:
            return None
        other = self.asked.version not in {None, self.channel.version}
        if self.asked.channel is None:  # it cannot tell of which build its rows are
            other = other or 0 < self.asked.from_ <= self.channel.born
        elif self.asked.channel != self.channel.name:
            other = True
        if other:
            return await self._refusal() or "version_changed"
        return await self._refusal() or Cursor(self.asked.from_, self.asked.at)

    def _quiet(self) -> Cursor | None:
        assert self.seen is not None  # noqa: S101 - opened
        quiet = self.channel.quiet(self.seen)
        if quiet is not None:
            self.seen = max(self.seen, quiet)
        return quiet

    def _ready(self) -> list[Message]:
        assert self.seen is not None  # noqa: S101 - opened
        found = self.channel.update(self.told.position, self.seen)
        if found is None:
            self.seen = max(self.seen, self.channel.cursor)
            return []
        self.told, said = found
        self.seen = self.told
        return said


class Tailing(Subscription):
    """The log itself, followed."""

    __slots__ = ("channel",)

    def __init__(
        self,
        asked: Subscribe,
        desk: Desk,
        reach: "Reach",
        feed: Feed,
    ) -> None:
        super().__init__(asked, desk, reach)
        self.channel = feed
        self._lagging = True  # so that its reader is told once everything that was there before has been sent
        if asked.group_by is not None:
            raise BadRequest("events are not grouped", errors=[Fault("/group_by", "unknown", "events are not grouped")])

    @property
    def channel_name(self) -> str:
        """What the channel is called in messages."""
        return self.channel.name

    async def open(self) -> None:
        """Begin where the client was; at the head where it was nowhere; anew where its positions mean nothing here."""
        reason = None if self.asked.from_ is None else await self._refusal()
        position = self._desk.position if self.asked.from_ is None else 0 if reason else self.asked.from_
        self.told = self.seen = Cursor(position, self._desk.now())
        resumed = self.asked.from_ is not None and reason is None
        said = frames.subscribed(
            self.id, self.channel.name, resumed=resumed, epoch=self._desk.epoch, cursor=self.told,
            reason=reason, version=None,
        )  # fmt: skip
        self._first.append(said)
        self.opened = True

    @property
    def more(self) -> bool:
        """Whether there is more of the log to read."""
        return super().more or (
            self.opened
            and self.full_since is None
            and (self._behind > 0 or self._lagging)
            and _clock() >= self.not_before
        )

    def standing(self) -> list[Message]:
        """What is to be said is said with the events."""
        return []

    @property
    def _behind(self) -> int:
        return self.channel.head - self.seen.position if self.seen is not None else 0

    def _quiet(self) -> Cursor | None:
        return self.seen

    def _ready(self) -> list[Message] | None:
        assert self.seen is not None  # noqa: S101 - opened
        if self._behind <= 0:
            return self._stand(behind=False)
        page = self.channel.ready(self.seen.position)
        return None if page is None else self._turned(page)

    async def _read(self) -> list[Message]:
        assert self.seen is not None  # noqa: S101 - opened
        return self._turned(await self.channel.page(self.seen.position))

    def _turned(self, page: Page) -> list[Message]:
        now = self._desk.now()
        # One that was there before has to fall well behind before it is said to lag: a burst is no lag.
        notices = self._stand(behind=True) if self._behind > LAGGING else []
        messages = list(frames.events(self.channel.name, self.told.position, now, page.bodies))
        if page.bodies:
            self.told = Cursor(page.bodies[-1][0], now)
        self.seen = Cursor(page.reached, now)
        if self._behind <= 0:
            messages += self._stand(behind=False)
        return notices + messages


def _clock() -> float:
    """The loop's clock, by which the session waits."""
    return asyncio.get_running_loop().time()
