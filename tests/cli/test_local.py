"""What was reported by then, folded here page by page: the same answer as the service's, whatever the pages."""

from typing import Any

import orjson
import pytest

from incidentlog.cli import local
from incidentlog.cli.asking import Service
from incidentlog.projections import PROJECTIONS
from incidentlog.store.connect import Access
from tests.api.serving import ADMIN, Served, serving
from tests.commands import about, retraction, strike
from tests.subjects.given import TIMELINE, merge

KNOWN = {"basis": "reported", "known_at": "2025-12-20", "at": "2026-03-01"}


async def here(served: Served, name: str, **params: str) -> Any:
    async with Service(served.url, ADMIN) as service:
        return await local.show_locally(service, name, list(params.items()))


async def there(served: Served, name: str, **params: str) -> Any:
    answer = await served.get(f"/v1/projections/{name}", **params)
    assert answer.status == 200, answer
    return answer.json


def corrected() -> list[dict[str, Any]]:
    """Strikes that are corrected pages after they were reported: merged, reinstated, moved, marked otherwise."""
    one, two, three, four = (strike(stream=f"strike:{n}", killed=n) for n in range(4))
    undo = retraction(three["id"])
    patch = {"place": {"name": "Kyiv", "country": "UA"}, "data": {"casualties": {"killed": {"best": 9}}}}
    fillers = [strike(occurred={"start": f"2025-11-{d:02}", "precision": "day", "tz": "UTC"}) for d in range(1, 21)]
    return [
        one, two, three, four, *fillers[:8],
        merge("strike:0", "strike:1", name="the merge"), undo, *fillers[8:14],
        about("amended", four["id"], patch=patch, reason="it was elsewhere"),
        retraction(undo["id"]), *fillers[14:],
        merge("strike:2", "strike:0", name="another"),
        strike(stream="strike:1", type="strike.assessed") | {"data": {"as_of": "2025-11-20", "casualties": {}}},
        about("remarked", two["id"], tlp="RED", reason="it is sensitive"),
    ]  # fmt: skip


@pytest.mark.parametrize("page", [1, 7, 1_000])
async def test_however_small_the_pages_it_is_what_the_service_folds(
    access: Access, monkeypatch: pytest.MonkeyPatch, page: int
):
    monkeypatch.setattr(local, "PAGE", page)
    monkeypatch.setattr(local, "AT_ONCE", 2)
    async with serving(access) as served:
        events = [{**e, "reported_at": "2025-12-01"} for e in corrected()]
        if page > 1:  # one by one the whole timeline would take its time
            lines = [orjson.loads(line) for line in TIMELINE.read_bytes().splitlines()]
            events = lines[:50] + events + lines[50:]
        assert (await served.bulk(*events)).status == 201
        head = await served.settled()
        for name in PROJECTIONS if page > 1 else ("city_incidents", "daily_timeline"):
            asked = {**KNOWN, "at_position": str(head)}
            assert await here(served, name, **asked) == await there(served, name, **asked), name


async def test_a_position_before_the_head_is_not_read_beyond(access: Access, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(local, "PAGE", 2)
    async with serving(access) as served:
        await served.add(*(strike(reported_at="2025-11-19") for _ in range(5)))
        await served.settled()
        asked = {**KNOWN, "at_position": "3"}
        found = await here(served, "city_incidents", **asked)
        assert found == await there(served, "city_incidents", **asked)
        assert found["rows"]["geonames:698740"]["incidents"] == 3
        unnamed = await here(served, "city_incidents", **KNOWN)
        assert unnamed["rows"] == (await there(served, "city_incidents", **KNOWN))["rows"]
        assert unnamed["basis"]["position"] == 5


async def test_what_is_too_large_for_a_request_is_not_for_the_command(access: Access, monkeypatch: pytest.MonkeyPatch):
    from incidentlog.api import reported

    monkeypatch.setattr(reported, "REPORTED", 2)
    async with serving(access) as served:
        await served.add(*(strike(reported_at="2025-11-19") for _ in range(3)))
        await served.settled()
        refused = await served.get("/v1/projections/city_incidents", **KNOWN)
        assert (refused.status, refused.slug) == (413, "too-large")
        assert (await here(served, "city_incidents", **KNOWN))["rows"]["geonames:698740"]["incidents"] == 3
