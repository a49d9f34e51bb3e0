"""The zone data that a log goes by: kept beside the events that say by which of them they are meant."""

from collections.abc import Iterable
from contextlib import suppress

from incidentlog.sqlfiles import query
from incidentlog.store.connect import Connection, Pool
from incidentlog.zones import BadZoneDataError, ZoneData, learn, unknown


async def keep_zone_data(connection: Connection, data: ZoneData) -> None:
    """Let these hold for what is appended from now on, unless the log goes by a later release."""
    await connection.execute(query("zones", "keep"), data.id, data.release, data.packed)


async def first_zone_data(connection: Connection | Pool) -> str | None:
    """The zone data that the log had first; None where it has none."""
    first: str | None = await connection.fetchval(query("zones", "first"))
    return first


async def true_zone_data(connection: Connection) -> set[str]:
    """The ids of the zone data that are stored and are what their id says; they are known from then on."""
    found = set()
    for row in await connection.fetch(query("zones", "all")):
        with suppress(BadZoneDataError):
            found.add(learn(row["packed"], expected=row["id"]))
    return found


async def false_zone_data(connection: Connection) -> list[str]:
    """The ids of the zone data that are stored and are not what their id says, in order."""
    true = await true_zone_data(connection)
    return [row["id"] for row in await connection.fetch(query("zones", "ids")) if row["id"] not in true]


async def learn_zone_data(connection: Pool | Connection, ids: Iterable[str | None]) -> None:
    """Know these zone data, as far as the log has them; None is passed over.

    What is stored under an id that is not its own is not learnt: `verify` then says so of every event that names it.
    """
    wanted = unknown(ids)
    if not wanted:
        return
    for row in await connection.fetch(query("zones", "packed"), sorted(wanted)):
        with suppress(BadZoneDataError):
            learn(row["packed"], expected=row["id"])
