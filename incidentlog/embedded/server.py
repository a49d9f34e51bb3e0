"""The running server: how to reach it, how others find it, and whether it answers."""

import asyncio
import json
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import asyncpg

from incidentlog.embedded.errors import EmbeddedError
from incidentlog.embedded.processes import runs_on
from incidentlog.embedded.root import Root
from incidentlog.files import write_private

SUPERUSER = "incidentlog_admin"
DATABASE = "incidentlog"
LOOPBACK = "127.0.0.1"

_CONNECT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Server:
    """Where a running embedded PostgreSQL is found."""

    host: str
    """The directory of its Unix socket."""
    port: int
    """On 127.0.0.1, and in the socket's name."""
    superuser: str
    password: str = field(repr=False)
    data: Path
    pid: int
    """The postmaster's."""
    owned: bool
    """Whether this process runs it; False when another process does and we merely joined."""

    def dsn(self, database: str = DATABASE, user: str | None = None, password: str | None = None) -> str:
        """A DSN over the Unix socket; as the superuser unless a user is named."""
        where = urlencode({"host": self.host, "port": self.port}, quote_via=quote)
        return f"postgresql://{self._login(user, password)}@/{quote(database, safe='')}?{where}"

    def tcp_dsn(self, database: str = DATABASE, user: str | None = None, password: str | None = None) -> str:
        """A DSN over the loopback port, for psql and whatever cannot enter the socket directory."""
        return f"postgresql://{self._login(user, password)}@{LOOPBACK}:{self.port}/{quote(database, safe='')}"

    def _login(self, user: str | None, password: str | None) -> str:
        if user is None:
            user, password = self.superuser, self.password
        return quote(user, safe="") + (f":{quote(password, safe='')}" if password is not None else "")


def publish(root: Root, server: Server) -> None:
    """Let other processes join. The password stays in its own file."""
    said = {name: value for name, value in asdict(server).items() if name not in ("password", "owned")}
    write_private(root.connection, json.dumps(said, default=str))


def published(root: Root) -> Server | None:
    """The server another process runs on this root, if it is there and answers.

    None when nothing is said of it, what is said is out of date, or it does not take connections now.
    EmbeddedError when it does not accept our password.
    """
    try:
        said = json.loads(root.connection.read_text("utf-8"))
        said["data"] = Path(said["data"])
        server = Server(**said, password=read_password(root), owned=False)
    except (FileNotFoundError, ValueError, TypeError, KeyError):
        return None
    if not runs_on(server.data, server.pid):
        return None
    try:
        _outside_any_loop(_ask(server))
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return None
    return server


def make_database(server: Server) -> None:
    """Create the database when it is absent, and so show that the server takes our password.

    EmbeddedError when it does not, or the database cannot be made.
    """
    try:
        _outside_any_loop(_make_database(server))
    except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise EmbeddedError(f"The server on {server.data} started but does not serve: {error}") from error


def read_password(root: Root) -> str:
    """The superuser's password. FileNotFoundError when there is none yet."""
    return root.password.read_text("utf-8").strip()  # an editor ends what it saves with a newline


async def _make_database(server: Server) -> None:
    try:
        await _ask(server)
    except asyncpg.InvalidCatalogNameError:
        await _ask(server, "postgres", f"CREATE DATABASE {DATABASE}")


async def _ask(server: Server, database: str = DATABASE, statement: str = "SELECT 1") -> None:
    """Run one statement on a connection of its own."""
    try:
        connection = await asyncpg.connect(server.dsn(database), timeout=_CONNECT_SECONDS)
    except asyncpg.InvalidPasswordError as error:
        raise EmbeddedError(
            f"The server on {server.data} does not accept the password in {server.data.parent / 'password'}: "
            "put back the file that belongs to this data"
        ) from error
    try:
        await connection.execute(statement)
    finally:
        await connection.close(timeout=_CONNECT_SECONDS)


def _outside_any_loop(work: Coroutine[Any, Any, None]) -> None:
    """Run it to its end in a thread of its own: the caller's may have a loop that runs already."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, work).result()
