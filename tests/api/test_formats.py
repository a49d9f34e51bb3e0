"""Answers as JSON, NDJSON, CSV and GeoJSON: how they are asked for, and that no cell of a table does anything."""

import csv
import io
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl

import orjson
import pytest

from incidentlog.api.tables import EVENT_COLUMNS, write_csv
from incidentlog.folding.shapes import Tally
from incidentlog.projections import PROJECTIONS
from tests.api.serving import NOW, Answer, Served
from tests.commands import about, retraction, strike

CITIES, DOCUMENT = "/v1/projections/city_incidents", "/v1/projections/ceasefire_status"
ODESA, KYIV_CITY = "geonames:698740", "geonames:703448"
TALLIES = [name for name, p in PROJECTIONS.items() if isinstance(p, Tally)]
MEDIA = {
    "json": "application/json; charset=utf-8",
    "ndjson": "application/x-ndjson",
    "csv": "text/csv; charset=utf-8; header=present",
    "geojson": "application/geo+json",
}


def table(answer: Answer | bytes) -> list[dict[str, str]]:
    raw = answer if isinstance(answer, bytes) else answer.raw
    return list(csv.DictReader(io.StringIO(raw.decode(), newline=""), strict=True))


@pytest.mark.parametrize("path", [CITIES, "/v1/events"])
@pytest.mark.parametrize("name", MEDIA)
async def test_a_format_is_asked_for_by_name_or_by_media_type(timeline: Served, path: str, name: str):
    asked = {"at": "2026-03-01", "at_position": "110", **({"limit": "1000"} if path == "/v1/events" else {})}
    by_name = await timeline.get(path, format=name, **asked)
    by_type = await timeline.get(path, {"Accept": MEDIA[name].partition(";")[0]}, **asked)
    assert by_name.status == 200
    assert by_name.raw == by_type.raw
    for answer in (by_name, by_type):
        assert answer.headers["Content-Type"] == MEDIA[name]
        assert answer.headers["Vary"].startswith("Authorization, Cookie, Accept")
        assert answer.headers["Log-Position"] == "110"


@pytest.mark.parametrize(
    ("accept", "name"),
    [
        ("*/*", "json"),
        ("", "json"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "json"),
        ("text/csv", "csv"),
        ("TEXT/CSV", "csv"),
        ("text/*", "csv"),
        ("application/*", "json"),
        ("text/csv, */*", "csv"),
        ("text/csv;q=0.5, application/json", "json"),
        ("text/csv;q=0.5, application/json;q=0.4", "csv"),
        ("application/json;q=0, */*;q=0.1", "ndjson"),
        ("text/csv;header=present;q=0.9, application/json;q=0.8", "csv"),
        ("application/geo+json, text/csv", "geojson"),
        ("text/csv;q=2, application/geo+json", "geojson"),  # what cannot be read likes nothing
        ("text/csv;q=x;q=0.1, application/x-ndjson;q=0.001", "ndjson"),
        ("application/jsonl", "ndjson"),
        (",,;;,/,text/,text/csv", "csv"),
    ],
)
async def test_what_is_liked_best_is_given(timeline: Served, accept: str, name: str):
    answer = await timeline.get(CITIES, {"Accept": accept})
    assert (answer.status, answer.headers["Content-Type"]) == (200, MEDIA[name])


@pytest.mark.parametrize(
    "accept", ["text/html", "application/json;q=0", "*/*;q=0", "text/csv;q=0.0000", "é/é", "nonsense"]
)
async def test_what_cannot_be_made_is_not_acceptable(timeline: Served, accept: str):
    for path in (CITIES, "/v1/events", DOCUMENT):
        answer = await timeline.get(path, {"Accept": accept})
        assert (answer.status, answer.slug) == (406, "not-acceptable")
        assert "ndjson (application/x-ndjson)" in answer.json["detail"]


