"""What PostgreSQL says of its replication: where a leader is, how far a standby is, what acknowledgements wait for."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from incidentlog.sqlfiles import query
from incidentlog.store.connect import Access, Connection, Pool

PAGE: Final = 8_192
HEADERS: Final = frozenset({24, 40})
"""How long the header of a page of the leader's log (WAL) is."""
LEADS: Final = "it is the leader"
"""Why a server is not read from that leads: who names all of them names it, too."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a leader's log (WAL)."""

    timeline: str
    written: int
    """In bytes."""

    @property
    def needed(self) -> int:
        """Up to where a standby has to be. Where a page begins there is its header, before anything is written."""
        into = self.written % PAGE
        return self.written - into if into in HEADERS else self.written


@dataclass(frozen=True, slots=True)
class Standby:
    """What a server says of itself that may be a standby."""

    standby: bool
    timeline: str | None
    """The one that is streamed to it; None while none is, or where we may not see."""
    replayed: int
    """How far, in bytes."""
    may_see: bool
    started: datetime

    @property
    def left_out(self) -> str | None:
        """Why it is not to be read from; None where it is."""
        if not self.standby:
            return LEADS
        if not self.may_see:
            return "whether it streams cannot be seen: GRANT pg_monitor to the role"
        return "nothing is streamed to it" if self.timeline is None else None

    def has(self, mark: Mark) -> bool:
        """Whether all that was written up to a mark is to be read there."""
        return self.timeline == mark.timeline and self.replayed >= mark.needed


@dataclass(frozen=True, slots=True)
class Acknowledging:
    """What an append waits for before it is acknowledged."""

    names: str
    """`synchronous_standby_names`."""
    waits: str
    """`synchronous_commit`."""
    standbys: int
    """To how many standbys the leader streams;"""
    synchronous: int
    """and how many of them a commit waits for."""
    may_see: bool

    def lost_with_the_leader(self, *, standby_needed: bool) -> str | None:
        """Why what is acknowledged may be lost with the leader; None where it is not, or there is no other server.

        `standby_needed`: that there is none is told, too.
        """
        if not (self.standbys or self.names or standby_needed):
            return None
        if not self.may_see:
            return "whether a standby is synchronous cannot be seen: GRANT pg_monitor to the role"
        if not self.names:
            return "what is acknowledged may be lost with the leader: synchronous_standby_names is empty"
        if self.waits in {"off", "local"}:
            return f"what is acknowledged may be lost with the leader: synchronous_commit is {self.waits}"
        if not self.synchronous:
            return "none of synchronous_standby_names is streaming: appends wait for it"
        return None


async def read_mark(source: Pool | Connection) -> Mark | None:
    """Where a leader is; None on a standby."""
    row = await source.fetchrow(query("replication", "mark"))
    return None if row is None else Mark(*row)


async def read_standby(source: Connection) -> Standby:
    """What a server says of itself."""
    return Standby(*await source.fetchrow(query("replication", "standby")))  # type: ignore[misc] # one row, always


async def read_acknowledging(source: Pool | Connection) -> Acknowledging:
    """What appends wait for at a leader."""
    return Acknowledging(*await source.fetchrow(query("replication", "acknowledging")))  # type: ignore[misc] # likewise


class NotSynchronousError(Exception):
    """No synchronous standby has what is acknowledged, and one is needed; the message says why."""


async def check_synchronous(access: Access) -> None:
    """See that what is acknowledged outlives the leader. Raises NotSynchronousError, and as `Access.connect` does."""
    connection = await access.connect("reader")
    try:
        told = await read_acknowledging(connection)
    finally:
        await connection.close()
    if (reason := told.lost_with_the_leader(standby_needed=True)) is not None:
        raise NotSynchronousError(f"{reason}; INCIDENTLOG_SYNCHRONOUS=needed refuses that (docs/scale.md)")
