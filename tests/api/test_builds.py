"""Building anew over REST: what answers goes on answering; who may ask for it; what could not be taken in."""

import asyncio
from typing import Any

import pytest

from incidentlog.projections import PROJECTIONS
from incidentlog.runner import rebuilder
from incidentlog.store.builds import SUBJECTS
from tests.api.serving import Served, make_key
from tests.commands import strike

CITY = "city_incidents"


async def builds(service: Served, name: str = CITY) -> dict[str, list[int]]:
    told = (await service.get("/v1/builds")).json["builds"]
    found: dict[str, list[int]] = {}
    for build in told:
        if build["projection"] == name:
            found.setdefault(build["state"], []).append(build["build"])
    return found


async def ordered(service: Served, do: str, name: str = CITY) -> int:
    answer = await service.post(path="/v1/builds", event={"projection": name, "do": do})
    assert answer.status == 202, answer
    return int(answer.json["builds"][0]["build"])


async def until_active(service: Served, build: int) -> None:
    async with asyncio.timeout(60):
        while build not in (await builds(service)).get("active", []):
            await asyncio.sleep(0.02)


async def test_a_basis_gives_the_same_bytes_through_a_rebuild_and_the_way_back(service: Served):
    await service.add(*(strike() for _ in range(5)))
    await service.settled()
    path = f"/v1/projections/{CITY}?at=2026-01-01&at_position=5"
    before = await service.get(path)
    (first,) = (await builds(service))["active"]
    second = await ordered(service, "rebuild")
    assert second != first
    await until_active(service, second)
    assert (await service.get(path)).raw == before.raw
    await service.add(strike())
    assert await ordered(service, "switch") == first
    await until_active(service, first)
    assert (await service.get(path)).raw == before.raw
    assert await builds(service) == {"active": [first], "retired": [second]}


async def test_what_answers_no_more_is_deleted_when_it_is_asked_for(service: Served):
    await service.add(*(strike() for _ in range(5)))
    await service.settled()
    assert (await service.post(path="/v1/builds", event={"projection": CITY, "do": "drop"})).json == {"builds": []}
    (first,) = (await builds(service))["active"]
    second = await ordered(service, "rebuild")
    await until_active(service, second)
    assert await ordered(service, "drop") == first
    assert await builds(service) == {"active": [second]}
    answer = await service.post(path="/v1/builds", event={"projection": CITY, "do": "switch"})
    assert answer.slug == "no-way-back"
    answer = await service.post(path="/v1/builds", event={"projection": "was_once", "do": "drop"})
    assert (answer.status, answer.slug) == (404, "not-found")


async def test_what_is_being_built_can_be_given_up_and_what_answers_goes_on(
    service: Served, monkeypatch: pytest.MonkeyPatch
):
    await service.fill(*(strike() for _ in range(300)))
    await service.settled()
    path = f"/v1/projections/{CITY}?at=2026-01-01&at_position=300"
    before, known = await service.get(path), await builds(service)
    with monkeypatch.context() as endless:
        endless.setattr(rebuilder, "_goal", far_away)
        await given_up(service, known)
    assert (await service.get(path)).raw == before.raw
    await service.settled()
    await until_active(service, await ordered(service, "rebuild"))  # and begun again as if nothing had been
    assert (await service.get(path)).raw == before.raw


async def given_up(service: Served, known: dict[str, list[int]]) -> None:
    """Rebuilds that are under way, while events come."""
    for name in (CITY, SUBJECTS):
        begun = await ordered(service, "rebuild", name)
        async with asyncio.timeout(60):
            while begun not in [b["build"] for b in (await under_way(service)) if b["position"] > 0]:
                await service.add(strike())
        gone, *_ = await asyncio.gather(
            service.post(path="/v1/builds", event={"projection": name, "do": "cancel"}),
            *(service.add(strike()) for _ in range(8)),
        )
        assert gone.status == 202, gone
        assert {b["projection"] for b in gone.json["builds"]} == ({CITY} if name == CITY else {SUBJECTS, *PROJECTIONS})
        assert await under_way(service) == []
        assert await builds(service) == known
        again = await service.post(path="/v1/builds", event={"projection": name, "do": "cancel"})
        assert (again.status, again.slug) == (409, "nothing-to-cancel")


async def far_away(*_: Any) -> int:
    """Where a rebuild never gets to."""
    return 10**9


