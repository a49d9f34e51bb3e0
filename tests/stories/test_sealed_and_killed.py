"""Service, notary and PostgreSQL are killed at chosen points while clients write; what was published stays true.

Once at each point here; `KILLS=100 pytest tests/stories/test_sealed_and_killed.py -s` goes on for longer and tells figures.
"""

import asyncio
import os
import signal
import sys
from base64 import b64decode
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from uuid import uuid4

import aiohttp
import orjson
import pytest

from incidentlog.audit.merkle import check_consistency
from incidentlog.audit.notes import TreeHead, Verifier, open_head
from incidentlog.audit.tiles import Tile, reach
from tests.commands import strike
from tests.stories.test_killed import HEADERS, Process, folder

__all__ = ["folder"]
WRITERS = 4

# The service, which kills itself at a point of its second seal with load; `elsewhere` leaves that to us.
PROGRAM = """
import os, signal, sys
from incidentlog.audit import notary, state
from incidentlog.cli import main
from incidentlog.store import notary as store

point, seals = os.environ.pop("POINT"), [0]
notary.INTERVAL_SECONDS = 0.05

def die(at):
    if at == point and seals[0] >= 2:
        os.kill(os.getpid(), signal.SIGKILL)

def before(at, function):
    def wrapped(*arguments, **named):
        die(at)
        return function(*arguments, **named)
    return wrapped

def counted(function):
    async def wrapped(self, connection, head):
        seals[0] += head > 0
        die("before it folds")
        await function(self, connection, head)
        die("after it published")
    return wrapped

notary.Notary._seal = counted(notary.Notary._seal)
notary.publish = before("signed and not published", notary.publish)
state.write_private = before("before the state is written", state.write_private)
state.sync = before("the state written and not yet synced", state.sync)
plain = store.query
store.query = lambda stem, name: (die("within the transaction") if name == "add_head" else None) or plain(stem, name)
sys.argv[0] = "incidentlog"
main()
"""
POINTS = (
    "before it folds", "before the state is written", "the state written and not yet synced",
    "signed and not published", "within the transaction", "after it published", "service", "postgres",
)  # fmt: skip
KILLS = int(os.environ.get("KILLS", len(POINTS)))


@dataclass
class Seen:
    """What somebody saw who looked all the time: every tree head, and how far tiles were served."""

    heads: dict[int, TreeHead] = field(default_factory=dict)
    reach: int = 0
    asked: int = 0
    keys: set[str] = field(default_factory=set)


async def look(session: aiohttp.ClientSession, url: str, seen: Seen) -> None:
    """Read tree heads and tiles, also such as should not be there yet, until the service is gone."""
    while True:
        served, head = await tiles(session, url, seen)
        after = await checkpoint(session, url, seen)
        # What was served between two looks at the tree head is covered by the later one.
        assert served <= after.size, (served, head.size, after.size)
        seen.reach = max(seen.reach, served)
        await asyncio.sleep(0.005)


async def checkpoint(session: aiohttp.ClientSession, url: str, seen: Seen) -> TreeHead:
    if not seen.keys:
        async with session.get(f"{url}/v1/log/key", headers=HEADERS) as answer:
            seen.keys.add((await answer.json())["vkey"])
    async with session.get(f"{url}/log/checkpoint", headers=HEADERS) as answer:
        raw = await answer.read()
    head, _ = open_head(raw, [Verifier.parse(key) for key in seen.keys])
    assert seen.heads.setdefault(head.size, head) == head
    seen.asked += 1
    return head


async def tiles(session: aiohttp.ClientSession, url: str, seen: Seen) -> tuple[int, TreeHead]:
    """How far tiles are served beyond the tree head."""
    head = await checkpoint(session, url, seen)
    served = 0
    for size in (head.size + 1, head.size + 20):
        tile = Tile(0, (size - 1) // 256, (size - 1) % 256 + 1)
        async with session.get(f"{url}/log/tile/{tile.path}", headers=HEADERS) as answer:
            if answer.status == 200:
                served = max(served, reach(tile))
    return served, head


async def write(session: aiohttp.ClientSession, url: str) -> None:
    while True:
        event = orjson.dumps(strike(id=str(uuid4())))
        async with session.post(f"{url}/v1/events", data=event, headers=HEADERS) as answer:
            await answer.read()


async def one_life(folder: Path, point: str, seen: Seen, number: int) -> None:
    """Start the service, load it, and let it be killed."""
    process = Process(folder, program=("-c", PROGRAM), POINT=point)
    try:
        url = await process.started()
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(10)) as session:
            before = max(seen.heads, default=0)
            work = [asyncio.create_task(write(session, url)) for _ in range(WRITERS)]
            work.append(asyncio.create_task(look(session, url, seen)))
            if point in {"service", "postgres"}:
                async with asyncio.timeout(60):
                    while max(seen.heads, default=0) <= before + number % 7:
                        await asyncio.sleep(0.002 * (number % 5))
                if point == "service":
                    process.process.kill()
                else:
                    os.kill(int((folder / "data/pg-18/postmaster.pid").read_text().split()[0]), signal.SIGKILL)
            async with asyncio.timeout(60):
                await asyncio.to_thread(process.process.wait)
            done = await asyncio.gather(*work, return_exceptions=True)
        for error in done:
            assert isinstance(error, aiohttp.ClientError | ConnectionError | TimeoutError | AttributeError), error
    finally:
        process.close()


async def test_killed_at_any_point_every_head_is_consistent_with_all_later_ones(
    folder: Path, capsys: pytest.CaptureFixture[str]
):
    seen = Seen()
    for number in range(KILLS):
        await one_life(folder, POINTS[number % len(POINTS)], seen, number)
    last = Process(folder)
    try:
        url = await last.started()
        async with aiohttp.ClientSession() as session:
            head = await checkpoint(session, url, seen)
            sizes = sorted(seen.heads)
            # Each is consistent with the next, and so with all that follow.
            for old, new in pairwise(sizes):
                async with session.get(
                    f"{url}/v1/log/consistency", params={"from": old, "to": new}, headers=HEADERS
                ) as answer:
                    proof = [b64decode(h) for h in (await answer.json())["proof"]]
                check_consistency(old, seen.heads[old].root, new, seen.heads[new].root, proof)
            async with session.get(f"{url}/readyz", params={"verbose": ""}, headers=HEADERS) as answer:
                ready = await answer.json()
        assert ready["sealing"] == "sealing", ready
        assert len(sizes) >= KILLS
        assert head.size == sizes[-1] >= seen.reach
        assert len(seen.keys) == 1
    finally:
        last.close()
    if "KILLS" in os.environ:
        with capsys.disabled():
            sys.stderr.write(
                f"\n{KILLS} kills: {len(sizes)} tree heads seen up to {head.size}, in {seen.asked} looks\n"
            )
