"""Replay: what is served is what the log gives, and an edit of it is found, wherever it was made."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from incidentlog.projections import PROJECTIONS
from incidentlog.runner import lane as lane_module
from incidentlog.runner.portion import Portion
from incidentlog.runner.replay import ReplayError, _fold, replay
from incidentlog.store import derive
from incidentlog.store import snapshots as snapshots_module
from incidentlog.store.builds import SUBJECTS, active_builds
from incidentlog.store.connect import Access, Connection
from incidentlog.store.replay_check import Side, compare, make_scratch
from tests.audit.coverage import change, tables_of
from tests.commands import about, retraction, strike
from tests.ledgers import edit_segments, first_amount
from tests.nasty import assessed
from tests.runner.driving import KYIV, Log, caught_up, following, log_at
from tests.subjects.given import timeline


@pytest.fixture
async def log(access: Access, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Log]:
    """The timeline, with a correction and a merge, and all that is derived from it, snapshots among it."""
    for module in (snapshots_module, lane_module):
        monkeypatch.setattr(module, "EVERY", 32)
    async with log_at(access) as made:
        first, second = strike(stream="strike:a", killed=3), strike(stream="strike:b", killed=2)
        merge = {
            "type": "record.merged",
            "stream": "strike:a",
            "data": {"survivor": "strike:a", "absorbed": ["strike:b"], "reason": "one"},
        }
        await made.add(*timeline(), first, second)
        await made.add(merge, about("amended", first["id"], patch={"data": {"target_class": "port"}}, reason="a port"))
        await made.add(retraction(second["id"]))
        async with following(made) as runner:
            await caught_up(made, runner)
            async with asyncio.timeout(60):
                while not await made.connection.fetchval("SELECT count(*) FROM snapshots WHERE position = 96"):
                    await asyncio.sleep(0.02)
        yield made


async def nothing_is_left(log: Log) -> None:
    """The scratch tables go with their session, which takes its leave in its own time; at most 60 s."""
    left = "SELECT count(*) FROM pg_class WHERE relnamespace::regnamespace::text LIKE 'pg_temp%'"
    async with asyncio.timeout(60):
        while await log.connection.fetchval(left):
            await asyncio.sleep(0.05)


async def test_what_is_served_is_what_the_log_gives(log: Log):
    head = await log.head()
    told: list[tuple[int, int]] = []
    replayed = await replay(log.access, progress=lambda done, goal: told.append((done, goal)))
    assert replayed.position == head
    assert [c.name for c in replayed.compared if not c.same] == []
    assert all(c.served == c.replayed for c in replayed.compared)
    assert sum(c.rows for c in replayed.compared) > 200
    assert told[-1] == (head, head)
    await nothing_is_left(log)


@pytest.mark.parametrize("back", [1, 2, 3, 50])
async def test_so_it_was_at_every_position_before(log: Log, back: int):
    replayed = await replay(log.access, to=await log.head() - back)
    assert replayed.same


EDITS = {
    "subjects": "UPDATE subjects SET restated = NOT restated WHERE stream = 'strike:a' AND to_position IS NULL",
    "names": "UPDATE names SET name = 'Odessa' WHERE value = 'geonames:698740'",
    "documents": "UPDATE documents SET restated = NOT restated WHERE from_position = (SELECT max(from_position) FROM documents)",
    "snapshots": "UPDATE snapshots SET after = after + 1 WHERE position = 64",
    "segments": "UPDATE segments SET latest = latest + interval '1 s' WHERE last_position = (SELECT max(last_position) FROM segments)",
    "parked": "INSERT INTO parked SELECT build, 'strike:a', 1, NULL, 0, 'none' FROM builds "
    "WHERE projection = 'strike_profile' AND state = 'active'",
    "document_members": "DELETE FROM document_members WHERE from_position = (SELECT max(from_position) FROM document_members)",
}


@pytest.mark.parametrize("table", EDITS)
async def test_an_edit_of_a_derived_table_is_found_and_its_first_row_named(log: Log, table: str):
    changed = f"SELECT md5(string_agg(t::text, ',' ORDER BY t::text)) FROM {table} t"
    before = await log.connection.fetchval(changed)
    await log.connection.execute(EDITS[table])
    assert await log.connection.fetchval(changed) != before
    replayed = await replay(log.access)
    assert not replayed.same
    different = [c for c in replayed.compared if not c.same]
    assert {c.difference.table for c in different if c.difference is not None} == {table}
    assert all(c.served != c.replayed for c in different)
    await nothing_is_left(log)


@pytest.mark.parametrize("found_by", ["latest", "earliest", "first_day", "last_day"])
async def test_a_segment_that_would_not_be_found_is_named_and_one_that_is_always_read_is_not(log: Log, found_by: str):
    moved = "+ 1" if found_by.endswith("day") else "+ interval '1 s'"
    one = "uid = (SELECT uid FROM segments WHERE first_day IS NOT NULL ORDER BY last_position DESC, build LIMIT 1)"
    await log.connection.execute(f"UPDATE segments SET {found_by} = {found_by} {moved} WHERE {one}")
    found = [c.difference for c in (await replay(log.access)).compared if c.difference is not None]
    assert [difference.table for difference in found] == ["segments"]
    await log.connection.execute(f"UPDATE segments SET {found_by} = {found_by} {moved.replace('+', '-')} WHERE {one}")
    await log.connection.execute("UPDATE segments SET earliest = NULL, first_day = NULL, last_day = NULL")
    assert (await replay(log.access)).same


@pytest.mark.parametrize("table", ["segments", "snapshots"])
async def test_an_edit_of_a_packed_line_is_found_and_named(log: Log, table: str):
    if table == "segments":
        last = "last_position = (SELECT max(last_position) FROM segments)"
        assert await edit_segments(log.connection, first_amount(lambda n: n + 1), last) > 0
    else:
        await log.connection.execute(
            "UPDATE snapshots s SET body = o.body FROM snapshots o"
            " WHERE (s.build, s.rollup, s.position) = (o.build, o.rollup, 64) AND o.position = 32"
        )
    replayed = await replay(log.access)
    assert {c.difference.table for c in replayed.compared if c.difference is not None} == {table}


@pytest.mark.parametrize(
    "edit",
    [
        "body = '{}' WHERE body IS NULL AND stream = 'strike:a'",
        "body = replace(body, 'strike:a', 'strike:b') WHERE body LIKE '{\"into\":%'",
        "body = NULL WHERE body IS NOT NULL",
        "from_position = from_position + 1 WHERE stream = 'strike:a' AND to_position IS NULL",
        "level = level + 1 WHERE stream = 'strike:a' AND to_position IS NULL",
        "to_position = to_position + 1 WHERE stream = 'strike:a' AND to_position IS NOT NULL",
    ],
)
async def test_an_edit_of_a_version_is_found_whether_it_has_a_text_or_is_folded(log: Log, edit: str):
    assert await log.connection.execute(f"UPDATE subjects SET {edit}") != "UPDATE 0"
    replayed = await replay(log.access, projection="strike_profile")
    (found,) = [c.difference for c in replayed.compared if c.difference is not None]
    assert found.table == "subjects"


# ------------------------------------------------------------------------------------------- through docs/coverage.md

COLUMNS = [(table, column) for table, columns in tables_of("replay").items() for column in columns]
Harm = Callable[[Connection], Awaitable[Any]]


@asynccontextmanager
async def compared(log: Log) -> AsyncIterator[Callable[[Harm | None], Awaitable[set[str]]]]:
    """The log folded again, once. What is done to what is served is then compared with it, and undone."""
    scratch, head = await log.access.connect("runner", session=True), await log.head()
    try:
        served = await active_builds(log.connection)
        await make_scratch(scratch)
        ours = await _fold(scratch, list(PROJECTIONS), head, KYIV, Portion(1_000), lambda _done, _all: None)
        parked = "INSERT INTO parked VALUES ($1, 'strike:a', 7, NULL, 0, 'none', NULL, NULL)"
        await log.connection.execute(parked, served["strike_profile"].build)
        await scratch.execute(parked, ours["strike_profile"].build)

        async def differs(harm: Harm | None) -> set[str]:
            """The tables in which a difference is found after harm was done; `damaged` where one cannot be read."""
            found = set[str]()
            transactions = log.connection.transaction(), scratch.transaction()
            for transaction in transactions:
                await transaction.start()
            try:
                if harm is not None:
                    await harm(log.connection)
                for name in (SUBJECTS, *PROJECTIONS):
                    sides = Side(log.connection, served[name].build), Side(scratch, ours[name].build)
                    if (difference := (await compare(name, *sides, head)).difference) is not None:
                        found.add(difference.table)
                        break
            except ValueError:  # a ledger's lines with a wrong checksum
                found.add("damaged")
            except asyncpg.IntegrityConstraintViolationError:
                found.add("refused")  # by the schema, which verify holds to the migrations
            finally:
                for transaction in transactions:
                    await transaction.rollback()
            return found

        yield differs
    finally:
        scratch.terminate()


async def test_a_change_of_any_column_that_replay_covers_is_found(log: Log):
    """Of each in one row. A stream's versions rest on one another, and a member has left its document."""
    async with following(log) as runner:
        await log.add(strike(stream="strike:long"), *(assessed("strike:long", n) for n in range(20)))
        said = strike(
            type="statement.made", stream="statement:a", data={"speaker": "UKR", "topic": "a", "stance": "hope"}
        )
        del said["place"]
        await log.add(said)
        await log.add(about("amended", said["id"], patch={"data": {"topic": "b"}}, reason="on another topic"))
        await caught_up(log, runner)

    def changing(table: str, column: str) -> Harm:
        async def harm(connection: Connection) -> None:
            assert await connection.fetchval(change(table, column)) == 1, (table, column)

        return harm

    async with compared(log) as differs:
        assert await differs(None) == set()
        found = {each: await differs(changing(*each)) for each in COLUMNS}
    assert {each: told for each, told in found.items() if not told & {each[0], "damaged", "refused"}} == {}
    refused = {each for each, told in found.items() if "refused" in told}
    assert refused <= {("subjects", "rests_on"), ("subjects", "lists")}


