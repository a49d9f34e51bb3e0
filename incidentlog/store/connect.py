"""Connections: one login per role where the server has them, and codecs that keep times in UTC."""

import asyncio
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

import asyncpg

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]
    Pool = asyncpg.Pool[asyncpg.Record]
else:  # generic to the type checker alone
    Connection, Pool = asyncpg.Connection, asyncpg.Pool

Role = Literal["appender", "runner", "notary", "eraser", "reader"]
ROLES: Final[tuple[Role, ...]] = ("appender", "runner", "notary", "eraser", "reader")
OWNER: Final = "incidentlog_owner"

RETRIABLE: Final = frozenset({"40001", "40P01", "53300", "57P01", "57P02", "57P03", "25006"})
"""SQLSTATEs after which a write may be sent again: ids make it exactly once."""

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
        around = self.pooled and self.direct is not None and (session or role is None)
        dsn = self.direct if around else self.admin if role is None else self.dsn(role)
        connection: Connection = await asyncpg.connect(
            dsn,
            timeout=10,
            command_timeout=120,
            **self._ways(role or "admin", pooled=self.pooled and not around),
        )
        return connection

    async def pool(self, role: Role, size: int = 8) -> Pool:
        """A pool for short reads; `acquire` must be given a timeout."""
        return await asyncpg.create_pool(
            self.dsn(role),
            min_size=1,
            max_size=size,
            timeout=10,
            command_timeout=60,
            reset=_nothing,
            **self._ways(role, pooled=self.pooled),
        )

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
        """What every session starts with."""
        return {
            "search_path": self.schema,
            "timezone": "UTC",
            "application_name": f"incidentlog {role}",
            "jit": "off",
        }


async def _nothing(_: Any) -> None:
    """No reset query at release: our sessions keep no state (a round trip saved per read)."""


def heed_cancelling() -> None:
    """To be called where a failed read is got over: raises CancelledError when the task was cancelled meanwhile.

    What is rolled back or released on the way out of a cancelled read may fail, too, and would hide the cancelling.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def lost(error: BaseException) -> bool:
    """Whether the connection, or the server's mood, failed, and not the command: what was sent may be sent again."""
    if isinstance(error, asyncpg.PostgresError):
        # Class 08 is a connection that broke off; asyncpg's own "closed in the middle of operation" is 08003.
        state = getattr(error, "sqlstate", None) or ""
        return state in RETRIABLE or state.startswith("08")
    if isinstance(error, ValueError):  # asyncpg's DataError is an InterfaceError too, and the command's own fault
        return False
    return isinstance(error, OSError | asyncpg.InterfaceError | asyncpg.InternalClientError | TimeoutError)
