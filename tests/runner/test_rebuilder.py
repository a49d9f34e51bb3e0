"""Building beside what answers: nobody notices, nothing is lost, and there is a way back."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, cast

import pytest

from incidentlog.errors import ProjectionLagging
from incidentlog.folding.fold import RED
from incidentlog.folding.shapes import Tally
from incidentlog.projections import PROJECTIONS
from incidentlog.runner import Rebuilder
from incidentlog.runner import lane as lane_module
from incidentlog.runner import leases as leases_module
from incidentlog.runner import rebuilder as rebuilder_module
from incidentlog.runner.lane import Lane
from incidentlog.runner.rebuilder import read_under_way
from incidentlog.service.service import checkpoint
from incidentlog.store import builds as builds_module
from incidentlog.store import segments as segments_module
from incidentlog.store import snapshots as snapshots_module
from incidentlog.store.answer import read_subject
from incidentlog.store.builds import (
    SUBJECTS,
    Build,
    SupersededError,
    active_builds,
    begin_builds,
    drop,
    read_builds,
    rebuild,
    shape_of,
    take_back,
)
from incidentlog.store.connect import Access, Connection, Pool
from incidentlog.store.derive import folded_upto
from incidentlog.store.erase import erase, pending_erasures
from incidentlog.store.read import read_log
from incidentlog.store.segments import merge_segments, read_loose
from incidentlog.store.snapshots import take_snapshots
from tests.commands import about, retraction, strike
from tests.folding.test_rolling import OnSevenDays
from tests.ledgers import ledgers
from tests.runner.driving import (
    DERIVED,
    Log,
    caught_up,
    check,
    copies_held_up,
    cut_while_copying,
    following,
    log_at,
    strikes,
)
from tests.runner.test_runner import always, nobody

AT = [datetime(2026, 1, 1, tzinfo=UTC)]
CITY = "city_incidents"


@pytest.fixture
async def log(access: Access) -> AsyncIterator[Log]:
    async with log_at(access) as made:
        yield made


@pytest.fixture(autouse=True)
def few_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch is a few events."""
    monkeypatch.setattr(rebuilder_module, "PAGE", 3)


@asynccontextmanager
async def rebuilding(log: Log) -> AsyncIterator[Rebuilder]:
    rebuilder = Rebuilder(log.access)
    task = asyncio.create_task(rebuilder.run())
    try:
        yield rebuilder
    finally:
        task.cancel()
        await asyncio.wait([task])


async def active(log: Log, name: str = CITY) -> Build:
    return (await active_builds(log.connection))[name]


async def switched(log: Log, before: Build) -> Build:
    async with asyncio.timeout(60):
        while (now := await active(log, before.projection)).build == before.build:
            await asyncio.sleep(0.01)
    return now


async def incidents(log: Log) -> int:
    rows = await log.rows(CITY, AT[0], await log.head())
    return sum(row["incidents"] for row in rows.values())


async def test_a_build_is_made_beside_and_switched_to_while_events_go_on_coming(log: Log):
    one = strike()
    async with following(log) as runner, rebuilding(log):
        await log.add(one, *(strike() for _ in range(10)))
        await caught_up(log, runner)
        before = await active(log)
        await rebuild(log.connection, [CITY])
        for n in range(20):
            await log.add(strike(), *([retraction(one["id"])] if n == 10 else []))
            await caught_up(log, runner)
            assert await incidents(log) == 11 + n + 1 - (n >= 10)  # whichever build answers
        after = await switched(log, before)
        await log.add(strike())
        await caught_up(log, runner)
    assert (before.state, after.state) == ("active", "active")
    states = {b.build: b.state for b in await read_builds(log.connection) if b.projection == CITY}
    assert states == {before.build: "retired", after.build: "active"}
    assert len({b.position for b in (await active_builds(log.connection)).values()}) == 1
    await check(log, ats=AT)


