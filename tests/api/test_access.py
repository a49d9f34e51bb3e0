"""Who read what is noted beside the reads, and each day's digest goes into the log, once."""

import asyncio
import hashlib
import re
import subprocess
import sys
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import asyncpg
import orjson
import pytest

from incidentlog.audit import access as access_module
from incidentlog.audit.access import QUEUE, AccessLog
from incidentlog.clock import ManualClock
from incidentlog.config import Settings
from incidentlog.events.values import Tlp
from incidentlog.ids import own_id
from incidentlog.store.access import Entry
from incidentlog.store.connect import Access
from incidentlog.store.read import read_log
from tests.api.serving import ADMIN, NOW, Served, make_key, serving
from tests.commands import strike

# The log's zone is Europe/Kyiv: its 1 March 2026 ends at 22:00 UTC.
MIDNIGHT = datetime(2026, 3, 1, 22, tzinfo=UTC)
AFTER_GRACE = MIDNIGHT + timedelta(minutes=5)


async def entries(service: Served, least: int) -> list[dict[str, Any]]:
    """What was noted, once there is so much of it; at most 60 s."""
    async with asyncio.timeout(60):
        while True:
            noted = (await service.get("/v1/access", limit=1_000)).json["entries"]
            told = [e for e in noted if "/v1/access" not in e["route"]]
            if len(told) >= least:
                return told
            await asyncio.sleep(0.05)


async def digests(service: Served, least: int) -> list[dict[str, Any]]:
    async with asyncio.timeout(60):
        while True:
            found = (await service.get("/v1/events", type="audit.access_digest")).json["events"]
            if len(found) >= least:
                return list(found)
            await asyncio.sleep(0.05)


async def test_each_read_is_noted_with_key_route_basis_and_purpose(service: Served):
    event = strike()
    await service.add(event)
    await make_key(service.access, "reporter", "a-key-of-a-reporter", scopes=["read", "report"])
    reporter = service.by("a-key-of-a-reporter")
    why = {"Access-Purpose": "a story on the harbour"}
    await reporter.get(f"/v1/events/{event['id']}", why)
    await reporter.get("/v1/projections/city_incidents", at="2026-01-01", at_position=1)
    await reporter.get(f"/v1/events/{event['id']}", private="true")
    await reporter.get("/livez")
    first, second, third = await entries(service, 3)
    assert first == {
        "number": 1, "day": "2026-03-01", "at": "2026-03-01T12:00:00Z", "key": "reporter", "status": 200,
        "route": f"GET /v1/events/{event['id']}", "purpose": "a story on the harbour",
        "basis": {"position": 1, "at": "2026-03-01T12:00:00Z", "by": "recorded"},
    }  # fmt: skip
    assert second["route"] == "GET /v1/projections/city_incidents?at=2026-01-01&at_position=1"
    assert second["basis"] == {"position": 1, "at": "2025-12-31T22:00:00Z", "by": "recorded"}
    assert (third["status"], third["purpose"]) == (403, None)


async def test_streams_are_noted_when_they_begin(service: Served):
    await service.add(strike(), strike())
    await service.get("/v1/replay", speed=0)
    headers = {"Authorization": f"Bearer {service.key}"}
    async with service.session.ws_connect(f"{service.url}/v1/live", protocols=["incidentlog.live.v1"], headers=headers):
        told = await entries(service, 2)
    assert [e["route"] for e in told] == ["GET /v1/replay?speed=0", "GET /v1/live"]


async def test_only_auditors_see_it(service: Served):
    await make_key(service.access, "editor", "a-key-of-an-editor", scopes=["read", "report", "edit"])
    assert (await service.by("a-key-of-an-editor").get("/v1/access")).status == 403
    assert (await service.by(None).get("/v1/access")).status == 401


