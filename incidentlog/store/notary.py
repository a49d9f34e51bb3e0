"""What the notary keeps in the database: who signs, full tiles, signed tree heads. Added to, never changed."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from incidentlog.sqlfiles import query
from incidentlog.store.connect import ROLES, Connection, Pool


@dataclass(frozen=True, slots=True)
class Committed:
    """What the leaf of one event is made of: of each part its commitment, 32 bytes."""

    position: int
    recorded_at: datetime
    body: bytes
    meta: bytes
    private: bytes | None


@dataclass(frozen=True, slots=True)
class LogKey:
    """Under which name and verifier key the tree heads of a fork are signed."""

    origin: str
    vkey: str


@dataclass(frozen=True, slots=True)
class StoredHead:
    """A tree head that was published; `note` is what is served of it."""

    size: int
    root: bytes
    note: str
    signed_at: datetime


@dataclass(frozen=True, slots=True)
class StoredTile:
    """A full tile: 8,192 bytes."""

    level: int
    index: int
    hashes: bytes


async def read_commitments(source: Pool | Connection, after: int, upto: int, limit: int) -> list[Committed]:
    """What the leaves after a position, up to and with another, are made of, in position order."""
    return [Committed(*row) for row in await source.fetch(query("notary", "commitments"), after, upto, limit)]


async def read_log_key(source: Pool | Connection, fork: int) -> LogKey | None:
    """Who signs a fork; None where nobody does."""
    row = await source.fetchrow(query("notary", "log_key"), fork)
    return None if row is None else LogKey(*row)


async def claim(connection: Connection, fork: int, key: LogKey) -> LogKey:
    """Sign a fork under a key from now on, unless another does; answers who does."""
    await connection.execute(query("notary", "claim"), fork, key.origin, key.vkey)
    return await read_log_key(connection, fork) or key


async def read_tiles(source: Pool | Connection, fork: int, level: int, indexes: Collection[int]) -> dict[int, bytes]:
    """Full tiles of one level by index; those that are not there are left out."""
    rows = await source.fetch(query("notary", "tiles"), fork, level, list(indexes))
    return {row["index"]: row["hashes"] for row in rows}


async def count_full_tiles(source: Pool | Connection, fork: int, level: int) -> int:
    """How many tiles of a level are full."""
    count: int = await source.fetchval(query("notary", "full_tiles"), fork, level)
    return count


async def publish(connection: Connection, fork: int, tiles: Sequence[StoredTile], head: StoredHead) -> None:
    """Add a tree head and the tiles that became full with it, in one transaction."""
    async with connection.transaction():
        if tiles:
            columns = [t.level for t in tiles], [t.index for t in tiles], [t.hashes for t in tiles]
            await connection.execute(query("notary", "add_tiles"), fork, *columns)
        await connection.execute(query("notary", "add_head"), fork, head.size, head.root, head.note, head.signed_at)


async def read_last_head(source: Pool | Connection, fork: int) -> StoredHead | None:
    """The last tree head that was published; None before the first."""
    row = await source.fetchrow(query("notary", "last_head"), fork)
    return None if row is None else StoredHead(*row)


async def read_heads(source: Pool | Connection, fork: int, *, after: int, limit: int) -> list[StoredHead]:
    """Tree heads larger than a size, in order."""
    return [StoredHead(*row) for row in await source.fetch(query("notary", "heads"), fork, after, limit)]


async def count_heads(source: Pool | Connection, fork: int, *, below: int) -> int:
    """How many tree heads of a fork, smaller than a size, were published."""
    count: int = await source.fetchval(query("notary", "count_heads"), fork, below)
    return count


async def last_fork(source: Pool | Connection) -> int:
    """The last fork that keys, tree heads or tiles are kept of; 0 where there are none."""
    fork: int | None = await source.fetchval(query("notary", "last_fork"))
    return fork or 0


async def was_signed(source: Pool | Connection) -> bool:
    """Whether any fork of the log was ever signed."""
    signed: bool = await source.fetchval(query("notary", "was_signed"))
    return signed


async def tile_in_wait(source: Pool | Connection) -> tuple[int, int, int] | None:
    """Fork, level and index of a tile that is stored before the tree has grown to it; None where none is."""
    row = await source.fetchrow(query("notary", "tile_in_wait"))
    return None if row is None else (row[0], row[1], row[2])


async def unsigned_seconds(source: Pool | Connection, size: int) -> float:
    """For how long the first event after a tree head of this size has been there; 0 where none is."""
    seconds: float | None = await source.fetchval(query("notary", "unsigned"), size)
    return seconds or 0.0


async def begin_fork(connection: Connection) -> int:
    """Begin the next fork of the log; answers its number."""
    fork: int = await connection.fetchval(query("notary", "fork"))
    return fork


async def count_sessions(connection: Connection) -> int:
    """How many sessions of services there are on this database, in whatever schema."""
    return int(await connection.fetchval(query("notary", "sessions"), [f"incidentlog {role}" for role in ROLES]))
