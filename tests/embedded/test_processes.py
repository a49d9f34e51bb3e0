from pathlib import Path

import pytest

from incidentlog.embedded import processes, start
from incidentlog.embedded.processes import Process, read_pid_file, runs_on, servers_on
from tests.embedded.acting import eventually


def test_a_server_is_known_by_its_directory_and_its_postmaster_by_its_mark(root: Path, home: Path):
    with start(root, durable=False) as running:
        eventually(lambda: len(servers_on(root / "pg-18")) > 3)
        # A child just born still carries its parent's command line.
        eventually(lambda: _postmasters(root / "pg-18") == [(running.server.pid, True)])
        assert servers_on(home) == []
        assert runs_on(root / "pg-18", running.server.pid)
        assert not runs_on(home, running.server.pid)
        assert not runs_on(root / "pg-18", 1)


def test_without_proc_the_postmaster_is_known_by_its_command_line(
    root: Path, home: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(processes, "_PROC", Path("/no/proc"))
    with start(root, durable=False) as running:
        (found,) = servers_on(root / "pg-18")
        assert (found.pid, found.is_ours, found.is_child) == (running.server.pid, True, False)
        assert runs_on(root / "pg-18", running.server.pid)
        assert servers_on(home) == []
        assert not start(root).server.owned
    assert servers_on(root / "pg-18") == []


def test_the_pid_file_says_when_the_server_is_ready(root: Path):
    data = root / "pg-18"
    assert read_pid_file(data) is None
    with start(root, durable=False) as running:
        said = read_pid_file(data)
        assert said is not None
        assert (said.pid, said.ready) == (running.server.pid, True)


def test_a_process_in_the_middle_of_its_exit_is_neither_postmaster_nor_stranger():
    """The kernel shows it with its directory but without its command line."""
    leaving = Process(7, "")
    assert leaving.is_leaving
    assert not leaving.is_child


def _postmasters(data: Path) -> list[tuple[int, bool]]:
    return [(process.pid, process.is_ours) for process in servers_on(data) if not process.is_child]
