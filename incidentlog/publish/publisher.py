"""Follows a log as a client and hands its events on, in order. Where it is, is kept in the sink and nowhere else.

Whatever becomes of a connection, the sink is asked again where it is, and the publisher goes on from there: so nothing
is lost, and nothing comes twice, whoever was killed.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Protocol, Self

from incidentlog.client import Client, Event, Feed, Notice, UnreachableError
from incidentlog.client.waits import Waits

IN_STEP_SECONDS: Final = 60.0
"""After how long without a failure the next one is got over as fast as the first."""


@dataclass(frozen=True, slots=True)
class Place:
    """The last event that a sink has: of which log, and where it is in it."""

    epoch: str
    """Log id, fork and generation, as the live protocol tells them."""
    position: int

    def same_log(self, epoch: str) -> bool:
        """Whether positions of another epoch mean the same: an erasure begins one in which they do, a fork does not."""
        return self.epoch.rpartition(".")[0] == epoch.rpartition(".")[0]


class SinkAwayError(Exception):
    """The sink does not answer, or is elsewhere than we thought: it is to be opened and asked anew."""


class UnfitError(Exception):
    """What is in the sink does not go together with what is asked: somebody has to look."""


class Sink(Protocol):
    """What events are handed to."""

    async def __aenter__(self) -> Self:
        """Connect. Raises SinkAwayError, UnfitError."""
        ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None: ...

    async def place(self) -> Place | None:
        """The last event that it has; None where it never had any. Raises SinkAwayError, UnfitError."""
        ...

    async def publish(self, epoch: str, events: Sequence[Event]) -> None:
        """Add events after the last one, each once. Raises SinkAwayError when it is not known how many it has now."""
        ...


class Publisher:
    """Publishes the events that a key sees, and that a filter lets pass, until it is cancelled."""

    def __init__(
        self,
        client: Client,
        sink: Callable[[], Sink],
        *,
        filters: dict[str, list[str]],
        after: int | None,
        say: Callable[[str], None],
        published: Callable[[int, int], None],
    ) -> None:
        """`sink` makes a connection; `after` is where an empty sink begins, in place of the log's beginning.

        `say` is told what is in the way, and `published` how many events were, and up to which position.
        """
        self._client, self._sink, self._filters, self._after = client, sink, filters, after
        self._say, self._published = say, published
        self._begun = False
        """Whether both were there once: what is away from the beginning is more likely an address that is wrong."""

    async def run(self) -> None:
        """Publish. Raises UnfitError, the Problem with which the service refuses, and what is away at the beginning."""
        waits, loop = Waits(), asyncio.get_running_loop()
        while True:
            began = loop.time()
            try:
                await self._once()
            except (SinkAwayError, UnreachableError) as error:
                if not self._begun:
                    raise
                if loop.time() - began > IN_STEP_SECONDS:
                    waits = Waits()
                seconds = waits.next_seconds()
                self._say(f"{error}; again in {seconds:.1f} s")
                await asyncio.sleep(seconds)

    async def _once(self) -> None:
        """From where the sink is, until something fails."""
        async with self._sink() as sink:
            place = await sink.place()
            after = place.position if place is not None else self._after or 0
            feed = self._client.subscribe("events", filters=self._filters, after=after, notify=self._tell)
            async with feed:
                self._same_log(place, feed, after)
                self._begun = True
                async for events in feed:
                    if events.reason is not None:
                        raise SinkAwayError("the log begins anew")  # what that means is seen from the sink's place
                    await sink.publish(feed.cursor.epoch, events.items)
                    if events.items:
                        self._published(len(events.items), events.to)

    @staticmethod
    def _same_log(place: Place | None, feed: Feed, after: int) -> None:
        """Raises UnfitError where positions of the sink's last event are none of this log."""
        epoch = feed.cursor.epoch
        if place is not None and not place.same_log(epoch):
            raise UnfitError(
                f"what is there is of the log and fork {place.epoch.rpartition('.')[0]}, the service has "
                f"{epoch.rpartition('.')[0]}: publish into another stream"
            )
        if feed.position < after:
            raise UnfitError(
                f"what is there goes up to position {after}, and the log does not: an older state of it was restored"
            )

    def _tell(self, notice: Notice) -> None:
        if notice.code == "lost":
            self._say(f"{notice.detail}; again in {notice.retry_seconds or 0:.1f} s")
