"""A JetStream stream as a sink: each event is a message whose headers say where in the log it is (docs/publish.md).

Every message is published under the condition that the one before it is the last of the stream. So what a connection
that is gone had still on its way, or another publisher does, is noticed, and never stored twice; also after the window
in which the server knows message ids. A retry is never sent: the last message is read instead. (nats-server 2.11 calls
a retry that has both an id and the condition a duplicate, 2.12 and later refuse it: so it makes no difference.)
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import nats
import nats.errors
import nats.js.errors
import orjson
from nats.aio.client import Client as Connection
from nats.js import JetStreamContext
from nats.js.api import PubAck, RetentionPolicy, StreamConfig, StreamInfo

from incidentlog.broker import HEADERS_BYTES, connected
from incidentlog.client import Event
from incidentlog.publish.publisher import Place, SinkAwayError, UnfitError

ANSWER_SECONDS: Final = 10.0
POSITION: Final = "Incidentlog-Position"
EPOCH: Final = "Incidentlog-Epoch"
JSON: Final = "application/json"
NOT_NEXT: Final = frozenset({10071, 10164})
"""What JetStream calls it where the message before is not the stream's last: somebody else was there before us."""
_OURS: Final = (nats.errors.Error, nats.js.errors.Error, OSError, asyncio.TimeoutError)


class JetStream:
    """One stream, which nobody else publishes to."""

    def __init__(self, server: str, stream: str, subject: str, *, creds: Path | None = None) -> None:
        """`subject` is what the subjects begin with: `incidentlog` gives `incidentlog.strike.reported`."""
        self._server, self._name, self._subject, self._creds = server, stream, subject, creds
        self._nats: Connection | None = None
        self._closed = asyncio.Event()
        self._last = 0
        """The sequence of the stream's last message."""

    async def __aenter__(self) -> Self:
        """Connect, and make the stream where there is none. Raises SinkAwayError, UnfitError."""
        async with _failing("NATS"):
            self._nats = await connected(
                self._server, "incidentlog", seconds=ANSWER_SECONDS, creds=self._creds, closed_cb=self._is_closed
            )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        if self._nats is not None:
            await self._nats.close()

    @property
    def _js(self) -> JetStreamContext:
        assert self._nats is not None  # noqa: S101 - used inside `async with`
        return self._nats.jetstream(timeout=ANSWER_SECONDS)

    async def _is_closed(self) -> None:
        self._closed.set()

    async def place(self) -> Place | None:
        """Where the stream is, by its last message. Raises SinkAwayError, UnfitError."""
        async with _failing("JetStream"):
            info = await self._info()
            self._refuse(info.config)
            self._last = info.state.last_seq
            if not self._last:
                return None
            try:
                message = await self._js.get_msg(self._name, seq=self._last)
            except nats.js.errors.NotFoundError:
                raise UnfitError(
                    f"the last message of the stream {self._name} is gone, and with it where it is in the log: make "
                    "another stream, without a limit that empties it"
                ) from None
        headers = message.headers or {}
        position, epoch = headers.get(POSITION, ""), headers.get(EPOCH)
        if not position.isdecimal() or epoch is None:
            raise UnfitError(f"the last message of the stream {self._name} is not of a log: others publish to it")
        return Place(epoch, int(position))

    async def publish(self, epoch: str, events: Sequence[Event]) -> None:
        """Add events after the last message, many under way at once. Raises SinkAwayError, UnfitError."""
        async with _failing("JetStream"):
            js = self._js
            # Not `publish_async`: of what the server refuses nats-py (2.16) tells it nothing.
            sending = [self._send(js, epoch, event, after=self._last + number) for number, event in enumerate(events)]
            for ack in await self._while_connected(sending) if sending else ():
                self._taken(ack)

    async def _send(self, js: JetStreamContext, epoch: str, event: Event, *, after: int) -> PubAck:
        body = orjson.dumps(event)
        most = js._nc.max_payload  # noqa: SLF001 - where the library has it
        if len(body) + HEADERS_BYTES > most:
            raise UnfitError(
                f"event {event['id']} has {len(body)} bytes, the server takes {most} with headers: raise max_payload"
            )
        headers = message_headers(event, epoch) | {
            "Nats-Expected-Stream": self._name,
            "Nats-Expected-Last-Sequence": str(after),
        }
        return await js.publish(f"{self._subject}.{event['type']}", body, headers=headers)

    def _taken(self, ack: PubAck) -> None:
        """The stream has one more. Raises SinkAwayError where the message is not the next one."""
        if ack.duplicate or ack.seq != self._last + 1:
            raise SinkAwayError(f"the stream is elsewhere: {ack.seq} came after {self._last}")
        self._last = ack.seq

    async def _while_connected(self, sending: Iterable[Coroutine[Any, Any, PubAck]]) -> list[PubAck]:
        """The answers, in order. Raises what the first one failed by, or SinkAwayError once the connection is gone."""
        tasks = [asyncio.ensure_future(each) for each in sending]
        answered = asyncio.ensure_future(asyncio.wait(tasks))
        closing = asyncio.ensure_future(self._closed.wait())
        try:
            await asyncio.wait([answered, closing], return_when=asyncio.FIRST_COMPLETED)
            if not answered.done():
                raise SinkAwayError("the connection to NATS is lost")
            failed = [error for task in tasks if (error := task.exception()) is not None]
            if failed:
                raise failed[0]
            return [task.result() for task in tasks]
        finally:
            for each in (*tasks, answered, closing):
                each.cancel()

    async def _info(self) -> StreamInfo:
        try:
            return await self._js.stream_info(self._name)
        except nats.js.errors.NotFoundError:
            config = StreamConfig(name=self._name, subjects=[f"{self._subject}.>"], deny_delete=True)
            return await self._js.add_stream(config)

    def _refuse(self, config: StreamConfig) -> None:
        """Raises UnfitError for a stream that could not keep where it is."""
        if config.retention not in {None, RetentionPolicy.LIMITS}:
            raise UnfitError(f"the stream {self._name} removes messages that were taken: it needs retention by limits")
        if f"{self._subject}.>" not in (config.subjects or []):
            raise UnfitError(f"the stream {self._name} does not take {self._subject}.>: {config.subjects}")


def message_headers(event: Mapping[str, Any], epoch: str) -> dict[str, str]:
    """What the headers say of an event: its id, its place, and the attributes of a CloudEvent in binary mode."""
    log = epoch.partition(".")[0]
    return {
        "Nats-Msg-Id": str(event["id"]),
        POSITION: str(event["position"]),
        EPOCH: epoch,
        "Content-Type": JSON,
        "ce-specversion": "1.0",
        "ce-id": str(event["id"]),
        "ce-source": f"urn:uuid:{log}",
        "ce-type": event["type"],
        "ce-subject": event["stream"],
        "ce-time": event["recorded_at"],
        "ce-sequence": f"{event['position']:016}",
        "ce-tlp": event["tlp"],
    }


@asynccontextmanager
async def _failing(what: str) -> AsyncIterator[None]:
    """Whatever fails with the server: what it has is not known then, unless it says that it never takes it."""
    try:
        yield
    except nats.js.errors.BadRequestError as error:
        kind = SinkAwayError if error.err_code in NOT_NEXT else UnfitError
        raise kind(f"{what}: {error.description}") from error
    except _OURS as error:
        raise SinkAwayError(f"{what}: {str(error) or type(error).__name__}") from error
