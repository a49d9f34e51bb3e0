"""Pages of rows, and pages that are bounded by bytes."""

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from incidentlog.api.paging import write_page
from incidentlog.folding.shapes import Document
from incidentlog.projections import PROJECTIONS
from incidentlog.turns import Turns
from tests.api.serving import Served


async def written(*sizes: int, octets: int) -> tuple[list[int], str | None]:
    items = [(str(n), size) for n, size in enumerate(sizes)]

    async def write(_: str, size: int) -> bytes:
        return b"x" * size

    pieces, last = await write_page(items, write, Turns(), octets)
    return [len(piece) for piece in pieces], last


async def test_a_page_ends_once_it_is_full_and_says_after_which_key_more_follow():
    assert await written(4, 4, 4, octets=8) == ([4, 4], "1")
    assert await written(9, 1, octets=8) == ([9], "0")


async def test_a_page_after_which_nothing_follows_says_so():
    assert await written(4, 4, octets=8) == ([4, 4], None)
    assert await written(octets=8) == ([], None)


async def test_rows_go_on_after_the_key_that_a_page_ended_with(timeline: Served):
    path = "/v1/projections/city_incidents"
    rows = (await timeline.get(path, at_position=110)).json["rows"]
    first, second, *rest = rows
    assert list((await timeline.get(path, at_position=110, after=second)).json["rows"]) == rest
    ordered = list((await timeline.get(path, at_position=110, order_by="killed.best")).json["rows"])
    gone_on = await timeline.get(path, at_position=110, order_by="killed.best", after=ordered[2])
    assert list(gone_on.json["rows"]) == ordered[3:]
    assert first not in (await timeline.get(path, at_position=110, after=first, format="csv")).raw.decode()


async def test_rows_do_not_go_on_after_a_key_that_is_none(timeline: Served):
    answer = await timeline.get("/v1/projections/city_incidents", after="nothing")
    assert (answer.status, answer.faults) == (400, {"/after": "not_a_key"})
    assert (await timeline.get("/v1/projections/talks_ledger/nothing", after="x")).status == 400


async def pages(served: Served, path: str, **asked: int | str) -> AsyncIterator[dict[str, Any]]:
    """The rows of each page, by what each says of the next one."""
    following: str | None = f"{path}?{urlencode(asked)}"
    while following is not None:
        answer = await served.get(following)
        assert answer.status == 200, answer.json
        yield answer.json["rows"]
        following = answer.json.get("next")


DOCUMENTS = [name for name, projection in PROJECTIONS.items() if isinstance(projection, Document)]


@pytest.mark.parametrize("name", DOCUMENTS)
@pytest.mark.parametrize("basis", ["recorded", "reported"])
async def test_the_pages_of_a_document_are_all_of_its_rows_in_their_order(timeline: Served, name: str, basis: str):
    path, known = f"/v1/projections/{name}", {"at_position": 110, "basis": basis, "at": "2026-01-01T00:00Z"}
    whole = list((await timeline.get(path, **known)).json["rows"].items())
    assert whole or name in {"positions_board", "stated_totals"}
    for limit in (1, 2, 3, len(whole) or 1, len(whole) + 1):
        found = [page async for page in pages(timeline, path, **known, limit=limit)]
        assert [item for page in found for item in page.items()] == whole
        assert all(len(page) == limit for page in found[:-1])


async def test_a_page_of_a_tally_has_at_most_so_many_rows(timeline: Served):
    path = "/v1/projections/city_incidents"
    whole = (await timeline.get(path, at_position=110)).json["rows"]
    found = [page async for page in pages(timeline, path, at_position=110, limit=4)]
    assert [len(page) for page in found[:-1]] == [4] * (len(found) - 1)
    assert {key: row for page in found for key, row in page.items()} == whole
    lines = (await timeline.get(path, at_position=110, limit=4, format="csv")).raw.decode().splitlines()
    assert len(lines) == 1 + 4


@pytest.mark.parametrize("name", DOCUMENTS)
async def test_only_rows_about_all_rows_have_keys_that_may_sum_up(timeline: Served, name: str):
    path, document = f"/v1/projections/{name}", PROJECTIONS[name]
    assert isinstance(document, Document)
    rows = (await timeline.get(path)).json["rows"]
    for key in document.summary({}):
        assert document.sums_up(key)
    for key in rows:
        assert (await timeline.get(f"{path}/{quote(key)}")).json["row"] == rows[key]
    for key in ("nothing", "headline:nothing", "a" * 300, "%00"):
        assert (await timeline.get(f"{path}/{key}")).status == 404
        assert (await timeline.get(f"{path}?after={key}")).faults == {"/after": "not_a_key"}
