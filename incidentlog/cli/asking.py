"""Asking a running service over HTTP."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Self

import aiohttp
import orjson
from yarl import URL

from incidentlog import __version__
from incidentlog.addresses import url_fault
from incidentlog.cli.ending import Code, Failed, Refused
from incidentlog.client.asking import told

CONNECT_SECONDS = 10.0
ANSWER_SECONDS = 120.0

Params = Iterable[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    content_type: str
    next: str | None
    """Where the next page is, if there is one, as it is written."""
    body: bytes


class Service:
    """A service at a URL, asked with one key. Raises Refused for what it refuses, Failed when it does not answer."""

    def __init__(self, url: str, key: str | None) -> None:
        if (fault := url_fault(url)) is not None:
            raise Failed(fault, Code.USAGE)
        if key is not None and not (key.isascii() and key.isprintable() and key):
            raise Failed("the key cannot be sent: it is empty, or has characters that no key has", Code.USAGE)
        self.url = url.rstrip("/")
        self._headers = {"User-Agent": f"incidentlog/{__version__}"}
        if key is not None:
            self._headers["Authorization"] = f"Bearer {key}"

    async def __aenter__(self) -> Self:
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=ANSWER_SECONDS)
        self.session = aiohttp.ClientSession(headers=self._headers, timeout=timeout)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.session.close()

    def at(self, path: str) -> URL:
        """The address of a path that is quoted already."""
        return URL(self.url + path, encoded=True)

    async def get(self, path: str, params: Params = ()) -> Any:
        """The JSON at a path."""
        return await self._ask("GET", path, params=params)

    async def table(self, path: str, params: Params = ()) -> Answer:
        """What is at a path as CSV, or as JSON where it is no table there."""
        return await self._raw("GET", path, params=params, headers={"Accept": "text/csv, application/json;q=0.5"})

    async def raw(self, path: str, params: Params = ()) -> Answer:
        """What is at a path, in the format that the parameters name."""
        return await self._raw("GET", path, params=params, headers={})

    async def post(self, path: str, body: bytes, content_type: str, params: Params = ()) -> Any:
        """What the service answers to a body."""
        return await self._ask("POST", path, params=params, body=body, content_type=content_type)

    async def send(self, method: str, path: str, body: Mapping[str, Any] | None) -> Any:
        """What the service answers to JSON, or to nothing; None where it has nothing to say."""
        headers = {} if body is None else {"Content-Type": "application/json"}
        sent = None if body is None else orjson.dumps(body)
        answer = await self._raw(method, path, params=(), body=sent, headers=headers)
        return self.json(answer) if answer.body else None

    async def post_lines(self, path: str, body: bytes, content_type: str, params: Params = ()) -> list[Any]:
        """What the service answers to a body, one value a line."""
        answer = await self._raw("POST", path, params=params, body=body, headers={"Content-Type": content_type})
        return [self.json(replace(answer, body=line)) for line in answer.body.splitlines() or [b""]]

    async def _ask(
        self, method: str, path: str, *, params: Params, body: bytes | None = None, content_type: str | None = None
    ) -> Any:
        headers = {"Content-Type": content_type} if content_type else {}
        answer = await self._raw(method, path, params=params, body=body, headers=headers)
        return self.json(answer)

    def json(self, answer: Answer) -> Any:
        """What an answer says."""
        try:
            return orjson.loads(answer.body)
        except orjson.JSONDecodeError as error:
            raise self._foreign(error) from error

    async def _raw(
        self, method: str, path: str, *, params: Params, headers: Mapping[str, str], body: bytes | None = None
    ) -> Answer:
        url = self.at(path).extend_query(list(params))
        try:
            async with self.session.request(method, url, data=body, headers=headers) as response:
                raw = await response.read()
                if response.ok:
                    return Answer(response.content_type, _next(response.headers.get("Link", "")), raw)
                raise _refused(response, raw)
        except (aiohttp.ClientConnectionError, TimeoutError) as error:
            raise self.away(error) from error
        except aiohttp.ClientError as error:
            raise self._foreign(error) from error

    def _foreign(self, error: Exception) -> Failed:
        return Failed(f"{self.url} does not speak as a service of ours: {error}")

    def away(self, error: BaseException) -> Failed:
        """The failure to say when nothing answers."""
        return Failed(
            f"no service at {self.url}: {told(error)}. Say where it is with --url or INCIDENTLOG_URL.", Code.UNAVAILABLE
        )


async def refusal(response: aiohttp.ClientResponse) -> Refused:
    """What an answer that is no success says."""
    return _refused(response, await response.read())


def _refused(response: aiohttp.ClientResponse, raw: bytes) -> Refused:
    return Refused(response.status, _problem(raw, response.reason), _seconds(response))


def _problem(raw: bytes, reason: str | None) -> dict[str, Any]:
    try:
        problem = orjson.loads(raw)
    except orjson.JSONDecodeError:
        problem = None
    return problem if isinstance(problem, dict) else {"title": reason or "The service failed"}


def _next(link: str) -> str | None:
    """The target of a `Link` to the next page (RFC 8288)."""
    found = re.search(r'<([^<>]*)>\s*;\s*rel="?next\b', link)
    return None if found is None else found[1]


def _seconds(response: aiohttp.ClientResponse) -> float | None:
    said = response.headers.get("Retry-After", "")
    return float(said) if said.isascii() and said.isdigit() else None