async def test_what_is_rebuilt_is_what_was_row_for_row(log: Log):
    one = strike()
    async with following(log) as runner, rebuilding(log):
        await log.add(one, *(strike() for _ in range(10)), retraction(one["id"]))
        await caught_up(log, runner)
        tables = await rows_of(log, await active_builds(log.connection))
        before = await active(log)
        await rebuild(log.connection, [SUBJECTS])
        await switched(log, before)
        builds = await active_builds(log.connection)
        assert await rows_of(log, builds) == tables
    assert all(tables.values())
    await check(log, ats=AT)


async def rows_of(log: Log, builds: dict[str, Build]) -> dict[str, Any]:
    """The ledgers and the subjects of what answers, by the projection's name instead of the build's number."""
    lines = await ledgers(log.connection)
    subjects = await log.connection.fetch("SELECT * FROM subjects WHERE build = $1", builds["subjects"].build)
    return {
        "subjects": sorted((tuple(v for k, v in r.items() if k != "build") for r in subjects), key=repr),
        **{name: lines[b.build] for name, b in builds.items() if b.build in lines},
    }


async def test_a_new_version_in_the_code_is_built_beside_the_old_one_which_answers_meanwhile(
    log: Log, monkeypatch: pytest.MonkeyPatch
):
    await log.add(*(strike() for _ in range(10)))
    async with following(log) as runner:
        await caught_up(log, runner)
    before = await active(log)
    monkeypatch.setattr(PROJECTIONS[CITY], "version", 1_000)
    async with following(log) as runner:
        await log.add(strike())
        await caught_up(log, runner)
        assert (await active(log)) == before  # the old one, where the old code left it
        assert sum(r["incidents"] for r in (await log.rows(CITY, AT[0], 10)).values()) == 10
        async with rebuilding(log):
            after = await switched(log, before)
        await log.add(strike())
        await caught_up(log, runner)
    assert after.version == 1_000
    assert await incidents(log) == 12
    await check(log, ats=AT)


async def test_who_does_not_know_what_answers_takes_in_nothing(log: Log, monkeypatch: pytest.MonkeyPatch):
    """Else all is told as of where it is, and what answers since a switch stands where it was then."""
    await log.add(strike(), strike())
    async with following(log) as runner:
        await caught_up(log, runner)
    before = await active(log)
    monkeypatch.setattr(PROJECTIONS[CITY], "version", 1_000)
    await begin_builds(log.connection)
    known = [b for b in await read_builds(log.connection) if b.state == "active"]
    ours, zone = [b for b in known if b.projection != CITY], (await read_log(log.connection)).zone
    lane = Lane(log.connection, ours, zone, answering=[b.build for b in known])
    async with rebuilding(log):
        await switched(log, before)
    await log.add(strike())
    with pytest.raises(SupersededError, match="another build answers"):
        await lane.take(await lane.read(log.connection, 9))
    assert {b.position for b in (await active_builds(log.connection)).values()} == {2}
    async with following(log) as runner:
        await caught_up(log, runner)
    assert await incidents(log) == 3


@pytest.mark.parametrize("beside", ["violations", "violation_sheets", "policies"])
async def test_a_row_is_as_old_as_what_it_is_made_of_as_well(log: Log, monkeypatch: pytest.MonkeyPatch, beside: str):
    """A ceasefire's row counts what is claimed: while that stands still, what was claimed since is not told as nothing."""
    truce, name = "ceasefire:a", "ceasefire_status"
    said = {"ceasefires": [truce], "accused": ["RUS"], "claimed_by": "UKR", "severity": "serious"}
    claims = [strike(type="violation.reported", data=said) for _ in range(2)]
    for event in claims:
        del event["place"]
    terms = {"sidedness": "unilateral", "scope": ["general"], "parties": ["RUS"], "effective_from": "2025-01-01"}
    declared = {**strike(type="ceasefire.declared", stream=truce, data=terms)}
    await log.add(declared, claims[0])
    async with following(log) as runner:
        await caught_up(log, runner)
    before, known = await active(log, beside), await log.rows(name, AT[0], 2)
    monkeypatch.setattr(PROJECTIONS[beside], "version", 1_000)
    async with following(log) as runner:
        await log.add(claims[1])
        await caught_up(log, runner)
        with pytest.raises(ProjectionLagging):
            await log.rows(name, AT[0], 3)
        assert await log.rows(name, AT[0], 2) == known
        assert (await log.answer(name, AT[0], 3, least=2)).moment.position == 2
        async with rebuilding(log):
            await switched(log, before)
        rows = await log.rows(name, AT[0], 3)
    assert (known[truce]["compliance"]["by_claimant"], rows[truce]["compliance"]["by_claimant"]) == (
        {"UKR": 1},
        {"UKR": 2},
    )
    await check(log, ats=AT)


