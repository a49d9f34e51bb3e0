"""The cookie of a browser that signed in: how it is called, and whose requests it counts for (docs/access.md)."""

from ipaddress import ip_address
from typing import Final
from uuid import UUID

from aiohttp import web

from incidentlog.errors import Forbidden
from incidentlog.live.passes import own_origins

OWN_PAGES: Final = {None, "same-origin", "none"}
"""`Sec-Fetch-Site` of a request that no page of another origin made (W3C Fetch Metadata); None where it is not sent."""
BY_COOKIE: Final = web.RequestKey("by_cookie", bool)
"""Set where a request is answered for what its cookie says."""


def cookie_name(log_id: UUID) -> str:
    """How the cookie is called: browsers tell hosts apart and not ports, and two logs may be served from one host."""
    return f"incidentlog_{str(log_id)[:8]}"


def session_token(request: web.Request, log_id: UUID) -> str | None:
    """The token of the session in a request's cookie; None where there is none.

    Raises Forbidden for a cookie that a page of another origin sends along.
    """
    token = request.cookies.get(cookie_name(log_id))
    if token is None:
        return None
    # SameSite lets pages of other ports and other names of this site through, and some browsers those without TLS.
    own = own_origins(request) if on_this_machine(request) else {f"https://{request.host}"}
    if request.headers.get("Origin") not in {None, *own} or request.headers.get("Sec-Fetch-Site") not in OWN_PAGES:
        raise Forbidden("the cookie is for the service's own pages; others give a key")
    request[BY_COOKIE] = True
    return token


def kept_nowhere(response: web.StreamResponse) -> None:
    """Let an answer that a cookie opened outlive the session in no cache, and be shown in no page of another origin."""
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cross-Origin-Resource-Policy"] = "same-origin"


def on_this_machine(request: web.Request) -> bool:
    """Whether it is asked by a name of this machine: nobody is on the way, and there is no TLS there."""
    host = request.url.host or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
