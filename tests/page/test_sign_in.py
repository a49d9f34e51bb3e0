"""The header that all pages share, and signing in there."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from typing import Any

import orjson
import pytest
from aiohttp import web

from incidentlog.embedded import Server
from tests.api.serving import ADMIN, Served, serving
from tests.browser import needs_browser, sign_in, tab
from tests.conftest import log_called

PAGES = ("/", "/docs/live", "/verify")


@pytest.fixture(scope="module")
async def closed(server: Server) -> AsyncIterator[Served]:
    """A log that is not open to all."""
    async with log_called("test_sign_in", server) as access, serving(access) as served:
        yield served


async def test_all_pages_have_the_same_header_and_style(closed: Served):
    headers = []
    for path in PAGES:
        text = (await closed.by(None).get(path, {"Accept-Encoding": "identity"})).raw.decode()
        assert "page/shell.css" in text
        header = re.search(r'<header class="masthead">(.*?)(?:<p class="aside"|</header>)', text, re.DOTALL)
        assert header is not None, path
        assert header[1].count("aria-current") == 1
        headers.append(re.sub(r'href="[^"]*"| aria-current="page"| data-text="[^"]*"', "", header[1]).split())
    assert headers[0] == headers[1] == headers[2]


@needs_browser
async def test_one_signs_in_and_out_by_the_keyboard_alone(browser: Any, closed: Served):
    async with tab(browser, closed.url, "/docs/live") as opened:
        page = opened.page
        await page.wait_for_selector("text=Sign in")
        for _ in range(6):
            await page.keyboard.press("Tab")
        assert await page.evaluate("document.activeElement.innerText") == "Sign in"
        await page.keyboard.press("Enter")
        await page.keyboard.type(ADMIN)
        assert await page.evaluate("document.activeElement.closest('dialog') !== null")
        await page.keyboard.press("Enter")
        await page.wait_for_selector("text=Signed in as admin")
        await page.wait_for_function("() => document.activeElement.innerText === 'Sign out'")
        assert ADMIN not in await page.content()
        await page.keyboard.press("Enter")
        await page.wait_for_function("() => document.activeElement.innerText === 'Sign in'")
        assert await page.context.cookies() == []


@needs_browser
async def test_who_signed_in_on_one_page_is_on_the_others_and_can_follow_a_link_to_a_download(
    browser: Any, closed: Served
):
    async with tab(browser, closed.url, "/docs/live") as opened:
        await sign_in(opened.page, ADMIN)
        await opened.page.goto(f"{closed.url}/docs/live")
        await opened.said("#signing", "Signed in as admin")
        await opened.page.evaluate(
            """() => {
                const link = document.createElement("a");
                link.href = "../v1/projections/city_incidents?group_by=place&format=csv";
                link.textContent = "CSV";
                document.querySelector("main").prepend(link);
            }"""
        )
        async with opened.page.expect_download() as coming:
            await opened.page.click("text=CSV")
        assert (await coming.value).suggested_filename.endswith(".csv")


@needs_browser
async def test_the_board_of_a_log_that_is_not_open_asks_for_a_key_and_shows_everything_then(
    browser: Any, closed: Served
):
    async with tab(browser, closed.url, "/?lang=en", complains=True) as opened:
        await opened.said("main", "Reading is not open here.")
        await opened.page.click("main button")
        await opened.page.fill("dialog input", "no-such-key")
        await opened.page.keyboard.press("Enter")
        await opened.said("dialog .fault", "the key is not known")
        await sign_in(opened.page, ADMIN)
        await opened.page.wait_for_selector("#times")
        await opened.said("main", "The log is empty")
        await opened.page.click("text=Sign out")
        await opened.said("main", "Reading is not open here.")


def test_each_language_has_every_text_of_the_form():
    folder = files("incidentlog") / "page"
    named = set(re.findall(r"^  (\w+): \"", folder.joinpath("sign_in.js").read_text("utf-8"), re.MULTILINE))
    assert {"sign_in", "why", "unreachable"} <= named
    for language in ("en", "uk"):
        texts = orjson.loads(folder.joinpath(f"texts/{language}.json").read_bytes())
        assert {f"signin.{name}" for name in named} <= set(texts), language


@needs_browser
async def test_nobody_is_asked_for_a_key_in_a_frame(browser: Any, closed: Served):
    async with tab(browser, closed.url, "/docs/live") as opened:
        seen = await opened.page.evaluate(
            """async () => {
                const { signing } = await import("/page/sign_in.js");
                Object.defineProperty(globalThis, "self", { value: {} });
                const place = document.createElement("p");
                const signed = signing(place, { root: "../" });
                await signed.look();
                return [await signed.ask("give me a key"), place.childElementCount];
            }"""
        )
        assert seen == [False, 0]


@asynccontextmanager
async def another_port() -> AsyncIterator[str]:
    """An empty page of this host that is not the service's; its address."""

    async def empty(_: web.Request) -> web.Response:
        return web.Response(text="<!doctype html>", content_type="text/html")

    app = web.Application()
    app.router.add_get("/", empty)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    await runner.cleanup()


