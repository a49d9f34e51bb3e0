"""Ledgers as they are stored: who asks for a period reads the segments of its days, and has the same sums."""

from datetime import UTC, datetime, timedelta

import pytest

from incidentlog.folding.rows import Grouping
from incidentlog.folding.totalling import Totalling, Window
from incidentlog.projections import PROJECTIONS
from incidentlog.runner import lane as lane_module
from incidentlog.store import segments
from incidentlog.store.answer import sum_lines
from incidentlog.store.builds import active_builds
from incidentlog.store.connect import Access
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
    async with log_at(access) as log, following(log) as runner:
        for n in range(24):
            day = (datetime(2025, 10, 1, tzinfo=UTC) + timedelta(days=n)).date().isoformat()
            start = f"{day[:7]}-01" if n == 20 else day  # known to the month only
            event = strike(occurred={"start": start, "precision": "month" if n == 20 else "day", "tz": "Europe/Kyiv"})
            await log.add(event, *([retraction(event["id"])] if n % 5 == 0 else []))
        head = await caught_up(log, runner)
        build = (await active_builds(log.connection))[name]
        window, by = Window(0, head, 4), ("day", "month")

        async def read(period: segments.Days) -> int:
            return sum([len(parts) async for parts in read_parts(log.connection, build, window, period=period)])

        everything = await read((None, None))
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
