"""How quick the board is in Chromium, over a long history: its first picture, what it transfers, and each interaction.

python -m tests.benchmarks.page [EVENTS]
python -m tests.benchmarks.page places [PLACES]
python -m tests.benchmarks.page demo

The second fills the log with one strike on each of so many places, 50,000 unless told otherwise; the third with the
events of the demonstration.

An interaction is over when what is in sight has been drawn; `whole` is when what lies below has, too, for which the
next one waits, save while something is dragged. Beside each stands its limit: the addresses that it asked for, asked
for again by themselves, all at once and on connections that are open. What is left over is the page's own.

The log is recorded in one go, and its commits are dated back afterwards, one for each day: so that on each of the days
up to which it is dragged something else was known.
"""

import asyncio
import os
import random
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import orjson
from playwright.async_api import async_playwright

import incidentlog.projections
from incidentlog.service.service import prepare
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
WINDOW_SECONDS: Final = 2
"""How long a window has stood when an address is typed into it: opening one takes Chromium's own two hundred modules."""
DAYS: Final = 30
"""Over how many days "as known on" is dragged."""
BACK: Final = 90
"""From how many days back a day is drawn as on which something is known."""
TIMELINE: Final = Path(incidentlog.__file__).parent / "demo" / "timeline.ndjson"
DRAGGED: Final = f"as known on, dragged over {DAYS} days"
AGAIN: Final = "the same days once more"
"""What follows the dragging on the same page: the answers are kept there."""
FIRST_PICTURE: Final = "#headline, .map .spot, .cities tbody tr"
"""What has to be there, each of it, before somebody understands something."""
WATCH: Final = """(() => {
    const bare = globalThis.fetch;
    const watched = globalThis.watched = { busy: 0, asked: [] };
    watched.pictured = new Promise((done) => { watched.picture = done; });
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
    // Nothing in sight is asked any more, and what came has been drawn: the second of four frames on end.
    watched.settled = () => new Promise((done) => {
        let [quiet, at] = [0, 0];
        const look = () => {
            quiet = watched.busy === 0 || document.documentElement.dataset.below === "true" ? quiet + 1 : 0;
            if (quiet === 2) at = performance.now();
            if (quiet === 4) done(at);
            else requestAnimationFrame(look);
        };
        requestAnimationFrame(look);
    });
    watched.whole = async () => {
        while (document.documentElement.dataset.reading !== "0" || document.querySelector("[data-stale=true]")) {
            await new Promise(requestAnimationFrame);
        }
        return watched.settled();
    };
    // Looked for whenever something was drawn anew, and not in each frame: that would take of the page's own time.
    const parts = PARTS;
    const look = () => {
        if (!parts.every((part) => document.querySelector(part))) return;
        drawing.disconnect();
        requestAnimationFrame(() => watched.picture(performance.now()));
    };
    const drawing = new MutationObserver(look);
    drawing.observe(document, { childList: true, subtree: true });
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
    whole: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)
    asked: list[int] = field(default_factory=list)

    def told(self) -> str:
        """Median and 95th percentile of each."""
        if not self.page:
            return "not there"
        asked = percentile(self.asked, 0.5)
        whole = f"   whole {both(self.whole)}" if self.whole else ""
        return f"{both(self.page)}   bare {both(self.bare)}   {asked:.0f} requests{whole}"


def both(values: Sequence[float]) -> str:
    """Median and 95th percentile."""
    return f"median {percentile(values, 0.5):6.0f} ms, p95 {percentile(values, 0.95):6.0f} ms"


async def run(events: Iterator[Append], title: str) -> None:
    """Fill a log, wait for the projections, and use the page."""
    heading(f"The board over {title}, in Chromium")
    async with filled(events) as (served, _), async_playwright() as driver:
        await date_back(served)
        await prepare({"api"})  # as a node does that answers
        print(f"load {os.getloadavg()[0]:.1f}")
        browser = await driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        await cold(served, browser, "first picture, cold", WINDOW_SECONDS)
        await cold(served, browser, "the same, in a window that is opening", 0)
        await interactions(served, browser)
        await browser.close()
    print(f"load {os.getloadavg()[0]:.1f}")


async def date_back(served: Served) -> None:
    """Let each commit have been recorded a day after the one before it, and the last one when it was."""
    connection = await served.access.connect()
    try:
        await connection.execute(
            """
            ALTER TABLE commits DISABLE TRIGGER append_only;
            UPDATE commits SET recorded_at = dated.at FROM (
                SELECT last_position, max(recorded_at) OVER () - interval '1 day' * (count(*) OVER () - rank) AS at
                FROM (SELECT *, row_number() OVER (ORDER BY last_position) AS rank FROM commits) AS ranked
            ) AS dated WHERE dated.last_position = commits.last_position AND dated.at <> commits.recorded_at;
            ALTER TABLE commits ENABLE ALWAYS TRIGGER append_only;
            """
        )
    finally:
        await connection.close()


async def open_context(served: Served, browser: Any) -> Any:
    """A browser that has nothing of the page, and is signed in."""
    context = await browser.new_context(viewport={"width": 1440, "height": 900})
    await context.add_init_script(WATCH)
    await context.request.post(f"{served.url}/v1/session", headers={"Authorization": f"Bearer {served.key}"})
    return context


async def cold(served: Served, browser: Any, name: str, stood: float) -> None:
    """The first picture on a cold cache, and all that is transferred until nothing is asked any more.

    `stood`: for how many seconds the window has been open.
    """
    pictures, limits, sizes = list[float](), list[float](), list[float]()
    for _ in range(COLD):
        context = await open_context(served, browser)
        page = await context.new_page()
        await asyncio.sleep(stood)
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
        pictures.append(await page.evaluate("() => watched.pictured"))
        needed = [*asked]
        await page.evaluate("() => watched.whole()")
        sizes.append(transferred)
        limits.append(await bare(served, needed))
        await context.close()
    print(f"{name:42} {both(pictures)}   bare {both(limits)}")
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
    await page.evaluate("() => watched.pictured")
    await page.evaluate("() => watched.whole()")
    drawn = random.Random(1)
    last = date.fromisoformat(await page.evaluate("() => document.querySelector('#known-day')?.max || '2026-01-01'"))
    some_day = [str(last - timedelta(days=drawn.randrange(30, 900))) for _ in range(ROUNDS)]
    known_day = [str(last - timedelta(days=drawn.randrange(1, BACK))) for _ in range(ROUNDS)]
    steps = await page.evaluate("() => Number(document.querySelector('.knowledge input[type=range]')?.max)")
    chosen: dict[str, tuple[str, list[Any]]] = {
        "the period: a preset": (CLICK, [[".world .presets button", n] for n in range(ROUNDS)]),
        "the period: its first day": (SET, [[".world .dates label:first-child input", day] for day in some_day]),
        "as known on a day": (SET, [["#known-day", day] for day in known_day]),
        DRAGGED: (
            SET,
            [[".knowledge input[type=range]", str(steps - 5 - n)] for n in range(DAYS)],
        ),
        AGAIN: (
            SET,
            [[".knowledge input[type=range]", str(steps - 5 - DAYS + n)] for n in range(1, DAYS)],
        ),
        "the figure: incidents, killed, injured": (CLICK, [[".map .figures button", n] for n in range(ROUNDS)]),
        "a kind more or less": (CLICK, [[".map .legend button", n % 3] for n in range(ROUNDS)]),
        "a place of the table": (CLICK, [[".cities tbody button.name", n * 3] for n in range(ROUNDS)]),
        "a story of the feed": (CLICK, [[".feed button.story", n] for n in range(ROUNDS)]),
        "a search": (SET, [[".cities input[type=search]", text] for text in ("Kh", "Od", "Kyi", "Za", "Suma") * 4]),
        "the map, nearer": (CLICK, [[".map .zoom button", n % 2] for n in range(ROUNDS)]),
        "compared with a day": (SET, [["#compare-day", day] for day in known_day]),
    }
    for name, (how, values) in chosen.items():
        if name != AGAIN:  # each begins with the board as it is opened
            await page.goto(served.url)
            await page.evaluate("() => watched.pictured")
            await page.evaluate("() => watched.whole()")
        if name == "compared with a day":
            await page.evaluate("() => document.querySelector('.knowledge .plain')?.click()")
            await page.evaluate("() => watched.whole()")
        dragged = name in {AGAIN, DRAGGED}
        print(f"{name:42} {(await timed(served, page, how, values, dragged=dragged)).told()}", flush=True)
    await context.close()


async def timed(served: Served, page: Any, how: str, values: Sequence[Any], *, dragged: bool) -> Figures:
    """Do something with each of the values, and ask bare for what was asked for each time."""
    found = Figures()
    acted = """async (arg) => {
        if (document.querySelector(arg[0]) === null) return null;
        const begun = performance.now();
        watched.asked.length = 0;
        { HOW }
        const [seen, asked] = [(await watched.settled()) - begun, [...watched.asked]];
        return [seen, asked, DRAGGED ? null : (await watched.whole()) - begun];
    }""".replace("HOW", how).replace("DRAGGED", "true" if dragged else "false")
    for value in values:
        told = await page.evaluate(acted, value)
        if told is None:
            continue
        took, asked, whole = told
        found.page.append(took)
        if whole is not None:
            found.whole.append(whole)
        found.asked.append(len(asked))
        found.bare.append(await bare(served, asked))
    return found


def strikes(places: int) -> Iterator[Append]:
    """One strike on each of so many places, as the door makes them."""
    for event in everywhere(places):
        yield DOOR.read(orjson.dumps(event), recorded_by="places").command


def timeline() -> Iterator[Append]:
    """The demonstration's events, as the door makes them."""
    for line in TIMELINE.read_bytes().splitlines():
        yield DOOR.read(line, recorded_by="demo").command


if __name__ == "__main__":
    number = int(sys.argv[-1]) if sys.argv[-1].isdigit() else None
    if "demo" in sys.argv:
        asyncio.run(run(timeline(), "the demonstration's events"))
    elif "places" in sys.argv:
        asyncio.run(run(strikes(number or 50_000), f"{number or 50_000:,} places"))
    else:
        asyncio.run(run(commands(number or 100_000), f"{number or 100_000:,} events"))
