"""The data of an earlier major version of PostgreSQL, copied to the one we run by pg_upgrade.

What is made gets its name when it is whole and was checked. Until then, and afterwards until it is removed, the earlier
data are as they were.
"""

import asyncio
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import asyncpg

from incidentlog.embedded.account import Account, server_account
from incidentlog.embedded.binaries import Binaries, find, find_older
from incidentlog.embedded.cluster import databases, hand_over, make_in, password_of
from incidentlog.embedded.ending import Patience, clear, end
from incidentlog.embedded.errors import EmbeddedError
from incidentlog.embedded.launch import outlast, refuse_other_threads, run, spawn
from incidentlog.embedded.postmaster import Launch
from incidentlog.embedded.processes import MARK
from incidentlog.embedded.root import Root, remove
from incidentlog.embedded.server import SUPERUSER, Server
from incidentlog.embedded.sockets import remove_short_folder, socket_folder
from incidentlog.embedded.supervisor import LIMIT_SECONDS, held
from incidentlog.embedded.waiting import Progress, silent
from incidentlog.files import STAGING_PREFIX, sync

_SHORT_SECONDS: Final = 60
_SAID_BYTES: Final = 65_536
_SAID_LINES: Final = 12


@dataclass(frozen=True, slots=True)
class Upgrade:
    """What was, or would be, upgraded."""

    old: Path
    """The earlier data directory, which stays."""
    new: Path
    from_major: int
    to_major: int
    size_bytes: int
    """What the earlier data take, and about what the new ones take beside them."""
    settings: tuple[str, ...]
    """`name = value` of each setting in the earlier configuration that the new one has not."""


def upgrade(
    path: Path,
    *,
    old_bin: Path | None = None,
    dry_run: bool = False,
    check: Callable[[Server], None] = lambda _: None,
    progress: Progress = silent,
) -> Upgrade | None:
    """Copy the data of an earlier major version to the one we run; None where the data are of it already.

    `old_bin` is where the programs of the earlier version are, else the system's are looked for. `check` is called with
    the new server before its data get their name: what it raises leaves everything as it was. With `dry_run` only what
    pg_upgrade checks beforehand is checked. From the main thread, with no service on the root.
    EmbeddedError when it cannot be done, with the reason and what to do; nothing is changed then.
    """
    refuse_other_threads()
    root = Root.at(path)
    with held(root):
        there = databases(root)
        account = server_account(there[max(there)] if there else root.path / "none")
        to = find(root, account)
        older = {major: data for major, data in there.items() if major < to.major and (data / "PG_VERSION").exists()}
        if (root.data(to.major) / "PG_VERSION").exists() or not older:
            return None
        major, old = max(older.items())
        work = _Work(root, account, find_older(major, old_bin, account), to, old, password_of(root), progress)
        return work.run(check, dry_run=dry_run)


def remove_older(path: Path) -> list[Path]:
    """Remove the data of earlier major versions, where there are those of the version we run; answers which were.

    EmbeddedError where there are none of ours, or a service is at work.
    """
    root = Root.at(path)
    with held(root):
        there = databases(root)
        to = find(root, server_account(there[max(there)] if there else root.path / "none"))
        if not (root.data(to.major) / "PG_VERSION").exists():
            raise EmbeddedError(f"there are no data of PostgreSQL {to.major} in {root.path}: nothing is removed")
        older = [data for major, data in there.items() if major < to.major]
        for data in older:
            remove(data)
        return older


