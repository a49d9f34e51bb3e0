"""The runner: whatever interrupts it, every event counts once."""

import asyncio
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest

from incidentlog.runner import Runner, Wakeup
from incidentlog.runner import lane as lane_module
from incidentlog.runner import leases as leases_module
from incidentlog.runner import runner as runner_module
from incidentlog.store import connect, derive
from incidentlog.store.connect import Access, lost
from tests.api.serving import Served, serving
from tests.commands import retraction, strike
from tests.runner.driving import (
    Log,
    caught_up,
    check,
    copies_held_up,
    copying,
    cut_while_copying,
    following,
    log_at,
    strikes,
)
from tests.subjects.given import day, event, merge, retract

AT = [datetime(2026, 1, 1, tzinfo=UTC)]


@pytest.fixture
async def log(access: Access):
    async with log_at(access) as made:
        yield made


async def incidents(log: Log) -> int:
    rows = await log.rows("city_incidents", AT[0], await log.head())
    return sum(row["incidents"] for row in rows.values())


async def test_it_catches_up_and_then_follows(log: Log):
    await log.add(*(strike() for _ in range(5)))
    async with following(log) as runner:
        assert await caught_up(log, runner) == 5
        await log.add(strike())
        assert await caught_up(log, runner) == 6
    assert await incidents(log) == 6
    await check(log, ats=AT)


