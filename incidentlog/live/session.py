"""One WebSocket: one task that reads, one that sends, and a cursor for each thing it follows."""

import asyncio
import contextlib
import socket
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

import structlog
from aiohttp import WSCloseCode, WSMsgType, web

from incidentlog.errors import BadRequest, Forbidden, Internal, Overloaded, Problem, Unauthenticated, Unavailable
from incidentlog.live import frames
from incidentlog.live.messages import Auth, Ping, Subscribe, UnreadableError, Unsubscribe, parse_message
from incidentlog.live.subscription import Subscription
from incidentlog.store.connect import lost

PROTOCOL: Final = "incidentlog.live.v1"
SUBSCRIPTIONS: Final = 64
"""The most subscriptions of one connection."""
MISTAKES: Final = 20
"""How many messages that cannot be read are answered before the socket is closed."""
REPLIES: Final = 64
"""How many answers may wait to be sent; past it no more is read from this client."""
AUTH_SECONDS: Final = 10.0
SEND_SECONDS: Final = 20.0
"""How long one message may take to go; then the client has stopped reading, and is cut off."""
CLOSE_SECONDS: Final = 3.0
PING_SECONDS: Final = 30.0
"""How often WebSocket pings find out whether the other side is there."""
RETRY_SECONDS: Final = 1.0
BUFFER: Final = 16 * 1024
"""What may wait in each buffer between us and the client: so that one that stopped reading is noticed early."""

MISUSE: Final = 4400
UNAUTHENTICATED: Final = 4401
FORBIDDEN: Final = 4403
NO_FIRST_MESSAGE: Final = 4408
ID_IN_USE: Final = 4409

log = structlog.get_logger(__name__)


class Reader(Protocol):
    """Who follows: a name, and up to which marking it may see."""

    @property
    def name(self) -> str:
        """For the log."""
        ...

    @property
    def clearance(self) -> int:
        """The highest marking it may see."""
        ...


Authenticate = Callable[[str], Awaitable[Reader | None]]
"""Whose token it is; None for one that is not known. May raise Unauthenticated or Forbidden."""


class Host(Protocol):
    """What a session asks of its hub."""

    heartbeat_seconds: float

    async def welcome(self, reader: Reader) -> Mapping[str, Any]:
        """What is said first."""
        ...

    def subscribe(
        self, asked: Subscribe, reader: Reader, wake: Callable[[], None], fail: Callable[[Subscription, Problem], None]
    ) -> Subscription:
        """Join the channel asked for; raises what is wrong with it."""
        ...

    def leave(self, subscription: Subscription) -> None:
        """Leave its channel."""
        ...

    @property
    def head_seen(self) -> int:
        """The last position of the log that this node has heard of."""
        ...

    def now(self) -> datetime:
        """The instant."""
        ...


@dataclass(slots=True)
class _Ending:
    """With which code the socket is closed, and why."""

    code: int
    reason: str


