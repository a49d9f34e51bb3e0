"""Events that come with an import carry its number, are found by it, and are never marked below its record."""

from typing import Any

import orjson
import pytest

from incidentlog.store import read as read_module
from tests.api.serving import Served, make_key
from tests.commands import retraction, strike


def begun(**more: Any) -> dict[str, Any]:
    return {"type": "import.begun", "stream": "import:a", "data": {"files": [{"name": "a.csv"}]}, **more}


@pytest.mark.parametrize("stretch", [20_000, 1])
async def test_the_events_of_an_import_are_found_by_its_number(
    service: Served, monkeypatch: pytest.MonkeyPatch, stretch: int
):
    monkeypatch.setattr(read_module, "STRETCH", stretch)
    first, second = await service.add(begun(), begun(stream="import:b"))
    one, other, alone = strike(notes=f'"import":{second},'), strike(), strike()
    assert (await service.bulk(one, import_=str(first))).status == 400
    assert (await service.bulk(one, **{"import": str(first)})).status == 201
    assert (await service.bulk(other, mode="partial", **{"import": str(second)})).status == 207
    await service.add(alone, retraction(one["id"]))

    async def found(*numbers: int, **more: str) -> list[tuple[int, int | None]]:
        params = [*(("import", str(n)) for n in numbers), *more.items()]
        listed = (await service.ask("GET", "/v1/events", params=params)).json["events"]
        return [(e["position"], e.get("import")) for e in listed]

    assert await found(first) == [(3, first)]
    assert await found(second) == [(4, second)]
    assert await found(second, first) == [(3, first), (4, second)]
    assert await found(first, category="incident") == []
    assert "import" not in (await service.get(f"/v1/events/{alone['id']}")).json


async def test_the_same_event_in_another_import_stays_where_it_came(service: Served):
    first, second = await service.add(begun(), begun(stream="import:b"))
    event = strike()
    await service.bulk(event, **{"import": str(first)})
    assert (await service.bulk(event, **{"import": str(second)})).json["duplicates"] == 1
    assert (await service.get(f"/v1/events/{event['id']}")).json["import"] == first


@pytest.mark.parametrize("number", ["2", "3", "0", "x", ""])
async def test_a_number_that_is_no_import_is_refused_and_nothing_written(service: Served, number: str):
    await service.add(begun(), strike())
    answer = await service.bulk(strike(), **{"import": number})
    assert (answer.status, answer.faults) == (400, {"/import": "unknown_import"})
    assert await service.head() == 2


async def test_no_event_is_marked_below_the_record_of_its_import(service: Served):
    (number,) = await service.add(begun(tlp="AMBER"))
    low, high = strike(), strike(tlp="AMBER")
    answer = await service.bulk(high, low, **{"import": str(number)})
    assert (answer.status, answer.faults) == (422, {"/tlp": "below_import"})
    told = await service.bulk(high, low, mode="partial", **{"import": str(number)})
    assert [orjson.loads(line).get("status") for line in told.raw.splitlines()] == [201, 422, None]
    await make_key(service.access, "reporter", key := "key-of-a-reporter-who-sees-only-clear", scopes=["report"])
    assert (await service.by(key).bulk(strike(), **{"import": str(number)})).faults == {"/import": "unknown_import"}
