"""Which processes are a server on our data. A pid alone says nothing: it may be a stranger's by now."""

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MARK = "cluster_name=incidentlog"
"""On the command line of every postmaster we start: one without it was started by somebody else."""

_PROC = Path("/proc")
_STATUS_LINE = 8


@dataclass(frozen=True, slots=True)
class PidFile:
    """What `postmaster.pid` says: who, and whether it takes connections."""

    pid: int
    ready: bool


@dataclass(frozen=True, slots=True)
class Process:
    """A process of a PostgreSQL server: the postmaster, or a child of it."""

    pid: int
    command: str

    @property
    def is_child(self) -> bool:
        """Whether it is a child; a child names itself `postgres: role`."""
        return self.command.startswith("postgres: ")

    @property
    def is_leaving(self) -> bool:
        """Whether it is in the middle of its exit: its memory is gone, and with it who it was."""
        return not self.command

    @property
    def is_ours(self) -> bool:
        """Whether we started it, or a process of this service that is dead by now."""
        return MARK in self.command


def read_pid_file(data: Path) -> PidFile | None:
    """The pid file, or None when there is none, or it is cut short or garbled."""
    try:
        lines = (data / "postmaster.pid").read_text("utf-8", "replace").split("\n")
        ready = len(lines) >= _STATUS_LINE and lines[_STATUS_LINE - 1].strip() == "ready"
        return PidFile(int(lines[0]), ready)
    except (OSError, ValueError):
        return None


def servers_on(data: Path) -> list[Process]:
    """Every live PostgreSQL process on this data directory, by asking the system, not the pid file."""
    return list(_on_linux(data) if _PROC.joinpath("self", "cwd").exists() else _elsewhere(data))


def runs_on(data: Path, pid: int) -> bool:
    """Whether this process is, at this moment, a PostgreSQL on this data directory."""
    if _PROC.joinpath("self", "cwd").exists():
        return _look(pid, data) is not None
    return any(process.pid == pid for process in _elsewhere(data))


def _on_linux(data: Path) -> Iterator[Process]:
    for entry in os.listdir(_PROC):  # noqa: PTH208 -- a Path for every process of the machine costs as much as the rest
        if entry.isdecimal() and (process := _look(int(entry), data)):
            yield process


def _look(pid: int, data: Path) -> Process | None:
    """The process, if it is PostgreSQL's and lives in the data directory. A zombie lives nowhere."""
    folder = _PROC / str(pid)
    try:
        # A shell or an editor may stand in the directory: it is no server, and not to be killed.
        if (folder / "comm").read_text() != "postgres\n" or not (folder / "cwd").samefile(data):
            return None
        return Process(pid, (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace").strip())
    except OSError:  # gone meanwhile, or another user's
        return None


def _elsewhere(data: Path) -> Iterator[Process]:
    """Without /proc: the postmaster by its command line, which names the data directory."""
    listed = subprocess.run(
        ["ps", "-axww", "-o", "pid=,command="],  # noqa: S607 -- where ps is differs from system to system
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    for line in listed.stdout.splitlines():
        pid, _, command = line.strip().partition(" ")
        if f"/postgres -D {data} -c " in command:
            yield Process(int(pid), command.strip())
