"""A network between client and service that does what networks do: it cuts, stalls, delays, drips, refuses.

And two things that TCP does not do, but a broken box in between might: to lose, or to repeat, one whole message.
"""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from tests.network import CHUNK, Line, laid


class Network(Line):
    """A TCP proxy to `target`, a port of this machine, at `port`."""

    def __init__(self) -> None:
        super().__init__()
        self.refusing = False
        self.cut_after: int | None = None
        """Cut whichever connection carries this many more bytes to the client: most often within a message."""
        self.lose = 0
        self.repeat = 0
        """How many of the next messages that move a cursor are lost, or come twice."""
        self.delay_seconds = 0.0
        self.drip: int | None = None
        """At most so many bytes at a time."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def heal(self) -> None:
        """From now on nothing happens to what is sent."""
        self.refusing, self.cut_after, self.delay_seconds, self.drip = False, None, 0.0, None
        self.lose = self.repeat = 0
        self.flow()

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.refusing:
            writer.transport.abort()
            return
        await super().connected(reader, writer)

    async def _carry_back(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, both: set[asyncio.StreamWriter]
    ) -> None:
        """From the service to the client: piece by piece, or message by message once it is a WebSocket."""
        with suppress(OSError, asyncio.IncompleteReadError, EOFError):
            head = await source.readuntil(b"\r\n\r\n")
            await self._send(sink, head)
            if b" 101 " in head.partition(b"\r\n")[0]:
                while True:
                    await self._pass_on(await _frame(source), sink)
            while piece := await source.read(CHUNK):
                await self._send(sink, piece)
        for each in both:
            each.transport.abort()

    async def _pass_on(self, frame: bytes, sink: asyncio.StreamWriter) -> None:
        if _moves(frame):
            if self.lose:
                self.lose -= 1
                return
            if self.repeat:
                self.repeat -= 1
                await self._send(sink, frame)
        await self._send(sink, frame)

    async def _send(self, sink: asyncio.StreamWriter, data: bytes) -> None:
        while data:
            if self.delay_seconds:
                await asyncio.sleep(self.delay_seconds)
            await self._flowing.wait()
            piece = data[: self.drip or len(data)]
            if self.cut_after is not None:
                if len(piece) >= self.cut_after:
                    sink.write(piece[: self.cut_after])
                    self.cut_after = None
                    await asyncio.sleep(0)  # what was written goes out before the end does
                    raise ConnectionError
                self.cut_after -= len(piece)
            sink.write(piece)
            await sink.drain()
            data = data[len(piece) :]
            if data:
                await asyncio.sleep(0)


def _moves(frame: bytes) -> bool:
    """Whether it is a message whose loss the protocol promises to show: it moves a position (docs/live-protocol.md, Promises, 1)."""
    if b'"type":"heartbeat"' in frame:
        return b'"channels":{}' not in frame
    if b'"type":"update"' in frame:
        start, to = (int(frame.split(name, 1)[1].split(b",", 1)[0]) for name in (b'"from":', b'"to":'))
        return to > start
    return b'"type":"events"' in frame


async def _frame(source: asyncio.StreamReader) -> bytes:
    """One WebSocket frame as the service sends it: whole, and not masked (RFC 6455 §5.2)."""
    head = await source.readexactly(2)
    size = head[1] & 0x7F
    more = {126: 2, 127: 8}.get(size, 0)
    extended = await source.readexactly(more)
    if more:
        (size,) = struct.unpack(">H" if more == 2 else ">Q", extended)
    return head + extended + await source.readexactly(size)


@asynccontextmanager
async def network() -> AsyncIterator[Network]:
    """A network until the block ends; it reaches nothing before it has a `target`."""
    async with laid(Network()) as made:
        yield made