async def test_what_is_built_with_the_subjects_is_not_given_up_without_them(
    service: Served, monkeypatch: pytest.MonkeyPatch
):
    await service.fill(*(strike() for _ in range(50)))
    await service.settled()
    monkeypatch.setattr(rebuilder, "read_under_way", nothing_under_way)
    await ordered(service, "rebuild", SUBJECTS)
    refused = await service.post(path="/v1/builds", event={"projection": CITY, "do": "cancel"})
    assert (refused.status, refused.slug) == (409, "nothing-to-cancel")
    assert len(await under_way(service)) == 1 + len(PROJECTIONS)


async def nothing_under_way(_: Any) -> list[Any]:
    return []


async def under_way(service: Served) -> list[dict[str, Any]]:
    return [b for b in (await service.get("/v1/builds")).json["builds"] if b["state"] == "building"]


async def test_where_there_is_no_way_back_it_is_said(service: Served):
    await service.settled()
    answer = await service.post(path="/v1/builds", event={"projection": CITY, "do": "switch"})
    assert (answer.status, answer.slug) == (409, "no-way-back")


@pytest.mark.parametrize(
    ("body", "status", "faults"),
    [
        ({"projection": "nosuch"}, 404, None),
        ({}, 400, {"/projection": "missing"}),
        ({"projection": CITY, "do": "undo", "more": 1}, 400, {"/do": "literal_error", "/more": "extra_forbidden"}),
        ({"projection": 7}, 400, {"/projection": "string_type"}),
        ([], 400, {"": "model_type"}),
    ],
)
async def test_a_bad_order_is_refused_with_every_fault(attacked: Served, body: Any, status: int, faults: Any):
    answer = await attacked.post(path="/v1/builds", event=body)
    assert answer.status == status, answer
    assert answer.slug
    assert faults is None or answer.faults == faults


async def test_only_an_admin_may_order_and_anybody_who_reads_may_look(service: Served):
    await make_key(service.access, "reader", "a-key-of-a-reader", scopes=["read", "report", "edit", "audit"])
    reader = service.by("a-key-of-a-reader")
    assert (await reader.get("/v1/builds")).status == 200
    for path in ("/v1/builds", "/v1/parked"):
        assert (await reader.post({}, path=path)).status == 403
        assert (await service.by(None).post({}, path=path)).status == 401


async def test_what_could_not_be_taken_in_is_told_and_settled(service: Served, monkeypatch: pytest.MonkeyPatch):
    tally: Any = PROJECTIONS[CITY]
    contributions = tally.contributions

    def choke(subject: Any) -> Any:
        if subject.stream == "strike:bad":
            raise ValueError("it cannot be swallowed")
        return contributions(subject)

    monkeypatch.setattr(tally, "contributions", choke)
    await service.add(strike(stream="strike:bad", tlp="AMBER"), strike())
    await service.settled()
    assert (await service.get(f"/v1/projections/{CITY}")).json["incomplete"] == 1
    (parked,) = (await service.get("/v1/parked")).json["parked"]
    assert (parked["projection"], parked["stream"], parked["from_position"]) == (CITY, "strike:bad", 1)
    ready = (await service.get("/readyz?verbose")).json["projections"][CITY]
    assert (ready["parked"], ready["lag_events"], ready["lag_seconds"]) == (1, 0, 0)
    await make_key(service.access, "clear", "a-key-of-clear", scopes=["read"])
    clear = service.by("a-key-of-clear")
    assert "incomplete" not in (await clear.get(f"/v1/projections/{CITY}")).json
    assert (await clear.get("/v1/parked")).json == {"parked": []}

    wanted = {"projection": CITY, "stream": "strike:bad"}
    assert (await service.post(path="/v1/parked", event={**wanted, "do": "discard"})).faults == {"/reason": "missing"}
    assert (await service.post(path="/v1/parked", event={**wanted, "stream": "strike:x", "do": "retry"})).status == 404
    monkeypatch.setattr(tally, "contributions", contributions)
    assert (await service.post(path="/v1/parked", event={**wanted, "do": "retry"})).status == 202
    await service.add(strike())
    await service.settled()
    told = (await service.get(f"/v1/projections/{CITY}")).json
    assert "incomplete" not in told
    assert sum(row["incidents"] for row in told["rows"].values()) == 3
    assert (await service.get(f"/v1/projections/{CITY}?at_position=2")).json["incomplete"] == 1
