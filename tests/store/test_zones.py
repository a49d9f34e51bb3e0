import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

import incidentlog
from incidentlog import zones
from incidentlog.clock import SystemClock
from incidentlog.door import Door, Known
from incidentlog.store.append import append
from incidentlog.store.connect import Access, Connection
from incidentlog.store.migrate import migrate
from incidentlog.store.read import read_after, read_log
from incidentlog.store.replay import read_at, read_occurred
from incidentlog.store.zones import keep_zone_data, true_zone_data
from incidentlog.zones import by, packaged
from tests.commands import strike
from tests.zone_data import FORMER, altered

FORMERLY = altered("2025b", FORMER)
LATER = altered("2099a", FORMER)


@pytest.fixture
async def connection(access: Access) -> AsyncIterator[Connection]:
    made = await access.connect()
    yield made
    await made.close()


async def test_a_new_log_goes_by_the_zone_data_of_the_package(connection: Connection):
    identity = await read_log(connection)
    assert identity.zone_data == packaged().id
    assert identity.calendar == f"Europe/Kyiv@{packaged().id}"
    assert await true_zone_data(connection) == {packaged().id}


async def test_the_latest_release_that_a_machine_brought_holds(access: Access, connection: Connection):
    """A machine that is behind does not take the log back."""
    await keep_zone_data(connection, FORMERLY)
    assert (await read_log(connection)).zone_data == packaged().id
    await keep_zone_data(connection, LATER)
    assert (await read_log(connection)).zone_data == LATER.id
    assert await migrate(access) == []
    assert (await read_log(connection)).zone_data == LATER.id
    assert await true_zone_data(connection) == {packaged().id, LATER.id}


async def test_of_one_release_what_came_last_holds(connection: Connection):
    rebuilt = altered(packaged().release, FORMER)
    await keep_zone_data(connection, rebuilt)
    await keep_zone_data(connection, packaged())
    assert (await read_log(connection)).zone_data == rebuilt.id


async def test_zone_data_that_another_machine_brought_are_known_once_an_event_names_them(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
):
    await keep_zone_data(connection, LATER)
    door = Door(Known(), SystemClock(), (await read_log(connection)).calendar)
    await append(connection, [door.read(orjson.dumps(strike()), recorded_by="another").command])
    kept = {name: data for name, data in zones._learnt.items() if name != LATER.id}
    monkeypatch.setattr(zones, "_learnt", kept)
    assert await connection.fetchval("SELECT occurred_from FROM events") == datetime(2025, 11, 18, 21, tzinfo=UTC)
    [event] = await read_after(connection, 0, 10)
    assert event.envelope is not None
    assert event.envelope.occurred.since == datetime(2025, 11, 18, 21, tzinfo=UTC)
    assert LATER.id in zones._learnt


async def test_what_is_older_than_the_names_is_read_by_the_first_zone_data_of_the_log(connection: Connection):
    """As a log of an older build has it: on every machine the same, whatever release holds by then."""
    door = Door(Known(), SystemClock(), by("Europe/Kyiv", LATER.id))
    commands = [door.read(orjson.dumps(strike()), recorded_by="older").command for _ in range(2)]
    await connection.execute("ALTER TABLE zone_data DISABLE TRIGGER ALL")
    await connection.execute("TRUNCATE zone_data")
    await keep_zone_data(connection, FORMERLY)
    await keep_zone_data(connection, packaged())
    await keep_zone_data(connection, LATER)
    await append(connection, commands)
    await connection.execute("ALTER TABLE events DISABLE TRIGGER ALL")
    await connection.execute(
        'UPDATE events SET meta = regexp_replace(meta, \',"zone_data":"[^"]*"\', \'\') WHERE position = 1'
    )
    older, newer = await read_after(connection, 0, 10)
    assert "zone_data" not in older.meta
    assert (older.zone_data, newer.zone_data) == (FORMERLY.id, LATER.id)
    assert older.envelope is not None
    assert older.envelope.occurred.tz == f"Europe/Kyiv@{FORMERLY.id}"
    by_position = await read_at(connection, [1, 2])
    happened, _ = await read_occurred(
        connection,
        since=datetime.min.replace(tzinfo=UTC),
        after=0,
        until=datetime(2100, 1, 1, tzinfo=UTC),
        upto=2,
        limit=2,
    )
    for road in (by_position, [h.event for h in happened]):
        assert {e.position: e.zone_data for e in road} == {1: FORMERLY.id, 2: LATER.id}


def test_a_row_becomes_an_event_in_one_place():
    """Else it would not be known by which zone data its dates are meant."""
    package = Path(incidentlog.__file__).parent
    made = [
        path.name
        for path in sorted(package.rglob("*.py"))
        for _ in re.findall(r"\bRecorded\(\*", path.read_text("utf-8"))
    ]
    assert made == ["read.py"]


async def test_all_zone_data_of_a_log_are_known_once_it_was_opened(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
):
    """What is derived from older events goes by theirs."""
    await keep_zone_data(connection, LATER)
    monkeypatch.setattr(zones, "_learnt", {})
    assert (await read_log(connection)).zone_data == LATER.id
    assert set(zones._learnt) == {packaged().id, LATER.id}


async def test_zone_data_are_only_added(connection: Connection):
    for change in ("UPDATE zone_data SET release = '2099z'", "DELETE FROM zone_data", "TRUNCATE zone_data"):
        with pytest.raises(Exception, match="append-only"):
            await connection.execute(change)
