"""An event is shown by putting pieces of its stored texts together: the very bytes that reading and writing them gives."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from incidentlog.door.door import canonical
from incidentlog.events.envelope import ResolvedPlace
from incidentlog.events.recorded import Meta, Recorded, read_meta, reading_by
from incidentlog.events.values import TLP_LABELS, Occurred
from incidentlog.folding.encoding import encode_event
from incidentlog.folding.local_days import days_of
from incidentlog.folding.whereabouts import shown_place
from incidentlog.subjects import EVENTS
from incidentlog.zones import packaged
from tests.subjects.given import given as log
from tests.subjects.given import timeline

Event = dict[str, Any]


def shown(e: Recorded, status: str, zone: str) -> Event:
    """What readers are shown of an event, made of what its texts say, each read and checked as a whole."""
    sent, meta = e.body_as_sent, orjson.loads(e.meta)
    occurred, place = sent.get("occurred") or meta["occurred"], sent.get("place")
    resolved = None
    if "place" in meta:
        kept = ResolvedPlace.model_validate_json(orjson.dumps(meta["place"]))
        resolved = {name: value for name, value in shown_place(vars(kept)).items() if value is not None}
    if resolved is not None and (place is not None or e.body is None):
        place = {**(place or {"name": resolved["name"]}), "resolved": resolved}
    return {
        "id": str(e.event_id),
        "position": e.position,
        "stream": e.stream,
        "stream_version": e.stream_version,
        "type": e.type,
        "schema_version": e.schema_version,
        "occurred": occurred,
        "local": local(occurred, e.zone_data, zone),
        "reported_at": sent.get("reported_at"),
        "recorded_at": e.recorded_at,
        "recorded_by": e.recorded_by,
        **({"import": meta["import"]} if "import" in meta else {}),
        "place": place,
        "actors": sent.get("actors", []),
        "sources": sent.get("sources", []),
        "verification": None if e.body is None else sent.get("verification", "unverified"),
        "tlp": TLP_LABELS[e.tlp],
        "data": sent.get("data"),
        "links": sent.get("links", []),
        "external_ids": sent.get("external_ids", []),
        "notes": sent.get("notes"),
        "status": "erased" if e.body is None else status,
        "patched_place": resolved if place is None else None,
    }


def local(occurred: Event, zone_data: str | None, zone: str) -> dict[str, str | None]:
    try:
        told = Occurred.model_validate_json(orjson.dumps(occurred), context=reading_by(zone_data))
    except ValidationError:
        return dict.fromkeys(("date_start", "date_end", "start", "end"))
    times = told.times(zone) or (None, None)
    dates = (days_of(told, zone) if times[0] and told.range != "window" else told.dates(zone)) or (None, None)
    names = ("date_start", "date_end", "start", "end")
    return {name: when and when.isoformat() for name, when in zip(names, (*dates, *times), strict=True)}


def is_the_same(e: Recorded, status: str, zone: str) -> None:
    plain = orjson.dumps(shown(e, status, zone), option=orjson.OPT_UTC_Z)
    assert encode_event(e, status, zone) == plain


words = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8) | st.sampled_from(
    ["data", '"occurred":{', ',"place":{"name":"', '\\"}', "\u2028", "Харків", "\x7f", "\x1f", "🕊️"]
)
numbers = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
NAMES = ["data", "place", "occurred", "resolved", "status", "local", "notes", "stream", "id"]
values = st.recursive(
    st.none() | st.booleans() | numbers | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words | st.sampled_from(NAMES), inner, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(words | st.sampled_from(NAMES), values, max_size=4)
YEARS = datetime(1901, 1, 1), datetime(2199, 1, 1)  # noqa: DTZ001 - bounds of those of any zone
ZONES = ["Europe/Kyiv", "UTC", "Europe/London", "Africa/Monrovia", "Asia/Kathmandu", "Australia/Lord_Howe"]
times = st.builds(
    lambda when, offset: when.isoformat() + offset,
    st.datetimes(*YEARS),
    st.sampled_from(["", "Z", "z", "+00:00", "-00:00", "+02:00", "-09:30", "+23:59"]),
) | st.sampled_from(["2025-03-30T03:30:00", "2025-10-26T03:30:00", "2025-11-19t04:00z", "2025-11-19T04:00", "2025-11-19T04:00:00.12Z"])  # fmt: skip
days = st.dates(*(year.date() for year in YEARS)).map(str)
whens = st.fixed_dictionaries(
    {
        "start": times | days,
        "precision": st.sampled_from(["minute", "minute", "hour", "day", "week", "month", "year", "unknown"]),
        "tz": st.sampled_from([*ZONES, "Mars/Olympus", "UTC@else"]),
    },
    optional={"end": st.none() | times | days, "range": st.sampled_from(["length", "window"])},
)
places = st.fixed_dictionaries(
    {"name": words, "precision": st.sampled_from(["exact", "settlement", "admin1", "country", "unknown"])},
    optional={
        "lat": st.floats(-90, 90),
        "lon": st.integers(-180, 180),
        "country": st.sampled_from(["UA", "RU"]),
        "admin1": words,
    },
)
resolved_places = st.builds(
    ResolvedPlace, name=words, place_id=st.none() | words, country=st.none() | st.just("UA"),
    admin1=st.none() | st.sampled_from(["07", "17", "x"]), lat=st.none() | st.floats(-90, 90), lon=st.none() | st.floats(-180, 180),
    precision=st.sampled_from(["exact", "settlement", "admin1"]), how=words, distance_km=st.none() | st.floats(0, 30),
).map(lambda place: {name: value for name, value in vars(place).items() if value is not None})  # fmt: skip
bodies = st.fixed_dictionaries(
    {"data": objects, "type": st.sampled_from(sorted(EVENTS.newest))},
    optional={
        "occurred": st.none() | whens, "reported_at": st.none() | times, "place": st.none() | places,
        "actors": st.lists(objects, max_size=2), "sources": st.lists(objects, max_size=2), "verification": words,
        "links": st.lists(objects, max_size=2), "external_ids": st.lists(objects, max_size=2), "notes": st.none() | words,
        "stream": st.none() | words, "schema_version": st.none() | st.integers(1, 3), "tlp": st.sampled_from(TLP_LABELS),
    },
)  # fmt: skip


@st.composite
def events(draw: st.DrawFn) -> Recorded:
    """An event as the log may hold it, of any type, marking and schema; its body may be erased."""
    body = draw(bodies)
    event_id, stream, version = draw(st.uuids()), draw(words), draw(st.integers(1, 10_000))
    zone_data = draw(st.sampled_from([None, packaged().id]))
    meta = {
        "event_id": str(event_id),
        "occurred": body.get("occurred") or draw(whens),
        "recorded_by": draw(words),
        "schema_version": draw(st.integers(1, 3)),
        "stream": stream,
        "stream_version": version,
        "tlp": draw(st.integers(0, 4)),
        "type": body["type"],
        **draw(st.fixed_dictionaries({}, optional={"place": resolved_places, "import": st.integers(1, 2**53)})),
        **({} if zone_data is None else {"zone_data": zone_data}),
    }
    return Recorded(
        position=draw(st.integers(1, 2**53)),
        event_id=UUID(str(event_id)),
        stream=stream,
        stream_version=version,
        type=body["type"],
        schema_version=meta["schema_version"],
        recorded_at=draw(st.datetimes(*YEARS, timezones=st.just(UTC))),
        recorded_by=meta["recorded_by"],
        tlp=meta["tlp"],
        body=None if draw(st.integers(0, 9)) == 0 else canonical(body),
        meta=canonical(meta),
    )


@settings(max_examples=400)
@given(event=events(), status=st.sampled_from(["effective", "amended", "retracted"]), zone=st.sampled_from(ZONES))
def test_whatever_is_in_the_log_is_shown_as_reading_and_writing_it_would(event: Recorded, status: str, zone: str):
    is_the_same(event, status, zone)


@settings(max_examples=400)
@given(when=whens, zone=st.sampled_from(ZONES), named=st.booleans())
@example(when={"start": "1973-01-01T00:00:00Z", "precision": "minute", "tz": "UTC"}, zone="Africa/Monrovia", named=True)
@example(when={"start": "1971-01-01T00:00:00Z", "precision": "minute", "tz": "UTC"}, zone="Africa/Monrovia", named=True)
@example(when={"start": "1901-01-01T00:00:00Z", "precision": "minute", "tz": "UTC"}, zone="Europe/Kyiv", named=True)
@example(when={"start": "2025-01-01T00:00:00+00:00", "precision": "minute", "tz": "UTC"}, zone="UTC", named=True)
@example(when={"start": "2025-11-19", "precision": "minute", "tz": "UTC"}, zone="UTC", named=True)
def test_whenever_it_was_it_is_told_in_the_logs_zone(when: Event, zone: str, named: bool):
    meta = {"occurred": when, **({"zone_data": packaged().id} if named else {})}
    at = datetime(2026, 1, 1, tzinfo=UTC)
    body = canonical({"data": {}, "occurred": when})
    event = Recorded(1, UUID(int=1), "talk:a", 1, "talk.held", 1, at, "who", 0, body, canonical(meta))
    is_the_same(event, "effective", zone)


@pytest.mark.parametrize("erased", [False, True])
def test_so_is_each_event_of_the_timeline(erased: bool):
    for event in log(*timeline()):
        is_the_same(replace(event, body=None) if erased else event, "effective", "Europe/Kyiv")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"zone_data":5}', '{"import":"seven"}'])
def test_a_meta_that_somebody_changed_to_what_is_none_says_nothing_and_fails_nobody(text: str):
    assert read_meta(text) == Meta()


def test_a_body_that_somebody_changed_to_no_json_is_not_shown():
    event, *_ = log(*timeline())
    with pytest.raises(ValueError, match="truncated"):
        encode_event(replace(event, body="{"), "effective", "Europe/Kyiv")
