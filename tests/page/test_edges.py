"""The board over logs at the edge: nothing in them, nowhere, no ceasefire, very many places, a name that is markup."""

import asyncio
import csv
import gzip
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from importlib.resources import files
from typing import Any
from urllib.parse import quote

import pytest

from incidentlog.config import Settings
from incidentlog.embedded import Server
from incidentlog.shares import network_of
from tests.api.serving import Served, serving
from tests.browser import POLLED_MS, TELEPHONE, Tab, needs_browser, tab
from tests.commands import strike
from tests.conftest import log_called
from tests.page.test_accessibility import violations
from tests.projections.test_commitments import made, step
from tests.subjects.given import TIMELINE

pytestmark = needs_browser
MARKUP = '<img src=x onerror="document.title=1"><b>Bad</b>&amp;</script>{{7*7}}'
PLACES = 2_500
"""More than the map draws and than the board asks for: of 50,000 it gets no more (`python -m tests.benchmarks.page places`)."""
CHUNK = 10_000


@asynccontextmanager
async def log_of(server: Server, *events: Any) -> AsyncIterator[Served]:
    """A log of these events, which is open to all."""
    async with log_called("test_edges", server) as access, serving(access, settings=Settings(open_read=True)) as served:
        for chunk in range(0, len(events), CHUNK):
            answer = await served.bulk(*events[chunk : chunk + CHUNK])
            assert answer.status == 201, answer
        assert await served.service.runner.reached(len(events), 120)
        yield served


@asynccontextmanager
async def board(browser: Any, served: Served, query: str = "", **how: Any) -> AsyncIterator[Tab]:
    """The board, once it has everything that it asked for."""
    async with tab(browser, served.url, f"/?lang=en{query}", **how) as opened:
        await settled(opened)
        yield opened


async def settled(opened: Tab) -> None:
    """Wait until the board is live, and has everything that it asked for."""
    await opened.said(".pulse", "Live")
    await opened.page.wait_for_function(
        """() => document.documentElement.dataset.reading === "0"
            && document.querySelector("#headline") !== null
            && !document.querySelector("main").innerText.includes("Reading …")""",
        timeout=60_000,
        polling=POLLED_MS,
    )


async def shown(opened: Tab) -> str:
    return str(await opened.page.inner_text("main"))


async def test_an_empty_log_says_that_it_is_empty(browser: Any, server: Server):
    async with log_of(server) as served, board(browser, served) as opened:
        await opened.said("main", "The log is empty. Nothing has been reported yet.")
        text = await shown(opened)
        assert "No report here." in text
        assert "Reading …" not in text
        for wrong in ("undefined", "NaN", "null", "Infinity", "Invalid"):
            assert wrong not in text
        assert await opened.page.locator(".map .spot").count() == 0
        assert await violations(opened.page) == []


async def test_an_empty_log_fits_a_telephone_and_shows_its_first_event_when_it_comes(browser: Any, server: Server):
    async with log_of(server) as served, board(browser, served, viewport=TELEPHONE) as opened:
        assert await opened.width() <= TELEPHONE["width"]
        await served.add(strike(occurred={"start": "2026-02-20", "precision": "day", "tz": "Europe/Kyiv"}))
        await opened.said(".cities", "Odesa")


async def test_a_service_that_has_no_room_is_asked_again_when_it_says(browser: Any, server: Server):
    settings = Settings(open_read=True, address_requests=3_000)
    async with log_called("test_edges", server) as access, serving(access, settings=settings) as served:
        await served.add(strike())
        rates = served.service.rates
        now = rates.seconds()
        rates.seconds = lambda: now  # nothing is forgotten until the page was refused
        while not (taken := rates.addresses.take(network_of("127.0.0.1"))) or not taken.refused:
            pass
        async with tab(browser, served.url, "/?lang=en", complains=True) as opened:
            async with asyncio.timeout(60):
                while not any("429" in said for said in opened.complaints):
                    await asyncio.sleep(0.02)
            rates.seconds = time.monotonic
            await settled(opened)
            await opened.said(".cities", "Odesa")
            assert await opened.page.locator("main .bad").count() == 0


