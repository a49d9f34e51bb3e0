"""The service is killed while fifty clients write; it starts again, they try again, and the log is whole."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest

from tests.commands import strike
from tests.folders import open_folder

KEY = "the-key-of-a-story-of-killing"
CLIENTS, EACH = 50, 8
HEADERS = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}


class Process:
    """`python -m incidentlog serve`, as an operator starts it."""

    def __init__(self, folder: Path, *, program: Sequence[str] = ("-m", "incidentlog"), **settings: str) -> None:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("INCIDENTLOG_")}
        environment |= {
            "INCIDENTLOG_DATA_DIR": str(folder / "data"),
            "INCIDENTLOG_PORT": "0",
            "INCIDENTLOG_ADMIN_KEY": KEY,
            "INCIDENTLOG_LOG_LEVEL": "error",
            **settings,
        }
        self.process = subprocess.Popen(
            [sys.executable, *program, "serve"], env=environment, stdout=subprocess.PIPE, text=True
        )
        self.url = ""

    async def started(self) -> str:
        assert self.process.stdout is not None
        async with asyncio.timeout(180):
            line = await asyncio.to_thread(self.process.stdout.readline)
        assert line.startswith("Serving at http://127.0.0.1:"), line
        self.url = line.removeprefix("Serving at ").strip()
        return self.url

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(timeout=180)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=180)

    def close(self) -> None:
        if self.process.poll() is None:
            self.kill()
        if self.process.stdout is not None:
            self.process.stdout.close()


@pytest.fixture
def folder() -> Iterator[Path]:
    """As root PostgreSQL runs as somebody else, who must be able to pass."""
    made = open_folder("killed")
    yield made
    shutil.rmtree(made, ignore_errors=True)


async def write(
    session: aiohttp.ClientSession, where: "list[str]", events: list[dict[str, Any]], answered: dict[str, int]
) -> None:
    """Post events one after the other, each until it is answered, wherever the service is by then."""
    for event in events:
        while event["id"] not in answered:
            try:
                timeout = aiohttp.ClientTimeout(10)
                async with session.post(
                    f"{where[-1]}/v1/events", data=orjson.dumps(event), headers=HEADERS, timeout=timeout
                ) as response:
                    told = await response.json()
                    if response.status in {200, 201}:
                        answered[event["id"]] = told["position"]
                    else:
                        assert response.status == 503, told
            except (aiohttp.ClientError, TimeoutError, ConnectionError):
                await asyncio.sleep(0.02)


async def test_killed_in_the_middle_of_fifty_clients_it_has_every_event_once(folder: Path):
    first = Process(folder)
    second = None
    try:
        where = [await first.started()]
        events = [[strike() for _ in range(EACH)] for _ in range(CLIENTS)]
        answered: dict[str, int] = {}
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            clients = [asyncio.create_task(write(session, where, own, answered)) for own in events]
            async with asyncio.timeout(60):
                while len(answered) < CLIENTS * EACH // 4:
                    await asyncio.sleep(0.001)
            first.kill()
            before = dict(answered)
            assert len(before) < CLIENTS * EACH
            second = Process(folder)
            where.append(await second.started())
            async with asyncio.timeout(60):
                await asyncio.gather(*clients)
            log, rows = await whole(session, second.url)
        sent = {e["id"]: e for own in events for e in own}
        assert sorted(e["id"] for e in log) == sorted(sent)
        assert [e["position"] for e in log] == list(range(1, len(sent) + 1))
        assert {e["id"]: e["position"] for e in log} == answered
        assert all(answered[event_id] == position for event_id, position in before.items())
        assert all(e["data"] == sent[e["id"]]["data"] for e in log)
        recorded = [e["recorded_at"] for e in log]
        assert recorded == sorted(recorded)
        (row,) = rows.values()
        assert row["incidents"] == len(sent)
        assert second.stop() == 0
    finally:
        first.close()
        if second is not None:
            second.close()


async def whole(session: aiohttp.ClientSession, url: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The whole log, and what it adds up to."""
    path: str | None = "/v1/events?limit=1000"
    log: list[dict[str, Any]] = []
    while path:
        async with session.get(url + path, headers=HEADERS) as response:
            page = await response.json()
        log += page["events"]
        path = page.get("next")
    headers = {**HEADERS, "Prefer": "wait=10"}
    asked = f"{url}/v1/projections/city_incidents?min_position={log[-1]['position']}"
    async with asyncio.timeout(120):
        while True:  # what folds begins anew with a service that was killed, and gets what a busy machine leaves it
            async with session.get(asked, headers=headers) as response:
                told = await response.json()
            if response.status != 503:
                assert response.status == 200, told
                return log, told["rows"]
