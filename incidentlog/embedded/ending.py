"""Ending servers: ours in order, an orphan's remains before the next start, a stranger's never."""

import os
import signal
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from incidentlog.embedded.errors import EmbeddedError
from incidentlog.embedded.processes import servers_on
from incidentlog.embedded.waiting import Progress, polling, silent

_REMAINS_SECONDS = 5.0
_KILLED_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Patience:
    """How long each way of stopping gets before the next, harder one."""

    fast_seconds: float = 60.0
    """SIGINT: clients are dropped, everything is written; clean."""
    immediate_seconds: float = 10.0
    """SIGQUIT: nothing is written, the next start recovers. Then SIGKILL, which has the same effect."""


def end(process: subprocess.Popen[bytes], data: Path, patience: Patience) -> None:
    """Stop our postmaster, the gentlest way that works; returns when nothing of it is left.

    Bounded by the patience and 20 s. EmbeddedError when even SIGKILL did not help (a disk that hangs).
    """
    ways = (
        (signal.SIGINT, patience.fast_seconds),
        (signal.SIGQUIT, patience.immediate_seconds),
        (signal.SIGKILL, _KILLED_SECONDS),
    )
    if not any(_ends(process, number, seconds) for number, seconds in ways):
        raise EmbeddedError(f"The postmaster (process {process.pid}) on {data} cannot be killed")
    # Its logger outlives it by a moment, and so do the children of one that was killed.
    clear(data, _REMAINS_SECONDS * 2)


def _ends(process: subprocess.Popen[bytes], number: signal.Signals, seconds: float) -> bool:
    process.send_signal(number)  # nothing happens if we reaped it: its pid may be another's
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def clear(data: Path, limit_seconds: float, progress: Progress = silent) -> None:
    """Return when no PostgreSQL process is left on the data; then forget the pid file.

    An orphaned postmaster of ours is asked to stop (it was told already by the death of its parent) and waited for;
    children of a dead one are ended. Only for the holder of the lock: no living process of ours owns what is found.
    EmbeddedError when somebody else runs a server here, or at the limit.
    """
    asked: set[tuple[int, signal.Signals]] = set()

    def ask(pid: int, number: signal.Signals) -> None:
        if (pid, number) not in asked:
            asked.add((pid, number))
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    for waited in polling(lambda: f"The earlier PostgreSQL on {data} is still stopping", limit_seconds, progress):
        left = servers_on(data)
        if not left:
            break
        postmasters = [process for process in left if not process.is_child and not process.is_leaving]
        for postmaster in postmasters:
            if not postmaster.is_ours:
                raise EmbeddedError(
                    f"A PostgreSQL that this service did not start (process {postmaster.pid}) uses {data}: "
                    f"stop it first, with pg_ctl stop -D {data}"
                )
            ask(postmaster.pid, signal.SIGINT)
        for orphan in left if not postmasters else ():
            # One in a long query would not notice its postmaster's death, and PostgreSQL refuses to start beside it.
            ask(orphan.pid, signal.SIGQUIT if waited < _REMAINS_SECONDS else signal.SIGKILL)
    # PostgreSQL would believe its pid, though that may be any process of this user by now, or refuse it if cut short.
    (data / "postmaster.pid").unlink(missing_ok=True)
