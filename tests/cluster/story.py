"""A whole cluster whose parts are killed in turn, while some write and others follow.

What was acknowledged has to be in the log, once, at the place that was told; positions have no gap; the rows of every
subscriber are the projection's in the end.
"""

import asyncio
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg

from incidentlog.client import Client
from incidentlog.embedded.sockets import free_port
from tests.commands import strike
from tests.folders import open_folder

START_SECONDS = 300
SETTLE_SECONDS = 300
"""Within this all is well again after a fault, and all is projected and told at the end."""
RETRY_SECONDS = 300
CUT_SECONDS = 45
"""How long one is cut off."""
STILL_SECONDS = 30
"""How long a leader stands still: longer than the ttl for which it is waited."""


@dataclass
class Cluster:
    """One that `deploy/cluster` started, by what it says of itself."""

    folder: Path
    process: asyncio.subprocess.Process
    healing: list[asyncio.Task[None]] = field(default_factory=list)
    """What is cut off, and will not be after a while."""

    @property
    def told(self) -> dict[str, Any]:
        said: dict[str, Any] = json.loads((self.folder / "parts.json").read_text())
        return said

    @property
    def url(self) -> str:
        return str(self.told["url"])

    @property
    def key(self) -> str:
        return str(self.told["key"])

    def address(self, name: str) -> str:
        return str(self.told["parts"][name]["address"])

    def kill(self, name: str) -> None:
        """At once, as a power cut does; of a server also what Patroni keeps at work."""
        for pid in self.processes(name):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def processes(self, name: str) -> list[int]:
        """Of a server Patroni, PostgreSQL, and all that belongs to it."""
        own = [int(self.told["parts"][name]["pid"])]
        with suppress(FileNotFoundError):
            postmaster = int((self.folder / name / "data/postmaster.pid").read_text().split("\n")[0])
            own += [postmaster, *children(postmaster)]
        return own

    async def leader(self) -> str:
        """The server that leads, as soon as one does."""
        async with asyncio.timeout(SETTLE_SECONDS):
            while True:
                for name in ("pg1", "pg2", "pg3"):
                    if await self.ask_server(name, "SELECT NOT pg_is_in_recovery()") is True:
                        return name
                await asyncio.sleep(0.5)

    async def ask_server(self, name: str, question: str) -> Any:
        """A value from one server; None where it does not answer."""
        try:
            dsn = f"postgresql://postgres:{self.told['password']}@{self.address(name)}/incidentlog"
            connection = await asyncpg.connect(dsn, timeout=5)
        except (OSError, asyncpg.PostgresError):
            return None
        try:
            return await connection.fetchval(question, timeout=5)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return None
        finally:
            connection.terminate()

    async def first_of_etcd(self) -> str:
        """The member of etcd that leads, as soon as one does."""
        async with aiohttp.ClientSession() as session, asyncio.timeout(SETTLE_SECONDS):
            while True:
                for name in ("etcd1", "etcd2", "etcd3"):
                    with suppress(aiohttp.ClientError):
                        async with session.get(f"http://{self.address(name)}/metrics") as answer:
                            if "etcd_server_is_leader 1" in await answer.text():
                                return name
                await asyncio.sleep(0.5)

    async def whole(self) -> None:
        """Wait until two standbys stream, one of them synchronous, and every node is there again."""
        if self.healing:
            await asyncio.wait(self.healing)
        streaming = "SELECT count(*) FILTER (WHERE sync_state = 'sync') > 0 AND count(*) >= 2 FROM pg_stat_replication"
        async with asyncio.timeout(SETTLE_SECONDS), aiohttp.ClientSession() as session:
            while True:
                with suppress(aiohttp.ClientError):
                    if await self.ask_server(await self.leader(), streaming):
                        for name in ("api1", "api2"):
                            async with session.get(f"http://{self.address(name)}/livez") as answer:
                                answer.raise_for_status()
                        if all(map(alive, (int(part["pid"]) for part in self.told["parts"].values()))):
                            return
                await asyncio.sleep(0.5)