async def test_the_name_wins_over_accept_and_is_one_of_those_offered(timeline: Served):
    assert (await timeline.get(CITIES, {"Accept": "text/html"}, format="csv")).status == 200
    for name in ("xlsx", "CSV", "", "\0", "x" * 1000):
        answer = await timeline.get(CITIES, format=name)
        assert (answer.status, answer.slug) == (406, "not-acceptable")
    repeated = await timeline.get(f"{CITIES}?format=csv&format=json&x%2Dy"[: -len("&x%2Dy")])
    assert (repeated.status, repeated.faults) == (400, {"/format": "repeated"})


async def test_a_document_is_no_table_and_no_map(timeline: Served):
    for name in ("csv", "geojson"):
        assert (await timeline.get(DOCUMENT, format=name)).status == 406
    rows = (await timeline.get(DOCUMENT, at_position=110, at="2026-03-01")).json["rows"]
    told = (await timeline.get(DOCUMENT, at_position=110, at="2026-03-01", format="ndjson")).raw.splitlines()
    own = dict.fromkeys(name for row in rows.values() for name in row)
    assert [orjson.loads(line) for line in told] == [{"key": key, **own, **row} for key, row in rows.items()]


async def test_in_ndjson_each_row_is_a_line(timeline: Served):
    asked = {"at": "2026-03-01", "at_position": "110", "group_by": "place,kind"}
    rows = (await timeline.get(CITIES, **asked)).json["rows"]
    told = await timeline.get(CITIES, **asked, format="ndjson")
    assert [orjson.loads(line) for line in told.raw.splitlines()] == [{"key": k, **row} for k, row in rows.items()]


async def members_of(served: Served, path: str, **params: Any) -> list[str]:
    """The members of an answer's lines; fails where two lines differ in them, or in their order."""
    answer = await served.get(path, format="ndjson", **params)
    assert answer.status == 200, answer
    shapes = {tuple(orjson.loads(line)) for line in answer.raw.splitlines()}
    assert len(shapes) <= 1, shapes
    return [name for shape in shapes for name in shape]


@pytest.mark.parametrize("name", sorted({*PROJECTIONS} - {"stated_totals"}))  # of which the timeline has none
async def test_every_line_has_the_same_members_in_the_same_order(timeline: Served, name: str):
    assert "key" in await members_of(timeline, f"/v1/projections/{name}", at="2026-03-01", at_position=110)


@pytest.mark.parametrize("compare", [{}, {"compare": "previous", "since": "2025-01-01", "until": "2026-01-01"}])
async def test_a_line_has_members_that_no_row_of_the_answer_has(service: Served, compare: dict[str, str]):
    """They hang on the question and not on the data, so that the first answer of a log has those of the last."""
    path = f"{CITIES}?group_by=place,kind"
    await service.add(strike(place={"name": "Nowhere at all", "precision": "unknown"}))
    nameless = await members_of(service, path, min_position=1, **compare)
    await service.add(strike())
    both = await members_of(service, path, min_position=2, **compare)
    await service.add(strike(place={"name": "Kyiv", "country": "UA", "precision": "settlement"}))
    assert nameless == both == await members_of(service, path, min_position=3, **compare)
    assert nameless[:4] == ["key", "place", "kind", "name"]
    assert nameless[nameless.index("position") :] == [
        "position",
        "restated",
        *(["previous", "change"] if compare else []),
    ]


async def test_every_event_has_the_same_members_whatever_it_is(service: Served):
    reported = strike()
    await service.add(reported)
    plain = await members_of(service, "/v1/events")
    moved = {"place": {"name": "Kyiv", "country": "UA", "precision": "settlement"}}
    await service.add(about("amended", reported["id"], patch=moved, reason="it was Kyiv"))
    assert plain == await members_of(service, "/v1/events")
    first, second = (await service.get("/v1/events")).json["events"]
    assert (first["patched_place"], second["patched_place"]["place_id"]) == (None, KYIV_CITY)


