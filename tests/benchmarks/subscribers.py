"""Thousands of WebSocket clients that cost next to nothing: bare sockets and epoll, frames counted and not read."""

import base64
import os
import resource
import select
import socket
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import orjson

PIECE: Final = 256 * 1024
CONNECT_SECONDS: Final = 60.0
PONG_SECONDS: Final = 10.0
PONG: Final = b"\x8a\x80\0\0\0\0"
"""Sent unasked, now and then: a server that hears something does not ping."""


def allow_sockets() -> None:
    """As many open files as the system lets us have."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def masked(message: object) -> bytes:
    """A message as a client has to send it."""
    said = message if isinstance(message, bytes) else orjson.dumps(message)
    size = bytes([0x80 | len(said)]) if len(said) < 126 else bytes([0xFE]) + len(said).to_bytes(2)
    return b"\x81" + size + bytes(4) + said


def last_to(text: bytes) -> int | None:
    """The position to which the last message of some leads, as far as it has come; None where none says so."""
    found = text.rfind(b'"to":')
    ends = text.find(b",", found)
    return None if found < 0 or ends < 0 else int(text[found + 5 : ends])


class Subscribers:
    """Clients of one server, each with one subscription."""

    def __init__(self, port: int, *, protocol: str | None = None, receive_buffer: int | None = None) -> None:
        self._receive_buffer = receive_buffer
        self._port = port
        self._protocol = protocol
        self._poll = select.epoll()
        self._sockets: dict[int, socket.socket] = {}
        self._buffer = bytearray(PIECE)
        self._pong_at = time.monotonic() + PONG_SECONDS
        self.bytes = 0
        """Received since it was last set to 0."""

    def __len__(self) -> int:
        return len(self._sockets)

    @property
    def sockets(self) -> Iterable[socket.socket]:
        """Those of the clients, in the order in which they came."""
        return self._sockets.values()

    def connect(
        self, number: int, path: str, first: Sequence[object], until: bytes, *, port: int | None = None
    ) -> None:
        """Open so many more, send each the `first` messages, and read until `until` has come.

        `port` is another server's, which tells the same.
        """
        port = port or self._port
        deadline = time.monotonic() + CONNECT_SECONDS
        for _ in range(number):
            made = socket.socket()
            if self._receive_buffer is not None:
                made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._receive_buffer)
            made.settimeout(max(1.0, deadline - time.monotonic()))
            made.connect(("127.0.0.1", port))
            key = base64.b64encode(os.urandom(16)).decode()
            offered = f"Sec-WebSocket-Protocol: {self._protocol}\r\n" if self._protocol else ""
            made.sendall(
                f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n{offered}\r\n".encode()
            )
            seen = b""
            while b"\r\n\r\n" not in seen:
                seen += _some(made, seen)
            if b" 101 " not in seen.partition(b"\r\n")[0]:
                raise SystemExit(seen.decode())
            made.sendall(b"".join(masked(message) for message in first))
            while until not in seen:
                seen += _some(made, seen)
            made.setblocking(False)
            self._pong()
            self._sockets[made.fileno()] = made
            self._poll.register(made.fileno(), select.EPOLLIN)

    def take(self, seconds: float, each: Callable[[int, memoryview], None] | None = None) -> bool:
        """Read what has come, waiting so long for something; whether anything came."""
        self._pong()
        ready = self._poll.poll(seconds, 4_096)
        view = memoryview(self._buffer)
        for number, _ in ready:
            try:
                size = self._sockets[number].recv_into(self._buffer)
            except BlockingIOError:
                continue
            if not size:
                raise RuntimeError("the server closed a connection")
            self.bytes += size
            if each is not None:
                each(number, view[:size])
        return bool(ready)

    def _pong(self) -> None:
        if time.monotonic() >= self._pong_at:
            self._pong_at = time.monotonic() + PONG_SECONDS
            for each in self._sockets.values():
                each.send(PONG)

    def close(self) -> None:
        """Be gone."""
        for each in self._sockets.values():
            each.close()
        self._poll.close()


def _some(made: socket.socket, seen: bytes) -> bytes:
    data = made.recv(65_536)
    if not data:
        raise RuntimeError(f"the server closed a connection, after {seen[-300:]!r}")
    return data
