"""Debian's Chromium, and a page in it that asks nothing of another host and has no complaint."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium")
WITHOUT = (
    # Of the window, which nobody sees: two pages of the address bar, in a process, and a process for a page that may come.
    # They cost half as much again as the page that is looked at.
    "WebUIOmniboxPopup", "WebUIOmniboxAimPopup", "SpareRendererForSitePerProcess",
    # What Playwright switches off: of two such flags the browser goes by the last.
    "AvoidUnnecessaryBeforeUnloadCheckSync", "DestroyProfileOnBrowserClose", "HttpsUpgrades",
    "HttpsFirstBalancedModeAutoEnable", "LensOverlay", "MediaRouter", "PaintHolding", "ThirdPartyStoragePartitioning",
    "AvoidCorsURLLoaderRestartOnRedirect", "OptimizationHints", "NetworkTimeServiceQuerying", "AimEnabled",
    "PreconnectToSearch",
)  # fmt: skip
FLAGS = [
    f"--disable-features={','.join(WITHOUT)}",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium to open the page in")
POLLED_MS = 50
"""How often a page is looked at that is waited for: in each frame it would have to be drawn for that alone."""
TELEPHONE = {"width": 375, "height": 740}


@dataclass
class Tab:
    """A page that is open; every address that it asked for, and what the browser complained of."""

    page: Any
    asked: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    async def said(self, selector: str, text: str) -> None:
        """Wait, at most 60 s, until an element says this among others."""
        await self.page.wait_for_function(
            "([selector, text]) => document.querySelector(selector)?.innerText.includes(text)",
            arg=[selector, text],
            timeout=60_000,
            polling=POLLED_MS,
        )

    async def width(self) -> int:
        """How wide the page is, in CSS pixels: more than its window has means that it is moved sideways."""
        return int(await self.page.evaluate("document.documentElement.scrollWidth"))


@asynccontextmanager
async def tab(browser: Any, url: str, path: str, *, complains: bool = False, **how: Any) -> AsyncIterator[Tab]:
    """A page of the service at `url`, in a context of its own.

    `complains`: the browser may write into its console, which it does of each answer that is a refusal.
    """
    context = await browser.new_context(**how)
    page = await context.new_page()
    opened = Tab(page)
    page.on("request", lambda request: opened.asked.append(request.url))
    page.on("websocket", lambda socket: opened.asked.append(socket.url.replace("ws:", "http:")))
    page.on("console", lambda message: opened.complaints.append(message.text))
    page.on("pageerror", lambda error: opened.complaints.append(f"error: {error}"))
    await page.goto(f"{url}{path}")
    yield opened
    unwanted = [c for c in opened.complaints if not complains or c.startswith("error: ")]
    assert unwanted == [], unwanted
    assert all(address.startswith((f"{url}/", "blob:", "data:")) for address in opened.asked), opened.asked
    await context.close()


async def sign_in(page: Any, key: str) -> None:
    """Sign in by the form of any page; it stays open where the key is not good."""
    if await page.locator("dialog[open]").count() == 0:
        await page.click("text=Sign in")
    await page.fill("dialog input", key)
    await page.click("dialog button[type=submit]")
    await page.wait_for_selector("dialog:not([open]), dialog .fault:not(:empty)", state="attached")