async def test_a_table_has_a_header_and_lines_that_end_as_the_standard_says(timeline: Served):
    asked = {"at": "2026-03-01", "at_position": "110", "group_by": "place,country"}
    answer = await timeline.get(CITIES, **asked, format="csv")
    lines = answer.raw.decode().split("\r\n")
    assert lines[0].startswith(
        "place,country_code,location,incidents,parts,reports,undisclosed,low,best,high,injured_low,"
    )
    assert lines[-1] == ""
    assert "\n" not in "".join(lines)
    assert "attachment" in answer.headers["Content-Disposition"]
    rows = (await timeline.get(CITIES, **asked)).json["rows"]
    told = table(answer)
    assert len(told) == len(rows)
    for shown, row in zip(told, rows.values(), strict=True):
        assert shown["location"] == row.get("name", "")
        assert shown["best"] == ("" if row["killed"]["best"] is None else str(row["killed"]["best"]))
        assert shown["restated"] == str(row["restated"]).lower()


@pytest.mark.parametrize("name", TALLIES)
async def test_every_tally_is_a_table_whose_columns_hang_on_the_question_alone(timeline: Served, name: str):
    path = f"/v1/projections/{name}"
    whole = await timeline.get(path, format="csv", at_position=110)
    nothing = await timeline.get(path, format="csv", at_position=0)
    header = whole.raw.decode().splitlines()[0]
    assert nothing.raw.decode() == f"{header}\r\n"
    columns = header.split(",")
    assert len(set(columns)) == len(columns)
    rows = (await timeline.get(path, at_position=110)).json["rows"]
    assert len(table(whole)) == len(rows)
    assert all(None not in row and None not in row.values() for row in table(whole))


async def test_what_is_compared_has_its_columns_too(timeline: Served):
    asked = {"since": "2025-11-01", "until": "2025-12-01", "compare": "previous", "top": "3", "format": "csv"}
    answer = await timeline.get(CITIES, **asked)
    assert {"previous_best", "change_best_absolute", "change_incidents_relative"} <= {*table(answer)[0]}
    assert [row["location"] for row in table(answer)] == ["Ternopil"]


HARMFUL = ["=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", '=HYPERLINK("http://x","y")', "＝1+1", "-2+3|x"]


@pytest.mark.parametrize("text", HARMFUL)
def test_no_cell_begins_a_formula(text: str):
    (cell,) = next(csv.reader(io.StringIO(write_csv(["a"], [[text]]).decode().partition("\r\n")[2], newline="")))
    assert cell == f"'{text}"


@pytest.mark.parametrize(
    ("value", "told"),
    [(-2, "-2"), (-0.5, "-0.5"), (2**53, str(2**53)), ("-2", "-2"), ("-0.25", "-0.25"), (None, ""), (True, "true"),
     ("a,b", '"a,b"'), ('say "x"', '"say ""x"""'), ("two\r\nlines", '"two\r\nlines"'), ("Одеса 💥", "Одеса 💥"),
     ({"a": "=1"}, '"{""a"":""=1""}"')],
)  # fmt: skip
def test_numbers_and_harmless_text_stay_as_they_are(value: Any, told: str):
    assert write_csv(["a", "b"], [[value, 0]]) == f"a,b\r\n{told},0\r\n".encode()


async def test_what_somebody_reported_runs_in_no_spreadsheet(service: Served):
    name = '=cmd|"/c calc"!A1'
    event = strike(place={"name": name, "precision": "settlement"}, notes="+49 30 1234")
    event["sources"][0]["title"] = "@SUM(1+1)"
    await service.add(event)
    (row,) = table(await service.get(CITIES, format="csv", min_position=1))
    assert row["location"] == f"'{name}"
    (told,) = table(await service.get("/v1/events", format="csv"))
    assert (told["location"], told["notes"], told["source"]) == (f"'{name}", "'+49 30 1234", "'@SUM(1+1)")
    assert orjson.loads(told["data"])["means"] == ["drone"]


