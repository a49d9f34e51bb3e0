"""Delivering to one webhook: one event after another, each until it was taken or is a dead letter.

An event is read, and made into a message, anew for every attempt: what was marked higher or erased meanwhile is not
told.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import orjson
import structlog

from incidentlog.clock import Clock
from incidentlog.events.cloudevents import cloudevent
from incidentlog.events.recorded import Recorded
from incidentlog.shares import OfKey, Turnstile
from incidentlog.store.connect import Connection, Pool
from incidentlog.store.filters import EventFilter, parse_event_filter
from incidentlog.store.read import LogIdentity, read_head, read_ids
from incidentlog.store.search import search_events
from incidentlog.store.webhooks import (
    DeadLetter,
    Hold,
    Leased,
    State,
    bury,
    discard_letters,
    note_delivered,
    note_failed,
    note_gone,
    note_passed,
    note_still_dead,
    wanted_letters,
)
from incidentlog.webhooks.backoff import ATTEMPTS, IN_ROW, LETTERS, wait_after
from incidentlog.webhooks.sending import Outcome, Sender

PAGE: Final = 100
"""Events read at a time."""
FRESH_SECONDS: Final = 1.0
"""For how long what was read may be sent: by then it may be marked higher."""
PACE_SECONDS: Final = 0.1
"""How long it lets events come together once it has nothing to send: many webhooks look after each append."""
PASSED: Final = 1_000
"""After how many positions without an event for it a webhook's position is moved all the same."""

log = structlog.get_logger(__name__)

Count = Callable[[int, str], None]
"""Told of each attempt: the webhook's clearance, and `delivered`, `failed` or `dead`."""
Keeping = Callable[[Callable[[Connection], Awaitable[Any]]], Awaitable[Any]]
"""Does something on the connection that may write, one at a time."""


class NotOursError(Exception):
    """Another process delivers by now, or a client changed the webhook: whoever looks next takes it up."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What all deliveries share."""

    pool: Pool
    log: Callable[[], LogIdentity]
    clock: Clock
    sender: Sender
    keep: Keeping
    places: Turnstile
    """For messages that are under way, by key."""
    reads: Turnstile
    """For those that read the log, by key: the others that read it need connections, too."""
    count: Count


