"""Private parts, and what is left of an event of which a part was erased."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import orjson
import pytest

from incidentlog.store.builds import ignorant_builds
from incidentlog.store.connect import Access
from incidentlog.store.erase import rebuild_owed
from tests.api.serving import Served, make_key, serving
from tests.commands import about, strike

SECRET = "Olena K., born 1987"


def told(**changes: Any) -> dict[str, Any]:
    return strike(private={"witness": SECRET}, notes="seen from the harbour wall", **changes)


def erased(event: dict[str, Any], part: str) -> dict[str, Any]:
    return about("erased", event["id"], part=part, ground="asked to")


@pytest.fixture
async def service(access: Access) -> AsyncIterator[Served]:
    """One that looks often what is to be erased."""
    async with serving(access, erasing=True) as served:
        yield served


async def built_anew(service: Served) -> None:
    """Wait until the generation has risen and what answered before is gone; at most 60 s."""
    connection = await service.access.connect("eraser")
    async with asyncio.timeout(60):
        while await rebuild_owed(connection):
            await asyncio.sleep(0.02)
        while await ignorant_builds(service.service.pool, "retired"):
            await asyncio.sleep(0.02)
    await connection.close()
    await service.settled()


async def reader(service: Served, *scopes: str) -> Served:
    key = f"the-key-of-{'-'.join(scopes)}"
    await make_key(service.access, "-".join(scopes), key, scopes=scopes, clearance=4)
    return service.by(key)


async def test_only_auditors_see_a_private_part(service: Served):
    event = told(stream="strike:one")
    await service.add(event)
    await service.settled()
    auditor, editor = await reader(service, "read", "audit"), await reader(service, "read", "report", "edit")
    path = f"/v1/events/{event['id']}"
    assert (await auditor.get(path, private="true")).json["private"] == {"witness": SECRET}
    assert (await editor.get(path, private="true")).status == 403
    assert (await auditor.get(path, private="yes")).faults == {"/private": "unknown_value"}
    for asked in (auditor, editor):
        for elsewhere in (
            path, "/v1/events", "/v1/streams/strike:one", "/v1/subjects/strike:one", "/v1/subjects/strike:one/history",
            "/v1/projections/city_incidents", "/v1/projections/daily_timeline", "/v1/projections/strike_profile",
        ):  # fmt: skip
            assert SECRET.encode() not in (await asked.get(elsewhere)).raw, elsewhere


async def test_an_event_without_a_private_part_says_nothing_of_one(service: Served):
    event = strike()
    await service.add(event)
    assert "private" not in (await service.get(f"/v1/events/{event['id']}", private="true")).json


async def test_an_erased_private_part_is_gone_and_the_event_counts_on(service: Served):
    event = told()
    await service.add(event, erased(event, "private"))
    shown = (await service.get(f"/v1/events/{event['id']}", private="true")).json
    assert (shown["private"], shown["status"], shown["notes"]) == (None, "effective", event["notes"])
    rows = await service.rows("city_incidents", group_by="place")
    assert [r["incidents"] for r in rows.values()] == [1]
    assert await service.rows("city_incidents", generation=0) != {}  # what is derived never knew it


async def test_an_erased_body_is_gone_from_every_answer(service: Served):
    event, other = told(stream="strike:one", killed=3), strike(killed=2)
    await service.add(event, other)
    before = await service.rows("city_incidents")
    await service.add(erased(event, "body"))
    await built_anew(service)
    shown = (await service.get(f"/v1/events/{event['id']}", private="true")).json
    assert shown["status"] == "erased"
    gone = {name: shown[name] for name in ("data", "notes", "verification", "reported_at", "actors", "sources")}
    assert gone == {"data": None, "notes": None, "verification": None, "reported_at": None, "actors": [], "sources": []}
    assert (shown["type"], shown["position"], shown["place"]["resolved"]["place_id"]) == (
        "strike.reported",
        1,
        "geonames:698740",
    )
    assert shown["private"] == {"witness": SECRET}  # erasing one keeps the other
    assert [r["killed"]["best"] for r in before.values()] == [5]
    assert [r["killed"]["best"] for r in (await service.rows("city_incidents")).values()] == [2]
    subject = (await service.get("/v1/subjects/strike:one")).json["state"]
    assert subject["status"] == "retracted"
    assert [i["reason"] for i in subject["ignored"]] == ["it was erased"]
    for path in (
        "/v1/events",
        "/v1/streams/strike:one",
        "/v1/subjects/strike:one/history",
        "/v1/projections/daily_timeline",
    ):
        assert b"harbour" not in (await service.get(path)).raw, path


async def test_the_generation_rises_once_what_was_derived_is_built_anew(service: Served):
    event = told()
    await service.add(event)
    pinned = (await service.get("/v1/projections/city_incidents", min_position=1)).json["basis"]
    assert pinned["generation"] == 0
    await service.add(erased(event, "body"))
    await built_anew(service)
    async with asyncio.timeout(60):
        while (await service.get("/v1/projections/city_incidents")).json["basis"]["generation"] != 1:
            await asyncio.sleep(0.02)
    answer = await service.get("/v1/projections/city_incidents", **pinned)
    assert answer.faults == {"/generation": "not_served"}


async def test_another_node_answers_of_the_new_generation_before_it_has_heard_of_it(service: Served):
    event = told()
    await service.add(event)
    pinned = {"at": "2026-01-01", "at_position": 1}
    async with serving(service.access, erasing=True) as other:
        before = await other.get("/v1/projections/city_incidents", **pinned)
        await service.add(erased(event, "body"))
        await built_anew(service)
        other.service.log = replace(other.service.log, generation=0)  # as if it had not heard of it
        after = await other.get("/v1/projections/city_incidents", **pinned)
    assert [a.json["basis"]["generation"] for a in (before, after)] == [0, 1]
    assert (len(before.json["rows"]), after.json["rows"]) == (1, {})
    assert before.headers["ETag"] != after.headers["ETag"]


@pytest.mark.parametrize("part", ["private", "body"])
async def test_a_resend_of_an_erased_id_is_gone(service: Served, part: str):
    event = told()
    await service.add(event, erased(event, part))
    for again in (event, {**event, "private": None}, {**event, "private": {"witness": "another"}}):
        answer = await service.post(again)
        assert (answer.status, answer.slug) == (410, "erased")
    answer = await service.bulk(strike(), event)
    assert (answer.status, answer.json["errors"]) == (
        422, [{"line": 2, "pointer": "", "code": "erased", "detail": answer.json["errors"][0]["detail"]}]
    )  # fmt: skip


async def test_until_it_is_built_anew_a_subject_that_lost_a_body_is_to_be_waited_for(
    service: Served, monkeypatch: pytest.MonkeyPatch
):
    """What an answer of its generation said can be given no more, and no other answer may take its place (P3)."""
    event, other = told(stream="strike:one"), strike(stream="strike:two")
    await service.add(event, other)
    await service.settled()
    pinned = {"at": "2026-01-01", "at_position": 2}
    before = await service.get("/v1/subjects/strike:two", **pinned)
    begin = asyncio.Event()
    build = service.service.eraser._rebuild

    async def once_asked() -> None:
        await begin.wait()
        await build()

    monkeypatch.setattr(service.service.eraser, "_rebuild", once_asked)
    await service.add(erased(event, "body"))
    for path in ("/v1/subjects/strike:one", "/v1/subjects/strike:one/history", "/v1/subjects/strike:one/candidates"):
        answer = await service.get(path, **pinned)
        assert (answer.status, answer.slug) == (503, "projection-lagging"), path
        assert "Retry-After" in answer.headers
    assert (await service.get("/v1/subjects/strike:two", **pinned)).raw == before.raw
    assert (await service.get("/v1/events", stream="strike:one")).status == 200
    begin.set()
    await built_anew(service)
    answer = await service.get("/v1/subjects/strike:one", **pinned)
    assert (answer.status, answer.json["basis"]["generation"]) == (200, 1)


async def test_erasing_needs_an_administrator(service: Served):
    event = told()
    await service.add(event)
    for scopes in (("read", "report"), ("read", "report", "edit"), ("read", "report", "audit")):
        asked = await reader(service, *scopes)
        assert (await asked.post(erased(event, "private"))).status == 403
        assert (await asked.bulk(erased(event, "private"))).status == 403


async def test_what_is_not_there_is_not_erased(service: Served):
    bare = strike()
    await service.add(bare)
    answer = await service.post(erased(bare, "private"))
    assert (answer.status, answer.faults) == (422, {"/data/part": "no_such_part"})
    hiding, erasing = about("remarked", bare["id"], tlp="RED", reason="-"), erased(bare, "body")
    await service.add(hiding, erasing)
    for lasting in (hiding, erasing):
        answer = await service.post(erased(lasting, "body"))
        assert answer.faults == {"/data/part": "not_erasable"}


async def test_a_request_may_hold_both_an_event_and_its_erasure(service: Served):
    event = told()
    answer = await service.bulk(event, erased(event, "private"))
    assert answer.status == 201, answer
    assert (await service.get(f"/v1/events/{event['id']}", private="true")).json["private"] is None


async def test_an_erasure_that_a_crash_left_is_finished_at_the_next_start(service: Served):
    event = told()
    await service.add(event)
    # The event is appended, and nobody is left to do as it says.
    erasing = service.service.door.read(orjson.dumps(erased(event, "body")), recorded_by="admin")
    await service.service.door.admit(service.service.pool, [erasing])
    await service.service.writer.append(erasing.command)
    assert (await service.get(f"/v1/events/{event['id']}")).json["status"] == "effective"
    async with serving(service.access, erasing=True) as next_one:
        async with asyncio.timeout(60):
            while (await next_one.get(f"/v1/events/{event['id']}")).json["status"] != "erased":
                await asyncio.sleep(0.02)
        await built_anew(next_one)
