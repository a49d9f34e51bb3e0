"""Start the postmaster and wait until it takes connections."""

import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

from incidentlog.embedded.account import Account
from incidentlog.embedded.binaries import Binaries
from incidentlog.embedded.ending import Patience, end
from incidentlog.embedded.errors import EmbeddedError
from incidentlog.embedded.last_words import last_words
from incidentlog.embedded.launch import spawn
from incidentlog.embedded.processes import MARK, read_pid_file
from incidentlog.embedded.root import Root
from incidentlog.embedded.server import LOOPBACK, SUPERUSER, Server, make_database, publish
from incidentlog.embedded.sockets import choose_port, is_free, socket_folder
from incidentlog.embedded.waiting import Progress, polling

_PORT_TRIES = 3
_UNSAFE = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


@dataclass(frozen=True, slots=True)
class Launch:
    """What a start needs, all of it there: only for the holder of the lock, with no server left on the data."""

    root: Root
    binaries: Binaries
    account: Account
    data: Path
    password: str
    durable: bool
    limit_seconds: float
    progress: Progress
    alone: bool = False
    """Whether nobody else is to find it."""

    def run(self) -> tuple[Server, subprocess.Popen[bytes]]:
        """The server, taking connections, with its database, findable by others; and its process.

        EmbeddedError, with the end of its log, when it exits instead; when the limit passes; when it does not take
        our password. Nothing runs then.
        """
        sockets = socket_folder(self.root, self.account)
        for tries_left in reversed(range(_PORT_TRIES)):
            port = choose_port(self.root)
            process = self._spawn(port, sockets)
            try:
                if self._becomes_ready(process):
                    server = Server(str(sockets), port, SUPERUSER, self.password, self.data, process.pid, owned=True)
                    make_database(server)
                    if not self.alone:
                        publish(self.root, server)
                    return server, process
            except BaseException:
                end(process, self.data, Patience())
                raise
            # Somebody else may have taken the port between our look at it and the server's.
            if not tries_left or is_free(port):
                raise EmbeddedError(
                    f"PostgreSQL exited with {process.returncode} while starting on {self.data}:\n{self._log()}"
                )
        raise AssertionError("the last try returns or raises")

    def _spawn(self, port: int, sockets: Path) -> subprocess.Popen[bytes]:
        quoted = str(sockets).replace('"', '""')
        settings = [
            MARK,
            f"listen_addresses={LOOPBACK}",
            f"port={port}",
            f'unix_socket_directories="{quoted}"',
            *(() if self.durable else _UNSAFE),
        ]
        command: list[str | Path] = [self.binaries.folder / "postgres", "-D", self.data]
        for setting in settings:
            command += ["-c", setting]
        with self.root.start_log.open("wb") as log:
            return spawn(command, self.account, log, at_parents_death=signal.SIGINT)

    def _becomes_ready(self, process: subprocess.Popen[bytes]) -> bool:
        """Whether it takes connections; False when it exited."""
        for _ in polling(self._what_it_does, self.limit_seconds, self.progress):
            said = read_pid_file(self.data)
            if said is not None and said.pid == process.pid and said.ready:
                return True
            if process.poll() is not None:
                return False
        raise AssertionError("polling ends by raising")

    def _what_it_does(self) -> str:
        last = self._log().rsplit("\n", 1)[-1]
        return f"PostgreSQL is starting on {self.data}: {last}"

    def _log(self) -> str:
        return last_words(self.root, self.data)
