"""In which coding an answer is sent (RFC 9110 §8.4, §12.5.3), and whether it has to be sent at all (§13.1.2).

What is sent piece by piece is not coded: a line of a stream must not wait for the next one. Each coding of an answer
has an ETag of its own, as it has bytes of its own.
"""

import asyncio
import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from aiohttp import web

from incidentlog import zstd
from incidentlog.errors import NotAcceptable

SMALLEST: Final = 1_400
"""From so many bytes on an answer is coded: less fits into one packet as it is."""
AT_ONCE: Final = 16 * 1024
"""Up to so many bytes it is coded on the loop, in less than a millisecond; more in a thread beside it."""
CODED: Final = re.compile(
    r"text/(?!event-stream).*|application/(.*\+)?json|application/x-ndjson|application/openmetrics-text|image/svg\+xml"
)
"""The types that get smaller; of others those that say themselves that they vary by `Accept-Encoding`."""
VARY: Final = "Accept-Encoding"
CODERS: Final[Mapping[str, Callable[[bytes], bytes]]] = {
    # At these levels 4 MB take 20 and 60 ms of a core; the next ones cost two to three times that for a tenth less.
    "zstd": lambda body: zstd.compress(body, 1),
    "gzip": lambda body: zlib.compress(body, 4, 31),
}
"""The codings, ours first."""
THOROUGH: Final[Mapping[str, Callable[[bytes], bytes]]] = {
    "zstd": lambda body: zstd.compress(body, 12),
    "gzip": lambda body: zlib.compress(body, 8, 31),
}
"""The same, for what is coded once and kept."""
READS: Final = frozenset({"GET", "HEAD"})
_WEIGHT: Final = re.compile(r"(?:q=([01](?:\.[0-9]{0,3})?))?", re.ASCII)
_ETAG: Final = re.compile(r'(?:W/)?("[^"]*")')


def coding_of(request: web.BaseRequest) -> str | None:
    """The coding in which the request's answer is best sent; None as it is. Raises NotAcceptable where that may not be.

    `*` is gzip: everybody reads that.
    """
    accepted = _weights(request.headers.getall("Accept-Encoding", ()))
    if not accepted:
        return None
    anything = accepted.get("*", 0.0)
    liked = {"zstd": accepted.get("zstd", 0.0), "gzip": accepted.get("gzip", accepted.get("x-gzip", anything))}
    best = max(liked, key=lambda coding: liked[coding])
    if liked[best] > 0 and liked[best] >= accepted.get("identity", 0.0):
        return best
    if accepted.get("identity", accepted.get("*", 1.0)) == 0:
        raise NotAcceptable(f"the codings are {', '.join(CODERS)} and identity")
    return None


def _weights(headers: Sequence[str]) -> dict[str, float]:
    """How much each coding is wanted; what cannot be read is not wanted."""
    weights: dict[str, float] = {}
    for item in ",".join(headers).lower().split(","):
        coding, _, parameter = item.partition(";")
        weight = _WEIGHT.fullmatch(parameter.replace(" ", "").replace("\t", ""))
        if coding.strip():
            weights[coding.strip()] = 0.0 if weight is None else float(weight[1] or 1)
    return weights


async def as_accepted(request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
    """The answer to a read in the coding that its reader likes best, or 304 where it is there already.

    Raises NotAcceptable for a reader who takes none, not even as it is.
    """
    if request.method not in READS or not isinstance(response, web.Response) or response.status != 200:  # noqa: PLR2004
        return response
    body = response.body
    may = "Content-Encoding" not in response.headers and isinstance(body, bytes) and _gets_smaller(response, body)
    coding = None
    if may:
        vary_by(response, VARY)
        coding = coding_of(request)
    if coding is not None and "ETag" in response.headers:
        response.headers["ETag"] = tag_of(response.headers["ETag"], coding)
    if is_known(request, response):
        return _not_again(response)
    if coding is not None and isinstance(body, bytes):
        response.body = await encoded(body, coding)
        response.headers["Content-Encoding"] = coding
    return response


async def encoded(body: bytes, coding: str) -> bytes:
    """The body in a coding."""
    coder = CODERS[coding]
    return coder(body) if len(body) <= AT_ONCE else await asyncio.to_thread(coder, body)


def tag_of(etag: str, coding: str) -> str:
    """The ETag of an answer in a coding, made of that of the answer as it is."""
    return f'{etag[:-1]}-{coding}"'


def vary_by(response: web.StreamResponse, name: str) -> None:
    """Let caches know that the answer hangs on a header of the request."""
    told = response.headers.get("Vary", "")
    if name.lower() not in map(str.strip, told.lower().split(",")):
        response.headers["Vary"] = f"{told}, {name}" if told else name


def _gets_smaller(response: web.Response, body: bytes) -> bool:
    if len(body) < SMALLEST or "no-transform" in response.headers.get("Cache-Control", ""):
        return False
    return CODED.fullmatch(response.content_type) is not None or VARY in response.headers.get("Vary", "")


def is_known(request: web.Request, response: web.Response) -> bool:
    """Whether who asks has just this answer, by its ETag."""
    etag = response.headers.get("ETag")
    if etag is None or "If-None-Match" not in request.headers:
        return False
    known = ",".join(request.headers.getall("If-None-Match"))
    return known.strip() == "*" or etag.removeprefix("W/") in _ETAG.findall(known)


def _not_again(response: web.Response) -> web.Response:
    about_the_body = {"content-type", "content-length", "content-encoding", "content-disposition"}
    headers = {name: value for name, value in response.headers.items() if name.lower() not in about_the_body}
    return web.Response(status=304, headers=headers)
