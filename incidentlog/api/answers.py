"""Answers: JSON bytes with their headers, and problems (RFC 9457)."""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, Final
from uuid import UUID

import orjson
from aiohttp import web

from incidentlog.api.operations import JSON, Header
from incidentlog.errors import Problem, UnsupportedEncoding

PROBLEM: Final = "application/problem+json"
CODINGS: Final = ("gzip", "deflate", "identity")
"""The content codings in which a body is read."""
VARY: Final = "Authorization, Cookie"
"""By what an answer differs: whoever signed in must not be shown what a cache kept for who had not."""
IF_NONE_MATCH: Final = Header(
    "If-None-Match", "The `ETag` of an answer that you have: 304 if it is this one.", example='"none"', leads_to=304
)
_OPTIONS: Final = orjson.OPT_UTC_Z | orjson.OPT_NAIVE_UTC


class Written(bytes):
    """A part of an answer that is JSON already: what is long is written in slices, before all of it is."""

    __slots__ = ()


def dumps(value: Any) -> bytes:
    """The JSON of an answer; the same value gives the same bytes."""
    return orjson.dumps(value, default=_plain, option=_OPTIONS)


def in_list(pieces: Iterable[bytes]) -> orjson.Fragment:
    """Pieces of JSON as the list of them, to be a part of an answer."""
    return orjson.Fragment(b"[%b]" % b",".join(pieces))


def with_members(text: bytes, more: Mapping[str, Any]) -> bytes:
    """The JSON of an object that has members, with more of them at its end."""
    return text[:-1] + b"," + dumps(more)[1:] if more else text


def _plain(value: Any) -> str | orjson.Fragment:
    if isinstance(value, Written):
        return orjson.Fragment(bytes(value))
    if isinstance(value, UUID):  # asyncpg has a class of its own for them
        return str(value)
    raise TypeError(type(value))


def told(basis: Mapping[str, Any]) -> dict[str, str]:
    """A basis as the parameters that ask for the same answer again."""
    plain: dict[str, Any] = orjson.loads(dumps(basis))
    return {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in plain.items()}


def answer(value: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """A JSON answer."""
    return web.Response(body=dumps(value), status=status, headers=headers, content_type=JSON)


def pinned(value: Any) -> web.Response:
    """An answer that can never be another, as its reader named both instant and position.

    See docs/erasure-and-replay.md.
    """
    return sealed(dumps(value), JSON)


def sealed(body: bytes, content_type: str) -> web.Response:
    """The bytes of such an answer, with what lets a cache keep them."""
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {"ETag": etag, "Cache-Control": "private, immutable, max-age=31536000", "Vary": VARY}
    return web.Response(body=body, headers={**headers, "Content-Type": content_type})


def problem(error: Problem, *, instance: str, trace_id: str) -> web.Response:
    """A refusal as problem+json."""
    body = {**error.as_json(), "instance": instance, "trace_id": trace_id}
    headers = {} if error.retry_after is None else {"Retry-After": str(error.retry_after)}
    if error.status == 401:  # noqa: PLR2004 - RFC 9110 §15.5.2 wants the challenge
        headers["WWW-Authenticate"] = 'Bearer realm="incidentlog"'
    if isinstance(error, UnsupportedEncoding):  # RFC 9110 §15.5.16
        headers["Accept-Encoding"] = ", ".join(CODINGS)
    return web.Response(body=dumps(body), status=error.status, headers=headers, content_type=PROBLEM)
