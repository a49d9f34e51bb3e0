"""Connections: one login per role where the server has them, every wait bounded, and what becomes of each failure."""

import asyncio
import hashlib
import hmac
import socket
import ssl
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal
from weakref import WeakSet

import asyncpg
import structlog

from incidentlog.addresses import server_name, servers, wanted_of

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]
    Pool = asyncpg.Pool[asyncpg.Record]
else:  # generic to the type checker alone
    Connection, Pool = asyncpg.Connection, asyncpg.Pool

Role = Literal["appender", "runner", "notary", "eraser", "reader"]
ROLES: Final[tuple[Role, ...]] = ("appender", "runner", "notary", "eraser", "reader")
OWNER: Final = "incidentlog_owner"

STATEMENT_SECONDS: Final[dict[str, int]] = {
    "appender": 150,
    "runner": 120,
    "notary": 120,
    "eraser": 120,
    "reader": 60,
    "admin": 0,
}
"""How long one statement of a role may take; 0 leaves it to whoever asks (a migration of a large log takes what it
takes). Set in every session: a server's own limit is for others."""
LOCK_SECONDS: Final[dict[str, int]] = {"appender": 5, "admin": 0}
"""How long a statement of a role may wait for a lock; for the others OTHER_LOCK_SECONDS."""
OTHER_LOCK_SECONDS: Final = 30
ANSWER_SECONDS: Final = 5.0
"""How much later than the server, which ends a statement cleanly, we give it up ourselves."""
ADMIN_SECONDS: Final = 120.0
"""How long a statement of the administrator's may take where the caller does not say."""
ACQUIRE_SECONDS: Final = 10.0
"""How long a read waits for one of the pool's connections."""
RELEASE_SECONDS: Final = 1.0
"""How long a connection whose query was given up may take to be of use again; then it is given up, too."""
CONNECT_SECONDS: Final = 10.0
"""How long it may take to reach the one server of a DSN;"""
CONNECT_EACH_SECONDS: Final = 3.0
"""and each of several: the next is tried while an append still has time."""
COPY_SECONDS: Final = 120.0
"""How long a COPY may take."""
LOOK_SECONDS: Final = 0.5
SAY_SECONDS: Final = 10.0
"""While who starts waits for the database, or for another to migrate it: how often it looks, and says that it waits."""
IDLE_IN_TRANSACTION_SECONDS: Final = 60
SILENT_SECONDS: Final = 10
"""After how much silence of the network a connection counts as lost, at either end."""
_TCP: Final = {
    "TCP_KEEPIDLE": 5,
    "TCP_KEEPINTVL": 2,
    "TCP_KEEPCNT": 3,
    "TCP_USER_TIMEOUT": SILENT_SECONDS * 1000,
}
"""In seconds, but for the last; what this system does not have is left out."""

log = structlog.get_logger(__name__)

Fate = Literal["again", "fault"]
SQLSTATES: Final[dict[str, Fate]] = {
    "08": "again",
    "0A": "fault",
    "22": "fault",
    "23": "fault",
    "25": "fault",
    "25006": "again",
    "25P03": "again",
    "25P04": "again",
    "26": "again",
    "28": "again",
    "3D": "again",
    "3F": "fault",
    "40": "again",
    "42": "fault",
    "53": "again",
    "53100": "again",
    "54": "fault",
    "55": "fault",
    "55006": "again",
    "55P03": "again",
    "57": "again",
    "57014": "again",
    "58": "again",
    "72": "again",
    "F0": "again",
    "P0": "fault",
    "XX": "fault",
}
"""What becomes of a command that PostgreSQL refused, by SQLSTATE or its class; the longer one counts.

`again`: nothing is wrong with it: it is sent again, which ids make safe, and whoever asked is told 503. `fault`: it, or
we, or the data are at fault: a batch is halved until the one is alone, and whoever asked is told 500. What is not here
is a fault. docs/database-errors.md says why.
"""
COMING: Final = ("08", "53300", "57P")
"""How the SQLSTATE begins of a server that starts, stops or has no connection left just now."""
WORDS: Final[dict[str, str]] = {
    "25006": "the database is read-only: a standby, or an operator's setting",
    "28": "the database refuses the login",
    "3D": "the database is not there",
    "53100": "the database has no room left on its disk",
    "53200": "the database has no memory left",
    "53300": "the database has no connection left",
    "55P03": "another session holds a lock for too long",
    "57014": "the statement took longer than the database allows",
    "58": "the database cannot use its storage",
}
"""What an operator can do something about, in words."""