@pytest.mark.parametrize("older", ["projection = 'subjects'", "true"], ids=["subjects", "everything"])
async def test_while_the_subjects_stand_still_so_does_all_that_is_made_of_them(log: Log, older: str):
    """A subject that was retracted since is not told as one that stands, as of a position that it has not reached."""
    one = strike(stream="strike:one")
    await log.add(one)
    async with following(log) as runner:
        await caught_up(log, runner)
    before = await active_builds(log.connection)
    await log.connection.execute(f"UPDATE builds SET version = 0 WHERE {older}")
    async with following(log) as runner:
        await log.add(retraction(one["id"]))
        for _ in range(3):  # it looks, and looks again
            await runner.reached(2, 0.1)
            log.grown.ring()
        assert {b.position for b in (await active_builds(log.connection)).values()} == {1}
        assert await checkpoint(cast("Pool", log.connection)) == 1
        async with rebuilding(log):
            await switched(log, before[SUBJECTS])
        await caught_up(log, runner)
    subject = await read_subject(log.connection, one["stream"], RED, 2)
    assert subject is not None
    assert not subject.is_current
    await check(log, ats=AT)


async def test_nothing_is_built_of_subjects_of_another_version(log: Log, monkeypatch: pytest.MonkeyPatch):
    """They stand still: what was ordered before an upgrade of theirs alone, and what is ordered meanwhile, is of the new."""
    await log.add(strike())
    async with following(log) as runner:
        await caught_up(log, runner)
    before = await active(log, SUBJECTS)
    await rebuild(log.connection, [CITY])
    monkeypatch.setattr(builds_module, "SUBJECT_VERSION", 1_000)
    async with following(log) as runner:
        await log.add(strike())
        async with asyncio.timeout(60):
            while not (begun := [b for b in await read_builds(log.connection) if b.base != before.build]):
                await asyncio.sleep(0.01)
        assert {b.base for b in await read_under_way(log.connection)} == {begun[0].base}
        assert {b.base for b in await rebuild(log.connection, [CITY])} == {begun[0].base}
        assert await take_back(log.connection, CITY) is None
        async with rebuilding(log):
            await switched(log, before)
        await caught_up(log, runner)
        assert not [b for b in await read_builds(log.connection) if b.state == "building"]
    await check(log, ats=AT)


async def test_builds_that_are_past_what_stands_still_are_switched_to(log: Log, monkeypatch: pytest.MonkeyPatch):
    """An upgrade that was cut short, and one of a projection that then was as it had been: none of it moves any more."""

    async def cut_short(*_: object) -> None:
        raise SupersededError("not now")

    await log.add(strike())
    async with following(log) as runner:
        await caught_up(log, runner)
    before = await active(log, SUBJECTS)
    await log.connection.execute("UPDATE builds SET version = 0")
    await log.add(*[strike() for _ in range(6)])
    await begin_builds(log.connection)
    with monkeypatch.context() as patch:
        patch.setattr(rebuilder_module, "activate", cut_short)
        async with rebuilding(log), asyncio.timeout(60):
            while not any(b.state == "building" and b.position > 1 for b in await read_builds(log.connection)):
                await asyncio.sleep(0.01)
    version = PROJECTIONS[CITY].version
    await log.connection.execute("UPDATE builds SET version = $1 WHERE projection = $2", version, CITY)
    async with following(log) as runner, rebuilding(log):
        await switched(log, before)
        await caught_up(log, runner)
    await check(log, ats=AT)


