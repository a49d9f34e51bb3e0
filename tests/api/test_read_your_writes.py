"""A read that names a position waits until it is there, for a while."""

import asyncio
from pathlib import Path

import aiohttp
import orjson
import pytest

from incidentlog.audit.beginning import begin_if_new
from incidentlog.audit.state import Folder
from incidentlog.service.service import checkpoint
from incidentlog.store.connect import Access
from tests.api.serving import ADMIN, Answer, Served, serving
from tests.commands import strike

PATHS = ["/v1/events", "/v1/projections/city_incidents", "/v1/subjects/strike:one", "/v1/streams/strike:one"]


@pytest.mark.parametrize("path", PATHS)
async def test_what_was_written_is_read(service: Served, path: str):
    for n in range(1, 6):
        event = strike(stream="strike:one", killed=n)
        position = (await service.post(event)).headers["Log-Position"]
        answer = await service.get(path, min_position=position)
        assert answer.status == 200
        assert answer.headers["Log-Position"] == position == str(n)


async def test_a_read_waits_for_a_position_to_come(service: Served):
    waiting = asyncio.create_task(service.get("/v1/projections/city_incidents", {"Prefer": "wait=10"}, min_position=1))
    await service.get("/livez")
    assert not waiting.done()
    await service.add(strike())
    answer = await waiting
    assert answer.status == 200
    assert answer.json["basis"]["position"] == 1
    assert len(answer.json["rows"]) == 1


def behind(answer: Answer, position: int) -> None:
    assert (answer.status, answer.slug) == (503, "projection-lagging")
    assert answer.headers["Retry-After"] == "1"
    assert answer.json["position"] == position


async def left_behind(service: Served, monkeypatch: pytest.MonkeyPatch, *names: str) -> int:
    """Have some projections stand still, as after an upgrade until the new version is built; answers where."""

    async def nothing(_: object) -> list[object]:
        return []

    monkeypatch.setattr("incidentlog.runner.rebuilder.read_under_way", nothing)
    await service.add(strike())
    await service.settled()
    admin = await service.access.connect()
    await admin.execute("UPDATE builds SET version = 0 WHERE projection = ANY($1)", names)
    stood, head = 1, 1
    async with asyncio.timeout(60):
        while stood == head:  # it has what it is at until it looks around, with nothing to do
            service.service.grown.ring()
            await asyncio.sleep(0.05)
            await service.add(strike())
            await service.settled()
            head = await service.head()
            stood = await admin.fetchval(
                "SELECT min(reached) FROM builds, unnest(positions) AS reached WHERE version = 0"
            )
    await admin.close()
    return stood


async def test_a_tally_of_an_older_version_is_not_read_for_what_was_written_since(
    service: Served, monkeypatch: pytest.MonkeyPatch
):
    """Whoever asks for what is known now gets what is there."""
    stood = await left_behind(service, monkeypatch, "violations", "city_incidents")
    head = await service.head()
    for path in ("/v1/projections/city_incidents", "/v1/projections/ceasefire_status"):
        behind(await service.get(path, min_position=head), stood)
        behind(await service.get(path, at_position=head), stood)
        for told in (await service.get(path, min_position=stood), await service.get(path)):
            assert (told.status, told.json["basis"]["position"]) == (200, stood)


async def test_what_can_be_asked_is_listed_with_the_version_and_the_position_of_its_rows(
    service: Served, monkeypatch: pytest.MonkeyPatch
):
    await left_behind(service, monkeypatch, "violations", "city_incidents")
    for listed in (await service.get("/v1/projections")).json["projections"]:
        basis = (await service.get(f"/v1/projections/{listed['name']}")).json["basis"]
        assert (listed["version"], listed["position"]) == (basis["version"], basis["position"]), listed["name"]


