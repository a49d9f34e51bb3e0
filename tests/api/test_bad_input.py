"""What must not get in: each is told what is wrong and where, and nothing is written (the fixture sees to that)."""

import gzip
import json
import sys
import zlib
from typing import Any
from uuid import uuid4

import orjson
import pytest

from tests.api.serving import NDJSON, Answer, Served
from tests.commands import retraction, strike

JSON = "application/json"
GOOD = orjson.dumps(strike())


def without(name: str) -> dict[str, Any]:
    return {k: v for k, v in strike().items() if k != name}


def of_data(**data: Any) -> dict[str, Any]:
    event = strike()
    return event | {"data": {**event["data"], **data}}


def amended(**patch: Any) -> dict[str, Any]:
    return retraction(strike()["id"]) | {
        "type": "record.amended",
        "data": {"target": strike()["id"], "patch": patch, "reason": "r"},
    }


SOURCE = strike()["sources"][0]
BACK = {"from": "2025-02-02", "to": "2025-02-01"}
VIOLATION = {"ceasefires": ["ceasefire:x"], "accused": ["RUS"], "claimed_by": "UKR", "severity": "minor"}
BACKWARDS = [
    ("ceasefire.declared", "effective_from", "effective_until", {"scope": ["general"]}),
    ("ceasefire.extended", "from", "until", {}),
    ("ceasefire.position_stated", "stated_from", "stated_until", {"party": "RUS", "stated_status": "over"}),
    ("sentiment.reported", "field_from", "field_to", {"pollster": "KIIS", "n": 1, "results": {"yes": 1}}),
]
EVENTS: list[tuple[str, dict[str, Any], dict[str, str]]] = [
    ("no type", without("type"), {"/type": "missing"}),
    ("another type", strike(type="strike.reportet"), {"/type": "unknown_type"}),
    ("a type that is none", strike(type=1), {"/type": "string_type"}),
    ("a type with a NUL", strike(type="strike.reported\0"), {"/type": "unknown_type"}),
    ("another version", strike(schema_version=2), {"/schema_version": "unknown_version"}),
    ("a version that is none", strike(schema_version="1"), {"/schema_version": "int_type"}),
    ("a version that is true", strike(schema_version=True), {"/schema_version": "int_type"}),
    ("a huge version", strike(schema_version=2**63), {"/schema_version": "unknown_version"}),
    ("no data", without("data"), {"/data": "missing"}),
    ("data that is a list", strike(data=[]), {"/data": "model_type"}),
    ("no sources", strike(sources=[]), {"/sources": "needs_a_source"}),
    ("sources left out", without("sources"), {"/sources": "needs_a_source"}),
    ("no time", without("occurred"), {"/occurred": "missing"}),
    ("an unknown field", strike(kommentar="x"), {"/kommentar": "extra_forbidden"}),
    ("an unknown field in data", of_data(killed=3), {"/data/killed": "extra_forbidden"}),
    ("a field with a slash", strike(**{"a/b~c": 1}), {"/a~1b~0c": "extra_forbidden"}),
    ("an id that is none", strike(id="1"), {"/id": "uuid_parsing"}),
    ("an id that is a number", strike(id=1), {"/id": "uuid_type"}),
    ("a stream without a category", strike(stream="one"), {"/stream": "string_pattern_mismatch"}),
    ("a stream with a NUL", strike(stream="strike:a\0"), {"/stream": "string_pattern_mismatch"}),
    ("a stream with a line end", strike(stream="strike:a\n"), {"/stream": "string_pattern_mismatch"}),
    ("a stream in capitals", strike(stream="strike:Odesa"), {"/stream": "string_pattern_mismatch"}),
    ("a stream that is too long", strike(stream="strike:" + "a" * 121), {"/stream": "string_pattern_mismatch"}),
    ("another category", strike(stream="talk:one"), {"/stream": "wrong_category"}),
    ("a negative version", strike(expected_version=-1), {"/expected_version": "greater_than_equal"}),
    ("a version over the limit", strike(expected_version=10_001), {"/expected_version": "less_than_equal"}),
    ("low > best", of_data(casualties={"killed": {"low": 3, "best": 2}}), {"/data/casualties/killed": "low_best_high"}),
    ("best > high", of_data(casualties={"killed": {"best": 3, "high": 2}}), {"/data/casualties/killed": "low_best_high"}),
    ("a negative count", of_data(casualties={"killed": {"best": -1}}), {"/data/casualties/killed/best": "greater_than_equal"}),
    ("a count over the limit", of_data(casualties={"killed": {"best": 10**9 + 1}}),
     {"/data/casualties/killed/best": "less_than_equal"}),
    ("a count that is text", of_data(casualties={"killed": {"best": "3"}}), {"/data/casualties/killed/best": "int_type"}),
    ("a count that is true", of_data(casualties={"killed": {"best": True}}), {"/data/casualties/killed/best": "int_type"}),
    ("half a person", of_data(casualties={"killed": {"best": 1.5}}), {"/data/casualties/killed/best": "int_type"}),
    ("more lost than launched", of_data(launched={"drone": {"best": 3}}, intercepted={"drone": {"best": 4}}, lost={"drone": {"best": 0}}), {}),
    ("a means that is none", of_data(means=["dragon"]), {"/data/means/0": "literal_error"}),
    ("an unknown actor", strike(actors=[{"code": "XXY", "role": "attacker"}]), {"/actors/0/code": "unknown_code"}),
    ("an unknown role", strike(actors=[{"code": "RUS", "role": "bad"}]), {"/actors/0/role": "literal_error"}),
    ("an unknown country", strike(place={"name": "O", "country": "XY", "precision": "settlement"}),
     {"/place/country": "unknown_code"}),
    ("an unknown place", strike(place={"name": "O", "place_id": "geonames:1", "precision": "settlement"}),
     {"/place/place_id": "unknown_place"}),
    ("half a coordinate", strike(place={"name": "O", "lat": 1.0, "precision": "exact"}), {"/place": "lat_and_lon"}),
    ("beyond the pole", strike(place={"name": "O", "lat": 90.1, "lon": 0.0, "precision": "exact"}),
     {"/place/lat": "less_than_equal"}),
    ("swapped coordinates", strike(place={"name": "Odesa", "country": "UA", "lat": 30.74, "lon": 46.49, "precision": "exact"}),
     {"/place/lat": "swapped"}),
    ("swapped coordinates of the open field",
     strike(place={"name": "near a river", "country": "UA", "lat": 36.25, "lon": 49.98, "precision": "area"}),
     {"/place/lat": "swapped"}),
    ("swapped coordinates of a registered place",
     {"type": "place.registered", "data": {"slug": "a", "name": "A", "country": "UA", "lat": 30.74, "lon": 46.49}},
     {"/data/lat": "swapped"}),
    ("an unknown zone", strike(occurred={"start": "2025-01-01", "precision": "day", "tz": "Mars/Olympus"}),
     {"/occurred/tz": "unknown_code"}),
    ("a path for a zone", strike(occurred={"start": "2025-01-01", "precision": "day", "tz": "../../etc/passwd"}),
     {"/occurred/tz": "unknown_code"}),
    ("a day that is none", strike(occurred={"start": "2025-02-30", "precision": "day", "tz": "UTC"}),
     {"/occurred/start": "not_a_time"}),
    ("an instant as a number", strike(occurred={"start": 1763510400, "precision": "day", "tz": "UTC"}),
     {"/occurred/start": "not_a_time"}),
    ("Arabic digits", strike(occurred={"start": "٢٠٢٥-٠١-٠١", "precision": "day", "tz": "UTC"}),
     {"/occurred/start": "not_a_time"}),
    ("before its start", strike(occurred={"start": "2025-02-02", "end": "2025-02-01", "precision": "day", "tz": "UTC"}),
     {"/occurred/end": "ends_before_start"}),
    ("an offset of sixty minutes", strike(occurred={"start": "2025-01-01T00:00+00:60", "precision": "minute", "tz": "UTC"}),
     {"/occurred/start": "not_a_time"}),
    ("an offset of a day", strike(reported_at="2025-01-01T00:00-24:00"), {"/reported_at": "not_a_time"}),
    ("no such offset in the data", of_data(as_of="2025-01-01T00:00-01:75"), {"/data/as_of": "not_a_time"}),
    ("no such offset in a source", strike(sources=[{**SOURCE, "published_at": "2025-01-01T00:00+02:99"}]),
     {"/sources/0/published_at": "not_a_time"}),
    ("no such offset in a patch", amended(data={"effective_until": "2025-01-01T00:00+00:60"}),
     {"/data/patch/data/effective_until": "not_a_time"}),
    ("no such day in a patch", amended(occurred={"start": "2025-02-30"}), {"/data/patch/occurred/start": "not_a_time"}),
    *(
        (f"a {type_name} that ends before it starts",
         {**strike(type=type_name, stream=None), "data": {**more, start: "2025-02-02", end: "2025-02-01T23:00"}},
         {f"/data/{end}": "ends_before_start"})
        for type_name, start, end, more in BACKWARDS
    ),
    ("a period that ends before it starts", strike(type="violation.reported", stream=None, data={**VIOLATION, "period": BACK}),
     {"/data/period/to": "ends_before_start"}),
    ("an interval of a party's own", strike(type="agreement.reached", stream=None, data={
        "form": "verbal", "scope": ["grain"], "stated": [{"party": "RUS", "from": "2025-02-02", "until": "2025-02-01"}]}),
     {"/data/stated/0/until": "ends_before_start"}),
    ("a patch that ends before it starts", amended(data={"effective_from": "2025-02-02", "effective_until": "2025-02-01"}),
     {"/data/patch/data/effective_until": "ends_before_start"}),
    ("the future", strike(occurred={"start": "2026-03-03", "precision": "day", "tz": "UTC"}),
     {"/occurred/start": "in_the_future"}),
    ("the far future", strike(occurred={"start": "9999-12-31", "precision": "day", "tz": "UTC"}),
     {"/occurred/start": "not_a_time"}),
    ("reported in the future", strike(reported_at="2026-03-03"), {"/reported_at": "in_the_future"}),
    ("corroborated by one", strike(verification="corroborated"), {"/verification": "needs_two_origins"}),
    ("a colour", strike(tlp="PINK"), {"/tlp": "literal_error"}),
    ("a marking where there is none", {"type": "policy.changed", "tlp": "RED", "data": {}}, {"/tlp": "always_clear"}),
    ("a NUL in a note", strike(notes="a\0b"), {"/notes": "nul"}),
    ("a NUL in a name", strike(private={"a": {"b\0": 1}}), {"/private/a": "nul"}),
    ("a number that others cannot read", strike(private={"n": 2**53}), {"/private": "number_too_large"}),
    ("a number beyond 64 bits", orjson.loads(GOOD) | {"private": {"n": "@"}}, {"/private": "number_too_large"}),
    ("a patch that says nothing", retraction("x") | {"type": "record.amended", "data": {"patch": {}, "reason": "r"}},
     {"/data/patch": "empty_patch", "/data/target": "missing"}),
    ("a target that is no id", retraction("x"), {"/data/target": "uuid_parsing"}),
    ("a very long note", strike(notes="x" * 4_001), {"/notes": "string_too_long"}),
    ("too many actors", strike(actors=[{"code": "RUS", "role": "party"}] * 201), {"/actors": "too_long"}),
]  # fmt: skip