async def test_what_the_code_has_no_more_answers_no_more_and_goes_with_its_subjects(log: Log):
    """Nobody would build it anew after an erasure; the code that has it takes it up again."""
    await log.add(strike())
    async with following(log) as runner:
        await caught_up(log, runner)
    city, subjects = await active(log), await active(log, SUBJECTS)
    await log.connection.execute("UPDATE builds SET projection = 'was_once' WHERE projection = $1", CITY)
    async with following(log) as runner, rebuilding(log):
        await log.add(strike())
        await caught_up(log, runner)
        states = {b.build: b.state for b in await read_builds(log.connection)}
        assert states[city.build] == "retired"
        assert await folded_upto(log.connection) == 2
        for _ in range(2):  # what is retired goes with the next
            await rebuild(log.connection, [SUBJECTS])
            subjects = await switched(log, subjects)
        await caught_up(log, runner)
    assert await log.connection.fetchval("SELECT count(*) FROM segments WHERE build = $1", city.build) == 0
    await check(log, ats=AT)


async def test_a_projection_that_is_not_built_yet_holds_up_no_other(log: Log):
    await log.add(strike())
    async with following(log) as runner:
        await caught_up(log, runner)
    await log.connection.execute("UPDATE builds SET state = 'building' WHERE projection = $1", CITY)
    assert await checkpoint(cast("Pool", log.connection)) == 1
    assert await log.rows("daily_timeline", AT[0], 1)
    with pytest.raises(ProjectionLagging):
        await log.rows(CITY, AT[0], 1)


async def test_code_that_stores_other_rows_does_not_read_the_old_ones(log: Log, monkeypatch: pytest.MonkeyPatch):
    await log.add(strike())
    async with following(log) as runner:
        await caught_up(log, runner)
    monkeypatch.setattr(PROJECTIONS[CITY], "version", 1_000)
    assert CITY in await active_builds(log.connection)
    await log.connection.execute("UPDATE builds SET shape = 'another' WHERE projection = $1", CITY)
    assert CITY not in await active_builds(log.connection)


async def test_a_ledger_in_which_each_day_of_a_rolling_sum_was_booked_answers_until_the_new_one_is_built(
    log: Log, monkeypatch: pytest.MonkeyPatch
):
    index = OnSevenDays()
    with monkeypatch.context() as older:
        older.setattr(OnSevenDays, "version", 4)
        older.setitem(PROJECTIONS, index.name, index)
        shape_of.cache_clear()
        await log.add(*(strike() for _ in range(9)))
        async with following(log) as runner:
            await caught_up(log, runner)
    shape_of.cache_clear()
    old = (await active_builds(log.connection))[index.name]
    assert (old.version, old.wanted, len((await ledgers(log.connection))[old.build])) == (4, False, 63)
    answered = await log.rows(index.name, AT[0], 9)
    async with following(log) as runner:
        await caught_up(log, runner)
        async with rebuilding(log):
            new = await switched(log, old)
    assert (new.version, len((await ledgers(log.connection))[new.build])) == (5, 9)
    assert await log.rows(index.name, AT[0], 9) == answered
    await check(log, ats=AT)


async def test_a_new_version_of_the_subjects_builds_all_that_hangs_on_them_and_switches_at_once(
    log: Log, monkeypatch: pytest.MonkeyPatch
):
    await log.add(*(strike() for _ in range(5)))
    async with following(log) as runner:
        await caught_up(log, runner)
    before = await active_builds(log.connection)
    await log.connection.execute("UPDATE builds SET version = 0 WHERE projection = 'subjects'")
    async with following(log) as runner, rebuilding(log):
        await switched(log, before[SUBJECTS])
        after = await active_builds(log.connection)
        assert not {b.build for b in before.values()} & {b.build for b in after.values()}
        await log.add(strike())
        await caught_up(log, runner)
    assert await incidents(log) == 6
    await check(log, ats=AT)


