"""One writer per process: it appends together everything that queued while the last append was in flight.

There is no timer: a request that comes alone goes out alone. Appends are serialised up to the commit anyway, so
waiting together costs nothing and buys back what serialising costs.

Nobody waits for ever. An append that the database does not answer in time (another session holds the log's lock, a
commit waits for a standby that is not there, the network is silent) is given up with its connection, without asking the
server to cancel it: a cancelled wait for a standby would let an event be seen that no standby has. Its callers are told
503, whoever comes after them is refused at once, and the writer tries with an append of nothing until one goes through.
What was given up may have been written; the same id sent again tells.
"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import count
from typing import Final

import asyncpg
import structlog

from incidentlog.errors import Internal, Overloaded, Problem, Tampered, Unavailable
from incidentlog.store.append import Append, Appended, Duplicate, Outcome, append, append_nothing
from incidentlog.store.connect import Access, Connection, heed_cancelling, lost, told, why
from incidentlog.store.read import read_head
from incidentlog.tracing import Carried, Tracing

QUEUE: Final = 20_000
"""The most commands that wait; past it a request is refused, and told when to come back."""
BATCH: Final = 1_000
"""The most single commands in one append."""
APPEND_SECONDS: Final = 8.0
"""How long an append may go unanswered before its callers are told."""
PER_SECOND: Final = 1_000
"""How many commands a slow database appends in a second: a large append may take so much longer."""
PAUSE_SECONDS: Final = 0.1
LONGEST_PAUSE_SECONDS: Final = 1.0
"""Between two tries on a connection that was lost; each pause is twice the last one."""

log = structlog.get_logger(__name__)


@dataclass(slots=True, eq=False)
class _Request:
    """What one caller waits for: a single command, or many that stand or fall together."""

    commands: Sequence[Append]
    atomic: bool
    done: asyncio.Future[list[Outcome]]
    carried: Carried | None = None
    """The trace that it belongs to."""


class Writer:
    """Takes commands from any number of tasks and appends them in order of arrival."""

    def __init__(
        self,
        access: Access,
        *,
        admit: Callable[[], None] = lambda: None,
        grown: Callable[[int], None] = lambda _: None,
        seconds: float = APPEND_SECONDS,
        now: Callable[[], float] = time.monotonic,
        tracing: Tracing | None = None,
    ) -> None:
        """`admit` raises while nothing may be appended, whoever wants to; it is asked before anything is queued.

        `grown` is told the head after every append that wrote something.

        `seconds` is how long an append may go unanswered; `now` counts seconds, from anywhere.
        """
        self._access = access
        self._admit = admit
        self._grown = grown
        self._seconds = seconds
        self._tracing = tracing
        self.now = now
        self.failure: str | None = None
        """Why nothing can be appended at the moment; None while it can."""
        self.batches = 0
        """How many appends were answered,"""
        self.outcomes = Counter(appended=0, duplicate=0, refused=0)
        """and what became of the events in them."""
        self._due: float | None = None
        """When what is being appended should be answered, at half of its time; None while nothing is."""
        self._waiting: deque[_Request] = deque()
        self._count = 0
        self._arrived = asyncio.Event()
        self._connection: Connection | None = None
        self._seen = 0

    def saw(self, position: int) -> None:
        """An event is there: where the log ends before it from now on, nothing is appended."""
        self._seen = max(self._seen, position)

    async def append(self, command: Append) -> Outcome:
        """Append one command. Raises Overloaded when the queue is full, Unavailable when the database does not answer.

        Raises what `admit` does, too.
        After Unavailable it is not known whether it was appended: the same command sent again tells. The caller's going
        away cancels nothing: what was queued is appended.
        """
        return (await self._submit((command,), atomic=False))[0]

    async def append_atomic(self, commands: Sequence[Append]) -> list[Outcome]:
        """Append all or nothing, in one transaction; raises as `append` does."""
        return await self._submit(commands, atomic=True)

    async def append_each(self, commands: Sequence[Append]) -> list[Outcome | Problem]:
        """Append many, each for itself, in their order; of one that cannot be appended by now, why.

        Raises Overloaded where there is no room for them all, Unavailable where nothing can be appended.
        """
        self._refuse_in_vain(len(commands))
        waiting = [self._enqueue((command,), atomic=False) for command in commands]
        settled = await asyncio.gather(*waiting, return_exceptions=True)
        return [_settled(each) for each in settled]

    async def _submit(self, commands: Sequence[Append], *, atomic: bool) -> list[Outcome]:
        self._refuse_in_vain(len(commands))
        # A caller that goes away cancels this future, and nothing else: the batch goes on without it.
        return await self._enqueue(commands, atomic=atomic)

    @property
    def waiting(self) -> int:
        """How many commands wait."""
        return self._count

    @property
    def overdue_seconds(self) -> float:
        """How long ago the append at hand should have been answered; 0 while it is in time. It has as long again."""
        return 0.0 if self._due is None else max(0.0, self.now() - self._due)

    def _refuse_in_vain(self, number: int) -> None:
        self._admit()
        if self.failure is not None:
            raise Unavailable(f"nothing can be appended at the moment: {self.failure}")
        if self._count and self._count + number > QUEUE:
            raise Overloaded(f"{self._count} events wait to be appended")

    def _enqueue(self, commands: Sequence[Append], *, atomic: bool) -> asyncio.Future[list[Outcome]]:
        carried = None if self._tracing is None else self._tracing.carried()
        request = _Request(commands, atomic, asyncio.get_running_loop().create_future(), carried)
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
                await self._settle(batch, self._deadline(batch))
                self._due = None
                if self.failure is not None:
                    await self._recover()
                if not self._waiting:
                    self._arrived.clear()
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

    def _deadline(self, batch: Sequence[_Request]) -> float:
        """By when a batch is answered, in the loop's time; half-way there it is overdue."""
        seconds = self._seconds + sum(len(r.commands) for r in batch) / PER_SECOND
        self._due = self.now() + seconds / 2
        return asyncio.get_running_loop().time() + seconds

    async def _settle(self, batch: Sequence[_Request], deadline: float) -> None:
        """Append a batch and answer everyone in it; a batch that holds bad data is halved until that is alone."""
        commands = [c for request in batch for c in request.commands]
        try:
            with self._traced(batch, len(commands)):
                outcomes = await self._append(commands, atomic=batch[0].atomic, deadline=deadline)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the callers' answer
            if len(batch) > 1 and (_too_much(error) or not lost(error)):
                middle = len(batch) // 2
                await self._settle(batch[:middle], deadline)
                await self._settle(batch[middle:], deadline)
            elif lost(error) and not _too_much(error):
                self._give_up(batch, error)
            else:
                _fail(batch, Unavailable(why(error)) if lost(error) else error)
            return
        self._tally(outcomes)
        written = [o.position for o in outcomes if isinstance(o, Appended)]
        if written:
            self._grown(written[-1])
        start = 0
        for request in batch:
            end = start + len(request.commands)
            self._trace_on(request, outcomes[start:end])
            if not request.done.done():
                request.done.set_result(outcomes[start:end])
            start = end

    def _traced(self, batch: Sequence[_Request], events: int) -> AbstractContextManager[None]:
        if self._tracing is None:
            return nullcontext()
        return self._tracing.batch([request.carried for request in batch if request.carried is not None], events)

    def _trace_on(self, request: _Request, outcomes: Sequence[Outcome]) -> None:
        """What becomes of what a request appended belongs to its trace, too."""
        if self._tracing is None or request.carried is None:
            return
        if written := [o.position for o in outcomes if isinstance(o, Appended)]:
            self._tracing.written(request.carried, written[-1])

    def _tally(self, outcomes: Sequence[Outcome]) -> None:
        self.batches += 1
        for outcome in outcomes:
            match outcome:
                case Appended():
                    self.outcomes["appended"] += 1
                case Duplicate():
                    self.outcomes["duplicate"] += 1
                case _:
                    self.outcomes["refused"] += 1

    async def _append(self, commands: Sequence[Append], *, atomic: bool, deadline: float) -> list[Outcome]:
        """Append; after a lost connection, whose outcome is unknown, send the same again: ids make it once.

        Without commands, see whether an append would go through. At the deadline, in the loop's time, the connection is
        given up. Raises what came last then, or what the database said last, where it has said anything.
        """
        loop = asyncio.get_running_loop()
        said: Exception | None = None
        for attempt in count(1):
            try:
                async with asyncio.timeout_at(deadline):
                    connection = self._connection = await self._connected()
                giving_up = loop.call_at(deadline, connection.terminate)
                try:
                    if not commands:
                        await append_nothing(connection)
                        return []
                    return await append(connection, commands, atomic=atomic)
                finally:
                    giving_up.cancel()
            except Exception as error:
                heed_cancelling()
                pause = min(PAUSE_SECONDS * 2 ** (attempt - 1), LONGEST_PAUSE_SECONDS)
                said = error if why(error) else said
                if not lost(error) or (_too_much(error) and len(commands) > 1):
                    raise
                if loop.time() + pause > deadline:
                    # The deadline falls into a try: that one has no answer, and those before it had the reason.
                    raise said or error from error.__cause__
                log.warning("append_retried", attempt=attempt, events=len(commands), error=told(error))
                if self._connection is not None:
                    self._connection.terminate()
                await asyncio.sleep(pause)
        raise AssertionError

    async def _connected(self) -> Connection:
        if self._connection is None or self._connection.is_closed():
            self._connection = None
            connection = await self._access.connect("appender")
            try:
                await self._refuse_shorter(connection)
            except BaseException:
                connection.terminate()
                raise
            return connection
        return self._connection

    async def _refuse_shorter(self, connection: Connection) -> None:
        """Raises Tampered where another server leads than before, and lacks the last events."""
        seen = self._seen  # before it is read: what is seen while the answer is on its way is not in it
        head = (await read_head(connection)).position
        if head < seen:
            raise Tampered(f"the log ends at {head}, and was at {seen}: a server leads that lacks the last events")

    def _give_up(self, batch: Sequence[_Request], error: Exception) -> None:
        """Tell whoever waits, and whoever comes, that nothing can be appended."""
        self.failure = why(error) or "the database does not answer"
        log.error("appends_given_up", waiting=len(batch) + len(self._waiting), error=told(error))
        unknown = f"{self.failure}; whether it was appended is not known: send the same again"
        _fail(batch, Unavailable(unknown))
        _fail(self._waiting, Unavailable(f"{self.failure}; it was not appended"))
        self._waiting.clear()
        self._count = 0

    async def _recover(self) -> None:
        """Try without an event, until an append would go through."""
        loop = asyncio.get_running_loop()
        while self.failure is not None:
            try:
                await self._append((), atomic=False, deadline=loop.time() + self._seconds)
            except Exception as error:  # noqa: BLE001 - whatever it is, nothing can be appended while it lasts
                heed_cancelling()
                self.failure = str(error) if isinstance(error, Tampered) else why(error) or self.failure
                log.warning("appends_fail_still", error=told(error))
                await asyncio.sleep(LONGEST_PAUSE_SECONDS)
            else:
                self.failure = None
                log.info("appends_go_on")


def _too_much(error: Exception) -> bool:
    """Whether the database ended a statement for its length: fewer commands may go through."""
    return isinstance(error, asyncpg.QueryCanceledError)


def _fail(requests: Iterable[_Request], answer: Exception) -> None:
    for request in requests:
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
