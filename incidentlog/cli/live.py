"""Following a running service over its WebSocket, across lost connections (API §2)."""

import asyncio
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import aiohttp
import orjson

from incidentlog.cli.asking import CONNECT_SECONDS, Service
from incidentlog.cli.ending import Code, Failed, Refused, say
from incidentlog.errors import PROBLEMS

SUBPROTOCOL: Final = "incidentlog.live.v1"
ID: Final = "cli"
MESSAGE_BYTES: Final = 64 * 1024 * 1024
"""The largest message taken; the service keeps nearly all below 1 MiB, but a single row may be larger."""
MISSED_HEARTBEATS: Final = 3
HEARTBEAT_MS: Final = 30_000
RETRY_MS: Final = (250, 30_000)
NO_WAY_BACK: Final[Mapping[int, Code]] = {
    4400: Code.FAILURE,
    4401: Code.AUTH,
    4403: Code.AUTH,
    4408: Code.AUTH,
    4409: Code.FAILURE,
    4410: Code.FAILURE,
}
"""Close codes after which coming back is of no use."""

STATUS: Final = {problem.slug: problem.status for problem in PROBLEMS}
Message = dict[str, Any]


@dataclass(slots=True)
class Cursor:
    """Up to where everything was seen; sent when the connection is made anew."""

    position: int | None = None
    at: str | None = None
    epoch: str | None = None
    version: int | None = None
    channel: str | None = None

    def resume(self) -> Message:
        """What `subscribe` says of it."""
        said = {"from": self.position, "at": self.at, "epoch": self.epoch, "version": self.version}
        return {name: value for name, value in said.items() if value is not None}

    def move(self, message: Message) -> None:
        """Take in what a message says of how far things are."""
        match message:
            case {"type": "subscribed", "channel": channel, "epoch": epoch, "mode": mode}:
                self.channel, self.epoch, self.version = channel, epoch, message.get("version")
                if mode == "snapshot":  # what we had is of another epoch, or none: the snapshot says where we are
                    self.position = self.at = None
                if channel == "events" or message.get("version") is None:
                    self.position = message["position"]
            case {"type": "snapshot", "part": part, "parts": parts} if part == parts:
                self.position, self.at = message["position"], message["at"]
            case {"type": "update"}:
                self.position, self.at = message["to"], message["at"]
            case {"type": "events"}:
                self.position = message["to"]
            case {"type": "heartbeat", "channels": channels} if self.channel in channels:
                self.position = channels[self.channel][1]
                if self.at is not None:
                    self.at = message["at"]


class LostError(Exception):
    """The connection is gone; it may be made anew."""


async def follow(service: Service, subscription: Message, *, after: int | None = None) -> AsyncIterator[Message]:
    """The snapshots, updates or events of one subscription, without an end and without a gap.

    `subscription` names a projection, or `events`, which begins after a position, else with what comes next.
    Raises Failed when the first connection fails, or the service says that coming back is of no use.
    """
    cursor = Cursor(position=after)
    advised, tried = list(RETRY_MS), 0
    while True:
        try:
            async for message in _one_connection(service, subscription, cursor):
                match message:
                    case {"type": "welcome", "retry": {"min_ms": least, "max_ms": most}}:
                        advised = [least, most]
                    case {"type": "notice", "code": "draining"}:
                        advised[0] = message.get("retry_ms", advised[0])
                    case {"type": "snapshot" | "update" | "events"}:
                        tried = 0
                        yield message
        except LostError as lost:
            # Full jitter: after a restart not everybody comes back at the same moment.
            wait = random.uniform(0, min(advised[1], advised[0] * 2**tried)) / 1000  # noqa: S311 - no secret
            tried = min(tried + 1, 16)
            say(f"incidentlog: {lost}; again in {wait:.1f} s")
            await asyncio.sleep(wait)


async def _one_connection(service: Service, subscription: Message, cursor: Cursor) -> AsyncIterator[Message]:
    first = cursor.channel is None
    try:
        async with (
            asyncio.timeout(CONNECT_SECONDS) as opening,
            service.session.ws_connect(
                service.at("/v1/live"), protocols=(SUBPROTOCOL,), max_msg_size=MESSAGE_BYTES, autoping=True
            ) as socket,
        ):
            opening.reschedule(None)
            if socket.protocol != SUBPROTOCOL:
                raise Failed(f"{service.url} does not speak {SUBPROTOCOL}")
            await socket.send_json({"type": "subscribe", "id": ID, **subscription, **cursor.resume()})
            async for message in _messages(socket):
                _check(message, cursor)
                cursor.move(message)
                yield message
    except aiohttp.WSServerHandshakeError as refused:
        if refused.status in STATUS.values() and refused.status < 500:  # noqa: PLR2004 - theirs, not ours
            raise Refused(refused.status, {"title": refused.message or "The service refuses to be followed"}) from None
        lost: Exception = refused
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        lost = error
    else:
        raise LostError("the connection was closed")
    if first:
        raise service.away(lost)
    raise LostError(f"the connection is lost ({str(lost) or type(lost).__name__})")


async def _messages(socket: aiohttp.ClientWebSocketResponse) -> AsyncIterator[Message]:
    """What the service says, until the connection ends; Failed when it says not to come back."""
    patience = HEARTBEAT_MS
    while True:
        frame = await socket.receive(timeout=MISSED_HEARTBEATS * patience / 1000)
        if frame.type is not aiohttp.WSMsgType.TEXT:
            code = socket.close_code
            if code is not None and code in NO_WAY_BACK:
                why = frame.extra or f"close code {code}"
                raise Failed(f"the service closed the connection: {why}", NO_WAY_BACK[code])
            raise LostError(f"the connection was closed ({code})")
        message = orjson.loads(frame.data)
        if message.get("type") == "welcome":
            patience = max(1_000, message.get("heartbeat_ms", patience))
        yield message


def _check(message: Message, cursor: Cursor) -> None:
    """Raise what an error says; tell the user why rows come anew."""
    match message:
        case {"type": "error", "code": code}:
            if message.get("retryable"):
                raise LostError(message.get("detail") or code)
            raise Refused(STATUS.get(code, 500), message)
        case {"type": "subscribed", "reason": str(reason)} if cursor.channel is not None:
            say(f"incidentlog: begins anew: {reason.replace('_', ' ')}")


async def rows_after(messages: AsyncIterator[Message]) -> AsyncIterator[tuple[Message, Message]]:
    """After each message that leaves the rows whole: all rows by key, and the message."""
    rows: Message = {}
    async for message in messages:
        if message["type"] == "snapshot":
            rows = message["rows"] if message["part"] == 1 else rows | message["rows"]
            if message["part"] != message["parts"]:
                continue
        else:
            rows = {key: row for key, row in rows.items() if key not in set(message["del"])} | message["set"]
        yield rows, message


def filter_of(pairs: Sequence[tuple[str, str]]) -> Message:
    """The member `filter` of a subscription, if there is anything to narrow by."""
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return {"filter": values} if values else {}