async def test_a_log_without_places_lists_what_happened_beside_the_map(browser: Any, server: Server):
    nowhere = [
        strike(stream=None, place=None, occurred={"start": f"2025-11-{day}", "precision": "day", "tz": "Europe/Kyiv"})
        for day in (18, 19, 20)
    ]
    region = strike(stream=None, place={"name": "Kharkiv Oblast", "country": "UA", "precision": "admin1"})
    unknown = strike(stream=None, place={"name": "Nowhere-on-Sea", "precision": "settlement"})
    async with (
        log_of(server, *nowhere, region, unknown) as served,
        board(browser, served, "&from=2025-11-01") as opened,
    ):
        await opened.said(".map", "5 incidents")
        assert await opened.page.locator(".map .spot").count() == 0
        for name in ("Nowhere-on-Sea", "Kharkiv"):
            await opened.said(".map", name)
        assert "NaN" not in await shown(opened)


async def test_one_conflict_without_a_ceasefire(browser: Any, server: Server):
    async with log_of(server, strike()) as served, board(browser, served, "&from=2025-11-01") as opened:
        await opened.said("#headline", "No ceasefire")
        await opened.said(".cities", "Odesa")
        assert await opened.page.locator(".map .spot").count() == 1
        text = await shown(opened)
        for wrong in ("undefined", "NaN", "null"):
            assert wrong not in text


async def test_how_often_commitments_are_kept_is_told_for_all_and_for_each_who_took_some_on(
    browser: Any, server: Server
):
    kept, broken, late = (
        made("2025-01-01", stream=f"commitment:{name}", obligor=by, beneficiary="UKR", due="2025-03-01")
        for name, by in (("kept", "USA"), ("broken", "RUS"), ("late", "RUS"))
    )
    ends = (
        step("fulfilled", "2025-02-01", stream="commitment:kept"),
        step("breached", "2025-02-01", stream="commitment:broken", claimed_by="UKR"),
    )
    async with log_of(server, kept, broken, late, *ends) as served, board(browser, served) as opened:
        await opened.said(".talks", "Commitments 33% of 3 kept")
        told = await opened.page.inner_text(".talks")
        assert "Russia: 0% of 2 kept · United States: 100% of 1 kept" in told
        assert await violations(opened.page) == []


async def test_a_place_that_is_called_like_markup_is_shown_as_text_and_runs_nowhere(browser: Any, server: Server):
    place = {"name": MARKUP, "lat": 48.5, "lon": 35.1, "country": "UA", "precision": "settlement"}
    registered = {
        "type": "place.registered",
        "stream": "place:bad",
        "data": {"slug": "bad", "name": MARKUP, "lat": 48.5, "lon": 35.1, "country": "UA"},
    }
    source = {
        "source_id": "s", "title": MARKUP, "url": "https://example.org/a", "reliability": "B", "credibility": 2,
    }  # fmt: skip
    events = [
        strike(stream="strike:bad", place={"name": MARKUP, "place_id": "place:bad", "precision": "settlement"}),
        strike(stream="strike:noted", place=place, sources=[source], notes=MARKUP),
    ]
    async with log_of(server, registered) as served:
        await served.add(*events)
        await served.settled()
        await markup_is_text(browser, served)


async def markup_is_text(browser: Any, served: Served) -> None:
    async with board(browser, served, "&from=2025-11-01") as opened:
        await opened.said(".cities", "<img src=x")
        await opened.page.fill(".cities input[type=search]", "<img")
        await opened.page.hover(".map .spot >> nth=0")
        for stream in ("strike:bad", "strike:noted"):
            await opened.page.click(f".feed li[data-stream='{stream}'] button.story")
            await opened.said("dialog.story-panel", MARKUP[:20])
            await opened.page.keyboard.press("Escape")
        assert await opened.page.locator("img, b:text-is('Bad')").count() == 0
        assert await opened.page.title() != "1"
        assert "49" not in await opened.page.inner_text(".cities tbody th >> nth=0")