async def test_an_auditor_from_whom_something_is_hidden_is_told_of_no_name_in_it(service: Served):
    await service.add(strike(stream="strike:hidden", tlp="RED"))
    await service.get("/v1/streams/strike:hidden")
    await entries(service, 1)
    for clearance in (Tlp.CLEAR, Tlp.GREEN, Tlp.AMBER, Tlp.AMBER_STRICT):
        key = f"a-key-of-an-auditor-{clearance}"
        await make_key(service.access, f"auditor-{clearance}", key, scopes=["read", "audit"], clearance=clearance)
        refused = await service.by(key).get("/v1/access")
        assert (refused.status, refused.slug) == (403, "forbidden"), clearance
        assert b"strike" not in refused.raw
    await make_key(service.access, "cleared", "a-key-of-another-auditor", scopes=["audit"], clearance=Tlp.RED)
    told = await service.by("a-key-of-another-auditor").get("/v1/access")
    assert told.json["entries"][0]["route"] == "GET /v1/streams/strike:hidden"


async def test_it_is_paged(service: Served):
    for n in range(3):
        await service.get("/v1/events", limit=n + 1)
    await entries(service, 3)
    page = (await service.get("/v1/access", limit=2)).json
    rest = (await service.ask("GET", page["next"])).json
    assert [e["number"] for e in (*page["entries"], *rest["entries"])][:3] == [1, 2, 3]


async def test_what_cannot_be_stored_as_it_is_is_noted_all_the_same(service: Served):
    await service.ask("GET", "/v1/events?city=%00%ff", headers={"Access-Purpose": "\udcff" * 3 + "x" * 900})
    (told,) = await entries(service, 1)
    assert (told["status"], len(told["purpose"])) == (400, 200)


async def test_a_days_digest_is_appended_once_the_day_is_over(service: Served):
    await service.get("/v1/events")
    await service.get("/v1/projections")
    told = await entries(service, 2)
    await service.clock.advance(AFTER_GRACE - timedelta(seconds=1))
    await asyncio.sleep(0.1)
    assert await digests(service, 0) == []
    connection = await asyncpg.connect(service.access.admin)
    await asyncio.sleep(1)
    rows = await connection.fetch("SELECT * FROM incidentlog.access_log WHERE day = '2026-03-01' ORDER BY number")
    await connection.close()
    await service.clock.advance(AFTER_GRACE)
    (event,) = await digests(service, 1)
    assert (event["recorded_by"], event["stream"]) == ("access-log", "audit:access-2026")
    assert event["data"]["day"] == "2026-03-01"
    assert event["data"]["entries"] == len(rows) >= len(told)
    # As the documentation says that a stranger recomputes it.
    lines = b"".join(
        orjson.dumps(
            {"at": r["at"], "basis": r["basis"], "key": r["key_id"], "purpose": r["purpose"], "route": r["route"], "status": r["status"]},
            option=orjson.OPT_UTC_Z,
        )
        + b"\n"
        for r in rows
    )  # fmt: skip
    assert event["data"]["sha256"] == hashlib.sha256(lines).hexdigest()


async def test_an_auditor_makes_a_days_digest_of_what_the_service_tells(service: Served):
    """As the page does it, of a day with reads that have a basis and a purpose, and some that have none."""
    page = (Path(__file__).parents[2] / "docs/erasure-and-replay.md").read_text("utf-8")
    (script,) = (
        block for block in re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL) if "sha256" in block
    )
    event = strike()
    await service.add(event)
    await service.get(f"/v1/events/{event['id']}", {"Access-Purpose": "a story on the harbour"})
    await service.get("/v1/projections/city_incidents", at="2026-01-01", at_position=1)
    await service.get("/v1/events", q="Одеса")
    await entries(service, 3)
    await service.clock.advance(AFTER_GRACE)
    (made,) = await digests(service, 1)
    asking = (sys.executable, "-c", script, service.url, ADMIN, made["data"]["day"])
    process = await asyncio.create_subprocess_exec(*asking, stdout=subprocess.PIPE)
    told, _ = await asyncio.wait_for(process.communicate(), 60)
    assert told.decode().split() == [str(made["data"]["entries"]), made["data"]["sha256"]]


