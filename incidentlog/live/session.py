"""One WebSocket: what its client says is read and answered, what concerns it is sent (docs/live-protocol.md)."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Final, Protocol

import structlog
from aiohttp import WSCloseCode, WSMsgType, web

from incidentlog.errors import (
    BadRequest,
    Forbidden,
    Internal,
    Overloaded,
    Problem,
    TooManyConnections,
    Unauthenticated,
    Unavailable,
    VersionRetired,
)
from incidentlog.live import frames
from incidentlog.live.answers import Welcome
from incidentlog.live.channel import OtherVersionError
from incidentlog.live.frames import Message
from incidentlog.live.line import SocketLine
from incidentlog.live.messages import Ack, Auth, Ping, Subscribe, UnreadableError, Unsubscribe, parse_message
from incidentlog.live.passes import Authenticate, Pass, Reader
from incidentlog.live.sender import Sender
from incidentlog.live.subscription import Reach, Subscription
from incidentlog.proxies import address_of
from incidentlog.shares import Shares, Stranger, network_of
from incidentlog.store.connect import lost

PROTOCOL: Final = "incidentlog.live.v1"
SUBSCRIPTIONS: Final = 64
"""The most subscriptions of one connection."""
MISTAKES: Final = 20
"""How many messages that cannot be read are answered before the socket is closed."""
MESSAGES_PER_SECOND: Final = 500
MESSAGES_AT_ONCE: Final = 2_000
"""How many messages a client may send in a burst; over time it may send MESSAGES_PER_SECOND."""
AUTH_SECONDS: Final = 10.0
ACK_SECONDS: Final = 60.0
"""How long a window may stay full; then the client is closed as slow: what it lacks has to be remembered for it."""
CLOSE_SECONDS: Final = 3.0
PING_SECONDS: Final = 30.0
"""How often WebSocket pings find out whether the other side is there."""

MISUSE: Final = 4400
UNAUTHENTICATED: Final = 4401
FORBIDDEN: Final = 4403
NO_FIRST_MESSAGE: Final = 4408
ID_IN_USE: Final = 4409
VERSION_RETIRED: Final = 4410
LIMITS: Final = 4429
SLOW: Final = 4490

log = structlog.get_logger(__name__)


class Host(Protocol):
    """What a session asks of its hub."""

    heartbeat_seconds: float
    connections: Shares

    async def welcome(self, reader: Reader) -> Welcome:
        """What is said first."""
        ...

    def subscribe(
        self,
        asked: Subscribe,
        reader: Reader,
        reach: Reach,
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


class Session:
    """What goes on between the handshake and the close."""

    def __init__(
        self,
        host: Host,
        socket: web.WebSocketResponse,
        request: web.Request,
        authenticate: Authenticate | None,
        token: str | None = None,
        known: Callable[[Reader], None] = lambda _: None,
    ) -> None:
        """`token` is what the handshake showed, and is looked up again now and then; None where nothing was needed.

        `known` is told who it is that says so in the first message.
        """
        self._host = host
        self._socket = socket
        self._line = SocketLine(request, socket)
        self._authenticate = authenticate
        self._token = token
        self._known = known
        self._stranger = Stranger(network_of(address_of(request)))
        self._pass: Pass | None = None
        """Whose session it is; None until that is known."""
        self._sender = Sender(self._line, beat_seconds=host.heartbeat_seconds, beat=self._beat, drop=self._drop)
        self._opening: dict[str, asyncio.Task[None]] = {}
        self._mistakes = 0
        self._allowance = _Allowance()
        self._welcomed = False
        self._closing: asyncio.Task[None] | None = None

    async def run(self, reader: Reader | None) -> None:
        """Follow until either side closes. Whatever happens, the connection is gone afterwards."""
        try:
            if reader is None:
                with self._host.connections.place(self._stranger):
                    self._pass = await self._introduced()
                if self._pass is not None:
                    self._known(self._pass.reader)
            else:
                self._pass = Pass(reader, self._token, self._authenticate)
            if self._pass is not None:
                with self._host.connections.place(self._pass.reader):
                    await self._serve(self._pass.reader)
        except (TooManyConnections, Overloaded) as problem:
            self.close(LIMITS, problem.detail)
        except Exception as error:
            if lost(error):
                self.close(WSCloseCode.TRY_AGAIN_LATER, "the database does not answer")
            else:
                log.exception("session_failed", reader=self._pass and self._pass.reader.name)
                self.close(WSCloseCode.INTERNAL_ERROR, "the service failed")
        finally:
            for subscription in self._sender.subscriptions.values():
                self._host.leave(subscription)
            self._sender.subscriptions.clear()
            if self._closing is not None:
                await asyncio.wait([self._closing])
            if self._closing is not None or self._socket.close_code in {None, WSCloseCode.ABNORMAL_CLOSURE}:
                self._line.abort()

    def close(self, code: int, reason: str) -> asyncio.Task[None]:
        """Begin to close; the first code stands. The task ends when the socket is closed, or cut off."""
        if self._closing is None:
            self._sender.end()
            self._closing = asyncio.ensure_future(self._close(code, reason))
        return self._closing

    async def _close(self, code: int, reason: str) -> None:
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._socket.close(code=code, message=_reason(reason))
        except (TimeoutError, OSError):
            self._line.abort()

    def tell(self, message: Message) -> None:
        """Say something that concerns the whole connection, once its client has been welcomed."""
        if self._welcomed:
            self._sender.reply(message)

    # ---------------------------------------------------------------------------------------------- guard

    def look(self, now: datetime) -> None:
        """Whether the reader may go on: its token may expire, and it may have stopped to acknowledge."""
        if self._pass is None or not self._welcomed:
            return
        if self._pass.expired(now):
            self.close(UNAUTHENTICATED, "the token has expired")
        elif self._pass.expiring(now):
            self.tell(frames.notice("auth_expiring"))
        since = min((s.full_since for s in self._subscriptions if s.full_since is not None), default=None)
        if since is not None and asyncio.get_running_loop().time() > since + ACK_SECONDS:
            self.close(SLOW, f"a window was full for {ACK_SECONDS:.0f} s")

    async def check(self) -> None:
        """Look the token up again: one that was revoked, or may see something else by now, ends the session."""
        if self._pass is None or self._closing is not None:
            return
        problem = await self._pass.ended()
        if problem is not None:
            self.close(FORBIDDEN if isinstance(problem, Forbidden) else UNAUTHENTICATED, problem.detail)

    # --------------------------------------------------------------------------------------------- reading

    async def _introduced(self) -> Pass | None:
        """Who it is, by its first message; None when the socket is being closed instead."""
        try:
            async with asyncio.timeout(AUTH_SECONDS):  # `receive` would begin anew with every ping of the client's
                message = await self._socket.receive()
        except TimeoutError:
            self.close(NO_FIRST_MESSAGE, "no auth message came")
            return None
        if message.type is not WSMsgType.TEXT:
            if message.type is WSMsgType.BINARY:
                self.close(MISUSE, "messages are text")
            return None
        try:
            said = parse_message(message.data)
            if isinstance(said, Auth) and self._authenticate is not None:
                reader = await self._authenticate(said.token)
                if reader is not None:
                    return Pass(reader, said.token, self._authenticate)
        except Forbidden as problem:
            self.close(FORBIDDEN, problem.detail)
            return None
        except (UnreadableError, Unauthenticated):
            pass
        self.close(UNAUTHENTICATED, "the first message must be auth, with a token that is known")
        return None

    async def _serve(self, reader: Reader) -> None:
        self._sender.reply(frames.said(await self._host.welcome(reader)))
        self._welcomed = True
        async with asyncio.TaskGroup() as tasks:
            sending = tasks.create_task(self._sender.run())
            try:
                await self._read_all(tasks)
            finally:
                sending.cancel()
                for task in self._opening.values():
                    task.cancel()

    async def _read_all(self, tasks: asyncio.TaskGroup) -> None:
        """Read until the socket closes: only a reader sees that, and the other side's pings."""
        while True:
            message = await self._socket.receive()
            acknowledged = False
            if message.type is WSMsgType.TEXT:
                acknowledged = await self._take(message.data, tasks)
            elif message.type is WSMsgType.BINARY:
                self.close(MISUSE, "messages are text")
            else:
                return
            # What a client sends because of what it was sent is not counted: it cannot be more.
            if not acknowledged and not self._allowance.take():
                self.close(LIMITS, f"over {MESSAGES_PER_SECOND} messages a second")
            await self._sender.room()

    async def _take(self, text: str, tasks: asyncio.TaskGroup) -> bool:
        """Do what the client asks; whether it was an `ack` of something that was sent."""
        id_: str | None = None
        try:
            said = parse_message(text)
            match said:
                case Ack(channel=channel, position=position):
                    return self._ack(channel, position)
                case Ping(ref=ref):
                    self._sender.reply(frames.said({"type": "pong", "ref": ref}))
                case Subscribe():
                    id_ = said.id
                    self._subscribe(said, tasks)
                case Unsubscribe():
                    id_ = said.id
                    self._unsubscribe(said.id)
                case Auth():
                    assert self._pass is not None  # noqa: S101 - it has been introduced
                    await self._pass.renew(said.token)  # nothing is answered when it is good
        except UnreadableError as problem:
            self._mistakes += 1
            self._sender.reply(frames.error(problem.id, problem))
            if self._mistakes >= MISTAKES:
                self.close(MISUSE, "too many messages that cannot be read")
        except Problem as problem:
            self._sender.reply(frames.error(id_, problem))
        return False

    def _ack(self, channel: str, position: int) -> bool:
        # A channel that is not there any more is no mistake: the client may not have heard yet.
        acked = [s.ack(position) for s in self._subscriptions if s.opened and s.channel_name == channel]
        return any(acked)

    @property
    def _subscriptions(self) -> list[Subscription]:
        return list(self._sender.subscriptions.values())

    def _subscribe(self, asked: Subscribe, tasks: asyncio.TaskGroup) -> None:
        assert self._pass is not None  # noqa: S101 - it has been introduced
        if asked.id in self._sender.subscriptions:
            self.close(ID_IN_USE, f"the id {asked.id} is in use")
            return
        if len(self._sender.subscriptions) >= SUBSCRIPTIONS:
            raise Overloaded(f"a connection has at most {SUBSCRIPTIONS} subscriptions")
        subscription = self._host.subscribe(asked, self._pass.reader, self._sender)
        for other in self._subscriptions:
            if other.channel_name == subscription.channel_name:
                self._host.leave(subscription)
                raise BadRequest(f"the subscription {other.id} follows the same already")
        self._sender.subscriptions[asked.id] = subscription
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
        self._sender.ring()

    def _drop(self, subscription: Subscription, problem: Problem) -> None:
        """End a subscription that cannot go on, and say why."""
        if self._sender.subscriptions.get(subscription.id) is not subscription:
            return
        self._forget(subscription.id)
        if isinstance(problem, VersionRetired):
            self.close(VERSION_RETIRED, problem.detail)
        elif isinstance(problem, OtherVersionError):
            self.close(WSCloseCode.SERVICE_RESTART, problem.detail)
        else:
            self._sender.reply(frames.error(subscription.id, problem))

    def _unsubscribe(self, id_: str) -> None:
        if id_ not in self._sender.subscriptions:
            raise BadRequest(f"no subscription is called {id_}")
        self._forget(id_)
        self._sender.reply(frames.said({"type": "unsubscribed", "id": id_}))

    def _forget(self, id_: str) -> None:
        self._host.leave(self._sender.subscriptions.pop(id_))
        opening = self._opening.pop(id_, None)
        if opening is not None and opening is not asyncio.current_task():
            opening.cancel()

    # ---------------------------------------------------------------------------------------------- beating

    def _beat(self) -> Iterator[Message]:
        moves = {s.channel_name: b for s in self._subscriptions if (b := s.beat()) is not None}
        yield frames.said(
            {
                "type": "heartbeat",
                "at": min([self._host.now(), *(at for _, _, at in moves.values())]),
                "head": self._host.head_seen,
                "channels": {channel: (start, to) for channel, (start, to, _) in moves.items()},
            }
        )
        for subscription in self._subscriptions:
            yield from subscription.standing()


def _reason(text: str) -> bytes:
    """A close reason, of at most 123 bytes of UTF-8 (RFC 6455 §5.5)."""
    return text.encode()[:123].decode(errors="ignore").encode()


class _Allowance:
    """How many messages a client may send: a bucket that fills up again."""

    __slots__ = ("_at", "_left")

    def __init__(self) -> None:
        self._left = float(MESSAGES_AT_ONCE)
        self._at = 0.0

    def take(self) -> bool:
        """Count one message; whether it may be sent."""
        now = asyncio.get_running_loop().time()
        self._left = min(MESSAGES_AT_ONCE, self._left + (now - self._at) * MESSAGES_PER_SECOND)
        self._at = now
        self._left -= 1
        return self._left >= 0
