"""Service, NATS server, publisher and webhook receiver are killed in turn while events come: nothing is lost on the way out.

`KILLS=20` kills each so often.
"""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path

import aiohttp
import pytest

from incidentlog.embedded.sockets import free_port
from tests.commands import strike
from tests.publish.nats_server import NEEDED, NatsServer, nats_server
from tests.stories.test_killed import HEADERS, KEY, Process, folder, whole, write  # noqa: F401 - a fixture

pytestmark = NEEDED
KILLS = int(os.environ.get("KILLS", "2"))
STREAM = "STORY"
BETWEEN_SECONDS = 0.3
STARTING = """
import runpy
from incidentlog.webhooks import deliverer
deliverer.LEASE_SECONDS = 1.5
runpy.run_module("incidentlog", run_name="__main__")
"""
QUICK = ("-c", STARTING)
"""The service, whose webhooks wait less for one that was killed."""


class Child:
    """A process that is killed and started again."""

    def __init__(self, *words: str) -> None:
        self._words = words
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, *self._words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(timeout=60)


class Writer:
    """One client that appends one event after another, wherever the service is by then."""

    def __init__(self, session: aiohttp.ClientSession, where: list[str]) -> None:
        self._session, self._where = session, where
        self.answered: dict[str, int] = {}

    async def run(self) -> None:
        while True:
            await write(self._session, self._where, [strike(stream=None)], self.answered)
            await asyncio.sleep(0.02)  # what all of them can keep up with

    async def some_more(self) -> None:
        count = len(self.answered)
        async with asyncio.timeout(60):
            while len(self.answered) < count + 3:
                await asyncio.sleep(0.01)


@asynccontextmanager
async def writing(session: aiohttp.ClientSession, where: list[str]) -> AsyncIterator[Writer]:
    writer = Writer(session, where)
    task = asyncio.create_task(writer.run())
    try:
        yield writer
    finally:
        task.cancel()
        await asyncio.wait([task])


def taken(kept: Path) -> list[tuple[str, int]]:
    """What the receiver has, in the order in which it came; a line that was being written when it was killed is none."""
    lines = kept.read_text().split("\n")[:-1] if kept.exists() else []
    return [(event_id, int(sequence)) for event_id, sequence in (line.split(" ") for line in lines)]


async def test_whoever_is_killed_each_event_goes_out(folder: Path, tmp_path: Path):  # noqa: F811
    kept, port, service_port = folder / "taken", free_port(), free_port()
    settings = {"INCIDENTLOG_WEBHOOK_NETWORKS": "127.0.0.0/8", "INCIDENTLOG_PORT": str(service_port)}
    service = Process(folder, program=QUICK, **settings)
    receiver = Child("-m", "tests.webhooks.receiver", str(port), str(kept))
    publisher: Child | None = None
    try:
        async with nats_server(tmp_path / "nats") as nats, aiohttp.ClientSession() as session:
            url = await service.started()
            asked = {"url": f"http://127.0.0.1:{port}/", "after": 0}
            async with session.post(f"{url}/v1/webhooks", headers=HEADERS, json=asked) as answer:
                assert answer.status == 201, await answer.text()
            words = ("-m", "incidentlog", "publish", "nats", "--stream", STREAM, "--server", nats.url, "--url", url)
            publisher = Child(*words, "--key", KEY)
            async with writing(session, [url]) as writer:
                for _ in range(KILLS):
                    await writer.some_more()
                    service.kill()
                    service.close()
                    service = Process(folder, program=QUICK, **settings)
                    await service.started()
                    await writer.some_more()
                    nats.kill()
                    await asyncio.sleep(BETWEEN_SECONDS)
                    await nats.start()
                    await writer.some_more()
                    receiver.kill()
                    await asyncio.sleep(BETWEEN_SECONDS)
                    receiver.start()
                    await writer.some_more()
                    publisher.kill()
                    await asyncio.sleep(BETWEEN_SECONDS)
                    publisher.start()
                await writer.some_more()
            log = [event["id"] for event in (await whole(session, url))[0]]
            assert {*log} >= writer.answered.keys()
            await everything_is_out(session, url, kept, nats, log)
    finally:
        service.close()
        for child in (receiver, publisher):
            if child is not None:
                child.kill()


async def everything_is_out(
    session: aiohttp.ClientSession, url: str, kept: Path, nats: NatsServer, log: list[str]
) -> None:
    """Wait until it is, and hold what came against the log."""
    async with asyncio.timeout(120):
        while not taken(kept) or taken(kept)[-1][0] != log[-1]:
            await asyncio.sleep(0.1)
        while (await published(nats))[-1:] != log[-1:]:
            await asyncio.sleep(0.1)
    assert await published(nats) == log
    came = taken(kept)
    assert list(dict.fromkeys(event_id for event_id, _ in came)) == log
    assert all(later >= earlier for (_, earlier), (_, later) in pairwise(came))
    print(f"{len(log)} events; {len(came) - len(log)} came to the receiver again")  # noqa: T201


async def published(nats: NatsServer) -> list[str]:
    return [message.headers["Nats-Msg-Id"] for message in await nats.messages(STREAM)]


@pytest.fixture(autouse=True)
def _from_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).parents[2])  # the receiver is a module of the tests
