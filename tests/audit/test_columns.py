"""What columns may say of an event that does not say by which zone data it was meant, from before that was kept."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import orjson
import pytest

from incidentlog.audit.columns import false_columns
from incidentlog.audit.verify import verify_log
from incidentlog.clock import SystemClock
from incidentlog.door import Door, Known
from incidentlog.store.append import append
from incidentlog.store.connect import Access, Connection
from incidentlog.store.parts import Row, read_rows
from incidentlog.store.zones import keep_zone_data
from incidentlog.zones import by
from tests.commands import command, strike
from tests.zone_data import FORMER, altered

HOURS = timedelta(hours=1)


@pytest.fixture
async def connection(access: Access) -> AsyncIterator[Connection]:
    made = await access.connect()
    yield made
    await made.close()


async def row_of(connection: Connection, **occurred: str) -> Row:
    when = {"start": "2025-11-19", "precision": "day", "tz": "Europe/Kyiv", **occurred}
    await append(connection, [command(strike(occurred=when))])
    return (await read_rows(connection, 0, 1, 1))[0]


def former(row: Row, **occurred: Any) -> Row:
    """The row as an older build would have made it."""
    meta = orjson.loads(row.meta)
    del meta["zone_data"]
    meta["occurred"] |= occurred
    body = orjson.loads(row.body or "")
    body["occurred"] |= occurred
    return replace(row, meta=orjson.dumps(meta).decode(), body=orjson.dumps(body).decode())


async def test_the_columns_of_an_event_that_names_its_zone_data_say_exactly_what_it_meant(connection: Connection):
    row = await row_of(connection)
    assert [*false_columns(row)] == []
    assert [*false_columns(replace(row, occurred_from=row.occurred_from - HOURS))] == ["occurred_from"]


async def test_an_older_event_keeps_what_its_columns_say_that_it_meant(connection: Connection):
    row = former(await row_of(connection))
    meant = replace(
        row,
        occurred_from=row.occurred_from - HOURS,
        occurred_until=row.occurred_until - HOURS,
        reported_at=row.reported_at and row.reported_at - HOURS,
    )
    assert [*false_columns(row)] == []
    assert [*false_columns(meant)] == []
    assert [*false_columns(replace(meant, country="PL"))] == ["country"]
    assert [*false_columns(replace(meant, occurred_from=row.occurred_from - 27 * HOURS))] == ["occurred_from"]
    assert [*false_columns(replace(meant, reported_at=None))] == ["reported_at"]


@pytest.mark.parametrize("tz", ["localtime", "Factory"])
async def test_an_older_event_in_a_zone_of_its_machines_is_no_tampering(connection: Connection, tz: str):
    row = former(await row_of(connection), tz=tz)
    assert [*false_columns(row)] == []
    assert [*false_columns(replace(row, country="PL"))] == ["country"]


async def test_an_event_that_was_appended_under_other_rules_is_verified_under_ours(connection: Connection):
    """Kyiv is an hour ahead by the rules of the one, and not by those of the other: both satisfy what they were."""
    data = altered("2099a", FORMER)
    await append(connection, [command()])
    await keep_zone_data(connection, data)
    door = Door(Known(), SystemClock(), by("Europe/Kyiv", data.id))
    await append(connection, [door.read(orjson.dumps(strike()), recorded_by="tester").command])
    one, other = await read_rows(connection, 0, 2, 2)
    assert one.occurred_from - other.occurred_from == HOURS
    assert (await verify_log(connection)).findings == []
