"""The door by itself: what it makes of an event that it lets in."""

import sys
import tracemalloc
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import RFC_4122

import orjson
import pytest

from incidentlog.clock import ManualClock
from incidentlog.door import Door, Known
from incidentlog.door.door import FAULTS, LINE, canonical
from incidentlog.errors import BadRequest, InvalidEvent, TooLarge
from incidentlog.events.envelope import EventData
from incidentlog.ids import uuid7
from incidentlog.zones import by, packaged
from tests.commands import retraction, strike
from tests.zone_data import FORMER, altered

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def door() -> Door:
    return Door(Known(), ManualClock(NOW), "Europe/Kyiv")


def read(door: Door, event: object, **how: object):
    return door.read(event if isinstance(event, bytes) else orjson.dumps(event), recorded_by="tester", **how)


def test_the_body_is_what_was_sent_with_its_keys_in_order_and_nothing_else(door: Door):
    event = strike(notes="Одеса", expected_version=3, private={"names": ["A"]})
    command = read(door, event).command
    kept = {k: v for k, v in event.items() if k not in {"id", "expected_version", "private"}}
    assert command.body == canonical(kept)
    assert orjson.loads(command.body) == kept
    assert command.private == '{"names":["A"]}'
    assert (command.expected_version, str(command.event_id)) == (3, event["id"])


def test_two_spellings_of_the_same_json_are_the_same_body(door: Door):
    event = strike(notes="é")
    spaced = orjson.dumps(event, option=orjson.OPT_INDENT_2).replace("é".encode(), rb"\u00e9")
    assert read(door, spaced).command.body == read(door, event).command.body


def test_a_place_is_looked_up_once_whatever_ids_rows_have_elsewhere_and_by_those_of_places(door: Door):
    def placed(scheme: str, value: str):
        return read(door, strike(external_ids=[{"scheme": scheme, "id": value}])).command.place

    assert placed("our-rows", "1") is placed("our-rows", "2")
    assert placed("geonames", "703448").place_id == "geonames:703448"


def test_to_let_go_of_what_is_not_asked_any_more_takes_no_more_than_a_look(door: Door):
    candidate, called = read(door, strike(notes="long")), 0
    whole = candidate.envelope

    def count(frame: Any, event: str, argument: Any) -> None:
        nonlocal called
        called += event == "call"

    sys.setprofile(count)
    try:
        candidate.lighten()
    finally:
        sys.setprofile(None)
    assert called < 20, "as a way to make models that are trusted was: it took longer than all the rest of an append"
    light = candidate.envelope
    assert (light.type, light.occurred, light.place) == (whole.type, whole.occurred, whole.place)
    assert (light.sources, light.notes, light.data) == ([], None, EventData())
    assert whole.sources


def test_salts_are_never_the_same(door: Door):
    one, two = read(door, strike()).command, read(door, strike()).command
    salts = {one.body_salt, one.meta_salt, one.private_salt, two.body_salt, two.meta_salt, two.private_salt}
    assert len(salts) == 6
    assert {len(salt) for salt in salts} == {32}


def test_a_record_event_happens_now_unless_it_says_when(door: Door):
    event = retraction(strike()["id"])
    assert read(door, event).command.occurred.since == NOW
    assert "occurred" not in orjson.loads(read(door, event).command.body)


def test_an_event_without_a_stream_has_one_of_its_own(door: Door):
    event = strike()
    assert read(door, event).command.stream == f"strike:{event['id']}"
    assert read(door, event, stream="strike:one").command.stream == "strike:one"


def test_ids_made_by_the_server_sort_by_time():
    made = [uuid7(NOW + timedelta(milliseconds=n)) for n in range(100)]
    assert made == sorted(made)
    assert {(i.version, i.variant) for i in made} == {(7, RFC_4122)}
    assert len({uuid7(NOW) for _ in range(1_000)}) == 1_000


def test_the_limit_is_on_the_bytes(door: Door):
    with pytest.raises(TooLarge):
        read(door, b" " * (LINE + 1))
    with pytest.raises(BadRequest):
        read(door, b" " * LINE)


def test_no_more_faults_are_told_than_anybody_reads(door: Door):
    with pytest.raises(InvalidEvent) as refused:
        read(door, strike(**{f"x{n}": 1 for n in range(1_000)}))
    assert len(refused.value.errors) == FAULTS
    assert refused.value.detail == "1000 faults"


@pytest.mark.parametrize("number", [2**53, -(2**53), 2**64, 10**30])
def test_a_number_that_not_every_reader_keeps_is_refused_where_anything_goes(door: Door, number: int):
    raw = orjson.dumps(strike(private={"deep": [{"n": "@"}]})).replace(b'"@"', str(number).encode())
    with pytest.raises(InvalidEvent) as refused:
        read(door, raw)
    assert [f.pointer for f in refused.value.errors] == ["/private"]
    read(door, raw.replace(str(number).encode(), str(2**53 - 1).encode()))


