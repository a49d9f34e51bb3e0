from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from incidentlog.clock import ManualClock
from incidentlog.live.tallies import TallyView
from incidentlog.store.connect import Access
from tests.commands import command, retraction, strike
from tests.live.following import Node, client, following, until
from tests.runner.driving import DERIVED, LOG
from tests.subjects.given import amend, day, event, id_of, merge, minute, remark

TRUCE = "ceasefire:truce"
START, END = "2025-05-08T00:00:00+03:00", "2025-05-11T00:00:00+03:00"


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def declared(stream: str = TRUCE, name: str = "declared", **more: Any) -> dict[str, Any]:
    terms = {
        "sidedness": "unilateral", "scope": ["general"], "declared_by": "RUS",
        "effective_from": START, "effective_until": END,
    }  # fmt: skip
    return event("ceasefire.declared", stream, f"{stream} {name}", occurred=day("2025-05-01"), data=terms | more)


def violation(name: str, **more: Any) -> dict[str, Any]:
    said = {"ceasefires": [TRUCE], "accused": ["RUS"], "claimed_by": "UKR", "severity": "serious"}
    occurred = more.pop("occurred", day("2025-05-09"))
    return event("violation.reported", f"violation:{name}", name, occurred=occurred, data=said | more)


async def test_what_is_about_all_rows_is_there_before_the_first(access: Access):
    clock = ManualClock(instant(START))
    async with following(access, clock) as node, client(node) as c:
        held = await c.subscribe("ceasefire_status")
        assert set(held.rows) == {"headline"}
        assert held.rows == await node.rows("ceasefire_status", 0, clock.now())
        await node.append(declared())
        await c.until("update")
        assert held.rows == await node.rows("ceasefire_status", 1, clock.now())


async def test_an_expiry_is_pushed_with_cause_clock_at_its_own_instant(access: Access):
    clock = ManualClock(instant("2025-05-09T12:00:00+03:00"))
    async with following(access, clock) as node, client(node) as c:
        await node.append(declared())
        held = await c.subscribe("ceasefire_status")
        assert held.rows[TRUCE]["state"] == "in_force"
        assert held.rows["headline"]["stream"] == TRUCE
        await clock.advance(instant("2025-06-01T00:00:00+03:00"))
        update = await c.until("update")
        assert (update["from"], update["to"]) == (1, 1)
        assert datetime.fromisoformat(update["at"]) == instant(END)
        assert update["cause"] == {"position": 1, "event_id": None, "kind": "clock"}
        assert set(update["set"]) == {TRUCE, "headline"}
        assert held.rows[TRUCE]["state"] == "expired"
        assert held.rows == await node.rows("ceasefire_status", 1, instant(END))


async def test_a_late_update_by_the_clock_carries_the_instant_of_the_change_all_the_same(access: Access):
    """It had to wait, and meanwhile the channel moved on, by a heartbeat to somebody else and by the log."""
    clock = ManualClock(instant("2025-05-09T12:00:00+03:00"))
    async with following(access, clock, heartbeat_seconds=0.05) as node, client(node) as c:
        await node.append(declared())
        held = await c.subscribe("ceasefire_status", min_interval_ms=600)
        (channel,) = node.hub._channels.values()
        await node.append(violation("one"))
        await c.until("update")
        await clock.advance(instant(END))
        await until(lambda: channel._last is not None and channel._last.cause.kind == "clock")
        await clock.advance(instant(END) + timedelta(hours=1))
        assert channel.quiet(channel.cursor) == (2, clock.now())
        await node.append(strike())
        await node.settled()
        update = await c.until("update")
        assert (update["to"], update["cause"]["kind"]) == (2, "clock")
        assert datetime.fromisoformat(update["at"]) == instant(END)
        await c.reach(held, 3)


async def test_what_counts_from_an_instant_that_passes_during_the_reading_is_counted(
    access: Access, monkeypatch: pytest.MonkeyPatch
):
    clock = ManualClock(datetime(2025, 11, 1, tzinfo=UTC))
    async with following(access, clock) as node, client(node) as c:
        held = await c.subscribe("city_incidents")
        (channel,) = node.hub._channels.values()
        read = TallyView.read

        async def slowly(view: TallyView, *args: Any) -> Any:
            plan = await read(view, *args)
            await clock.advance(datetime(2025, 12, 1, tzinfo=UTC))
            assert channel.quiet(channel.cursor) is not None
            return plan

        monkeypatch.setattr(TallyView, "read", slowly)
        await node.append(strike())
        update = await c.until("update")
        assert update["set"]["geonames:698740"]["incidents"] == 1
        assert held.rows == await node.rows("city_incidents", 1, clock.now())


