"""What a stream adds up to, now and before."""

import asyncio
from typing import Any

import pytest

from incidentlog.api import reported
from tests.api.serving import Served
from tests.commands import retraction, strike
from tests.subjects.given import merge

ONE, TWO = "strike:one", "strike:two"


def later(killed: int, stream: str = ONE) -> dict[str, Any]:
    event = strike(type="strike.assessed", stream=stream)
    return event | {"data": {"as_of": "2025-11-20", "casualties": {"killed": {"best": killed}}}}


async def test_a_subject_is_what_its_events_add_up_to(service: Served):
    await service.add(strike(stream=ONE, killed=1), later(3))
    answer = await service.get(f"/v1/subjects/{ONE}", min_position=2)
    assert answer.json["stream"] == ONE
    assert answer.json["category"] == "strike"
    state = answer.json["state"]
    assert state["casualties"]["killed"]["best"] == 3
    assert state["reports"] == 1
    assert state["place"]["place_id"] == "geonames:698740"
    assert [e["type"] for e in state["entries"]] == ["strike.reported", "strike.assessed"]
    assert answer.json["basis"]["position"] == 2


async def test_a_subject_as_of_a_position_knows_no_more(service: Served):
    await service.add(strike(stream=ONE, killed=1), later(3))
    before = await service.get(f"/v1/subjects/{ONE}", at_position=1)
    assert before.json["state"]["casualties"]["killed"]["best"] == 1
    assert (await service.get(f"/v1/subjects/{ONE}", at_position=0)).slug == "not-found"


async def test_a_subject_whose_events_are_retracted_stays_and_is_not_current(service: Served):
    event = strike(stream=ONE)
    undo = retraction(event["id"])
    await service.add(event, undo)
    state = (await service.get(f"/v1/subjects/{ONE}", min_position=2)).json["state"]
    assert state["is_current"] is False
    assert [e["status"] for e in state["entries"]] == ["retracted", "effective"]
    await service.add(retraction(undo["id"]))
    assert (await service.get(f"/v1/subjects/{ONE}", min_position=3)).json["state"]["is_current"] is True


async def test_a_merged_stream_leads_to_the_one_that_took_it(service: Served):
    merged = merge(ONE, TWO, name="the merge")
    await service.add(strike(stream=ONE, killed=1), strike(stream=TWO, killed=2), merged)
    answer = await service.get(f"/v1/subjects/{TWO}", min_position=3)
    assert answer.json["stream"] == ONE
    assert answer.json["state"]["absorbed"] == [TWO]
    assert answer.json["state"]["reports"] == 2
    assert (await service.get(f"/v1/subjects/{TWO}", at_position=2)).json["stream"] == TWO
    history = (await service.get(f"/v1/subjects/{TWO}/history")).json["versions"]
    assert [(v["from_position"], v["to_position"], v.get("absorbed_into")) for v in history] == [
        (2, 3, None),
        (3, None, ONE),
    ]
    await service.add(retraction(merged["id"]))
    assert (await service.get(f"/v1/subjects/{TWO}", min_position=4)).json["stream"] == TWO
    assert (await service.get(f"/v1/subjects/{TWO}", at_position=3)).json["stream"] == ONE


async def test_its_history_is_every_version_with_its_positions(service: Served):
    await service.add(strike(stream=ONE, killed=1), strike(), later(3), later(2))
    versions = (await service.get(f"/v1/subjects/{ONE}/history", min_position=4)).json["versions"]
    assert [(v["from_position"], v["to_position"], v["restated"]) for v in versions] == [
        (1, 3, False),
        (3, 4, False),
        (4, None, False),
    ]
    assert [v["state"]["casualties"]["killed"]["best"] for v in versions] == [1, 3, 2]


async def test_a_history_as_of_a_position_does_not_know_what_ended_it(service: Served):
    await service.add(strike(stream=ONE, killed=1), later(3))
    path = f"/v1/subjects/{ONE}/history?at=2026-01-01&at_position=2"
    pinned = await service.get(path)
    await service.add(later(5))
    await service.settled()
    again = await service.get(path)
    assert again.raw == pinned.raw
    assert again.headers["ETag"] == pinned.headers["ETag"]
    assert again.json["versions"][-1]["to_position"] is None


async def test_a_history_comes_in_pages_too(service: Served):
    await service.add(strike(stream=ONE), *(later(n) for n in range(2, 7)))
    await service.settled()
    path, seen = f"/v1/subjects/{ONE}/history?limit=2", []
    while path:
        page = (await service.get(path)).json
        seen += [(v["from_position"], v["to_position"]) for v in page["versions"]]
        path = page.get("next")
    assert seen == [(1, 2), (2, 3), (3, 4), (4, 5), (5, 6), (6, None)]


async def test_a_late_report_is_a_restatement(service: Served):
    early = strike(
        stream=ONE, type="strike.assessed", occurred={"start": "2025-11-18", "precision": "day", "tz": "UTC"}
    )
    early["data"] = {"as_of": "2025-11-18", "casualties": {"injured": {"best": 3}}}
    await service.add(strike(stream=ONE), early)
    versions = (await service.get(f"/v1/subjects/{ONE}/history", min_position=2)).json["versions"]
    assert [v["restated"] for v in versions] == [False, True]


# ------------------------------------------------------------------------------------- as it was reported by then