async def test_what_may_be_told_twice_is_looked_for_as_of_the_timeline(
    service: Served, monkeypatch: pytest.MonkeyPatch
):
    """While the timeline stands still, nobody is found in it who came since: that is not told as of the head."""
    one, *others = [strike(stream=f"strike:{name}") for name in "abc"]
    await service.add(one, others[0])
    stood = await left_behind(service, monkeypatch, "daily_timeline")
    await service.add(others[1])
    await service.settled()
    head = await service.head()
    path = "/v1/subjects/strike:a/candidates"
    behind(await service.get(path, at_position=head), stood)
    behind(await service.get(path, min_position=head), stood)
    told = await service.get(path)
    assert (told.status, told.json["basis"]["position"], told.headers["Log-Position"]) == (200, stood, str(stood))
    found = {c["stream"] for c in told.json["candidates"]}
    assert "strike:b" in found
    assert "strike:c" not in found


OF_SUBJECTS = [
    "/v1/subjects",
    "/v1/subjects/strike:a",
    "/v1/subjects/strike:a/candidates",
    "/v1/diff?from_position=1&subject=strike:b",
    "/v1/diff?from_position=1",
]


async def nothing_is_built(service: Served, monkeypatch: pytest.MonkeyPatch, change: str) -> None:
    """Have what answers be an older version's, which nobody builds anew, as after an upgrade."""

    async def nothing(_: object) -> list[object]:
        return []

    monkeypatch.setattr("incidentlog.runner.rebuilder.read_under_way", nothing)
    admin = await service.access.connect()
    await admin.execute(f"UPDATE builds SET {change} WHERE projection = 'subjects'")
    await admin.close()


async def test_subjects_of_an_older_version_are_not_told_as_of_this_one(
    service: Served, monkeypatch: pytest.MonkeyPatch
):
    """Else the answer with the same basis is another one when they are built anew."""
    await service.add(*[strike(stream=f"strike:{name}") for name in "ab"])
    await service.settled()
    before = [(await service.get(path)).json["basis"] for path in OF_SUBJECTS]
    await nothing_is_built(service, monkeypatch, "version = 0")
    for path, basis in zip(OF_SUBJECTS, before, strict=True):
        answer = await service.get(path)
        assert answer.status == 200, answer
        assert answer.json["basis"]["version"] not in {0, basis["version"]}
        again = {name: answer.json["basis"][name] for name in ("version", "generation")}
        assert (await service.get(path, **again)).json["basis"]["version"] == again["version"]
        refused = await service.get(path, version=basis["version"])
        assert (refused.status, list(refused.faults)) == (400, ["/version"])


async def test_subjects_that_this_code_cannot_read_are_not_built_yet(service: Served, monkeypatch: pytest.MonkeyPatch):
    """That is not told as if there were none."""
    await service.add(*[strike(stream=f"strike:{name}") for name in "ab"])
    await service.settled()
    await nothing_is_built(service, monkeypatch, "version = 0, shape = 'other'")
    for path in [*OF_SUBJECTS, "/v1/subjects/strike:a/history"]:
        answer = await service.get(path)
        assert (answer.status, answer.slug) == (503, "projection-lagging"), path


async def test_what_can_be_read_is_not_told_as_of_the_beginning_where_the_subjects_cannot(
    service: Served, monkeypatch: pytest.MonkeyPatch
):
    await service.add(strike(), strike())
    await service.settled()
    await nothing_is_built(service, monkeypatch, "version = 0, shape = 'other'")
    assert await checkpoint(service.service.leader) == 2
    for basis in ("recorded", "reported"):
        told = await service.get("/v1/projections/city_incidents", basis=basis)
        assert (told.status, told.json["basis"]["position"]) == (200, 2)
        assert sum(row["incidents"] for row in told.json["rows"].values()) == 2
    document = await service.get("/v1/projections/policies")  # it is folded from them
    assert (document.status, document.slug) == (503, "projection-lagging")


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_whoever_waits_for_what_may_never_come_holds_up_no_stop(
    access: Access, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
):
    """A read that waits for a position, an append that waits for its seal: both are told when the service stops."""
    waits = asyncio.Event()

    async def never(*_: object) -> bool:
        waits.set()
        return await asyncio.Event().wait()

    monkeypatch.setattr("incidentlog.runner.progress.Progress.reached", never)
    monkeypatch.setattr("incidentlog.audit.notary.Notary.sealed", never)
    folder = Folder(tmp_path / "log")
    await begin_if_new(access, folder, origin=None, key=None)
    headers = {"Authorization": f"Bearer {ADMIN}", "Prefer": "wait=10", "Content-Type": "application/json"}
    async with aiohttp.ClientSession(headers=headers) as session:
        async with serving(access, folder=folder) as service:
            path = "/v1/projections/city_incidents?min_position=9" if method == "GET" else "/v1/events?wait=sealed"
            body = None if method == "GET" else orjson.dumps(strike())
            asking = asyncio.create_task(session.request(method, service.url + path, data=body))
            async with asyncio.timeout(60):
                await waits.wait()
        async with await asking as answer:
            told = await answer.json()
    if method == "GET":
        assert (answer.status, told["type"], answer.headers["Retry-After"]) == (
            503,
            "/problems/projection-lagging",
            "1",
        )
    else:
        assert (answer.status, told["position"], told["proof"]) == (201, 1, None)


