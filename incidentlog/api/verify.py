"""`/verify`: a page where a person checks an export or a proof, in the browser; nothing is sent anywhere.

See docs/audit.md.
"""

from aiohttp import web

from incidentlog.api.static import page_file

routes = web.RouteTableDef()


@routes.get("/verify")
async def show_page(request: web.Request) -> web.Response:
    """The page. Not even this host may be asked anything once it is there."""
    return await page_file(request, "api/verify_page", "index.html")


@routes.get("/verify/{name}")
async def show_file(request: web.Request) -> web.Response:
    """What the page is made of."""
    return await page_file(request, "api/verify_page", request.match_info["name"])
