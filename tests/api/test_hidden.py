"""What a reader is answered is the same of a log with what it may not see and of one without (P5), positions aside."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from incidentlog.api import reported
from incidentlog.embedded import Server
from tests.api.serving import Served, make_key
from tests.api.test_replay import ids, lines, on
from tests.commands import retraction, strike
from tests.pairs import READER, Pair, pair_of
from tests.subjects.given import Event, amend, day, event, id_of

TLP = ("CLEAR", "RED")


def said(stream: str, topic: str, name: str, **more: Any) -> Event:
    data = {"speaker": "UKR", "topic": topic, "stance": "hope"}
    return event("statement.made", f"statement:{stream}", name, data=data, **{"reported_at": "2025-11-20", **more})


MOVED: list[Event] = [
    said("a", "t2", "a"),
    said("b", "t1", "b"),
    amend("b", {"data": {"topic": "t2"}}, "b is on t2", tlp="RED"),
    said("c", "t1", "c"),
    said("b", "t1", "b again", occurred=day("2025-11-21")),
    said("d", "t3", "d", tlp="RED"),
]


@pytest.fixture
async def moved(server: Server) -> AsyncIterator[Pair]:
    async with pair_of(server, MOVED, 0) as pair:
        yield pair


async def test_a_hidden_amendment_moves_no_row_and_no_later_event_of_its_stream_does(moved: Pair):
    rows = (await moved.get("/v1/projections/positions_board", at="2026-01-01"))["rows"]
    assert {key: row["position"] for key, row in rows.items()} == {"UKR|t1": 4, "UKR|t2": 1}


RECORDED: tuple[dict[str, int], ...] = ({"from_position": 2}, {"from_position": 3, "to_position": 4})


async def test_a_diff_lists_no_projection_and_no_row_at_a_hidden_position(moved: Pair):
    for about in ({}, {"projection": "positions_board"}, {"subject": "statement:b"}):
        for positions in RECORDED:
            await moved.get("/v1/diff", plain_positions=positions, at="2026-01-01", **about)
        hidden = {"plain_positions": {"from_position": 2}, "just_before": {"to_position": 3}}
        await moved.get("/v1/diff", at="2026-01-01", **hidden, **about)
        known = {"from_known": "2025-11-19", "to_known": "2026-02-01", "basis": "reported"}
        await moved.get("/v1/diff", at="2026-01-01", **known, **about)


async def test_a_history_has_no_version_at_a_hidden_position(moved: Pair):
    for basis in ("recorded", "reported"):
        for stream in ("statement:a", "statement:b", "statement:d"):
            await moved.get(f"/v1/subjects/{stream}/history", basis=basis, at="2026-01-01")
            await moved.get(f"/v1/subjects/{stream}", basis=basis, at="2026-01-01")


async def test_what_is_too_much_to_fold_is_counted_without_what_is_hidden(
    server: Server, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(reported, "STEPS", 6)  # three events on a stream
    monkeypatch.setattr(reported, "REPORTED", 8)
    strikes = [strike(stream="strike:one", tlp=mark) for mark in (*TLP, *TLP, *TLP)]
    many = [strike(stream=f"strike:{n}", tlp="RED") for n in range(9)]
    async with pair_of(server, [*strikes, *many], 0) as pair:
        for path in (
            "/v1/subjects/strike:one/history",
            "/v1/projections/city_incidents",
            "/v1/projections/ceasefire_status",
        ):
            assert "status" not in await pair.get(path, basis="reported", at="2026-01-01")
        await pair.get("/v1/diff", from_known="2025-11-18", to_known="2025-12-01", basis="reported", at="2026-01-01")
        monkeypatch.setattr(reported, "STEPS", 5)
        refused = await pair.get("/v1/subjects/strike:one/history", basis="reported", at="2026-01-01")
        assert refused["status"] == 413
        assert refused["detail"].startswith("3 events")


async def test_what_a_lowered_marking_shows_is_folded_on_the_basis_reported_too(service: Served):
    hidden = strike(stream="strike:one", tlp="RED")
    lower = {
        "type": "record.remarked",
        "tlp": "RED",
        "data": {"target": hidden["id"], "tlp": "CLEAR", "reason": "told"},
    }
    undone = {"type": "record.retracted", "tlp": "RED", "data": {"target": id_of("lower"), "reason": "too early"}}
    again = {"type": "record.retracted", "tlp": "RED", "data": {"target": id_of("undone"), "reason": "it is told"}}
    await make_key(service.access, "reader", READER, scopes=["read"])
    reader, path = service.by(READER), "/v1/subjects/strike:one"
    seen = []
    for said in (hidden, lower | {"id": id_of("lower")}, undone | {"id": id_of("undone")}, again):
        await service.add(said | {"reported_at": "2025-11-20"})
        await service.settled()
        seen.append([(await reader.get(path, basis=basis)).status for basis in ("recorded", "reported")])
    assert seen == [[404, 404], [200, 200], [404, 404], [200, 200]]


async def test_nothing_hidden_is_said_of_a_policy(service: Served):
    changed = {"type": "policy.changed", "stream": "policy:compliance", "id": id_of("policy"), "sources": []}
    await service.add(changed | {"data": {"policy": "compliance", "values": {"window_hours": 700}}})
    hidden = retraction(id_of("policy")) | {"tlp": "RED"}
    for refused in (await service.post(hidden), await service.bulk(hidden)):
        assert list(refused.faults.values()) == ["always_clear"]
    await service.add(hidden | {"tlp": "CLEAR"})


async def test_a_replay_by_occurred_does_not_go_on_after_what_is_hidden(service: Served):
    """Where it is in the order says when it happened."""
    events = [on(5), on(6, tlp="RED"), on(7), on(8)]
    await service.add(*events)
    await make_key(service.access, "reader", READER, scopes=["read"])
    reader = service.by(READER)
    assert ids(await lines(reader, by="occurred", after=3, at_position=4)) == [events[3]["id"]]
    refused = await reader.get("/v1/replay", by="occurred", after=2, at_position=4)
    assert (refused.status, refused.faults) == (400, {"/after": "unknown_event"})
    resumed = {"Last-Event-ID": f"{service.service.log.epoch}:2@4", "Accept": "text/event-stream"}
    refused = await reader.get("/v1/replay", resumed, by="occurred")
    assert (refused.status, refused.faults) == (400, {"/Last-Event-ID": "unknown_event"})
    assert ids(await lines(service, by="occurred", after=2, at_position=4)) == [e["id"] for e in events[2:]]