async def test_a_digest_is_appended_once_whatever_is_restarted(access: Access):
    async with serving(access) as service:
        await service.get("/v1/events")
        await entries(service, 1)
    # The next two starts are on the day after; the second finds the digest appended and not noted as such.
    async with serving(access, clock=ManualClock(AFTER_GRACE)) as service:
        (first,) = await digests(service, 1)
        await settled(service)
    connection = await asyncpg.connect(access.admin)
    await connection.execute("ALTER TABLE incidentlog.access_digests DISABLE TRIGGER USER")
    await connection.execute("DELETE FROM incidentlog.access_digests")
    await connection.execute("ALTER TABLE incidentlog.access_digests ENABLE ALWAYS TRIGGER append_only")
    await connection.close()
    async with serving(access, clock=ManualClock(AFTER_GRACE + timedelta(hours=1))) as service:
        await settled(service)
        assert await digests(service, 1) == [first]


async def test_nobody_keeps_a_days_digest_out_by_an_event_under_its_id(service: Served):
    log = service.service.log.id
    predicted = uuid5(UUID("0c9e5c5b-0f5e-5a63-8f6b-1d3a4e9b7c21"), f"{log}/2026-03-01")
    taken = own_id(log, "access/2026-03-01")
    assert (await service.post(strike(id=str(predicted)))).status == 201
    squat = strike(id=str(taken))
    assert (await service.post(squat)).faults == {"/id": "reserved"}
    assert (await service.post(squat, path="/v1/streams/strike:one/events")).faults == {"/id": "reserved"}
    assert (await service.bulk(squat)).faults == {"/id": "reserved"}
    each = await service.bulk(squat, mode="partial")
    assert orjson.loads(each.raw.splitlines()[0])["status"] == 422
    await service.get("/v1/events")
    await entries(service, 1)
    await service.clock.advance(AFTER_GRACE)
    (event,) = await digests(service, 1)
    assert (event["id"], event["recorded_by"]) == (str(taken), "access-log")


async def test_entries_are_kept_until_their_digest_is_in_the_log(access: Access):
    tried: list[UUID] = []

    async def refuse(event_id: UUID, _: dict[str, Any]) -> bool:
        tried.append(event_id)
        return False

    async with serving(access) as service:
        await service.get("/v1/events")
        await entries(service, 1)
        identity = service.service.log
    accesses = AccessLog(access, identity, ManualClock(AFTER_GRACE + timedelta(days=400)), refuse, keep_days=1)
    task = asyncio.create_task(accesses.run())
    async with asyncio.timeout(60):
        while not tried:
            await asyncio.sleep(0.02)
    await asyncio.sleep(0.1)
    task.cancel()
    await asyncio.wait([task])
    connection = await asyncpg.connect(access.admin)
    assert await connection.fetchval("SELECT count(*) FROM incidentlog.access_digests") == 0
    assert await connection.fetchval("SELECT count(*) FROM incidentlog.access_log WHERE day = '2026-03-01'") > 0
    await connection.close()
    assert tried == [own_id(identity.id, "access/2026-03-01")]


async def settled(service: Served, says: str = "SELECT EXISTS (SELECT FROM incidentlog.access_digests)") -> None:
    """Wait until the day's digest is noted, or until something else is true of the database; at most 60 s."""
    connection = await asyncpg.connect(service.access.admin)
    async with asyncio.timeout(60):
        while not await connection.fetchval(says):
            await asyncio.sleep(0.02)
    await connection.close()


