"""What a stream adds up to, now and before."""

from typing import Any

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
