"""`/verify`: a page where a person checks an export or a proof, in the browser; nothing is sent anywhere.

See docs/audit.md.
"""

from aiohttp import web

from incidentlog.api.operations import Routes
from incidentlog.api.static import FILE, NAME, PAGE, page_file

routes = Routes()


@routes.get("/verify", **PAGE)
async def show_page(request: web.Request) -> web.Response:
    """The page. Not even this host may be asked anything once it is there."""
    return await page_file(request, "api/verify_page", "index.html")


@routes.get("/verify/{name}", **FILE)
async def show_file(request: web.Request) -> web.Response:
    """What the page is made of."""
    return await page_file(request, "api/verify_page", NAME.of(request))
