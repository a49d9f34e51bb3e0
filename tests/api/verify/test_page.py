"""The page in a browser: what a person sees who drops an export or a proof; and that it asks nothing of anybody.

In Debian's Chromium; without it, or without playwright, these are skipped.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from incidentlog.audit.export import Wanted, export
from incidentlog.audit.merkle import inclusion_spans, leaf_hash, prove
from incidentlog.audit.notes import Signer
from incidentlog.audit.proofs import InclusionProof
from incidentlog.store.connect import Access
from tests.api.serving import Served, serving
from tests.api.verify.exporting import head_of, write_export
from tests.api.verify.test_modules import LOG, line, ndjson, node_of
from tests.audit.sealing import sealing
from tests.browser import TELEPHONE, Tab, needs_browser, tab
from tests.commands import about, strike


@dataclass
class Page:
    """The page, open."""

    page: Any
    tab: Tab

    async def drop(self, *files: Path) -> None:
        await self.page.set_input_files("#files", [str(f) for f in files])
        await self.settled()

    async def type_key(self, vkey: str) -> None:
        await self.page.fill("#key", vkey)
        await self.settled()

    async def settled(self) -> None:
        """Wait until what was asked for last has been answered."""
        await self.page.wait_for_function(
            "() => document.documentElement.dataset.settled === document.documentElement.dataset.asked", timeout=60_000
        )

    async def verdict(self) -> str:
        return str(await self.page.inner_text("#verdict"))

    async def listed(self, name: str) -> str:
        return "\n".join(await self.page.locator(f"#{name} li").all_inner_texts())


@asynccontextmanager
async def open_page(browser: Any, url: str, **how: Any) -> AsyncIterator[Page]:
    async with tab(browser, url, "/verify", **how) as opened:
        yield Page(opened.page, opened)
        made_of = (f"{url}/verify", f"{url}/page/shell.css", f"{url}/page/vendor/source-s")
        assert all(address.startswith(made_of) for address in opened.asked), opened.asked


LINES = [line(n, private="Олена К." if n % 3 == 0 else None, closed=("private",)) for n in range(1, 13)]


async def test_it_may_ask_nothing_of_anybody(service: Served):
    for path, kind in (
        ("/verify", "text/html"),
        ("/verify/app.js", "text/javascript"),
        ("/verify/style.css", "text/css"),
    ):
        answer = await service.by(None).get(path, {"Accept-Encoding": "identity"})
        assert (answer.status, answer.headers["Content-Type"]) == (200, f"{kind}; charset=utf-8")
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "connect-src 'none'" in policy
        assert "unsafe" not in policy
        again = await service.by(None).get(path, {"If-None-Match": answer.headers["ETag"]})
        assert (again.status, again.raw) == (304, b"")
        assert b"http://" not in answer.raw
        assert b"https://" not in answer.raw
    assert (await service.get("/verify/vectors.mjs")).status == 404
    assert (await service.get("/verify/..%2fverify.py")).status == 404


@needs_browser
async def test_an_export_with_the_logs_key_is_what_was_recorded(service: Served, browser: Any, tmp_path: Path):
    folder = write_export(tmp_path / "export", LINES)
    async with open_page(browser, service.url) as page:
        await page.drop(*folder.iterdir())
        assert await page.verdict() == "It fits together, but nobody vouches for it yet"
        assert "you gave no key" in await page.listed("open")
        await page.type_key(LOG.verifier.vkey)
        assert await page.verdict() == "This is what was recorded"
        proven = await page.listed("proven")
        assert "12 events, number 1 to 12" in proven
        assert "The holder of the key of example.org/log signed exactly this" in proven
        assert "What is private in 4 events" in await page.listed("open")
        await page.type_key(Signer.make("example.org/log").verifier.vkey)
        assert await page.verdict() == "This is not what was recorded"
        await page.type_key("nonsense")
        assert "three parts" in await page.page.inner_text("#key-fault")


@needs_browser
async def test_what_was_changed_is_named(service: Served, browser: Any, tmp_path: Path):
    folder = write_export(tmp_path / "export", LINES)
    changed = [*LINES[:6], {**LINES[6], "parts": {**LINES[6]["parts"], "body": LINES[5]["parts"]["body"]}}, *LINES[7:]]
    (folder / "events.ndjson").write_text(ndjson(changed), "utf-8")
    left_out = write_export(tmp_path / "left-out", LINES)
    (left_out / "events.ndjson").write_text(ndjson(LINES[:-1]), "utf-8")
    async with open_page(browser, service.url) as page:
        await page.type_key(LOG.verifier.vkey)
        await page.drop(*folder.iterdir())
        assert await page.verdict() == "This is not what was recorded"
        assert "Event number 7 has a part “body” that is not what was recorded" in await page.listed("wrong")
        assert await page.page.get_by_text("does not fit", exact=True).count() == 1
        await page.drop(*left_out.iterdir())
        assert "do not add up to what was signed" in await page.listed("wrong")


@needs_browser
async def test_a_stretch_of_the_log_is_held_against_the_whole_and_an_earlier_head(
    service: Served, browser: Any, tmp_path: Path
):
    folder = write_export(tmp_path / "export", LINES, after=5, to=11)
    async with open_page(browser, service.url) as page:
        await page.type_key(LOG.verifier.vkey)
        await page.drop(*folder.iterdir())
        assert "6 events, number 6 to 11" in await page.listed("proven")
        assert "the log is longer" in await page.listed("open")
        await page.page.click("summary:has-text('earlier signed head')")
        for earlier, said, where in (
            (LINES[:8], "Nothing recorded up to number 8 was changed", "proven"),
            (LINES[:5], "Nothing recorded up to number 5 was changed", "proven"),
            ([*LINES[:7], line(8, private="another")], "not the one of the head that you kept", "wrong"),
            ([*LINES, line(13)], "or the log was cut", "wrong"),
            (LINES[:2], "lies before the stretch", "open"),
        ):
            await page.page.fill("#earlier", head_of(earlier))
            await page.settled()
            assert said in await page.listed(where)
        await page.page.fill("#earlier", "example.org/log\n")
        await page.settled()
        assert "no signed head" in await page.page.inner_text("#earlier-fault")


@needs_browser
async def test_every_event_of_a_long_export_can_be_seen_a_page_at_a_time_the_newest_first(
    service: Served, browser: Any, tmp_path: Path
):
    lines = [line(n, private="Олена К." if n % 3 == 0 else None) for n in range(1, 251)]
    folder = write_export(tmp_path / "export", lines, after=10)
    changed = write_export(tmp_path / "changed", lines, after=10)
    other = {**lines[60], "parts": {**lines[60]["parts"], "body": lines[59]["parts"]["body"]}}
    (changed / "events.ndjson").write_text(ndjson([*lines[10:60], other, *lines[61:]]), "utf-8")

    async def numbers() -> list[int]:
        shown = await page.page.locator("#events .at").all_inner_texts()
        return [int(text.removeprefix("No. ")) for text in shown]

    async with open_page(browser, service.url) as page:
        await page.drop(*folder.iterdir())
        assert await numbers() == list(range(250, 210, -1))
        assert "Number 211 to 250, the newest first. 240 were checked." in await page.page.inner_text("#events-note")
        assert await page.page.is_disabled("#newer")
        await page.page.focus("#older")
        await page.page.keyboard.press("Enter")
        await page.tab.said("#events-note", "Number 111 to 210")
        assert await numbers() == list(range(210, 110, -1))
        await page.page.keyboard.press("Enter")
        await page.tab.said("#events-note", "Number 11 to 110")
        assert await page.page.evaluate("document.activeElement.id") == "events-note"
        await page.page.fill("#number", "111")
        await page.page.keyboard.press("Enter")
        await page.tab.said("#events-note", "Number 111 to 210")
        await page.drop(*changed.iterdir())
        assert "Event number 61" in await page.listed("wrong")
        assert (
            await page.page.locator("#events details", has_text="does not fit").locator(".at").inner_text() == "No. 61"
        )


@needs_browser
async def test_a_proof_of_one_event(service: Served, browser: Any, tmp_path: Path):
    hashes = [leaf_hash(each["leaf"].encode()) for each in LINES]
    path = prove(inclusion_spans(2, 12), node_of(hashes))
    good, bad = tmp_path / "good.tlog-proof", tmp_path / "bad.tlog-proof"
    good.write_text(str(InclusionProof(LINES[2]["leaf"].encode(), 2, path, head_of(LINES))), "utf-8")
    bad.write_text(str(InclusionProof(line(3)["leaf"].encode(), 2, path, head_of(LINES))), "utf-8")
    async with open_page(browser, service.url) as page:
        await page.type_key(LOG.verifier.vkey)
        await page.drop(good)
        assert await page.verdict() == "The event is in the log"
        assert "number 3 of 12" in await page.listed("proven")
        await page.drop(bad)
        assert await page.verdict() == "This proves nothing"


@needs_browser
async def test_what_cannot_be_read_is_said_to_be_so(service: Served, browser: Any, tmp_path: Path):
    folder = write_export(tmp_path / "export", LINES)
    other = tmp_path / "notes.txt"
    other.write_text("nothing of ours")
    async with open_page(browser, service.url) as page:
        await page.drop(other)
        assert await page.verdict() == "This cannot be checked"
        assert "manifest.json and checkpoint and events.ndjson" in await page.listed("wrong")
        await page.drop(folder / "checkpoint", folder / "events.ndjson")
        assert "manifest.json" in await page.listed("wrong")


@needs_browser
async def test_it_can_be_used_without_a_mouse_and_on_a_telephone(service: Served, browser: Any, tmp_path: Path):
    folder = write_export(tmp_path / "export", LINES)
    async with open_page(browser, service.url, viewport={"width": 360, "height": 740}) as page:
        await page.page.keyboard.press("Tab")
        await page.page.keyboard.press("Enter")  # past the header
        for wanted in ("files", "folder", "key"):
            await page.page.keyboard.press("Tab")
            assert await page.page.evaluate("document.activeElement.id") == wanted
        await page.drop(*folder.iterdir())
        assert await page.page.evaluate("document.activeElement.id") == "result"
        assert await page.tab.width() <= 360


@needs_browser
async def test_nothing_is_wider_than_a_telephone(service: Served, browser: Any, tmp_path: Path):
    name = "aFileWithAVeryLongName" * 9 + ".tlog-proof"
    (tmp_path / name).write_text("nothing of ours", "utf-8")
    folder = write_export(tmp_path / "export", [line(n) for n in range(1, 205)])
    async with open_page(browser, service.url, viewport=TELEPHONE) as page:
        await page.drop(tmp_path / name)
        assert await page.tab.width() <= TELEPHONE["width"]
        await page.type_key(LOG.verifier.vkey)
        await page.drop(*folder.iterdir())
        await page.page.click("details.facts summary")
        await page.page.click("#events details >> nth=0")
        assert await page.tab.width() <= TELEPHONE["width"]


@needs_browser
async def test_a_real_export_and_a_real_proof_of_a_log_that_is_sealed(access: Access, browser: Any, tmp_path: Path):
    event = strike(stream="strike:one", private={"witness": "Олена К."}, notes="seen from the harbour")
    erased = about("erased", event["id"], part="body", ground="a right")
    async with sealing(access) as log, serving(access, folder=log.folder) as service:
        await service.add(*(strike() for _ in range(300)), event, erased)
        assert await service.service.notary.sealed(302, 20)
        everything = Wanted(clearance=4, private=True)
        folder = tmp_path / "export"
        await export(
            log.admin, folder, everything, by="a newsroom", purpose="a story", at=datetime(2026, 3, 1, tzinfo=UTC)
        )
        stretch = tmp_path / "stretch"
        await export(
            log.admin,
            stretch,
            Wanted(after=100, to=290),
            by="a newsroom",
            purpose=None,
            at=datetime(2026, 3, 1, tzinfo=UTC),
        )
        proof = tmp_path / "event.tlog-proof"
        proof.write_bytes((await service.get(f"/v1/events/{event['id']}/proof")).raw)
        vkey = (await service.get("/v1/log/key")).json["vkey"]
        async with open_page(browser, service.url) as page:
            await page.type_key(vkey)
            await page.drop(*folder.iterdir())
            assert await page.verdict() == "This is what was recorded"
            assert "302 events, number 1 to 302" in await page.listed("proven")
            assert "What 1 event says: it has its place" in await page.listed("open")
            assert "Number 301 to 302" in await page.page.inner_text("#events-note")
            await page.page.fill("#number", "300")
            await page.page.keyboard.press("Enter")
            await page.page.click("#events details:has-text('No. 300')")
            assert "strike.reported" in await page.page.inner_text("#events pre")
            assert "made by a newsroom" in await page.listed("said")
            assert "No event was left out for its marking" in await page.listed("said")
            await page.drop(*stretch.iterdir())
            assert await page.verdict() == "This is what was recorded"
            assert "190 events, number 101 to 290" in await page.listed("proven")
            await page.drop(proof)
            assert await page.verdict() == "The event is in the log"
