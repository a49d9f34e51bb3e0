"""Snapshots: an answer that begins with one is the answer without it, at every position, instant and clearance."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from incidentlog.embedded import Server
from incidentlog.folding.rows import Grouping
from incidentlog.folding.shapes import Tally
from incidentlog.projections import PROJECTIONS
from incidentlog.runner import lane as lane_module
from incidentlog.runner import runner as runner_module
from incidentlog.store import snapshots
from incidentlog.store.answer import read_groups
from incidentlog.store.builds import active_builds
from incidentlog.store.connect import Access
from tests.commands import retraction, strike
from tests.conftest import log_called
from tests.runner.driving import Log, caught_up, following, log_at

REACHED = "SELECT count(*) FROM snapshots WHERE position = $1"
TALLIES = [name for name, p in PROJECTIONS.items() if isinstance(p, Tally) and p.rollups]
AHEAD = datetime.now(UTC) + timedelta(days=30)


@pytest.fixture
async def log(access: Access) -> AsyncIterator[Log]:
    async with log_at(access) as made:
        yield made


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """A snapshot every few events, and every second one takes in others."""
    take_often(monkeypatch)


def take_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "EVERY", 8)
    monkeypatch.setattr(snapshots, "FAN", 2)
    monkeypatch.setattr(lane_module, "EVERY", 8)
    monkeypatch.setattr(runner_module, "POLL_SECONDS", 0.02)


@pytest.fixture(scope="module")
async def history(server: Server) -> AsyncIterator[tuple[Log, int]]:
    """A log with snapshots and its head, filled once: of each projection one test takes them away."""
    with pytest.MonkeyPatch.context() as patch:
        take_often(patch)
        async with log_called("snapshots", server) as access, log_at(access) as log:
            yield log, await filled(log)


def tally_called(name: str) -> Tally:
    tally = PROJECTIONS[name]
    assert isinstance(tally, Tally)
    return tally


async def filled(log: Log) -> int:
    """A history with marked, retracted and recent events: what happened today counts in the week to come, too."""
    today = datetime.now(UTC).date().isoformat()
    places = ["Odesa", "Kyiv", "Kharkiv"]
    async with following(log) as runner:
        sent: list[dict[str, Any]] = []
        for n in range(30):
            event = strike(
                killed=n,
                tlp=["CLEAR", "AMBER", "RED"][n % 3 if n % 5 == 0 else 0],
                place={"name": places[n % 3], "country": "UA", "precision": "settlement"},
            )
            if n % 4 == 0:
                event["occurred"] = {"start": today, "precision": "day", "tz": "Europe/Kyiv"}
                event["reported_at"] = today
            sent.append(event)
            await log.add(event, *([retraction(sent[n // 2]["id"])] if n % 6 == 5 else []))
        head = await caught_up(log, runner)
        await log.add(strike())
        await caught_up(log, runner)
        builds = await active_builds(log.connection)
        due = sum(len(tally_called(name).rollups) for name in TALLIES if builds[name].position >= 8)
        async with asyncio.timeout(60):  # they are taken when there is nothing else to do
            while await log.connection.fetchval(REACHED, head // 8 * 8) < due:
                await asyncio.sleep(0.02)
        return head


@pytest.mark.parametrize("name", TALLIES)
async def test_the_answer_is_the_same_with_and_without(
    history: tuple[Log, int], name: str, monkeypatch: pytest.MonkeyPatch
):
    log, head = history
    tally, build = tally_called(name), (await active_builds(log.connection))[name]
    taken = await log.connection.fetchval("SELECT count(*) FROM snapshots WHERE build = $1", build.build)
    assert taken == len(tally.rollups) * (head // 8)
    begun = 0

    async def groups(by: tuple[str, ...], at: datetime, upto: int, level: int) -> Any:
        found = await read_groups(log.connection, tally, build, Grouping(by), clearance=level, at=at, upto=upto)
        return sorted(((g.key, tuple(g.sums), g.position, g.restated) for g in found if any(g.sums)), key=repr)

    asked = [
        (by, at, upto, level)
        for by in {r[:n] for r in tally.rollups for n in (1, 2, len(r))}
        for at in (datetime(2025, 12, 1, tzinfo=UTC), datetime.now(UTC), AHEAD)
        for upto in (7, 8, 9, 20, head)
        for level in (0, 2, 4)
    ]
    find = snapshots.find_snapshot

    async def counted(*args: Any, **kwargs: Any) -> Any:
        nonlocal begun
        found = await find(*args, **kwargs)
        begun += found is not None
        return found

    monkeypatch.setattr("incidentlog.store.answer.find_snapshot", counted)
    with_them = [await groups(*how) for how in asked]
    assert begun > len(asked) // 4
    await log.connection.execute("DELETE FROM snapshots WHERE build = $1", build.build)
    assert with_them == [await groups(*how) for how in asked]


async def test_each_is_added_to_one_before_and_so_back_to_the_beginning(log: Log):
    await filled(log)
    build, tally = (await active_builds(log.connection))["city_incidents"], tally_called("city_incidents")
    taken = "SELECT after, position FROM snapshots WHERE build = $1 AND rollup = $2 ORDER BY position"
    for rollup in tally.rollups:
        rows = await log.connection.fetch(taken, build.build, ",".join(rollup))
        assert [tuple(row) for row in rows] == [(0, 8), (0, 16), (16, 24), (0, 32)]


async def test_of_a_rollup_that_the_tally_has_no_more_there_are_none(log: Log, monkeypatch: pytest.MonkeyPatch):
    head = await filled(log)
    build, tally = (await active_builds(log.connection))["city_incidents"], tally_called("city_incidents")
    rows = await log.rows("city_incidents", AHEAD, head)
    monkeypatch.setattr(type(tally), "rollups", (("kind", "place"), *tally.rollups[1:]))
    there = "SELECT DISTINCT rollup FROM snapshots WHERE build = $1"
    assert "place" in {row["rollup"] for row in await log.connection.fetch(there, build.build)}
    while await snapshots.take_snapshots(log.connection, tally, build, head):
        pass
    taken = {row["rollup"] for row in await log.connection.fetch(there, build.build)}
    assert taken == {",".join(rollup) for rollup in tally.rollups}
    assert await log.rows("city_incidents", AHEAD, head) == rows


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("city_incidents", Grouping(("place", "admin1", "country"), since="2025-01-01")),
        ("city_incidents", Grouping(("day",), {"admin1": ("UA.17",)})),
        (
            "city_incidents",
            Grouping(("week",), {"place": ("geonames:698740",)}, since="2025-01-01", until="2025-02-01"),
        ),
        ("city_incidents", Grouping(("place", "month"))),
        ("city_incidents", Grouping(("month", "side"), {"verification": ("verified",)})),
        ("escalation_index", Grouping(("month", "category"))),
        ("escalation_index", Grouping(("day",), {"admin1": ("UA.17",)}, since="2025-01-01")),
        ("daily_timeline", Grouping(("month", "category"))),
        ("daily_timeline", Grouping(("day", "type"), since="2025-01-01")),
        ("strike_profile", Grouping(("month",), {"admin1": ("UA.17",)})),
        ("violations", Grouping(("month", "accused"))),
        ("actor_participation", Grouping(("actor", "month", "verification"))),
    ],
)
def test_what_is_asked_often_is_summed_of_snapshots_and_not_of_the_whole_ledger(name: str, asked: Grouping):
    assert snapshots.rollup_of(tally_called(name), asked) is not None


async def test_two_that_take_the_same_snapshot_take_it_once(log: Log, monkeypatch: pytest.MonkeyPatch):
    await filled(log)
    build, tally = (await active_builds(log.connection))["city_incidents"], tally_called("city_incidents")
    there = "SELECT array_agg((rollup, position, uid)::text ORDER BY rollup, position) FROM snapshots WHERE build = $1"
    before = await log.connection.fetchval(there, build.build)
    with pytest.raises(Exception, match="duplicate key"):
        await snapshots._take(log.connection, tally, build, tally.rollups[0], 8)
    assert await log.connection.fetchval(there, build.build) == before
