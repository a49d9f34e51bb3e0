"""How a name would resolve, asked over HTTP."""

from typing import Any
from uuid import uuid4

import pytest

from incidentlog.places import bundled
from incidentlog.service.service import prepare
from incidentlog.store.append import append
from incidentlog.store.connect import Access
from tests.api.serving import Served, serving
from tests.commands import about, command, strike

ODESA = "geonames:698740"
KYIV = "geonames:703448"


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


async def test_nobody_waits_while_the_gazetteer_is_put_in_order_for_the_first_who_asks(monkeypatch: pytest.MonkeyPatch):
    """It is done before a node serves, where it answers those who search."""
    fresh = bundled.__wrapped__()
    ordered = {"_sounding", "_sorted_names", "_cells"}
    monkeypatch.setattr("incidentlog.service.service.bundled", lambda: fresh)
    await prepare(["runner", "notary"])
    assert ordered.isdisjoint(vars(fresh))
    await prepare(["api"])
    assert ordered <= vars(fresh).keys()
    assert "latin" in vars(fresh.register)


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


async def test_a_place_tells_its_raion_its_hromada_and_what_it_was_called(timeline: Served):
    answer = await timeline.get("/v1/places", q="Samar", country="UA")
    assert "KATOTTG" in answer.json["attribution"]
    place = answer.json["suggestions"][0]
    assert (place["name"], place["admin1"], place["katottg"]) == ("Samar", "UA.04", "UA12100070010038698")
    assert (place["admin2"], place["admin2_name"]) == ("UA1210", "Samarivskyi raion")
    assert (place["admin3"], place["admin3_name"]) == ("UA1210007", "Samarivska hromada")
    assert place["former_names"] == [{"name": "Новомосковськ", "last": 2024, "until": 2026}]


async def test_an_answer_says_what_is_not_understood_of_a_place_and_where_name_and_point_disagree(service: Served):
    told = {"country": "UA", "precision": "settlement"}
    odd = strike(place={**told, "name": "Odesa", "admin1": "Bessarabia", "admin2": "Budjak"})
    answer = await service.post(odd)
    assert [(w["pointer"], w["code"]) for w in answer.json["warnings"]] == [
        ("/place/admin1", "not_understood"),
        ("/place/admin2", "not_understood"),
    ]
    assert "Bessarabia" in answer.json["warnings"][0]["detail"]
    far = strike(place={**told, "name": "Odesa", "lat": 47.82, "lon": 38.21})
    answer = await service.post(far)
    assert [(w["pointer"], w["code"]) for w in answer.json["warnings"]] == [("/place", "conflict")]
    assert ODESA in answer.json["warnings"][0]["detail"]
    kept = (await service.get(f"/v1/events/{far['id']}")).json["place"]["resolved"]
    assert (kept["how"], kept["admin1"], kept["key"]) == ("conflict", "UA.05", "name:odesa@UA.05")
    moved = about("amended", odd["id"], patch={"place": {"admin1": "Nowhere"}}, reason="x")
    answer = await service.post(moved)
    assert [w["pointer"] for w in answer.json["warnings"]] == ["/data/patch/place/admin1", "/data/patch/place/admin2"]
    assert (await service.rows("city_incidents", group_by="place")).keys() == {ODESA, "name:odesa@UA.05"}


async def test_a_point_without_a_name_is_counted_where_it_is(service: Served):
    point = {"lat": 47.82, "lon": 38.21, "precision": "exact"}
    await service.add(strike(place=point))
    await service.add(strike(place={**point, "lat": 47.820004}))
    rows = await service.rows("city_incidents", group_by="place")
    assert {key: (row["incidents"], row["name"]) for key, row in rows.items()} == {
        "point:47.8200,38.2100": (2, "47.8200, 38.2100")
    }
    assert (await service.rows("city_incidents", group_by="admin1")).keys() == {"UA.05"}
    assert (await service.rows("city_incidents", place="point:47.82,38.21")).keys() == rows.keys()
    features = (await service.get("/v1/projections/city_incidents", group_by="place", format="geojson")).json
    assert features["features"][0]["geometry"] == {"type": "Point", "coordinates": [38.21, 47.82]}


async def test_a_place_without_name_point_and_id_is_refused(service: Served):
    refused = await service.post(strike(place={"country": "UA", "precision": "settlement"}))
    assert (refused.status, refused.faults) == (422, {"/place": "no_place"})


async def test_villages_of_one_name_in_two_regions_are_not_lumped(service: Served):
    place = {"name": "Xyzzyville", "country": "UA", "precision": "settlement"}
    for region in ("Odesa oblast", "Sumy oblast", "UA-59"):
        await service.add(strike(place={**place, "admin1": region}))
    rows = await service.rows("city_incidents", group_by="place")
    assert {key: row["incidents"] for key, row in rows.items()} == {
        "name:xyzzyville@UA.17": 1,
        "name:xyzzyville@UA.21": 2,
    }
    assert (await service.rows("city_incidents", place="name:Xyzzyville@UA.21")).keys() == {"name:xyzzyville@UA.21"}


