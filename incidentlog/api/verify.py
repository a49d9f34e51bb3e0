"""`/verify`: a page where a person checks an export or a proof, in the browser; nothing is sent anywhere (AUDIT)."""

import hashlib
from functools import cache
from importlib.resources import files
from typing import Final

from aiohttp import web

from incidentlog.errors import NotFound

TYPES: Final = {".html": "text/html", ".js": "text/javascript", ".css": "text/css"}
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'none'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'"
)
"""Not even this host may be asked anything once the page is there."""

routes = web.RouteTableDef()


@cache
def page_files() -> dict[str, tuple[bytes, str, str]]:
    """The page's files by name: their bytes, their type and their ETag."""
    found = {}
    for file in (files("incidentlog.api") / "verify_page").iterdir():
        kind = TYPES.get(file.name[file.name.rfind(".") :])
        if kind is not None:
            content = file.read_bytes()
            found[file.name] = content, kind, f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    return found


@routes.get("/verify")
async def show_page(request: web.Request) -> web.Response:
    """The page."""
    return _file(request, "index.html")


@routes.get("/verify/{name}")
async def show_file(request: web.Request) -> web.Response:
    """What the page is made of."""
    return _file(request, request.match_info["name"])


def _file(request: web.Request, name: str) -> web.Response:
    if name not in page_files():
        raise NotFound(f"the page has no file '{name[:80]}'")
    content, kind, etag = page_files()[name]
    headers = {
        "Content-Security-Policy": POLICY,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": "no-cache",
        "ETag": etag,
    }
    if etag in request.headers.get("If-None-Match", ""):
        return web.Response(status=304, headers=headers)
    return web.Response(body=content, content_type=kind, charset="utf-8", headers=headers)
