"""One request to the service, sent again while it is safe to and of use."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

import aiohttp
import orjson
from yarl import URL

from incidentlog import __version__
from incidentlog.addresses import url_fault
from incidentlog.client.problems import NotOursError, UnreachableError, problem_of
from incidentlog.client.waits import Tries
from incidentlog.errors import Problem

CONNECT_SECONDS: Final = 10.0
ANSWER_SECONDS: Final = 120.0
AGAIN: Final = frozenset({429, 502, 503, 504})
"""Statuses after which the same request may do: too many at once, or nobody there."""

Params = Iterable[tuple[str, str]]
Token = str | Callable[[], Awaitable[str]] | None
"""A key, or what fetches one that may change, such as an OIDC token."""
Body = Callable[[], bytes | AsyncIterator[bytes]]
"""What is sent, from its beginning each time."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, when it was no refusal."""

    status: int
    raw: bytes

    @property
    def json(self) -> Any:
        """The JSON in it; raises NotOursError when there is none."""
        try:
            return orjson.loads(self.raw)
        except orjson.JSONDecodeError as error:
            raise NotOursError(f"the answer is not JSON: {self.raw[:80]!r}") from error

    @property
    def lines(self) -> list[Any]:
        """The JSON on each line; raises NotOursError when there is none."""
        return [Answer(self.status, line).json for line in self.raw.splitlines() or [b""]]


class Asking:
    """A service at an address, asked with one token."""

    def __init__(self, url: str, token: Token, *, retry_seconds: float) -> None:
        if (fault := url_fault(url)) is not None:
            raise ValueError(fault)
        self.url = url.rstrip("/")
        self.retry_seconds = retry_seconds
        self._token = token

    async def open(self) -> None:
        """Make the session; to be closed with `close`."""
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=ANSWER_SECONDS)
        headers = {"User-Agent": f"incidentlog/{__version__}"}
        # No limit: each subscription holds a connection, and they must not keep the requests out.
        self.session = aiohttp.ClientSession(headers=headers, timeout=timeout, connector=aiohttp.TCPConnector(limit=0))

    async def close(self) -> None:
        """Close every connection."""
        await self.session.close()

    def at(self, path: str) -> URL:
        """The address of a path that is quoted already."""
        return URL(self.url + path, encoded=True)

    @property
    def presents(self) -> bool:
        """Whether it presents a token."""
        return self._token is not None

    async def token(self) -> str | None:
        """The token, fetched anew where it may change. Raises ValueError for one that cannot be in a header."""
        token = await self._token() if callable(self._token) else self._token
        if token is not None and not (token and token.isascii() and token.isprintable()):
            raise ValueError("the token is empty, or has characters that no token has")
        return token

    async def headers(self) -> dict[str, str]:
        """What says who asks."""
        token = await self.token()
        return {} if token is None else {"Authorization": f"Bearer {token}"}

    async def ask(
        self, method: str, path: str, *, params: Params = (), body: Body | None = None, content_type: str = ""
    ) -> Answer:
        """The answer, tried again for `retry_seconds` from when nobody answered first, or the service was busy.

        So it may be carried out more than once: only for what may be. Raises the Problem that the service answers,
        UnreachableError or NotOursError.
        """
        tries = Tries(self.retry_seconds)
        while True:
            advised = 0.0
            try:
                return await self._once(method, path, params, body, content_type)
            except BusyError as busy:
                failure: Exception = busy.problem
                advised = busy.retry_after_seconds
            except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, TimeoutError) as error:
                failure = UnreachableError(f"no service at {self.url}: {told(error)}")
                failure.__cause__ = error
            except aiohttp.ClientError as error:
                raise NotOursError(f"{self.url} does not answer as this service does: {error}") from error
            if (wait := tries.next_seconds(advised)) is None:
                raise failure
            await asyncio.sleep(wait)

    async def _once(self, method: str, path: str, params: Params, body: Body | None, content_type: str) -> Answer:
        headers = await self.headers()
        if content_type:
            headers["Content-Type"] = content_type
        url = self.at(path).extend_query(list(params))
        data = None if body is None else body()
        async with self.session.request(method, url, data=data, headers=headers, allow_redirects=False) as response:
            raw = await response.read()
            if 200 <= response.status < 300:  # noqa: PLR2004 - a redirect would show the token to another host
                return Answer(response.status, raw)
            problem = _problem(raw, response)
            if response.status in AGAIN:
                raise BusyError(problem, _seconds(response))
            raise problem


class BusyError(Exception):
    """The service may answer otherwise after a while."""

    def __init__(self, problem: Problem, retry_after_seconds: float) -> None:
        super().__init__(str(problem))
        self.problem = problem
        self.retry_after_seconds = retry_after_seconds


def told(error: BaseException) -> str:
    """What went wrong with a connection, in a few words."""
    match error:
        case TimeoutError():
            return "it does not answer in time"
        case aiohttp.ClientConnectorError():
            number = error.os_error.errno  # asyncio's own words for it hold an address twice
            return os.strerror(number) if number and number > 0 else str(error.os_error)
        case aiohttp.ClientOSError(errno=None):  # while a body was on its way: aiohttp's words are "[Errno None]"
            return "the connection broke off"
        case _:
            return str(error) or type(error).__name__


def _problem(raw: bytes, response: aiohttp.ClientResponse) -> Problem:
    try:
        said = orjson.loads(raw)
    except orjson.JSONDecodeError:
        said = None
    if not isinstance(said, dict):
        said = {"title": response.reason or "", "detail": raw[:200].decode("utf-8", "replace")}
    return problem_of(said, response.status)


def _seconds(response: aiohttp.ClientResponse) -> float:
    said = response.headers.get("Retry-After", "")
    return float(said) if said.isascii() and said.isdigit() and len(said) < 6 else 0.0  # noqa: PLR2004 - a day
