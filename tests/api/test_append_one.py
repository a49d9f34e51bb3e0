"""Append one event: where it went, what a repetition gets, what an expected version does."""

from datetime import datetime
from uuid import UUID, uuid4

import asyncpg
import pytest

from incidentlog.clock import SystemClock
from incidentlog.store.connect import Access
from tests.api.serving import Served, serving
from tests.commands import about, retraction, strike


async def test_an_event_is_created_where_location_says(service: Served):
    event = strike()
    answer = await service.post(event)
    assert answer.status == 201
    assert answer.headers["Log-Position"] == "1"
    assert "Idempotent-Replayed" not in answer.headers
    body = answer.json
    recorded = datetime.fromisoformat(body.pop("recorded_at"))
    assert recorded.tzinfo is not None
    assert body.pop("place") == {"how": "name+country", "place_id": "geonames:698740", "name": "Odesa"}
    assert body == {"id": event["id"], "position": 1, "stream": f"strike:{event['id']}", "stream_version": 1}
    shown = await service.get(answer.headers["Location"])
    assert shown.status == 200
    assert shown.json["id"] == event["id"]
    assert shown.json["data"] == event["data"]


async def test_the_server_makes_an_id_that_sorts_by_time(service: Served):
    event = strike()
    del event["id"]
    made = UUID((await service.post(event)).json["id"])
    assert made.version == 7


async def test_the_same_event_again_gets_the_original_answer(service: Served):
    event = strike()
    first = await service.post(event)
    await service.add(strike())
    again = await service.post(event)
    assert again.status == 200
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.json == first.json
    assert again.headers["Log-Position"] == "1"
    assert await service.head() == 2


async def test_key_order_and_white_space_do_not_make_other_content(service: Served):
    event = strike()
    await service.add(event)
    shuffled = dict(reversed(event.items()))
    import json

    again = await service.post(json.dumps(shuffled, indent=3).encode())
    assert (again.status, again.headers["Idempotent-Replayed"]) == (200, "true")


async def test_the_same_id_with_other_content_is_refused(service: Served):
    event = strike(killed=1)
    await service.add(event)
    other = await service.post(strike(killed=2) | {"id": event["id"]})
    assert (other.status, other.slug) == (409, "id-conflict")
    assert event["id"] in other.json["detail"]
    assert await service.head() == 1


async def test_the_private_part_is_content_too_and_is_never_shown(service: Served):
    event = strike(private={"victims": ["A name"]})
    await service.add(event)
    assert (await service.post(event)).status == 200
    assert (await service.post(event | {"private": {"victims": ["Another"]}})).slug == "id-conflict"
    for path in (f"/v1/events/{event['id']}", "/v1/events", f"/v1/subjects/strike:{event['id']}"):
        assert b"A name" not in (await service.get(path)).raw


async def test_an_idempotency_key_stands_for_an_id(service: Served):
    event = strike()
    del event["id"]
    headers = {"Idempotency-Key": "import 7, line 3"}
    first = await service.post(event, headers=headers)
    again = await service.post(event, headers=headers)
    assert (first.status, again.status) == (201, 200)
    assert again.json == first.json
    assert (await service.post(strike(killed=9, id=None), headers=headers)).slug == "id-conflict"
    assert (await service.post(event, headers={"Idempotency-Key": "another"})).status == 201


async def test_an_idempotency_key_means_another_id_under_another_key(service: Served):
    from tests.api.serving import make_key

    await make_key(service.access, "other", "another-key-for-tests", scopes=("read", "report"))
    event = strike()
    del event["id"]
    headers = {"Idempotency-Key": "one"}
    ours = await service.post(event, headers=headers)
    theirs = await service.by("another-key-for-tests").post(event, headers=headers)
    assert theirs.status == 201
    assert theirs.json["id"] != ours.json["id"]


async def test_an_idempotency_key_stands_for_the_same_id_on_every_node(access: Access):
    event = strike(id=None)
    headers = {"Idempotency-Key": "import 7, line 3"}
    async with serving(access) as one, serving(access) as other:
        assert (await one.post(event, headers=headers)).status == 201
        assert (await other.post(event, headers=headers)).status == 200


