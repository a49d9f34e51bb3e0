"""One writer per process: it appends together everything that queued while the last append was in flight.

There is no timer: a request that comes alone goes out alone. Appends are serialised up to the commit anyway, so
waiting together costs nothing and buys back what serialising costs (DESIGN, The append path).
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from incidentlog.errors import Internal, Overloaded, Problem, Unavailable
from incidentlog.store.append import Append, Appended, Outcome, append
from incidentlog.store.connect import Access, Connection, lost

QUEUE: Final = 20_000
"""The most commands that wait; past it a request is refused, and told when to come back."""
BATCH: Final = 1_000
"""The most single commands in one append."""
RETRIES: Final = 5
"""How often a batch is sent again after a lost connection, over about 6 s, before its callers are told."""

log = structlog.get_logger(__name__)


@dataclass(slots=True, eq=False)
class _Request:
    """What one caller waits for: a single command, or many that stand or fall together."""

    commands: Sequence[Append]
    atomic: bool
    done: asyncio.Future[list[Outcome]]


class Writer:
    """Takes commands from any number of tasks and appends them in order of arrival."""

    def __init__(self, access: Access, *, grown: Callable[[int], None] = lambda _: None) -> None:
        """`grown` is told the head after every append that wrote something."""
        self._access = access
        self._grown = grown
        self._waiting: deque[_Request] = deque()
        self._count = 0
        self._arrived = asyncio.Event()
        self._connection: Connection | None = None

    async def append(self, command: Append) -> Outcome:
        """Append one command. Raises Overloaded when the queue is full, Unavailable when the database stays away.

        The caller's going away cancels nothing: what was queued is appended.
        """
        return (await self._submit((command,), atomic=False))[0]

    async def append_atomic(self, commands: Sequence[Append]) -> list[Outcome]:
        """Append all or nothing, in one transaction; raises as `append` does."""
        return await self._submit(commands, atomic=True)

    async def append_each(self, commands: Sequence[Append]) -> list[Outcome | Problem]:
        """Append many, each for itself, in their order; of one that cannot be appended by now, why.

        Raises Overloaded where there is no room for them all.
        """
        self._refuse_past_room(len(commands))
        waiting = [self._enqueue((command,), atomic=False) for command in commands]
        settled = await asyncio.gather(*waiting, return_exceptions=True)
        return [_settled(each) for each in settled]

    async def _submit(self, commands: Sequence[Append], *, atomic: bool) -> list[Outcome]:
        self._refuse_past_room(len(commands))
        # A caller that goes away cancels this future, and nothing else: the batch goes on without it.
        return await self._enqueue(commands, atomic=atomic)

    def _refuse_past_room(self, number: int) -> None:
        if self._count and self._count + number > QUEUE:
            raise Overloaded(f"{self._count} events wait to be appended")

    def _enqueue(self, commands: Sequence[Append], *, atomic: bool) -> asyncio.Future[list[Outcome]]:
        request = _Request(commands, atomic, asyncio.get_running_loop().create_future())
        self._waiting.append(request)
        self._count += len(commands)
        self._arrived.set()
        return request.done

    async def run(self) -> None:
        """Append until cancelled. A failure that is not a caller's ends it, loudly."""
        try:
            while True:
                await self._arrived.wait()
                batch = self._take()
                if not self._waiting:
                    self._arrived.clear()
                await self._settle(batch)
        finally:
            for request in self._waiting:
                request.done.cancel()
            if self._connection is not None and not self._connection.is_closed():
                self._connection.terminate()

    def _take(self) -> list[_Request]:
        """The next batch: one atomic request alone, or singles in which no id, and no conditional stream, recurs."""
        if self._waiting[0].atomic:
            request = self._waiting.popleft()
            self._count -= len(request.commands)
            return [request]
        batch: list[_Request] = []
        kept: deque[_Request] = deque()
        ids, streams, conditional = set(), set(), set()
        while self._waiting and len(batch) < BATCH and not self._waiting[0].atomic:
            request = self._waiting.popleft()
            (c,) = request.commands
            held = c.event_id in ids or c.stream in conditional
            if held or (c.expected_version is not None and c.stream in streams):
                # What waits for its stream also holds those behind it: they keep the order in which they came.
                kept.append(request)
                conditional.add(c.stream)
                continue
            ids.add(c.event_id)
            streams.add(c.stream)
            if c.expected_version is not None:
                conditional.add(c.stream)
            batch.append(request)
        self._waiting.extendleft(reversed(kept))
        self._count -= len(batch)
        return batch

    async def _settle(self, batch: Sequence[_Request]) -> None:
        """Append a batch and answer everyone in it; a batch that holds bad data is halved until that is alone."""
        commands = [c for request in batch for c in request.commands]
        try:
            outcomes = await self._append(commands, atomic=batch[0].atomic)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the callers' answer
            if lost(error) or len(batch) == 1:
                self._fail(batch, error)
                return
            middle = len(batch) // 2
            await self._settle(batch[:middle])
            await self._settle(batch[middle:])
            return
        written = [o.position for o in outcomes if isinstance(o, Appended)]
        if written:
            self._grown(written[-1])
        start = 0
        for request in batch:
            end = start + len(request.commands)
            if not request.done.done():
                request.done.set_result(outcomes[start:end])
            start = end

    async def _append(self, commands: Sequence[Append], *, atomic: bool) -> list[Outcome]:
        """Append, and after a lost connection, whose outcome is unknown, send the same again: ids make it once."""
        for attempt in range(RETRIES + 1):
            try:
                if self._connection is None or self._connection.is_closed():
                    self._connection = await self._access.connect("appender")
                return await append(self._connection, commands, atomic=atomic)
            except Exception as error:
                if not lost(error) or attempt == RETRIES:
                    raise
                log.warning("append_retried", attempt=attempt + 1, events=len(commands), error=repr(error))
                if self._connection is not None:
                    self._connection.terminate()
                    self._connection = None
                await asyncio.sleep(0.1 * 2**attempt)
        raise AssertionError

    def _fail(self, batch: Sequence[_Request], error: Exception) -> None:
        answer: Exception = Unavailable(repr(error)) if lost(error) else error
        for request in batch:
            if not request.done.done():
                request.done.set_exception(answer)


def _settled(each: list[Outcome] | BaseException) -> Outcome | Problem:
    """What became of one command; what failed by our own fault is that command's alone."""
    match each:
        case Problem():
            return each
        case Exception():
            log.error("append_failed", error=repr(each))
            return Internal()
        case BaseException():
            raise each
        case _:
            return each[0]