async def test_what_counts_only_later_is_added_to_a_tally_by_the_clock(access: Access):
    clock = ManualClock(datetime(2025, 11, 1, tzinfo=UTC))
    async with following(access, clock) as node, client(node) as c:
        await node.append(strike())
        held = await c.subscribe("city_incidents")
        assert held.rows == {}
        await node.append(strike())
        await node.settled()
        await clock.advance(datetime(2025, 12, 1, tzinfo=UTC))
        update = await c.until("update")
        assert update["cause"]["kind"] == "clock"
        assert datetime.fromisoformat(update["at"]) == datetime(2025, 11, 18, 22, tzinfo=UTC)
        assert held.rows["geonames:698740"]["incidents"] == 2
        assert held.rows == await node.rows("city_incidents", 2, clock.now())


async def test_a_mean_of_seven_days_is_followed_from_midnight_to_midnight(access: Access):
    clock = ManualClock(instant("2025-11-20T12:00:00+02:00"))
    async with following(access, clock) as node, client(node) as c:
        await node.append(strike())
        held = await c.subscribe("escalation_index")
        assert sorted(held.rows) == ["2025-11-19", "2025-11-20"]
        await clock.advance(instant("2025-11-21T12:00:00+02:00"))
        update = await c.until("update")
        assert (update["cause"]["kind"], list(update["set"])) == ("clock", ["2025-11-21"])
        assert datetime.fromisoformat(update["at"]) == instant("2025-11-21T00:00:00+02:00")
        await node.append(strike())
        update = await c.until("update")
        assert sorted(update["set"]) == ["2025-11-19", "2025-11-20", "2025-11-21"]
        await clock.advance(instant("2025-12-21T12:00:00+02:00"))
        while len(held.rows) < 7:
            await c.until("update")
        assert sorted(held.rows) == [f"2025-11-{n}" for n in range(19, 26)]
        assert held.rows == await node.rows("escalation_index", 2, clock.now())


async def test_a_violation_moves_the_row_of_its_ceasefire(access: Access):
    clock = ManualClock(instant("2025-05-10T12:00:00+03:00"))
    async with following(access, clock) as node, client(node) as c:
        await node.append(declared())
        held = await c.subscribe("ceasefire_status")
        await node.append(violation("one", count=3))
        update = await c.until("update")
        assert update["set"][TRUCE]["compliance"]["by_claimant"] == {"UKR": 3}
        assert held.rows == await node.rows("ceasefire_status", 2, clock.now())


async def test_a_claim_that_leaves_the_window_is_pushed_with_cause_clock(access: Access):
    clock = ManualClock(instant("2025-05-09T12:00:00+03:00"))
    async with following(access, clock) as node, client(node) as c:
        await node.append(declared(effective_until="2025-06-01"), violation("one", occurred=minute("2025-05-09T10:00")))
        held = await c.subscribe("ceasefire_status")
        assert held.rows[TRUCE]["compliance"]["label"] == "contested"
        await clock.advance(instant("2025-05-13T00:00:00+03:00"))
        update = await c.until("update")
        assert (update["to"], update["cause"]["kind"]) == (2, "clock")
        assert datetime.fromisoformat(update["at"]) == instant("2025-05-12T10:00:00+03:00")
        assert held.rows[TRUCE]["compliance"]["label"] == "no_reports"
        assert held.rows == await node.rows("ceasefire_status", 2, instant(held.at))


async def test_a_correction_that_only_the_details_show_is_taken_in(access: Access):
    """Of the time within a day: no sum by days is another than before."""
    clock = ManualClock(instant("2025-05-09T12:00:00+03:00"))
    async with following(access, clock) as node, client(node) as c:
        said = violation("one", occurred=minute("2025-05-09T10:00"))
        await node.append(declared(effective_until="2025-06-01"), said)
        held = await c.subscribe("ceasefire_status")
        patch = {"occurred": {"start": "2025-05-09T08:00"}}
        await node.append({"stream": said["stream"], **amend("one", patch)})
        update = await c.until("update")
        assert (update["to"], update["cause"]["kind"]) == (3, "restated")
        assert held.rows == await node.rows("ceasefire_status", 3, clock.now())
        assert datetime.fromisoformat(held.rows[TRUCE]["next_transition_at"]) == instant("2025-05-12T08:00:00+03:00")