class Delivery:
    """Delivers to one webhook, until it is cancelled, is off, or is somebody else's."""

    def __init__(self, tools: Tools, lessee: UUID, webhook: Leased) -> None:
        self._tools = tools
        self._webhook = webhook
        self._key = OfKey(webhook.key_id)
        self._hold = Hold(webhook.webhook_id, lessee, webhook.revision)
        self._stored = self._seen = webhook.position
        self._attempts, self._next_at = webhook.attempts, webhook.next_at
        self._failing = webhook.attempts_of
        """The position of the event that was tried last."""
        self._off = False
        self.clearance = webhook.clearance
        self.wanted = webhook.wanted
        """Whether dead letters are to be tried once more."""
        self.waiting_since: datetime | None = None
        """When the event was recorded that comes next; None while there is none."""

    @property
    def got_on(self) -> bool:
        """Whether it has seen to an event, or to that there is none."""
        return self._seen > self._webhook.position

    def is_of(self, webhook: Leased) -> bool:
        """Whether it delivers to a webhook as that is by now."""
        return (self._webhook.revision, self.clearance) == (webhook.revision, webhook.clearance)

    async def run(self, grown: Callable[[], asyncio.Event], looked: Callable[[], asyncio.Event]) -> None:
        """Deliver. `grown` gives a ticket for more of the log, `looked` one for whatever else may have changed."""
        narrowed = parse_event_filter(orjson.loads(self._webhook.filters), self._tools.log().calendar)
        while not self._off:
            tickets = grown(), looked()
            if self.wanted:
                await self._wanted()
            if self._waits() or not await self._onward(narrowed):
                await self._until(*tickets)
                await asyncio.sleep(PACE_SECONDS)

    async def _until(self, *tickets: asyncio.Event) -> None:
        """Wait for the first of some bells, unless it is over."""
        tasks = [] if self._off else [asyncio.ensure_future(ticket.wait()) for ticket in tickets]
        try:
            if tasks:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()

    def _waits(self) -> bool:
        """Whether the event that comes next failed, and it is too early to try it again."""
        return self._next_at is not None and self._tools.clock.now() < self._next_at

    # ------------------------------------------------------------------------------------------------ in order

    async def _onward(self, narrowed: EventFilter) -> bool:
        """Deliver what can be of the next page; whether to go on at once."""
        pool = self._tools.pool
        async with self._tools.reads.place(self._key, seconds=None):
            head = (await read_head(pool)).position
            found, reached = await search_events(
                pool, narrowed, after=self._seen, upto=head, clearance=self.clearance, limit=PAGE
            )
        read_at = time.monotonic()
        self.waiting_since = found.events[0].recorded_at if found.events else None
        for event in found.events:
            if time.monotonic() - read_at > FRESH_SECONDS:
                return True
            if not await self._deliver(event, read_at):
                return False
        self.waiting_since = None
        await self._pass(reached)
        return self._seen < head

    async def _deliver(self, event: Recorded, read_at: float) -> bool:
        """Try the event that comes next, which was read at a time; whether the one after it may come."""
        if self._failing is not None and self._failing != event.position:
            self._attempts = 0  # those were of an event that is not to be told any more
        self._failing = event.position
        outcome, now = await self._send(event, read_at), self._tools.clock.now()
        if outcome is None:
            self._seen = event.position
            return True
        if outcome.failure is None:
            await self._held(lambda c: note_delivered(c, self._hold, event.position, now))
            self._step(event.position)
            return True
        if outcome.gone:
            await self._held(lambda c: note_gone(c, self._hold, now, str(outcome.failure)))
            self._off = True
            log.warning("webhook_gone", webhook=str(self._hold.webhook_id))
            return False
        if self._attempts + 1 >= ATTEMPTS:
            await self._bury(event, outcome.failure, now)
            return not self._off
        attempts, next_at = self._attempts + 1, now + wait_after(self._attempts + 1, outcome.retry_after)
        failure = outcome.failure
        await self._held(
            lambda c: note_failed(
                c, self._hold, position=event.position, attempts=attempts, next_at=next_at, now=now, failure=failure
            )
        )
        self._attempts, self._next_at = attempts, next_at
        return False

    async def _bury(self, event: Recorded, failure: str, now: datetime) -> None:
        """Make a dead letter of an event, which may switch the webhook off. Raises NotOursError."""
        attempts = self._attempts + 1
        state: State | None = await self._tools.keep(
            lambda c: bury(
                c, self._hold, position=event.position, event_id=event.event_id, attempts=attempts, now=now,
                failure=failure, in_row=IN_ROW, most=LETTERS,
            )
        )  # fmt: skip
        if state is None:
            raise NotOursError
        self._off = state != "active"
        self._tools.count(self.clearance, "dead")
        log.warning("webhook_dead_letter", webhook=str(self._hold.webhook_id), position=event.position, failure=failure)
        self._step(event.position)

    def _step(self, position: int) -> None:
        self._stored = self._seen = position
        self._attempts, self._next_at = 0, None

    async def _pass(self, reached: int) -> None:
        """There is nothing for it up to a position."""
        self._seen = max(self._seen, reached)
        if self._seen - self._stored >= PASSED:
            await self._held(lambda c: note_passed(c, self._hold, self._seen))
            self._stored = self._seen

    # ------------------------------------------------------------------------------------------- dead letters

    async def _wanted(self) -> None:
        """Try each dead letter that somebody wants tried, once, in the order of the log."""
        letters: list[DeadLetter] = await self._tools.keep(
            lambda c: wanted_letters(c, self._hold.webhook_id, PAGE)
        )  # fmt: skip
        self.wanted = False
        for letter in letters:
            await self._once_more(letter)

    async def _once_more(self, letter: DeadLetter) -> None:
        webhook_id = self._hold.webhook_id
        found = await read_ids(self._tools.pool, [letter.event_id], clearance=self.clearance)
        outcome = await self._send(found.events[0], time.monotonic()) if found.events else None
        if outcome is None or outcome.failure is None:  # delivered, or not to be told any more
            await self._tools.keep(lambda c: discard_letters(c, webhook_id, [letter.event_id]))
            return
        now, failure = self._tools.clock.now(), outcome.failure
        await self._tools.keep(lambda c: note_still_dead(c, webhook_id, letter.position, now, failure))

    # ------------------------------------------------------------------------------------------------ sending

    async def _send(self, event: Recorded, read_at: float) -> Outcome | None:
        """Send an event, read again where it waited for its turn; None where it is not to be told any more."""
        async with self._tools.places.place(self._key, seconds=None):
            if time.monotonic() - read_at > FRESH_SECONDS:
                found = await read_ids(self._tools.pool, [event.event_id], clearance=self.clearance)
                if not found.events:
                    return None
                event = found.events[0]
            outcome = await self._tools.sender.send(
                self._webhook.url, event.event_id, message(event, self._tools.log().id), self._webhook.secrets
            )
        self._tools.count(self.clearance, "delivered" if outcome.failure is None else "failed")
        return outcome

    async def _held(self, work: Callable[[Connection], Awaitable[bool]]) -> None:
        """Write something while this process is the one that delivers. Raises NotOursError where it is not."""
        if not await self._tools.keep(work):
            raise NotOursError


def message(event: Recorded, log_id: UUID) -> bytes:
    """The body of a message: the event as it was when it was appended, so that each attempt has the same bytes.

    What retracts or amends it is an event of its own, and comes as one.
    """
    return orjson.dumps(cloudevent(event, "effective", log_id), option=orjson.OPT_UTC_Z)