async def test_it_looks_without_being_woken(log: Log, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(runner_module, "POLL_SECONDS", 0.05)
    async with following(log) as runner:
        await caught_up(log, runner)
        log.grown, deaf = Wakeup(), log.grown
        await log.add(strike())
        assert await caught_up(log, runner) == 1
    assert deaf is not log.grown


async def test_a_wake_up_while_it_reads_is_not_missed(log: Log, monkeypatch: pytest.MonkeyPatch):
    """What lands between the read and the wait is seen at once: the poll is set to never."""
    monkeypatch.setattr(runner_module, "POLL_SECONDS", 60.0)
    read_batch, landed = lane_module.read_batch, []

    async def and_then_something_lands(*args: Any) -> Any:
        batch = await read_batch(*args)
        if not landed:
            landed.append(await log.add(strike()))
        return batch

    monkeypatch.setattr(lane_module, "read_batch", and_then_something_lands)
    async with following(log) as runner:
        assert await runner.reached(1, 30)


async def always(_: Any, works: Iterable[str], *__: Any) -> set[str]:
    """All that is asked for."""
    return set(works)


async def nobody(*_: Any) -> dict[str, Any]:
    """No other has any work."""
    return {}


async def test_two_runners_forced_on_one_log_count_everything_once(log: Log, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(leases_module, "lease", always)
    monkeypatch.setattr(leases_module, "leased", nobody)
    monkeypatch.setattr(runner_module, "PAGE", 7)
    monkeypatch.setattr(runner_module, "POLL_SECONDS", 0.02)
    async with following(log) as one, following(log) as other:
        for _ in range(20):
            await log.add(*(strike() for _ in range(5)))
        assert await caught_up(log, one) == 100
        assert await caught_up(log, other) == 100
    assert await incidents(log) == 100
    await check(log, ats=AT)


async def test_a_runner_whose_batch_another_took_writes_nothing_of_it(log: Log, monkeypatch: pytest.MonkeyPatch):
    write_batch, held, go_on = lane_module.write_batch, asyncio.Event(), asyncio.Event()

    async def write_late(*args: Any) -> Any:
        if not held.is_set():
            held.set()
            await go_on.wait()
        return await write_batch(*args)

    monkeypatch.setattr(lane_module, "write_batch", write_late)
    monkeypatch.setattr(leases_module, "lease", always)
    monkeypatch.setattr(leases_module, "leased", nobody)
    await log.add(strike(), strike())
    async with following(log) as slow:
        await held.wait()
        async with following(log) as quick:
            await caught_up(log, quick)
            await log.add(strike())
            await caught_up(log, quick)
        go_on.set()
        await caught_up(log, slow)
        assert slow.failure is None or "Superseded" in slow.failure
    assert await incidents(log) == 3
    await check(log, ats=AT)


def at_start(log: Log, monkeypatch: pytest.MonkeyPatch, end: Callable[..., Any]) -> None:
    """Before the transaction."""
    _once_before(monkeypatch, lane_module, "write_batch", end)


def after_the_names(log: Log, monkeypatch: pytest.MonkeyPatch, end: Callable[..., Any]) -> None:
    """Within it, when the first of it is written."""
    _once_before(monkeypatch, derive, "_write_documents", end)


def before_the_end(log: Log, monkeypatch: pytest.MonkeyPatch, end: Callable[..., Any]) -> None:
    """Within it, when all is written but subjects, ledgers and the checkpoint."""
    _once_before(monkeypatch, derive, "_write_parked", end)


def _once_before(monkeypatch: pytest.MonkeyPatch, module: Any, name: str, end: Callable[..., Any]) -> None:
    original, done = getattr(module, name), []

    async def interrupted(connection: Any, *args: Any) -> Any:
        if not done:
            done.append(True)
            await end(connection)
        return await original(connection, *args)

    monkeypatch.setattr(module, name, interrupted)


def after_the_commit(log: Log, monkeypatch: pytest.MonkeyPatch, end: Callable[..., Any]) -> None:
    """When all is committed and the runner does not know it."""
    write_batch, done = lane_module.write_batch, []

    async def interrupted(connection: Any, *args: Any) -> Any:
        answer = await write_batch(connection, *args)
        if not done:
            done.append(True)
            await end(connection)
            await connection.execute("SELECT 1")
        return answer

    monkeypatch.setattr(lane_module, "write_batch", interrupted)


async def terminated(connection: Any) -> None:
    """The server ends the session."""
    pid = connection.get_server_pid()
    killer = await asyncpg.connect(connection.killer_dsn)
    try:
        await killer.execute("SELECT pg_terminate_backend($1, 5000)", pid)
    finally:
        await killer.close()


async def cut(connection: Any) -> None:
    """The line goes dead without a word from the server."""
    connection._transport.abort()
    await asyncio.sleep(0)


@pytest.mark.parametrize("how", [terminated, cut])
@pytest.mark.parametrize("when", [at_start, after_the_names, before_the_end, after_the_commit])
async def test_a_runner_that_loses_its_connection_in_mid_batch_loses_and_doubles_nothing(
    log: Log, monkeypatch: pytest.MonkeyPatch, when: Callable[..., None], how: Callable[..., Any]
):
    monkeypatch.setattr(asyncpg.Connection, "killer_dsn", log.access.admin, raising=False)
    monkeypatch.setattr(runner_module, "PAGE", 4)
    one = strike()
    await log.add(one, strike(), strike())
    when(log, monkeypatch, how)
    async with following(log) as runner:
        await log.add(strike(), retraction(one["id"]), strike())
        await caught_up(log, runner)
        for _ in range(2):  # once round the loop, so that what failed before is over
            await log.add(strike())
            await caught_up(log, runner)
    assert await incidents(log) == 6
    assert await positions(log) == {8}
    await check(log, ats=AT)


async def positions(log: Log) -> set[int]:
    return {r["position"] for r in await log.connection.fetch("SELECT position FROM builds")}


async def test_a_runner_that_loses_its_connection_while_it_copies_begins_again(log: Log):
    await log.add(*strikes(1_000))
    async with copies_held_up(log):
        following_ = following(log)
        runner = await following_.__aenter__()
        await cut_while_copying(log)
    try:
        await caught_up(log, runner)
    finally:
        await following_.__aexit__(None, None, None)
    assert await incidents(log) == 1_000


async def test_a_runner_that_is_told_to_stop_while_it_copies_stops(log: Log):
    """Its rollback fails on the connection that was given up, which must not hide that it was told to stop."""
    await log.add(*strikes(1_000))
    async with copies_held_up(log):
        task = asyncio.create_task(Runner(log.access, log.grown).run())
        await copying(log)
        task.cancel()
        done, _ = await asyncio.wait([task], timeout=60)
        task.cancel()  # once more, lest the test go on for ever where it does not
    assert done
    assert task.cancelled()


async def test_a_runner_whose_batches_take_too_long_makes_them_smaller(log: Log, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(connect.STATEMENT_SECONDS, "runner", 0.25)
    await log.connection.execute("""
        CREATE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN PERFORM pg_sleep(0.005); RETURN NEW; END';
        CREATE TRIGGER slowly BEFORE INSERT ON subjects FOR EACH ROW EXECUTE FUNCTION slowly()""")
    await log.add(*(strike() for _ in range(150)))
    async with following(log) as runner:
        await caught_up(log, runner)
        assert runner._portion.size < 150
    assert await incidents(log) == 150
    await check(log, ats=AT)


def test_a_connection_that_broke_off_is_a_lost_one():
    """Also where asyncpg calls it an error of PostgreSQL's (08003)."""
    assert lost(asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation"))
    assert lost(asyncpg.TooManyConnectionsError("too many connections"))
    assert not lost(asyncpg.UniqueViolationError("twice"))
    assert not lost(asyncpg.DataError("not a number"))


async def test_a_hole_in_the_log_stops_it_loudly_and_readiness_says_so(access: Access, log: Log):
    async with serving(access) as service:
        await service.add(*(strike() for _ in range(3)))
        await service.settled()
        held = await hole_at(log, service, 5)
        assert service.service.runner.position == 3
        ready = await service.get("/readyz?verbose")
        assert ready.status == 503
        assert "GapError" in ready.json["checks"]["projections"]
        assert ready.json["checks"]["database"] == "ok"
        behind = await service.get("/v1/projections/city_incidents", {"Prefer": "wait=0"}, min_position=6)
        assert (behind.status, behind.slug) == (503, "projection-lagging")
        assert await incidents(log) == 3
        # Appending goes on, and so does everything once the hole is mended.
        await service.add(strike())
        await log.connection.execute("INSERT INTO events SELECT * FROM kept")
        log.grown.ring()
        answer = await service.get("/v1/projections/city_incidents", {"Prefer": "wait=10"}, min_position=7)
        assert answer.status == 200, answer
        assert (await service.get("/readyz")).status == 200
        assert held == 6
    assert await incidents(log) == 7
    await check(log, ats=AT)


async def hole_at(log: Log, service: Served, position: int) -> int:
    """Add events up to one past the position, with a hole there before the runner comes by; the head then."""
    reading, original = asyncio.Event(), lane_module.read_batch

    async def wait_first(*args: Any) -> Any:
        await reading.wait()
        return await original(*args)

    lane_module.read_batch = wait_first
    try:
        head = 0
        while head <= position:
            (head,) = await service.add(strike())
        connection = log.connection
        await connection.execute("ALTER TABLE events DISABLE TRIGGER append_only")
        await connection.execute(f"CREATE TEMP TABLE kept AS SELECT * FROM events WHERE position = {position}")
        await connection.execute("DELETE FROM events WHERE position = $1", position)
        await connection.execute("ALTER TABLE events ENABLE ALWAYS TRIGGER append_only")
        reading.set()
        runner = service.service.runner
        async with asyncio.timeout(60):
            while runner.failure is None:
                await asyncio.sleep(0.01)
    finally:
        reading.set()
        lane_module.read_batch = original
    return head


async def test_registered_places_and_actors_are_told_before_the_position_is(log: Log):
    told: list[tuple[int, list[str]]] = []
    async with following(
        log, on_changes=lambda changes: told.append((runner.position, [c.stream for c in changes]))
    ) as runner:
        await log.add(strike(stream="strike:a"))
        await caught_up(log, runner)
        place = {"slug": "x", "name": "X", "lat": 1.0, "lon": 1.0}
        await log.add({"type": "place.registered", "stream": "place:x", "data": place})
        await caught_up(log, runner)
    assert told == [(0, ["strike:a"]), (1, ["place:x"])]


async def test_a_merge_of_two_that_share_a_document_makes_one_version_of_it(log: Log):
    """Two streams change at one position, and both are rounds of one track."""
    later = datetime(2026, 2, 1, tzinfo=UTC)
    held = {"track": "ua-ru", "format": "bilateral", "level": "delegation", "direct_ua_ru": False, "outcome": "none"}
    one, two = (event("talk.held", f"talk:{n}", f"talk {n}", occurred=day("2026-01-10"), data=held) for n in "ab")
    async with following(log) as runner:
        await log.add(one, two, merge("talk:a", "talk:b", name="merged"), retract("merged", "undone"))
        await caught_up(log, runner)
        assert [len((await log.rows("talks_ledger", later, p))["ua-ru"]["rounds"]) for p in (1, 2, 3, 4)] == [
            1,
            2,
            1,
            2,
        ]
        await check(log, ats=[later])


async def test_what_leaves_a_document_and_joins_it_again_in_one_batch_is_in_it(log: Log):
    later = datetime(2026, 2, 1, tzinfo=UTC)
    held = {"track": "ua-ru", "format": "bilateral", "level": "delegation", "direct_ua_ru": False, "outcome": "none"}
    one, again, other = (
        event("talk.held", f"talk:{stream}", name, occurred=day(f"2026-01-{on}"), data=held)
        for stream, name, on in (("a", "first", 10), ("a", "again", 11), ("b", "other", 12))
    )
    await log.add(one)
    async with following(log) as runner:
        await caught_up(log, runner)
    await log.add(retract("first"), again, retract("again", "undone"), retract("undone"))
    async with following(log) as runner:
        await caught_up(log, runner)
    await log.add(other)
    async with following(log) as runner:  # which knows of its members what is stored
        await caught_up(log, runner)
    assert len((await log.rows("talks_ledger", later, 6))["ua-ru"]["rounds"]) == 2
    await check(log, ats=[later])