IN_WAIT = [
    ("subjects", "UPDATE subjects SET to_position = $1 WHERE stream = 'strike:a' AND to_position IS NULL"),
    (
        "subjects",
        """INSERT INTO subjects (build, stream, level, from_position, restated, body)
        SELECT DISTINCT build, stream, level, $1::bigint, false, '{}' FROM subjects WHERE stream = 'strike:b'""",
    ),
    (
        "documents",
        """UPDATE documents SET to_position = $1 WHERE to_position IS NULL
        AND key = (SELECT min(key) FROM documents WHERE to_position IS NULL)""",
    ),
    (
        "document_members",
        """UPDATE document_members SET to_position = $1 WHERE to_position IS NULL
        AND stream = (SELECT min(stream) FROM document_members WHERE to_position IS NULL)""",
    ),
    (
        "parked",
        """INSERT INTO parked SELECT build, 'strike:a', $1::bigint, NULL, 0, 'none' FROM builds
        WHERE projection = 'city_incidents' AND state = 'active'""",
    ),
    (
        "names",
        """INSERT INTO names SELECT build, dimension, value, level + 1, $1::bigint, 'Odessa' FROM names
        WHERE value = 'geonames:698740'""",
    ),
    (
        "segments",
        """INSERT INTO segments SELECT build, $1::bigint, $1::bigint, latest, merged, gen_random_uuid(), body, first_day, last_day, earliest
        FROM segments WHERE last_position = (SELECT max(last_position) FROM segments)""",
    ),
    (
        "snapshots",
        """INSERT INTO snapshots (build, rollup, after, position, counted_by, body)
        SELECT build, rollup, after, $1::bigint, counted_by, body FROM snapshots WHERE position = 32""",
    ),
]
"""What takes effect with an event that is still to come: the table, and what is done to it, $1 being that event's place."""