async def test_a_map_has_a_point_for_each_place_that_is_known(service: Served):
    registered = {
        "type": "place.registered",
        "data": {"slug": "pisky", "name": "Pisky", "country": "UA", "lat": 48.06, "lon": 37.68},
    }
    await service.add(registered)
    await service.settled()
    pisky = {"name": "Pisky", "place_id": "place:pisky", "precision": "settlement"}
    nowhere = {"name": "Nowhere at all", "precision": "settlement"}
    region = {"name": "Moscow region", "country": "RU", "admin1": "48", "precision": "admin1"}
    await service.add(*(strike(place=place) for place in (pisky, nowhere, region)), strike())
    answer = await service.get(CITIES, format="geojson", group_by="place,kind", min_position=5)
    found = answer.json
    assert found["type"] == "FeatureCollection"
    assert (found["projection"], found["basis"]["position"]) == ("city_incidents", 5)
    points = {f["id"]: f["geometry"] for f in found["features"]}
    assert points == {
        "geonames:698740|strike": {"type": "Point", "coordinates": [30.74383, 46.48572]},
        "place:pisky|strike": {"type": "Point", "coordinates": [37.68, 48.06]},
        "name:nowhere at all|strike": None,
        "|strike": None,
    }
    rows = await service.rows("city_incidents", group_by="place,kind")
    assert {f["id"]: f["properties"] for f in found["features"]} == rows
    assert all(f["type"] == "Feature" for f in found["features"])


async def test_a_map_of_what_was_known_has_places_where_they_were_known(service: Served):
    """P3: a registration that is corrected moves no point of an answer given before."""
    first = {
        "id": "0198c0de-0000-7000-8000-000000000001", "type": "place.registered", "stream": "place:pisky",
        "data": {"slug": "pisky", "name": "Pisky", "country": "UA", "lat": 48.0, "lon": 37.0},
    }  # fmt: skip
    await service.add(first)
    await service.settled()
    await service.add(strike(place={"name": "Pisky", "place_id": "place:pisky", "precision": "settlement"}))
    asked = {"format": "geojson", "at": "2026-03-01", "at_position": "2"}
    before = await service.get(CITIES, **asked)
    await service.add({**first, "id": "0198c0de-0000-7000-8000-000000000002", "data": {**first["data"], "lat": 49.0}})
    await service.add(retraction(first["id"]))
    await service.settled()
    again = await service.get(CITIES, **asked)
    assert again.raw == before.raw
    assert again.json["features"][0]["geometry"]["coordinates"] == [37.0, 48.0]
    now = await service.get(CITIES, format="geojson")
    assert now.json["features"][0]["geometry"]["coordinates"] == [37.0, 49.0]


async def test_a_map_is_of_places(timeline: Served):
    answer = await timeline.get(CITIES, format="geojson", group_by="country")
    assert (answer.status, answer.slug) == (406, "not-acceptable")
    assert (await timeline.get("/v1/projections/talks_ledger", {"Accept": "application/geo+json"})).status == 406


@pytest.mark.parametrize("name", MEDIA)
async def test_the_same_basis_gives_the_same_bytes_in_every_format(service: Served, name: str):
    """P3, with the basis taken from the header where the body has no room for it."""
    await service.add(strike(), strike(place={"name": "Kyiv", "country": "UA", "precision": "settlement"}))
    first = await service.get(CITIES, format=name, min_position=2)
    basis = dict(parse_qsl(first.headers["Log-Basis"])) if name != "json" else first.json["basis"]
    assert str(basis["position"]) == "2"
    await service.add(strike())
    await service.settled()
    await service.clock.advance(NOW + timedelta(days=3))
    again = await service.get(CITIES, format=name, **basis)
    assert again.raw == first.raw
    assert again.headers["Content-Type"] == MEDIA[name]
    assert (await service.get(CITIES, {"If-None-Match": again.headers["ETag"]}, format=name, **basis)).status == 304


async def test_one_row_can_be_had_in_every_format(timeline: Served):
    (row,) = table(await timeline.get(f"{CITIES}/{ODESA}", format="csv"))
    assert row["place"] == ODESA
    assert len((await timeline.get(f"{CITIES}/{ODESA}", format="geojson")).json["features"]) == 1
    assert (await timeline.get(f"{CITIES}/nothing", format="csv")).slug == "not-found"


# ------------------------------------------------------------------------------------------------------- events