async def test_a_changed_policy_moves_the_rows_that_hang_on_it_and_no_others(access: Access):
    clock = ManualClock(instant("2025-05-11T12:00:00+03:00"))
    async with following(access, clock) as node, client(node) as c:
        await node.append(declared(effective_until="2025-06-01"), violation("one", occurred=minute("2025-05-09T10:00")))
        held, talks = await c.subscribe("ceasefire_status"), await c.subscribe("talks_ledger", id_="t")
        policy = {"policy": "compliance", "values": {"window_hours": 24}}
        narrowed = event("policy.changed", "policy:compliance", "narrowed", occurred=day("2025-05-10"), data=policy)
        await node.append({**narrowed, "sources": []})
        update = await c.until("update")
        assert update["cause"] == {"position": 3, "event_id": narrowed["id"], "kind": "event"}
        assert held.rows[TRUCE]["compliance"]["label"] == "no_reports"
        assert held.rows == await node.rows("ceasefire_status", 3, clock.now())
        widened = amend("narrowed", {"data": {"values": {"window_hours": 96}}})
        await node.append({"stream": "policy:compliance", **widened})
        update = await c.until("update")
        assert update["cause"]["kind"] == "restated"
        # The claim is of longer ago than what was looked back on before.
        assert held.rows[TRUCE]["compliance"]["label"] == "contested"
        assert held.rows == await node.rows("ceasefire_status", 4, clock.now())
        assert talks.seen == []


async def test_who_comes_back_is_told_what_the_clock_did_to_the_window_and_then_what_a_policy_did(access: Access):
    clock = ManualClock(instant("2025-05-09T12:00:00+03:00"))
    async with following(access, clock) as node:
        await node.append(declared(effective_until="2025-06-01"), violation("one", occurred=minute("2025-05-09T10:00")))
        async with client(node) as c:
            held = await c.subscribe("ceasefire_status")
        await clock.advance(instant("2025-05-13T00:00:00+03:00"))
        policy = {"policy": "compliance", "values": {"window_hours": 240}}
        said = event("policy.changed", "policy:compliance", occurred=day("2025-05-10"), data=policy) | {"sources": []}
        await node.append(said)
        async with client(node) as c:
            again = await c.subscribe("ceasefire_status", **held.cursor())
            again.rows = held.rows
            update = await c.until("update")
            assert (update["to"], update["cause"]["kind"]) == (2, "clock")
            assert again.rows[TRUCE]["compliance"]["label"] == "no_reports"
            assert again.rows == await node.rows("ceasefire_status", 2, instant(update["at"]))
            update = await c.until("update")
            assert (update["to"], update["cause"]["kind"]) == (3, "event")
            assert again.rows[TRUCE]["compliance"]["label"] == "contested"
            assert again.rows == await node.rows("ceasefire_status", 3, instant(update["at"]))


async def test_a_ceasefire_that_a_merge_absorbed_is_deleted(access: Access):
    clock = ManualClock(instant("2025-05-10T12:00:00+03:00"))
    async with following(access, clock) as node, client(node) as c:
        await node.append(declared(), declared("ceasefire:double"))
        held = await c.subscribe("ceasefire_status")
        assert set(held.rows) == {TRUCE, "ceasefire:double", "headline"}
        await node.append(merge(TRUCE, "ceasefire:double", name="merged"))
        update = await c.until("update")
        assert update["del"] == ["ceasefire:double"]
        assert update["cause"]["kind"] == "restated"
        assert held.rows == await node.rows("ceasefire_status", 3, clock.now())


async def test_after_everything_up_to_a_position_the_rows_equal_the_projection_there(access: Access):
    clock = ManualClock(instant("2025-05-01T12:00:00+03:00"))
    async with following(access, clock, heartbeat_seconds=0.2) as node, client(node) as c:
        held = await c.subscribe("ceasefire_status")
        told = []
        for n in range(12):
            stream = f"ceasefire:n{n % 4}"
            if n < 4:
                told.append(declared(stream, effective_until=f"2025-05-{11 + n}T00:00:00+03:00"))
                await node.append(told[-1])
            elif n % 3 == 0:
                await node.append(retraction(told.pop(0)["id"]), stream=f"ceasefire:n{4 - len(told) - 1}")
            else:
                await node.append(violation(f"v{n}", ceasefires=[stream]), strike())
            await clock.advance(clock.now() + timedelta(hours=27))
            await c.reach(held, node.runner.position)
            at = datetime.fromisoformat(held.at)
            assert held.rows == await node.rows("ceasefire_status", held.position, at)
        await clock.advance(instant("2025-07-01T00:00:00+03:00"))
        while held.rows["headline"]["next_transition_at"] is not None:
            await c.receive()
        assert held.rows == await node.rows("ceasefire_status", held.position, clock.now())


