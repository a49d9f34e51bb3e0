"""What `axe-core` finds on the pages: nothing that is serious or critical, light and wide, dark and narrow."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from incidentlog.config import Settings
from incidentlog.embedded import Server
from tests.api.serving import ADMIN, Served, serving
from tests.api.verify.exporting import write_export
from tests.api.verify.test_modules import LOG, line
from tests.browser import TELEPHONE, Tab, needs_browser, sign_in, tab
from tests.conftest import log_called
from tests.subjects.given import TIMELINE

pytestmark = needs_browser
WIDE = {"width": 1280, "height": 900}
COMPARED = "/?from=2025-10-01&known=2025-12-20&basis=reported&vs=2025-11-01"
"""The board beside what was known on another day."""
LOOKS: tuple[dict[str, Any], ...] = (
    {"color_scheme": "light", "viewport": WIDE},
    {"color_scheme": "dark", "viewport": TELEPHONE},
)
"""Light and wide, dark and narrow: a page is looked at in both, as it takes long to open."""


@pytest.fixture(scope="module")
async def shown(server: Server) -> AsyncIterator[Served]:
    """The bundled timeline, which is open to all."""
    settings = Settings(open_read=True)
    async with log_called("test_accessibility", server) as access, serving(access, settings=settings) as served:
        await served.fill(*TIMELINE.read_bytes().splitlines())
        await served.settled()
        yield served


SETTLED = """
    Promise.allSettled(
        document.getAnimations().filter(each => each instanceof CSSTransition).map(each => each.finished)
    )
"""
"""Waits until colours that go over from one look to the other have got there: half-way there is less contrast."""


async def violations(page: Any) -> list[str]:
    """What is seriously wrong with a page as it stands, in each look: rule, what it says, and where."""
    axe = pytest.importorskip("axe_playwright_python.async_playwright").Axe()
    said = []
    for look in LOOKS:
        await page.emulate_media(color_scheme=look["color_scheme"])
        await page.set_viewport_size(look["viewport"])
        await page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        await page.evaluate(SETTLED)
        found = (await axe.run(page, options={"resultTypes": ["violations"]})).response["violations"]
        said += [
            f"{each['id']}: {look['color_scheme']}: {each['help']}: {node['target']} {node['failureSummary']}"
            for each in found
            if each["impact"] in {"serious", "critical"}
            for node in each["nodes"]
        ]
    return said


async def test_axe_finds_what_is_wrong(browser: Any, shown: Served):
    async with tab(browser, shown.url, "/verify") as opened:
        await opened.page.evaluate("document.querySelector('#key').removeAttribute('aria-labelledby')")
        await opened.page.evaluate("document.querySelector('h1').style.setProperty('color', '#ddd')")
        found = "\n".join(await violations(opened.page))
        assert "color-contrast" in found


async def test_the_page_that_follows(browser: Any, shown: Served):
    async with tab(browser, shown.url, "/docs/live") as opened:
        await opened.page.wait_for_selector("#described tr")
        await opened.page.click("#follow")
        await opened.said("#left", "rows")
        assert await violations(opened.page) == []


async def try_out(page: Any) -> None:
    """Open the form of a route; Swagger UI forgets that it was clicked when it has not read the route's schemas yet."""
    async with asyncio.timeout(60):
        while await page.locator("button.execute").count() == 0:
            if await page.locator(".try-out__btn:not(.cancel)").count():
                await page.locator(".try-out__btn").click()
            await asyncio.sleep(0.1)


async def test_the_page_of_the_api(browser: Any, shown: Served):
    async with tab(browser, shown.url, "/docs") as opened:
        await opened.page.wait_for_selector(".opblock-tag")
        await opened.page.locator("[data-tag=places] button").first.click()
        await opened.page.locator(".opblock-summary-control").first.click()
        await try_out(opened.page)
        await opened.page.click("button.execute")
        await opened.page.wait_for_selector(".live-responses-table")
        # Swagger UI has a button to copy within the one that opens a route, and blocks of code that scroll by mouse.
        theirs = ("nested-interactive", "scrollable-region-focusable")
        assert [said for said in await violations(opened.page) if not said.startswith(theirs)] == []


async def test_the_form_to_sign_in(browser: Any, shown: Served):
    async with tab(browser, shown.url, "/docs/live", complains=True) as opened:
        await sign_in(opened.page, "no-such-key")
        await opened.said("dialog .fault", "not known")
        assert await violations(opened.page) == []
        await sign_in(opened.page, ADMIN)
        await opened.said("#signing", "Signed in as admin")
        assert await violations(opened.page) == []


async def checked(opened: Tab, files: list[Path]) -> None:
    await opened.page.set_input_files("#files", [str(file) for file in files])
    await opened.page.wait_for_selector("#result:not([hidden])")
    await opened.page.wait_for_function("() => document.getAnimations().length === 0")


async def test_the_page_that_checks(browser: Any, shown: Served, tmp_path: Path):
    folder = write_export(tmp_path / "export", [line(n) for n in range(1, 120)])
    other = tmp_path / "other"
    other.write_text("nothing of ours", "utf-8")
    async with tab(browser, shown.url, "/verify") as opened:
        assert await violations(opened.page) == []
        await opened.page.fill("#key", LOG.verifier.vkey)
        await checked(opened, list(folder.iterdir()))
        await opened.page.click("#events details >> nth=0")
        assert await violations(opened.page) == []
        await opened.page.fill("#key", "nonsense")
        await opened.said("#key-fault", "three parts")
        await checked(opened, [other])
        assert await violations(opened.page) == []


@pytest.mark.parametrize("path", ["/problems/not-found", "/", COMPARED])
async def test_the_other_pages(browser: Any, shown: Served, path: str):
    async with tab(browser, shown.url, path) as opened:
        await opened.page.wait_for_load_state("networkidle")
        assert await violations(opened.page) == []