@pytest.mark.parametrize(("event", "faults"), [e[1:] for e in EVENTS], ids=[e[0] for e in EVENTS])
async def test_an_event_that_breaks_a_rule_is_refused_with_its_place(
    attacked: Served, event: dict[str, Any], faults: dict[str, str]
):
    raw = orjson.dumps(event).replace(b'"@"', b"1" + b"0" * 30)
    answer = await attacked.post(raw)
    assert (answer.status, answer.slug) == (422, "invalid-event"), answer
    told = {(e["pointer"], e["code"]) for e in answer.json["errors"]}
    assert faults.items() <= told, told
    assert not faults or event.get("type") == "policy.changed" or answer.faults.keys() == faults.keys()
    bulk = await attacked.bulk(strike(), raw, strike())
    assert (bulk.status, bulk.slug) == (422, "refused-lines")
    assert {(e["line"], e["pointer"]) for e in bulk.json["errors"]} == {(2, pointer) for pointer in answer.faults}


async def test_every_fault_is_told_at_once(attacked: Served):
    event = strike(
        verification="corroborated", tlp="PINK", stream="talk:one", more=1, notes="", killed=-1,
        place={"name": "O", "country": "XY", "precision": "settlement"},
        occurred={"start": "2026-03-03", "precision": "day", "tz": "UTC"},
    )  # fmt: skip
    assert set((await attacked.post(event)).faults) == {
        "/verification", "/tlp", "/stream", "/more", "/notes", "/data/casualties/killed/best", "/place/country",
        "/occurred/start",
    }  # fmt: skip


