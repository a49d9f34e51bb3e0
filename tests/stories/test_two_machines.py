"""Two machines with other zone files of their own, on one log: what an event means is the log's, and not the machine's.

One has a system's copy of other rules, for the zones that the events are in, and what else lies among such files; the
other has none at all.
"""

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from incidentlog.projections import PROJECTIONS
from incidentlog.store.connect import Access
from tests.commands import about, strike
from tests.stories.test_killed import HEADERS, Process, folder  # noqa: F401 - a fixture
from tests.stories.test_same_basis import built_anew
from tests.subjects.given import timeline
from tests.zone_data import FORMER, VANCOUVER, write_zone_files

CEASEFIRE = "ceasefire:vancouver"
BETWEEN = "2026-11-10T07:30:00Z"
"""After 10 November began in Vancouver by the package, before it did by the former rules."""
MOMENTS = (BETWEEN, "2025-11-30T21:30:00Z", "2025-12-02T00:30:00Z")


def events() -> list[dict[str, Any]]:
    """The demonstration's, and such that hang on a zone: a date in data, a local day, a correction of both."""
    declared = {
        "type": "ceasefire.declared",
        "stream": CEASEFIRE,
        "occurred": {"start": "2026-01-05", "precision": "day", "tz": VANCOUVER},
        "sources": strike()["sources"],
        "data": {"scope": ["general"], "declared_by": "RUS", "effective_from": "2026-11-10", "duration_days": 9},
    }
    late = {"start": "2025-12-01T21:30:00Z", "precision": "minute", "tz": VANCOUVER}
    day = {"start": "2025-12-01", "precision": "day", "tz": VANCOUVER}
    strikes = [strike(stream=f"strike:{n}", occurred=when) for n, when in enumerate((late, day, late, day))]
    amended = about("amended", strikes[2]["id"], patch={"occurred": day}, reason="the day")
    return [*timeline(), declared, *strikes, amended]


async def get(session: aiohttp.ClientSession, url: str, path: str, **params: Any) -> bytes:
    async with session.get(f"{url}{path}", headers=HEADERS, params=params) as answer:
        assert answer.status == 200, await answer.text()
        return await answer.read()


async def answers(session: aiohttp.ClientSession, url: str, position: int) -> dict[str, bytes]:
    """Every read at one basis and at some instants of the clock's, with all that was derived by then in it."""
    await get(session, url, "/v1/projections/ceasefire_status", min_position=position)
    found = {}
    for at in MOMENTS:
        basis = {"position": position, "at": at}
        for path in (*(f"/v1/projections/{name}" for name in PROJECTIONS), f"/v1/subjects/{CEASEFIRE}"):
            found[f"{path} {at}"] = await get(session, url, path, **basis)
    found["events"] = await get(session, url, "/v1/events", since="2025-12-01", until="2025-12-03")
    return found


async def agrees(machine: dict[str, str], access: Access, place: Path) -> None:
    """`verify` and `replay --to head`, as a machine runs them."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("INCIDENTLOG_")}
    environment |= {"INCIDENTLOG_DSN": access.admin, "INCIDENTLOG_DATA_DIR": str(place / "data"), **machine}
    for command in (["verify"], ["replay", "--to", "head"]):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "incidentlog", *command, env=environment,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        async with asyncio.timeout(60):
            told, _ = await process.communicate()
        assert process.returncode == 0, told.decode()


async def test_two_machines_with_other_zone_files_answer_the_same(access: Access, folder: Path):  # noqa: F811
    write_zone_files(folder / "zoneinfo", FORMER)
    machines = {"PYTHONTZPATH": str(folder / "zoneinfo")}, {"PYTHONTZPATH": ""}
    nodes = [Process(folder, INCIDENTLOG_DSN=access.admin, **machine) for machine in machines]
    try:
        urls = await asyncio.gather(*(node.started() for node in nodes))
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(60)) as session:
            position = 0
            for n, event in enumerate(events()):
                body = orjson.dumps(event)
                async with session.post(f"{urls[n % 2]}/v1/events", headers=HEADERS, data=body) as answer:
                    assert answer.status == 201, await answer.text()
                    position = (await answer.json())["position"]
            for url in urls:
                refused = strike(occurred={"start": "2025-12-01", "precision": "day", "tz": "localtime"})
                async with session.post(f"{url}/v1/events", headers=HEADERS, json=refused) as answer:
                    assert answer.status == 422, await answer.text()
            one, other = [await answers(session, url, position) for url in urls]
            assert one == other
            row = orjson.loads(one[f"/v1/projections/ceasefire_status {BETWEEN}"])["rows"][CEASEFIRE]
            assert row["state"] == "in_force"
            await asyncio.gather(*(agrees(machine, access, folder) for machine in machines))
            await built_anew(access)
            anew, anew_too = [await answers(session, url, position) for url in urls]
            assert (anew, anew_too) == (one, one)
            await asyncio.gather(*(agrees(machine, access, folder) for machine in machines))
        assert [node.stop() for node in nodes] == [0, 0]
    finally:
        for node in nodes:
            node.close()