async def test_nobody_can_tell_the_id_of_an_idempotency_key_by_the_names_alone(access: Access):
    """For whoever takes an id before it is used takes the event's place."""
    ids = set()
    for _ in range(2):
        async with serving(access) as served:
            ids.add((await served.post(strike(id=None), headers={"Idempotency-Key": "one"})).json["id"])
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await served.service.pool.fetchval("SELECT secret FROM idempotency")
        connection = await access.connect()
        await connection.execute("UPDATE idempotency SET secret = sha256(secret)")
        await connection.close()
    assert len(ids) == 2


async def test_an_events_own_id_goes_before_the_idempotency_key(service: Served):
    event = strike()
    answer = await service.post(event, headers={"Idempotency-Key": "one"})
    assert answer.json["id"] == event["id"]


async def test_an_expected_version_that_holds_is_taken(service: Served):
    first = strike(stream="strike:one", expected_version=0)
    await service.add(first)
    answer = await service.post(assessed("strike:one", expected_version=1))
    assert (answer.status, answer.json["stream_version"]) == (201, 2)


async def test_an_expected_version_that_does_not_hold_is_told_the_current_one(service: Served):
    await service.add(strike(stream="strike:one"), assessed("strike:one"))
    answer = await service.post(assessed("strike:one", expected_version=1))
    assert (answer.status, answer.slug) == (412, "wrong-version")
    assert answer.json["current_version"] == 2
    assert answer.json["detail"] == "stream 'strike:one' is at version 2, not 1"
    assert await service.head() == 2


async def test_a_repetition_is_a_repetition_whatever_version_it_expects(service: Served):
    event = strike(stream="strike:one", expected_version=0)
    await service.add(event)
    assert (await service.post(event)).status == 200


async def test_if_match_and_if_none_match_expect_a_version(service: Served):
    path = "/v1/streams/strike:one/events"
    event = strike()
    assert (await service.post(event, path=path, headers={"If-None-Match": "*"})).status == 201
    taken = await service.post(strike(), path=path, headers={"If-None-Match": "*"})
    assert (taken.slug, taken.json["current_version"]) == ("wrong-version", 1)
    assert (await service.post(assessed(), path=path, headers={"If-Match": '"1"'})).json["stream_version"] == 2
    late = await service.post(assessed(), path=path, headers={"If-Match": '"1"'})
    assert (late.status, late.json["current_version"]) == (412, 2)


async def test_an_if_match_that_is_no_version_is_refused(attacked: Served):
    for tag in ("1", '"one"', '"1_0"', '"-1"', '"\u0661"', "*", '"1", "2"', ""):
        answer = await attacked.post(assessed(), path="/v1/streams/strike:one/events", headers={"If-Match": tag})
        assert (answer.status, answer.slug) == (400, "bad-request"), tag
        assert answer.faults == {"/If-Match": "not_a_version"}


async def test_a_streams_events_must_be_for_that_stream(service: Served):
    answer = await service.post(strike(stream="strike:two"), path="/v1/streams/strike:one/events")
    assert (answer.slug, answer.faults) == ("invalid-event", {"/stream": "other_stream"})


async def test_what_is_said_of_a_record_stands_on_its_stream(service: Served):
    event = strike(stream="strike:one")
    await service.add(event)
    assert (await service.post(retraction(event["id"]))).json["stream"] == "strike:one"


async def test_what_is_said_of_a_record_says_when_by_itself(service: Served):
    """`occurred` may be left out of a record event, and left out may be written as null."""
    for event, said in ((strike(), {}), (strike(), {"occurred": None})):
        await service.add(event, retraction(event["id"]) | said)
        assert (await service.get(f"/v1/events/{event['id']}")).json["status"] == "retracted"
        *_, shown = (await service.get(f"/v1/streams/strike:{event['id']}")).json["events"]
        assert shown["occurred"]["precision"] == "minute"
    assert await service.rows("city_incidents") == {}


async def test_a_record_event_needs_a_target_that_is_in_the_log(service: Served):
    answer = await service.post(retraction(str(uuid4())))
    assert (answer.status, answer.slug) == (422, "invalid-event")
    assert answer.faults == {"/data/target": "unknown_target"}


