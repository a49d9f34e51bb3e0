"""Start the embedded PostgreSQL, or join the one another process runs on the same directory."""

import asyncio
import fcntl
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from incidentlog.embedded.account import server_account
from incidentlog.embedded.binaries import find
from incidentlog.embedded.cluster import databases, ensure
from incidentlog.embedded.ending import Patience, clear, end
from incidentlog.embedded.errors import EmbeddedError
from incidentlog.embedded.last_words import last_words, with_the_disk
from incidentlog.embedded.launch import refuse_other_threads
from incidentlog.embedded.postmaster import Launch
from incidentlog.embedded.processes import runs_on
from incidentlog.embedded.root import Root
from incidentlog.embedded.server import Server, published
from incidentlog.embedded.sockets import remove_short_folder
from incidentlog.embedded.waiting import Progress, polling, silent
from incidentlog.files import STAGING_PREFIX

LIMIT_SECONDS = 600.0
"""How long a start may take. Recovery after a crash takes minutes when much was written."""

UNKNOWN_EXIT = 255
"""What `exit_code` says of a server that was not our child."""

_DIED_POLL_SECONDS = 0.1


class Running:
    """A running server, and our hold on it. Leaving the context stops it, if it is ours to stop."""

    def __init__(
        self, server: Server, root: Root, process: subprocess.Popen[bytes] | None = None, lock: IO[str] | None = None
    ) -> None:
        self.server = server
        self._root = root
        self._process = process
        self._lock = lock

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def exit_code(self) -> int | None:
        """None while it runs; else its exit code, -N for signal N, 255 for one that another process ran."""
        if self._process is not None:
            return self._process.poll()
        return None if runs_on(self.server.data, self.server.pid) else UNKNOWN_EXIT

    async def died(self) -> int:
        """Return the exit code once the server is gone, within 0.2 s; whichever code, the service cannot go on.

        `stop` makes it return too: cancel whoever waits here before.
        """
        while (code := self.exit_code()) is None:  # noqa: ASYNC110 -- nobody in this process could set an event
            await asyncio.sleep(_DIED_POLL_SECONDS)
        return code

    def last_words(self) -> str:
        """The end of what the server said; and that its disk is full, if it is."""
        return last_words(self._root, self.server.data)

    def stop(self, patience: Patience | None = None) -> None:
        """Stop the server if this process runs it, else leave it alone. A second call does nothing.

        Blocks until it is down: usually 0.1 s, at most the patience and 20 s. EmbeddedError when it cannot be killed.
        """
        if self._process is None or self._lock is None:
            return
        lock, self._lock = self._lock, None
        with lock:  # closing it lets the next one start, so last of all
            self._root.connection.unlink(missing_ok=True)
            end(self._process, self.server.data, patience or Patience())
            remove_short_folder(self._root, Path(self.server.host))


def start(
    root: Path, *, durable: bool = True, progress: Progress = silent, limit_seconds: float = LIMIT_SECONDS
) -> Running:
    """Start the server of this root, or join it when another process runs it; make everything at the first start.

    The server stops when this process ends, however it ends. From the main thread only; blocks, at most for the limit
    (three times that in the worst case: for another process, for an orphan, for recovery). `progress` hears why.
    `durable=False` gives up safety against power cuts for speed: for tests.
    EmbeddedError when it cannot be started; the message says what to do.
    """
    refuse_other_threads()
    place = Root.at(root)
    place.prepare()
    for _ in polling(lambda: _who_has(place), limit_seconds, progress):
        if (lock := _lock(place)) is not None:
            return _own(place, lock, durable=durable, progress=progress, limit_seconds=limit_seconds)
        # Its owner may be starting, or stopping: then either it answers soon, or the lock becomes free.
        if (server := published(place)) is not None:
            return Running(server, place)
    raise AssertionError("polling ends by raising")


@contextmanager
def held(root: Root) -> Iterator[None]:
    """Keep everybody else off a root that is there, with what was interrupted cleared away.

    EmbeddedError when a service, or another command, is at work on it.
    """
    if not root.path.is_dir():
        raise EmbeddedError(f"there are no data in {root.path}")
    if (lock := _lock(root)) is None:
        raise EmbeddedError(f"{_holder(root)}: stop every service on it first")
    with lock:
        root.connection.unlink(missing_ok=True)
        _tidy(root, LIMIT_SECONDS, silent)
        yield


def _tidy(root: Root, limit_seconds: float, progress: Progress) -> None:
    """Remove what an interrupted start or upgrade left half made, with the servers that are at it still."""
    for data in root.path.glob(f"{STAGING_PREFIX}*/data"):
        clear(data, limit_seconds, progress)
    root.tidy()


def _lock(root: Root) -> IO[str] | None:
    """The lock, held until it is closed or we die; None when another has it."""
    try:
        file = os.fdopen(os.open(root.lock, os.O_RDWR | os.O_CREAT, 0o600), "w", encoding="utf-8")
    except PermissionError as error:
        raise EmbeddedError(f"{error}: it is another user's. Run as that user, or set INCIDENTLOG_DATA_DIR") from error
    except OSError as error:
        raise EmbeddedError(f"{root.path} cannot be the data directory: {error.strerror}") from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
    except BlockingIOError:
        file.close()
        return None
    except BaseException:
        file.close()
        raise
    return file


def _who_has(root: Root) -> str:
    return f"{_holder(root)}, and its server does not answer"


def _holder(root: Root) -> str:
    return f"Process {root.lock.read_text('utf-8') or '(unknown)'} has {root.lock}"


def _own(root: Root, lock: IO[str], *, durable: bool, progress: Progress, limit_seconds: float) -> Running:
    """Start the server as the holder of the lock, which is let go if that fails."""
    try:
        root.connection.unlink(missing_ok=True)
        _tidy(root, limit_seconds, progress)
        there = list(databases(root).values())
        for data in there:
            clear(data, limit_seconds, progress)
        account = server_account(there[-1] if there else root.path / "none")
        binaries = find(root, account)
        data, password = ensure(root, binaries, account, durable=durable)
        launch = Launch(root, binaries, account, data, password, durable, limit_seconds, progress)
        server, process = launch.run()
        return Running(server, root, process, lock)
    except (OSError, subprocess.SubprocessError) as error:
        lock.close()
        raise EmbeddedError(with_the_disk(f"Cannot start PostgreSQL in {root.path}: {error}", root.path)) from error
    except BaseException:
        lock.close()
        raise
