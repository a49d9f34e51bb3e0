"""Chromium's WebSocket follows, and the page at /docs/live lets one try it; skipped where there is no chromium."""

from typing import Any

from tests.api.serving import ADMIN, Served
from tests.browser import needs_browser, sign_in
from tests.commands import retraction, strike

ODESA = "geonames:698740"
FIRST_HEARD = """() => new Promise((resolve) => {
    const source = new EventSource("/v1/projections/city_incidents/stream");
    source.onmessage = ({ data }) => { source.close(); resolve(JSON.parse(data).type); };
    source.onerror = () => { source.close(); resolve("refused"); };
})"""

pytestmark = needs_browser


async def test_chromium_follows_a_projection_on_the_page_that_explains_it_and_comes_back(browser: Any, busy: Served):
    event = strike(stream="strike:seen-by-chromium")
    await busy.add(event)
    await busy.settled()
    asked: list[str] = []
    complaints: list[str] = []
    page = await browser.new_page()
    page.on("request", lambda request: asked.append(request.url))
    page.on("websocket", lambda socket: asked.append(socket.url.replace("ws:", "http:")))
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    await page.goto(f"{busy.url}/docs/live")
    await page.wait_for_selector("#described tr")
    await sign_in(page, ADMIN)
    await page.select_option("#projection", "city_incidents")
    await page.click("#follow")
    row = page.locator("#rows tbody tr", has_text=ODESA)
    await row.wait_for(timeout=60_000)
    before = await row.inner_text()
    await busy.add(strike(stream=None))
    await page.wait_for_function("(before) => document.querySelector('#rows').innerText !== before", arg=before)
    await page.wait_for_function("() => document.querySelector('#state').innerText.includes('by event')")
    await page.click("#stop")
    (retracted,) = await busy.add({**retraction(event["id"]), "stream": "strike:seen-by-chromium"})
    await busy.settled()
    await page.click("#resume")
    await page.wait_for_function("() => document.querySelector('#state').innerText.includes('restated')")
    assert f'"to":{retracted}' in await page.inner_text("#messages")
    assert complaints == []
    assert all(address.startswith(busy.url) for address in asked), asked
    await page.close()


async def test_chromium_stays_signed_in_and_follows_without_a_key_on_the_page(browser: Any, busy: Served):
    complaints: list[str] = []
    context = await browser.new_context()
    page = await context.new_page()
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    await page.goto(f"{busy.url}/docs/live")
    await page.wait_for_selector("#described tr")
    await sign_in(page, ADMIN)
    assert await page.evaluate("document.cookie") == ""
    await page.reload()
    await page.wait_for_selector("text=Signed in as admin")
    await page.select_option("#projection", "city_incidents")
    await page.click("#follow")
    await page.wait_for_function("() => document.querySelector('#state').innerText.includes('snapshot at position')")
    assert await page.evaluate(FIRST_HEARD) == "subscribed"
    assert complaints == []
    await page.click("#stop")
    await page.click("text=Sign out")
    await page.wait_for_selector("#signing >> text=Sign in")
    assert await context.cookies() == []
    assert await page.evaluate(FIRST_HEARD) == "refused"
    await context.close()