async def test_a_hiatus_counts_on_by_itself_and_nothing_is_written(access: Access):
    clock = ManualClock(instant("2025-07-24T12:00:00+03:00"))
    held = {"track": "ua-ru", "format": "bilateral", "level": "delegation", "direct_ua_ru": False, "outcome": "none"}

    async def written(node: Node) -> dict[str, list[Any]]:
        connection = await node.access.connect()
        try:
            return {t: await connection.fetch(f"SELECT * FROM {t} ORDER BY {t}") for t in (*LOG, *DERIVED)}
        finally:
            await connection.close()

    async with following(access, clock) as node, client(node) as c:
        await node.append(event("talk.held", "talk:third", "third", occurred=day("2025-07-23"), data=held))
        followed = await c.subscribe("talks_ledger")
        before = await written(node)
        for days in range(1, 5):
            assert followed.rows["ua-ru"]["days_since_last"] == days
            await clock.advance(clock.now() + timedelta(days=1))
            update = await c.until("update")
            assert (update["to"], update["cause"]["kind"]) == (1, "clock")
        # Months on, at one go: each midnight by itself, and what is asked then agrees.
        await clock.advance(instant("2025-12-20T12:00:00+02:00"))
        while followed.rows["ua-ru"]["days_since_last"] < 150:
            await c.until("update")
        assert followed.rows == await node.rows("talks_ledger", 1, clock.now())
        assert await written(node) == before


async def test_nothing_is_written_because_time_passed(access: Access):
    clock = ManualClock(instant("2025-05-09T12:00:00+03:00"))
    async with following(access, clock) as node, client(node) as c:
        await node.writer.append(command(declared()))
        await node.runner.reached(1, 10)
        await c.subscribe("ceasefire_status")
        before = await node.pool.fetchval("SELECT count(*) FROM documents")
        await clock.advance(instant("2025-06-01T00:00:00+03:00"))
        await c.until("update")
        assert await node.pool.fetchval("SELECT count(*) FROM documents") == before


def stated(stream: str, topic: str, name: str, **more: Any) -> dict[str, Any]:
    data = {"speaker": "UKR", "topic": topic, "stance": "hope"}
    return event("statement.made", f"statement:{stream}", name, data=data, **more)


async def test_nobody_is_told_of_a_hidden_move_nor_of_its_event_as_a_cause(access: Access):
    """A hidden amendment puts a statement under another topic: that one's rows are moved for nobody else (P5)."""
    async with following(access) as node, client(node) as c:
        await node.append(stated("a", "t2", "a"), stated("b", "t1", "b"))
        held = await c.subscribe("positions_board")
        await node.append(amend("b", {"data": {"topic": "t2"}}, "moved", tlp="RED"), stream="statement:b")
        (again,) = await node.append(stated("b", "t1", "b again", occurred=day("2025-11-21")))
        update = await c.until("update")
        assert update["cause"] == {"position": again, "event_id": id_of("b again"), "kind": "event"}
        assert set(update["set"]) == {"UKR|t1"}
        assert held.rows["UKR|t2"]["position"] == 1


async def test_a_cause_that_is_hidden_from_a_reader_is_not_named(access: Access):
    """What a hidden event says of a marking may change what all see; which event it was they are not told."""
    hidden = stated("a", "t", "a", tlp="RED")
    async with following(access) as node, client(node) as c:
        await node.append(hidden)
        held = await c.subscribe("positions_board")
        lower, higher = ({**remark("a", mark, f"now {mark}"), "tlp": "RED"} for mark in ("CLEAR", "RED"))
        (lowered,) = await node.append(lower, stream="statement:a")
        assert (await c.until("update"))["cause"] == {"position": lowered, "event_id": None, "kind": "restated"}
        assert set(held.rows) == {"UKR|t"}
        (raised,) = await node.append(higher, stream="statement:a")
        assert (await c.until("update"))["cause"] == {"position": raised, "event_id": None, "kind": "restated"}
        assert not held.rows
