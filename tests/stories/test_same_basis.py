"""The same basis gives the same bytes: asked twice, after more was recorded, after a restart, after a rebuild."""

import asyncio
from typing import Any

from incidentlog.projections import PROJECTIONS
from incidentlog.store.builds import SUBJECTS, read_builds, rebuild
from incidentlog.store.connect import Access
from tests.api.serving import Answer, Served, serving
from tests.commands import about, retraction, strike
from tests.subjects.given import timeline


async def bases(service: Served, **moment: Any) -> dict[str, dict[str, Any]]:
    """The basis that each answer comes with, by its path."""
    streams = ("strike:one", "ceasefire:easter-2025")
    paths = [f"/v1/projections/{name}" for name in PROJECTIONS] + [f"/v1/subjects/{s}" for s in streams]
    found = {}
    for path in paths:
        answer = await service.get(path, **moment)
        if answer.status == 200:
            found[path] = {k: str(v).lower() if isinstance(v, bool) else v for k, v in answer.json["basis"].items()}
    assert len(found) >= len(PROJECTIONS)
    return found


async def asked(service: Served, told: dict[str, dict[str, Any]]) -> dict[str, tuple[bytes, str]]:
    """What each basis, sent back, is answered with: bytes and ETag."""
    answers: dict[str, Answer] = {path: await service.get(path, **basis) for path, basis in told.items()}
    assert {a.status for a in answers.values()} == {200}, answers
    return {path: (a.raw, a.headers["ETag"]) for path, a in answers.items()}


async def built_anew(access: Access) -> None:
    """Build everything beside what answers, and switch; at most 30 s."""
    connection = await access.connect("runner")
    try:
        begun = {b.build for b in await rebuild(connection, [SUBJECTS])}
        assert begun
        async with asyncio.timeout(60):
            while any(b.state == "building" for b in await read_builds(connection) if b.build in begun):
                await asyncio.sleep(0.05)
        assert begun <= {b.build for b in await read_builds(connection) if b.state == "active"}
    finally:
        await connection.close()


async def test_the_same_basis_gives_the_same_bytes_whatever_happens_to_the_service(access: Access):
    first = strike(stream="strike:one", killed=3)
    async with serving(access) as service:
        await service.fill(*timeline(), first)
        head = await service.settled()
        told = await bases(service)
        early = await bases(service, at_position=head // 2, at="2025-10-01")
        before, before_early = await asked(service, told), await asked(service, early)
        # More is recorded, and what was recorded is corrected.
        await service.add(
            about("amended", first["id"], patch={"data": {"target_class": "port"}}, reason="a port"),
            strike(killed=1),
            retraction(first["id"]),
        )
        await service.settled()
        assert (await asked(service, told), await asked(service, early)) == (before, before_early)
    async with serving(access) as service:
        assert (await asked(service, told), await asked(service, early)) == (before, before_early)
        await built_anew(access)
        assert (await asked(service, told), await asked(service, early)) == (before, before_early)
        now = await bases(service)
        assert {path: basis["position"] for path, basis in now.items()} != {p: b["position"] for p, b in told.items()}
