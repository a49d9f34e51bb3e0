from typing import Any

import orjson
import pytest
from pydantic import ValidationError

from incidentlog.events.values import Reading
from incidentlog.subjects import EVENTS
from tests.subjects.given import Event, event, source

UKR, RUS, USA = ({"code": code, "role": "party"} for code in ("UKR", "RUS", "USA"))
TALK = {"track": "ua-ru", "format": "bilateral", "level": "delegation", "direct_ua_ru": True, "outcome": "none"}


def faults(said: Event) -> dict[str, str]:
    """The JSON pointer and the code of everything that is wrong."""
    found = EVENTS.find(said["type"])
    assert found is not None
    try:
        found.envelope.model_validate_json(orjson.dumps(said))
    except ValidationError as error:
        return {"".join(f"/{part}" for part in e["loc"]): e["type"] for e in error.errors()}
    return {}


def talk(**more: Any) -> Event:
    data = {**TALK, **{k: more.pop(k) for k in TALK if k in more}}
    return event("talk.held", "talk:x", data=data, **{"actors": [UKR, RUS], **more})


def test_a_valid_talk_has_no_faults():
    assert faults(talk()) == {}


def test_a_length_or_a_window_has_two_ends():
    open_end = {"start": "2025-12-01", "precision": "day", "tz": "Europe/Kyiv", "range": "window"}
    assert faults(talk(occurred=open_end)) == {"/occurred": "needs_an_end"}
    assert faults(talk(occurred={**open_end, "end": "2025-12-03"})) == {}
    assert faults(talk(occurred={**open_end, "end": "2025-12-03", "range": "about"})) == {
        "/occurred/range": "literal_error"
    }


def test_an_event_of_the_world_needs_a_source():
    assert faults(talk(sources=[])) == {"/sources": "needs_a_source"}
    without = talk()
    del without["sources"]
    assert faults(without) == {"/sources": "needs_a_source"}


def test_a_record_event_needs_none():
    retraction = event("record.retracted", "talk:x", target="5e3534a3-4444-58d6-83ac-e4886e2bb80a", reason="wrong")
    assert faults(retraction | {"sources": []}) == {}


@pytest.mark.parametrize(
    "sources",
    [
        [source(origin="Reuters")],
        [source(origin="Reuters"), source(origin="reuters", title="A reprint")],
        [source(origin="Reuters"), source(origin="TASS", speaks_for="RUS")],
        [source(origin="Reuters"), source(origin="General Staff", speaks_for="UKR.MOD")],
    ],
)
def test_corroborated_needs_two_origins_that_speak_for_no_belligerent(sources: list[Event]):
    assert faults(talk(sources=sources, verification="corroborated")) == {"/verification": "needs_two_origins"}


def test_two_origins_corroborate():
    two = [source(origin="Reuters"), source(origin="AP")]
    assert faults(talk(sources=two, verification="corroborated")) == {}


def test_an_origin_is_the_publisher_else_the_host_else_the_id():
    bare = {"source_id": "a", "title": "t", "reliability": "B", "credibility": 2}
    one = [bare | {"url": "https://x.org/1"}, bare | {"source_id": "b", "url": "https://x.org/2"}]
    assert faults(talk(sources=one, verification="corroborated")) == {"/verification": "needs_two_origins"}
    assert faults(talk(sources=[bare, bare | {"source_id": "b"}], verification="corroborated")) == {}


def test_a_trilateral_talk_has_three_distinct_principals():
    host = {"code": "TUR", "role": "host"}
    ministry = {"code": "RUS.MOD", "role": "party"}
    assert faults(talk(format="trilateral", actors=[UKR, RUS, host])) == {"/data/format": "three_principals"}
    assert faults(talk(format="trilateral", actors=[UKR, RUS, ministry])) == {"/data/format": "three_principals"}
    assert faults(talk(format="trilateral", actors=[UKR, RUS, host | {"role": "facilitator"}])) == {}


def test_a_direct_talk_has_both_as_a_party():
    assert faults(talk(actors=[UKR, USA])) == {"/data/direct_ua_ru": "both_parties"}
    assert faults(talk(actors=[UKR, RUS | {"role": "observer"}])) == {"/data/direct_ua_ru": "both_parties"}


def test_all_faults_are_told_at_once():
    said = talk(format="trilateral", actors=[UKR], sources=[], verification="corroborated")
    assert faults(said) == {
        "/sources": "needs_a_source",
        "/data/format": "three_principals",
        "/data/direct_ua_ru": "both_parties",
    }


def test_a_fault_elsewhere_does_not_hide_those_of_the_data():
    released = {"UKR": {"total": 5, "civilians": 6, "wounded": 7}}
    said = event("exchange.completed", "exchange:x", released=released, actors=[{"code": "nobody", "role": "party"}])
    assert faults(said) == {
        "/actors/0/code": "string_pattern_mismatch",
        "/data/released/UKR/civilians": "more_than_total",
        "/data/released/UKR/wounded": "more_than_total",
    }


def test_no_more_is_downed_than_was_launched_where_all_three_are_known():
    def strike(**launched: Any) -> Event:
        numbers = {name: {"drone": {"best": n} if isinstance(n, int) else n} for name, n in launched.items()}
        return event("strike.reported", "strike:x", means=["drone"], target_class="energy", **numbers)

    assert faults(strike(launched=100, intercepted=80, lost=20)) == {}
    assert faults(strike(launched=100, intercepted=80, lost=21)) == {"/data/launched/drone": "more_than_launched"}
    assert faults(strike(launched=100, intercepted=180)) == {}
    assert faults(strike(launched={"best": 100, "qualifier": "more_than"}, intercepted=80, lost=50)) == {}


UNORDERED = [{"low": 3, "best": 2}, {"best": 3, "high": 2}, {"low": 3, "high": 2}, {"best": -1}]


@pytest.mark.parametrize("figures", UNORDERED)
def test_an_estimate_is_in_order_and_not_below_zero(figures: Event):
    said = event("strike.reported", "strike:x", means=["drone"], target_class="energy", casualties={"killed": figures})
    assert any(pointer.startswith("/data/casualties/killed") for pointer in faults(said))


def test_an_unknown_actor_is_refused_where_the_door_asks():
    door = Reading(None, lambda code: code != "XYZ", is_new=True)
    found = EVENTS.find("actor.registered")
    assert found is not None
    registered = event("actor.registered", "actor:xyz", code="XYZ", name="Xyz")
    found.envelope.model_validate_json(orjson.dumps(registered), context=door)
    found = EVENTS.find("statement.made")
    assert found is not None
    statement = event("statement.made", "statement:1", speaker="XYZ", stance="support", topic="ceasefire")
    with pytest.raises(ValidationError, match="unknown actor code 'XYZ'"):
        found.envelope.model_validate_json(orjson.dumps(statement), context=door)
    found.envelope.model_validate_json(orjson.dumps(statement))  # a fold does not ask
