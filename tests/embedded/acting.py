"""What these tests share: services that are killed, gates that hold a program, waiting with a bound."""

import os
import signal
import stat
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from incidentlog.embedded.processes import servers_on

REPOSITORY = Path(__file__).parents[2]

SERVICE = """
import sys
from pathlib import Path
from incidentlog.embedded import start
with start(Path(sys.argv[1]), durable=False) as running:
    print(running.server.pid, running.server.owned, flush=True)
    sys.stdin.read()
"""


def eventually(condition: Callable[[], bool], seconds: float = 10) -> None:
    """Wait until it holds; fail at the bound."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it never came to be"
        time.sleep(0.005)


def is_gone(pid: int) -> bool:
    """Whether a process is no more, or only a zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return True
    return state in "ZX"


class Service:
    """A process of its own that starts the server, says so, and stops it when its input closes."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def says(self) -> tuple[int, bool]:
        """The postmaster's pid and whether the service owns it; waits until it is up."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.process.communicate()[1]
        pid, owned = line.split()
        return int(pid), owned == "True"

    def ends(self) -> int:
        """Let it stop in order."""
        self.process.communicate(timeout=60)
        return self.process.returncode

    def dies(self, number: signal.Signals) -> None:
        self.process.send_signal(number)
        self.process.communicate(timeout=60)


def held_at(gate: Path) -> str:
    """A script for `postgres` that waits at the gate before it becomes the real one."""
    return f'[ "$1" = --version ] || read _ < {gate}\nexec $REAL/postgres "$@"'


def open_gate(gate: Path) -> None:
    """Let through whoever waits there; fail if nobody comes."""
    ends: list[int] = []

    def opened() -> bool:
        with suppress(OSError):  # nobody reads yet
            ends.append(os.open(gate, os.O_WRONLY | os.O_NONBLOCK))
        return bool(ends)

    eventually(opened)
    os.write(ends[0], b"\n")
    os.close(ends[0])


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def child_of(data: Path, role: str) -> int:
    """The pid of one of the server's own processes."""
    found: list[int] = []

    def is_there() -> bool:  # it takes its name a moment after its birth
        found.extend(process.pid for process in servers_on(data) if process.is_child and role in process.command)
        return bool(found)

    eventually(is_there)
    return found[0]


def end_all_on(path: Path) -> None:
    """Let no server outlive its test; in order if it can, for a killed one leaves its shared memory behind."""
    for data in path.glob("**/pg-*"):
        for number, seconds in ((signal.SIGINT, 5), (signal.SIGKILL, 5)):
            for process in servers_on(data):
                if number == signal.SIGKILL or not process.is_child:
                    with suppress(ProcessLookupError):
                        os.kill(process.pid, number)
            with suppress(AssertionError):
                eventually(partial(_is_quiet, data), seconds)


def _is_quiet(data: Path) -> bool:
    return not servers_on(data)
