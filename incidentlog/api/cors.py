"""Which pages of other origins may read the answers (CORS, WHATWG Fetch §3.2): to read, and with a key, not a cookie.

`Access-Control-Allow-Credentials` is never sent, so no browser shows another origin's page what a cookie opened.
"""

from collections.abc import Collection
from typing import Final

from aiohttp import hdrs, web

from incidentlog.api.codings import READS, vary_by
from incidentlog.api.cookie import BY_COOKIE

ANY: Final = "*"
SENT: Final = (
    "Accept, Access-Purpose, Authorization, Cache-Control, If-None-Match, Last-Event-ID, Prefer, X-Request-Id, "
    "traceparent"
)
"""The headers that such a page may send."""
SHOWN: Final = (
    "Content-Disposition, ETag, Link, Log-Basis, Log-Incomplete, Log-Position, RateLimit, RateLimit-Policy, "
    "Retry-After, X-Request-Id"
)
"""The headers that it is shown, besides those that any page is."""
REMEMBERED_SECONDS: Final = 3_600
"""For how long a browser need not ask again whether it may."""
SESSION: Final = "/v1/session"
"""What is about cookies: of no other page's concern."""


class Origins:
    """The origins whose pages may read, besides the service's own, which need no leave."""

    def __init__(self, origins: Collection[str]) -> None:
        self._origins = frozenset(origins)

    def preflight(self, request: web.Request) -> web.Response | None:
        """The answer to a browser that asks whether a page may; None where it is no such question, or it may not.

        A page may read. Browsers let a page append whatever the answer's methods are, once its headers are granted: so
        nothing is granted for that.
        """
        allowed = self._allowed(request)
        if request.method != hdrs.METH_OPTIONS or allowed is None:
            return None
        if request.headers.get("Access-Control-Request-Method") not in READS:
            return None
        headers = {
            "Access-Control-Allow-Origin": allowed,
            "Access-Control-Allow-Methods": ", ".join(sorted(READS)),
            "Access-Control-Allow-Headers": SENT,
            "Access-Control-Max-Age": str(REMEMBERED_SECONDS),
            "Vary": "Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
        }
        return web.Response(status=204, headers=headers)

    async def mark(self, request: web.Request, response: web.StreamResponse) -> None:
        """Say in an answer to a read whose pages it may be shown to, before it is sent."""
        if request.method not in READS:
            return
        if ANY not in self._origins:
            vary_by(response, "Origin")  # for those, too, whose pages it may not: a cache would show them this one
        if BY_COOKIE not in request and (allowed := self._allowed(request)) is not None:
            response.headers["Access-Control-Allow-Origin"] = allowed
            response.headers["Access-Control-Expose-Headers"] = SHOWN

    def _allowed(self, request: web.Request) -> str | None:
        origin = request.headers.get("Origin")
        if origin is None or request.path == SESSION:
            return None
        if ANY in self._origins:
            return ANY
        return origin if origin in self._origins else None