def alive(pid: int) -> bool:
    """Whether a process is there, and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def children(pid: int) -> list[int]:
    with suppress(OSError):
        return list(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))
    return []


@asynccontextmanager
async def started(again: float) -> AsyncIterator[Cluster]:
    """A cluster, on free ports; what ended is started again after so many seconds."""
    folder = open_folder("cluster")
    words = ["-m", "deploy.cluster", str(folder / "all"), "--port", str(free_port()), "--again", str(again)]
    process = await asyncio.create_subprocess_exec(sys.executable, *words, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    cluster = Cluster(folder / "all", process)
    try:
        async with asyncio.timeout(START_SECONDS):
            while (line := await process.stdout.readline()) and not line.startswith(b"Serving at"):
                pass
            assert line, "it did not start"
        yield cluster
    finally:
        for task in cluster.healing:
            task.cancel()
        await asyncio.gather(*cluster.healing, return_exceptions=True)
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        await process.wait()
        shutil.rmtree(folder, ignore_errors=True)


@dataclass
class Told:
    """What the writers and the breaker know in the end."""

    acknowledged: dict[str, int] = field(default_factory=dict)
    doubled: int = 0
    began: float = 0
    """When the last append that was acknowledged was begun."""
    faults: list[tuple[str, float]] = field(default_factory=list)
    """Each fault, and the seconds after it until an append that was begun after it came through."""


async def write(client: Client, told: Told, over: asyncio.Event, pace: float) -> None:
    """One event after the other, each until it is acknowledged."""
    while not over.is_set():
        event, began = strike(stream=None), time.monotonic()
        done = await client.append(event)
        told.doubled += event["id"] in told.acknowledged
        told.acknowledged[event["id"]] = done.position
        told.began = max(told.began, began)
        await asyncio.sleep(pace)


@dataclass
class Follower:
    """A subscriber that keeps the rows it was told."""

    position: int = 0
    rows: dict[str, Any] = field(default_factory=dict)

    async def follow(self, client: Client) -> None:
        async with client.subscribe("city_incidents", group_by=["place"]) as cities:
            self.position, self.rows = cities.position, dict(cities.rows)
            async for change in cities:
                self.rows = {k: v for k, v in self.rows.items() if k not in change.gone} | dict(change.set)
                self.position = cities.position


Fault = Callable[[Cluster], Awaitable[str]]
Say = Callable[[str], None]


async def a_runner(cluster: Cluster) -> str:
    cluster.kill("runner1")
    return "kill -9 of a runner"


async def a_node(cluster: Cluster) -> str:
    cluster.kill("api1")
    return "kill -9 of a node that answers"


async def the_store(cluster: Cluster) -> str:
    cluster.kill(await cluster.first_of_etcd())
    return "kill -9 of the leader of etcd"


async def the_leader(cluster: Cluster) -> str:
    cluster.kill(await cluster.leader())
    return "kill -9 of the leader, with its Patroni"


async def a_leader_alone(cluster: Cluster) -> str:
    """As if it were cut off: it does nothing while another is promoted, and then goes on where it was."""
    stopped = cluster.processes(await cluster.leader())
    try:
        for pid in stopped:
            with suppress(ProcessLookupError):  # a backend may have ended since they were listed
                os.kill(pid, signal.SIGSTOP)
        await asyncio.sleep(STILL_SECONDS)
    finally:  # what stands still does not end when the cluster is stopped
        for pid in stopped:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
    return f"the leader, after it stood still for {STILL_SECONDS} s"


async def a_replica(cluster: Cluster) -> str:
    leader = await cluster.leader()
    behind = next(name for name in ("pg1", "pg2", "pg3") if name != leader)
    await cluster.ask_server(behind, "SELECT pg_wal_replay_pause()")
    await asyncio.sleep(10)
    await cluster.ask_server(behind, "SELECT pg_wal_replay_resume()")
    return "a replica, after it replayed nothing for 10 s"


async def a_broker(cluster: Cluster) -> str:
    cluster.kill("nats1")
    return "kill -9 of a NATS server"


async def all_brokers(cluster: Cluster) -> str:
    for name in ("nats1", "nats2", "nats3"):
        cluster.kill(name)
    return "kill -9 of all NATS servers"


async def a_leader_cut_off(cluster: Cluster) -> str:
    """Nothing reaches it any more, nor does it reach etcd: its address leads nowhere for a while. Needs root."""
    host = cluster.address(await cluster.leader()).partition(":")[0]
    route = f"blackhole {host}/32 table local"
    await _ip("add", route)
    cluster.healing.append(asyncio.create_task(_healed(route)))
    return f"the leader cut off from all others, for {CUT_SECONDS} s"


async def _healed(route: str) -> None:
    try:
        await asyncio.sleep(CUT_SECONDS)
    finally:
        await _ip("del", route)


async def _ip(*words: str) -> None:
    process = await asyncio.create_subprocess_exec("ip", "route", words[0], *words[1].split())
    assert await process.wait() == 0


async def the_pooler(cluster: Cluster) -> str:
    cluster.kill("pgbouncer")
    return "kill -9 of PgBouncer"


SHORT: Sequence[Fault] = (a_runner, a_node, a_broker, the_store, the_leader)
LONG: Sequence[Fault] = (
    the_leader, a_runner, a_broker, the_store, a_replica, a_node, a_leader_cut_off, all_brokers, a_leader_alone, the_pooler,
)  # fmt: skip
"""As root alone."""


async def one_after_the_other(cluster: Cluster, faults: Sequence[Fault], told: Told, seconds: float, say: Say) -> None:
    """Each fault once, and on until these seconds are over; where there are any, all is well again in between."""
    until = time.monotonic() + seconds
    for number, fault in enumerate(cycle(faults)):
        if number >= len(faults) and time.monotonic() > until:
            return
        if seconds:
            await cluster.whole()
        what, begun = await fault(cluster), time.monotonic()
        async with asyncio.timeout(SETTLE_SECONDS):
            while told.began <= begun:
                await asyncio.sleep(0.05)
        told.faults.append((what, time.monotonic() - begun))
        say(f"{what:<55}{told.faults[-1][1]:>8.1f} s{len(told.acknowledged):>10,} acknowledged")


async def story(
    faults: Sequence[Fault],
    *,
    writers: int,
    subscribers: int,
    pace: float,
    again: float,
    seconds: float = 0,
    say: Say = lambda _: None,
) -> Told:
    """All of it. Raises AssertionError for what is lost, doubled or another.

    Each writer rests `pace` seconds between two events; a part that ended is started again after `again` seconds.
    """
    told, over = Told(), asyncio.Event()
    async with started(again) as cluster, Client(cluster.url, cluster.key, retry_seconds=RETRY_SECONDS) as client:
        await client.append(strike(stream=None))
        followers = [Follower() for _ in range(subscribers)]
        async with asyncio.TaskGroup() as work:
            following = [work.create_task(f.follow(client)) for f in followers]
            writing = [work.create_task(write(client, told, over, pace)) for _ in range(writers)]
            await one_after_the_other(cluster, faults, told, seconds, say)
            over.set()
            await asyncio.wait(writing)
            await cluster.whole()
            async with asyncio.timeout(SETTLE_SECONDS):
                events = [event async for event in client.events()]
                head = events[-1]["position"]
                rows = await client.projection("city_incidents", group_by=["place"], min_position=head)
                while any(f.rows != rows.rows for f in followers):
                    await asyncio.sleep(0.1)
            for task in following:
                task.cancel()
        assert [event["position"] for event in events] == list(range(1, head + 1))
        there = {event["id"]: event["position"] for event in events}
        assert len(there) == len(events)
        assert told.acknowledged.items() <= there.items()
        assert told.doubled == 0
        assert sum(row["incidents"] for row in rows.rows.values()) == len(events)
        async with aiohttp.ClientSession() as session, asyncio.timeout(SETTLE_SECONDS):
            headers = {"Authorization": f"Bearer {cluster.key}"}
            sealed = 0
            while sealed < head:
                await asyncio.sleep(0.5)
                async with session.get(f"{cluster.url}/readyz?verbose", headers=headers) as answer:
                    if answer.content_type == "application/json":  # else it is HAProxy's, which has nobody to ask
                        ready = await answer.json()
                        assert ready["sealing"] != "tampered", ready
                        sealed = ready["sealed"]
    return told