async def test_a_rebuild_that_is_killed_goes_on_where_it_was(log: Log, monkeypatch: pytest.MonkeyPatch):
    await log.add(*(strike() for _ in range(20)))
    taken: list[int] = []
    begin = lane_module.Lane.take

    async def stop_at_ten(lane: Any, read: Any) -> Any:
        if lane.builds[0].state == "building":
            taken.extend(e.position for e in read.events)
            if len(taken) >= 10:
                raise asyncio.CancelledError
        return await begin(lane, read)

    async with following(log) as runner:
        await caught_up(log, runner)
        before = await active(log)
        await rebuild(log.connection, [CITY])
        monkeypatch.setattr(lane_module.Lane, "take", stop_at_ten)
        rebuilder = asyncio.create_task(Rebuilder(log.access).run())
        await asyncio.wait([rebuilder], timeout=60)
        assert rebuilder.cancelled()
        monkeypatch.setattr(lane_module.Lane, "take", begin)
        (left,) = [b for b in await read_builds(log.connection) if b.state == "building"]
        assert 0 < left.position < 12
        monkeypatch.setattr(leases_module, "lease", always)
        monkeypatch.setattr(leases_module, "leased", nobody)  # the killed one holds it for a while
        async with rebuilding(log):
            assert (await switched(log, before)).build == left.build
    assert await incidents(log) == 20
    await check(log, ats=AT)