async def test_a_report_of_the_years_before_finds_a_place_by_its_name_then(service: Served):
    place = {"name": "Novomoskovsk", "country": "UA", "precision": "settlement"}
    await service.add(strike(place=place))
    rows = await service.rows("city_incidents", group_by="place")
    assert [row["name"] for row in rows.values()] == ["Samar"]


@pytest.mark.parametrize(
    ("kind", "data", "slug"),
    [
        ("amended", {"patch": {"data": {"lat": 50.0}}, "reason": "surveyed"}, "/tlp"),
        ("retracted", {"reason": "no such place"}, "/tlp"),
        ("disputed", {}, "/tlp"),
        ("remarked", {"tlp": "RED", "reason": "hide"}, "/data/tlp"),
    ],
)
async def test_nothing_is_said_of_a_registry_but_to_everybody(
    service: Served, kind: str, data: dict[str, Any], slug: str
):
    """On what is registered there everybody's answers depend."""
    place = registered("place:vyhadka", "vyhadka") | {"id": str(uuid4())}
    await service.add(place)
    hidden = about(kind, place["id"], **data) | ({} if kind == "remarked" else {"tlp": "RED"})
    for refused in (await service.post(hidden), await service.bulk(strike(), hidden)):
        assert set(refused.faults.values()) == {"always_clear"}
        assert all(pointer.endswith(slug) for pointer in refused.faults)


async def test_what_is_hidden_of_a_registry_moves_nobody(access: Access):
    """As an older log may hold it, from before it was refused."""
    place = registered("place:vyhadka", "vyhadka", name="Vyhadka", names=[]) | {"id": str(uuid4())}
    hidden = about("amended", place["id"], patch={"data": {"lat": 51.0}}, reason="x") | {"tlp": "RED"}
    connection = await access.connect()
    await append(connection, [command(place), command(hidden, stream="place:vyhadka")])
    await connection.close()
    async with serving(access) as served:
        found = (await served.get("/v1/places", q="Vyhadka")).json["resolution"]
        assert (found["place_id"], found["lat"]) == ("place:vyhadka", place["data"]["lat"])


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


def registered(stream: str, slug: str = "kyiv", **data: Any) -> dict[str, Any]:
    """A place that calls itself Kyiv and Odesa, and has a billion inhabitants."""
    told = {"slug": slug, "name": "Kyiv", "names": ["Odesa", "Одеса"], "country": "UA", "lat": 48.0, "lon": 31.0}
    return {"type": "place.registered", "stream": stream, "data": {**told, "population": 1_000_000_000, **data}}


async def test_a_registered_place_beats_none_by_the_population_that_it_claims(service: Served):
    asked = [{"q": name, **more} for name in ("Kyiv", "Odesa", "Одеса", "Ky") for more in ({"country": "UA"}, {})]

    async def answers() -> list[tuple[str | None, str]]:
        found = [(await service.get("/v1/places", **each)).json for each in asked]
        return [(f["resolution"]["place_id"], f["suggestions"][0]["place_id"]) for f in found]

    before = await answers()
    assert before[0] == before[1] == (KYIV, KYIV)
    await service.add(registered("place:kyiv"))
    await service.settled()
    assert await answers() == before
    suggested = (await service.get("/v1/places", q="Kyiv", country="UA", limit=50)).json["suggestions"]
    assert "place:kyiv" in [s["place_id"] for s in suggested]
    for name in ("Kyiv", "Odesa"):
        await service.add(strike(place={"name": name, "country": "UA", "precision": "settlement"}))
    assert (await service.rows("city_incidents", group_by="place")).keys() == {KYIV, ODESA}


async def test_a_slug_belongs_to_the_stream_that_registered_it(service: Served):
    await service.add(registered("place:one", "mayaky", name="Mayaky", names=["Маяки"]))
    await service.settled()
    other = registered("place:two", "mayaky", name="Elsewhere", lat=50.0)
    for refused in (await service.post(other), await service.post(other | {"stream": None})):
        assert (refused.status, refused.faults) == (422, {"/data/slug": "taken"})
    assert "place:one" in refused.json["errors"][0]["detail"]
    mine = registered("place:two", "elsewhere") | {"id": strike()["id"]}
    await service.add(mine)
    amended = await service.post(about("amended", mine["id"], patch={"data": {"slug": "mayaky"}}, reason="mine now"))
    assert (amended.status, amended.faults) == (422, {"/data/patch/data/slug": "taken"})
    await service.add(registered("place:one", "mayaky", name="Mayaky", lat=46.4, lon=30.3))
    await service.settled()
    found = (await service.get("/v1/places", q="Mayaky", country="UA")).json
    assert [s["lat"] for s in found["suggestions"] if s["place_id"] == "place:mayaky"] == [46.4]


@pytest.mark.parametrize("code", ["UKR", "USA", "NATO"])
async def test_a_code_that_everybody_knows_is_not_registered(service: Served, code: str):
    event = {"type": "actor.registered", "stream": "actor:x", "data": {"code": code, "name": "Somebody else"}}
    refused = await service.post(event)
    assert (refused.status, refused.faults) == (422, {"/data/code": "taken"})
    await service.add({**event, "data": {"code": f"{code}.X", "name": "A part of it"}})
