"""Changes carried to all nodes by NATS JetStream, instead of read from the database by each (docs/scale.md).

Whoever's runner brought the projections further reads what changed, once, and publishes it. Every node takes what joins
to where it is; what is missing, it reads from the database, which is the truth: so nothing hangs on what NATS loses,
doubles or reorders. Several publishers do no harm, since the rows of a stretch are what they are.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, Final

import nats
import nats.errors
import nats.js.errors
import structlog
from nats.aio.client import Client as Connection
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy, DiscardPolicy, StorageType, StreamConfig, StreamInfo

from incidentlog.broker import HEADERS_BYTES, connected
from incidentlog.runner import Progress, Wakeup
from incidentlog.store.carried import Carried, Heading, read_carried, read_message, write_message
from incidentlog.store.connect import Pool, getting_over, heed_cancelling

BEAT_SECONDS: Final = 0.5
"""How often it is said that nothing has changed."""
SILENT_SECONDS: Final = 2.0
"""After how long without a word the database is read."""
RETRY_SECONDS: Final = 0.5
ANSWER_SECONDS: Final = 2.0
AGE_SECONDS: Final = 120
"""How long the stream keeps a message: what was erased is gone from it by then."""
STREAM_BYTES: Final = 64 * 2**20
REPLICAS: Final = (3, 1)
"""How many servers keep the stream: as many as there are."""
KEPT: Final = 64
"""How many messages a node keeps for channels that are behind,"""
KEPT_BYTES: Final = 16 * 2**20
"""and how many bytes of them."""
_THEIRS: Final = (nats.errors.Error, nats.js.errors.Error, OSError, TimeoutError)

log = structlog.get_logger(__name__)

# nats-py waits with `asyncio.wait_for`, which in Python 3.11 may lose a cancelling: hence `heed_cancelling` after it.


class SilentError(OSError):
    """Nobody publishes, or what is published does not arrive."""


class Fanout:
    """Carries what this node's runner folds, and takes what those of others fold."""

    def __init__(
        self,
        servers: Sequence[str],
        place: str,
        pool: Pool,
        progress: Progress,
        *,
        creds: Path | None,
        epoch: Callable[[], str],
        refresh: Callable[[], Awaitable[None]],
        told: Callable[[Heading], Awaitable[None]],
    ) -> None:
        """`place` names the log where it is; `servers` are asked in turn, with the credentials of a file if need be.

        `told` is told what another node says of a stretch, once its rows are to be had here (`between`). `epoch` is the
        one that this node knows; where another is spoken of, `refresh` looks.
        """
        self._servers, self._creds = list(servers), creds
        self._stream, self._subject = f"incidentlog-{place}", f"incidentlog.changes.{place}"
        self._pool, self._progress = pool, progress
        self._epoch, self._refresh, self._tell = epoch, refresh, told
        self._kept: deque[tuple[Heading, Carried | None, int]] = deque()
        self._carried_upto: int | None = None
        self._heard_at: float | None = None
        self._began = asyncio.get_running_loop().time()
        self._created: object = None
        self._sequence = 0
        """The last message of the stream that was heard, of the stream that was made then."""
        self.failure: str | None = None
        """Why NATS is not there; None while it is."""
        self.published = 0
        """How many changes this node published,"""
        self.reads = 0
        """and how often it read the database for that."""

    # ---------------------------------------------------------------------------------------------- asking

    @property
    def silent_seconds(self) -> float:
        """For how long nothing was heard."""
        since = self._began if self._heard_at is None else self._heard_at
        return asyncio.get_running_loop().time() - since

    @property
    def heard(self) -> bool:
        """Whether what changes is told by NATS at the moment; else the database is read."""
        return self._heard_at is not None and self.failure is None and self.silent_seconds < SILENT_SECONDS

    @property
    def warning(self) -> str | None:
        """What an operator should know."""
        if self.heard or (self.failure is None and self.silent_seconds < SILENT_SECONDS):
            return None
        why = self.failure or f"nothing was heard for {self.silent_seconds:.0f} s"
        return f"changes are read from the database, and not heard from NATS: {why}"

    def between(self, after: int, upto: int) -> Carried | None:
        """What was carried of a stretch, if all of it is here, in the epoch that this node knows."""
        found, reached = list[Carried](), after
        for heading, carried, _ in self._kept:
            if heading.upto <= reached or heading.epoch != self._epoch():
                continue
            if reached == upto:
                break
            if carried is None or heading.after > reached or heading.upto > upto:
                return None
            found.append(carried)
            reached = heading.upto
        if not found or reached != upto or not after:
            return None
        return found[0] if len(found) == 1 else Carried.joined(found)

    # --------------------------------------------------------------------------------------------- working

    async def run(self) -> None:
        """Carry and take until cancelled; a connection that fails, or says nothing, is made anew at the next server."""
        number = 0
        while True:
            try:
                await self._converse(self._servers[number % len(self._servers)])
            except _THEIRS as error:
                heed_cancelling()
                self._failed(error)
            number += 1
            await asyncio.sleep(RETRY_SECONDS)

    def _failed(self, error: Exception) -> None:
        failure = str(error) or type(error).__name__
        if self.failure is None:
            log.warning("fanout_interrupted", error=failure)
        self.failure = failure

    async def _converse(self, server: str) -> None:
        connection = await connected(
            server, "incidentlog", seconds=ANSWER_SECONDS, creds=self._creds, ping_interval=5, max_outstanding_pings=2
        )
        try:
            js = connection.jetstream(timeout=ANSWER_SECONDS)
            await self._join(js)
            heed_cancelling()
            await _first_to_fail(self._take(js), self._carry(js, connection))
        finally:
            await asyncio.wait([asyncio.create_task(connection.close())], timeout=ANSWER_SECONDS)

    async def _join(self, js: JetStreamContext) -> None:
        """See to the stream, and from where on it is to be taken: what was kept since, where it is the same."""
        try:
            info = await js.stream_info(self._stream)
        except nats.js.errors.NotFoundError:
            info = await self._make(js)
        created = info.created
        if created != self._created or info.state.last_seq < self._sequence:
            self._created, self._sequence = created, info.state.last_seq

    async def _make(self, js: JetStreamContext) -> StreamInfo:
        config = StreamConfig(
            name=self._stream, subjects=[self._subject], storage=StorageType.MEMORY, max_age=AGE_SECONDS,
            max_bytes=STREAM_BYTES, discard=DiscardPolicy.OLD,
        )  # fmt: skip
        for replicas in REPLICAS:
            try:
                config.num_replicas = replicas
                return await js.add_stream(config)
            except nats.js.errors.Error:
                if replicas == REPLICAS[-1]:
                    raise
        raise AssertionError

    async def _take(self, js: JetStreamContext) -> None:
        config = ConsumerConfig(
            deliver_policy=DeliverPolicy.BY_START_SEQUENCE, opt_start_seq=self._sequence + 1,
            ack_policy=AckPolicy.NONE, mem_storage=True, num_replicas=1,
        )  # fmt: skip
        subscription = await js.subscribe(self._subject, stream=self._stream, config=config, manual_ack=True)
        while True:
            try:
                message = await subscription.next_msg(timeout=SILENT_SECONDS)
            except TimeoutError:
                raise SilentError(f"nothing was heard for {self.silent_seconds:.0f} s") from None
            heed_cancelling()
            await self._taken(message)

    async def _taken(self, message: Msg) -> None:
        self._sequence = message.metadata.sequence.stream
        try:
            heading, carried = read_message(message.data)
        except ValueError as error:  # of a node of another version
            log.debug("message_passed_over", error=repr(error))
            return
        self._heard_at, self.failure = asyncio.get_running_loop().time(), None
        if heading.epoch != self._epoch():
            await self._refresh()
            if heading.epoch != self._epoch():
                return
        if heading.upto > self._progress.position:
            self._keep(heading, carried, len(message.data))
        await self._tell(heading)

    def _keep(self, heading: Heading, carried: Carried | None, size: int) -> None:
        self._kept.append((heading, carried, size))
        while len(self._kept) > KEPT or (len(self._kept) > 1 and sum(s for *_, s in self._kept) > KEPT_BYTES):
            self._kept.popleft()

    # -------------------------------------------------------------------------------------------- carrying

    async def _carry(self, js: JetStreamContext, connection: Connection) -> None:
        """Publish what this node's runner folds, and now and then that nothing has changed."""
        loop = asyncio.get_running_loop()
        beat_at = loop.time()
        while True:
            heed_cancelling()
            ticket = self._progress.progressed.ticket()
            position = self._progress.own
            after = position if self._carried_upto is None else self._carried_upto
            if not self._progress.leads:
                self._carried_upto = self._progress.position
            elif position > after or loop.time() >= beat_at:
                message = None
                with getting_over("carrying_interrupted"):
                    message = await self._read(after, position, connection.max_payload)
                if message is not None:
                    beat_at = loop.time() + BEAT_SECONDS
                    await js.publish(self._subject, message)
                    self._carried_upto = position
                    self.published += position > after
            await Wakeup.wait(ticket, BEAT_SECONDS)

    async def _read(self, after: int, upto: int, most: int) -> bytes:
        async with (
            self._pool.acquire(timeout=ANSWER_SECONDS) as lent,
            lent.transaction(isolation="repeatable_read", readonly=True),
        ):
            self.reads += upto > after
            heading, rows = await read_carried(lent, after, upto)  # type: ignore[arg-type] # a proxy with the same methods
        return await asyncio.to_thread(write_message, heading, rows, most - HEADERS_BYTES)


async def why_unfit(server: str, creds: Path | None) -> str | None:
    """Why a server carries nothing at the moment; None where it would."""
    try:
        connection = await connected(server, "incidentlog doctor", seconds=ANSWER_SECONDS, creds=creds)
        try:
            await connection.jetstream(timeout=ANSWER_SECONDS).account_info()
        finally:
            await connection.close()
    except _THEIRS as error:
        return str(error) or type(error).__name__
    return None


async def _first_to_fail(*work: Coroutine[Any, Any, None]) -> None:
    """Work until one fails; raises what it failed by. Once the connection is lost nats-py (2.16) cancels what waits."""
    tasks = [asyncio.ensure_future(each) for each in work]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            if task.cancelled():
                raise ConnectionResetError("the connection to NATS is lost")
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
