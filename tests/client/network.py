"""A network between client and service that does what networks do: it cuts, stalls, delays, drips, refuses.

And two things that TCP does not do, but a broken box in between might: to lose, or to repeat, one whole message.
"""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

CHUNK = 65_536


class Network:
    """A TCP proxy to `target`, a port of this machine, at `port`."""

    def __init__(self) -> None:
        self.target = 0
        self.port = 0
        self.refusing = False
        self.cut_after: int | None = None
        """Cut whichever connection carries this many more bytes to the client: most often within a message."""
        self.lose = 0
        self.repeat = 0
        """How many of the next messages that move a cursor are lost, or come twice."""
        self.delay_seconds = 0.0
        self.drip: int | None = None
        """At most so many bytes at a time."""
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._open: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def heal(self) -> None:
        """From now on nothing happens to what is sent."""
        self.refusing, self.cut_after, self.delay_seconds, self.drip = False, None, 0.0, None
        self.lose = self.repeat = 0
        self._flowing.set()

    def stall(self) -> None:
        """Nothing arrives any more, and nobody is told."""
        self._flowing.clear()

    def cut(self) -> None:
        """Every connection is gone, with whatever was on its way."""
        for writer in list(self._open):
            writer.transport.abort()

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.refusing:
            writer.transport.abort()
            return
        try:
            from_service, to_service = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.transport.abort()
            return
        both = {writer, to_service}
        self._open |= both
        try:
            async with asyncio.TaskGroup() as ways:
                ways.create_task(self._carry(reader, to_service, both))
                ways.create_task(self._carry_messages(from_service, writer, both))
        finally:
            self._open -= both
            for each in both:
                each.transport.abort()

    async def _carry(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, both: set[asyncio.StreamWriter]
    ) -> None:
        with suppress(OSError):
            while piece := await source.read(CHUNK):
                await self._flowing.wait()
                sink.write(piece)
                await sink.drain()
        for each in both:  # one way is closed: the other has nobody to speak to
            each.transport.abort()

    async def _carry_messages(
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
    """Whether it is a message whose loss the protocol promises to show: it moves a position (API §2, promise 1)."""
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
    made = Network()
    tasks: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(made.connected(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    listening = await asyncio.start_server(connected, "127.0.0.1", 0)
    made.port = listening.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        listening.close()
        made.cut()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
