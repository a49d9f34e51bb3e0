"""How quick the board is in Chromium, over a long history: its first picture, what it transfers, and each interaction.

python -m tests.benchmarks.page [EVENTS]
python -m tests.benchmarks.page places [PLACES]

The second fills the log with one strike on each of so many places, 50,000 unless told otherwise.

Beside each interaction stands its limit: the addresses that it asked for, asked for again by themselves, all at once
and on connections that are open. What is left over is the page's own.
"""

import asyncio
import random
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Final
from urllib.parse import urlsplit

import orjson
from playwright.async_api import async_playwright

import incidentlog.projections  # noqa: F401 - registers every event and projection
from incidentlog.store.append import Append
from tests.api.serving import Served
from tests.benchmarks.filled import filled
from tests.benchmarks.history import commands
from tests.benchmarks.machine import heading, percentile
from tests.browser import CHROMIUM, FLAGS
from tests.commands import DOOR
from tests.page.test_edges import everywhere

ROUNDS: Final = 20
COLD: Final = 5
DAYS: Final = 30
"""Over how many days "as known on" is dragged."""
AGAIN: Final = "the same days once more"
"""What follows the dragging on the same page: the answers are kept there."""
FIRST_PICTURE: Final = "#headline, .map .spot, .cities tbody tr"
"""What has to be there, each of it, before somebody understands something."""
WATCH: Final = """(() => {
    const bare = globalThis.fetch;
    const watched = globalThis.watched = { busy: 0, asked: [], picture: null };
    globalThis.fetch = async (...given) => {
        watched.busy += 1;
        watched.asked.push(String(given[0]?.url ?? given[0]));
        try {
            const answer = await bare(...given);
            const json = answer.json.bind(answer);
            answer.json = async () => {
                watched.busy += 1;
                try { return await json(); } finally { watched.busy -= 1; }
            };
            return answer;
        } finally { watched.busy -= 1; }
    };
    // Nothing is asked any more, and what came has been drawn: the second of four frames on end.
    watched.settled = () => new Promise((done) => {
        let [quiet, at] = [0, 0];
        const look = () => {
            quiet = watched.busy === 0 ? quiet + 1 : 0;
            if (quiet === 2) at = performance.now();
            if (quiet === 4) done(at);
            else requestAnimationFrame(look);
        };
        requestAnimationFrame(look);
    });
    const parts = PARTS;
    const look = () => {
        if (parts.every((part) => document.querySelector(part))) watched.picture = performance.now();
        else requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
})()""".replace("PARTS", str(FIRST_PICTURE.split(", ")))
SET: Final = """const field = document.querySelector(arg[0]);
    Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set.call(field, arg[1]);
    field.dispatchEvent(new Event("input", { bubbles: true }));
    field.dispatchEvent(new Event("change", { bubbles: true }));"""
CLICK: Final = """const all = [...document.querySelectorAll(arg[0])];
    all[arg[1] % all.length].dispatchEvent(new MouseEvent("click", { bubbles: true }));"""


@dataclass
class Figures:
    """Milliseconds of an interaction, and of what it asked for by itself."""

    page: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)
    asked: list[int] = field(default_factory=list)

    def told(self) -> str:
        """Median and 95th percentile of both."""
        if not self.page:
            return "not there"
        asked = percentile(self.asked, 0.5)
        return f"{both(self.page)}   bare {both(self.bare)}   {asked:.0f} requests"


def both(values: Sequence[float]) -> str:
    """Median and 95th percentile."""
    return f"median {percentile(values, 0.5):6.0f} ms, p95 {percentile(values, 0.95):6.0f} ms"


async def run(events: Iterator[Append], title: str) -> None:
    """Fill a log, wait for the projections, and use the page."""
    heading(f"The board over {title}, in Chromium")
    async with filled(events) as (served, _), async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        await cold(served, browser)
        await interactions(served, browser)
        await browser.close()


async def open_context(served: Served, browser: Any) -> Any:
    """A browser that has nothing of the page, and is signed in."""
    context = await browser.new_context(viewport={"width": 1440, "height": 900})
    await context.add_init_script(WATCH)
    await context.request.post(f"{served.url}/v1/session", headers={"Authorization": f"Bearer {served.key}"})
    return context


async def cold(served: Served, browser: Any) -> None:
    """The first picture on a cold cache, and all that is transferred until nothing is asked any more."""
    pictures, limits, sizes = list[float](), list[float](), list[float]()
    for _ in range(COLD):
        context = await open_context(served, browser)
        page = await context.new_page()
        wire = await context.new_cdp_session(page)
        transferred = 0

        def arrived(told: dict[str, Any]) -> None:
            nonlocal transferred
            transferred += told["encodedDataLength"]

        wire.on("Network.loadingFinished", arrived)
        await wire.send("Network.enable")
        asked: list[str] = []
        page.on("request", lambda request, asked=asked: asked.append(request.url))
        await page.goto(served.url)
        await page.wait_for_function("() => watched.picture !== null", timeout=60_000)
        await page.evaluate("() => watched.settled()")
        pictures.append(await page.evaluate("() => watched.picture"))
        sizes.append(transferred)
        limits.append(await bare(served, asked))
        await context.close()
    print(f"{'first picture, cold':42} {both(pictures)}   bare {both(limits)}")
    print(f"{'transferred':42} {percentile(sizes, 0.5) / 1000:,.0f} KB")


