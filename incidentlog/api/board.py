"""`/`: the page that shows what happened, and what was known, on any day (docs/page.md)."""

import asyncio
import re
from typing import Annotated, Final, NotRequired

from aiohttp import web
from pydantic import Field
from typing_extensions import TypedDict

from incidentlog.api.answers import IF_NONE_MATCH, answer
from incidentlog.api.operations import Answer, Routes, Segment, refuse_unknown
from incidentlog.api.requests import SERVICE
from incidentlog.api.static import FILE, NAME, PAGE, page_file
from incidentlog.basemap import KINDS
from incidentlog.errors import NotFound

FOLDER: Final = "page"
NUMBER: Final = re.compile(r"[0-9]{1,7}")
WHOLE: Final = {"type": "string", "pattern": "^[0-9]{1,7}$"}
IMAGES: Final = "'self' blob:"
"""Its own, and the drawings that it makes to be kept."""
TILE_SECONDS: Final = 3_600
"""How long a browser shows a tile without asking whether it is another one."""
ZOOM: Final = Segment("z", "How near: 0 is the world on one tile.", example="0", schema=WHOLE)
COLUMN: Final = Segment("x", "The column of the tile, from the west.", example="0", schema=WHOLE)
ROW: Final = Segment("y", "The row of the tile, from the north.", example="0", schema=WHOLE)
routes = Routes()


class Tiles(TypedDict):
    """The base map beneath the places; `tiles` is null where there is none."""

    tiles: Annotated[str | None, Field(description="The address of a tile, with {z}, {x} and {y}")]
    attribution: NotRequired[str]
    zooms: NotRequired[
        Annotated[list[int], Field(description="The least and the deepest zoom of which there are tiles")]
    ]


@routes.get("/", **PAGE)
async def show_page(request: web.Request) -> web.Response:
    """The board. It asks this service, and no other."""
    return await page_file(request, FOLDER, "index.html", connect="'self'", images=_images(request))


@routes.get("/embed", **PAGE)
async def show_embedded(request: web.Request) -> web.Response:
    """The board for another page's frame: anybody's, unless the setting `frames` names whose.

    It sees what needs no key. A browser sends the session's cookie into no frame of another site (SameSite=Strict), and
    in a frame of the same site, such as of another port, the page itself asks without it.
    """
    framed = " ".join(request.app[SERVICE].frames).replace("none", "'none'")
    return await page_file(request, FOLDER, "index.html", connect="'self'", images=_images(request), framed=framed)


def _images(request: web.Request) -> str:
    """From where the page takes images: from nobody else but whoever has the tiles of the base map."""
    basemap = request.app[SERVICE].basemap
    return IMAGES if basemap is None or basemap.origin is None else f"{IMAGES} {basemap.origin}"


@routes.get("/basemap", answers=Tiles)
async def tell_basemap(request: web.Request) -> web.Response:
    """Where the tiles of the operator's base map are."""
    refuse_unknown(request)
    basemap = request.app[SERVICE].basemap
    body: Tiles = {"tiles": None}
    if basemap is not None:
        tiles = basemap.source if basemap.file is None else "basemap/{z}/{x}/{y}"
        body = {"tiles": tiles, "attribution": basemap.attribution, "zooms": list(basemap.zooms)}
    return answer(body, headers={"Cache-Control": "no-cache"})


@routes.get(
    "/basemap/{z}/{x}/{y}",
    takes=(ZOOM, COLUMN, ROW, IF_NONE_MATCH),
    answers=(
        *(Answer(bytes, media=kind) for kind in KINDS.values()),
        Answer(status=204, meaning="There is no such tile."),
    ),
    problems=(NotFound,),
)
async def show_tile(request: web.Request) -> web.Response:
    """A picture of the base map. What it covers is the operator's choice, and what it does not is empty."""
    basemap = request.app[SERVICE].basemap
    if basemap is None or basemap.file is None:
        raise NotFound("no base map is served here")
    zoom, x, y = (int(text) if NUMBER.fullmatch(text := part.of(request)) else -1 for part in (ZOOM, COLUMN, ROW))
    tile = await asyncio.to_thread(basemap.file.read, zoom, x, y)
    headers = {
        "Cache-Control": f"public, max-age={TILE_SECONDS}",
        "ETag": basemap.file.tag,
        "X-Content-Type-Options": "nosniff",
    }
    if tile is None:
        return web.Response(status=204, headers=headers)
    return web.Response(body=tile, content_type=basemap.file.kind, headers=headers)


@routes.get("/page/{name:.+}", **FILE)
async def show_file(request: web.Request) -> web.Response:
    """What the page is made of, and what other pages take from it: the header's style, and the fonts."""
    return await page_file(request, FOLDER, NAME.of(request), connect="'self'")