TEXTS: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "not_json"),
    "white space": (b"  \n", "not_json"),
    "cut off": (GOOD[:-10], "not_json"),
    "cut off in a letter": (b'{"type":"\xd0', "not_json"),
    "two at once": (GOOD + GOOD, "not_json"),
    "a comma too many": (GOOD[:-1] + b",}", "not_json"),
    "single quotes": (b"{'type': 'strike.reported'}", "not_json"),
    "a comment": (b"/* x */" + GOOD, "not_json"),
    "two byte order marks": (b"\xef\xbb\xbf" * 2 + GOOD, "not_json"),
    "a byte order mark alone": (b"\xef\xbb\xbf", "not_json"),
    "UTF-16": (GOOD.decode().encode("utf-16"), "not_json"),
    "Latin-1": (GOOD[:-1] + b',"notes":"\xe9"}', "not_json"),
    "a raw surrogate": (GOOD[:-1] + b',"notes":"\xed\xa0\x80"}', "not_json"),
    "a high surrogate alone": (GOOD[:-1] + rb',"notes":"\ud800"}', "not_json"),
    "a low surrogate alone": (GOOD[:-1] + rb',"notes":"\udc00"}', "not_json"),
    "an overlong slash": (GOOD[:-1] + b',"notes":"\xc0\xaf"}', "not_json"),
    "a control character": (GOOD[:-1] + b',"notes":"a\x01b"}', "not_json"),
    "a list": (b"[" + GOOD + b"]", "not_an_object"),
    "text": (b'"strike"', "not_an_object"),
    "null": (b"null", "not_an_object"),
    "a number": (b"1", "not_an_object"),
    "NaN": (GOOD.replace(b'"best":1', b'"best":NaN'), "not_json"),
    "infinity": (GOOD.replace(b'"best":1', b'"best":-Infinity'), "not_json"),
    "1e400": (GOOD.replace(b'"best":1', b'"best":1e400'), "not_json"),
    "5,000 nines": (GOOD.replace(b'"best":1', b'"best":' + b"9" * 5000), "not_json"),
    "hexadecimal": (GOOD.replace(b'"best":1', b'"best":0x1'), "not_json"),
    "a leading zero": (GOOD.replace(b'"best":1', b'"best":01'), "not_json"),
    "100,000 brackets": (b"[" * 100_000, "too_deep"),
    "100,000 brackets in a field": (
        GOOD[:-1] + b',"private":{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}}",
        "too_deep",
    ),
    "30,000 objects": (b'{"a":' * 30_000 + b"1" + b"}" * 30_000, "too_deep"),
}