async def test_a_record_event_on_another_stream_than_its_target_is_refused(service: Served):
    event = strike(stream="strike:one")
    await service.add(event)
    answer = await service.post(retraction(event["id"]) | {"stream": "strike:two"})
    assert answer.faults == {"/stream": "other_stream"}


async def test_a_merge_needs_streams_that_are_in_the_log(service: Served):
    await service.add(strike(stream="strike:one"))
    merge = {
        "type": "record.merged",
        "data": {"survivor": "strike:one", "absorbed": ["strike:two", "strike:three"], "reason": "the same"},
    }
    answer = await service.post(merge)
    assert answer.faults == {"/data/absorbed/0": "unknown_target", "/data/absorbed/1": "unknown_target"}


async def test_an_amended_place_that_nobody_knows_is_refused(service: Served):
    event = strike()
    await service.add(event)
    patch = {"place": {"place_id": "geonames:1"}}
    answer = await service.post(about("amended", event["id"], patch=patch, reason="another place"))
    assert answer.faults == {"/data/patch/place/place_id": "unknown_place"}


async def test_an_event_is_not_amended_into_a_zone_that_is_none_of_the_world(service: Served):
    for tz in ("localtime", "Factory", "posixrules", "right/Europe/Kyiv", "Mars/Base"):
        event = strike()
        amended = about("amended", event["id"], patch={"occurred": {"tz": tz}}, reason="there")
        assert (await service.bulk(event, amended)).slug == "refused-lines", tz
        await service.add(event)
        refused = await service.post(amended)
        assert refused.faults == {"/data/patch/occurred/tz": "unknown_code"}
        assert f"unknown time zone '{tz}'" in refused.raw.decode()


async def test_a_full_stream_says_so(service: Served):
    await service.add(strike(stream="strike:one"))
    connection = await asyncpg.connect(service.access.admin)
    await connection.execute("ALTER TABLE incidentlog.events DISABLE TRIGGER USER")
    await connection.execute("UPDATE incidentlog.events SET stream_version = 10000")
    await connection.close()
    answer = await service.post(assessed("strike:one"))
    assert (answer.status, answer.slug) == (422, "stream-full")


async def test_ten_minutes_ahead_is_a_wrong_clock_and_eleven_are_the_future(service: Served):
    def at(minute: int) -> dict[str, object]:
        start = f"2026-03-01T12:{minute:02}:00+00:00"
        return strike(occurred={"start": start, "precision": "minute", "tz": "UTC"}, reported_at=start)

    assert (await service.post(at(10))).status == 201
    answer = await service.post(at(11))
    assert answer.slug == "invalid-event"
    assert answer.faults == {"/occurred/start": "in_the_future", "/reported_at": "in_the_future"}


async def test_recorded_at_is_the_servers_alone(service: Served):
    assert (await service.post(strike(recorded_at="2025-01-01T00:00:00Z"))).faults == {
        "/recorded_at": "extra_forbidden"
    }


async def test_the_systems_clock_will_do(access):
    async with serving(access, clock=SystemClock()) as service:
        await service.add(strike())


def assessed(stream: str | None = None, **more: object) -> dict[str, object]:
    event = strike(type="strike.assessed", **more)
    event["data"] = {"as_of": "2025-11-20", "casualties": {"killed": {"best": 3}}}
    return event if stream is None else event | {"stream": stream}


async def test_what_has_an_id_elsewhere_and_none_of_its_own_is_the_same_when_it_comes_again(service: Served):
    event = {k: v for k, v in strike().items() if k != "id"} | {"external_ids": [{"scheme": "acled", "id": "UKR1"}]}
    first, again = await service.post(event), await service.post(event)
    assert (first.status, again.status, again.json["id"]) == (201, 200, first.json["id"])
    assert (await service.post({**event, "notes": "another"})).slug == "id-conflict"
    other = {**event, "external_ids": [{"scheme": "acled", "id": "UKR2"}]}
    assert (await service.post(other)).status == 201
    said = [
        {k: v for k, v in about("disputed", first.json["id"]).items() if k != "id"}
        | {"external_ids": event["external_ids"]}
    ] * 2
    assert [(await service.post(each)).status for each in said] == [201, 201]  # of a record more may be said than once
    assert await service.head() == 4
