"""A leader and a standby that streams from it, made of the programs of the embedded PostgreSQL."""

import asyncio
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import asyncpg

from incidentlog.embedded.account import Account, server_account
from incidentlog.embedded.binaries import Binaries, find
from incidentlog.embedded.launch import run, spawn
from incidentlog.embedded.root import Root
from incidentlog.embedded.sockets import choose_port
from tests.folders import open_folder

LOGIN, PASSWORD, DATABASE = "pair_login", "a-password", "incidentlog"
SECONDS = 60
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "wal_level": "replica",
    "max_wal_senders": "8",
    "max_connections": "100",
    "wal_retrieve_retry_interval": "100ms",
    "wal_writer_delay": "10ms",
    "hot_standby_feedback": "on",
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "32MB",
    "scram_iterations": "1",
    "timezone": "UTC",
}


@dataclass
class Node:
    """One PostgreSQL of the two."""

    data: Path
    port: int
    binaries: Binaries
    account: Account
    process: subprocess.Popen[bytes] = field(init=False)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def dsn(self) -> str:
        """As the owner of the log, with one login for all roles."""
        return dsn_of(self)

    def start(self) -> None:
        """Start, and wait until it takes connections; from the main thread, outside a loop."""
        self.launch()
        asyncio.run(self.answers())

    def launch(self) -> None:
        command: list[str | Path] = [self.binaries.folder / "postgres", "-D", self.data, "-p", str(self.port)]
        with (self.data.parent / f"{self.data.name}.log").open("ab") as said:
            self.process = spawn(command, self.account, said, at_parents_death=signal.SIGKILL)

    async def answers(self) -> None:
        """Wait until it takes connections."""
        async with asyncio.timeout(SECONDS):
            while True:
                assert self.process.poll() is None, (self.data.parent / f"{self.data.name}.log").read_text()
                try:
                    await (await asyncpg.connect(self.admin)).close()
                except (OSError, asyncpg.PostgresError):
                    await asyncio.sleep(0.02)
                else:
                    return

    @property
    def admin(self) -> str:
        """As the superuser."""
        return f"postgresql://postgres:{PASSWORD}@{self.host}/postgres"

    def control(self, *words: str) -> None:
        run([self.binaries.folder / "pg_ctl", "-D", self.data, *words], self.account, timeout_seconds=SECONDS)

    def promote(self) -> None:
        """Let it lead."""
        self.control("promote", "-w", "-t", str(SECONDS))

    def kill(self) -> None:
        """As a power cut does: every process of it, at once."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(SECONDS)

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait(SECONDS)

    async def run(self, statement: str, *args: Any) -> Any:
        """One statement as the superuser; its value."""
        connection = await asyncpg.connect(self.admin)
        try:
            return await connection.fetchval(statement, *args)
        finally:
            await connection.close()


def dsn_of(*nodes: Node) -> str:
    """One DSN that names each of them."""
    hosts = ",".join(node.host for node in nodes)
    return f"postgresql://{LOGIN}:{quote(PASSWORD)}@{hosts}/{DATABASE}"


@dataclass
class Pair:
    """A leader and its standby."""

    leader: Node
    standby: Node

    @property
    def dsn(self) -> str:
        """Of both: whoever leads."""
        return dsn_of(self.leader, self.standby)

    async def synchronous(self, names: str) -> None:
        """What the leader's commits wait for: `*` for any standby, nothing for none, else one that is not there."""
        await self.leader.run(f"ALTER SYSTEM SET synchronous_standby_names = '{names}'")
        await self.leader.run("SELECT pg_reload_conf()")
        async with asyncio.timeout(SECONDS):
            asked = "SELECT count(*) FROM pg_stat_replication WHERE (sync_state = 'async') = $1"
            while await self.leader.run(asked, names != "*") < 1:
                await asyncio.sleep(0.02)

    async def pause(self) -> None:
        """The standby receives, and replays nothing any more."""
        await self.standby.run("SELECT pg_wal_replay_pause()")
        async with asyncio.timeout(SECONDS):
            while await self.standby.run("SELECT pg_get_wal_replay_pause_state()") != "paused":
                await asyncio.sleep(0.02)

    async def resume(self) -> None:
        await self.standby.run("SELECT pg_wal_replay_resume()")


@contextmanager
def paired() -> Iterator[Pair]:
    """A fresh pair, with an empty database that a login of its own owns; from the main thread."""
    folder = open_folder("pair")
    root = Root.at(folder)
    account = server_account(folder / "none")
    binaries = find(root, account)
    account.take(folder)
    nodes: list[Node] = []
    try:
        leader = Node(folder / "one", choose_port(root), binaries, account)
        password = folder / "password"
        password.write_text(PASSWORD)
        account.take(password)
        run(
            [binaries.folder / "initdb", "-D", leader.data, "-U", "postgres", f"--pwfile={password}", "--no-sync",
             "--auth=scram-sha-256", "--locale-provider=builtin", "--locale=C.UTF-8", "--encoding=UTF8"],
            account, timeout_seconds=SECONDS,
        )  # fmt: skip
        with (leader.data / "postgresql.auto.conf").open("a") as settings:
            settings.writelines(f"{name} = '{value}'\n" for name, value in SETTINGS.items())
        nodes.append(leader)
        leader.start()
        asyncio.run(_prepare(leader))
        (folder / "port").unlink(missing_ok=True)
        standby = Node(folder / "two", choose_port(root), binaries, account)
        run(
            [binaries.folder / "pg_basebackup", "-D", standby.data, "-R", "-X", "stream", "-c", "fast", "--no-sync",
             "-d", leader.admin],
            account, timeout_seconds=SECONDS,
        )  # fmt: skip
        nodes.append(standby)
        standby.start()
        yield Pair(leader, standby)
    finally:
        for node in nodes:
            node.stop()
        shutil.rmtree(folder, ignore_errors=True)


async def _prepare(leader: Node) -> None:
    await leader.run(f"CREATE ROLE {LOGIN} LOGIN PASSWORD '{PASSWORD}'")
    await leader.run(f"GRANT pg_monitor TO {LOGIN}")
    await leader.run(f"CREATE DATABASE {DATABASE} OWNER {LOGIN}")
