"""The board in a browser: what a person sees, slides back to, hands on, and watches as it moves.

The browser's clock is set to the service's, so that "now" is one day to both.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from uuid import uuid4

import pytest

from incidentlog.config import Settings
from incidentlog.embedded import Server
from incidentlog.store.connect import Access
from tests.api.serving import NOW, Served, serving
from tests.browser import POLLED_MS, TELEPHONE, Tab, needs_browser, tab
from tests.commands import retraction, strike
from tests.conftest import log_called
from tests.subjects.given import TIMELINE

pytestmark = needs_browser
OPEN = Settings(open_read=True)
ODESA = "geonames:698740"
KHARKIV = "geonames:706483"
TERNOPIL = "geonames:691650"
LARGEST = 700_000
"""How many bytes the whole page may take over the network."""


@pytest.fixture(scope="module")
async def shown(server: Server) -> AsyncIterator[Served]:
    """The timeline, with a strike on Kharkiv that cost more than was thought at first; for reading only."""
    async with log_called("test_board", server) as access, serving(access, settings=OPEN) as served:
        await served.fill(*TIMELINE.read_bytes().splitlines())
        stream, kharkiv = "strike:2025-11-18-kharkiv", {"name": "Kharkiv", "country": "UA", "precision": "settlement"}
        first = strike(place=kharkiv, killed=3, stream=stream, reported_at="2025-11-18")
        first["occurred"]["start"] = "2025-11-18"
        first["data"]["launched"] = {"drone": {"best": 4}}
        later = {
            **{name: first[name] for name in ("occurred", "sources", "place")},
            "id": str(uuid4()),
            "type": "strike.assessed",
            "stream": stream,
            "reported_at": "2025-11-24",
            "data": {
                "as_of": "2025-11-24",
                "casualties": {"killed": {"low": 5, "best": 7, "high": 9}},
                "launched": {"drone": {"best": 6}},
                "intercepted": {"drone": {"best": 2}},
            },
        }
        nowhere = strike(place={"name": "<b>Nowhere</b>", "country": "UA", "precision": "settlement"})
        await served.add(first, later, nowhere)
        await served.settled()
        yield served


@asynccontextmanager
async def board(browser: Any, served: Served, query: str = "", **how: Any) -> AsyncIterator[Tab]:
    """The board, once it has read what it shows."""
    given = {"viewport": {"width": 1280, "height": 900}, "locale": "en-GB", **how}
    async with tab(
        browser, served.url, "/problems/not-found", complains=True, **given
    ) as opened:  # where there is least
        await opened.page.clock.install(time=served.clock.now())
        opened.asked.clear()
        await opened.page.goto(f"{served.url}/{query}")
        await settled(opened)
        yield opened


async def settled(opened: Tab) -> None:
    """Wait until the figures and the shapes of the map are there, and nothing is awaited."""
    await opened.page.wait_for_selector("#headline")
    await opened.page.wait_for_selector(".land", state="attached")
    await idle(opened)


async def idle(opened: Tab) -> None:
    """Wait until what was done last has been drawn, and nothing is awaited."""
    await opened.page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    await opened.page.wait_for_function(
        "() => document.documentElement.dataset.reading === '0' && !document.querySelector('[data-stale=\"true\"]')",
        timeout=60_000,
        polling=POLLED_MS,
    )


def row(place: str) -> str:
    return f'.cities tr[data-place="{place}"]'


async def figures(opened: Tab, place: str) -> list[str]:
    """What a row of the table says: incidents, killed, injured."""
    cells = await opened.page.locator(f"{row(place)} td").all_inner_texts()
    return [" ".join(cell.split()) for cell in cells]


async def test_it_opens_with_the_headline_the_map_and_the_table(browser: Any, shown: Served):
    async with board(browser, shown) as opened:
        page = opened.page
        assert "ceasefire" in await page.inner_text("#headline")
        assert await page.locator(".spot").count() > 2
        assert (await figures(opened, ODESA))[0].startswith("1")
        assert await page.locator(".chart svg rect").count() > 3
        assert await page.locator(".feed li.line").count() > 10
        assert await page.locator("img[src^=http], script:not([src]):not([type=importmap])").count() == 0


async def test_it_is_small_and_complains_of_nothing(browser: Any, shown: Served):
    async with tab(browser, shown.url, "/") as opened:
        await settled(opened)
        taken = await opened.page.evaluate(
            "performance.getEntriesByType('resource').reduce((sum, each) => sum + each.transferSize, 0)"
        )
        assert 100_000 < taken < LARGEST


async def test_what_is_out_of_sight_is_asked_for_afterwards_or_as_soon_as_one_scrolls_to_it(
    browser: Any, shown: Served
):
    async with board(browser, shown, "?from=2025-11-01") as opened:
        page, going_on = opened.page, asyncio.Event()

        async def wait(route: Any) -> None:
            await going_on.wait()
            await route.continue_()

        def asked(projection: str) -> bool:
            return any(f"/projections/{projection}?" in address for address in opened.asked)

        await page.route("**/v1/projections/city_incidents?**", wait)
        opened.asked.clear()
        async with page.expect_request(re.compile("city_incidents")):
            await page.click(".world .presets button >> nth=2")
        await page.evaluate("new Promise(done => setTimeout(done, 500))")
        assert [asked(name) for name in ("exchange_tally", "daily_timeline")] == [False, False]
        async with page.expect_request(re.compile("exchange_tally")):
            await page.locator(".talks").scroll_into_view_if_needed()
        going_on.set()
        await idle(opened)
        assert asked("daily_timeline")  # the list of events, below all of it


async def test_a_place_that_is_chosen_is_called_by_its_name_and_says_where_its_charts_are(browser: Any, shown: Served):
    async with board(browser, shown, f"?from=2025-11-01&place={TERNOPIL}") as opened:
        assert await opened.page.inner_text(".picked .tag") == "Ternopil"
        await opened.page.click(".picked a")
        await opened.page.wait_for_function(
            "() => document.querySelector('#series-title').getBoundingClientRect().top < innerHeight / 2"
        )
        assert f"place={TERNOPIL}" in unquote(opened.page.url)
        await idle(opened)
        assert await opened.page.inner_text(".series .tag") == "Ternopil"


async def test_what_was_believed_then_is_not_what_is_known_now(browser: Any, shown: Served):
    period = "?from=2025-01-01&to=2025-12-31"
    async with board(browser, shown, period) as opened:
        page = opened.page
        await page.fill(".search input", "Kharkiv")
        await page.click('[role="option"] >> nth=0')
        await idle(opened)
        assert await figures(opened, KHARKIV) == ["1 +1", "7 5–9", "unknown"]
        await page.select_option(".knowledge select", "reported")
        await page.fill("#known-day", "2025-11-20")
        await idle(opened)
        assert (await figures(opened, KHARKIV))[1] == "3"
        assert "by the end of 20 Nov 2025" in await page.inner_text(".knowledge")
        await page.click(".cities .keep button")
        address = await page.get_attribute(".cities .keep a >> nth=0", "href")
        csv = (await shown.by(None).get(address.removeprefix(shown.url))).raw.decode()
        assert re.search(r"^geonames:706483,.*Kharkiv", csv, re.MULTILINE)


async def test_the_comparison_names_what_changed_it(browser: Any, shown: Served):
    query = "?from=2025-11-01&to=2025-12-31&basis=reported&known=2025-11-25&vs=2025-11-20"
    async with board(browser, shown, query) as opened:
        told = await opened.page.inner_text(".compared")
        assert "Kharkiv" in told
        assert "Strike assessed anew" in told
        assert (await figures(opened, KHARKIV))[1] == "3 7 5–9"
        assert await opened.page.locator(".spot .changed").count() >= 1
        await opened.page.click('.compared tr:has-text("Kharkiv") button')
        await opened.said("dialog", "2 reports")
        assert "this figure stands" in await opened.page.inner_text("dialog .stands")


async def test_every_part_that_another_state_of_knowledge_tells_otherwise_is_compared(browser: Any, shown: Served):
    query = "?from=2025-11-01&to=2025-12-31&basis=reported&known=2025-11-25&vs=2025-11-20"
    wanted = {
        "days": ("18 Nov 2025", "Killed: 3 7 (5–9)", "Strike assessed anew"),
        "strikes": ("18 Nov 2025", "Launched: 4 6", "Strike assessed anew"),
        "index": ("23 Nov 2025", "Events: 0 1", "Talks held"),
        "talks": ("USA and Ukraine", "Rounds: 2 3", "joint statement", "Talks held"),
    }
    async with board(browser, shown, query) as opened:
        for part, texts in wanted.items():
            told = " ".join((await opened.page.inner_text(f"[data-part={part}]")).split())
            for text in texts:
                assert text in told, (part, told)
        for series in ("incidents", "killed", "launched", "index"):
            hollow = await opened.page.locator(f"[data-series={series}] .dot.then").count()
            assert (hollow > 0) is (series != "incidents"), series
        await opened.page.click("[data-part=talks] button.story")
        await opened.said("dialog", "Geneva")


async def test_the_headline_is_compared_with_what_made_it_another(browser: Any, shown: Served):
    query = "?from=2025-04-01&to=2025-04-19&basis=reported&known=2025-04-20&vs=2025-04-18"
    async with board(browser, shown, query) as opened:
        told = " ".join((await opened.page.inner_text("[data-part=ceasefires]")).split())
        assert "The headline" in told
        assert "Easter 2025: in force" in told
        assert "Ceasefire declared" in told
    flipped = "?from=2025-04-01&to=2025-04-19&basis=reported&known=2025-04-18&vs=2025-04-20"
    async with board(browser, shown, flipped) as opened:
        again = " ".join((await opened.page.inner_text("[data-part=ceasefires]")).split())
        assert again == told


async def test_a_day_before_the_log_was_begun_leads_to_what_had_been_told_by_then(browser: Any, shown: Served):
    async with board(browser, shown, "?known=2025-11-20&from=2025-01-01") as opened:
        await opened.said("main", "By then this log had recorded nothing.")
        await opened.page.click("text=What had sources told by then?")
        await opened.said(row(KHARKIV), "3")


async def test_dragging_asks_for_no_day_that_is_only_passed_and_ends_with_the_last_one(browser: Any, shown: Served):
    async with board(browser, shown, "?from=2025-01-01") as opened:
        slider = opened.page.locator('.knowledge input[type="range"]')
        last = await slider.evaluate(
            """slider => {
                const end = Number(slider.max);
                for (let n = 1; n <= 30; n += 1) {
                    slider.value = end - n;
                    slider.dispatchEvent(new Event("input", { bubbles: true }));
                }
                return end - 30;
            }"""
        )
        shows = str(date(1970, 1, 1) + timedelta(days=last))
        await opened.page.wait_for_url(f"**known={shows}**", timeout=60_000)
        await idle(opened)
        assert await slider.input_value() == str(last)
        days = {match[1] for url in opened.asked if (match := re.search(r"known_at=([\d-]+).*format=geojson", url))}
        assert shows in days
        assert len(days) <= 3  # the first, the last, and the one that would come next


async def test_a_place_without_a_report_is_said_to_have_none(browser: Any, shown: Served):
    async with board(browser, shown, "?from=2024-02-01&to=2024-02-10") as opened:
        assert await opened.page.inner_text(".cities .none") == "No report here."
        assert await opened.page.locator(".cities table").count() == 0
        assert "No report here" in await opened.page.inner_text(".map .nothing")


async def test_what_has_no_place_stands_beside_the_map_and_harms_nothing(browser: Any, shown: Served):
    async with board(browser, shown, "?from=2025-11-01") as opened:
        told = await opened.page.inner_text(".elsewhere")
        assert "<b>Nowhere</b>" in told
        assert "place not found" in told


async def test_other_sites_may_frame_the_embedded_board_alone(browser: Any, shown: Served):
    for path, framed in (("/", "'none'"), ("/embed", "*")):
        policy = (await shown.by(None).get(path)).headers["Content-Security-Policy"]
        assert f"frame-ancestors {framed};" in policy
        assert "unsafe" not in policy
    async with tab(browser, shown.url, "/embed?from=2025-11-01") as opened:
        await settled(opened)
        assert not await opened.page.is_visible(".masthead")


async def test_a_drawing_is_kept_with_its_source(browser: Any, shown: Served):
    async with board(browser, shown, "?from=2025-11-01&to=2025-12-31") as opened:
        await opened.page.click(".map .keep button")
        async with opened.page.expect_download() as kept:
            await opened.page.click(".map .keep >> text=SVG")
        text = Path(await (await kept.value).path()).read_text("utf-8")
        assert "Source: incidentlog · 1 Nov 2025 – 31 Dec 2025" in text
        await opened.page.click(".map .keep button")
        async with opened.page.expect_download() as kept:
            await opened.page.click(".map .keep >> text=PNG")
        assert Path(await (await kept.value).path()).read_bytes().startswith(b"\x89PNG")


async def test_on_paper_no_drawing_is_cut_and_the_basis_and_the_link_are_told(browser: Any, shown: Served):
    async with board(browser, shown, "?from=2025-11-01&to=2025-12-31") as opened:
        assert not await opened.page.is_visible(".printed")
        await opened.page.emulate_media(media="print")
        told = await opened.page.inner_text(".printed")
        assert "Source: incidentlog · 1 Nov 2025 – 31 Dec 2025" in told
        assert f"{shown.url}/?from=2025-11-01&to=2025-12-31" in told
        assert f"pos={await shown.head()}" in told
        cut = """svgs => svgs.filter(svg => svg.getBoundingClientRect().width > svg.parentElement.clientWidth + 1).length"""
        assert await opened.page.locator(".brush svg, .chart svg, .lane svg").evaluate_all(cut) == 0


async def test_a_story_says_which_figure_stands_and_why(browser: Any, shown: Served):
    async with board(browser, shown, "?from=2025-11-01&story=strike:2025-11-19-ternopil") as opened:
        await opened.said("dialog", "7 reports")
        assert "38" in await opened.page.inner_text(".figures-now")
        assert "B2" in await opened.page.inner_text("dialog .reports")
        await opened.page.keyboard.press("Escape")
        await opened.page.wait_for_selector("dialog.story-panel", state="detached")
        assert "story=" not in opened.page.url


async def test_it_is_used_by_the_keyboard_alone(browser: Any, shown: Served):
    async with board(browser, shown, "?from=2025-11-01&to=2026-02-20") as opened:
        page = opened.page
        await page.focus('[data-handle="to"]')
        await page.keyboard.press("PageDown")
        await idle(opened)
        assert "to=2026-01-21" in page.url
        await page.focus(f'.spot[data-place="{TERNOPIL}"]')
        await page.keyboard.press("Enter")
        await idle(opened)
        assert await page.locator(f"{row(TERNOPIL)}.chosen").count() == 1
        await page.focus('.knowledge input[type="range"]')
        await page.keyboard.press("ArrowLeft")
        await idle(opened)
        assert "known=2026-02-28" in page.url
        await page.focus(".map .frame")
        before = await page.get_attribute(".land", "d")
        await page.keyboard.press("+")
        await page.wait_for_function(
            "(before) => document.querySelector('.land').getAttribute('d') !== before", arg=before
        )


@pytest.mark.parametrize("viewport", [TELEPHONE, {"width": 1280, "height": 900}])
async def test_a_comparison_shows_all_columns_and_breaks_no_figure(
    browser: Any, shown: Served, viewport: dict[str, int]
):
    query = "?from=2025-10-01&known=2025-12-20&basis=reported&vs=2025-11-01&lang=uk"
    async with board(browser, shown, query, viewport=viewport) as opened:
        await opened.page.wait_for_selector(".compared td.num")
        hidden = "boxes => boxes.filter(box => box.scrollWidth > box.clientWidth + 1).length"
        assert await opened.page.locator(".compared .scroll").evaluate_all(hidden) == 0
        lines = """cells => Math.max(...cells.map(cell => {
            const range = document.createRange();
            range.selectNodeContents(cell);
            return new Set([...range.getClientRects()].map(({ top }) => Math.round(top / 12))).size;
        }))"""
        assert await opened.page.locator(".compared td.num del").evaluate_all(lines) <= 1, "letters below each other"


@pytest.mark.parametrize(("axis", "moved"), [("world", "to"), ("knowledge", "known")])
async def test_either_time_is_played_to_its_end(browser: Any, shown: Served, axis: str, moved: str):
    async with board(browser, shown, "?from=2026-02-26") as opened:
        page, play, seen = opened.page, f".axis.{axis} .play", list[str]()
        page.on("framenavigated", lambda frame: seen.append(frame.url))
        assert await page.get_attribute(play, "aria-pressed") == "false"
        await page.click(play)
        await page.wait_for_selector(f"{play}[aria-pressed=true]")
        await page.wait_for_selector(f"{play}[aria-pressed=false]")
        await idle(opened)
        assert f"{moved}=" not in page.url, "it ends with now"
        days = [found.group(1) for url in seen if (found := re.search(rf"{moved}=([\d-]+)", url))]
        assert days == sorted(days)
        assert "2026-02-28" in days, "the last step before it"


@pytest.mark.parametrize(
    "how", [{"viewport": TELEPHONE}, {"viewport": {"width": 360, "height": 700}}, {"color_scheme": "dark"}]
)
async def test_it_fits(browser: Any, shown: Served, how: dict[str, Any]):
    async with board(browser, shown, "?from=2025-11-01", **how) as opened:
        window = await opened.page.evaluate("innerWidth")
        assert await opened.width() <= window
        paper = await opened.page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (paper == "rgb(19, 22, 26)") is (how.get("color_scheme") == "dark")


async def test_it_speaks_ukrainian(browser: Any, shown: Served):
    async with board(browser, shown, "?from=2025-11-01&lang=uk") as opened:
        assert await opened.page.get_attribute("html", "lang") == "uk"
        assert await opened.page.inner_text(f"{row(KHARKIV)} th") == "Харків"
        assert "Що сталося" in await opened.page.inner_text(".times")


@pytest.fixture
async def service(access: Access) -> AsyncIterator[Served]:
    """A log of its own, open to all."""
    async with serving(access, settings=OPEN) as served:
        yield served


async def test_what_is_posted_and_taken_back_moves_the_map_and_the_table(browser: Any, service: Served):
    await service.add(strike(killed=2))
    async with board(browser, service, "?from=2025-11-01") as opened:
        page = opened.page
        await page.wait_for_selector(".pulse.live")
        assert await figures(opened, ODESA) == ["1 +1", "2", "unknown"]
        more = strike(killed=5)
        await service.add(more)
        await page.wait_for_selector(f"{row(ODESA)}.moved")
        await opened.said(row(ODESA), "7")
        # The map is another reading, and may come later.
        await page.wait_for_function(
            "(spot) => document.querySelector(spot)?.textContent.includes('2')", arg=f'.spot[data-place="{ODESA}"]'
        )
        await service.add(retraction(more["id"]))
        await page.wait_for_function(
            "(row) => document.querySelector(row + ' td:nth-of-type(2)').innerText.trim() === '2'", arg=row(ODESA)
        )


async def test_a_pinned_link_shows_the_old_rows(browser: Any, service: Served):
    await service.add(strike(killed=2))
    async with board(browser, service, "?from=2025-11-01", permissions=["clipboard-read", "clipboard-write"]) as opened:
        await opened.page.click("#copy-link")
        await opened.said(".said", "same for ever")
        link = await opened.page.evaluate("navigator.clipboard.readText()")
    assert "pos=1" in link
    await service.add(strike(killed=40))
    await service.clock.advance(NOW + timedelta(days=400))
    async with board(browser, service, link.removeprefix(f"{service.url}/")) as opened:
        assert (await figures(opened, ODESA))[1] == "2"
        assert "Pinned" in await opened.page.inner_text(".status")


async def test_before_a_correction_the_old_figure_was_known(browser: Any, service: Served):
    wrong = strike(killed=9)
    await service.add(wrong, strike(killed=1), {**retraction(wrong["id"]), "reported_at": "2026-02-25"})
    query = "?from=2025-11-01&basis=reported&known=2026-02-22&vs=2026-02-26"
    async with board(browser, service, query) as opened:
        assert (await figures(opened, ODESA))[1] == "1 10"
        assert "Retraction" in await opened.page.inner_text(".compared")


async def test_it_comes_back_when_the_service_does(browser: Any, access: Access):
    async with AsyncExitStack() as stack:
        async with serving(access, settings=OPEN) as first:
            await first.add(strike(killed=2))
            opened = await stack.enter_async_context(board(browser, first, "?from=2025-11-01"))
            await opened.page.wait_for_selector(".pulse.live")
        await opened.said(".status", "Not live")
        async with serving(access, settings=OPEN, port=first.port, again=True) as second:
            await second.add(strike(killed=5))
            await opened.page.wait_for_selector(".pulse.live")
            await opened.said(row(ODESA), "7")


async def test_an_empty_log_says_that_it_is(browser: Any, service: Served):
    async with board(browser, service) as opened:
        assert "The log is empty" in await opened.page.inner_text("main > .note")
        assert await opened.page.inner_text("#headline") == "No ceasefire is known."
