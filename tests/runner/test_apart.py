"""The runner in a process of its own: it comes back when it is killed, ends with the service, and tells in order."""

import asyncio
import gc
import os
import signal
import subprocess
import sys
import weakref
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from incidentlog.config import Settings
from incidentlog.folding.change import Change
from incidentlog.runner import apart
from incidentlog.store.connect import Access
from tests.api.serving import Served, serving
from tests.commands import strike


@pytest.fixture
async def service(access: Access, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(apart, "RETRY_SECONDS", 0.05)
    async with serving(access, settings=Settings(log_level="error"), runner_apart=True) as served:
        yield served


def child() -> int:
    """The runner's process: the only child that runs it."""
    return children()[0]


def children() -> list[int]:
    """The processes of runner and rebuilder, as far as they are there."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                told = (entry / "stat").read_text()
                line = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if int(told.rpartition(")")[2].split()[1]) == os.getpid() and b"incidentlog.runner" in line:
                found.append(int(entry.name))
    return sorted(found)


async def seen(service: Served, position: int) -> int:
    # A process that is to start, nicer than all others, takes what a loaded machine leaves it.
    assert await service.service.runner.reached(position, 150), service.service.runner.failure
    answer = await service.get("/v1/projections/city_incidents", min_position=position)
    assert answer.status == 200, answer
    return sum(row["incidents"] for row in answer.json["rows"].values())


async def test_it_keeps_up_is_killed_and_comes_back_and_counts_everything_once(service: Served):
    await service.add(*(strike() for _ in range(3)))
    assert await seen(service, 3) == 3
    first = child()
    os.kill(first, signal.SIGKILL)
    await service.add(*(strike() for _ in range(3)))
    assert await seen(service, 6) == 6
    assert child() != first
    assert (await service.get("/readyz?verbose")).json["checks"]["projections"] == "ok"


async def test_a_place_is_known_once_its_position_is_reached(service: Served):
    for n in range(5):
        place = {"slug": f"x{n}", "name": f"Nova Vyhadka {n}", "country": "UA", "lat": 49.0, "lon": 36.0 + n}
        (position,) = await service.add({"type": "place.registered", "stream": f"place:x{n}", "data": place})
        await seen(service, position)
        where = {"name": f"Nova Vyhadka {n}", "country": "UA", "precision": "settlement"}
        answer = await service.get("/v1/places", q=where["name"], country="UA")
        assert answer.json["resolution"]["place_id"] == f"place:x{n}"


async def test_it_ends_with_the_service(access: Access):
    async with serving(access, settings=Settings(log_level="error"), runner_apart=True) as service:
        await service.add(strike())
        assert await seen(service, 1) == 1
        process = child()
    async with asyncio.timeout(60):
        while Path(f"/proc/{process}").exists():
            await asyncio.sleep(0.01)


def test_typed_by_hand_it_says_who_starts_it():
    by_hand = [sys.executable, "-m", "incidentlog.runner"]
    done = subprocess.run(by_hand, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "incidentlog serve" in done.stderr


async def test_a_service_that_starts_again_knows_at_once_what_its_log_adds_up_to(access: Access):
    """Its first answers are not those of an empty log."""
    async with serving(access, settings=Settings(log_level="error"), runner_apart=True) as service:
        await service.add(*(strike() for _ in range(3)))
        assert await seen(service, 3) == 3
    async with serving(access, settings=Settings(log_level="error"), runner_apart=True) as service:
        answer = await service.get("/v1/projections/city_incidents")
        assert answer.json["basis"]["position"] == 3
        (row,) = answer.json["rows"].values()
        assert row["incidents"] == 3


async def test_a_service_on_a_new_log_answers_before_anything_was_ever_folded(access: Access):
    async with serving(access, settings=Settings(log_level="error"), runner_apart=True) as service:
        for path in (
            "/v1/projections",
            "/v1/projections/city_incidents",
            "/v1/projections/ceasefire_status",
            "/v1/events",
        ):
            answer = await service.get(path)
            assert answer.status in {200, 503}, answer
            assert answer.status == 200 or answer.slug == "projection-lagging"
        assert (await service.get("/v1/subjects/strike:one")).status in {404, 503}


async def test_a_rebuilder_that_is_killed_comes_back_and_goes_on_with_the_same_build(service: Served):
    await service.fill(*(strike() for _ in range(400)))
    assert await seen(service, 400) == 400
    runner = child()
    order = {"projection": "subjects", "do": "rebuild"}
    begun = {b["build"] for b in (await service.post(order, path="/v1/builds")).json["builds"]}
    killed = 0
    async with asyncio.timeout(60):
        while killed < 2 and not await answering(service, begun):
            for process in set(children()) - {runner}:
                os.kill(process, signal.SIGKILL)
                killed += 1
            await asyncio.sleep(0.02)
        while not await answering(service, begun):
            await asyncio.sleep(0.05)
    assert killed
    assert await seen(service, 400) == 400
    (position,) = await service.add(strike())
    assert await seen(service, position) == 401


async def answering(service: Served, builds: set[int]) -> bool:
    """Whether these builds are what answers."""
    told = (await service.get("/v1/builds")).json["builds"]
    return builds <= {b["build"] for b in told if b["state"] == "active"}


@pytest.fixture
async def dying(access: Access, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest):
    """A service whose runner and rebuilder are killed by what they take in."""
    monkeypatch.setattr(apart, "RETRY_SECONDS", 0.05)
    monkeypatch.setattr("tests.api.serving.RUNNER", "tests.runner.dying")
    monkeypatch.setenv("DYING", request.param)
    async with serving(access, settings=Settings(log_level="error"), runner_apart=True) as served:
        yield served


@pytest.mark.parametrize("dying", ["stream"], indirect=True)
async def test_what_ends_it_three_times_is_set_aside_and_until_then_readiness_says_that_it_keeps_ending(dying: Served):
    told = set[str]()

    async def watch() -> None:
        while True:
            told.add((await dying.get("/readyz?verbose")).json["checks"]["projections"])
            await asyncio.sleep(0.01)

    watching = asyncio.create_task(watch())
    await dying.fill(*(strike() for _ in range(2)), strike(stream="strike:deadly"), *(strike() for _ in range(3)))
    assert await seen(dying, 6) == 5
    watching.cancel()
    assert "the runner keeps ending: 2 times at position 2" in told
    answer = await dying.get("/v1/projections/city_incidents")
    assert answer.json["incomplete"] == 1
    assert (await dying.get("/v1/subjects/strike:deadly")).status == 200
    assert (await dying.get("/readyz?verbose")).json["checks"]["projections"] == "ok"


@pytest.mark.parametrize("dying", ["many"], indirect=True)
async def test_after_an_end_it_takes_in_less_at_once(dying: Served):
    await dying.fill(*(strike() for _ in range(60)))
    assert await seen(dying, 60) == 60
    assert "incomplete" not in (await dying.get("/v1/projections/city_incidents")).json


def test_the_collector_passes_over_what_is_remembered_and_finds_garbage_in_the_end(monkeypatch: pytest.MonkeyPatch):
    class Node:
        """Refers to itself: only the collector finds it."""

        def __init__(self) -> None:
            self.own = self

    monkeypatch.setattr(apart, "COLLECTED", 2)
    change = Change(1, uuid4(), datetime.now(UTC), "strike:a", "strike", {}, {}, restates=False)
    thresholds = gc.get_threshold()
    spared = apart.Spared()
    try:
        garbage = weakref.ref(Node())
        spared([change])
        gc.collect()
        assert garbage() is not None
        spared([change])
        assert garbage() is None
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()
        gc.set_threshold(*thresholds)