async def test_two_rebuilders_forced_on_one_build_never_count_twice(log: Log, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(leases_module, "lease", always)
    monkeypatch.setattr(leases_module, "leased", nobody)
    await log.add(*(strike() for _ in range(40)))
    async with following(log) as runner:
        await caught_up(log, runner)
        before = await active(log)
        async with rebuilding(log), rebuilding(log):
            await rebuild(log.connection, [CITY])
            await switched(log, before)
    assert await incidents(log) == 40
    await check(log, ats=AT)


async def test_the_build_before_is_brought_back_and_catches_up_first(log: Log):
    async with following(log) as runner, rebuilding(log):
        await log.add(*(strike() for _ in range(5)))
        await caught_up(log, runner)
        first = await active(log)
        assert await take_back(log.connection, CITY) is None
        await rebuild(log.connection, [CITY])
        second = await switched(log, first)
        await log.add(*(strike() for _ in range(5)))
        await caught_up(log, runner)
        assert (await take_back(log.connection, CITY)) is not None
        assert (await switched(log, second)).build == first.build
        assert await incidents(log) == 10
        await log.add(strike())
        await caught_up(log, runner)
    assert await incidents(log) == 11
    await check(log, ats=AT)


async def test_what_is_being_built_gives_way_to_what_is_brought_back(log: Log):
    await log.add(*(strike() for _ in range(5)))
    async with following(log) as runner, rebuilding(log):
        await caught_up(log, runner)
        before = await active(log)
        await rebuild(log.connection, [CITY])
        await switched(log, before)
    await rebuild(log.connection, [CITY])
    back = await take_back(log.connection, CITY)
    assert back is not None
    assert back.build == before.build
    under_way = [b.build for b in await read_builds(log.connection) if b.state == "building"]
    assert under_way == [before.build]


async def test_all_that_hangs_on_new_subjects_is_switched_to_with_them_though_one_was_being_built_before(log: Log):
    """Else one projection would stay on the subjects before, and the runner could follow no two of them together."""
    await log.add(*(strike() for _ in range(5)))
    async with following(log) as runner:
        await caught_up(log, runner)
        before = await active(log, SUBJECTS)
        await rebuild(log.connection, [CITY])
        await rebuild(log.connection, [SUBJECTS])
        async with rebuilding(log):
            await switched(log, before)
            await log.add(strike())
            await caught_up(log, runner)
    answering = await active_builds(log.connection)
    base = answering[SUBJECTS].build
    assert {b.base for b in answering.values()} == {base}
    made = "SELECT count(*) FROM builds WHERE projection = $1 AND base = $2"
    assert await log.connection.fetchval(made, CITY, base) == 1, "it was dropped, and had to be made again"
    assert await incidents(log) == 6


async def test_a_third_build_takes_the_place_of_the_first_whose_rows_go(log: Log):
    async with following(log) as runner, rebuilding(log):
        await log.add(strike())
        await caught_up(log, runner)
        seen = [await active(log)]
        for _ in range(2):
            await rebuild(log.connection, [CITY])
            seen.append(await switched(log, seen[-1]))
    left = {b.build: b.state for b in await read_builds(log.connection) if b.projection == CITY}
    assert left == {seen[1].build: "retired", seen[2].build: "active"}
    for table in set(DERIVED) - {"builds", "merge_links", "leases"}:
        assert not await log.connection.fetchval(f"SELECT count(*) FROM {table} WHERE build = $1", seen[0].build), table
    assert await log.connection.fetchval("SELECT state FROM builds WHERE build = $1", seen[0].build) == "dropped"


async def test_numbers_of_builds_go_round_and_rows_of_those_that_are_gone_go(log: Log):
    """After 32,767 comes the least that is free; which of two is the older one, their numbers do not say any more."""
    begun = await begin_builds(log.connection)
    await log.connection.execute("UPDATE builds SET build = build + 32720, base = base + 32720, made = made + 100000")
    numbers = [{b.build + 32_720 for b in begun}]
    async with following(log) as runner:
        for _ in range(4):
            await log.add(*(strike() for _ in range(5)))
            await caught_up(log, runner)
            before = (await active_builds(log.connection))[SUBJECTS]
            async with rebuilding(log):
                await rebuild(log.connection, [SUBJECTS])
                await switched(log, before)
            known = await read_builds(log.connection)
            numbers.append({b.build for b in known if b.state == "active"})
            assert {b.build for b in known if b.state == "retired"} == numbers[-2]
        await caught_up(log, runner)
        assert (await take_back(log.connection, CITY)) is None  # it hangs on subjects that answer no more
    assert [min(numbers[n]) for n in range(3)] == [32_721, 32_721 + len(begun), 1]
    assert all(one.isdisjoint(other) for one, other in pairwise(numbers))
    assert 3 * len(begun) >= await log.connection.fetchval("SELECT count(*) FROM builds")
    await check(log, ats=AT)


async def test_another_node_takes_over_when_the_one_that_worked_is_gone(log: Log):
    async with following(log) as one:
        await log.add(strike())
        await caught_up(log, one)
        async with following(log) as other:
            await log.add(strike())
            await caught_up(log, one)
            assert other.position == 0
    async with following(log) as third:
        await log.add(strike())
        await caught_up(log, third)
    assert await incidents(log) == 3


async def test_a_node_that_was_killed_is_waited_for_no_longer_than_its_lease(log: Log, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(builds_module, "LEASE_SECONDS", 0.2)
    monkeypatch.setattr(leases_module, "release", nobody)  # a killed one leaves without a word
    async with following(log) as one:
        await log.add(strike())
        await caught_up(log, one)
    async with following(log) as other:
        await log.add(strike())
        await caught_up(log, other)
    assert await incidents(log) == 2


async def test_a_rebuild_that_loses_its_connection_while_it_copies_begins_again(
    log: Log, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(rebuilder_module, "PAGE", 2_000)
    async with following(log) as runner:
        await log.add(*strikes(1_000))
        await caught_up(log, runner)
    before = await active(log)
    await rebuild(log.connection, [SUBJECTS])
    async with copies_held_up(log):
        building = rebuilding(log)
        await building.__aenter__()
        await cut_while_copying(log)
    try:
        assert (await switched(log, before)).position == 1_000
    finally:
        await building.__aexit__(None, None, None)
    await check(log, ats=AT)


async def test_nothing_is_left_of_a_build_that_is_dropped_while_its_segments_are_merged(
    log: Log, monkeypatch: pytest.MonkeyPatch
):
    """It may hold what was erased, and nobody would delete it any more."""
    async with following(log) as runner:
        for _ in range(3):
            await log.add(strike())
            await caught_up(log, runner)
    monkeypatch.setattr(segments_module, "RUN", 2)
    (build,) = await rebuild(log.connection, [CITY])
    await log.connection.execute(
        "UPDATE segments SET build = $1 WHERE build = $2", build.build, (await active(log)).build
    )
    dropping = await log.access.connect("runner")
    async with log.connection.transaction():
        for loose in await read_loose(log.connection, [build], 3):
            await merge_segments(log.connection, loose)
        dropped = asyncio.ensure_future(in_a_transaction(dropping, drop(dropping, [build.build])))
        await waiting_for_a_lock(log, dropping)
    await dropped
    await dropping.close()
    assert await log.connection.fetchval("SELECT count(*) FROM segments WHERE build = $1", build.build) == 0
    assert not await log.connection.fetch("SELECT FROM pg_locks WHERE NOT granted")


@pytest.mark.parametrize("order", ["the way back", "an erasure"])
async def test_who_orders_something_while_another_switches_sees_what_answers_then(
    log: Log, monkeypatch: pytest.MonkeyPatch, order: str
):
    """What had been retired before is gone by the switch, and what may hold what was erased, and was being built, answers."""
    one = strike(stream="strike:one")
    name = CITY if order == "the way back" else SUBJECTS
    about_to, go, made = asyncio.Event(), asyncio.Event(), rebuilder_module.activate

    async def slowly(*given: Any) -> None:
        await made(*given)
        about_to.set()
        await go.wait()

    async with following(log) as runner:
        async with rebuilding(log):
            await log.add(one, strike())
            await caught_up(log, runner)
            before = await active(log, name)
            await rebuild(log.connection, [name])
            before = await switched(log, before)
            monkeypatch.setattr(rebuilder_module, "activate", slowly)
            await rebuild(log.connection, [name])
            await asyncio.wait_for(about_to.wait(), 60)
            if order == "an erasure":
                await log.add(about("erased", one["id"], part="body", ground="asked for"))
                for erasure in await pending_erasures(log.connection):
                    await erase(log.connection, erasure)
            ordering = await log.access.connect("runner")
            ordered: asyncio.Future[Any] = asyncio.ensure_future(
                take_back(ordering, name) if order == "the way back" else rebuild(ordering, [name])
            )
            await waiting_for_a_lock(log, ordering)
            go.set()
            await ordered
            await switched(log, before)
            await none_is_built(log)
            await ordering.close()
        await log.add(strike())
        await caught_up(log, runner)
    await check(log, ats=AT)


async def waiting_for_a_lock(log: Log, who: Connection) -> None:
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND pid = $1"
    async with asyncio.timeout(60):
        while not await log.connection.fetchval(waiting, who.get_server_pid()):
            await asyncio.sleep(0.01)


async def none_is_built(log: Log) -> None:
    async with asyncio.timeout(60):
        while any(b.state == "building" for b in await read_builds(log.connection)):
            await asyncio.sleep(0.01)


async def in_a_transaction(connection: Connection, doing: Awaitable[None]) -> None:
    async with connection.transaction():
        await doing


async def test_no_snapshot_is_left_of_a_build_that_was_dropped_while_it_was_taken(
    log: Log, monkeypatch: pytest.MonkeyPatch
):
    tally = PROJECTIONS[CITY]
    assert isinstance(tally, Tally)
    monkeypatch.setattr(snapshots_module, "EVERY", 2)
    async with following(log) as runner:
        await log.add(*(strike() for _ in range(3)))
        await caught_up(log, runner)
    (build,) = await rebuild(log.connection, [CITY])
    await in_a_transaction(log.connection, drop(log.connection, [build.build]))
    assert not await take_snapshots(log.connection, tally, build, 3)  # as one that began before
    assert await log.connection.fetchval("SELECT count(*) FROM snapshots WHERE build = $1", build.build) == 0
