"""Small pages for people: where things are, and what each problem means."""

import inspect
from html import escape
from typing import Final

from aiohttp import web

from incidentlog import __version__
from incidentlog.api.static import page_headers
from incidentlog.errors import PROBLEMS, NotFound

routes = web.RouteTableDef()


PLACES: Final = {
    "/docs/live": "Follow what changes, in this browser",
    "/verify": "Check a proof or an export; nothing is sent anywhere",
    "/v1/projections": "What can be asked, and by what it is grouped",
    "/log/checkpoint": "The signed head of the log",
    "/asyncapi.json": "The live protocol, for tools",
    "/readyz": "How the service is",
}


@routes.get("/")
async def first_page(_: web.Request) -> web.Response:
    """Where to go from here."""
    found = "".join(f'<li><a href="{path[1:]}"><code>{path}</code></a> {said}</li>' for path, said in PLACES.items())
    return _html("incidentlog", f"<p>A log of diplomacy and conflict, version {__version__}.</p><ul>{found}</ul>")


@routes.get("/problems/{slug}")
async def problem_page(request: web.Request) -> web.Response:
    """What a problem's `type` leads to."""
    for kind in PROBLEMS:
        if kind.slug == request.match_info["slug"]:
            return _page(kind.title, f"{kind.slug} · {kind.status}", inspect.getdoc(kind) or "")
    raise NotFound(f"no problem is called {request.match_info['slug'][:80]}")


def _page(title: str, code: str, text: str) -> web.Response:
    return _html(title, f"<p><code>{escape(code)}</code></p><p>{escape(text)}</p>")


def _html(title: str, body: str) -> web.Response:
    """A page that has no script and no style."""
    html = (
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<title>{escape(title)}</title><body><h1>{escape(title)}</h1>{body}</body></html>"
    )
    return web.Response(text=html, content_type="text/html", headers=page_headers())