@dataclass(frozen=True, slots=True)
class _Work:
    root: Root
    account: Account
    of: Binaries
    to: Binaries
    old: Path
    password: str
    progress: Progress

    def run(self, check: Callable[[Server], None], *, dry_run: bool) -> Upgrade:
        clear(self.old, LIMIT_SECONDS, self.progress)
        size = sum(path.lstat().st_size for path in self.old.rglob("*") if not path.is_dir())
        if (free := shutil.disk_usage(self.root.path).free) < size:
            raise EmbeddedError(f"{self.root.path} has {free:,} bytes free, and a copy of {self.old} takes {size:,}")
        # It was perhaps killed, and what is not shut down in order is not taken; a start also shows the password fits.
        with self._serving(self.of, self.old) as server:
            before = _configured(server)
        staging = Path(tempfile.mkdtemp(prefix=STAGING_PREFIX, dir=self.root.path))
        try:
            hand_over(staging, self.account)
            data = staging / "data"
            make_in(self.root, staging, self.to, self.account, self._checksums())
            self.progress("checking whether it can be done")
            self._pg_upgrade(staging, data, "--check")
            after = before
            if not dry_run:
                self.progress(f"copying {size:,} bytes")
                self._pg_upgrade(staging, data)
                with self._serving(self.to, data) as server:
                    after = _configured(server)
                    check(server)
                data.rename(self.root.data(self.to.major))
                sync(self.root.path)
        finally:
            remove(staging)
        lost = tuple(f"{name} = {value}" for name, value in before.items() if after.get(name) != value)
        return Upgrade(self.old, self.root.data(self.to.major), self.of.major, self.to.major, size, lost)

    def _checksums(self) -> str:
        """Whether pages are to have checksums, as a word for initdb: both have them, or neither."""
        told = run([self.of.folder / "pg_controldata", self.old], self.account, timeout_seconds=_SHORT_SECONDS)
        [line] = [line for line in told.splitlines() if line.startswith("Data page checksum version:")]
        return "--no-data-checksums" if line.rpartition(":")[2].strip() == "0" else "--data-checksums"

    @contextmanager
    def _serving(self, binaries: Binaries, data: Path) -> Iterator[Server]:
        """A server on data, which nobody else finds; stopped in order at the end."""
        launch = Launch(
            self.root, binaries, self.account, data, self.password, durable=True, limit_seconds=LIMIT_SECONDS,
            progress=self.progress, alone=True,
        )  # fmt: skip
        server, process = launch.run()
        try:
            yield server
        finally:
            end(process, data, Patience())

    def _pg_upgrade(self, staging: Path, data: Path, *words: str) -> None:
        sockets = socket_folder(self.root, self.account)
        command: list[str | Path] = [
            self.to.folder / "pg_upgrade", "--username", SUPERUSER, "--socketdir", sockets,
            "--old-datadir", self.old, "--new-datadir", data,
            "--old-bindir", self.of.folder, "--new-bindir", self.to.folder,
            # By it we know them for ours, should they outlive us.
            "--old-options", f"-c {MARK}", "--new-options", f"-c {MARK}", *words,
        ]  # fmt: skip
        with tempfile.TemporaryFile() as said:
            process = spawn(
                command, self.account, said, at_parents_death=signal.SIGTERM,
                variables={"PGPASSWORD": self.password}, folder=staging,
            )  # fmt: skip
            try:
                code = outlast(process)
            finally:
                for each in (self.old, data):
                    clear(each, LIMIT_SECONDS, self.progress)
                remove_short_folder(self.root, sockets)
            if code != 0:
                said.seek(0)
                text = said.read(_SAID_BYTES).decode("utf-8", "replace").strip()
                raise EmbeddedError("pg_upgrade failed: " + "\n  ".join(text.split("\n")[-_SAID_LINES:]))


def _configured(server: Server) -> dict[str, str]:
    """What its configuration files set."""

    async def ask() -> dict[str, str]:
        connection = await asyncpg.connect(server.dsn())
        try:
            rows = await connection.fetch(
                "SELECT name, current_setting(name) AS value FROM pg_settings WHERE source = 'configuration file'"
            )
            return {row["name"]: row["value"] for row in rows}
        finally:
            await connection.close()

    with ThreadPoolExecutor(1) as thread:  # the caller's may have a loop that runs
        return thread.submit(asyncio.run, ask()).result()