class Session:
    """What goes on between the handshake and the close."""

    def __init__(
        self, host: Host, socket_: web.WebSocketResponse, request: web.Request, authenticate: Authenticate | None
    ) -> None:
        self._host = host
        self._socket = socket_
        self._request = request
        self._authenticate = authenticate
        self._reader: Reader | None = None
        self._subscriptions: dict[str, Subscription] = {}
        self._opening: dict[str, asyncio.Task[None]] = {}
        self._replies: deque[bytes] = deque()
        self._bell = asyncio.Event()
        self._room = asyncio.Event()
        self._mistakes = 0
        self._sending = True
        self._closing: asyncio.Task[None] | None = None

    async def run(self, reader: Reader | None) -> None:
        """Follow until either side closes. Whatever happens, the connection is gone afterwards."""
        _keep_buffers_small(self._request)
        try:
            self._reader = reader if reader is not None else await self._introduced()
            if self._reader is not None:
                await self._serve(self._reader)
        except Exception as error:
            if lost(error):
                self.close(WSCloseCode.TRY_AGAIN_LATER, "the database does not answer")
            else:
                log.exception("session_failed", reader=self._reader and self._reader.name)
                self.close(WSCloseCode.INTERNAL_ERROR, "the service failed")
        finally:
            for subscription in self._subscriptions.values():
                self._host.leave(subscription)
            self._subscriptions.clear()
            if self._closing is not None:
                await asyncio.wait([self._closing])
            if self._closing is not None or self._socket.close_code in {None, WSCloseCode.ABNORMAL_CLOSURE}:
                self._abort()

    def close(self, code: int, reason: str) -> asyncio.Task[None]:
        """Begin to close; the first code stands. The task ends when the socket is closed, or cut off."""
        if self._closing is None:
            self._closing = asyncio.ensure_future(self._close(_Ending(code, reason)))
        return self._closing

    async def _close(self, ending: _Ending) -> None:
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._socket.close(code=ending.code, message=ending.reason.encode()[:120])
        except (TimeoutError, OSError):
            self._abort()

    def _abort(self) -> None:
        # Not transport.close(): that waits until a client that has stopped reading has taken what is buffered.
        if self._request.transport is not None:
            self._request.transport.abort()

    # --------------------------------------------------------------------------------------------- reading

    async def _introduced(self) -> Reader | None:
        """Who it is, by its first message; None when the socket is being closed instead."""
        try:
            message = await self._socket.receive(timeout=AUTH_SECONDS)
        except TimeoutError:
            self.close(NO_FIRST_MESSAGE, "no auth message came")
            return None
        if message.type is not WSMsgType.TEXT:
            if message.type is WSMsgType.BINARY:
                self.close(MISUSE, "messages are text")
            return None
        try:
            said = parse_message(message.data)
            reader = None
            if isinstance(said, Auth) and self._authenticate is not None:
                reader = await self._authenticate(said.token)
        except Forbidden as problem:
            self.close(FORBIDDEN, problem.detail)
            return None
        except (UnreadableError, Unauthenticated):
            reader = None
        if reader is None:
            self.close(UNAUTHENTICATED, "the first message must be auth, with a token that is known")
        return reader

    async def _serve(self, reader: Reader) -> None:
        self._replies.append(frames.dumps({"type": "welcome", **await self._host.welcome(reader)}))
        async with asyncio.TaskGroup() as tasks:
            sender = tasks.create_task(self._send_all())
            try:
                await self._read_all(tasks, reader)
            finally:
                sender.cancel()
                for task in self._opening.values():
                    task.cancel()

    async def _read_all(self, tasks: asyncio.TaskGroup, reader: Reader) -> None:
        """Read until the socket closes: only a reader sees that, and the other side's pings."""
        while True:
            message = await self._socket.receive()
            if message.type is WSMsgType.TEXT:
                self._take(message.data, tasks, reader)
            elif message.type is WSMsgType.BINARY:
                self.close(MISUSE, "messages are text")
            else:
                return
            while len(self._replies) >= REPLIES and self._sending:
                self._room.clear()
                await self._room.wait()

    def _take(self, text: str, tasks: asyncio.TaskGroup, reader: Reader) -> None:
        id_: str | None = None
        try:
            said = parse_message(text)
            match said:
                case Ping(ref=ref):
                    self._reply(frames.dumps({"type": "pong", "ref": ref}))
                case Subscribe():
                    id_ = said.id
                    self._subscribe(said, tasks, reader)
                case Unsubscribe():
                    id_ = said.id
                    self._unsubscribe(said.id)
                case Auth():
                    raise BadRequest("the connection has its reader already; open another one for another key")
        except UnreadableError as problem:
            self._mistakes += 1
            self._reply(frames.error(problem.id, problem))
            if self._mistakes >= MISTAKES:
                self.close(MISUSE, "too many messages that cannot be read")
        except Problem as problem:
            self._reply(frames.error(id_, problem))

    def _subscribe(self, asked: Subscribe, tasks: asyncio.TaskGroup, reader: Reader) -> None:
        if asked.id in self._subscriptions:
            self.close(ID_IN_USE, f"the id {asked.id} is in use")
            return
        if len(self._subscriptions) >= SUBSCRIPTIONS:
            raise Overloaded(f"a connection has at most {SUBSCRIPTIONS} subscriptions")
        subscription = self._host.subscribe(asked, reader, self._bell.set, self._drop)
        for other in self._subscriptions.values():
            if other.channel_name == subscription.channel_name:
                self._host.leave(subscription)
                raise BadRequest(f"the subscription {other.id} follows the same already")
        self._subscriptions[asked.id] = subscription
        self._opening[asked.id] = tasks.create_task(self._open(subscription))

    async def _open(self, subscription: Subscription) -> None:
        try:
            await subscription.open()
        except Problem as problem:
            self._drop(subscription, problem)
        except Exception as error:
            if not lost(error):
                log.exception("subscription_failed", projection=subscription.asked.projection)
            self._drop(subscription, Unavailable() if lost(error) else Internal())
        finally:
            if self._opening.get(subscription.id) is asyncio.current_task():
                del self._opening[subscription.id]
        self._bell.set()

    def _drop(self, subscription: Subscription, problem: Problem) -> None:
        """End a subscription that cannot go on, and say why."""
        if self._subscriptions.get(subscription.id) is subscription:
            self._forget(subscription.id)
            self._reply(frames.error(subscription.id, problem))

    def _unsubscribe(self, id_: str) -> None:
        if id_ not in self._subscriptions:
            raise BadRequest(f"no subscription is called {id_}")
        self._forget(id_)
        self._reply(frames.dumps({"type": "unsubscribed", "id": id_}))

    def _forget(self, id_: str) -> None:
        self._host.leave(self._subscriptions.pop(id_))
        opening = self._opening.pop(id_, None)
        if opening is not None and opening is not asyncio.current_task():
            opening.cancel()

    def _reply(self, message: bytes) -> None:
        self._replies.append(message)
        self._bell.set()

    # --------------------------------------------------------------------------------------------- sending

    async def _send_all(self) -> None:
        """Send what there is, in turn, until the client is gone or has stopped reading."""
        loop = asyncio.get_running_loop()
        beat_at = loop.time() + self._host.heartbeat_seconds
        try:
            while True:
                self._bell.clear()
                await self._send_replies()
                more = False
                for subscription in list(self._subscriptions.values()):
                    for message in await self._take_from(subscription):
                        await self._send(message)
                    more = more or subscription.more
                if loop.time() >= beat_at:
                    beat_at = loop.time() + self._host.heartbeat_seconds
                    await self._send(self._heartbeat())
                if not more:
                    await self._rest(beat_at)
        except TimeoutError:
            log.info("client_stuck", reader=self._reader and self._reader.name)
            self._abort()
        except ConnectionError:
            pass  # the reader sees it, too, and ends the session
        finally:
            self._sending = False
            self._room.set()

    async def _send_replies(self) -> None:
        while self._replies:
            await self._send(self._replies.popleft())
            self._room.set()

    async def _take_from(self, subscription: Subscription) -> list[bytes]:
        if not subscription.opened or self._subscriptions.get(subscription.id) is not subscription:
            return []
        try:
            return await subscription.take()
        except Exception as error:
            if not lost(error):
                log.exception("subscription_failed", projection=subscription.asked.projection)
                self._drop(subscription, Internal())
            subscription.rest(RETRY_SECONDS)
            return []

    async def _send(self, message: bytes) -> None:
        async with asyncio.timeout(SEND_SECONDS):
            await self._socket.send_frame(message, WSMsgType.TEXT)

    async def _rest(self, until: float) -> None:
        """Wait for the bell, the heartbeat, or a subscription that has to wait before it may send again."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        until = min([until, *(s.not_before for s in self._subscriptions.values() if s.not_before > now)])
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(until):
                await self._bell.wait()

    def _heartbeat(self) -> bytes:
        moves = {s.channel_name: b for s in self._subscriptions.values() if (b := s.beat()) is not None}
        return frames.dumps(
            {
                "type": "heartbeat",
                "at": min([self._host.now(), *(at for _, _, at in moves.values())]),
                "head": self._host.head_seen,
                "channels": {channel: [start, to] for channel, (start, to, _) in moves.items()},
            }
        )


def _keep_buffers_small(request: web.Request) -> None:
    """So that a client that has stopped reading is noticed after kilobytes, and not after megabytes."""
    transport = request.transport
    if transport is None:
        return
    transport.set_write_buffer_limits(high=BUFFER)
    raw = transport.get_extra_info("socket")
    if raw is not None and hasattr(socket, "TCP_NOTSENT_LOWAT"):
        with contextlib.suppress(OSError):  # a socket that is not TCP
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, BUFFER)
