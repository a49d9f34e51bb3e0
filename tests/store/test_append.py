import asyncio
import hashlib
from itertools import pairwise

import asyncpg
import orjson
import pytest

from incidentlog.store.append import (
    Appended,
    Duplicate,
    Full,
    IdConflict,
    Unwritten,
    VersionConflict,
    append,
)
from incidentlog.store.connect import Access, Connection
from incidentlog.store.read import position_at, read_after, read_head
from tests.commands import again, command, strike


@pytest.fixture
async def appender(access: Access):
    connection = await access.connect("appender")
    yield connection
    await connection.close()


async def test_positions_count_from_one_without_a_gap(appender: Connection):
    first = await append(appender, [command() for _ in range(3)])
    second = await append(appender, [command() for _ in range(2)])
    assert [o.position for o in (*first, *second)] == [1, 2, 3, 4, 5]
    assert (await read_head(appender)).position == 5


async def test_a_loser_burns_no_position_and_harms_no_neighbour(appender: Connection):
    await append(appender, [command(stream="strike:a")])
    outcomes = await append(
        appender, [command(stream="strike:b"), command(stream="strike:a", expected=7), command(stream="strike:c")]
    )
    assert outcomes[1] == VersionConflict(1)
    assert [o.position for o in outcomes if isinstance(o, Appended)] == [2, 3]


async def test_one_bad_command_among_a_hundred_fails_alone(appender: Connection):
    await append(appender, [taken := command()])
    batch = [command() for _ in range(99)]
    batch.insert(50, again(taken, body='{"other":1}'))
    outcomes = await append(appender, batch)
    assert outcomes[50] == IdConflict(1)
    assert [o.position for n, o in enumerate(outcomes) if n != 50] == list(range(2, 101))


async def test_the_same_id_with_the_same_content_gets_its_original_place(appender: Connection):
    (original,) = await append(appender, [c := command(stream="strike:a")])
    await append(appender, [command(stream="strike:a")])
    (repeated,) = await append(appender, [again(c)])
    assert repeated == Duplicate(original.position, original.stream_version, original.recorded_at)


async def test_an_id_already_there_is_judged_before_its_version(appender: Connection):
    await append(appender, [c := command(stream="strike:a", expected=0)])
    assert isinstance((await append(appender, [again(c)]))[0], Duplicate)


async def test_the_same_content_with_another_private_part_conflicts(appender: Connection):
    await append(appender, [c := command(strike(private={"victims": ["A"]}))])
    assert await append(appender, [again(c, private='{"victims":["B"]}')]) == [IdConflict(1)]
    assert isinstance((await append(appender, [again(c)]))[0], Duplicate)


async def test_expected_version_zero_asks_for_a_new_stream(appender: Connection):
    assert isinstance((await append(appender, [command(stream="strike:a", expected=0)]))[0], Appended)
    assert await append(appender, [command(stream="strike:a", expected=0)]) == [VersionConflict(1)]


async def test_a_stream_takes_ten_thousand_events(appender: Connection):
    outcomes = await append(appender, [command(stream="strike:long") for _ in range(10_001)])
    assert outcomes[9_999].stream_version == 10_000
    assert isinstance(outcomes[10_000], Full)


async def test_atomic_writes_all_or_nothing(appender: Connection):
    await append(appender, [command(stream="strike:a")])
    batch = [command(), command(stream="strike:a", expected=9), command()]
    assert await append(appender, batch, atomic=True) == [Unwritten(), VersionConflict(1), Unwritten()]
    assert (await read_head(appender)).position == 1
    batch = [command(stream="strike:a", expected=1), command(stream="strike:a"), command(stream="strike:a")]
    assert [o.stream_version for o in await append(appender, batch, atomic=True)] == [2, 3, 4]


async def test_an_append_that_writes_nothing_makes_no_commit(appender: Connection):
    await append(appender, [c := command()])
    await append(appender, [again(c)])
    assert await appender.fetchval("SELECT count(*) FROM commits") == 1