async def test_on_the_basis_reported_a_subject_is_what_sources_had_told(service: Served):
    await service.add(
        strike(stream=ONE, killed=1, reported_at="2025-11-19"),
        later(3) | {"reported_at": "2025-11-25"},
        later(2) | {"reported_at": "2025-11-21"},
    )
    for known_at, killed in (("2025-11-19", 1), ("2025-11-20", 1), ("2025-11-21", 2), ("2025-11-25", 2)):
        answer = await service.get(f"/v1/subjects/{ONE}", known_at=known_at, basis="reported", min_position=3)
        assert answer.json["state"]["casualties"]["killed"]["best"] == killed, known_at
        assert answer.json["basis"]["by"] == "reported"
    before = await service.get(f"/v1/subjects/{ONE}", known_at="2025-11-18", basis="reported")
    assert before.slug == "not-found"
    history = await service.get(f"/v1/subjects/{ONE}/history", known_at="2025-11-21", basis="reported")
    assert [(v["from_position"], v["to_position"]) for v in history.json["versions"]] == [(1, 3), (3, None)]
    page = await service.get(f"/v1/subjects/{ONE}/history", known_at="2025-11-25", basis="reported", limit=2)
    assert [(v["from_position"], v["to_position"]) for v in page.json["versions"]] == [(1, 2), (2, 3)]
    last = await service.ask("GET", page.json["next"])
    assert [(v["from_position"], v["to_position"]) for v in last.json["versions"]] == [(3, None)]


async def test_where_everything_is_reported_both_bases_tell_the_same_of_every_subject(timeline: Served):
    streams = {e["stream"] for e in (await timeline.get("/v1/events", limit=1000)).json["events"]}
    assert len(streams) > 50
    for stream in sorted(streams):
        for path in (f"/v1/subjects/{stream}", f"/v1/subjects/{stream}/history"):
            recorded, reported = [
                {
                    k: v
                    for k, v in (await timeline.get(path, at="2026-03-01", at_position=110, basis=basis)).json.items()
                    if k != "basis"
                }
                for basis in ("recorded", "reported")
            ]
            assert reported == recorded


async def test_a_merge_counts_from_when_it_was_reported_and_leads_to_the_survivor(service: Served):
    """A record event is reported when it is recorded, unless it says otherwise."""
    merged = merge(ONE, TWO) | {"reported_at": "2025-12-01"}
    undone = strike(stream=TWO, killed=2, reported_at="2025-11-20")
    await service.add(strike(stream=ONE, reported_at="2025-11-19"), undone, merged)
    before = await service.get(f"/v1/subjects/{TWO}", known_at="2025-11-30", basis="reported", min_position=3)
    assert before.json["stream"] == TWO
    after = await service.get(f"/v1/subjects/{TWO}", known_at="2025-12-01", basis="reported")
    assert (after.json["stream"], after.json["state"]["reports"]) == (ONE, 2)
    history = await service.get(f"/v1/subjects/{TWO}/history", known_at="2025-12-01", basis="reported")
    assert [v.get("absorbed_into") for v in history.json["versions"]] == [None, ONE]


async def test_the_same_reported_basis_gives_the_same_bytes_whatever_comes_after(service: Served):
    await service.add(strike(stream=ONE, reported_at="2025-11-19"), strike(stream=TWO, reported_at="2025-11-19"))
    for path in (f"/v1/subjects/{ONE}", f"/v1/subjects/{ONE}/history"):
        asked = {"at": "2026-01-01", "known_at": "2025-11-20", "basis": "reported", "at_position": 2}
        first = await service.get(path, **asked)
        await service.add(later(9) | {"reported_at": "2025-11-20"}, merge(ONE, TWO) | {"reported_at": "2025-11-20"})
        await service.settled()
        again = await service.get(path, **asked)
        assert again.raw == first.raw
        assert again.headers["ETag"] == first.headers["ETag"]


async def test_too_many_versions_to_fold_are_refused_with_another_way(service: Served, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(reported, "STEPS", 5)
    await service.add(strike(stream=ONE), later(3), later(2))
    answer = await service.get(f"/v1/subjects/{ONE}/history", basis="reported", min_position=3)
    assert (answer.status, answer.slug) == (413, "too-large")
    assert "at_position" in answer.json["detail"]
    assert (await service.get(f"/v1/subjects/{ONE}", basis="reported")).status == 200


@pytest.mark.parametrize(("name", "most"), [("REPORTED", 2), ("STEPS", 5)])
async def test_too_much_to_fold_is_refused_and_the_command_is_named(
    service: Served, monkeypatch: pytest.MonkeyPatch, name: str, most: int
):
    monkeypatch.setattr(reported, name, most)
    await service.add(strike(stream=ONE), later(3), later(2))
    for path, way in (
        ("/v1/projections/city_incidents", "incidentlog projection show city_incidents --basis reported --local"),
        ("/v1/diff?projection=city_incidents&from_known=2025-01-01", "--basis reported --local"),
        ("/v1/diff?from_known=2025-01-01", "about one subject"),
    ):
        answer = await service.get(f"{path}{'&' if '?' in path else '?'}basis=reported&min_position=3")
        assert (answer.status, answer.slug) == (413, "too-large")
        assert way in answer.json["detail"]


async def test_one_folds_after_the_other_and_what_is_stored_waits_for_none(service: Served):
    await service.add(strike(stream=ONE))
    await service.settled()
    async with service.service.core:
        folding = asyncio.create_task(service.get(f"/v1/subjects/{ONE}", basis="reported"))
        async with asyncio.timeout(60):
            while not service.service.reported.held:
                await asyncio.sleep(0.01)
        assert (await service.get(f"/v1/subjects/{ONE}")).status == 200
        assert not folding.done()
    assert (await folding).status == 200