@pytest.mark.parametrize("name", TEXTS)
async def test_what_is_no_json_is_refused(attacked: Served, name: str):
    raw, code = TEXTS[name]
    answer = await attacked.post(raw)
    assert (answer.status, answer.slug) == (400, "bad-request"), answer
    assert answer.faults == {"": code}
    bulk = await attacked.bulk(strike(killed=-1), raw)
    assert (bulk.status, bulk.slug) == (422, "refused-lines")


@pytest.mark.parametrize(
    ("raw", "pointer"),
    [
        (GOOD[:-1] + b',"notes":"a","notes":"b"}', "/notes"),
        (GOOD[:-1] + b',"data":{}}', "/data"),
        (GOOD[:-1] + b',"id":"00000000-0000-4000-8000-000000000001"}', "/id"),
        (GOOD.replace(b'"best":1', b'"best":1,"best":2'), "/data/casualties/killed/best"),
        (GOOD.replace(b'"best":1', rb'"best":1,"b\u0065st":2'), "/data/casualties/killed/best"),
        (GOOD[:-1] + rb',"notes":"\u003a","private":{"a/b":1,"a/b":1}}', "/private/a~1b"),
        (GOOD[:-1] + rb',"notes":"\u003A\u003A","tlp":"CLEAR","tlp":"RED"}', "/tlp"),
    ],
)  # fmt: skip
async def test_a_name_that_comes_twice_in_an_object_is_refused(attacked: Served, raw: bytes, pointer: str):
    answer = await attacked.post(raw)
    assert (answer.status, answer.slug) == (422, "invalid-event")
    assert answer.faults == {pointer: "repeated_name"}


