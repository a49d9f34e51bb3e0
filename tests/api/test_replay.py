"""`GET /v1/replay`: all of it, in order, with its spacing, and again from where one was."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import orjson
import pytest

from incidentlog.api.replay import KEY, REPLAYS, Replays
from incidentlog.config import Settings
from incidentlog.shares import Shares, Stranger
from incidentlog.store.connect import Access
from tests.api.serving import NOW, Served, make_key, serving
from tests.commands import about, retraction, strike

DAY = timedelta(days=1)


def on(day: int, **more: Any) -> dict[str, Any]:
    """A strike on a day of November 2025."""
    date = f"2025-11-{day:02}"
    return strike(occurred={"start": date, "precision": "day", "tz": "Europe/Kyiv"}, reported_at=date, **more)


def replays_of(service: Served) -> Replays:
    return service.app[KEY]


async def lines(service: Served, headers: dict[str, str] | None = None, **params: Any) -> list[dict[str, Any]]:
    """All lines of a replay that does not wait."""
    answer = await service.get("/v1/replay", headers or {}, **{"speed": 0, **params})
    assert answer.status == 200, answer
    return [orjson.loads(line) for line in answer.raw.splitlines() if line]


def ids(told: list[dict[str, Any]]) -> list[str]:
    return [line["id"] for line in told if "end" not in line]


@asynccontextmanager
async def open_replay(service: Served, **params: Any) -> AsyncIterator[aiohttp.ClientResponse]:
    headers = {"Authorization": f"Bearer {service.key}"}
    named = {name.rstrip("_"): str(value) for name, value in params.items()}
    async with (
        asyncio.timeout(60),
        service.session.get(f"{service.url}/v1/replay", params=named, headers=headers) as answer,
    ):
        assert answer.status == 200, await answer.read()
        yield answer


async def test_everything_comes_in_the_order_of_recording_and_then_the_end(service: Served):
    events = [on(20), on(5), on(12)]
    await service.add(*events)
    told = await lines(service)
    assert ids(told) == [e["id"] for e in events]
    assert told[-1] == {"end": {"position": 3, "events": 3, "head": 3}}
    assert told[0] == (await service.get(f"/v1/events/{events[0]['id']}")).json


async def test_by_occurred_it_comes_in_the_order_of_happening(service: Served):
    events = [on(20), on(5), on(12), on(5)]
    await service.add(*events)
    assert ids(await lines(service, by="occurred")) == [events[n]["id"] for n in (1, 3, 2, 0)]


async def test_a_span_begins_at_an_instant_and_ends_before_one(service: Served):
    events = [on(day) for day in (5, 12, 12, 20)]
    await service.add(*events)
    told = await lines(service, by="occurred", from_="2025-11-12", to="2025-11-20")
    assert ids(told) == [events[1]["id"], events[2]["id"]]
    second = (await service.get(f"/v1/events/{events[1]['id']}")).json["recorded_at"]
    fourth = (await service.get(f"/v1/events/{events[3]['id']}")).json["recorded_at"]
    assert ids(await lines(service, from_=second, to=fourth)) == [events[1]["id"], events[2]["id"]]


async def test_events_are_told_as_known_then_by_recorded_and_as_known_now_by_occurred(service: Served):
    event = on(5)
    await service.add(event, retraction(event["id"]))
    assert [e["status"] for e in (await lines(service))[:-1]] == ["effective", "effective"]
    assert [e["status"] for e in (await lines(service, by="occurred"))[:-1]] == ["retracted", "effective"]


@pytest.mark.parametrize("by", ["recorded", "occurred"])
async def test_many_pages_are_one_history(service: Served, by: str):
    events = [on(1 + n % 28, killed=n) for n in range(650)]
    await service.fill(*events)
    wanted = [e["id"] for e in events]
    if by == "occurred":
        wanted = [e["id"] for e in sorted(events, key=lambda e: e["occurred"]["start"])]
    assert ids(await lines(service, by=by)) == wanted
    # Again from any place in it.
    for seen in (1, 200, 333, 649):
        last = (await service.get(f"/v1/events/{wanted[seen - 1]}")).json["position"]
        assert ids(await lines(service, by=by, after=last, at_position=650)) == wanted[seen:]


async def test_nobody_is_told_what_is_marked_above_them_nor_moved_by_it(service: Served):
    events = [on(5), on(6, tlp="RED"), on(7)]
    await service.add(*events)
    await make_key(service.access, "low", "a-key-that-sees-little", scopes=["read"], clearance=0)
    low = service.by("a-key-that-sees-little")
    for by in ("recorded", "occurred"):
        told = await lines(low, by=by)
        assert ids(told) == [events[0]["id"], events[2]["id"]]
        assert told[-1]["end"]["events"] == 2


def redated(event: dict[str, Any], day: int, **more: Any) -> dict[str, Any]:
    """An amendment that puts an event on another day of November 2025."""
    patch = {"occurred": {"start": f"2025-11-{day:02}"}}
    return {**about("amended", event["id"], patch=patch, reason="the wrong night"), **more}


async def test_what_is_resumed_by_occurred_goes_on_by_what_was_known_when_it_began(service: Served):
    events = [on(5), on(12), on(20)]
    await service.add(*events)
    first = await service.get("/v1/replay", by="occurred", speed=0)
    seen = [orjson.loads(line) for line in first.raw.splitlines()][:2]
    head = first.headers["Log-Position"]
    assert (ids(seen), head) == ([events[0]["id"], events[1]["id"]], "3")
    await service.add(on(1), redated(events[2], 2))  # both were before what is seen, had they been known
    rest = await lines(service, by="occurred", after=seen[-1]["position"], at_position=head)
    assert ids(rest) == [events[2]["id"]]
    assert rest[-1] == {"end": {"position": 3, "events": 1, "head": 3}}
    assert ids(await lines(service, by="occurred", at_position=head)) == [e["id"] for e in events]


async def test_server_sent_events_by_occurred_carry_the_head_by_which_they_are_in_order(service: Served):
    events = [on(5), on(12), on(20)]
    await service.add(*events)
    sse = {"Accept": "text/event-stream"}
    told = re.findall(rb"^id: (.*)$", (await service.get("/v1/replay", sse, by="occurred", speed=0)).raw, re.MULTILINE)
    assert [name.rsplit(b":", 1)[1] for name in told] == [b"1@3", b"2@3", b"3@3"]
    await service.add(on(1))
    resumed = await service.get("/v1/replay", {**sse, "Last-Event-ID": told[0].decode()}, by="occurred", speed=0)
    assert re.findall(rb"^id: (.*)$", resumed.raw, re.MULTILINE) == told[1:]


async def test_a_place_in_the_order_of_happening_is_refused_without_the_head_of_that_order(service: Served):
    await service.add(on(5), on(12))
    answer = await service.get("/v1/replay", by="occurred", after=1)
    assert (answer.status, answer.faults) == (400, {"/at_position": "missing"})
    name = f"{service.service.log.epoch}:1"
    answer = await service.get("/v1/replay", {"Last-Event-ID": name}, by="occurred")
    assert (answer.status, answer.faults) == (400, {"/Last-Event-ID": "no_head"})
    answer = await service.get("/v1/replay", {"Last-Event-ID": f"{name}@2"})
    assert (answer.status, answer.faults) == (400, {"/Last-Event-ID": "other_order"})
    answer = await service.get("/v1/replay", {"Last-Event-ID": f"{name}@3"}, by="occurred")
    assert (answer.status, answer.faults) == (400, {"/at_position": "ahead_of_log"})


async def test_by_occurred_order_and_window_are_by_amended_times(service: Served):
    events = [on(5), on(12), on(20)]
    amendment = redated(events[0], 15)
    await service.add(*events, amendment)
    strikes = {e["id"] for e in events}

    async def told(**params: Any) -> list[str]:
        return [name for name in ids(await lines(service, by="occurred", **params)) if name in strikes]

    assert await told() == [events[n]["id"] for n in (1, 0, 2)]
    assert await told(from_="2025-11-13", to="2025-11-19") == [events[0]["id"]]
    assert await told(to="2025-11-10") == []
    assert await told(at_position=3) == [e["id"] for e in events]
    assert await told(after=1, at_position=4) == [events[2]["id"]]
    await service.add(retraction(amendment["id"]))
    assert await told() == [e["id"] for e in events]


async def test_nobody_is_moved_by_an_amendment_that_they_may_not_see(service: Served):
    events = [on(5), on(12)]
    await service.add(*events, redated(events[0], 20, tlp="RED"))
    await make_key(service.access, "low", "a-key-that-sees-little", scopes=["read"], clearance=0)
    strikes = {e["id"] for e in events}
    for reader, order in ((service, (1, 0)), (service.by("a-key-that-sees-little"), (0, 1))):
        told = [name for name in ids(await lines(reader, by="occurred")) if name in strikes]
        assert told == [events[n]["id"] for n in order]


async def test_many_pages_of_amended_times_are_one_history(service: Served):
    events = [on(1 + n % 28, killed=n) for n in range(700)]
    days = {n: 1 + n % 28 for n in range(700)}
    amended = [*range(450), *range(600, 700, 7)]  # more than a page of them, and on one day
    days |= {n: 14 if n < 300 else 1 + n * 5 % 28 for n in amended}
    await service.fill(*events)
    december = {"start": "2025-12-01", "precision": "day", "tz": "Europe/Kyiv"}
    await service.fill(*(redated(events[n], days[n], occurred=december) for n in amended))
    head = 700 + len(amended)
    wanted = [events[n]["id"] for n in sorted(days, key=lambda n: (days[n], n))]
    whole = await lines(service, by="occurred", at_position=head)
    assert ids(whole)[:700] == wanted
    assert len(ids(whole)) == head
    for seen in (1, 199, 200, 201, 333, 699):
        last = whole[seen - 1]["position"]
        assert ids(await lines(service, by="occurred", after=last, at_position=head))[: 700 - seen] == wanted[seen:]


async def test_its_spacing_is_that_of_history_faster(service: Served):
    await service.add(on(5), on(6), on(6), on(9))
    async with open_replay(service, by="occurred", speed=86_400, max_gap=60) as answer:
        assert b'"2025-11-05"' in await answer.content.readline()
        await nothing_comes(answer)
        await service.clock.advance(NOW + timedelta(seconds=1))
        assert [b'"2025-11-06"' in await answer.content.readline() for _ in range(2)] == [True, True]
        await service.clock.advance(NOW + timedelta(seconds=3.9))
        await nothing_comes(answer)
        await service.clock.advance(NOW + timedelta(seconds=4))
        assert b'"2025-11-09"' in await answer.content.readline()
        assert b'"end"' in await answer.content.readline()


async def test_no_gap_is_longer_than_asked_for(service: Served):
    await service.add(on(5), on(25))
    async with open_replay(service, by="occurred", speed=1, max_gap=2) as answer:
        await answer.content.readline()
        await service.clock.advance(NOW + timedelta(seconds=1.9))
        await nothing_comes(answer)
        await service.clock.advance(NOW + timedelta(seconds=2))
        assert b'"2025-11-25"' in await answer.content.readline()


async def nothing_comes(answer: aiohttp.ClientResponse) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await answer.content.readany()


async def test_a_waiting_reader_hears_that_the_service_is_there(service: Served):
    await service.add(on(5), on(6))
    replays_of(service).heartbeat_seconds = 0.05
    async with open_replay(service, by="occurred", speed=1, format="sse") as answer:
        while (await answer.content.readline()) != b":\n":
            pass
    async with open_replay(service, by="occurred", speed=1) as answer:
        await answer.content.readline()
        assert await answer.content.readline() == b"\n"


async def test_server_sent_events_are_resumed_by_the_last_id(service: Served):
    events = [on(5), on(6), on(7)]
    await service.add(*events)
    answer = await service.get("/v1/replay", {"Accept": "text/event-stream"}, speed=0)
    assert answer.headers["Content-Type"] == "text/event-stream"
    blocks = answer.raw.decode().split("\n\n")
    assert blocks[0] == "retry: 2000"
    told = [dict(line.split(": ", 1) for line in block.split("\n")) for block in blocks[1:-1]]
    assert [t["event"] for t in told] == ["event", "event", "event", "end"]
    assert [orjson.loads(t["data"])["id"] for t in told[:3]] == [e["id"] for e in events]
    resumed = await service.get("/v1/replay", {"Accept": "text/event-stream", "Last-Event-ID": told[0]["id"]}, speed=0)
    assert re.findall(rb"^id: (.*)$", resumed.raw, re.MULTILINE) == [t["id"].encode() for t in told[1:3]]
    over = await service.get("/v1/replay", {"Accept": "text/event-stream", "Last-Event-ID": told[2]["id"]}, speed=0)
    assert (over.status, over.raw) == (204, b"")


async def test_an_id_of_another_log_resumes_nothing(service: Served):
    other = "00000000-0000-0000-0000-000000000000.0.0:1"
    answer = await service.get("/v1/replay", {"Last-Event-ID": other})
    assert answer.faults == {"/Last-Event-ID": "epoch_changed"}
    answer = await service.get("/v1/replay", {"Last-Event-ID": "17"})
    assert answer.faults == {"/Last-Event-ID": "not_an_id"}


async def test_bad_parameters_are_all_told(service: Served):
    answer = await service.get(
        "/v1/replay", by="known", from_="soon", to="later", speed="-1", max_gap="4000", after="1_0", format="xml"
    )
    assert answer.faults == {
        "/by": "unknown_value", "/from": "not_a_time", "/to": "not_a_time", "/speed": "not_a_number",
        "/max_gap": "not_a_number", "/after": "not_a_number", "/format": "unknown_value",
    }  # fmt: skip
    assert (await service.get("/v1/replay", since="2025")).faults == {"/since": "unknown_parameter"}
    assert (await service.get("/v1/replay", {"Accept": "text/csv"})).slug == "not-acceptable"
    assert (await service.get("/v1/replay", by="occurred", after=7, at_position=0)).faults == {"/after": "ahead_of_log"}
    assert (await service.get("/v1/replay", at_position=7)).faults == {"/at_position": "ahead_of_log"}
    assert (await service.by(None).get("/v1/replay")).status == 401


async def test_an_empty_history_ends_at_once(service: Served):
    assert await lines(service) == [{"end": {"position": 0, "events": 0, "head": 0}}]


async def test_a_reader_that_stopped_is_cut_off(service: Served):
    assert (await service.bulk(*(on(5, notes="x" * 3_900) for _ in range(2_000)))).status == 201
    replays = replays_of(service)
    replays.send_seconds = 0.3
    _, writer = await asyncio.open_connection("127.0.0.1", service.port, limit=1024)
    writer.write(
        b"GET /v1/replay?speed=0 HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer "
        + str(service.key).encode()
        + b"\r\n\r\n"
    )
    async with asyncio.timeout(60):
        while not replays.running:
            await asyncio.sleep(0.01)
        while replays.running:
            await asyncio.sleep(0.02)
    writer.transport.abort()
    assert len(ids(await lines(service))) == 2_000  # others are served


async def test_only_so_many_run_at_once(service: Served):
    await service.add(on(5), on(6))
    shares = replays_of(service).shares
    with ExitStack() as held:
        for n in range(REPLAYS):
            held.enter_context(shares.place(Stranger("", f"key {n}")))
        assert (await service.get("/v1/replay", speed=0)).slug == "overloaded"
    assert len(await lines(service)) == 3


async def test_who_comes_without_a_key_holds_up_neither_keys_nor_other_addresses(access: Access):
    async with serving(access, settings=Settings(open_read=True)) as served, AsyncExitStack() as held:
        await served.add(on(5), on(25))
        replays_of(served).shares = Shares("replays", 4, each=2, kept=1)
        one, other, third = [
            await held.enter_async_context(
                aiohttp.ClientSession(connector=aiohttp.TCPConnector(local_addr=(f"127.0.0.{n}", 0)))
            )
            for n in (1, 2, 3)
        ]

        async def opened(by: aiohttp.ClientSession, **headers: str) -> int:
            url = f"{served.url}/v1/replay?by=occurred&speed=1"
            return (await held.enter_async_context(by.get(url, headers=headers))).status

        assert [await opened(one), await opened(one), await opened(one)] == [200, 200, 429]
        assert [await opened(other), await opened(third)] == [200, 503]
        assert await opened(one, Authorization=f"Bearer {served.key}") == 200
        assert await opened(one, Authorization=f"Bearer {served.key}") == 503


async def test_those_that_run_end_with_the_service_without_saying_that_it_was_all(service: Served):
    await service.add(on(5), on(25))
    async with open_replay(service, by="occurred", speed=1) as answer:
        await answer.content.readline()
        replays_of(service).closing.set()
        assert await answer.content.read() == b""
    assert (await service.get("/v1/replay")).slug == "overloaded"


async def test_an_erased_event_is_told_as_erased(service: Served):
    event = on(5, notes="what is to go")
    await service.add(event, about("erased", event["id"], part="body", ground="asked to"))
    for by in ("recorded", "occurred"):
        told = {line["id"]: line for line in (await lines(service, by=by))[:-1]}
        assert (told[event["id"]]["status"], told[event["id"]]["notes"]) == ("erased", None)


def test_the_pace_makes_up_for_a_slow_reader_by_one_gap_at_most():
    from incidentlog.audit.replay import Pace
    from incidentlog.clock import ManualClock

    start = datetime(2026, 1, 1, tzinfo=UTC)
    clock = ManualClock(start)
    pace = Pace(clock, 1.0, 5.0)
    assert pace.due(start) is None
    assert pace.due(start + 3 * DAY) == start + timedelta(seconds=5)
    clock._now = start + timedelta(seconds=100)  # the reader took that long
    assert pace.due(start + 3 * DAY + timedelta(seconds=1)) is None
    assert pace.due(start + 3 * DAY + timedelta(seconds=6)) == start + timedelta(seconds=101)
