"""Who follows and who builds is killed with -9 at chosen points of what it writes, alone and among several.

In the end there is what one fold of the whole log gives, for every clearance, as of every position that is looked at.
Each takes a dozen processes: `POINTS=all pytest tests/runner/test_killed.py` has more of them than CI has time for.
"""

import asyncio
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from incidentlog.config import Settings
from incidentlog.folding.fold import RED
from incidentlog.runner import apart
from incidentlog.store.connect import Access
from tests.api.serving import Served, serving
from tests.commands import about, strike
from tests.runner.driving import check, log_at, versions_are_folds
from tests.runner.dying import TIMES
from tests.runner.small import SMALL
from tests.runner.test_apart import answering, seen
from tests.subjects.given import merge, timeline

AT = [datetime(2026, 1, 1, tzinfo=UTC)]
OFTEN = [("after derive.write", 5), ("after derive.link", 2), ("before snapshots.put", 1)]
"""When, at which query, and among how many processes that follow, and that build."""
SELDOM = [
    ("before derive.write", 1), ("after derive.write", 2), ("after derive.end_subjects", 2), ("before derive.link", 5),
    ("after segments.take", 1), ("after segments.put", 2), ("after snapshots.put", 5), ("after builds.lease", 5),
    ("before builds.set_state", 2), ("after builds.set_state", 2),
]  # fmt: skip
POINTS = [*OFTEN, *(SELDOM if os.environ.get("POINTS") == "all" else ())]


def happens() -> Sequence[list[dict[str, Any]]]:
    """What is told, in appends: real events, strikes that are corrected, and merges of streams of several partitions."""
    strikes = [strike(stream=f"strike:{n % 11}") for n in range(33)]
    corrected = [
        about("retracted", strikes[3]["id"], reason="a rumour"),
        about("remarked", strikes[4]["id"], tlp="RED", reason="it names somebody"),
        about("remarked", strikes[7]["id"], tlp="AMBER", reason="it names somebody"),
        about("amended", strikes[20]["id"], patch={"occurred": strikes[0]["occurred"] | {"start": "2025-11-01"}}, reason="x"),
        merge("strike:1", "strike:2"), merge("strike:5", "strike:1"), merge("strike:9", "strike:8"),
        *(strike(stream=f"strike:{n}") for n in (2, 8, 1)),
        merge("strike:10", "strike:5"),
    ]  # fmt: skip
    told = [*strikes, *corrected, *timeline()]
    return [told[n : n + 12] for n in range(0, len(told), 12)]


@pytest.mark.parametrize(("point", "number"), POINTS)
async def test_whoever_is_killed_wherever_all_is_counted_once(
    access: Access, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, point: str, number: int
) -> None:
    monkeypatch.setattr(apart, "RETRY_SECONDS", 0.05)
    monkeypatch.setattr("tests.api.serving.RUNNER", "tests.runner.dying")
    monkeypatch.setenv("DYING", point)
    monkeypatch.setenv("DYING_TIMES", str(tmp_path))
    for module, name, value in SMALL:
        monkeypatch.setattr(module, name, value)
    appends = happens()
    async with serving(access, settings=Settings(log_level="error", runners=number), runner_apart=True) as service:
        for events in appends[:8]:
            await service.add(*events)
        await seen(service, await service.head())
        order = {"projection": "subjects", "do": "rebuild"}
        begun = {b["build"] for b in (await service.post(order, path="/v1/builds")).json["builds"]}
        for events in appends[8:]:
            await service.add(*events)
        await switched(service, begun)
        head = await service.head()
        await seen(service, head)
        async with log_at(access) as log:
            await check(log, ats=AT, levels=(0, 2, RED))
            await versions_are_folds(log)
    assert len(list(tmp_path.iterdir())) == TIMES
    assert head == sum(map(len, appends))


async def switched(service: Served, builds: set[int]) -> None:
    """Wait until these are what answers; at most 120 s."""
    async with asyncio.timeout(120):
        while not await answering(service, builds):
            await asyncio.sleep(0.05)
