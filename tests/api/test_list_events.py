"""The log, a page at a time, narrowed by filters; one event; one stream."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from incidentlog.api import events as events_module
from incidentlog.sqlfiles import query
from incidentlog.store import search as search_module
from tests.api.serving import Answer, Served, make_key
from tests.commands import about, retraction, strike
from tests.plans import plans_of
from tests.subjects.given import timeline as events_of_timeline

Event = dict[str, Any]


async def pages(service: Served, path: str) -> list[Answer]:
    """The page at a path and all that follow; at most 500."""
    answers = [await service.get(path)]
    while "next" in answers[-1].json:
        following = answers[-1].json["next"]
        if "/streams/" not in path:
            assert answers[-1].headers["Link"] == f'<{following}>; rel="next"'
        answers.append(await service.get(following))
        assert len(answers) < 500
    assert all(a.status == 200 for a in answers), answers
    assert "Link" not in answers[-1].headers
    return answers


def listed(answers: list[Answer]) -> list[Event]:
    return [e for a in answers for e in a.json["events"]]


async def test_the_log_is_listed_in_its_order(timeline: Served):
    answer = await timeline.get("/v1/events", limit=1000)
    assert [e["id"] for e in answer.json["events"]] == [e["id"] for e in events_of_timeline()]
    assert [e["position"] for e in answer.json["events"]] == list(range(1, 111))
    assert answer.headers["Log-Position"] == "110"
    assert "next" not in answer.json


@pytest.mark.parametrize("limit", [1, 7, 55, 109, 110, 111])
async def test_pages_put_together_are_the_log(timeline: Served, limit: int):
    answers = await pages(timeline, f"/v1/events?limit={limit}")
    assert [e["position"] for e in listed(answers)] == list(range(1, 111))
    assert all(len(a.json["events"]) == limit for a in answers[:-1])


async def test_a_page_has_a_hundred_events_unless_another_limit_is_given(timeline: Served):
    assert len((await timeline.get("/v1/events")).json["events"]) == 100


def by(field: str, *values: str) -> Callable[[Event], bool]:
    return lambda e: e.get(field, "unverified" if field == "verification" else None) in values


def day(e: Event) -> str:
    return str(e["occurred"]["start"])[:10]


FILTERS: list[tuple[str, Callable[[Event], bool]]] = [
    ("type=talk.held", by("type", "talk.held")),
    ("type=talk.held&type=ceasefire.declared", by("type", "talk.held", "ceasefire.declared")),
    ("stream=ceasefire:energy-2025", by("stream", "ceasefire:energy-2025")),
    ("stream=strike:2025-12-18-belbek&stream=strike:2025-12-20-belbek",
     by("stream", "strike:2025-12-18-belbek", "strike:2025-12-20-belbek")),
    ("category=strike", lambda e: e["stream"].startswith("strike:")),
    ("category=strike&category=violation", lambda e: e["stream"].startswith(("strike:", "violation:"))),
    ("actor=RUS", lambda e: any(a["code"] == "RUS" for a in e.get("actors", ()))),
    ("verification=disputed", by("verification", "disputed")),
    ("verification=disputed&verification=verified", by("verification", "disputed", "verified")),
    ("type=strike.reported&verification=corroborated",
     lambda e: e["type"] == "strike.reported" and e["verification"] == "corroborated"),
    ("since=2025-12-20", lambda e: day(e) >= "2025-12-20"),
    ("until=2023-01-01", lambda e: day(e) < "2023-01-01"),
    ("since=2025-03-18&until=2025-03-19", lambda e: day(e) == "2025-03-18"),
    ("since=2027-01-01", lambda _: False),
]  # fmt: skip


@pytest.mark.parametrize(("filters", "wanted"), FILTERS, ids=[f for f, _ in FILTERS])
async def test_a_filter_leaves_what_it_says(timeline: Served, filters: str, wanted: Callable[[Event], bool]):
    expected = [e["id"] for e in events_of_timeline() if wanted(e)]
    assert [e["id"] for e in listed(await pages(timeline, f"/v1/events?{filters}"))] == expected
    assert [e["id"] for e in listed(await pages(timeline, f"/v1/events?{filters}&limit=2"))] == expected


@pytest.mark.parametrize(
    ("filters", "places"),
    [
        ("city=geonames:698740&type=strike.reported", {"Odesa", "Odessa"}),
        ("country=US", {"Anchorage", "Washington", "Palm Beach", "Miami"}),
        ("country=US&country=DE", {"Anchorage", "Washington", "Palm Beach", "Miami", "Berlin"}),
        ("bbox=30,46,31,47&type=strike.reported", {"Odesa", "Odessa", "Mayaky"}),
        ("bbox=170,50,-140,70", {"Anchorage"}),
        ("admin1=UA.22&type=strike.reported", {"Ternopil"}),
    ],
)
async def test_a_filter_goes_by_the_place_that_was_found(timeline: Served, filters: str, places: set[str]):
    found = listed(await pages(timeline, f"/v1/events?{filters}"))
    assert {e["place"]["name"] for e in found} == places, [e["place"] for e in found]


async def test_what_went_on_at_the_time_is_within_since(service: Served):
    lasting = strike(occurred={"start": "2025-01-01", "end": "2025-01-10", "precision": "day", "tz": "Europe/Kyiv"})
    await service.add(lasting)
    for params, count in (
        ({"since": "2025-01-10"}, 1),
        ({"since": "2025-01-11"}, 0),
        ({"until": "2025-01-01"}, 0),
        ({"until": "2025-01-02"}, 1),
        ({"since": "2025-01-10T23:59+02:00"}, 1),
        ({"since": "2025-01-11T00:00+02:00"}, 0),
    ):
        assert len((await service.get("/v1/events", **params)).json["events"]) == count, params


async def test_recorded_since_goes_by_when_it_was_written(service: Served):
    await service.add(strike())
    second = (await service.post(strike())).json
    answer = await service.get("/v1/events", recorded_since=second["recorded_at"])
    assert [e["position"] for e in answer.json["events"]] == [2]
    later = datetime.now(UTC) + timedelta(days=1)
    assert (await service.get("/v1/events", recorded_since=later.isoformat())).json["events"] == []


async def test_a_filter_that_matches_little_advances_all_the_same(service: Served, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(search_module, "STRETCH", 10)
    rare = strike(verification="verified")
    await service.fill(*(strike() for _ in range(34)), rare, *(strike() for _ in range(15)))
    answers = await pages(service, "/v1/events?verification=verified")
    assert [e["position"] for e in listed(answers)] == [35]
    assert [len(a.json["events"]) for a in answers] == [1, 0]  # an empty one is the last


async def test_a_page_is_empty_only_where_nothing_follows(service: Served, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(search_module, "STRETCH", 10)
    rare = [strike(stream="strike:rare", verification="verified") for _ in range(2)]
    others = [strike() for _ in range(60)]
    await service.fill(*others[:30], rare[0], *others[30:], rare[1])
    first = (await service.get("/v1/events/" + others[30]["id"])).json["recorded_at"]
    for wanted in ("stream=strike:rare", "verification=verified", "stream=strike:rare&verification=verified"):
        answer = await service.get(f"/v1/events?{wanted}&limit=1")
        assert [e["id"] for e in answer.json["events"]] == [rare[0]["id"]], wanted
        table = await service.get(f"/v1/events?{wanted}&format=csv")
        assert rare[0]["id"].encode() in table.raw, wanted
        assert [e["id"] for e in listed(await pages(service, f"/v1/events?{wanted}"))] == [e["id"] for e in rare]
    assert len((await service.get("/v1/events?stream=strike:rare")).json["events"]) == 2  # streams are read as such
    assert "next" not in (await service.get("/v1/events?stream=strike:rare")).json
    assert listed(await pages(service, f"/v1/events?recorded_since={first.replace('+', '%2B')}"))


async def test_streams_are_read_in_the_order_of_the_log_page_by_page(service: Served, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(search_module, "STRETCH", 10)
    events = [strike(stream=f"strike:{'abc'[n % 3]}", tlp="RED" if n % 7 == 0 else "CLEAR") for n in range(60)]
    await service.fill(*events)
    wanted = [e["id"] for e in events if e["stream"] != "strike:b"]
    path = "/v1/events?stream=strike:c&stream=strike:a&stream=strike:none"
    for limit in (1, 7, 39, 40, 41):
        answers = await pages(service, f"{path}&limit={limit}")
        assert [e["id"] for e in listed(answers)] == wanted
        assert all(a.json["events"] for a in answers[:-1])
    assert len(listed(await pages(service, f"{path}&at_position=30"))) == 20
    low = [e["id"] for e in events if e["stream"] != "strike:b" and e["tlp"] == "CLEAR"]
    await make_key(service.access, "low", "a-key-that-sees-little", scopes=["read"], clearance=0)
    assert [e["id"] for e in listed(await pages(service.by("a-key-that-sees-little"), path))] == low


KINDS: list[tuple[str, Callable[[Event], bool]]] = [
    ("type=strike.reported", lambda e: e["type"] == "strike.reported"),
    ("category=incident", lambda e: e["stream"].startswith("incident:")),
    ("type=record.retracted", lambda e: e["type"] == "record.retracted"),
    (
        "type=record.retracted&category=strike",
        lambda e: e["type"] == "record.retracted" and e["stream"].startswith("strike:"),
    ),
    ("category=strike&category=incident&category=talk", lambda _: True),
    (
        "category=strike&verification=verified",
        lambda e: e["stream"].startswith("strike:") and e["verification"] == "verified",
    ),
    ("type=talk.held", lambda _: False),
    ("type=incident.reported&category=strike", lambda _: False),
]
"""What is asked, and which events it is."""


async def test_types_and_categories_are_read_in_the_order_of_the_log_page_by_page(
    service: Served, monkeypatch: pytest.MonkeyPatch
):
    made = [
        strike(tlp="RED" if n % 7 == 0 else "CLEAR", verification=["verified", "unverified"][n % 2])
        if n % 3
        else strike(type="incident.reported", data={"kind": "clash"})
        for n in range(60)
    ]
    await service.fill(*made[:40], *(retraction(e["id"]) for e in made[:40:4]), *made[40:])
    await make_key(service.access, "low", "a-key-that-sees-little", scopes=["read"], clearance=0)
    for reader in (service, service.by("a-key-that-sees-little")):
        everything = listed(await pages(reader, "/v1/events"))
        with monkeypatch.context() as patch:
            patch.setattr(search_module, "STRETCH", 10)
            patch.setattr(search_module, "OF_KINDS", 5)
            for asked, passes in KINDS:
                for limit in (1, 7, 100):
                    answers = await pages(reader, f"/v1/events?{asked}&limit={limit}")
                    assert listed(answers) == [e for e in everything if passes(e)], (asked, limit)
                    assert all(a.json["events"] for a in answers[:-1])


async def test_events_of_a_type_are_found_by_the_index(service: Served):
    await service.fill(*(strike() for _ in range(300)))
    connection = await service.access.connect()
    try:
        for name, rest in (
            ("horizon", (["talk.held"], None, 10)),
            ("kinds", (100, 4, ["talk.held"], None, 99)),
        ):
            for plan in (await plans_of(connection, query("search", name), 0, 300, *rest)).values():
                assert re.search(r"Index Scan using events_by_kind on \S+events", plan)
                assert "Seq Scan" not in plan
    finally:
        await connection.close()


@pytest.mark.parametrize(
    ("name", "asked", "index"),
    [
        ("range", {}, "events_pkey"),
        ("ranges", {}, "events_pkey"),
        ("streams", {6: ["strike:a"]}, "events_stream_stream_version_key"),
        ("external", {20: ['[{"scheme": "acled", "id": "UKR1"}]']}, "external_ids"),
        ("import", {21: [7]}, "imports"),
        ("streams_in", {3: ["geonames:698740"]}, "events_pkey"),
    ],
)
async def test_what_is_looked_up_is_found_by_its_index_whatever_else_is_asked(
    service: Served, name: str, asked: dict[int, Any], index: str
):
    """PostgreSQL plans the filter as if it stood there: a function that is called for each row would be the slower."""
    await service.fill(*(strike() for _ in range(300)))
    connection = await service.access.connect()
    try:
        await connection.execute("ANALYZE events")
        bounds = ([0], [300]) if name in {"ranges", "streams_in"} else (0, 300)
        if name == "streams_in":
            rest = [asked.get(n) for n in range(3, 10)]
        else:
            rest = [asked.get(n, {3: 100, 4: 4, 22: 1_000}.get(n)) for n in range(3, 23)]
        for plan in (await plans_of(connection, query("search", name), *bounds, *rest)).values():
            assert f" {index} " in plan
            assert "passes(" not in plan
            assert not re.search(r"Seq Scan on \S*events", plan)
    finally:
        await connection.close()


async def test_what_was_recorded_lately_is_found_without_looking_through_what_was_before(
    service: Served, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(search_module, "STRETCH", 10)
    monkeypatch.setattr(events_module, "STRETCHES", 1)
    await service.fill(*(strike() for _ in range(50)))
    last = (await service.post(strike())).json
    answer = await service.get("/v1/events", recorded_since=last["recorded_at"])
    assert [e["position"] for e in answer.json["events"]] == [51]


async def test_events_that_come_meanwhile_are_on_the_pages_to_come(service: Served):
    await service.fill(*(strike() for _ in range(3)))
    first = await service.get("/v1/events", limit=2)
    await service.add(strike())
    rest = await pages(service, first.json["next"])
    assert [e["position"] for e in listed(rest)] == [3, 4]


async def test_the_log_as_of_a_position_has_no_more(service: Served):
    event = strike()
    await service.add(event, strike(), retraction(event["id"]))
    answer = await service.get("/v1/events", at_position=2)
    assert [(e["position"], e["status"]) for e in answer.json["events"]] == [(1, "effective"), (2, "effective")]
    assert answer.headers["Log-Position"] == "2"
    assert (await service.get(f"/v1/events/{event['id']}")).json["status"] == "retracted"
    assert (await service.get(f"/v1/events/{event['id']}", at_position=2)).json["status"] == "effective"
    missing = await service.get(f"/v1/events/{event['id']}", at_position=0)
    assert (missing.status, missing.slug) == (404, "not-found")


async def test_an_event_is_shown_as_it_was_sent_with_what_became_of_it(service: Served):
    event = strike(
        notes="Примітка",
        links=[{"rel": "follows", "target": "strike:before"}],
        external_ids=[{"scheme": "acled", "id": "UKR1"}],
        tlp="GREEN",
    )
    await service.add(event)
    shown = (await service.get(f"/v1/events/{event['id']}")).json
    place = shown.pop("place")
    assert place.pop("resolved")["place_id"] == "geonames:698740"
    assert place == event.pop("place")
    assert {name: shown[name] for name in event} == event
    assert shown.keys() - event.keys() == {
        "position", "stream", "stream_version", "schema_version", "recorded_at", "recorded_by", "status",
        "local", "patched_place",
    }  # fmt: skip
    assert (shown["recorded_by"], shown["schema_version"], shown["status"]) == ("admin", 1, "effective")


async def test_an_amended_event_says_so_and_is_shown_as_it_was_sent(service: Served):
    event = strike(killed=1)
    patch = {"data": {"casualties": {"killed": {"best": 4}}}}
    await service.add(event, about("amended", event["id"], patch=patch, reason="miscounted"))
    shown = (await service.get(f"/v1/events/{event['id']}")).json
    assert (shown["status"], shown["data"]) == ("amended", event["data"])


@pytest.mark.parametrize(
    "name", ["5d0c3a52-9a1e-4a3b-8f43-0d7b6f1f2c11", "1", "bulk", "not-a-uuid", "%00", "%2e%2e", "a%2Fb", "x" * 4000]
)
async def test_an_event_that_is_not_there_is_not_found(timeline: Served, name: str):
    answer = await timeline.get(f"/v1/events/{name}")
    assert (answer.status, answer.slug) == (404, "not-found")


async def test_a_stream_is_shown_from_its_first_event(timeline: Served):
    path = "/v1/streams/strike:2025-11-19-ternopil"
    answer = await timeline.get(path)
    assert answer.json["stream"] == "strike:2025-11-19-ternopil"
    assert [e["stream_version"] for e in answer.json["events"]] == [1, 2, 3, 4, 5, 6, 7]
    for limit in (1, 3, 7, 8):
        found = listed(await pages(timeline, f"{path}?limit={limit}"))
        assert [e["stream_version"] for e in found] == [1, 2, 3, 4, 5, 6, 7]
    third = answer.json["events"][2]["position"]
    assert len((await timeline.get(path, at_position=third)).json["events"]) == 3
    assert (await timeline.get(path, at_position=1)).slug == "not-found"


@pytest.mark.parametrize("name", ["strike:nothing", "strike", ":", "%00", "strike:%00", "a%2Fb", "%D8%A7", "x" * 4000])
async def test_a_stream_that_is_not_there_is_not_found(timeline: Served, name: str):
    for path in (f"/v1/streams/{name}", f"/v1/subjects/{name}", f"/v1/subjects/{name}/history"):
        answer = await timeline.get(path)
        assert (answer.status, answer.slug) == (404, "not-found"), path


@pytest.mark.parametrize(
    ("filters", "fault"),
    [
        ("type=talk.helt", "/type"),
        ("type=", "/type"),
        ("type=talk.held&type=x", "/type"),
        ("stream=strike", "/stream"),
        ("stream=strike:%00", "/stream"),
        ("category=strikes", "/category"),
        ("city=Odesa", "/city"),
        ("city=geonames:%D9%A1", "/city"),
        ("admin1=Odesa", "/admin1"),
        ("country=ua", "/country"),
        ("country=UKR", "/country"),
        ("actor=Russia", "/actor"),
        ("actor=RUS%00", "/actor"),
        ("verification=true", "/verification"),
        ("since=yesterday", "/since"),
        ("since=2025-01-01&since=2025-01-02", "/since"),
        ("until=2025-02-30", "/until"),
        ("recorded_since=1", "/recorded_since"),
        ("recorded_since=20250101", "/recorded_since"),
        ("bbox=1,2,3", "/bbox"),
        ("bbox=0,50,10,40", "/bbox"),
        ("bbox=NaN,0,1,1", "/bbox"),
        ("bbox=-181,0,1,1", "/bbox"),
        ("bbox=1e1,0,20,20", "/bbox"),
        ("typ=talk.held", "/typ"),
        ("a%2Fb~c=1", "/a~1b~0c"),
        ("group_by=place", "/group_by"),
    ],
)
async def test_a_filter_that_cannot_be_read_is_refused(timeline: Served, filters: str, fault: str):
    answer = await timeline.get(f"/v1/events?{filters}%20"[:-3])
    assert (answer.status, answer.slug) == (400, "bad-request"), answer
    assert list(answer.faults) == [fault]


async def test_every_fault_of_the_filters_is_told_at_once(timeline: Served):
    answer = await timeline.get("/v1/events", type="x", country="ua", nonsense="1")
    assert set(answer.faults) == {"/type", "/country", "/nonsense"}


async def test_two_hundred_values_are_enough(timeline: Served):
    many = "&".join(f"stream=strike:{n}" for n in range(200))
    assert (await timeline.get(f"/v1/events?{many}")).status == 200
    answer = await timeline.get(f"/v1/events?{many}&stream=strike:more")
    assert (answer.status, answer.faults) == (400, {"/stream": "too_many"})


async def test_events_are_named_by_their_ids(timeline: Served):
    listed = (await timeline.get("/v1/events", limit=5)).json["events"]
    wanted = [listed[3]["id"], listed[0]["id"]]
    answer = await timeline.ask("GET", "/v1/events", params=[("id", each) for each in wanted])
    assert answer.json == {"events": [listed[0], listed[3]]}
    assert (await timeline.get("/v1/events", id="00000000-0000-7000-8000-000000000000")).json == {"events": []}


@pytest.mark.parametrize(
    ("params", "pointer", "code"),
    [
        ([("id", "no-id")], "/id", "not_an_id"),
        ([("id", "00000000-0000-7000-8000-000000000000")] * 101, "/id", "too_many"),
        ([("id", "00000000-0000-7000-8000-000000000000"), ("type", "talk.held")], "/type", "one_of_two"),
    ],
)
async def test_ids_that_are_none_are_refused(timeline: Served, params: list[tuple[str, str]], pointer: str, code: str):
    answer = await timeline.ask("GET", "/v1/events", params=params)
    assert answer.status == 400
    assert answer.faults[pointer] == code


@pytest.mark.parametrize("stretch", [20_000, 1])
async def test_an_id_elsewhere_is_found_in_a_log_of_any_length(
    service: Served, monkeypatch: pytest.MonkeyPatch, stretch: int
):
    monkeypatch.setattr(search_module, "STRETCH", stretch)
    with_ids = [strike(external_ids=[{"scheme": "acled", "id": n}]) for n in ("UKR1", "UKR:2")]
    more = strike(external_ids=[{"scheme": "ucdp-ged", "id": "UKR1"}, {"scheme": "acled", "id": "UKR3"}])
    for event in (strike(), *with_ids, strike(notes='"external_ids":[{"scheme":"acled","id":"UKR1"}]'), more):
        await service.add(event)

    async def found(*ids: str) -> list[int]:
        query = "&".join(f"external_id={each}" for each in ids)
        return [e["position"] for e in listed(await pages(service, f"/v1/events?{query}"))]

    assert await found("acled:UKR1") == [2]
    assert await found("acled:UKR%3A2") == [3]
    assert await found("acled:UKR1", "ucdp-ged:UKR1") == [2, 5]
    assert await found("acled:UKR3", "ucdp-ged:UKR1") == [5]
    assert await found("acled:*") == [2, 3, 5]
    assert await found("acled:UKR9") == []
    assert await found("acled:UKR1&category=incident") == []