async def bare(served: Served, addresses: Sequence[str]) -> float:
    """How many milliseconds the same addresses take, asked for all at once; what is followed is not waited for."""
    paths = [parts for each in addresses if (parts := urlsplit(each)).scheme == "http"]
    begun = time.perf_counter()
    headers = {"Accept": "application/json, application/geo+json, */*;q=0.5"}
    await asyncio.gather(
        *(served.ask("GET", p.path + (f"?{p.query}" if p.query else ""), headers=headers) for p in paths)
    )
    return (time.perf_counter() - begun) * 1000


async def interactions(served: Served, browser: Any) -> None:
    """Each interaction some times over, with another value each time."""
    context = await open_context(served, browser)
    page = await context.new_page()
    await page.goto(served.url)
    await page.wait_for_function("() => watched.picture !== null", timeout=60_000)
    await page.evaluate("() => watched.settled()")
    drawn = random.Random(1)
    last = date.fromisoformat(await page.evaluate("() => document.querySelector('#known-day')?.max || '2026-01-01'"))
    some_day = [str(last - timedelta(days=drawn.randrange(30, 900))) for _ in range(ROUNDS)]
    steps = await page.evaluate("() => Number(document.querySelector('.knowledge input[type=range]')?.max)")
    chosen: dict[str, tuple[str, list[Any]]] = {
        "the period: a preset": (CLICK, [[".world .presets button", n] for n in range(ROUNDS)]),
        "the period: its first day": (SET, [[".world .dates label:first-child input", day] for day in some_day]),
        "as known on a day": (SET, [["#known-day", day] for day in some_day]),
        f"as known on, dragged over {DAYS} days": (
            SET,
            [[".knowledge input[type=range]", str(steps - 100 - n)] for n in range(DAYS)],
        ),
        AGAIN: (
            SET,
            [[".knowledge input[type=range]", str(steps - 100 - DAYS + n)] for n in range(1, DAYS)],
        ),
        "the figure: incidents, killed, injured": (CLICK, [[".map .figures button", n] for n in range(ROUNDS)]),
        "a kind more or less": (CLICK, [[".map .legend button", n % 3] for n in range(ROUNDS)]),
        "a place of the table": (CLICK, [[".cities tbody button.name", n * 3] for n in range(ROUNDS)]),
        "a story of the feed": (CLICK, [[".feed button.story", n] for n in range(ROUNDS)]),
        "a search": (SET, [[".cities input[type=search]", text] for text in ("Kh", "Od", "Kyi", "Za", "Suma") * 4]),
        "the map, nearer": (CLICK, [[".map .zoom button", n % 2] for n in range(ROUNDS)]),
        "compared with a day": (SET, [["#compare-day", day] for day in some_day]),
    }
    for name, (how, values) in chosen.items():
        if name != AGAIN:  # each begins with the board as it is opened
            await page.goto(served.url)
            await page.wait_for_function("() => watched.picture !== null", timeout=60_000)
            await page.evaluate("() => watched.settled()")
        if name == "compared with a day":
            await page.evaluate("() => document.querySelector('.knowledge .plain')?.click()")
            await page.evaluate("() => watched.settled()")
        print(f"{name:42} {(await timed(served, page, how, values)).told()}", flush=True)
    await context.close()


async def timed(served: Served, page: Any, how: str, values: Sequence[Any]) -> Figures:
    """Do something with each of the values, and ask bare for what was asked for each time."""
    found = Figures()
    acted = """async (arg) => {
        if (document.querySelector(arg[0]) === null) return null;
        const begun = performance.now();
        watched.asked.length = 0;
        { HOW }
        return [(await watched.settled()) - begun, [...watched.asked]];
    }""".replace("HOW", how)
    for value in values:
        told = await page.evaluate(acted, value)
        if told is None:
            continue
        took, asked = told
        found.page.append(took)
        found.asked.append(len(asked))
        found.bare.append(await bare(served, asked))
    return found


def strikes(places: int) -> Iterator[Append]:
    """One strike on each of so many places, as the door makes them."""
    for event in everywhere(places):
        yield DOOR.read(orjson.dumps(event), recorded_by="places").command


if __name__ == "__main__":
    number = int(sys.argv[-1]) if sys.argv[-1].isdigit() else None
    if "places" in sys.argv:
        asyncio.run(run(strikes(number or 50_000), f"{number or 50_000:,} places"))
    else:
        asyncio.run(run(commands(number or 100_000), f"{number or 100_000:,} events"))
