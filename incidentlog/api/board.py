"""`/`: the page that shows what happened, and what was known, on any day (docs/page.md)."""

from typing import Final

from aiohttp import web

from incidentlog.api.operations import Routes
from incidentlog.api.static import FILE, NAME, PAGE, page_file

FOLDER: Final = "page"
IMAGES: Final = "'self' blob:"
"""Its own, and the drawings that it makes to be kept."""
routes = Routes()


@routes.get("/", **PAGE)
async def show_page(request: web.Request) -> web.Response:
    """The board. It asks this service, and no other."""
    return await page_file(request, FOLDER, "index.html", connect="'self'", images=IMAGES)


@routes.get("/embed", **PAGE)
async def show_embedded(request: web.Request) -> web.Response:
    """The board for another page's frame, which may be anybody's.

    It sees what needs no key: the session's cookie is not sent into frames of other sites (SameSite=Strict).
    """
    return await page_file(request, FOLDER, "index.html", connect="'self'", images=IMAGES, framed="*")


@routes.get("/page/{name:.+}", **FILE)
async def show_file(request: web.Request) -> web.Response:
    """What the page is made of, and what other pages take from it: the header's style, and the fonts."""
    return await page_file(request, FOLDER, NAME.of(request), connect="'self'")
