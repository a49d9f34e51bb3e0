"""Small pages for people: what each problem means."""

import inspect
from html import escape

from aiohttp import web

from incidentlog.errors import PROBLEMS, NotFound

routes = web.RouteTableDef()


@routes.get("/problems/{slug}")
async def problem_page(request: web.Request) -> web.Response:
    """What a problem's `type` leads to."""
    for kind in PROBLEMS:
        if kind.slug == request.match_info["slug"]:
            return _page(kind.title, f"{kind.slug} · {kind.status}", inspect.getdoc(kind) or "")
    raise NotFound(f"no problem is called {request.match_info['slug'][:80]}")


def _page(title: str, code: str, text: str) -> web.Response:
    html = (
        "<!doctype html><html lang=en><meta charset=utf-8>"
        f"<title>{escape(title)}</title><body><h1>{escape(title)}</h1><p><code>{escape(code)}</code></p>"
        f"<p>{escape(text)}</p></body></html>"
    )
    headers = {"Content-Security-Policy": "default-src 'none'"}
    return web.Response(text=html, content_type="text/html", headers=headers)
