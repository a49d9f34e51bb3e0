"""Several runners on one log: each has some partitions of the streams, and together they count everything once."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import count, islice
from typing import Any
from uuid import uuid4

import pytest

from incidentlog.folding.partitions import PARTITIONS, Share, partition_of
from incidentlog.runner import lane as lane_module
from incidentlog.runner import leases as leases_module
from incidentlog.runner import runner as runner_module
from incidentlog.runner.lane import GapError, Lane
from incidentlog.runner.leases import FIRST_WEIGHT, share_of
from incidentlog.store import builds as builds_module
from incidentlog.store.builds import active_builds, begin_builds, lease, leased, read_builds, rebuild
from incidentlog.store.connect import Access
from incidentlog.store.parked import read_parked
from incidentlog.store.read import Section, read_batch, read_log, read_shared_batch
from tests.commands import retraction, strike
from tests.runner.driving import Log, caught_up, check, following, log_at, sharing, versions_are_folds
from tests.runner.test_parked import CITY, Poisoned, talk
from tests.runner.test_rebuilder import rebuilding, switched
from tests.subjects.given import merge

AT = [datetime(2026, 1, 1, tzinfo=UTC)]


@pytest.fixture
async def log(access: Access) -> AsyncIterator[Log]:
    async with log_at(access) as made:
        yield made


@pytest.fixture(autouse=True)
def few_and_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch is a few events, and who has which partitions is looked at often."""
    monkeypatch.setattr(runner_module, "PAGE", 7)
    monkeypatch.setattr(leases_module, "RENEW_SECONDS", 0.02)


def streams(partitions: range, category: str = "strike") -> Iterator[str]:
    """Names of streams in some partitions."""
    for n in count():
        name = f"{category}:{n}"
        if partition_of(name, PARTITIONS) in partitions:
            yield name


async def shared_out(log: Log, *sizes: int) -> list[list[int]]:
    """The partitions of each, once so many runners have so many each; at most 60 s."""
    async with asyncio.timeout(60):
        while True:
            whose: dict[Any, list[int]] = {}
            for work, node in (await leased(log.connection, "live partition ")).items():
                whose.setdefault(node, []).append(int(work.rpartition(" ")[2]))
            if sorted(map(len, whose.values())) == sorted(sizes):
                return sorted(map(sorted, whose.values()))
            await asyncio.sleep(0.01)


async def right(log: Log) -> None:
    """Whatever was folded is what one fold of the whole log makes."""
    await check(log, ats=AT)
    await versions_are_folds(log)


async def test_who_comes_gets_a_share_and_what_is_left_behind_is_taken(log: Log):
    async with following(log) as one:
        await log.add(*(strike() for _ in range(30)))
        await caught_up(log, one)
        await shared_out(log, PARTITIONS)
        async with following(log), following(log):
            assert (await shared_out(log, 3, 6, 7))[0] == [0, 1, 2]  # who has the first has the documents too
            await log.add(*(strike() for _ in range(30)))
            await caught_up(log, one)
        await shared_out(log, PARTITIONS)
        await log.add(*(strike() for _ in range(30)))
        await caught_up(log, one)
    assert await log.connection.fetchval("SELECT count(*) FROM leases") == 0
    assert {tuple(b.positions) for b in await read_builds(log.connection)} == {(90,) * PARTITIONS}
    await right(log)