@pytest.fixture(scope="module")
async def one(server: Server) -> AsyncIterator[Served]:
    """A log of one strike."""
    async with log_of(server, strike()) as served:
        yield served


@pytest.mark.parametrize(
    ("query", "unread"),
    [
        ("&place=%3Cscript%3E&story=%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E&kind=%3Cb%3E", "place, story, kind"),
        ("&from=nonsense&to=2025-99-99&known=2025-02-30&vs=never", "from, to, known, vs"),
        ("&pos=-1&at=yesterday&gen=x&basis=1", "pos, at, gen, basis"),
        ("&figure=__proto__&feed=Constructor&theme=%22%3E%3Cscript%3E&lang=../en", "figure, feed, theme, lang"),
        ("&story=strike%3A..%2F..%2Fv1%2Fkeys", "story"),
    ],
)
async def test_what_cannot_be_read_of_a_link_is_left_out_and_told(browser: Any, one: Served, query: str, unread: str):
    async with tab(browser, one.url, f"/?{query}") as opened:
        await opened.said("main [role=alert]", f"is left out: {unread}.")
        await settled(opened)
        assert await opened.page.locator("main img, main script, dialog[open]").count() == 0


async def test_a_link_to_what_is_not_there_says_so(browser: Any, one: Served):
    query = "/?lang=en&story=strike:nothing&place=geonames:1&kind=nothing&from=2025-11-01"
    async with tab(browser, one.url, query, complains=True) as opened:
        await opened.said("dialog.story-panel", "Nothing of this was known then")
        await opened.page.keyboard.press("Escape")
        await opened.said("main", "No report here")


def everywhere(places: int) -> Iterator[dict[str, Any]]:
    """A strike on each of so many places: those of the gazetteer, and others that only their names tell apart."""
    text = gzip.decompress(files("incidentlog.places").joinpath("data/places.tsv.gz").read_bytes()).decode()
    known = [f"geonames:{row['geonameid']}" for row in csv.DictReader(text.splitlines(), delimiter="\t")]
    for n in range(places):
        name = {"name": f"Place {n}", "precision": "settlement", **({"place_id": known[n]} if n < len(known) else {})}
        yield strike(stream=None, place=name)


async def test_of_very_many_places_the_largest_are_drawn_and_the_rest_is_told(browser: Any, server: Server):
    talks = next(line for line in TIMELINE.read_bytes().splitlines() if b'"talk.held"' in line)
    async with (
        log_of(server, talks, *everywhere(PLACES)) as served,
        board(browser, served, "&from=2025-11-01") as opened,
    ):
        await opened.page.wait_for_selector(".map .spot")
        assert 1 < await opened.page.locator(".map .spot").count() <= 1_000
        await opened.said(".map", "The largest 1,000 are drawn. 1,500 more places, with 1,500 incidents, are not")
        await opened.page.click(".cities .pager button")
        await opened.said(".cities", "1,500 more places, with 1,500 incidents, are not in this table")
        rows = await opened.page.locator(".cities tbody tr").count()
        assert rows == 1_000
        await opened.page.click(".cities .pager button")
        elements = await opened.page.evaluate("() => document.querySelectorAll('*').length")
        assert elements < 12_000
        # One that is none of the largest is found all the same: the answer names none of those left out.
        rows = await served.rows("city_incidents", kind="strike", order_by="incidents")
        last = list(rows)[-1]
        await opened.page.goto(f"{served.url}/?lang=en&from=2025-11-01&place={quote(last)}")
        await opened.page.wait_for_selector(f".cities tr.chosen[data-place='{last}']")
        assert await opened.page.locator(".cities [role=status]").count() == 0
        # And what lies years behind all of these is found in the list of events: it is looked for further and further back.
        await opened.page.goto(f"{served.url}/?lang=en&feed=talk&to=2026-03-01")
        await opened.said(".feed", "Talks held")
