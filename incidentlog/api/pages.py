"""Small pages for people: what each problem means."""

import inspect
from html import escape
from typing import Final

from aiohttp import web

from incidentlog.api.operations import Answer, Routes, Segment
from incidentlog.api.static import page_headers
from incidentlog.errors import PROBLEMS, NotFound

SLUG: Final = Segment("slug", "The last part of a problem's `type`.", example="not-found")
routes = Routes()


@routes.get("/problems/{slug}", takes=(SLUG,), answers=(Answer(str, media="text/html"),))
async def problem_page(request: web.Request) -> web.Response:
    """What a problem's `type` leads to."""
    for kind in PROBLEMS:
        if kind.slug == SLUG.of(request):
            return _page(kind.title, f"{kind.slug} · {kind.status}", inspect.getdoc(kind) or "")
    raise NotFound(f"no problem is called {SLUG.of(request)[:80]}")


def _page(title: str, code: str, text: str) -> web.Response:
    return _html(title, f"<p><code>{escape(code)}</code></p><p>{escape(text)}</p>")


def _html(title: str, body: str) -> web.Response:
    """A page that has no script and no style."""
    html = (
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<title>{escape(title)}</title><body><h1>{escape(title)}</h1>{body}</body></html>"
    )
    return web.Response(text=html, content_type="text/html", headers=page_headers())