async def test_entries_go_after_their_time_and_not_before_their_digest_is_in_the_log(access: Access):
    async with serving(access) as service:
        await service.get("/v1/events")
        await entries(service, 1)
    connection = await asyncpg.connect(access.admin)
    with pytest.raises(asyncpg.PostgresError, match="is not in the log yet"):
        await connection.execute("DELETE FROM incidentlog.access_log")
    with pytest.raises(asyncpg.PostgresError, match="append-only"):
        await connection.execute("UPDATE incidentlog.access_log SET key_id = 'somebody'")
    settings = Settings(access_days=7)
    for days, left in ((7, True), (8, False)):
        async with serving(
            access, settings=settings, clock=ManualClock(AFTER_GRACE + timedelta(days=days - 1))
        ) as service:
            await settled(service)
            of_the_day = "EXISTS (SELECT FROM incidentlog.access_log WHERE day = '2026-03-01')"
            await settled(service, f"SELECT {of_the_day} = {left}")
    await connection.close()


async def test_what_comes_after_the_digest_counts_to_the_next_day(access: Access):
    async with serving(access, clock=ManualClock(AFTER_GRACE)) as service:
        await settled(service, "SELECT day = '2026-03-02' FROM incidentlog.access_open")
        service.service.accesses.note(Entry(NOW, "late", "GET /late", 200))  # of the day before
        (told,) = await entries(service, 1)
        assert (told["at"], told["day"]) == ("2026-03-01T12:00:00Z", "2026-03-02")


@asynccontextmanager
async def not_running(access: Access):
    """An access log that nobody writes yet."""
    connection = await access.connect("reader")
    identity = await read_log(connection)
    await connection.close()

    async def append(_: UUID, __: dict[str, Any]) -> bool:
        raise AssertionError

    yield AccessLog(access, identity, ManualClock(NOW), append, keep_days=1)


async def test_a_full_queue_loses_entries_and_says_how_many(access: Access):
    async with not_running(access) as accesses:
        for _ in range(QUEUE + 7):
            accesses.note(Entry(NOW, "busy", "GET /v1/events", 200))
        task = asyncio.create_task(accesses.run())
        async with asyncio.timeout(60):
            while not await accesses.after(QUEUE, 1):
                await asyncio.sleep(0.05)
        told = await accesses.after(0, QUEUE + 10)
        task.cancel()
        await asyncio.wait([task])
    assert len(told) == QUEUE + 1
    assert [k.entry.route for k in told if k.entry.key_id == "-"] == ["7 entries were lost"]


async def test_what_waits_when_the_service_stops_is_written(access: Access):
    async with serving(access) as service:
        await service.get("/v1/events")
        await service.get("/v1/projections")
    async with not_running(access) as accesses:
        assert [k.entry.route for k in await accesses.after(0, 10)] == ["GET /v1/events", "GET /v1/projections"]


async def test_a_read_never_waits_for_it(access: Access, monkeypatch: pytest.MonkeyPatch):
    async def never(*_: Any) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(access_module, "note_entries", never)
    monkeypatch.setattr(access_module, "LAST_SECONDS", 0.1)
    async with serving(access) as service:
        for _ in range(3):
            assert (await service.get("/v1/events")).status == 200


async def test_what_is_said_of_the_log_itself_needs_an_auditor(service: Served):
    await make_key(service.access, "reporter", "a-key-of-a-reporter", scopes=["read", "report", "edit"])
    event = {"type": "audit.exported", "data": {"to_position": 0}}
    assert (await service.by("a-key-of-a-reporter").post(event)).status == 403
    assert (await service.post(event)).status == 201


async def test_who_says_its_key_in_the_first_message_is_noted_too(service: Served):
    async with service.session.ws_connect(f"{service.url}/v1/live", protocols=["incidentlog.live.v1"]) as socket:
        await socket.send_json({"type": "auth", "token": ADMIN})
        assert (await socket.receive_json(timeout=60))["type"] == "welcome"
    (told,) = await entries(service, 1)
    assert (told["key"], told["route"]) == ("admin", "GET /v1/live")
