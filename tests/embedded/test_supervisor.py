import asyncio
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import pytest

from incidentlog.embedded import EmbeddedError, Patience, postmaster, start, supervisor
from incidentlog.embedded.processes import servers_on
from incidentlog.embedded.root import Root
from tests.embedded.acting import Service, child_of, eventually, held_at, is_gone, mode_of, open_gate

Begin = Callable[..., Service]


async def test_the_first_start_makes_a_database_that_answers_over_the_socket_and_over_the_port(home: Path):
    with start(home / "root", durable=False) as running:
        for dsn in (running.server.dsn(), running.server.tcp_dsn()):
            connection = await asyncpg.connect(dsn)
            assert await connection.fetchval("SELECT current_database()") == "incidentlog"
            assert await connection.fetchval("SHOW server_version_num") >= "180000"
            await connection.close()
    assert servers_on(running.server.data) == []


async def test_what_was_written_is_there_at_the_next_start_on_the_same_port(root: Path):
    with start(root, durable=False) as running:
        first = running.server
        await _execute(first.dsn(), "CREATE TABLE kept AS SELECT 42 AS n")
    with start(root, durable=False) as running:
        assert running.server.port == first.port
        assert await _value(running.server.dsn(), "SELECT n FROM kept") == 42


async def test_nobody_gets_in_without_the_password(root: Path):
    with start(root, durable=False) as running:
        server = running.server
        for dsn in (server.dsn, server.tcp_dsn):
            with pytest.raises(asyncpg.InvalidPasswordError):
                await asyncpg.connect(dsn(user=server.superuser, password="guess"))
        rules = await _rows(server.dsn(), "SELECT type, address, auth_method FROM pg_hba_file_rules")
        assert {rule["auth_method"] for rule in rules} == {"scram-sha-256"}
        assert {rule["address"] for rule in rules} <= {None, "127.0.0.1", "::1"}
        assert await _value(server.dsn(), "SHOW listen_addresses") == "127.0.0.1"


def test_secrets_sockets_and_data_are_private(root: Path):
    with start(root, durable=False) as running:
        for file in (root / "password", root / "connection.json", root / "lock"):
            assert mode_of(file) == 0o600
        assert mode_of(Path(running.server.host)) == 0o700
        assert mode_of(running.server.data) == 0o700
        assert running.server.password not in repr(running.server)
        assert running.server.password not in (root / "connection.json").read_text()
    assert not (root / "connection.json").exists()


async def test_a_durable_server_waits_for_the_disk_and_one_for_tests_does_not(root: Path):
    for durable, expected in ((True, "on"), (False, "off")):
        with start(root, durable=durable) as running:
            for setting in ("fsync", "synchronous_commit", "full_page_writes"):
                assert await _value(running.server.dsn(), f"SHOW {setting}") == expected


async def test_the_servers_log_does_not_quote_the_row_that_broke_a_constraint(root: Path):
    with start(root, durable=False) as running:
        await _execute(running.server.dsn(), "CREATE TABLE t (secret text PRIMARY KEY)")
        connection = await asyncpg.connect(running.server.dsn())
        for _ in range(2):
            try:
                await connection.execute("INSERT INTO t VALUES ($1)", "the name of a witness")
            except asyncpg.UniqueViolationError:
                break
        await connection.close()
    said = "".join(path.read_text() for path in running.server.data.glob("log/*.log"))
    assert "duplicate key" in said
    assert "witness" not in said


def test_ctrl_c_reaches_the_service_but_not_the_server(root: Path, service: Begin):
    started = service(root)
    pid, _ = started.says()
    assert os.getpgid(pid) != os.getpgid(started.process.pid)
    assert os.getsid(pid) != os.getsid(started.process.pid)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_server_stops_cleanly_when_its_service_is_killed(root: Path, service: Begin, number: signal.Signals):
    started = service(root)
    pid, _ = started.says()
    started.dies(number)
    eventually(lambda: is_gone(pid))
    assert not (root / "pg-18" / "postmaster.pid").exists()
    with start(root, durable=False):
        assert "not properly shut down" not in _log(root)


async def test_the_service_notices_when_its_postmaster_is_killed_and_the_next_start_recovers(root: Path):
    running = start(root)
    joined = start(root)
    await _execute(running.server.dsn(), "CREATE TABLE kept AS SELECT 42 AS n")
    assert running.exit_code() is None
    assert joined.exit_code() is None

    watching = asyncio.gather(running.died(), joined.died())
    os.kill(running.server.pid, signal.SIGKILL)
    assert list(await asyncio.wait_for(watching, 60)) == [-9, 255]
    running.stop()

    with start(root, durable=False) as running:
        assert "not properly shut down" in _log(root)
        assert await _value(running.server.dsn(), "SELECT n FROM kept") == 42


def test_the_next_start_waits_for_an_orphan_that_is_still_stopping(root: Path, service: Begin):
    started = service(root)
    pid, _ = started.says()
    checkpointer = child_of(root / "pg-18", "checkpointer")
    os.kill(checkpointer, signal.SIGSTOP)  # the last to stop: without it the orphan stays half-way
    started.dies(signal.SIGKILL)
    said: list[str] = []

    def progress(what: str) -> None:
        said.append(what)
        assert not is_gone(pid)
        os.kill(checkpointer, signal.SIGCONT)

    with start(root, durable=False, progress=progress) as running:
        assert running.server.owned
        assert running.server.pid != pid
        eventually(lambda: is_gone(pid))  # it lets go of the data a moment before it is no more
    assert "still stopping" in said[0]
    assert "not properly shut down" not in _log(root)


