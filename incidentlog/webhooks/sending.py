"""Posting one message to one address: what is waited for, what is read, and what became of it."""

import asyncio
import time
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from types import TracebackType
from typing import Final, Self
from uuid import UUID

import aiohttp
from yarl import URL

from incidentlog import __version__
from incidentlog.clock import Clock
from incidentlog.events.cloudevents import STRUCTURED
from incidentlog.store.webhooks import Secrets
from incidentlog.webhooks.addresses import Networks, RefusedAddressError
from incidentlog.webhooks.lookups import Lookups
from incidentlog.webhooks.signing import signed

ANSWER_SECONDS: Final = 15.0
"""How long a receiver may take, from the look-up of its name to its status."""
ANSWER_BYTES: Final = 4_096
"""How much of an answer is read, so that the connection can be used again; nothing in it is heeded."""
CONNECTIONS: Final = 64


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one attempt."""

    status: int | None
    """What the receiver answered; None where it did not."""
    failure: str | None
    """Why it counts as not delivered, in words that hold nothing of the address; None where it was delivered."""
    seconds: float
    retry_after: float | None = None
    """For how many seconds the receiver wants to be left alone."""

    @property
    def gone(self) -> bool:
        """Whether the receiver wants nothing any more."""
        return self.status == HTTPStatus.GONE


class Sender:
    """Posts signed messages; follows no redirect, keeps no cookie, and connects only where `Networks` lets it."""

    def __init__(self, networks: Networks, clock: Clock, *, answer_seconds: float = ANSWER_SECONDS) -> None:
        self.networks, self._clock, self._seconds = networks, clock, answer_seconds
        self._sessions: dict[str, aiohttp.ClientSession] = {}
        self._lookups = Lookups()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        for session in self._sessions.values():
            await session.close()

    def _session(self, scheme: str) -> aiohttp.ClientSession:
        """What posts to addresses of a scheme; its connections are judged at the socket, when the name is looked up."""
        if (session := self._sessions.get(scheme)) is None:
            make = self.networks.https_socket if scheme == "https" else self.networks.http_socket
            session = self._sessions[scheme] = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=CONNECTIONS, resolver=self._lookups, socket_factory=make),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=self._seconds),
                auto_decompress=False,
                headers={"User-Agent": f"incidentlog/{__version__}", "Content-Type": STRUCTURED},
            )
        return session

    async def send(self, url: str, message_id: UUID, body: bytes, secrets: Secrets) -> Outcome:
        """Post a message, signed now. Raises nothing but what cancels it.

        A name's look-up is waited for even where it takes longer than a receiver may: nobody has more of them under way
        than messages.
        """
        started, now = time.monotonic(), self._clock.now()
        headers = signed(str(message_id), now, body, secrets.at(now))
        address = URL(url, encoded=True)
        try:
            async with (
                asyncio.timeout(self._seconds),
                self._session(address.scheme).post(
                    address, data=body, headers=headers, allow_redirects=False
                ) as response,
            ):
                await response.content.read(ANSWER_BYTES)
                status, wait = response.status, _retry_after(response.headers.get("Retry-After"), now)
        except (aiohttp.ClientError, OSError, ValueError) as error:  # TimeoutError is an OSError
            await self._lookups.ended(address.raw_host or "")
            return Outcome(None, self._why(error), time.monotonic() - started)
        failure = None if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES else f"it answered {status}"
        return Outcome(status, failure, time.monotonic() - started, wait)

    def _why(self, error: Exception) -> str:
        match error:
            case aiohttp.InvalidURL():
                return "its address is none"
            case aiohttp.ClientConnectorDNSError():
                return "its name is not known"
            case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientConnectorSSLError():
                return "TLS failed: its certificate is not accepted, or it speaks no TLS"
            case aiohttp.ClientConnectorError() if _refused(error.os_error):
                return "its address is not public, and INCIDENTLOG_WEBHOOK_NETWORKS does not name it"
            case TimeoutError():
                return f"it did not answer within {self._seconds:.0f} s"
            case aiohttp.ClientConnectorError():
                return "no connection can be made"
            case aiohttp.ClientConnectionError():
                return "the connection ended before it answered"
            case _:
                return "what it answered is no HTTP"


def _refused(error: BaseException) -> bool:
    """Whether every address was refused, or one of them: then the others did not answer either."""
    if isinstance(error, RefusedAddressError):
        return True
    return "the address is not public" in str(error)  # several addresses that failed are told as one error


def _retry_after(told: str | None, now: datetime) -> float | None:
    """Seconds of a `Retry-After` (RFC 9110 §10.2.3); None where there is none that can be read."""
    if told is None:
        return None
    if told.isascii() and told.isdigit():
        return float(told[:9])
    try:
        return max(0.0, (parsedate_to_datetime(told) - now).total_seconds())
    except (TypeError, ValueError, OverflowError):
        return None
