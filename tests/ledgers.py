"""Ledgers as they are stored, unpacked; and edited against all promises."""

from collections.abc import Callable, Sequence

from incidentlog.folding.lines import Lines, pack
from incidentlog.folding.shapes import Booking
from incidentlog.store.connect import Connection

Edit = Callable[[Sequence[Booking]], Sequence[Booking]]


async def ledgers(connection: Connection) -> dict[int, list[Booking]]:
    """The lines of every build, by its number, in their order."""
    found: dict[int, list[Booking]] = {}
    for build, body in await connection.fetch("SELECT build, body FROM segments ORDER BY build, last_position"):
        found.setdefault(build, []).extend(Lines(body).bookings())
    for lines in found.values():
        lines.sort(key=lambda b: b.position)  # segments of several runners overlap
    return found


async def edit_segments(connection: Connection, edit: Edit, where: str = "true") -> int:
    """Put other lines in place of those of some segments, as one would who knows how they are packed; how many."""
    rows = await connection.fetch(f"SELECT build, last_position, body FROM segments WHERE {where}")
    for build, last, body in rows:
        await connection.execute(
            "UPDATE segments SET body = $3, uid = gen_random_uuid() WHERE build = $1 AND last_position = $2",
            build, last, pack(edit(list(Lines(body).bookings()))),
        )  # fmt: skip
    return len(rows)


def first_amount(change: Callable[[int], int]) -> Edit:
    """Every line with another amount of its first measure."""
    return lambda lines: [b._replace(amounts=(change(b.amounts[0]), *b.amounts[1:])) for b in lines]