def test_a_second_process_joins_and_its_stopping_stops_nothing(root: Path, service: Begin):
    with start(root, durable=False) as running:
        joining = service(root)
        assert joining.says() == (running.server.pid, False)
        assert joining.ends() == 0
        assert running.exit_code() is None


def test_of_several_that_start_at_once_one_owns_and_the_others_join_it(home: Path, service: Begin):
    starting = [service(home / "root") for _ in range(3)]
    said = [each.says() for each in starting]
    assert len({pid for pid, _ in said}) == 1
    assert sorted(owned for _, owned in said) == [False, False, True]


def test_one_that_comes_while_the_owner_starts_waits_and_joins(
    root: Path, service: Begin, shim: Callable[..., Path], gate: Path
):
    owner = service(root, INCIDENTLOG_PG_BIN=str(shim(postgres=held_at(gate))))
    eventually(lambda: _held_by(root, owner))
    said: list[str] = []

    def progress(what: str) -> None:
        said.append(what)
        open_gate(gate)

    with start(root, progress=progress) as running:
        assert not running.server.owned
        assert owner.says() == (running.server.pid, True)
    assert f"Process {owner.process.pid} has" in said[0]


def test_when_the_owner_dies_while_starting_the_one_that_waits_takes_over(
    root: Path, service: Begin, shim: Callable[..., Path], gate: Path
):
    owner = service(root, INCIDENTLOG_PG_BIN=str(shim(postgres=held_at(gate))))
    eventually(lambda: _held_by(root, owner))

    with start(root, durable=False, progress=lambda _: owner.dies(signal.SIGKILL)) as running:
        assert running.server.owned


@pytest.mark.parametrize("fault", ["dead", "reused", "cut", "empty", "another shape"])
def test_a_connection_file_that_is_out_of_date_or_spoilt_is_not_believed(root: Path, fault: str):
    with start(root, durable=False) as first:
        stale = (root / "connection.json").read_text()
    spoilt = {
        "dead": stale,
        "reused": stale.replace(str(first.server.pid), str(os.getpid())),
        "cut": stale[:40],
        "empty": "",
        "another shape": "[]",
    }
    (root / "connection.json").write_text(spoilt[fault])
    # Held by one that does not serve: whoever believes the file joins a server that is gone.
    with _held(root), pytest.raises(EmbeddedError, match="does not answer"):
        start(root, limit_seconds=0.05)


def test_a_failed_start_lets_go_of_the_lock(root: Path, monkeypatch: pytest.MonkeyPatch):
    with monkeypatch.context() as patched:
        patched.setenv("INCIDENTLOG_PG_BIN", "/nowhere")
        with pytest.raises(EmbeddedError, match="/nowhere"):
            start(root)
    start(root, durable=False).stop()


def test_a_start_that_fails_at_its_last_step_leaves_no_server(root: Path, monkeypatch: pytest.MonkeyPatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(postmaster, "publish", full)
    with pytest.raises(EmbeddedError, match="No space left"):
        start(root, durable=False)
    assert servers_on(root / "pg-18") == []


def test_it_refuses_to_start_from_a_thread_because_the_server_would_stop_with_it(root: Path):
    refused: list[BaseException] = []

    def attempt() -> None:
        try:
            start(root)
        except EmbeddedError as error:
            refused.append(error)

    thread = threading.Thread(target=attempt)
    thread.start()
    thread.join()
    assert "main thread" in str(refused[0])


def test_a_postmaster_that_does_not_react_is_killed_and_nothing_of_it_is_left(root: Path):
    running = start(root, durable=False)
    os.kill(running.server.pid, signal.SIGSTOP)
    running.stop(Patience(fast_seconds=0.1, immediate_seconds=0.1))
    assert running.exit_code() == -signal.SIGKILL
    assert servers_on(running.server.data) == []
    start(root, durable=False).stop()


async def test_a_client_that_stays_connected_does_not_hold_up_the_stop(root: Path):
    running = start(root, durable=False)
    connection = await asyncpg.connect(running.server.dsn())
    running.stop(Patience(fast_seconds=5))
    assert running.exit_code() == 0
    connection.terminate()


def test_stopping_twice_does_nothing(root: Path):
    running = start(root, durable=False)
    running.stop()
    running.stop()


@contextmanager
def _held(root: Path) -> Iterator[None]:
    lock = supervisor._lock(Root.at(root))
    assert lock is not None
    with lock:
        yield


def _held_by(root: Path, owner: Service) -> bool:
    return (root / "lock").exists() and (root / "lock").read_text() == str(owner.process.pid)


def _log(root: Path) -> str:
    """What the server said since its last start."""
    said = "".join(path.read_text() for path in root.glob("pg-18/log/*.log"))
    return said.rpartition("starting PostgreSQL")[2]


async def _execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    await connection.execute(statement)
    await connection.close()


async def _value(dsn: str, query: str) -> object:
    connection = await asyncpg.connect(dsn)
    value: object = await connection.fetchval(query)
    await connection.close()
    return value


async def _rows(dsn: str, query: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(dsn)
    rows = await connection.fetch(query)
    await connection.close()
    return list(rows)
