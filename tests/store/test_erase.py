"""What may be removed from the log, by whom, and that nothing else may."""

import hashlib
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import asyncpg
import pytest

from incidentlog.store.append import Appended, Duplicate, Erased, append
from incidentlog.store.builds import SUBJECTS, begin_builds, ignorant_builds, rebuild
from incidentlog.store.connect import ROLES, Access, Connection
from incidentlog.store.erase import erase, pending_erasures, with_private
from tests.commands import about, again, command, strike

BODY = "body = NULL, body_salt = NULL, verification = NULL, reported_at = NULL, actors = NULL"
DIGEST = "body_digest = sha256('body'::bytea || '\\x00'::bytea || body_salt || convert_to(body, 'UTF8'))"
ERASE_BODY = f"UPDATE events SET {DIGEST}, {BODY} WHERE position = 1"
ERASE_PRIVATE = "UPDATE event_private SET text = NULL, salt = NULL WHERE position = 1"


class Log:
    """A log with one event that has a private part."""

    def __init__(self, access: Access, admin: Connection) -> None:
        self.access, self.admin = access, admin
        self.event = strike(private={"witness": "Olena K."})
        self.command = command(self.event)

    async def append(self, *commands: Any) -> list[Any]:
        connection = await self.access.connect("appender")
        try:
            return await append(connection, commands)
        finally:
            await connection.close()

    async def ask_to_erase(self, part: str) -> None:
        erasing = command(about("erased", self.event["id"], part=part, ground="asked to"), stream=self.command.stream)
        (outcome,) = await self.append(erasing)
        assert isinstance(outcome, Appended)

    async def row(self, table: str = "events") -> dict[str, Any]:
        row = await self.admin.fetchrow(f"SELECT * FROM {table} WHERE position = 1")
        assert row is not None
        return dict(row)

    async def carry_out(self, access: Access | None = None) -> None:
        connection = await (access or self.access).connect("eraser")
        try:
            for erasure in await pending_erasures(connection):
                await erase(connection, erasure)
            assert await pending_erasures(connection) == []
        finally:
            await connection.close()

    async def refused(self, statement: str, role: Any, *, set_role: str | None = None) -> str:
        """Why the database refuses a statement to a role (None: the superuser); the SQLSTATE."""
        connection = await self.access.connect(role)
        try:
            if set_role is not None:
                await connection.execute(f"SET ROLE {set_role}")
            with pytest.raises(asyncpg.PostgresError) as refusal:
                await connection.execute(statement)
        finally:
            await connection.close()
        return str(refusal.value.sqlstate)


@pytest.fixture
async def log(access: Access) -> AsyncIterator[Log]:
    connection = await access.connect()
    try:
        made = Log(access, connection)
        await made.append(made.command)
        yield made
    finally:
        await connection.close()


async def test_an_erased_body_leaves_its_digest_and_what_the_server_added(log: Log):
    before = await log.row()
    await log.ask_to_erase("body")
    await log.carry_out()
    after = await log.row()
    digest = hashlib.sha256(b"body\0" + before["body_salt"] + before["body"].encode()).digest()
    gone = dict.fromkeys(("body", "body_salt", "verification", "reported_at", "actors"))
    assert after == {**before, **gone, "body_digest": digest}
    assert (await log.row("event_private"))["text"] is not None  # erasing one keeps the other


async def test_an_erased_private_part_leaves_its_digest_and_the_body(log: Log):
    before, hidden = await log.row(), await log.row("event_private")
    await log.ask_to_erase("private")
    await log.carry_out()
    assert await log.row() == before
    assert await log.row("event_private") == {**hidden, "text": None, "salt": None}
    assert hidden["digest"] == hashlib.sha256(b"private\0" + hidden["salt"] + hidden["text"].encode()).digest()


@pytest.mark.parametrize("statement", [ERASE_BODY, ERASE_PRIVATE])
async def test_nobody_but_the_eraser_erases(log: Log, statement: str):
    await log.ask_to_erase("body")
    await log.ask_to_erase("private")
    for role in ROLES:
        if role != "eraser":
            assert await log.refused(statement, role) == "42501", role
    assert await log.refused(statement, None) == "IL001"
    assert await log.refused(statement, None, set_role="incidentlog_owner") == "IL001"
    assert await log.refused(f"SET session_replication_role = replica; {statement}", None) == "IL001"
    connection = await log.access.connect("eraser")
    await connection.execute(statement)
    await connection.close()


@pytest.mark.parametrize("statement", [ERASE_BODY, ERASE_PRIVATE])
async def test_the_eraser_erases_only_what_the_log_names(log: Log, statement: str):
    other = strike(private={"witness": "another"})
    stranger = command(other)
    await log.append(stranger)
    part = "private" if statement == ERASE_BODY else "body"
    await log.ask_to_erase(part)  # the other part of this event
    both = [
        command(about("erased", other["id"], part=p, ground="-"), stream=stranger.stream) for p in ("body", "private")
    ]
    await log.append(*both)  # and both of another event
    assert await log.refused(statement, "eraser") == "IL001"


