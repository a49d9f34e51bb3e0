import asyncio
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from incidentlog.embedded import EmbeddedError, start
from incidentlog.embedded.account import server_account
from incidentlog.embedded.binaries import wheel_folder
from incidentlog.embedded.launch import environment
from incidentlog.embedded.processes import servers_on
from tests.embedded.acting import eventually, is_gone


@pytest.fixture
def stranger(root: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Somebody's process, of the server's own user, standing in the data directory: its pid is the one reused."""
    data = root / "pg-18"
    with _as_server(["sleep", "600"], data, cwd=data) as process:
        yield process
        process.kill()


@pytest.mark.parametrize(
    "content",
    [
        "",
        "12",
        "{stranger}",
        "{stranger}\n{data}\n1700000000\n20123\n{data}\n127.0.0.1\n  1234567         0\nready   \n",
        "4194304\n{data}\n1700000000\n20123\n\n\n\n\n",
        "\0\0\0\0\0\0\0\0",
    ],
    ids=["empty", "cut short", "only a reused pid", "a reused pid", "a dead pid", "zeros after a power cut"],
)
def test_a_stale_pid_file_neither_stops_the_start_nor_hurts_a_stranger(
    root: Path, stranger: subprocess.Popen[bytes], content: str
):
    file = root / "pg-18" / "postmaster.pid"
    file.write_text(content.format(stranger=stranger.pid, data=root / "pg-18"))
    os.chown(file, (root / "pg-18").stat().st_uid, -1)
    start(root, durable=False).stop()
    assert stranger.poll() is None


def test_a_stale_socket_lock_with_a_reused_pid_does_not_stop_the_start(root: Path, stranger: subprocess.Popen[bytes]):
    port = (root / "port").read_text().strip()
    lock = root / "run" / f".s.PGSQL.{port}.lock"
    lock.write_text(f"{stranger.pid}\n{root}/pg-18\n1700000000\n{port}\n{root}/run\n")
    os.chown(lock, (root / "pg-18").stat().st_uid, -1)
    start(root, durable=False).stop()
    assert stranger.poll() is None


def test_a_server_that_somebody_else_started_here_is_refused_and_left_alone(root: Path):
    data = root / "pg-18"
    folder = wheel_folder()
    assert folder is not None
    # It needs somewhere to listen: with neither address nor socket it ends as soon as it has begun.
    where = ["-c", "listen_addresses=", "-k", str(data)]
    with _as_server([str(folder / "postgres"), "-D", str(data), *where], data) as theirs:
        pid_file = data / "postmaster.pid"  # whose last line says when the server is up
        eventually(lambda: bool(servers_on(data)) and pid_file.exists() and "ready" in pid_file.read_text())
        with pytest.raises(EmbeddedError, match=rf"process {theirs.pid}\b.*pg_ctl stop -D {data}"):
            start(root)
        assert theirs.poll() is None
        theirs.send_signal(signal.SIGINT)
        theirs.wait(20)
    eventually(lambda: not servers_on(data))
    start(root, durable=False).stop()


async def test_a_backend_that_did_not_notice_its_postmasters_death_is_ended(root: Path):
    running = start(root, durable=False)
    connection = await asyncpg.connect(running.server.dsn())
    backend = connection.get_server_pid()
    busy = asyncio.create_task(connection.execute("DO $$ BEGIN LOOP END LOOP; END $$"))
    await asyncio.sleep(0)
    while await _state(running.server.dsn(), backend) != "active":
        pass
    os.kill(running.server.pid, signal.SIGKILL)
    running.stop()
    eventually(lambda: is_gone(backend))  # it lets go of the data a moment before it is no more
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
        await busy
    start(root, durable=False).stop()


async def _state(dsn: str, pid: int) -> object:
    connection = await asyncpg.connect(dsn)
    state: object = await connection.fetchval("SELECT state FROM pg_stat_activity WHERE pid = $1", pid)
    await connection.close()
    return state


def _as_server(command: list[str], data: Path, cwd: Path = Path("/")) -> subprocess.Popen[bytes]:
    account = server_account(data)
    drop = {"user": account.uid, "group": account.gid, "extra_groups": []} if account.changes else {}
    process: subprocess.Popen[bytes] = subprocess.Popen(  # type: ignore[call-overload]
        command, cwd=cwd, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **drop
    )
    return process
