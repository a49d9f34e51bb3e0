"""What is told of a server that ended, above all of a disk that is full."""

import asyncio
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import asyncpg
import pytest
from structlog.testing import capture_logs

from incidentlog.embedded import EmbeddedError, start
from incidentlog.embedded.last_words import full_disk, last_words
from incidentlog.embedded.root import Root
from incidentlog.errors import Unavailable
from incidentlog.store.append import Appended
from incidentlog.store.migrate import migrate
from incidentlog.store.writer import Writer
from tests.commands import command, strike
from tests.conftest import access_to
from tests.embedded.acting import end_all_on

FULL = re.compile(r"The disk of (\S+) is full: ([\d,]+) bytes are free")


@pytest.fixture
def small(made: Path) -> Iterator[Path]:
    """A root on a disk of 112 MB, which only root can make."""
    path = Path(tempfile.mkdtemp(prefix="incidentlog-disk-", dir="/var/tmp"))
    mount = ["mount", "-t", "tmpfs", "-o", "size=112m,mode=711", "tmpfs", path]
    if (
        os.geteuid()
        or shutil.which("mount") is None
        or subprocess.run(mount, check=False, capture_output=True).returncode
    ):
        path.rmdir()
        pytest.skip("only root, where he may, can mount a disk to fill")
    try:
        subprocess.run(["cp", "-a", made, path / "root"], check=True)
        yield path / "root"
    finally:
        end_all_on(path)
        subprocess.run(["umount", path], check=True)
        path.rmdir()


async def test_a_server_whose_disk_is_full_says_so_when_it_ends_and_when_it_is_started_again(small: Path):
    rest = small / "rest"
    with start(small, durable=False) as running:
        connection = await asyncpg.connect(running.server.dsn())
        await connection.execute("CREATE TABLE kept AS SELECT 42 AS n")
        _fill(rest)
        with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
            for _ in range(100):  # megabytes of write-ahead log, and nothing else
                await connection.execute(
                    "SELECT pg_logical_emit_message(false, 'test', repeat('x', 1000000))", timeout=60
                )
        connection.terminate()
        async with asyncio.timeout(60):
            assert await running.died() != 0
        told = FULL.search(running.last_words())
        assert told is not None, running.last_words()
        assert told[1].startswith(str(running.server.data))
        assert int(told[2].replace(",", "")) < 2**24
    with pytest.raises(EmbeddedError, match="is full"):
        start(small, durable=False)
    rest.unlink()
    with start(small, durable=False) as running:
        connection = await asyncpg.connect(running.server.dsn())
        assert await connection.fetchval("SELECT n FROM kept") == 42
        await connection.close()
        assert FULL.search(running.last_words()) is None


async def test_nothing_is_appended_and_it_is_said_as_long_as_the_disk_is_full(small: Path):
    rest = small / "rest"
    with start(small, durable=False) as running:
        access = access_to(running.server, "incidentlog")
        await migrate(access)
        writer = Writer(access, seconds=0.5)
        task = asyncio.create_task(writer.run())
        await writer.append(command())
        _fill(rest, left=0)
        with pytest.raises(Unavailable, match="no room left on its disk"):
            await _append_on(writer)
        with capture_logs() as said:
            async with asyncio.timeout(60):
                while sum(line["event"] == "appends_fail_still" for line in said) < 2:
                    assert writer.failure is not None
                    await asyncio.sleep(0.01)
        with pytest.raises(Unavailable):
            await writer.append(command())
        rest.unlink()
        async with asyncio.timeout(60):
            while writer.failure is not None:
                await asyncio.sleep(0.01)
        assert isinstance(await writer.append(command()), Appended)
        task.cancel()
        await asyncio.wait([task])


async def _append_on(writer: Writer) -> None:
    """Append until that raises: there is some room in what is there."""
    while True:
        await writer.append(command(strike(notes="x" * 2_000)))


def _fill(file: Path, left: int = 2**20) -> None:
    room = os.statvfs(file.parent)
    with file.open("wb") as filling:
        os.posix_fallocate(filling.fileno(), 0, room.f_bavail * room.f_frsize - left)


def test_a_disk_that_has_room_is_full_only_where_the_server_says_so(home: Path):
    assert full_disk(home) is None
    told = FULL.match(full_disk(home, 'PANIC:  could not write to file "pg_wal/x": No space left on device') or "")
    assert told is not None
    assert told[1] == str(home)
    assert int(told[2].replace(",", "")) > 2**24


def test_the_end_of_both_logs_is_told(home: Path):
    root = Root.at(home)
    data = home / "pg-18"
    (data / "log").mkdir(parents=True)
    root.start_log.parent.mkdir(parents=True, exist_ok=True)
    root.start_log.write_text("before\n")
    (data / "log/postgresql-Mon.log").write_text("".join(f"line {n}\n" for n in range(20)))
    assert last_words(root, data).splitlines() == ["before", *(f"line {n}" for n in range(12, 20))]