async def test_a_table_of_the_erasers_own_that_names_the_event_is_not_believed(log: Log):
    said = f'{{"data":{{"part":"body","target":"{log.event["id"]}"}}}}'
    connection = await log.access.connect("eraser")
    await connection.execute("CREATE TEMP TABLE events AS SELECT * FROM incidentlog.events")
    await connection.execute("UPDATE events SET type = 'record.erased', body = $1", said)
    with pytest.raises(asyncpg.PostgresError) as refusal:
        await connection.execute(ERASE_BODY.replace("UPDATE events", "UPDATE incidentlog.events"))
    await connection.close()
    assert refusal.value.sqlstate == "IL001"


async def test_an_erasure_is_not_carried_out_before_it_is_committed(log: Log):
    connection = await log.access.connect()
    erasing = command(about("erased", log.event["id"], part="body", ground="-"), stream=log.command.stream)
    with pytest.raises(asyncpg.PostgresError) as refusal:  # noqa: PT012 - one transaction
        async with connection.transaction():
            await append(connection, [erasing])
            await connection.execute("SET LOCAL ROLE incidentlog_eraser")
            await connection.execute(ERASE_BODY)
    assert refusal.value.sqlstate == "IL001"
    await connection.close()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE events SET body = NULL WHERE position = 1",
        f"UPDATE events SET {BODY}, body_digest = sha256('x') WHERE position = 1",
        "UPDATE events SET body = body WHERE position = 1",
        "UPDATE events SET body = '{}' WHERE position = 1",
        "UPDATE events SET tlp = 0 WHERE position = 1",
        "UPDATE events SET meta = '{}' WHERE position = 1",
        "UPDATE event_private SET text = '{}' WHERE position = 1",
        "UPDATE event_private SET digest = sha256('x') WHERE position = 1",
        "DELETE FROM events WHERE position = 1",
        "DELETE FROM event_private WHERE position = 1",
        "TRUNCATE event_private",
    ],
)
async def test_the_eraser_does_nothing_else(log: Log, statement: str):
    await log.ask_to_erase("body")
    await log.ask_to_erase("private")
    assert await log.refused(statement, "eraser") in {"IL001", "42501"}
    # Nor does the superuser in its name, whom no grant stops.
    assert (
        await log.refused(
            f"GRANT ALL ON events, event_private TO incidentlog_eraser; SET ROLE incidentlog_eraser; {statement}", None
        )
        == "IL001"
    )


async def test_what_is_erased_is_not_written_again(log: Log):
    await log.ask_to_erase("body")
    await log.carry_out()
    restore = "UPDATE events SET body = '{}', body_salt = sha256('x'), verification = 'unverified', actors = '{}', body_digest = NULL WHERE position = 1"
    assert await log.refused(restore, "eraser") == "IL001"


@pytest.mark.parametrize("part", ["body", "private"])
async def test_an_erased_event_is_not_taken_in_again(log: Log, part: str):
    (same,) = await log.append(again(log.command))
    assert isinstance(same, Duplicate)
    await log.ask_to_erase(part)
    await log.carry_out()
    without = replace(again(log.command), private=None)
    assert await log.append(again(log.command)) == [Erased(1)]
    assert await log.append(without) == [Erased(1)]


async def test_what_is_being_built_from_an_erased_body_is_begun_anew_and_only_once(log: Log):
    connection = await log.access.connect("runner")
    await begin_builds(connection)
    before = {b.build for b in await rebuild(connection, [SUBJECTS])}
    assert before == {b.build for b in await rebuild(connection, [SUBJECTS])}
    await log.ask_to_erase("body")
    await log.carry_out()
    assert before == await ignorant_builds(connection, "building")
    after = {b.build for b in await rebuild(connection, [SUBJECTS])}
    assert not before & after
    # A second node, or the same one again, finds them under way.
    assert after == {b.build for b in await rebuild(connection, [SUBJECTS])}
    assert await ignorant_builds(connection, "building") == set()
    await connection.close()


async def test_one_login_for_all_roles_erases_too(log: Log):
    await log.ask_to_erase("body")
    await log.carry_out(Access(admin=log.access.admin))
    assert (await log.row())["body"] is None


async def test_an_id_written_as_a_urn_is_the_same_id(log: Log):
    data = {"target": f"urn:uuid:{log.event['id'].upper()}", "part": "body", "ground": "asked to"}
    event = {"type": "record.erased", "data": data}
    await log.append(command(event, stream=log.command.stream))
    await log.carry_out()
    assert (await log.row())["body"] is None


async def test_readers_see_that_there_is_a_private_part_and_not_what_it_is(log: Log):
    connection = await log.access.connect("reader")
    assert await with_private(connection, [1, 2]) == {1}
    for column in ("text", "salt", "*"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.fetch(f"SELECT {column} FROM event_private")
    await connection.close()


async def test_statistics_keep_no_sample_of_the_texts(log: Log):
    await log.append(*(command(strike(private={"witness": f"number {n}"})) for n in range(200)))
    await log.admin.execute("ANALYZE events, event_private")
    told = await log.admin.fetch("SELECT attname FROM pg_stats WHERE tablename IN ('events', 'event_private')")
    assert {"stream", "position"} <= {r["attname"] for r in told}
    assert not {"body", "text"} & {r["attname"] for r in told}
