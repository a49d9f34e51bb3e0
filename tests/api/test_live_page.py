"""The page at /docs/live, in a browser: what it shows of much, and what it says to whoever is refused."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from incidentlog.config import Settings
from incidentlog.embedded import Server
from tests.api.serving import ADMIN, Served, serving
from tests.browser import TELEPHONE, Tab, needs_browser, sign_in, tab
from tests.commands import strike
from tests.conftest import log_called

pytestmark = needs_browser
DAYS = [f"{year}-{month:02}-{day:02}" for year in (2024, 2025) for month in (1, 3, 5, 7) for day in range(1, 32)]
"""Of 248 days, which are more than the page shows rows."""


@pytest.fixture(scope="module")
async def open_to_all(server: Server) -> AsyncIterator[Served]:
    """A log of one strike on each of the days, which is open to all."""
    settings = Settings(open_read=True)
    async with log_called("test_live_page", server) as access, serving(access, settings=settings) as served:
        occurred = [{"start": day, "precision": "day", "tz": "Europe/Kyiv"} for day in DAYS]
        await served.fill(*(strike(stream=None, occurred=each, reported_at=each["start"]) for each in occurred))
        await served.settled()
        yield served


async def follow(opened: Tab, projection: str, group: str = "", text: str = "") -> None:
    await opened.page.wait_for_selector("#described tr")
    await opened.page.select_option("#projection", projection)
    await opened.page.fill("#group", group)
    await opened.page.fill("#filter", text)
    await opened.page.click("#follow")


async def keys(opened: Tab) -> list[str]:
    return list(await opened.page.locator("#rows tbody tr td:first-child").all_inner_texts())


async def test_of_more_rows_than_it_shows_it_shows_the_newest_and_how_many_are_left_out(
    browser: Any, open_to_all: Served
):
    async with tab(browser, open_to_all.url, "/docs/live") as opened:
        await follow(opened, "city_incidents", "day")
        await opened.said("#left", "The newest 200 rows; 48 older ones are left out.")
        assert await keys(opened) == sorted(DAYS, reverse=True)[:200]
        await open_to_all.add(strike(stream=None, occurred={"start": DAYS[0], "precision": "day", "tz": "Europe/Kyiv"}))
        await opened.said("#state", "by event")
        assert (await keys(opened))[0] == DAYS[0]
        assert await opened.page.locator("#rows tr.changed").count() == 1


async def test_of_a_log_that_grows_it_shows_the_newest_events_first(browser: Any, open_to_all: Served):
    async with tab(browser, open_to_all.url, "/docs/live") as opened:
        await follow(opened, "events")
        await opened.said("#state", "at position")
        await open_to_all.fill(*(strike(stream=None) for _ in range(230)))
        head = await open_to_all.settled()
        await opened.said("#rows tbody", str(head))
        await opened.said("#left", "The newest 200 rows; 30 older ones are left out.")
        assert (await keys(opened))[0] == f"{head:09}"


async def test_a_wrong_key_is_told_and_nothing_is_followed_by_it_where_all_may_read(browser: Any, open_to_all: Served):
    async with tab(browser, open_to_all.url, "/docs/live", complains=True) as opened:
        await follow(opened, "city_incidents")
        await opened.said("#state", "without a key")
        for wrong, said in (("no-such-key", "the key is not known"), ("ключ", "Give a key"), ("", "Give a key")):
            await sign_in(opened.page, wrong)
            await opened.said("dialog .fault", said)
        await sign_in(opened.page, ADMIN)
        await opened.said("#state", ", as admin")
        await opened.page.click("text=Sign out")
        await opened.said("#state", "You are signed out.")
        assert await opened.page.is_enabled("#follow")


async def test_where_reading_is_not_open_it_asks_for_a_key_and_follows_by_it(browser: Any, busy: Served):
    async with tab(browser, busy.url, "/docs/live", complains=True) as opened:
        await follow(opened, "city_incidents")
        await opened.said("dialog", "Reading is not open here.")
        await opened.page.keyboard.press("Escape")
        await opened.said("#state", "sign in first")
        await opened.page.click("#follow")
        await sign_in(opened.page, "no-such-key")
        await opened.said("dialog .fault", "the key is not known")
        assert [address for address in opened.asked if address.endswith("/v1/live")] == []
        await sign_in(opened.page, ADMIN)
        await opened.said("#state", ", as admin")


async def test_a_subscription_that_is_refused_is_told_with_each_fault_and_can_be_asked_for_again(
    browser: Any, open_to_all: Served
):
    async with tab(browser, open_to_all.url, "/docs/live") as opened:
        await follow(opened, "city_incidents", "nothing")
        await opened.said("#state", "nothing")
        await opened.page.wait_for_selector("#follow:enabled")
        assert await opened.page.is_disabled("#stop")
        assert "city_incidents" in await opened.page.inner_text("#state")
        await follow(opened, "city_incidents", "day")
        await opened.said("#state", "snapshot at position")


async def test_who_was_signed_out_elsewhere_is_told_and_is_not_followed_for_as_somebody_else(
    browser: Any, open_to_all: Served
):
    async with tab(browser, open_to_all.url, "/docs/live", complains=True) as opened:
        await sign_in(opened.page, ADMIN)
        await follow(opened, "city_incidents")
        await opened.said("#state", ", as admin")
        await opened.page.click("#stop")
        (cookie,) = await opened.page.context.cookies()
        sent = {"Cookie": f"{cookie['name']}={cookie['value']}"}
        assert (await open_to_all.by(None).ask("DELETE", "/v1/session", headers=sent)).status == 204
        await opened.page.click("#resume")
        await opened.said("#state", "You are signed out.")
        await opened.page.wait_for_selector("#signing >> text=Sign in")
        await opened.page.click("#follow")
        await opened.said("#state", "without a key")


async def test_it_fits_a_telephone(browser: Any, open_to_all: Served):
    async with tab(browser, open_to_all.url, "/docs/live", viewport=TELEPHONE) as opened:
        await follow(opened, "city_incidents", "place")
        await opened.said("#state", "snapshot at position")
        await opened.said("#rows", "geonames")
        assert await opened.width() <= TELEPHONE["width"]
