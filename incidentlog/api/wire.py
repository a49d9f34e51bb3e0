"""What never becomes a request: aiohttp's own refusals of bytes that are no HTTP, in our words.

aiohttp lets nobody say what it answers to them but a subclass of its handler, so here are the three that lead to it.
"""

from collections.abc import Sequence
from typing import Any, Final

import structlog
from aiohttp import web
from aiohttp.http_exceptions import (
    BadHttpMethod,
    BadStatusLine,
    ContentEncodingError,
    InvalidURLError,
    LineTooLong,
)
from aiohttp.web_protocol import RequestHandler

from incidentlog.api.answers import problem
from incidentlog.api.errors import trace_id
from incidentlog.errors import BadRequest, HeadTooLarge, Internal, Problem, UnsupportedEncoding

LINE_BYTES: Final = 8_190
"""The most of an address, and of a header's value; aiohttp's own bound."""
HEADERS: Final = 128
"""The most headers of a request; aiohttp's own bound."""
SILENT_SECONDS: Final = 30.0
_WHY: Final[Sequence[tuple[type[Exception], str]]] = (
    (
        InvalidURLError,
        "the address is none; percent-encode what is not ASCII, as in /v1/places?q=%D0%9E%D0%B4%D0%B5%D1%81%D0%B0",
    ),
    (BadHttpMethod, "this is not HTTP, or of a method that is not known here"),
    (BadStatusLine, "the request line is not HTTP/1.1"),
)

log = structlog.get_logger(__name__)


class Runner(web.AppRunner):
    """Serves an application, and refuses in its words what does not reach it."""

    def __init__(self, app: web.Application, *, silent_seconds: float = SILENT_SECONDS, **kwargs: Any) -> None:
        """`silent_seconds`: how long a connection may take for the whole head of a request, the first or the next."""
        super().__init__(app, keepalive_timeout=silent_seconds, **kwargs)

    async def _make_server(self) -> web.Server:
        made = await super()._make_server()
        loop, kwargs = made._loop, made._kwargs  # noqa: SLF001 - there is no other way in
        return _Server(made.request_handler, request_factory=made.request_factory, loop=loop, **kwargs)


class _Server(web.Server):
    def __call__(self) -> RequestHandler:
        kwargs: dict[str, Any] = {"max_line_size": LINE_BYTES, "max_field_size": LINE_BYTES, "max_headers": HEADERS}
        return _Connection(self, loop=self._loop, **kwargs, **self._kwargs)


class _Connection(RequestHandler):
    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """The answer to what aiohttp cannot read, after which the connection ends."""
        if status >= 500 or request.writer.output_size > 0:  # noqa: PLR2004 - a fault of ours, or too late to answer
            super().handle_error(request, status, exc, message)
        refusal = _refusal(exc) if status < 500 else Internal()  # noqa: PLR2004
        trace = trace_id(request)
        log.info("not_http", request_id=trace, status=refusal.status, error=type(exc).__name__, detail=refusal.detail)
        response = problem(refusal, instance=request.path, trace_id=trace)
        response.headers["X-Request-Id"] = trace
        response.force_close()
        return response


def _refusal(error: BaseException | None) -> Problem:
    if isinstance(error, ContentEncodingError):
        return UnsupportedEncoding()
    if isinstance(error, LineTooLong):
        return HeadTooLarge(f"an address, and a header, may have {LINE_BYTES} bytes")
    return BadRequest(
        next((why for kind, why in _WHY if isinstance(error, kind)), "the head of the request is not HTTP/1.1")
    )
