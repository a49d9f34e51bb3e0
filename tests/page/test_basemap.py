"""The operator's base map: a file of tiles here, or an address whose host the page's policy allows, and nobody else."""

import struct
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from pmtiles.tile import Compression, TileType, zxy_to_tileid
from pmtiles.writer import Writer
from pydantic import ValidationError

from incidentlog.basemap import TileFile
from incidentlog.config import Settings
from incidentlog.embedded import Server
from tests.api.serving import Served, serving
from tests.browser import needs_browser, tab
from tests.commands import strike
from tests.conftest import log_called
from tests.page.test_board import settled

WHOSE = "© somebody <b>& others</b>"


def picture(red: int, green: int, blue: int) -> bytes:
    """A PNG of one colour, 256 pixels wide."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    rows = (b"\0" + bytes((red, green, blue)) * 256) * 256
    header = struct.pack(">IIBBBBB", 256, 256, 8, 2, 0, 0, 0)
    parts = (chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


GREEN = picture(0, 160, 60)


def tile_file(path: Path, kind: TileType = TileType.PNG, *, deepest: int = 6) -> Path:
    """A PMTiles file of one colour, whose deepest zoom has tiles in the north-east alone."""
    with path.open("wb") as out:
        writer = Writer(out)
        for zoom in range(deepest + 1):
            n = 1 << zoom
            tiles = sorted(zxy_to_tileid(zoom, x, y) for x in range(n // 2, n) for y in range((n + 1) // 2))
            for tile in tiles:
                writer.write_tile(tile, GREEN)
        writer.finalize({"tile_type": kind, "tile_compression": Compression.NONE}, {})
    return path


def told(error: ValidationError) -> str:
    return "; ".join(each["msg"] for each in error.errors())


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"basemap": "/nowhere/x.pmtiles"}, "No such file"),
        ({"basemap": "{folder}"}, "Is a directory"),
        ({"basemap": "{text}"}, "no PMTiles file of version 3"),
        ({"basemap": "{empty}"}, "no PMTiles file of version 3"),
        ({"basemap": "{vector}"}, "has no pictures"),
        ({"basemap": "{file}", "basemap_attribution": None}, "say whose map it is"),
        *(
            ({"basemap": address}, "with {z}, {x} and {y}")
            for address in (
                "https://tiles.example.org/{z}/{x}.png", "ftp://tiles.example.org/{z}/{x}/{y}",
                "https://tiles.example.org/{z}/{x}/{y}; script-src *", "https://a.org 'unsafe-inline'/{z}/{x}/{y}",
            )
        ),
        ({"basemap": "https://{z}.example.org/{z}{x}/{y}"}, "with {z}, {x} and {y}"),
        ({"basemap": "https://{z}.example.org/{x}/{y}"}, "one name"),
        ({"basemap": "https://*.example.org/{z}/{x}/{y}"}, "one name"),
        ({"frames": "example.org"}, "no origin"),
        ({"frames": "https://example.org; script-src *"}, "no origin"),
        ({"frames": "*,https://example.org"}, "no origin"),
    ],
)  # fmt: skip
def test_what_cannot_be_a_base_map_is_refused(tmp_path: Path, given: dict[str, Any], why: str):
    (tmp_path / "text").write_text("nothing", "utf-8")
    (tmp_path / "empty").touch()
    paths = {
        "{folder}": tmp_path, "{text}": tmp_path / "text", "{empty}": tmp_path / "empty",
        "{file}": tile_file(tmp_path / "file"), "{vector}": tile_file(tmp_path / "vector", TileType.MVT, deepest=0),
    }  # fmt: skip
    filled = {name: str(paths.get(value, value)) if value else value for name, value in given.items()}
    with pytest.raises(ValidationError) as refused:
        Settings(**{"basemap_attribution": WHOSE, **filled})
    assert why in told(refused.value)


def test_a_file_tells_its_zooms_and_has_the_tiles_that_were_put_in(tmp_path: Path):
    file = TileFile(tile_file(tmp_path / "file.pmtiles"))
    assert (file.kind, file.zooms) == ("image/png", (0, 6))
    assert file.read(6, 40, 20) == GREEN
    for nowhere in ((6, 0, 0), (7, 0, 0), (2, 4, 0), (0, -1, 0), (-1, 0, 0), (40, 0, 0), (22, 5, 5)):
        assert file.read(*nowhere) is None


@asynccontextmanager
async def log_with(server: Server, **settings: Any) -> AsyncIterator[Served]:
    """A log of one strike on Odesa, open to all."""
    given = Settings(open_read=True, **settings)
    async with log_called("test_basemap", server) as access, serving(access, settings=given) as served:
        await served.add(strike())
        await served.settled()
        yield served


async def test_tiles_of_a_file_are_served_and_what_it_does_not_cover_is_empty(server: Server, tmp_path: Path):
    path = tile_file(tmp_path / "file.pmtiles")
    async with log_with(server, basemap=str(path), basemap_attribution=WHOSE) as served:
        found = (await served.get("/basemap")).json
        assert found == {"tiles": "basemap/{z}/{x}/{y}", "attribution": WHOSE, "zooms": [0, 6]}
        tile = await served.by(None).get("/basemap/6/40/20")
        assert (tile.status, tile.headers["Content-Type"], tile.raw) == (200, "image/png", GREEN)
        again = await served.get("/basemap/6/40/20", {"If-None-Match": tile.headers["ETag"]})
        assert (again.status, again.raw) == (304, b"")
        for nowhere in ("6/0/0", "9/0/0", "0/1/0", "x/0/0", "-1/0/0", "1e3/0/0", "%D9%A3/0/0", "9999999/9999999/0"):
            assert (await served.get(f"/basemap/{nowhere}")).status == 204, nowhere
        policy = (await served.get("/")).headers["Content-Security-Policy"]
        assert "img-src 'self' blob:;" in policy


async def test_without_a_base_map_there_is_none(server: Server):
    async with log_with(server) as served:
        assert (await served.get("/basemap")).json == {"tiles": None}
        assert (await served.get("/basemap/0/0/0")).slug == "not-found"


@needs_browser
async def test_the_map_lies_on_the_base_map_and_says_whose_it_is(browser: Any, server: Server, tmp_path: Path):
    path = tile_file(tmp_path / "file.pmtiles")
    async with (
        log_with(server, basemap=str(path), basemap_attribution=WHOSE) as served,
        tab(browser, served.url, "/?lang=en&from=2025-11-01") as opened,
    ):
        page = opened.page
        await settled(opened)
        await page.wait_for_selector(".tiles image", state="attached")
        assert await page.inner_text(".map .credit") == WHOSE
        assert not await page.locator(".land").is_visible()
        tiles = [address for address in opened.asked if "/basemap/" in address]
        assert 3 < len(tiles) < 40
        # Odesa is where the tile of the map says it is: 30.73 E, 46.48 N (slippy map tilenames).
        beneath = await page.evaluate(
            """() => {
                const middle = (element) => { const b = element.getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]; };
                const [x, y] = middle(document.querySelector(".map .spot"));
                const under = [...document.querySelectorAll(".tiles image")].filter((tile) => {
                    const b = tile.getBoundingClientRect();
                    return b.x <= x && x < b.x + b.width - 0.4 && b.y <= y && y < b.y + b.height - 0.4;
                }).map((tile) => {
                    const b = tile.getBoundingClientRect();
                    return [tile.getAttribute("href"), (x - b.x) / b.width, (y - b.y) / b.height];
                });
                return under[0];
            }"""
        )
        zoom, column, row = map(int, beneath[0].split("/")[-3:])
        assert (column + beneath[1]) / 2**zoom == pytest.approx((30.73 + 180) / 360, abs=2e-4)
        assert (row + beneath[2]) / 2**zoom == pytest.approx(0.35383, abs=2e-4)
        await page.click(".map .keep button")
        async with page.expect_download() as kept:
            await page.click(".map .keep >> text=SVG")
        drawing = Path(await (await kept.value).path()).read_text("utf-8")
        assert "<image" not in drawing
        assert "visibility:hidden" not in drawing.replace(" ", "").partition("</g>")[0]


@asynccontextmanager
async def somebody() -> AsyncIterator[tuple[str, list[str]]]:
    """A host with tiles; its address, and what it was asked for."""
    asked: list[str] = []

    async def tile(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response(body=GREEN, content_type="image/png")

    app = web.Application()
    app.router.add_get("/{path:.*}", tile)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}", asked
    await runner.cleanup()


DRAWN = """(address) => new Promise((done) => {
    const image = new Image();
    image.onload = () => done(true);
    image.onerror = () => done(false);
    image.src = address;
})"""


@needs_browser
async def test_the_policy_allows_the_host_of_the_tiles_and_nobody_else(browser: Any, server: Server):
    async with somebody() as (host, asked), somebody() as (other, asked_too):
        address = f"{host}/tiles/{{z}}/{{x}}/{{y}}.png"
        async with log_with(server, basemap=address, basemap_attribution=WHOSE) as served:
            policy = (await served.get("/")).headers["Content-Security-Policy"]
            assert f"img-src 'self' blob: {host};" in policy
            context = await browser.new_context()
            page = await context.new_page()
            await page.goto(f"{served.url}/?lang=en&from=2025-11-01")
            await page.wait_for_selector(".tiles image", state="attached")
            assert await page.evaluate(DRAWN, f"{host}/x.png")
            assert not await page.evaluate(DRAWN, f"{other}/x.png")
            assert not await page.evaluate("(host) => fetch(host).then(() => true, () => false)", host)
            await context.close()
        assert any(path.startswith("/tiles/") and path.endswith(".png") for path in asked)
        assert asked_too == []


@pytest.mark.parametrize(
    ("frames", "ancestors"),
    [
        ("*", "*"),
        ("none", "'none'"),
        ("https://a.example,http://b.example:8080", "https://a.example http://b.example:8080"),
    ],
)
async def test_the_operator_says_who_may_frame_the_embedded_board(server: Server, frames: str, ancestors: str):
    async with log_with(server, frames=frames) as served:
        policy = (await served.get("/embed")).headers["Content-Security-Policy"]
        assert f"frame-ancestors {ancestors};" in policy
        assert "frame-ancestors 'none';" in (await served.get("/")).headers["Content-Security-Policy"]
