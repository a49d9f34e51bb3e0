"""Pages of rows, and pages that are bounded by bytes."""

from incidentlog.api.paging import write_page
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
