"""In which coding answers come: what that saves, and that caches and streams are not harmed by it."""

import asyncio
import gzip

import aiohttp
import pytest

from incidentlog.api.codings import AT_ONCE, CODERS, SMALLEST
from tests.api.serving import Served
from tests.commands import strike

EVENTS = "/v1/events?limit=1000"
PINNED = "/v1/projections/daily_timeline?at=2026-03-01T00:00:00Z&at_position=110"


@pytest.mark.parametrize(
    ("accepts", "coding"),
    [
        ("gzip", "gzip"),
        ("gzip, deflate, br, zstd", "zstd"),  # as browsers have it
        ("gzip;q=1.0, zstd;q=0.5", "gzip"),
        ("*", "gzip"),
        ("identity, gzip;q=0.5", None),
        ("zstd;q=0", None),
        ("zstd;q=0, gzip;q=0.001", "gzip"),
        ("br", None),
        ("", None),
    ],
)
@pytest.mark.parametrize("path", [EVENTS, f"{EVENTS}&format=csv", f"{EVENTS}&format=ndjson", "/asyncapi.json", "/"])
async def test_what_is_large_comes_in_the_coding_that_is_liked_best(
    timeline: Served, path: str, accepts: str, coding: str | None
):
    plain = await timeline.get(path)
    answer = await timeline.get(path, {"Accept-Encoding": accepts})
    assert (answer.status, answer.headers.get("Content-Encoding")) == (200, coding)
    assert answer.unpacked == plain.raw
    assert int(answer.headers["Content-Length"]) == len(answer.raw)
    for each in (plain, answer):
        assert "Accept-Encoding" in each.headers["Vary"]
    if coding:
        assert len(answer.raw) < len(plain.raw) / 2


@pytest.mark.parametrize("accepts", ["identity;q=0", "*;q=0", "br, *;q=0"])
async def test_who_takes_nothing_gets_nothing(timeline: Served, accepts: str):
    answer = await timeline.get(EVENTS, {"Accept-Encoding": accepts})
    assert (answer.status, answer.slug) == (406, "not-acceptable")


async def test_what_is_small_comes_as_it_is(timeline: Served):
    answer = await timeline.get("/livez", {"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in answer.headers
    assert "Vary" not in answer.headers
    assert len(answer.raw) < SMALLEST


async def test_an_answer_has_an_etag_for_each_coding_and_is_not_sent_again_in_the_same(timeline: Served):
    tags: dict[str, str] = {}
    for coding in ("identity", *CODERS):
        answer = await timeline.get(PINNED, {"Accept-Encoding": coding})
        tags[coding] = answer.headers["ETag"]
        assert answer.headers["Cache-Control"].endswith("immutable, max-age=31536000")
    assert len({*tags.values()}) == 3
    for has, tag in tags.items():
        for asks, selected in tags.items():
            for known in (tag, f"W/{tag}", f'"other", {tag}'):
                again = await timeline.get(PINNED, {"Accept-Encoding": asks, "If-None-Match": known})
                assert again.status == (304 if has == asks else 200), (has, asks)
                assert again.headers["ETag"] == selected
                assert "Accept-Encoding" in again.headers["Vary"]
                assert ("Content-Encoding" in again.headers) == (has != asks != "identity")
                assert again.raw == b"" or has != asks


async def test_a_tag_is_known_whole_or_not_at_all(timeline: Served):
    tag = (await timeline.get(PINNED)).headers["ETag"]
    for known in (tag.strip('"'), tag[:-2] + '"', f'"{tag[1:-1]}-zstd"', f"x{tag[1:]}", '""', ""):
        assert (await timeline.get(PINNED, {"If-None-Match": known})).status == 200, known
    assert (await timeline.get(PINNED, {"If-None-Match": "*"})).status == 304


@pytest.mark.parametrize("coding", ["identity", *CODERS])
async def test_head_says_of_the_answer_what_get_would(timeline: Served, coding: str):
    asked = {"Accept-Encoding": coding}
    whole, head = await timeline.get(PINNED, asked), await timeline.ask("HEAD", PINNED, headers=asked)
    assert (head.status, head.raw) == (200, b"")
    for name in ("Content-Length", "Content-Type", "ETag", "Vary", "Cache-Control"):
        assert head.headers[name] == whole.headers[name]
    assert head.headers.get("Content-Encoding") == whole.headers.get("Content-Encoding")
    again = await timeline.ask("HEAD", PINNED, headers={**asked, "If-None-Match": whole.headers["ETag"]})
    assert again.status == 304


async def test_a_range_is_not_served_and_so_never_of_another_coding(timeline: Served):
    asked = {"Range": "bytes=0-9", "Accept-Encoding": "gzip"}
    answer = await timeline.get(PINNED, asked)
    assert answer.status == 200
    assert "Accept-Ranges" not in answer.headers
    assert answer.unpacked == (await timeline.get(PINNED)).raw


async def test_a_file_of_a_page_is_not_sent_again_in_the_same_coding(timeline: Served):
    path = "/page/board.css"
    tags = {c: (await timeline.get(path, {"Accept-Encoding": c})).headers["ETag"] for c in ("identity", *CODERS)}
    assert len({*tags.values()}) == 3
    for coding, tag in tags.items():
        again = await timeline.get(path, {"Accept-Encoding": coding, "If-None-Match": tag})
        assert (again.status, again.raw) == (304, b"")
        assert again.headers["Content-Security-Policy"]


@pytest.mark.parametrize("path", ["/v1/replay?speed=0", "/v1/events/stream?after=0"])
async def test_streams_come_as_they_are_and_hold_no_line_back(timeline: Served, path: str):
    headers = {"Authorization": f"Bearer {timeline.key}", "Accept-Encoding": "gzip, zstd"}
    async with asyncio.timeout(60), timeline.session.get(timeline.url + path, headers=headers) as response:
        assert "Content-Encoding" not in response.headers
        assert await response.content.readline()


async def test_any_client_reads_what_is_coded(timeline: Served):
    async with (
        aiohttp.ClientSession() as session,
        session.get(timeline.url + EVENTS, headers={"Authorization": f"Bearer {timeline.key}"}) as answer,
    ):
        assert answer.headers["Content-Encoding"] in CODERS
        assert len((await answer.json())["events"]) == 110


async def test_what_is_appended_is_answered_whatever_is_accepted(busy: Served):
    """It is done by then: the answer must not say that it was refused."""
    answer = await busy.post(strike(), headers={"Accept-Encoding": "identity;q=0"})
    assert answer.status == 201


async def test_a_large_answer_is_coded_beside_the_loop(timeline: Served):
    plain = await timeline.get(EVENTS)
    assert len(plain.raw) > AT_ONCE
    assert gzip.decompress((await timeline.get(EVENTS, {"Accept-Encoding": "gzip"})).raw) == plain.raw
