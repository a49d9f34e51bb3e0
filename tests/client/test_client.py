"""Appending and asking, against the real service."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import aiohttp
import pytest

from incidentlog.client import BY_SLUG, Client, NotOursError, Problem, RefusedEvent, UnreachableError
from incidentlog.client.asking import told
from incidentlog.client.problems import problem_of
from incidentlog.errors import (
    PROBLEMS,
    BadRequest,
    Forbidden,
    IdConflict,
    InvalidEvent,
    NotFound,
    Overloaded,
    RefusedLines,
    Unauthenticated,
    WrongVersion,
)
from incidentlog.events.envelope import Envelope
from incidentlog.store.append import Append, Outcome
from incidentlog.subjects import EVENTS
from tests.api.serving import Served, make_key
from tests.commands import about, retraction, strike
from tests.live.following import until

ODESA = "geonames:698740"


async def test_an_event_gets_its_id_before_it_is_sent_and_is_appended_once(client: Client):
    event = strike()
    del event["id"]
    first = await client.append(event)
    assert (first.position, first.stream_version, first.replayed) == (1, 1, False)
    assert first.id.version == 7
    assert "id" not in event
    again = await client.append(event | {"id": str(first.id)})
    assert (again.position, again.replayed) == (1, True)
    assert (await client.event(first.id))["stream"] == first.stream


async def test_an_event_may_be_a_model_of_the_service(client: Client):
    found = EVENTS.find("strike.reported")
    assert found is not None
    envelope: Envelope[Any] = found.envelope.model_validate(strike())
    appended = await client.append(envelope)
    assert appended.id == envelope.id
    assert (await client.append(strike(id=str(envelope.id)))).replayed  # what was sent is the same, byte for byte


async def test_what_was_appended_counts_in_what_is_read(client: Client):
    appended = await client.append(strike(killed=4))
    rows = await client.projection("city_incidents", group_by=["place"], min_position=appended.position)
    assert rows.rows[ODESA]["killed"]["best"] == 4
    await client.append(retraction(str(appended.id)))
    subject = await client.subject(appended.stream, at_position=1)
    assert subject.state["status"] == "current"
    assert (await client.subject(appended.stream)).state["status"] == "retracted"


async def test_a_basis_sent_back_gives_the_same_rows(client: Client):
    await client.append(strike())
    before = await client.projection("city_incidents", group_by="place", at=date(2025, 12, 1), min_position=1)
    await client.append(strike())
    again = await client.projection("city_incidents", group_by="place", basis=before.basis)
    assert again == before
    now = await client.projection(
        "city_incidents", group_by="place", at=datetime(2025, 12, 1, tzinfo=UTC), min_position=2
    )
    assert now.rows != before.rows


async def test_either_basis_of_knowledge_can_be_asked_for(client: Client):
    await client.append(strike(reported_at="2025-11-19"))
    reported = await client.projection("city_incidents", group_by="place", known_at="2025-11-20", by="reported")
    assert reported.basis.by == "reported"
    assert ODESA in reported.rows
    recorded = await client.projection("city_incidents", group_by="place", known_at="2025-11-20")
    assert recorded.rows == {}
    assert await client.projection("city_incidents", group_by="place", basis=reported.basis) == reported


async def test_the_log_is_read_page_by_page_and_narrowed_by_filters(client: Client):
    await client.append_many(strike(stream=f"strike:{n}") for n in range(7))
    assert [e["position"] async for e in client.events(page=3)] == [1, 2, 3, 4, 5, 6, 7]
    assert [e["position"] async for e in client.events(4, page=2, at_position=6)] == [5, 6]
    wanted = {"stream": ["strike:2", "strike:5"], "type": "strike.reported"}
    assert [e["position"] async for e in client.events(filters=wanted, page=1)] == [3, 6]


async def test_many_events_are_all_appended_or_none(client: Client):
    async def given(*events: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
        for event in events:
            yield event

    done = await client.append_many(given(*(strike() for _ in range(500))))
    assert (done.appended, done.duplicates, done.first_position, done.last_position) == (500, 0, 1, 500)
    with pytest.raises(RefusedLines) as refused:
        await client.append_many(given(strike(), strike(type="no.such"), strike(tlp="PINK")))
    assert {fault.line for fault in refused.value.errors} == {2, 3}
    assert [e async for e in client.events(500)] == []


async def test_what_the_giver_of_the_events_raises_is_raised_and_nothing_is_written(client: Client):
    async def given() -> AsyncIterator[dict[str, Any]]:
        yield strike()
        raise ConnectionError("the feed broke")

    with pytest.raises(ConnectionError, match="the feed broke"):
        await client.append_many(given())
    assert [e async for e in client.events()] == []


async def test_each_refusal_has_its_class_with_every_fault(client: Client, service: Served):
    appended = await client.append(strike())
    with pytest.raises(InvalidEvent) as invalid:
        await client.append(strike(tlp="PINK", verification="sure"))
    assert {fault.pointer for fault in invalid.value.errors} == {"/tlp", "/verification"}
    with pytest.raises(IdConflict):
        await client.append(strike(id=str(appended.id), killed=9))
    with pytest.raises(WrongVersion) as moved:
        await client.append(strike(stream=appended.stream), expected_version=0)
    assert moved.value.extra["current_version"] == 1
    with pytest.raises(NotFound):
        await client.event(UUID(int=0))
    with pytest.raises(NotFound):
        await client.projection("no such/projection")
    with pytest.raises(BadRequest):
        await client.projection("city_incidents", filters={"nothing": "x"})
    async with Client(service.url, "il_wrong") as stranger:
        with pytest.raises(Unauthenticated):
            await stranger.event(appended.id)
    await make_key(service.access, "reader", "a-reader", scopes=["read"])
    async with Client(service.url, "a-reader") as reader:
        with pytest.raises(Forbidden):
            await reader.append(strike())


@pytest.mark.parametrize("problem", PROBLEMS)
def test_there_is_one_class_for_each_slug(problem: type[Problem]):
    said = problem("what", current_version=3).as_json()
    made = problem_of(said)
    assert type(made) is problem is BY_SLUG[problem.slug]
    assert (made.detail, made.extra) == ("what", {"current_version": 3})


def test_a_refusal_of_a_newer_service_is_a_problem_too():
    made = problem_of({"type": "/problems/on-strike", "status": 418, "title": "No", "detail": "not today"})
    assert isinstance(made, Problem)
    assert (made.slug, made.status, made.detail) == ("on-strike", 418, "not today")


async def test_what_will_be_ignored_is_told_beside_where_it_is(client: Client, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("incidentlog.client.bulk.PART_LINES", 2)

    def lifted(n: int) -> dict[str, Any]:
        return {**strike(), "type": "alert.lifted", "stream": f"alert:{n}", "data": {}}

    assert [(w.code, w.line) for w in (await client.append(lifted(1))).warnings] == [("ignored", None)]
    assert (await client.append(strike())).warnings == ()
    for mode in ("atomic", "partial"):
        done = await client.append_many([strike(), strike(), lifted(2), strike(), lifted(3)], mode=mode)
        assert (done.appended, [(w.code, w.line) for w in done.warnings]) == (5, [("ignored", 3), ("ignored", 5)])


async def test_of_many_events_each_is_appended_for_itself(client: Client, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("incidentlog.client.bulk.PART_LINES", 4)
    there = await client.append(strike())
    events = [strike(stream=f"strike:{n}") for n in range(10)]
    events[2] = strike(tlp="PINK")
    events[3] = strike(id=str(there.id), killed=9)
    events[5] = about("amended", events[2]["id"], patch={}, reason="its target is refused")
    events[7] = strike(stream="strike:0", expected_version=7)
    events[8] = strike(id=str(there.id), killed=8)
    done = await client.append_many(events, mode="partial")
    assert (done.appended, done.duplicates, done.refused) == (5, 0, 5)
    assert (done.first_position, done.last_position) == (2, 6)
    told = {refusal.number: type(refusal.problem) for refusal in done.refusals}
    assert told == {3: InvalidEvent, 4: IdConflict, 6: InvalidEvent, 8: WrongVersion, 9: IdConflict}
    again = await client.append_many([events[0], events[1]], mode="partial")
    assert (again.appended, again.duplicates) == (0, 2)


async def test_of_however_many_events_each_that_is_refused_is_told_with_its_reasons(
    client: Client, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("incidentlog.client.bulk.REFUSALS", 3)
    told: list[RefusedEvent] = []
    events = [strike(tlp="PINK", killed=-1) if n % 3 else strike() for n in range(2_100)]
    done = await client.append_many(events, mode="partial", refused=told.append)
    assert (done.appended, done.refused, len(done.refusals)) == (700, 1_400, 3)
    assert [refusal.number for refusal in told] == [n + 1 for n in range(2_100) if n % 3]
    pointers = {frozenset(fault.pointer for fault in refusal.problem.errors) for refusal in told}
    assert pointers == {frozenset({"/tlp", "/data/casualties/killed/best"})}


async def test_nobody_there_is_said_within_the_time_given():
    async with Client("http://127.0.0.1:1", retry_seconds=0.2) as client:
        with pytest.raises(UnreachableError, match="no service at http"):
            await client.append(strike())
        with pytest.raises(UnreachableError):
            async with client.subscribe("city_incidents"):
                pass
    with pytest.raises(ValueError, match="no address"):
        Client("127.0.0.1:8080")


async def test_the_token_is_shown_to_nobody_else(service: Served):
    async with Client(service.url + "/docs-that-are-elsewhere") as client:
        with pytest.raises((NotFound, NotOursError)):
            await client.event(UUID(int=1))


async def test_a_token_may_be_fetched_anew(service: Served):
    told = iter(["il_old", "an-admin-key-for-tests"])

    async def fetch() -> str:
        return next(told)

    async with Client(service.url, fetch) as client:
        with pytest.raises(Unauthenticated):
            await client.append(strike())
        assert (await client.append(strike())).position == 1


def test_importing_the_client_is_light():
    told = "import sys, incidentlog.client; print([m for m in ('asyncpg', 'incidentlog.store', 'incidentlog.subjects', 'incidentlog.places', 'structlog') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


def test_it_is_typed():
    import incidentlog

    assert Path(incidentlog.__file__).with_name("py.typed").exists()


async def test_of_many_events_those_that_there_is_no_room_for_are_sent_again(
    client: Client, service: Served, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("incidentlog.store.writer.QUEUE", 2)
    writer, tries = service.service.writer, list[int]()
    append_each = writer.append_each

    async def counted(commands: Sequence[Append]) -> list[Outcome | Problem]:
        tries.append(len(commands))
        return await append_each(commands)

    monkeypatch.setattr(writer, "append_each", counted)
    monkeypatch.setattr(writer, "_count", 1)  # a full queue, by all that it can tell
    appending = asyncio.create_task(client.append_many([strike(), strike(tlp="PINK"), strike()], mode="partial"))
    await until(lambda: len(tries) > 1)
    assert await service.head() == 0
    monkeypatch.setattr(writer, "_count", 0)
    done = await asyncio.wait_for(appending, 60)
    assert (done.appended, done.refused) == (2, 1)
    assert [(r.number, type(r.problem)) for r in done.refusals] == [(2, InvalidEvent)]
    monkeypatch.setattr(writer, "_count", 1)
    async with Client(service.url, "an-admin-key-for-tests", retry_seconds=0.1) as hasty:
        with pytest.raises(Overloaded):
            await hasty.append_many([strike(), strike()], mode="partial")
    monkeypatch.setattr(writer, "_count", 0)


async def test_events_whose_answer_did_not_come_in_time_are_sent_again(
    service: Served, monkeypatch: pytest.MonkeyPatch
):
    """However long that time was: what is tried again is counted from then. Each is appended once."""
    monkeypatch.setattr("incidentlog.client.asking.ANSWER_SECONDS", 1.0)
    writer, tries = service.service.writer, list[int]()
    append_each, late = writer.append_each, asyncio.Event()

    async def slow_at_first(commands: Sequence[Append]) -> list[Outcome | Problem]:
        tries.append(len(commands))
        outcomes = await append_each(commands)
        if len(tries) == 1:
            await late.wait()
        return outcomes

    monkeypatch.setattr(writer, "append_each", slow_at_first)
    async with Client(service.url, "an-admin-key-for-tests", retry_seconds=0.9) as patient:
        done = await asyncio.wait_for(patient.append_many([strike(), strike()], mode="partial"), 60)
    late.set()
    assert (done.appended, done.duplicates, tries) == (0, 2, [2, 2])


def test_what_befell_a_connection_is_told_in_words():
    assert told(aiohttp.ClientOSError(None, "Can not write request body for http://x")) == "the connection broke off"
    assert told(aiohttp.ServerDisconnectedError()) == "Server disconnected"
    assert told(TimeoutError()) == "it does not answer in time"