@asynccontextmanager
async def signed_in(browser: Any, closed: Served) -> AsyncIterator[Any]:
    """A tab whose browser has the session's cookie."""
    async with tab(browser, closed.url, "/docs/live") as opened:
        await sign_in(opened.page, ADMIN)
        await opened.said("#signing", "Signed in as admin")
        yield opened


FRAMED = """(address) => new Promise((done) => {
    const frame = Object.assign(document.createElement("iframe"), { src: address, width: 800, height: 600 });
    document.body.append(frame);
    frame.onload = () => done(true);
})"""


@needs_browser
async def test_a_frame_shows_nothing_that_the_cookie_opens_also_where_the_browser_sends_it(
    browser: Any, closed: Served
):
    async with another_port() as elsewhere, signed_in(browser, closed) as opened:
        other = await opened.page.context.new_page()
        await other.goto(elsewhere)
        assert await other.evaluate(FRAMED, f"{closed.url}/embed?lang=en")
        frame = other.frame(url=f"{closed.url}/embed?lang=en")
        await frame.wait_for_selector("text=This log is not open to be shown here.")
        await opened.page.goto(f"{closed.url}/?lang=en")
        await opened.page.wait_for_selector("#times")


TRY = """async (service) => {
    const given = { mode: "no-cors", credentials: "include" };
    await fetch(`${service}/v1/projections`, given);
    await fetch(`${service}/v1/session`, { ...given, method: "POST" });
    await fetch(`${service}/v1/events`, { ...given, method: "POST", body: "{}" });
    const ended = await fetch(`${service}/v1/session`, { credentials: "include", method: "DELETE" }).then(() => 1, () => 0);
    const read = await fetch(`${service}/v1/projections`, { credentials: "include" }).then(() => 1, () => 0);
    return [ended, read];
}"""


@needs_browser
async def test_a_page_of_another_port_to_which_the_browser_sends_the_cookie_gets_nothing_by_it(
    browser: Any, closed: Served
):
    async with another_port() as elsewhere, signed_in(browser, closed) as opened:
        other = await opened.page.context.new_page()
        answers: list[tuple[str, str, int]] = []
        other.on("response", lambda r: answers.append((r.request.method, r.url.removeprefix(closed.url), r.status)))
        await other.goto(elsewhere)
        assert await other.evaluate(TRY, closed.url) == [0, 0]
        assert ("GET", "/v1/projections", 403) in answers
        assert ("POST", "/v1/session", 401) in answers
        assert ("POST", "/v1/events", 401) in answers
        assert not [status for _, path, status in answers if path.startswith("/v1") and status < 400]
        await opened.page.reload()
        await opened.said("#signing", "Signed in as admin")