_BUILT_IN: Final = 16_384
"""PostgreSQL's FirstNormalObjectId: types below it are the same in every server."""
_types: Final[dict[frozenset[int], Any]] = {}
"""What asyncpg was told of sets of such types."""


class BoundedConnection(Connection):
    """A connection on which no call waits for ever.

    asyncpg bounds a query by `command_timeout`. A COPY that waits for room to write is told neither of the time nor of
    the loss of its connection: here it is. The loss itself is noticed by the network's keepalive, whoever waits.

    A query that finds its connection given up (`terminate`) between two round trips is told that it is closed, with an
    InterfaceError. asyncpg (0.32) takes the protocol away then, and the query fails with an AttributeError.
    """

    def __init__(self, protocol: Any, transport: asyncio.Transport, *rest: Any) -> None:
        super().__init__(protocol, transport, *rest)
        _notice_silence(transport.get_extra_info("socket"))

    def _abort(self) -> None:
        protocol: Any = self._protocol  # type: ignore[has-type]
        super()._abort()  # type: ignore[misc]
        self._protocol = protocol  # closed, as it says to whoever asks it for something

    async def _introspect_types(self, typeoids: Iterable[int], timeout: float | None) -> Any:  # noqa: ASYNC109 - asyncpg's
        """As asyncpg's, which asks on each connection anew what PostgreSQL's own arrays are made of: here once.

        The question costs the server more than the connection.
        """
        asked = frozenset(typeoids)
        if (known := _types.get(asked)) is not None:
            return known
        told = await super()._introspect_types(asked, timeout)  # type: ignore[misc]
        if all(oid < _BUILT_IN for oid in asked):
            _types[asked] = told
        return told

    async def copy_records_to_table(self, *args: Any, **kwargs: Any) -> str:
        """As asyncpg's, within COPY_SECONDS. Raises TimeoutError, or ConnectionDoesNotExistError (08003)."""
        return await self._bounded(super().copy_records_to_table(*args, **kwargs))

    async def copy_to_table(self, *args: Any, **kwargs: Any) -> str:
        """As asyncpg's, within COPY_SECONDS. Raises TimeoutError, or ConnectionDoesNotExistError (08003)."""
        return await self._bounded(super().copy_to_table(*args, **kwargs))

    async def _bounded(self, call: Coroutine[Any, Any, str]) -> str:
        loop = asyncio.get_running_loop()
        work, lost_ = loop.create_task(call), asyncio.Event()
        losing = loop.create_task(lost_.wait())

        def on_loss(_: Any) -> None:
            lost_.set()

        self.add_termination_listener(on_loss)
        try:
            await asyncio.wait({work, losing}, timeout=COPY_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                return work.result()
            if losing.done():
                raise asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of a COPY")
            raise TimeoutError(f"a COPY took longer than {COPY_SECONDS} s")
        finally:
            self.remove_termination_listener(on_loss)
            losing.cancel()
            if not work.done():
                self.terminate()  # asyncpg would first ask a server that may be gone to cancel it
                work.cancel()
                await asyncio.wait({work})
            if not work.cancelled():
                work.exception()  # it is told by what is raised here


class BoundedPool(Pool):
    """A pool in which nobody waits for ever for a connection."""

    def acquire(self, *, timeout: float | None = None) -> Any:
        """As asyncpg's; raises TimeoutError after ACQUIRE_SECONDS unless the caller says otherwise."""
        return super().acquire(timeout=ACQUIRE_SECONDS if timeout is None else timeout)

    async def release(self, connection: Any, *, timeout: float | None = None) -> None:  # noqa: ASYNC109 - asyncpg's
        """As asyncpg's, within RELEASE_SECONDS unless the caller says otherwise.

        After a query that was given up asyncpg waits until the server says that it was cancelled, for as long as the
        connection could be waited for. A server that is there and silent would add that to every bound of ours. Past
        the time asyncpg has closed the connection: whoever gave up the query is told their own reason, and not this.
        """
        with suppress(TimeoutError):
            await super().release(connection, timeout=RELEASE_SECONDS if timeout is None else timeout)


_leaders: Final[dict[str, str]] = {}
"""By a DSN that names several servers: the one that took writes last."""
_pools: Final[dict[str, "WeakSet[BoundedPool]"]] = {}
"""By such a DSN: the pools to its leader."""


async def to_leader(dsn: str, **ways: Any) -> Connection:
    """A connection to the one server of a DSN, or to the leader among several; `ways` are asyncpg's.

    Of several the last leader is tried first, and what the DSN says of `target_session_attrs` holds; where it says
    nothing, a standby will not do. When another leads than before, what the pools have open to the former one is
    opened anew. Raises what the last one failed with, and TargetServerAttributeNotMatched when none leads.
    """
    each = servers(dsn)
    if len(each) == 1:
        return await _open(dsn, **(ways | {"timeout": CONNECT_SECONDS}))
    each_way = ways | {"timeout": CONNECT_EACH_SECONDS, "target_session_attrs": wanted_of(dsn) or "primary"}
    last = _leaders.get(dsn)
    failed: Exception | None = None
    for server in sorted(each, key=lambda server: server != last):
        try:
            connection = await _open(server, **each_way)
        except Exception as error:
            heed_cancelling()
            if not lost(error):
                raise
            if failed is None or isinstance(failed, asyncpg.TargetServerAttributeNotMatched):
                failed = error  # a standby is as it should be; why the others failed says more
            continue
        if server != last:
            _leaders[dsn] = server
            if last is not None:
                log.warning("leader_changed", before=server_name(last), now=server_name(server))
            for pool in _pools.get(dsn, ()):
                await pool.expire_connections()
        return connection
    assert failed is not None  # noqa: S101 - each one failed
    raise failed


async def _open(dsn: str, **ways: Any) -> Connection:
    connection: Connection = await asyncpg.connect(dsn, **ways)
    return connection


def _notice_silence(line: socket.socket | None) -> None:
    """Let the system notice within SILENT_SECONDS that nobody is at the other end any more."""
    if line is None or line.family not in {socket.AF_INET, socket.AF_INET6}:
        return
    line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _TCP.items():
        if hasattr(socket, name):
            line.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


CARRIED: Final = frozenset({"application_name", "timezone"})
"""What PgBouncer gives each client anew with every connection; any other setting it refuses."""


class NoSessionError(Exception):
    """There is only a pooler, and what is asked for needs a session."""

    def __str__(self) -> str:
        return "this needs a connection around the pooler: set INCIDENTLOG_DIRECT_DSN (docs/pgbouncer.md)"


@dataclass(frozen=True, slots=True)
class Access:
    """How to reach one log: a DSN that may migrate, and one for each role (the same, where roles are shared)."""

    admin: str = field(repr=False)
    schema: str = "incidentlog"
    secret: str | None = field(default=None, repr=False)
    """What the roles' passwords are derived from; None where one login stands for all roles."""
    login: Callable[[str, str], str] | None = None
    """With `secret`: the DSN of a user with a password."""
    pooled: bool = False
    """Whether a pooler hands the connections on after each transaction: they are no sessions then."""
    direct: str | None = field(default=None, repr=False)
    """With a pooler: the DSN that goes around it; None where there is none."""

    @property
    def shared_roles(self) -> bool:
        """Whether one login stands for all roles."""
        return self.secret is None

    def dsn(self, role: Role) -> str:
        """The DSN of a role."""
        return self.admin if self.login is None else self.login(f"incidentlog_{role}", self.password(role))

    def password(self, role: Role) -> str:
        """The role's password: derived, so that one secret file is enough and none opens another role."""
        assert self.secret is not None  # noqa: S101 - shared roles have no passwords of their own
        return hmac.new(self.secret.encode(), role.encode(), hashlib.sha256).hexdigest()

    async def connect(self, role: Role | None = None, *, session: bool = False) -> Connection:
        """A connection of its own, for a role or (None) for migrating. The caller closes it.

        `session`: one that keeps what is set on it (LISTEN, temporary tables), which no pooler may hand on; raises
        NoSessionError where there is only a pooler.
        """
        if session and not self.has_sessions:
            raise NoSessionError
        direct = self.direct if self.pooled and (session or role is None) else None
        dsn = direct or (self.admin if role is None else self.dsn(role))
        return await to_leader(
            dsn,
            command_timeout=_command_seconds(role or "admin"),
            connection_class=BoundedConnection,
            **self._ways(role or "admin", pooled=self.pooled and direct is None),
        )

    async def pool(self, role: Role, size: int = 8) -> Pool:
        """A pool for short reads, from the leader."""
        dsn = self.dsn(role)
        pool = BoundedPool(dsn, **self._pooling(role, size), **self._ways(role, pooled=self.pooled))
        _pools.setdefault(dsn, WeakSet()).add(pool)
        return await pool

    async def connect_to(self, dsn: str) -> Connection:
        """A connection to read from one server, which may be a standby. The caller closes it."""
        return await _open(
            dsn, timeout=CONNECT_EACH_SECONDS, command_timeout=_command_seconds("reader"),
            connection_class=BoundedConnection, **self._ways("reader", pooled=False),
        )  # fmt: skip

    def pool_to(self, dsn: str, made: Callable[[Connection], Coroutine[Any, Any, None]], size: int = 8) -> Pool:
        """A pool for short reads from one server, to be awaited; `made` sees each new connection, and may refuse it.

        It has two from the start: where the DSN leads to several servers, that shows at once.
        """
        ways = self._pooling("reader", size) | {"connect": _open, "min_size": 2, "init": made}
        return BoundedPool(dsn, timeout=CONNECT_EACH_SECONDS, **ways, **self._ways("reader", pooled=False))

    def _pooling(self, role: Role, size: int) -> dict[str, Any]:
        return {
            "connect": to_leader,
            "min_size": 1,
            "max_size": size,
            "max_queries": 50_000,
            "max_inactive_connection_lifetime": 300.0,
            "command_timeout": _command_seconds(role),
            "reset": _nothing,
            "connection_class": BoundedConnection,
            "record_class": asyncpg.Record,
            "loop": None,
        }

    @property
    def has_sessions(self) -> bool:
        """Whether a connection can be had that is one session for as long as it lasts."""
        return not self.pooled or self.direct is not None

    def _ways(self, role: str, *, pooled: bool) -> dict[str, Any]:
        settings = self.settings(role)
        if not pooled:
            return {"server_settings": settings}
        # A statement that was prepared is on one of the pooler's connections, and the next query may be on another.
        carried = {name: value for name, value in settings.items() if name in CARRIED}
        return {"server_settings": carried, "statement_cache_size": 0}

    def settings(self, role: str) -> dict[str, str]:
        """What every session starts with: its limits are ours, whatever the server's own are."""
        return {
            "search_path": self.schema,
            "timezone": "UTC",
            "application_name": f"incidentlog {role}",
            "jit": "off",
            "statement_timeout": f"{STATEMENT_SECONDS[role]}s",
            "lock_timeout": f"{LOCK_SECONDS.get(role, OTHER_LOCK_SECONDS)}s",
            "idle_in_transaction_session_timeout": f"{IDLE_IN_TRANSACTION_SECONDS if role != 'admin' else 0}s",
            "transaction_timeout": "0",
            "idle_session_timeout": "0",
            # Lest a node that lost its network keep locks: the server notices, too. Without a meaning on its socket.
            "tcp_keepalives_idle": "5",
            "tcp_keepalives_interval": "2",
            "tcp_keepalives_count": "3",
            "tcp_user_timeout": f"{SILENT_SECONDS}s",
        }


async def until_there(access: Access, seconds: float) -> None:
    """Wait, at most so many seconds, until the database takes a connection: it may just start, or have no leader yet.

    Raises what the last try failed with; and at once what no waiting mends, such as a login that is refused.
    """
    loop = asyncio.get_running_loop()
    begun = say_at = loop.time()
    while True:
        try:
            connection = await access.connect()
        except Exception as error:
            heed_cancelling()
            left = begun + seconds - loop.time()
            if left <= 0 or not _may_come(error):
                raise
            if loop.time() >= say_at:
                say_at = loop.time() + SAY_SECONDS
                log.warning("waiting_for_the_database", error=told(error), seconds_left=round(left))
            await asyncio.sleep(min(left, LOOK_SECONDS))
        else:
            await connection.close()
            return


def _may_come(error: Exception) -> bool:
    """Whether a database that was not reached may be there in a moment."""
    if isinstance(error, asyncpg.PostgresError):
        return (getattr(error, "sqlstate", None) or "").startswith(COMING)
    return lost(error) and not isinstance(error, ssl.SSLError)


def _command_seconds(role: str) -> float:
    seconds = STATEMENT_SECONDS[role]
    return seconds + ANSWER_SECONDS if seconds else ADMIN_SECONDS


async def _nothing(_: Any) -> None:
    """No reset query at release: our sessions keep no state (a round trip saved per read)."""


def heed_cancelling() -> None:
    """To be called where a failed read is got over: raises CancelledError when the task was cancelled meanwhile.

    What is rolled back or released on the way out of a cancelled read may fail, too, and would hide the cancelling.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


@contextmanager
def getting_over(event: str | None = None) -> Iterator[None]:
    """What fails because the connection is lost is passed over, with a warning called `event`; all else is raised.

    For loops that look again: each has its own pace, and none may take a cancelling for a lost connection.
    """
    try:
        yield
    except Exception as error:
        heed_cancelling()
        if not lost(error):
            raise
        if event is not None:
            log.warning(event, error=repr(error))


def lost(error: BaseException) -> bool:
    """Whether the connection, or the server's mood, failed, and not the command: what was sent may be sent again."""
    if isinstance(error, asyncpg.PostgresError):
        return _by_state(SQLSTATES, error) == "again"
    if isinstance(error, ValueError):  # asyncpg's DataError is an InterfaceError too, and the command's own fault
        return False
    return isinstance(error, OSError | asyncpg.InterfaceError | asyncpg.InternalClientError | TimeoutError)


def why(error: BaseException) -> str:
    """In words what an operator can do something about; empty where there are none."""
    for each in _behind(error):
        if isinstance(each, asyncpg.TargetServerAttributeNotMatched):
            return "none of the servers is the leader: it is gone, and no other has taken its place yet"
        if isinstance(each, asyncpg.PostgresError) and (words := _by_state(WORDS, each)):
            return words
    return ""


def told(error: BaseException) -> str:
    """An error for the log and for readiness: in words where there are some, and as it is, or as it was at first."""
    *_, first = _behind(error)
    words = why(error)
    return f"{words}: {first!r}" if words else repr(first)


def _behind(error: BaseException) -> Iterator[BaseException]:
    """An error, and what it hides.

    asyncpg tells what the server said last as the cause of the connection's end; and a rollback on a connection that is
    gone fails, too, over the error that it was gone for.
    """
    yield error
    while isinstance(error, asyncpg.InterfaceError | asyncpg.ConnectionDoesNotExistError):
        hidden = error.__cause__ or error.__context__
        if not isinstance(hidden, Exception):
            return
        yield (error := hidden)


def _by_state(table: Mapping[str, str], error: asyncpg.PostgresError) -> str:
    """What a table has for an error's SQLSTATE, or for its class."""
    state = getattr(error, "sqlstate", None) or ""
    return table.get(state) or table.get(state[:2], "")
