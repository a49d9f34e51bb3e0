"""Starting PostgreSQL's programs: as the right user, with a clean environment, outliving nobody."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from incidentlog.embedded.account import Account
from incidentlog.embedded.errors import EmbeddedError

_KEPT = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
_FOLLOW = Path(__file__).with_name("follow.py")


def environment() -> dict[str, str]:
    """What PostgreSQL's programs see: PG* variables would redirect them, and our secrets are none of theirs."""
    return {name: os.environ[name] for name in _KEPT if name in os.environ} | {"LC_ALL": "C"}


def refuse_other_threads() -> None:
    """EmbeddedError outside the main thread.

    Linux sends the signal when the thread that started the program ends, which for any other thread is some
    harmless moment in the middle of the service's life.
    """
    if threading.current_thread() is not threading.main_thread():
        raise EmbeddedError("The embedded PostgreSQL stops when the thread that started it ends: use the main thread")


def run(command: Sequence[str | Path], account: Account, *, timeout_seconds: float) -> str:
    """Run a short program as the server's user and return what it printed.

    OSError when it cannot be executed, `subprocess.SubprocessError` when it fails or takes too long.
    """
    drop = {"user": account.uid, "group": account.gid, "extra_groups": []} if account.changes else {}
    done = subprocess.run(  # type: ignore[call-overload]  # noqa: S603 -- our own programs
        [str(part) for part in command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
        timeout=timeout_seconds,
        env=environment(),
        cwd="/",
        **drop,
    )
    return str(done.stdout)


def spawn(
    command: Sequence[str | Path],
    account: Account,
    output: IO[bytes],
    *,
    at_parents_death: signal.Signals,
    variables: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> subprocess.Popen[bytes]:
    """Start a program that gets the signal when this process dies, however it dies. From the main thread only.

    `variables` are what it sees beside its environment: what is no word for a command line, which everybody can read.
    `folder` is where it starts, for one that writes there.
    """
    refuse_other_threads()
    uid, gid = (account.uid, account.gid) if account.changes else (-1, -1)
    follow = [sys.executable, "-I", "-S", _FOLLOW, os.getpid(), at_parents_death.value, uid, gid]
    return subprocess.Popen(  # noqa: S603 -- our own programs
        [str(part) for part in (*follow, *command)],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        env=environment() | dict(variables or {}),
        # Ours may be one that the server's user cannot enter, or that is to be unmounted.
        cwd=folder or "/",
        start_new_session=True,  # Ctrl-C is for the service, which then stops the server in order
    )


def outlast(process: subprocess.Popen[bytes]) -> int:
    """Wait for a program's end: its exit code. What keeps us from waiting, such as Ctrl-C, ends the program too."""
    try:
        return process.wait()
    finally:
        process.terminate()
        process.wait()
