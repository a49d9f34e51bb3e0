"""What a log's schema is made of, and what the migrations make it of: compared, nothing stands before the tables."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final

from incidentlog.sqlfiles import query, sql_root
from incidentlog.store.connect import Connection
from incidentlog.store.migrate import OLDEST

LISTING: Final = "catalogue.tsv"
"""The file of `sql/` that says what the migrations make: written by `python -m tests.audit.listing`, held by a test."""


@dataclass(frozen=True, slots=True, order=True)
class Part:
    """One thing that a schema is made of."""

    kind: str
    """`relation`, `column`, `constraint`, `trigger`, `rule`, `policy`, `index` or `function`."""
    of: str
    """The table that it belongs to, or the function's own name."""
    name: str
    """Its name within that; empty for a table, the arguments for a function."""
    definition: str

    @property
    def called(self) -> str:
        """Such as `trigger append_only of events`."""
        match self.kind:
            case "relation":
                return f"table {self.of}"
            case "function":
                return f"function {self.of}({self.name})"
            case _:
                return f"{self.kind} {self.name} of {self.of}"


async def made_of(connection: Connection) -> list[Part]:
    """What the schema is made of now, in order."""
    return sorted(Part(*row) for row in await connection.fetch(query("catalogue", "made_of")))


@cache
def to_be_made_of() -> tuple[Part, ...]:
    """What the migrations of this build make, in order."""
    lines = (sql_root() / LISTING).read_text("utf-8").splitlines()
    return tuple(Part(*line.split("\t")) for line in lines)


async def differences(connection: Connection) -> list[str] | None:
    """How the schema differs from what the migrations of this build make of it: a sentence each; none when it does not.

    None where that cannot be told: another major version of PostgreSQL may write the same definitions otherwise.
    """
    if connection.get_server_version().major != OLDEST:
        return None
    return [*_differences(await made_of(connection))]


def _differences(found: list[Part]) -> Iterator[str]:
    expected = {(p.kind, p.of, p.name): p for p in to_be_made_of()}
    ours = {p.of for p in expected.values()}
    there = {(p.kind, p.of, p.name): p for p in found}
    for key, part in expected.items():
        if (now := there.get(key)) is None:
            yield f"{part.called} is gone"
        elif now.definition != part.definition:
            yield f"{part.called} is {now.definition!r}, not {part.definition!r}"
    for key, part in there.items():
        if key in expected or part.of not in ours or part.kind == "index":
            continue
        yield f"{part.called} is there, and no migration made it: {part.definition!r}"


async def outside(connection: Connection) -> int | None:
    """The lowest position below 1 at which the log's tables have a row; None where there is none, as it must be."""
    position: int | None = await connection.fetchval(query("catalogue", "outside"))
    return position if position is not None and position < 1 else None
