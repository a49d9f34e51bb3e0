"""Keeps one subscription's connection up, and hands on the steps it brings, in order and without a gap.

It always reads, so pings are answered and a silent connection is noticed even while whoever follows is busy; what was
read and not yet taken is bounded by the window that acknowledgements move, and by a limit of our own.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final

import aiohttp
import orjson

from incidentlog.client.asking import AGAIN, CONNECT_SECONDS, Asking, told
from incidentlog.client.chain import BrokenError, Chain, Step
from incidentlog.client.changes import Notice
from incidentlog.client.problems import EndedError, NotOursError, UnreachableError, problem_of
from incidentlog.client.waits import Waits
from incidentlog.errors import Forbidden, Problem, Unauthenticated

PROTOCOL: Final = "incidentlog.live.v1"
ID: Final = "s"
"""Each connection has one subscription: so one that is slow holds up no other."""
MESSAGE_BYTES: Final = 64 * 1024 * 1024
"""The largest message taken; the service keeps nearly all below 1 MiB, but a single row may be larger."""
MISSED_HEARTBEATS: Final = 3
HEARTBEAT_MS: Final = 30_000
LEAST_PATIENCE_SECONDS: Final = 1.0
CLOSE_SECONDS: Final = 1.0
WINDOW: Final = 50
"""How many messages the service sends ahead of what was taken; then it waits, and puts what changes into one."""
WAITING: Final = 1_000
WAITING_BYTES: Final = 16 * 1024 * 1024
"""How much may wait to be taken before nothing more is read."""
EXPIRED: Final = 4401
SLOW: Final = 4490
ENDED: Final = frozenset({4400, 4409, 4410})
"""Close codes after which coming back is of no use; the refusals of a key are problems."""
REFUSED: Final[Mapping[int, type[Problem]]] = {EXPIRED: Unauthenticated, 4403: Forbidden, 4408: Unauthenticated}
BY_STATUS: Final[Mapping[int, type[Problem]]] = {401: Unauthenticated, 403: Forbidden}

Message = Mapping[str, Any]


class LostError(Exception):
    """The connection is gone; it may be made anew."""


class SlowError(LostError):
    """The service had waited too long for what it sent to be taken."""


class Follower:
    """The receiving half of a subscription: `run` receives, `take` hands on what was received."""

    def __init__(
        self, asking: Asking, subscription: Mapping[str, Any], chain: Chain, notify: Callable[[Notice], None]
    ) -> None:
        """`subscription` is what `subscribe` says besides where to begin."""
        self._asking = asking
        self._subscription = subscription
        self._chain = chain
        self._notify = notify
        self._steps: deque[tuple[Step, int]] = deque()
        """What waits to be taken, each with the bytes it came in."""
        self._waiting_bytes = 0
        self._came = asyncio.Event()
        self._room = asyncio.Event()
        self._waits = Waits()
        self._patience_seconds = MISSED_HEARTBEATS * HEARTBEAT_MS / 1000
        self._answered = False
        self._failure: Exception | None = None
        self._window: int | None = None
        self._taken = asyncio.Event()
        self._acked: tuple[str, int] = ("", 0)

    # ---------------------------------------------------------------------------------------------- taking

    async def take(self) -> Step:
        """The next step. Raises what ended the subscription, once all that came before was taken."""
        while not self._steps:
            if self._failure is not None:
                raise self._failure
            self._came.clear()
            await self._came.wait()
        step, size = self._steps.popleft()
        self._waiting_bytes -= size
        self._room.set()
        if not step.brings_nothing:
            self._acked = step.cursor.channel, step.cursor.position
            self._taken.set()
        return step

    async def answered(self) -> None:
        """Wait for the answer to the subscription, with its rows. Raises a refusal, or UnreachableError."""
        while not self._answered:
            if self._failure is not None:
                raise self._failure
            self._came.clear()
            await self._came.wait()

    # ------------------------------------------------------------------------------------------- receiving

    async def run(self) -> None:
        """Receive until cancelled, or until the service says that coming back is of no use: `take` raises that."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self._asking.retry_seconds
        try:
            while True:
                try:
                    await self._connection()
                except (LostError, BrokenError) as error:
                    wait = self._waits.next_seconds()
                    if not self._answered and loop.time() + wait > until:
                        raise self._given_up(error) from error
                    self._notify(Notice("lost", str(error), wait))
                    await asyncio.sleep(wait)
                    if isinstance(error, SlowError):
                        await self._taken_all()  # back before that, there would be only more to wait
        except Exception as error:  # noqa: BLE001 - whoever takes the next step is told
            self._failure = error
            self._came.set()

    async def _taken_all(self) -> None:
        while self._steps:
            self._room.clear()
            await self._room.wait()

    def _given_up(self, error: Exception) -> Exception:
        if isinstance(error.__cause__, Problem):
            return error.__cause__  # the service is there, and says why not yet
        return UnreachableError(f"no service at {self._asking.url}: {error}")

    async def _connection(self) -> None:
        """One connection, to its end; raises LostError, BrokenError, or what cannot be mended."""
        socket = await self._open()
        acknowledging: asyncio.Task[None] | None = None
        try:
            self._welcome(*await self._receive(socket))
            said = {"type": "subscribe", "id": ID, **self._subscription, **self._chain.connect()}
            if self._window is not None:
                said["window"] = self._window
                acknowledging = asyncio.create_task(self._acknowledge(socket))
            await self._send(socket, said)
            while True:
                await self._take_in(*await self._receive(socket), socket)
        finally:
            if acknowledging is not None:
                acknowledging.cancel()
                await asyncio.wait([acknowledging])
            await socket.close()

    async def _open(self) -> aiohttp.ClientWebSocketResponse:
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                socket = await self._asking.session.ws_connect(
                    self._asking.at("/v1/live"),
                    protocols=(PROTOCOL,),
                    headers=await self._asking.headers(),
                    max_msg_size=MESSAGE_BYTES,
                    timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_SECONDS),
                )
        except aiohttp.WSServerHandshakeError as refused:
            if refused.status in AGAIN or refused.status >= 500:  # noqa: PLR2004 - a fault of theirs may pass
                raise LostError(f"the service answers {refused.status}") from refused
            if (problem := BY_STATUS.get(refused.status)) is not None:
                raise problem() from refused
            raise NotOursError(f"{self._asking.url} is not followed: it answers {refused.status}") from refused
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise LostError(told(error)) from error
        if socket.protocol != PROTOCOL:
            await socket.close()
            raise NotOursError(f"{self._asking.url} does not speak {PROTOCOL}")
        return socket

    def _welcome(self, welcome: Message, size: int) -> None:  # noqa: ARG002 - as every message
        if welcome["type"] != "welcome":
            raise BrokenError(f"the first message is {welcome['type']!r}")
        try:
            self._patience_seconds = max(LEAST_PATIENCE_SECONDS, MISSED_HEARTBEATS * welcome["heartbeat_ms"] / 1000)
            self._waits.advise(welcome["retry"]["min_ms"], welcome["retry"]["max_ms"])
            most = welcome["limits"].get("window")
            self._window = None if most is None else min(WINDOW, most)
        except (KeyError, TypeError) as error:
            raise NotOursError(f"the welcome cannot be read: {error!r}") from error

    async def _receive(self, socket: aiohttp.ClientWebSocketResponse) -> tuple[Message, int]:
        """The next message, and how many bytes it has."""
        try:
            frame = await socket.receive(timeout=self._patience_seconds)
        except TimeoutError:
            raise LostError("nothing was heard for three heartbeats") from None
        if frame.type is not aiohttp.WSMsgType.TEXT:
            raise self._closed(socket.close_code, str(frame.extra or ""))
        try:
            message = orjson.loads(frame.data)
            if isinstance(message["type"], str):
                return message, len(frame.data)
        except (KeyError, TypeError, ValueError):
            pass
        raise BrokenError("a message came that cannot be read")

    async def _take_in(self, message: Message, size: int, socket: aiohttp.ClientWebSocketResponse) -> None:
        match message["type"]:
            case "error" if message.get("id") == ID:
                problem = problem_of(message)
                if message.get("retryable"):
                    raise LostError(problem.detail) from problem
                raise problem
            case "error":  # about the connection, such as a token that would not do: a close follows if it must
                self._notify(Notice("refused", problem_of(message).detail))
                return
            case "notice":
                await self._noticed(message, socket)
                return
        step = self._chain.take(message)
        if self._chain.begun and not self._answered:
            self._answered = True
            self._came.set()
        if self._chain.begun and self._waits.tried and message["type"] != "subscribed":
            self._waits.tried = 0
            self._notify(Notice("back"))
        if step is not None:
            await self._keep(step, size)

    async def _keep(self, step: Step, size: int) -> None:
        """Keep a step until it is taken; reads no further while too much is kept."""
        if step.brings_nothing and self._steps and self._steps[-1][0].brings_nothing:
            self._waiting_bytes -= self._steps.pop()[1]
        self._steps.append((step, size))
        self._waiting_bytes += size
        self._came.set()
        while len(self._steps) >= WAITING or (self._waiting_bytes >= WAITING_BYTES and len(self._steps) > 1):
            self._room.clear()
            await self._room.wait()

    async def _noticed(self, message: Message, socket: aiohttp.ClientWebSocketResponse) -> None:
        match message.get("code"):
            case "draining" if message.get("retry_ms"):
                self._waits.advise(message["retry_ms"], self._waits.most_ms)
            case "auth_expiring" if (token := await self._asking.token()) is not None:
                await self._send(socket, {"type": "auth", "token": token})
        self._notify(Notice(str(message.get("code"))))

    async def _acknowledge(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """Tell the service what was taken, as often as a message can go out."""
        with suppress(LostError):  # whoever receives sees it, too
            while True:
                await self._taken.wait()
                self._taken.clear()
                channel, position = self._acked
                await self._send(socket, {"type": "ack", "channel": channel, "position": position})

    async def _send(self, socket: aiohttp.ClientWebSocketResponse, message: Message) -> None:
        try:
            async with asyncio.timeout(self._patience_seconds):
                await socket.send_str(orjson.dumps(message).decode())
        except (ConnectionError, TimeoutError, aiohttp.ClientError) as error:
            raise LostError(told(error)) from error

    def _closed(self, code: int | None, reason: str) -> Exception:
        """What a close means: gone for now, or for good."""
        if code == EXPIRED and self._asking.presents:
            return LostError(reason)  # coming back tells whether the key is no more, or only means something else now
        if code is not None and code in REFUSED:
            return REFUSED[code](reason)
        if code is not None and code in ENDED:
            return EndedError(code, reason)
        kind = SlowError if code == SLOW else LostError
        return kind(f"the connection was closed ({code})")