async def test_what_lies_in_wait_for_the_next_event_is_found_before_that_comes(log: Log):
    head = await log.head()
    assert {table for table, _ in IN_WAIT} == set(tables_of("replay"))

    def lying(statement: str) -> Harm:
        async def harm(connection: Connection) -> None:
            assert (await connection.execute(statement, head + 1)).split()[-1] != "0", statement

        return harm

    async with compared(log) as differs:
        found = [(table, await differs(lying(statement))) for table, statement in IN_WAIT]
    assert [(table, told) for table, told in found if told != {table}] == []


async def test_a_row_that_is_there_too_many_or_missing_is_named_by_its_key(log: Log):
    first = "(build, last_position) = (SELECT build, last_position FROM segments ORDER BY last_position, build LIMIT 1)"
    assert await edit_segments(log.connection, lambda lines: [*lines, lines[-1]], first) == 1
    (found,) = [c.difference for c in (await replay(log.access)).compared if c.difference is not None]
    assert (found.table, found.replayed) == ("segments", None)
    assert found.served is not None
    await edit_segments(log.connection, lambda lines: lines[:-1], first)
    await log.connection.execute("DELETE FROM subjects WHERE stream = 'strike:b'")
    (found,) = [
        c.difference
        for c in (await replay(log.access, projection="strike_profile")).compared
        if c.difference is not None
    ]
    assert (found.table, found.key[0], found.served) == ("subjects", "strike:b", None)


async def test_one_projection_alone_with_those_that_its_rows_are_made_of(log: Log):
    replayed = await replay(log.access, projection="ceasefire_status")
    assert [c.name for c in replayed.compared] == [
        "subjects",
        "violations",
        "violation_sheets",
        "policies",
        "ceasefire_status",
    ]
    assert replayed.same


async def test_what_the_projections_have_not_reached_is_not_compared(log: Log):
    head = await log.head()
    with pytest.raises(ReplayError, match=f"at position {head}, not {head + 1}"):
        await replay(log.access, to=head + 1)


async def test_a_replay_that_loses_its_connection_begins_again(log: Log, monkeypatch: pytest.MonkeyPatch):
    """Its tables are gone with the connection."""
    head = await log.head()
    original, cut = derive._write_documents, []

    async def once_cut(connection: Any, *args: Any) -> Any:
        if not cut:
            cut.append(True)
            await log.connection.execute("SELECT pg_terminate_backend($1, 5000)", connection.get_server_pid())
        return await original(connection, *args)

    monkeypatch.setattr(derive, "_write_documents", once_cut)
    replayed = await replay(log.access)
    assert cut
    assert replayed.same
    assert replayed.position == head
