"""How a name would resolve, asked over HTTP."""

import pytest

from tests.api.serving import Served
from tests.commands import strike

ODESA = "geonames:698740"


@pytest.mark.parametrize("name", ["Odessa", "Odesa", "Одеса", "Одесса"])
async def test_the_four_spellings_of_odesa_are_one_place(timeline: Served, name: str):
    answer = await timeline.get("/v1/places", q=name, country="UA")
    assert answer.json["resolution"]["place_id"] == ODESA
    assert answer.json["resolution"]["name"] == "Odesa"
    assert answer.json["suggestions"][0]["place_id"] == ODESA
    assert "GeoNames" in answer.json["attribution"]


async def test_the_four_spellings_of_odesa_count_as_one_place(service: Served):
    for name in ("Odessa", "Odesa", "Одеса", "Одесса"):
        await service.add(strike(place={"name": name, "country": "UA", "precision": "settlement"}))
    rows = await service.rows("city_incidents")
    assert rows.keys() == {ODESA}
    assert (rows[ODESA]["incidents"], rows[ODESA]["name"]) == (4, "Odesa")


async def test_a_name_that_many_bear_is_ambiguous_and_one_that_none_bears_unresolved(timeline: Served):
    assert (await timeline.get("/v1/places", q="Ivanivka")).json["resolution"]["how"] == "ambiguous"
    assert (await timeline.get("/v1/places", q="Xyzzyville")).json["resolution"]["how"] == "unresolved"


async def test_a_place_that_was_registered_is_found_from_then_on(service: Served):
    place = {
        "slug": "nova-vyhadka",
        "name": "Nova Vyhadka",
        "names": ["Нова Вигадка"],
        "country": "UA",
        "lat": 49.94,
        "lon": 36.5,
    }
    await service.add({"type": "place.registered", "stream": "place:nova-vyhadka", "data": place})
    await service.settled()
    found = (await service.get("/v1/places", q="Нова Вигадка", country="UA")).json
    assert found["resolution"]["place_id"] == "place:nova-vyhadka"
    await service.add(strike(place={"name": "Nova Vyhadka", "country": "UA", "precision": "settlement"}))
    assert "place:nova-vyhadka" in await service.rows("city_incidents")


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("", "/q"),
        ("?q=", "/q"),
        ("?q=" + "x" * 201, "/q"),
        ("?q=x&country=Ukraine", "/country"),
        ("?q=x&country=%D0%A3%D0%90", "/country"),
        ("?q=x&limit=0", "/limit"),
        ("?q=x&limit=51", "/limit"),
        ("?name=x&q=x", "/name"),
    ],
)
async def test_a_question_about_places_that_cannot_be_read_is_refused(timeline: Served, query: str, pointer: str):
    answer = await timeline.get(f"/v1/places{query}")
    assert (answer.status, answer.slug) == (400, "bad-request")
    assert list(answer.faults) == [pointer]
