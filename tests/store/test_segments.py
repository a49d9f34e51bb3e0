"""Ledgers as they are stored: who asks for some days reads the segments of these, and has the same sums."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from incidentlog.folding import totalling
from incidentlog.folding.rows import Grouping, by_document, detail_days, detail_grouping
from incidentlog.folding.shapes import Tally
from incidentlog.folding.totalling import Totalling, Window
from incidentlog.projections import PROJECTIONS
from incidentlog.projections.violations import ViolationSheets, sheet
from incidentlog.runner import lane as lane_module
from incidentlog.runner.lane import Lane
from incidentlog.store import segments
from incidentlog.store.answer import read_details, sum_lines
from incidentlog.store.builds import active_builds, begin_builds
from incidentlog.store.connect import Access
from incidentlog.store.read import read_log
from incidentlog.store.segments import read_parts
from tests.commands import retraction, strike
from tests.runner.driving import caught_up, following, log_at

PERIODS = [
    (None, "2025-10-05"),
    ("2025-10-03", "2025-10-09"),
    ("2025-10-20", None),
    ("2025-11-01", "2025-11-02"),
    ("2025-10-09", "2025-10-03"),
]


@pytest.mark.parametrize("name", ["city_incidents", "escalation_index", "daily_timeline"])
async def test_of_a_period_the_segments_of_its_days_are_read_and_the_sums_are_the_same(
    access: Access, monkeypatch: pytest.MonkeyPatch, name: str
):
    monkeypatch.setattr(segments, "STRETCH", 4)
    monkeypatch.setattr(lane_module, "EVERY", 1_000)
    async with log_at(access) as log:
        async with following(log) as runner:
            for n in range(24):
                day = (datetime(2025, 10, 1, tzinfo=UTC) + timedelta(days=n)).date().isoformat()
                start = f"{day[:7]}-01" if n == 20 else day  # known to the month only
                event = strike(
                    occurred={"start": start, "precision": "month" if n == 20 else "day", "tz": "Europe/Kyiv"}
                )
                await log.add(event, *([retraction(event["id"])] if n % 5 == 0 else []))
            head = await caught_up(log, runner)  # once it has ended nothing is merged any more
        build = (await active_builds(log.connection))[name]
        window, by = Window(0, head, 4), ("day", "month")

        async def read(periods: Sequence[segments.Period] = ()) -> int:
            return sum([len(parts) async for parts in read_parts(log.connection, build, window, periods=periods)])

        everything = await read()
        assert everything >= head // 4
        for since, until in PERIODS:
            asked = Grouping(by, since=since, until=until)
            sums = [Totalling(len(PROJECTIONS[name].measures)) for _ in range(2)]  # type: ignore[union-attr]
            await sum_lines(log.connection, build, asked, window, sums[0])
            async for parts in read_parts(log.connection, build, window):
                sums[1].take(parts, asked)
            assert sorted(sums[0].groups(), key=repr) == sorted(sums[1].groups(), key=repr)
            assert await read(asked.days) < everything
        await log.connection.execute("UPDATE segments SET first_day = NULL, last_day = NULL")
        assert await read(Grouping(by, since="2025-11-01").days) == everything  # as older builds wrote them


@pytest.mark.parametrize("name", ["city_incidents", "escalation_index", "daily_timeline"])
async def test_by_an_instant_no_segment_is_read_whose_lines_all_count_later(
    access: Access, monkeypatch: pytest.MonkeyPatch, name: str
):
    monkeypatch.setattr(segments, "STRETCH", 4)
    monkeypatch.setattr(lane_module, "EVERY", 1_000)
    begin = datetime(2025, 10, 1, tzinfo=UTC)
    async with log_at(access) as log:
        async with following(log) as runner:
            for n in range(24):
                start = (begin + timedelta(days=n)).date().isoformat()
                event = strike(occurred={"start": start, "precision": "day", "tz": "Europe/Kyiv"})
                await log.add(event, *([retraction(event["id"])] if n % 5 == 0 else []))
            head = await caught_up(log, runner)
        build = (await active_builds(log.connection))[name]
        asked = Grouping(("day", "month"))

        async def read(at: datetime | None) -> tuple[int, list[str]]:
            sums, number = Totalling(len(PROJECTIONS[name].measures)), 0  # type: ignore[union-attr]
            async for parts in read_parts(log.connection, build, Window(0, head, 4, at=at)):
                sums.take(parts, asked)
                number += len(parts)
            return number, sorted(map(repr, sums.groups()))

        instants = [None, *(begin + timedelta(days=days, hours=3) for days in (-2, 0, 3, 11, 23, 40))]
        found = [await read(at) for at in instants]
        numbers = [number for number, _ in found[1:]]
        assert numbers == sorted(numbers)
        assert 0 == numbers[0] < numbers[1] < numbers[3] < numbers[5] == found[0][0]
        await log.connection.execute("UPDATE segments SET earliest = NULL")  # as older builds wrote them
        assert [sums for _, sums in found] == [(await read(at))[1] for at in instants]
        assert {(await read(at))[0] for at in instants} == {found[0][0]}


@pytest.mark.parametrize("name", ["city_incidents", "escalation_index", "daily_timeline"])
async def test_segments_whose_sums_are_kept_are_not_read_again_and_the_sums_are_the_same(
    access: Access, monkeypatch: pytest.MonkeyPatch, name: str
):
    monkeypatch.setattr(segments, "STRETCH", 8)
    monkeypatch.setattr(totalling, "FEW_LINES", 1)
    monkeypatch.setattr(lane_module, "EVERY", 1_000)
    begin, tally = datetime(2025, 10, 1, tzinfo=UTC), PROJECTIONS[name]
    assert isinstance(tally, Tally)
    async with log_at(access) as log:
        async with following(log) as runner:
            for n in range(40):
                start = (begin + timedelta(days=n // 8)).date().isoformat()
                event = strike(occurred={"start": start, "precision": "day", "tz": "Europe/Kyiv"})
                await log.add(event | {"tlp": "AMBER" if n % 16 == 5 else "CLEAR"})
                if n % 10 == 9:
                    await log.add(retraction(event["id"]))
            head = await caught_up(log, runner)
        build, asked = (await active_builds(log.connection))[name], Grouping(("month",))

        async def read(window: Window) -> tuple[list[str], int]:
            """The groups, and how many segments were not read for them."""
            sums = Totalling(len(tally.measures))
            kept = sums.kept(asked, window)
            await sum_lines(log.connection, build, asked, window, sums)
            return sorted(map(repr, sums.groups())), len(kept)

        whole = Window(0, head, 4)
        windows = [whole, Window(0, head, 0), Window(0, head - 3, 4), Window(9, head, 4)]
        windows += [replace(whole, at=begin + timedelta(days=2)), replace(whole, later_than=begin + timedelta(days=2))]
        right = []
        for window in windows:
            monkeypatch.setattr(totalling, "KEPT", totalling.Kept())
            right.append(await read(window))
        assert {number for _, number in right} == {0}
        monkeypatch.setattr(totalling, "KEPT", totalling.Kept())
        await read(whole)
        found = [await read(window) for window in windows]
        assert [groups for groups, _ in found] == [groups for groups, _ in right]
        assert found[0][1] == max(number for _, number in found) > min(number for _, number in found)


async def test_who_waits_for_the_next_event_waits_for_one_merge_and_a_large_batch_is_followed_by_all(
    access: Access, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(segments, "RUN", 3)
    async with log_at(access) as log:
        lane = Lane(log.connection, await begin_builds(log.connection), (await read_log(log.connection)).zone)

        async def loose() -> list[int]:
            """How many segments each ledger has that are not merged, of those that have any."""
            query = "SELECT count(*) FILTER (WHERE NOT merged) FROM segments GROUP BY build"
            return sorted(row["count"] for row in await log.connection.fetch(query))

        async def take_in(events: int) -> None:
            await log.add(*(strike() for _ in range(events)))
            await lane.take(await lane.read(log.connection, events))

        await take_in(1)
        assert not await lane.merge(1)  # from here on it knows what was written
        for _ in range(3):
            await take_in(1)
        ledgers = len(await loose())
        assert ledgers > 1
        for merged in range(ledgers):
            assert await loose() == [0] * merged + [4] * (ledgers - merged)
            assert await lane.merge(1)
        assert await loose() == [0] * ledgers
        assert not await lane.merge(1)
        monkeypatch.setattr(segments, "STRETCH", 4)
        await take_in(9)  # the end of a stretch, one whole, and one that begins
        assert await lane.merge(9)
        assert await log.connection.fetchval("SELECT max(first_position) FROM segments WHERE merged") == 9
        assert await loose() == [1] * ledgers
        assert not await lane.merge()


async def test_of_sheets_the_segments_of_their_days_are_read_whatever_day_the_claims_are_of(
    access: Access, monkeypatch: pytest.MonkeyPatch
):
    """A claim is of the day on which it was made, and on the sheets of the days of which it tells."""
    monkeypatch.setattr(segments, "STRETCH", 4)
    monkeypatch.setattr(lane_module, "EVERY", 1_000)
    days = [(datetime(2025, 10, 1, tzinfo=UTC) + timedelta(days=n)).date().isoformat() for n in range(30)]
    async with log_at(access) as log:
        async with following(log) as runner:
            for n, told in enumerate(days[:24]):
                event = strike(
                    type="violation.reported",
                    occurred={"start": days[n + 6], "precision": "day", "tz": "Europe/Kyiv"},
                    data={
                        "ceasefires": ["ceasefire:a"],
                        "accused": ["RUS"],
                        "claimed_by": "UKR",
                        "severity": "minor",
                        **({"period": {"from": told, "to": days[n + 2]}} if n % 2 else {}),
                    },
                )
                del event["place"]
                await log.add(event, *([retraction(event["id"])] if n % 5 == 0 else []))
            head = await caught_up(log, runner)  # once it has ended nothing is merged any more
        build = (await active_builds(log.connection))["violation_sheets"]
        window = Window(0, head, 4)

        async def read(keys: Sequence[str]) -> int:
            periods = detail_days(ViolationSheets, keys)
            return sum([len(parts) async for parts in read_parts(log.connection, build, window, periods=periods)])

        everything, there = await read(()), 0
        for asked in ([days[1]], [days[8], days[9], days[20]], [days[0], days[29]], ["2020-01-01"], days):
            keys = [sheet("ceasefire:a", day) for day in asked]
            found = await read_details(log.connection, ViolationSheets, build, keys, clearance=4, upto=head)
            sums = Totalling(len(ViolationSheets.measures))
            async for parts in read_parts(log.connection, build, window):
                sums.take(parts, detail_grouping(ViolationSheets, keys))
            right = by_document(sums.groups())
            assert found == right
            assert await read(keys) < everything or asked == days
            there += len(right)
        assert there
