"""The line to one client: how a message goes out, and how the line is cut when nobody takes it."""

import asyncio
import contextlib
import socket
from collections.abc import Sequence
from typing import Final, Protocol

from aiohttp import WSMsgType, web

from incidentlog.live.frames import Cursor, Message

BUFFER: Final = 16 * 1024
"""What may wait in each buffer between us and the client: so that one that stopped reading is noticed early."""


class Line(Protocol):
    """One client's connection."""

    idle: bool
    """Whether nothing else is to be sent, as far as its sender knows, who sets it."""

    async def send(self, message: Message) -> None:
        """Send, and wait while the client takes no more. Raises ConnectionError when it is gone."""
        ...

    @property
    def free(self) -> bool:
        """Whether nothing waits to be taken by the client."""
        ...

    def offer(self, message: Message) -> bool:
        """Send at once if it is idle and free; whether it was sent."""
        ...

    def put(self, messages: Sequence[Message]) -> None:
        """Send at once; only while it is free."""
        ...

    def abort(self) -> None:
        """Cut it off."""
        ...


class _Transport:
    """What both kinds of line do with the connection below."""

    __slots__ = ("_request", "_transport", "idle")  # thousands are gone through for each change

    def __init__(self, request: web.Request) -> None:
        self.idle = False
        self._request = request
        self._transport = request.transport
        if self._transport is not None:
            _keep_buffers_small(self._transport)

    def abort(self) -> None:
        """Cut it off."""
        # Not transport.close(): that waits until a client that has stopped reading has taken what is buffered.
        if self._request.transport is not None:
            self._request.transport.abort()

    @property
    def free(self) -> bool:
        """Whether nothing waits to be taken by the client."""
        transport = self._transport
        return transport is not None and not transport.is_closing() and not transport.get_write_buffer_size()


class SocketLine(_Transport):
    """A WebSocket."""

    __slots__ = ("_answer",)

    def __init__(self, request: web.Request, answer: web.WebSocketResponse) -> None:
        super().__init__(request)
        self._answer = answer

    async def send(self, message: Message) -> None:
        """Send, and wait while the client takes no more."""
        await self._answer.send_frame(message.payload, WSMsgType.TEXT)

    def offer(self, message: Message) -> bool:
        """Send at once if it is idle and free; whether it was sent."""
        if not self.idle or self._answer.closed:
            return False
        transport = self._transport
        if transport is None or transport.is_closing() or transport.get_write_buffer_size():
            return False
        transport.write(message.frame)
        return True

    def put(self, messages: Sequence[Message]) -> None:
        """Send at once; only while it is free."""
        # Past aiohttp's writer: without compression it puts each frame out in one piece, so ours comes between two.
        if self._transport is not None and not self._answer.closed:
            self._transport.write(messages[0].frame if len(messages) == 1 else b"".join(m.frame for m in messages))


class StreamLine(_Transport):
    """A response of server-sent events (WHATWG HTML §9.2)."""

    __slots__ = ("_answer", "_epoch", "channel")

    free = False  # everything goes through its sender: the chunks are aiohttp's

    def __init__(self, request: web.Request, answer: web.StreamResponse, epoch: str) -> None:
        super().__init__(request)
        self._answer = answer
        self._epoch = epoch
        self.channel = ""
        """What is followed: a part of each event's id, so that a reader of something else does not go on from it."""

    async def send(self, message: Message) -> None:
        """Send, and wait while the client takes no more; one without a payload is a comment that moves the id."""
        said = b"data: " + message.payload if message.payload else b": heartbeat"
        if message.cursor is not None:
            said = b"id: " + self._id(message.cursor) + b"\n" + said
        await self._answer.write(said + b"\n\n")

    def offer(self, message: Message) -> bool:  # noqa: ARG002 - it is never free
        """Send nothing at once."""
        return False

    def put(self, messages: Sequence[Message]) -> None:
        """It is never free."""
        raise NotImplementedError(messages)

    def _id(self, cursor: Cursor) -> bytes:
        return f"{self._epoch}~{self.channel}:{cursor.position}:{cursor.at.isoformat()}".encode()


def _keep_buffers_small(transport: asyncio.Transport) -> None:
    """So that a client that has stopped reading is noticed after kilobytes, and not after megabytes."""
    transport.set_write_buffer_limits(high=BUFFER)
    raw = transport.get_extra_info("socket")
    if raw is not None and hasattr(socket, "TCP_NOTSENT_LOWAT"):
        with contextlib.suppress(OSError):  # a socket that is not TCP
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, BUFFER)