async def test_a_byte_order_mark_is_passed_over(busy: Served):
    event = strike()
    assert (await busy.post(b"\xef\xbb\xbf" + orjson.dumps(event))).status == 201
    assert (await busy.post(event)).status == 200
    first, second = b"\xef\xbb\xbf" + orjson.dumps(strike()), b"\xef\xbb\xbf" + orjson.dumps(strike())
    assert (await busy.bulk(first, second)).json["appended"] == 2
    assert (await busy.bulk(first, second, mode="partial")).status == 207
    assert (await busy.bulk(b"\xef\xbb\xbf", b"")).faults == {"": "empty"}


async def test_an_amendment_may_put_coordinates_right_and_not_swap_them(service: Served):
    there = {"name": "Odesa", "country": "UA", "precision": "exact", "lat": 46.49, "lon": 30.74}
    event = strike(place=there)
    await service.add(event)
    amendment = retraction(event["id"]) | {"type": "record.amended"}
    amendment["data"]["patch"] = {"place": {"lat": 30.74, "lon": 46.49}}
    refused = await service.post(amendment)
    assert (refused.status, refused.faults) == (422, {"/data/patch/place/lat": "swapped"})
    amendment["data"]["patch"] = {"place": {"lat": 46.5, "lon": 30.7}}
    assert (await service.post(amendment)).status == 201


@pytest.mark.parametrize(("name", "lat", "lon"), [("Belgorod", 50.6, 36.6), ("Engels", 51.48, 46.2)])
async def test_a_point_over_the_border_of_the_country_given_is_a_claim_and_stands(
    busy: Served, name: str, lat: float, lon: float
):
    place = {"name": name, "country": "UA", "lat": lat, "lon": lon, "precision": "exact"}
    assert (await busy.post(strike(place=place))).status == 201


async def test_a_colon_may_be_written_as_an_escape(busy: Served):
    answer = await busy.post(orjson.dumps(strike(notes="a@b"))[:-1].replace(b"@", rb"\u003a") + b"}")
    assert answer.status == 201
    assert (await busy.get(answer.headers["Location"])).json["notes"] == "a:b"


def nested(depth: int) -> Any:
    """A value in so many lists and objects, turn and turn about."""
    value: Any = 1
    for n in range(depth):
        value = [value] if n % 2 else {"a": value}
    return value


def deep_on(where: str, depth: int, target: str = "00000000-0000-7000-8000-000000000000") -> bytes:
    """An event that is so deep somewhere, the event itself counted."""
    if where == "patch":
        event = retraction(target) | {"type": "record.amended"}
        event["data"] |= {"patch": {"data": {"effects": nested(depth - 4)}}}
    else:
        event = strike(**{where: {"a": nested(depth - 2)}})
    return _dumped(event)


