"""Asking a running service over HTTP."""

from collections.abc import Iterable
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import aiohttp
import orjson
from yarl import URL

from incidentlog import __version__
from incidentlog.cli.ending import Code, Failed, Refused

CONNECT_SECONDS = 10.0
ANSWER_SECONDS = 120.0

Params = Iterable[tuple[str, str]]


class Service:
    """A service at a URL, asked with one key. Raises Refused for what it refuses, Failed when it does not answer."""

    def __init__(self, url: str, key: str | None) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise Failed(f"{url!r} is no address; it starts with http:// or https://", Code.USAGE)
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

    async def post(self, path: str, body: bytes, content_type: str, params: Params = ()) -> Any:
        """What the service answers to a body."""
        return await self._ask("POST", path, params=params, body=body, content_type=content_type)

    async def _ask(
        self, method: str, path: str, *, params: Params, body: bytes | None = None, content_type: str | None = None
    ) -> Any:
        url = self.at(path).extend_query(list(params))
        headers = {"Content-Type": content_type} if content_type else {}
        try:
            async with self.session.request(method, url, data=body, headers=headers) as response:
                raw = await response.read()
                if response.ok:
                    return orjson.loads(raw)
                raise _refused(response, raw)
        except (aiohttp.ClientConnectionError, TimeoutError) as error:
            raise self.away(error) from error
        except (aiohttp.ClientError, orjson.JSONDecodeError) as error:
            raise Failed(f"{self.url} does not speak as a service of ours: {error}") from error

    def away(self, error: BaseException) -> Failed:
        """The failure to say when nothing answers."""
        match error:
            case TimeoutError():
                why = "it does not answer in time"
            case aiohttp.ClientConnectorError():
                why = error.os_error.strerror or str(error.os_error)
            case _:
                why = str(error) or type(error).__name__
        return Failed(f"no service at {self.url}: {why}", Code.UNAVAILABLE)


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


def _seconds(response: aiohttp.ClientResponse) -> float | None:
    said = response.headers.get("Retry-After", "")
    return float(said) if said.isascii() and said.isdigit() else None