async def test_a_position_that_does_not_come_is_not_waited_for_longer_than_asked(service: Served):
    await service.add(strike(stream="strike:one"))
    await service.settled()
    for path in PATHS:
        for prefer in ("wait=0", "respond-async, wait=0", "handling=strict,wait=0 "):
            behind(await service.get(path, {"Prefer": prefer}, min_position=2), 1)
            assert (await service.get(path, {"Prefer": prefer}, min_position=1)).status == 200


async def test_a_preference_that_cannot_be_read_is_none(service: Served, monkeypatch: pytest.MonkeyPatch):
    from incidentlog.api import requests

    monkeypatch.setattr(requests, "WAIT_SECONDS", 0.0)
    for prefer in ("wait", "wait=", "wait=-1", "wait=x", "wait=0.5", "wait=%00", "", "wait=\u0663"):
        behind(await service.get("/v1/events", {"Prefer": prefer}, min_position=1), 0)


async def test_ten_seconds_are_the_most(service: Served, monkeypatch: pytest.MonkeyPatch):
    from incidentlog.runner import Runner

    waited: list[float] = []

    async def reached(_: Runner, position: int, seconds: float) -> bool:
        waited.append(seconds)
        return position == 0

    monkeypatch.setattr(Runner, "reached", reached)
    for prefer in ("wait=9", "wait=11", "wait=99999999999999999999", None):
        await service.get("/v1/events", {} if prefer is None else {"Prefer": prefer}, min_position=1)
    assert waited == [9, 10, 10, 2]


@pytest.mark.parametrize(("more", "seconds"), [(0, 0.5), (1, 0.0)])
async def test_a_read_that_names_no_position_waits_for_few_events_and_not_behind_a_bulk(
    service: Served, monkeypatch: pytest.MonkeyPatch, more: int, seconds: float
):
    from incidentlog.api import requests
    from incidentlog.runner import Runner

    waited: list[float] = []

    async def reached(_: Runner, position: int, seconds: float) -> bool:
        waited.append(seconds)
        return False

    await service.add(*(strike() for _ in range(3 + more)))
    await service.settled()
    monkeypatch.setattr(requests, "SOON_EVENTS", 3)
    monkeypatch.setattr(Runner, "reached", reached)
    stands_still = property(lambda _: 0, lambda _, __: None)
    monkeypatch.setattr(Runner, "position", stands_still, raising=False)
    answer = await service.get("/v1/projections/city_incidents")
    assert (answer.status, answer.json["basis"]["position"], waited) == (200, 0, [seconds])


async def test_a_pinned_read_waits_for_its_position_too(service: Served):
    await service.add(*(strike() for _ in range(5)))
    answer = await service.get("/v1/projections/city_incidents", at="2026-01-01", at_position=5)
    (row,) = answer.json["rows"].values()
    assert row["incidents"] == 5


async def test_a_position_beyond_the_log_is_ahead_of_it(service: Served):
    await service.add(strike())
    answer = await service.get("/v1/projections/city_incidents", at_position=2)
    assert (answer.status, answer.faults) == (400, {"/at_position": "ahead_of_log"})
    assert answer.json["position"] == 1