def _dumped(event: Any) -> bytes:
    """The JSON of an event, which may be deeper than orjson writes."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(50_000)
    try:
        return json.dumps(event).encode()
    finally:
        sys.setrecursionlimit(limit)


@pytest.mark.parametrize("depth", [65, 150, 250, 254, 255, 260, 900, 1_020, 1_100])
@pytest.mark.parametrize("where", ["private", "more", "data", "patch"])
async def test_json_that_is_nested_too_deep_is_refused_on_every_road_and_only_the_line_that_is(
    busy: Served, where: str, depth: int
):
    raw, stream = deep_on(where, depth), f"strike:{uuid4()}"
    conditional = await busy.post(raw, path=f"/v1/streams/{stream}/events", headers={"If-Match": '"0"'})
    for answer in (await busy.post(raw), conditional):
        assert (answer.status, answer.slug) == (400, "bad-request"), answer
        assert list(answer.faults.values()) == ["too_deep"]
    atomic = await busy.bulk(strike(), raw, strike())
    assert (atomic.status, [(e["line"], e["code"]) for e in atomic.json["errors"]]) == (422, [(2, "too_deep")])
    partial = await busy.bulk(strike(), raw, strike(), mode="partial")
    assert [told.get("status") for told in map(orjson.loads, partial.raw.splitlines())] == [201, 400, 201, None]


async def test_where_it_is_too_deep_is_told(attacked: Served):
    answer = await attacked.post(strike(private={"a": nested(63)}))
    ((pointer, code),) = answer.faults.items()
    assert (code, pointer) == ("too_deep", "/private/a" + "/a/0" * 31)


async def test_json_that_is_as_deep_as_may_be_is_taken_and_read(service: Served):
    event = strike(private={"a": nested(62)})
    assert (await service.post(event)).status == 201
    assert (await service.post(deep_on("patch", 64, event["id"]))).status == 201
    told = await service.get(f"/v1/events/{event['id']}", private="true")
    assert told.json["private"] == event["private"]
    listed = (await service.get("/v1/events")).json["events"]
    assert listed[1]["data"]["patch"]["data"]["effects"] == nested(60)
    await service.settled()


async def test_many_brackets_beside_one_another_are_not_deep(service: Served):
    assert (await service.post(strike(private={"a": [[{}]] * 1_000, "text": "[" * 1_000}))).status == 201


async def test_a_line_of_ten_megabytes_is_refused(attacked: Served):
    long = orjson.dumps(strike(notes="x" * 10_000_000))
    for answer in (await attacked.post(long), await attacked.bulk(GOOD, long), await attacked.bulk(long, GOOD)):
        assert (answer.status, answer.slug) == (413, "too-large")


async def test_an_event_with_too_many_faults_is_told_the_first_hundred(attacked: Served):
    answer = await attacked.post(strike(**{f"x{n}": n for n in range(10_000)}))
    assert len(answer.json["errors"]) == 100
    assert answer.json["detail"] == "10000 faults"


# ------------------------------------------------------------------------------------ how it is sent


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "application/x-www-form-urlencoded", "multipart/form-data",
                                  "application/jsonp", "", "nonsense", "text/json", "application/json/x", NDJSON])  # fmt: skip
async def test_another_content_type_is_refused(attacked: Served, kind: str):
    answer = await attacked.post(strike(), headers={"Content-Type": kind})
    assert (answer.status, answer.slug) == (415, "unsupported-media-type")
    if kind != NDJSON:
        answer = await attacked.post(strike(), path="/v1/events/bulk", headers={"Content-Type": kind})
        assert (answer.status, answer.slug) == (415, "unsupported-media-type")


async def test_one_event_is_no_file_and_a_file_no_event(attacked: Served):
    assert (await attacked.post(strike(), path="/v1/events/bulk")).slug == "unsupported-media-type"


async def test_a_charset_is_no_other_type(busy: Served):
    answer = await busy.post(strike(), headers={"Content-Type": "application/json; charset=utf-8"})
    assert answer.status == 201


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
async def test_a_packed_body_is_unpacked(busy: Served, coding: str):
    body = gzip.compress(GOOD) if coding == "gzip" else zlib.compress(orjson.dumps(strike()))
    answer = await busy.post(body, headers={"Content-Encoding": coding})
    assert answer.status in {200, 201}, answer


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
async def test_a_bomb_does_not_go_off(attacked: Served, coding: str):
    """200 KB that would be 200 MB; and, within, lines that would be one."""
    zeros = b"0" * 200_000_000
    packed = gzip.compress(zeros, 6) if coding == "gzip" else zlib.compress(zeros, 6)
    for path, kind in (("/v1/events", JSON), ("/v1/events/bulk", NDJSON)):
        answer = await attacked.post(packed, path=path, headers={"Content-Encoding": coding, "Content-Type": kind})
        assert answer.status in {400, 413}, answer
        assert answer.slug in {"bad-request", "too-large"}


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
async def test_what_is_not_packed_as_it_says_is_refused(attacked: Served, coding: str):
    for body in (b"not packed at all", gzip.compress(GOOD)[:100]):
        for path, kind in (("/v1/events", JSON), ("/v1/events/bulk", NDJSON)):
            answer = await attacked.post(body, path=path, headers={"Content-Encoding": coding, "Content-Type": kind})
            assert answer.status in {400, 422}, answer
            assert answer.slug in {"bad-request", "refused-lines"}


# -------------------------------------------------------------------------------------- parameters

NUMBERS = [
    "1_000",
    "%201",
    "1%20",
    "%2B1",
    "-1",
    "1.0",
    "1e3",
    "%D9%A1",
    "%EF%BC%91",
    "0x1",
    "",
    "1%00",
    "9" * 30,
    "null",
]
NUMBERED = [
    ("/v1/events", "after"),
    ("/v1/events", "limit"),
    ("/v1/events", "min_position"),
    ("/v1/events", "at_position"),
    ("/v1/streams/strike:one", "after_version"),
    ("/v1/streams/strike:one", "limit"),
    ("/v1/subjects/strike:one/history", "after"),
    ("/v1/subjects/strike:one/history", "limit"),
    ("/v1/projections/city_incidents", "min_position"),
    ("/v1/places?q=x", "limit"),
]


@pytest.mark.parametrize(("path", "name"), NUMBERED)
async def test_what_is_no_plain_whole_number_is_refused(attacked: Served, path: str, name: str):
    for text in NUMBERS:
        answer = await attacked.get(f"{path}{'&' if '?' in path else '?'}{name}={text}&x%2D=1"[:-7])
        assert (answer.status, answer.slug) == (400, "bad-request"), (text, answer)
        assert answer.faults == {f"/{name}": "not_a_number"}, text


@pytest.mark.parametrize(("path", "name"), [p for p in NUMBERED if p[1] == "limit"])
async def test_a_limit_has_limits(attacked: Served, path: str, name: str):
    for text in ("0", "100001"):
        answer = await attacked.get(f"{path}{'&' if '?' in path else '?'}{name}={text}")
        assert answer.faults == {f"/{name}": "not_a_number"}


SQL = "%27%3B%20DROP%20TABLE%20events%3B%20--"
PLACES_OF_SQL = [
    *(f"/v1/events?{name}={SQL}" for name in (
        "after", "limit", "type", "stream", "category", "city", "admin1", "country", "actor", "since", "until",
        "recorded_since", "verification", "bbox", "at", "known_at", "at_position", "basis", "min_position", SQL,
    )),
    f"/v1/events/{SQL}",
    f"/v1/streams/{SQL}",
    f"/v1/streams/strike:{SQL}",
    f"/v1/subjects/{SQL}",
    f"/v1/subjects/strike:{SQL}/history",
    f"/v1/projections/{SQL}",
    f"/v1/projections/city_incidents/{SQL}",
    f"/v1/projections/city_incidents?group_by={SQL}",
    f"/v1/projections/city_incidents?{SQL}=1",
    f"/v1/projections/city_incidents?since={SQL}",
    f"/v1/places?q=x&country={SQL}",
    f"/problems/{SQL}",
    f"/{SQL}",
]  # fmt: skip


@pytest.mark.parametrize("path", PLACES_OF_SQL)
async def test_sql_is_text_like_any_other(attacked: Served, path: str):
    answer = await attacked.get(path)
    assert answer.status in {400, 404}
    assert answer.slug in {"bad-request", "not-found"}


async def test_sql_is_a_name_like_any_other(busy: Served):
    name = "'; DROP TABLE events; --"
    event = strike(notes=name, place={"name": name, "precision": "settlement"})
    await busy.add(event)
    assert (await busy.get(f"/v1/events/{event['id']}")).json["notes"] == name
    rows = await busy.rows("city_incidents", place="name:drop table events")
    assert len(rows) == 1, await busy.rows("city_incidents")
    assert (await busy.get("/v1/places", q=name)).json["q"] == name


ODD = [
    "%00",
    "%2F",
    "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
    "%ff",
    "%ed%a0%80",
    "%F0%9F%92%A5",
    "%0d%0aX-Injected:%201",
    "%25",
    "%",
]


@pytest.mark.parametrize("odd", ODD)
async def test_odd_paths_and_parameters_are_refused_in_the_usual_way(attacked: Served, odd: str):
    paths = [
        f"/{odd}", f"/v1/events/{odd}", f"/v1/streams/{odd}", f"/v1/streams/strike:a{odd}", f"/v1/subjects/{odd}",
        f"/v1/subjects/{odd}/history", f"/v1/projections/{odd}", f"/v1/projections/city_incidents/{odd}",
        f"/v1/projections/city_incidents?place={odd}&{odd}=1", f"/v1/events?{odd}={odd}", f"/v1/events?stream={odd}",
        f"/problems/{odd}",
    ]  # fmt: skip
    for path in paths:
        text = await attacked.raw(
            f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {attacked.key}\r\n"
            "Connection: close\r\n\r\n".encode()
        )
        head, _, body = text.partition(b"\r\n\r\n")
        assert head.split(b" ")[1] in {b"400", b"404"}, (path, text)
        assert b"X-Injected: 1" not in head
        assert b"problem+json" in head, (path, text)
        assert orjson.loads(body)["type"].startswith("/problems/")
    for path in ("/v1/events", f"/v1/streams/strike:{odd}/events"):
        answer: Answer = await attacked.post(b"{}", path=f"{path}?x%2Dx=1"[:-8])
        assert answer.status in {404, 422}
    answer = await attacked.get(f"/v1/places?q={odd}&x%2D=1"[:-7])
    assert answer.status in {200, 400}


async def test_a_stream_in_the_path_is_held_to_its_form(attacked: Served):
    for stream in ("talk:%00", "strike:A", "one", "strike:a%2Fb", "strike:" + "x" * 121, "strike:%D8%A7"):
        answer = await attacked.post(strike(), path=f"/v1/streams/{stream}/events?x%2D=1"[:-7])
        assert answer.status in {404, 422}, answer
        assert answer.slug in {"invalid-event", "not-found"}


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("/v1/events", ("since", "until", "recorded_since", "at", "known_at")),
        ("/v1/replay", ("from", "to")),
        ("/v1/projections/ceasefire_status", ("at", "known_at")),
    ],
)
async def test_no_parameter_takes_an_offset_of_sixty_minutes(attacked: Served, path: str, names: tuple[str, ...]):
    for name in names:
        answer = await attacked.ask("GET", path, params={name: "2025-01-01T00:00+00:60"})
        assert (answer.status, answer.faults) == (400, {f"/{name}": "not_a_time"}), name
        if path != "/v1/replay":  # which would begin
            assert (await attacked.ask("GET", path, params={name: "2025-01-01T00:00+00:59"})).status == 200


@pytest.mark.parametrize(("path", "start", "end"), [("/v1/events", "since", "until"), ("/v1/replay", "from", "to")])
async def test_no_parameters_end_before_they_start(attacked: Served, path: str, start: str, end: str):
    answer = await attacked.ask("GET", path, params={start: "2025-02-02", end: "2025-02-01"})
    assert (answer.status, answer.faults) == (400, {f"/{end}": "ends_before_start"})


async def test_evidence_of_an_event_that_is_not_there_is_refused(service: Served):
    shows = {
        "sha256": "0" * 64,
        "media_type": "image/png",
        "captured_at": "2025-01-01",
        "collector": "c",
        "method": "m",
    }
    event, missing = strike(), "00000000-0000-4000-8000-000000000000"

    def evidence(**more: Any) -> dict[str, Any]:
        stream = {"stream": more.pop("stream")} if "stream" in more else {}
        return {"type": "evidence.attached", **stream, "data": {**shows, **more}}

    refused = await service.post(evidence(target=missing, stream="strike:x"))
    assert (refused.status, refused.faults) == (422, {"/data/target": "unknown_target"})
    told = (await service.bulk(evidence(target=missing), mode="partial")).raw.splitlines()
    assert orjson.loads(told[0])["problem"]["errors"][0]["code"] == "unknown_target"
    both = await service.bulk(event, evidence(target=event["id"]))
    assert both.status == 201
    elsewhere = await service.post(evidence(target=event["id"], stream="strike:elsewhere"))
    assert elsewhere.faults == {"/stream": "other_stream"}
    on_a_stream = await service.post(evidence(stream="strike:x"))
    assert on_a_stream.json["stream"] == "strike:x"
    assert (await service.post(evidence())).faults == {"/stream": "missing"}


@pytest.mark.parametrize("at_once", [True, False])
async def test_what_reinstates_is_not_retracted_but_the_event_once_more(service: Served, *, at_once: bool):
    event = strike()
    undo = retraction(event["id"])
    reinstate = retraction(undo["id"])
    back = retraction(reinstate["id"])
    if at_once:
        answer = await service.bulk(event, undo, reinstate, back)
        assert list(answer.faults.values()) == ["reinstatement"]
        assert await service.head() == 0
        await service.add(event, undo, reinstate)
    else:
        for each in (event, undo, reinstate):
            await service.add(each)
        answer = await service.post(back)
        assert (answer.status, answer.faults) == (422, {"/data/target": "reinstatement"})
        assert event["id"] in answer.json["errors"][0]["detail"]
    await service.add(retraction(event["id"]))
    await service.settled()
    assert (await service.get(f"/v1/events/{event['id']}")).json["status"] == "retracted"