async def test_the_same_expected_version_raced_has_one_winner(access: Access):
    connections = [await access.connect("appender") for _ in range(20)]
    commands = [command(stream="strike:raced", expected=0) for _ in connections]
    outcomes = await asyncio.gather(
        *(append(connection, [c]) for connection, c in zip(connections, commands, strict=True))
    )
    assert sum(isinstance(o[0], Appended) for o in outcomes) == 1
    assert sum(isinstance(o[0], VersionConflict) for o in outcomes) == 19
    for connection in connections:
        await connection.close()


async def test_the_same_id_raced_is_appended_once(access: Access):
    connections = [await access.connect("appender") for _ in range(20)]
    c = command()
    outcomes = await asyncio.gather(*(append(connection, [again(c)]) for connection in connections))
    assert sum(isinstance(o[0], Appended) for o in outcomes) == 1
    assert {o[0].position for o in outcomes} == {1}
    for connection in connections:
        await connection.close()


async def test_fifty_writers_and_a_tailing_reader_that_asserts_density(access: Access):
    """P1: positions are dense and in commit order, so whoever reads after a position misses nothing."""
    each, writers = 20, 50
    reader = await access.connect("reader")

    async def write() -> None:
        connection = await access.connect("appender")
        for _ in range(each):
            await append(connection, [command(), command()])
        await connection.close()

    async def tail() -> int:
        position = 0
        async with asyncio.timeout(60):
            while position < 2 * each * writers:
                for event in await read_after(reader, position, 1_000):
                    assert event.position == position + 1
                    position = event.position
        return position

    done = await asyncio.gather(tail(), *(write() for _ in range(writers)))
    assert done[0] == 2 * each * writers
    await reader.close()


async def test_an_idle_writing_transaction_elsewhere_does_not_stall_readers(access: Access, appender: Connection):
    idle = await access.connect()
    await idle.execute("BEGIN")
    await idle.execute("CREATE TABLE elsewhere (n int)")
    await idle.execute("INSERT INTO elsewhere VALUES (1)")
    await append(appender, [command()])
    reader = await access.connect("reader")
    assert [e.position for e in await read_after(reader, 0, 10)] == [1]
    await idle.close()
    await reader.close()


async def test_recorded_at_strictly_rises_so_an_instant_means_one_position(appender: Connection):
    times = [(await append(appender, [command()]))[0].recorded_at for _ in range(50)]
    assert all(a < b for a, b in pairwise(times))
    for position, recorded_at in enumerate(times, start=1):
        assert await position_at(appender, recorded_at) == position
    assert await position_at(appender, times[0].replace(year=2000)) == 0


async def test_what_is_stored_is_what_was_sent_and_its_columns_only_index_it(appender: Connection, access: Access):
    c = command(strike(private={"victims": ["Name"]}), stream="strike:a")
    (done,) = await append(appender, [c])
    admin = await access.connect()
    row = await admin.fetchrow("SELECT * FROM events")
    assert row["body"] == c.body
    assert "Name" not in row["body"] + row["meta"]
    meta = orjson.loads(row["meta"])
    assert row["meta"] == orjson.dumps(meta, option=orjson.OPT_SORT_KEYS).decode()
    assert meta["stream_version"] == row["stream_version"] == done.stream_version
    assert (meta["event_id"], meta["stream"], meta["recorded_by"]) == (str(c.event_id), "strike:a", "tester")
    assert meta["place"]["place_id"] == row["place_id"] == "geonames:698740"
    assert row["body_salt"] != row["meta_salt"]
    private = await admin.fetchrow("SELECT * FROM event_private")
    said = hashlib.sha256(b"private\0" + private["salt"] + private["text"].encode()).digest()
    assert private["digest"] == said
    await admin.close()


async def test_text_that_does_not_fit_is_refused_and_nothing_is_written(appender: Connection):
    good, bad = command(), command()
    bad.body = "\0"
    with pytest.raises(asyncpg.PostgresError):
        await append(appender, [good, bad])
    assert (await read_head(appender)).position == 0