async def test_what_a_killed_one_had_is_another_ones_once_its_lease_has_run_out(
    log: Log, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(builds_module, "LEASE_SECONDS", 0.3)
    async with following(log) as one:
        async with following(log):
            await shared_out(log, 7, 9)
            monkeypatch.setattr(leases_module, "release", nothing)  # it leaves without a word
        await log.add(*(strike() for _ in range(30)))
        await caught_up(log, one)
    await right(log)


async def test_what_another_leaves_is_taken_though_it_is_beyond_a_share(log: Log, monkeypatch: pytest.MonkeyPatch):
    """As one does that counts shares otherwise, being of another version."""
    monkeypatch.setattr(leases_module, "LEFT_SECONDS", 0.05)
    monkeypatch.setattr(builds_module, "LEASE_SECONDS", 60)
    other = uuid4()
    await lease(log.connection, [f"live runner {other}", "live partition 0", "live partition 1"], other)
    async with following(log):
        assert (await shared_out(log, 2, 14))[1] == [*range(2, PARTITIONS)]


async def nothing(*_: Any) -> None:
    """As if it were not called."""


async def test_streams_that_a_merge_brings_together_go_to_one_of_those_who_had_them(log: Log):
    low, high = streams(range(7)), streams(range(7, PARTITIONS))
    pairs = [(next(low), next(high)) for _ in range(6)]
    async with sharing(log, 2) as runners:
        assert await shared_out(log, 7, 9) == [[*range(7)], [*range(7, 16)]]
        for number, pair in enumerate(pairs):
            survivor, absorbed = pair if number % 2 else pair[::-1]
            first = strike(stream=absorbed)
            await log.add(strike(stream=survivor), first, strike(), merge(survivor, absorbed), strike())
            await log.add(retraction(first["id"]), strike(stream=survivor), strike(stream=absorbed))
        await log.add(merge(pairs[0][0], pairs[1][1]), strike(stream=pairs[1][0]), merge(pairs[2][1], pairs[3][0]))
        await caught_up(log, runners)
        await right(log)
    assert runners.failure is None


async def test_a_family_goes_where_its_first_name_is_also_what_was_merged_before_within_a_partition(log: Log):
    low, high = list(islice(streams(range(3, 4)), 9)), list(islice(streams(range(9, 10)), 9))
    for own, theirs in ((low, high), (high, low)):
        last = next(s for s in theirs if min(own) < s < max(own))
        first, second = min(own), max(own)
        await log.add(*(strike(stream=stream) for stream in (first, second, last)))
        await log.add(merge(first, second), strike(stream=second), strike(stream=last))
        await log.add(merge(second, last), strike(stream=last), strike(stream=first), strike(stream=second))
    builds, zone = await begin_builds(log.connection), (await read_log(log.connection)).zone
    await take_in(log, [Lane(log.connection, builds, zone, own=own) for own in (range(5), range(5, PARTITIONS))])
    await right(log)


async def test_documents_are_made_of_the_streams_of_all(log: Log):
    low, high = streams(range(7), "talk"), streams(range(7, PARTITIONS), "talk")
    async with sharing(log, 2) as runners:
        await shared_out(log, 7, 9)
        for n in range(10):
            await log.add(talk(next(low), f"2025-05-{n + 1:02}"), talk(next(high), f"2025-06-{n + 1:02}"), strike())
        await caught_up(log, runners)
        await right(log)
        rows = await log.rows("talks_ledger", AT[0], await log.head())
    assert len(rows["ua-ru"]["rounds"]) == 20


async def test_a_parked_stream_that_a_merge_moves_stays_parked(log: Log, monkeypatch: pytest.MonkeyPatch):
    bad, good = next(streams(range(7, PARTITIONS))), next(streams(range(7)))
    poisoned = Poisoned(monkeypatch, bad)
    async with sharing(log, 2) as runners:
        await shared_out(log, 7, 9)
        await log.add(strike(stream=bad), strike(stream=good))
        await caught_up(log, runners)
        await log.add(merge(good, bad), strike(stream=bad), strike())
        head = await caught_up(log, runners)
        parked = await read_parked(log.connection, [(await active_builds(log.connection))[CITY]])
        assert [(p.stream, p.to_position) for p in parked] == [(bad, None)]
        poisoned.cured()
        await log.connection.execute("UPDATE parked SET wish = 'retry'")
        await log.add(strike(), strike(stream=good))
        assert await caught_up(log, runners) == head + 2
    await right(log)


async def test_several_rebuild_together_beside_several_who_follow(log: Log):
    async with sharing(log, 2) as runners:
        await log.add(*(strike() for _ in range(60)), talk("talk:a", "2025-05-01"))
        await caught_up(log, runners)
        before = (await active_builds(log.connection))["subjects"]
        async with rebuilding(log), rebuilding(log):
            await rebuild(log.connection, ["subjects"])
            for _ in range(10):
                await log.add(strike())
            after = await switched(log, before)
        await log.add(strike())
        await caught_up(log, runners)
    assert after.build != before.build
    assert {b.state for b in (await active_builds(log.connection)).values()} == {"active"}
    await right(log)


async def test_what_concerns_a_share_is_read_and_nothing_else(log: Log):
    names = [*(f"strike:{n}" for n in range(40)), "talk:a", "talk:b"]
    await log.add(*(talk(name, "2025-05-01") if name.startswith("talk") else strike(stream=name) for name in names))
    await log.add(merge("strike:1", "strike:2"), merge("strike:2", "strike:3"))
    share = Share({2, 3, 5, 7, 11}, PARTITIONS, [("strike:1", "strike:2"), ("strike:2", "strike:3")])
    head = len(names) + 2
    whole = await read_batch(log.connection, 0, 100)
    assert (len(whole), whole.count) == (head, head)
    wanted = [
        e.position for e in whole.events if share.has(e.stream) or e.category == "talk" or e.type == "record.merged"
    ]
    assert 4 < len(wanted) < head
    for limit in range(1, head + 1):
        read = await read_shared_batch(log.connection, 0, limit, share, ["talk"])
        assert (read.after, read.upto, read.count) == (0, limit, limit)
        assert [e.position for e in read.events] == [p for p in wanted if p <= limit]
    assert all(e.meta and e.body for e in read.events)
    assert await read_shared_batch(log.connection, head, 9, share, []) == Section(head, head, 0, ())


async def test_a_hole_among_the_events_of_others_is_seen(log: Log):
    """Of them only their number is known."""
    await log.add(*(strike() for _ in range(40)))
    builds, zone = await begin_builds(log.connection), (await read_log(log.connection)).zone
    lane = Lane(log.connection, builds, zone, own=[1])
    theirs = next(e.position for e in await log.events() if partition_of(e.stream, PARTITIONS) != 1)
    await log.connection.execute("ALTER TABLE events DISABLE TRIGGER append_only")
    await log.connection.execute("DELETE FROM events WHERE position = $1", theirs)
    read = await lane.read(log.connection, 40)
    assert theirs not in [e.position for e in read.events]
    with pytest.raises(GapError, match="39 up to 40"):
        await lane.take(read)


async def test_a_checkpoint_that_another_moves_meanwhile_is_not_moved_again(log: Log):
    """The second waits for the first one's row, and then sees that it is not where it was."""
    numbers = [b.build for b in await begin_builds(log.connection)]
    move = "SELECT advance_builds($1, $2, $3, $4, $5)"
    other = await log.access.connect()
    try:
        begun = log.connection.transaction()
        await begun.start()
        assert len(await log.connection.fetch(move, numbers, [3, 4], 0, 10, "active")) == len(numbers)
        async with other.transaction():
            waiting = asyncio.create_task(other.fetch(move, numbers, [4], 0, 7, "active"))
            elsewhere = await log.access.connect()
            async with asyncio.timeout(60):
                while not await elsewhere.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
                    await asyncio.sleep(0.01)
            await elsewhere.close()
            await begun.commit()
            assert await waiting == []
            assert len(await other.fetch(move, numbers, [5], 0, 7, "active")) == len(numbers)
    finally:
        await other.close()
    positions = [0, 0, 0, 10, 10, 7, *(0 for _ in range(PARTITIONS - 6))]
    assert [list(b.positions) for b in await read_builds(log.connection)] == [positions] * len(numbers)


@pytest.mark.parametrize("number", [2, 3, 5])
async def test_lanes_taken_in_turn_or_all_at_once_end_with_the_same_rows(
    log: Log, number: int, monkeypatch: pytest.MonkeyPatch
):
    """Without any runner: each lane takes in what it can, in an order of its own."""
    monkeypatch.setattr(lane_module, "BATCH_WORK", 3)
    await log.add(*(strike(stream=f"strike:{n % 9}") for n in range(30)), talk("talk:a", "2025-05-01"))
    await log.add(merge("strike:1", "strike:2"), *(strike(stream=f"strike:{n}") for n in range(4)))
    await log.add(merge("strike:3", "strike:1"), strike(stream="strike:2"))
    builds, zone = await begin_builds(log.connection), (await read_log(log.connection)).zone
    whose = [[n for n in range(PARTITIONS) if n % number == own] for own in range(number)]
    await take_in(log, [Lane(log.connection, builds, zone, own=own) for own in whose])
    await right(log)


async def test_who_goes_last_waits_for_a_whole_batch_but_not_before_a_merge_nor_near_the_head(log: Log):
    own, theirs = streams(range(1)), streams(range(1, PARTITIONS))
    survivor, *more = islice(own, 6)
    await log.add(*(strike(stream=stream) for stream in (survivor, *more, *islice(theirs, 24))))
    absorbed = next(theirs)
    await log.add(strike(stream=absorbed), merge(survivor, absorbed), *(strike(stream=next(theirs)) for _ in range(20)))
    builds, zone = await begin_builds(log.connection), (await read_log(log.connection)).zone
    last = Lane(log.connection, builds, zone, own=range(1))
    first = Lane(log.connection, builds, zone, own=range(1, PARTITIONS))
    seen: list[tuple[int, int]] = []
    while last.position < 52:
        for lane in (first, last):
            if batch := await lane.read(log.connection, 5 if lane is first else 12):
                await lane.take(batch)
        assert (first.position, last.position) not in seen, seen
        seen.append((first.position, last.position))
    assert seen[:6] == [(5, 0), (10, 0), (15, 12), (20, 12), (25, 24), (30, 24)]  # it waits for twelve
    assert seen[6] == (31, 31)  # before the merge: the other may wait for it there
    assert seen[7:10] == [(32, 31), (37, 31), (42, 32)]  # the merge alone, which moves streams
    assert seen[10:] == [(47, 44), (52, 52)]  # of the last events no batch would become whole
    await right(log)


def test_what_runners_have_together_is_what_there_is_and_each_has_as_much_work():
    for number in range(1, 25):
        nodes = [uuid4() for _ in range(number)]
        keeper, *others = nodes
        sizes = [share_of(node, keeper, nodes) for node in others]
        own = share_of(keeper, keeper, nodes)
        assert sum(sizes) + own >= PARTITIONS  # with more runners than partitions some have what others leave
        assert number > PARTITIONS or sum(sizes) + own == PARTITIONS
        assert max(sizes, default=1) - min(sizes, default=1) <= 1
        work = own - 1 + FIRST_WEIGHT
        assert number == 1 or own == 1 or abs(work - max(sizes)) <= 1


async def take_in(log: Log, lanes: Sequence[Lane]) -> None:
    """Let each take in what it can, in an order of its own, until all are at the head."""
    head = await log.head()
    for turn in count():
        behind = [lane for lane in lanes if lane.position < head]
        if not behind:
            break
        assert turn < 1_000, [lane.position for lane in lanes]
        lane = behind[turn * 7 % len(behind)]
        if batch := await lane.read(log.connection, 1 + turn % 6):
            await lane.take(batch)


async def test_who_waits_for_others_sees_meanwhile_that_another_build_answers(log: Log):
    """Else all stand still for ever: who goes last waits for a build that those who wait for it know nothing of."""
    low, high = next(streams(range(7))), next(streams(range(7, PARTITIONS)))
    async with sharing(log, 2) as runners:
        await shared_out(log, 7, 9)
        await log.add(strike(stream=low), strike(stream=high))
        await caught_up(log, runners)
        before = (await active_builds(log.connection))[CITY]
        async with held_up(log, "documents"):
            head = await log.add(talk("talk:one", "2025-05-16"), merge(high, low))
            await at(log, before.build, PARTITIONS - 1, head - 1)
            async with rebuilding(log):
                await rebuild(log.connection, [CITY])
                await switched(log, before)
        await caught_up(log, runners)
        await right(log)


async def test_the_first_partition_does_not_wait_for_what_its_own_runner_has_still_to_do(log: Log):
    """Builds that were begun one after the other, each with other partitions gone on with before they came together."""
    async with following(log) as one:
        await log.add(*(strike() for _ in range(30)))
        await caught_up(log, one)
    before = await active_builds(log.connection)
    begun = await rebuild(log.connection, [CITY, "talks_ledger"])
    for build, position in zip(begun, (4, 3), strict=True):
        positions = [position if n in {5, 6} else 3 if n < 2 else 12 for n in range(PARTITIONS)]
        await log.connection.execute("UPDATE builds SET positions = $2 WHERE build = $1", build.build, positions)
    async with rebuilding(log):
        for build in begun:
            await switched(log, before[build.projection])


@asynccontextmanager
async def held_up(log: Log, table: str) -> AsyncIterator[None]:
    """Let nobody write a table."""
    admin = await log.access.connect()
    try:
        async with admin.transaction():
            await admin.execute(f"LOCK TABLE {table} IN SHARE MODE")
            yield
    finally:
        await admin.close()


async def at(log: Log, build: int, partition: int, position: int) -> None:
    """Wait until a build is at a position in a partition; at most 60 s."""
    async with asyncio.timeout(60):
        while next(b for b in await read_builds(log.connection) if b.build == build).positions[partition] != position:
            await asyncio.sleep(0.01)