def test_what_was_learnt_is_known_and_what_was_unlearnt_is_not():
    from incidentlog.folding.change import Families
    from tests.subjects.given import given, retract

    known = Known()
    door = Door(known, ManualClock(NOW), "Europe/Kyiv")
    event = strike(actors=[{"code": "ZZZ", "role": "attacker"}])
    with pytest.raises(InvalidEvent):
        read(door, event)
    registered = {
        "id": strike()["id"], "type": "actor.registered", "stream": "actor:zzz", "data": {"code": "ZZZ", "name": "Z"},
    }  # fmt: skip
    known.learn(Families({}).changes(given(registered), "UTC"))
    read(door, event)
    gone = retract("x") | {"stream": "actor:zzz", "data": {"target": registered["id"], "reason": "wrong"}}
    known.learn(Families({}).changes(given(registered, gone), "UTC"))
    with pytest.raises(InvalidEvent):
        read(door, event)


def test_what_two_streams_register_is_the_firsts_until_it_is_retracted_however_often_it_is_told():
    from incidentlog.folding.change import Families
    from tests.subjects.given import given, retract

    def place(stream: str, slug: str, lat: float) -> dict[str, Any]:
        data = {"slug": slug, "name": "X", "lat": lat, "lon": 30.0}
        return {"id": strike()["id"], "type": "place.registered", "stream": stream, "data": data}

    known = Known()

    def lat() -> float | None:
        found = known.resolver.find("place:b")
        return None if found is None else found.lat

    def learn(*events: dict[str, Any]) -> None:
        known.learn(Families({}).changes(given(*events), "UTC"))

    story = [place("place:1", "a", 41), place("place:1", "b", 42), place("place:2", "b", 50)]
    assert known.owner_of_place("b") is None
    for _ in range(2):
        learn(*story)
        assert (lat(), known.owner_of_place("b"), known.owner_of_place("a")) == (42, "place:1", None)
    story += [
        retract("x") | {"stream": "place:1", "data": {"target": e["id"], "reason": "wrong"}, "id": strike()["id"]}
        for e in story[:2]
    ]
    learn(*story)
    assert (lat(), known.owner_of_place("b")) == (50, "place:2")


@pytest.mark.parametrize("spoilt", ['"\\u0000"', '{"twice": 1, "twice": 2}'], ids=["nul", "repeated"])
def test_a_long_name_over_many_values_is_told_in_a_few_words(door: Door, spoilt: str):
    long = "k" * 100_000
    raw = orjson.dumps(strike(notes="n", data={"spoilt": None, long: [0] * 50_000}))
    tracemalloc.start()
    try:
        with pytest.raises(InvalidEvent) as refused:
            door.read(raw.replace(b'"spoilt":null', f'"spoilt":{spoilt}'.encode()), recorded_by="tester")
        assert tracemalloc.get_traced_memory()[1] < 50 * 2**20
    finally:
        tracemalloc.stop()
    assert len(refused.value.errors) <= 100
    assert sum(len(fault.pointer) for fault in refused.value.errors) < 60_000


NO_ZONES = ["localtime", "Factory", "posixrules", "posix/Europe/Kyiv", "right/UTC", "Mars/Base", "europe/kyiv"]


@pytest.mark.parametrize("tz", [*NO_ZONES, "", by("Europe/Kyiv", packaged().id)])
def test_what_is_no_zone_of_the_world_is_refused(door: Door, tz: str):
    event = strike(occurred={"start": "2025-11-19", "precision": "day", "tz": tz})
    with pytest.raises(InvalidEvent) as refused:
        read(door, event)
    assert [(f.pointer, f.code) for f in refused.value.errors] == [("/occurred/tz", "unknown_code")]


def test_an_event_is_read_by_the_zone_data_of_the_log_and_its_meta_says_by_which():
    """Kyiv is an hour ahead by the former rules: so its days begin at 21:00Z in winter."""
    former = altered("2025b", FORMER)
    event = strike(reported_at="2025-11-19")
    for data, hour in ((former, 21), (packaged(), 22)):
        zoned = Door(Known(), ManualClock(NOW), by("Europe/Kyiv", data.id))
        command = read(zoned, event).command
        assert command.zone_data == data.id
        assert command.occurred.since == datetime(2025, 11, 18, hour, tzinfo=UTC)
        assert command.reported_at == datetime(2025, 11, 19, hour, tzinfo=UTC)
        assert "Europe/Kyiv@" not in command.body
    assert read(zoned, retraction(event["id"])).command.occurred_raw["tz"] == "Europe/Kyiv"