@pytest.mark.parametrize("name", ["ndjson", "csv", "geojson"])
async def test_events_come_in_pages_in_every_format(timeline: Served, name: str):
    whole = [e["id"] for e in (await timeline.get("/v1/events", limit=1000)).json["events"]]
    path, seen = f"/v1/events?limit=40&format={name}", []
    while path:
        page = await timeline.ask("GET", path)
        match name:
            case "ndjson":
                seen += [orjson.loads(line)["id"] for line in page.raw.splitlines()]
            case "csv":
                seen += [row["id"] for row in table(page)]
            case _:
                seen += [feature["id"] for feature in page.json["features"]]
        link = page.headers.get("Link", "")
        path = link.partition(">")[0].removeprefix("<")
    assert seen == whole


async def test_an_event_is_a_row_with_its_dates_place_and_figures(service: Served):
    month = {"start": "2025-05-10", "precision": "month", "tz": "Europe/Kyiv"}
    late = {
        "start": "2025-11-19T23:30:00+02:00",
        "end": "2025-11-20T01:00:00+02:00",
        "precision": "minute",
        "tz": "Europe/Kyiv",
    }
    killed = {"killed": {"low": 1, "best": 2, "high": 3}, "civilians_killed": {"best": 1}}
    one = strike(occurred=month)
    one["data"]["casualties"] = killed
    await service.add(
        one,
        strike(occurred=late),
        {"type": "place.registered", "data": {"slug": "x", "name": "X", "lat": 1.5, "lon": 2.5}},
    )
    first, second, third = table(await service.get("/v1/events", format="csv"))
    assert [*first] == list(EVENT_COLUMNS)
    assert (first["date_start"], first["date_end"], first["occurred_precision"]) == (
        "2025-05-01",
        "2025-05-31",
        "month",
    )
    assert (second["date_start"], second["date_end"]) == ("2025-11-19", "2025-11-20")
    assert (first["location"], first["place_id"], first["country_code"], first["admin1_code"]) == (
        "Odesa",
        ODESA,
        "UA",
        "UA.17",
    )
    assert (first["latitude"], first["longitude"]) == ("46.48572", "30.74383")
    assert [first[name] for name in ("low", "best", "high", "deaths_civilians")] == ["1", "2", "3", "1"]
    assert (first["actors"], first["source"], first["status"]) == ("RUS attacker", "A source", "effective")
    assert third["location"] == third["latitude"] == third["actors"] == ""


async def test_an_event_has_the_day_of_the_tallies_in_every_format_and_its_offset_shown(service: Served):
    late = {"start": "2025-11-19T22:30:00Z", "precision": "minute", "tz": "UTC"}
    summer = {"start": "2025-07-19T20:30-01:00", "end": "2025-07-19T23:00-01:00", "precision": "hour", "tz": "UTC"}
    abroad = {"start": "2025-11-18", "precision": "day", "tz": "America/New_York"}
    await service.add(strike(occurred=late), strike(occurred=summer), strike(occurred=abroad))
    told = [
        ("2025-11-20", "2025-11-20", "2025-11-20T00:30:00+02:00", None),
        ("2025-07-20", "2025-07-20", "2025-07-20T00:30:00+03:00", "2025-07-20T03:00:00+03:00"),
        ("2025-11-18", "2025-11-18", None, None),
    ]
    tallied = table(await service.get(CITIES, group_by="day", format="csv"))
    assert {row["day"] for row in tallied} == {first for first, *_ in told}
    rows = table(await service.get("/v1/events", format="csv"))
    columns = ("date_start", "date_end", "local_start", "local_end")
    assert [tuple(row[name] or None for name in columns) for row in rows] == told
    features = (await service.get("/v1/events", format="geojson")).json["features"]
    lines = (await service.get("/v1/events", format="ndjson")).raw.splitlines()
    plain = (await service.get("/v1/events")).json["events"]
    for events in ([f["properties"] for f in features], [orjson.loads(line) for line in lines], plain):
        assert [tuple(e["local"].values()) for e in events] == told


async def test_an_event_without_a_place_is_on_no_map_and_not_left_out(timeline: Served):
    features = (await timeline.get("/v1/events", format="geojson", limit=1000)).json["features"]
    assert len(features) == 110
    without = [f for f in features if f["geometry"] is None]
    assert without
    assert all((f["properties"]["place"] or {}).get("resolved", {}).get("lat") is None for f in without)
