"""The list of who covers what, as docs/coverage.md has it, and how a column of any type is changed."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from incidentlog.store.catalogue import to_be_made_of

DOCS: Final = (Path(__file__).parents[2] / "docs/coverage.md").read_text("utf-8")
CHANGED: Final = {
    "boolean": "NOT {0}",
    "bytea": "set_byte({0}, 0, get_byte({0}, 0) # 1)",
    "double precision": "{0} + 1",
    "text[]": "array_append({0}, 'XYZ')",
    "bigint[]": "{0} || 7::bigint",
    "timestamp with time zone": "{0} + interval '1 hour'",
    "date": "{0} + 1",
    "uuid": "gen_random_uuid()",
    "text": "{0} || 'x'",
    "tsvector": "{0} || 'x'::tsvector",
}  # fmt: skip
"""What a column of a type is changed to; a number becomes the next one."""


def lines(heading: str) -> Iterator[list[str]]:
    """The rows of the table under a heading, without those that say what its columns are."""
    part = DOCS.split(f"## {heading}\n", 1)[1].split("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in part.split("\n") if line.startswith("| ")]
    yield from rows[1:]


def covered() -> dict[tuple[str, str], str]:
    """Who covers each column: (table, column) -> `verify`, `replay` or `nobody`. Raises where one is listed twice."""
    found: dict[tuple[str, str], str] = {}
    for tables, columns, who, why in lines("Rows"):
        assert who != "`nobody`" or why, tables
        for table in re.findall(r"`(\w+)`", tables):
            for column in columns.split(", "):
                assert (table, column) not in found, (table, column)
                found[table, column] = who.strip("`")
    return found


def tables_of(who: str) -> dict[str, list[str]]:
    """The tables that have columns which one covers, and these columns."""
    found: dict[str, list[str]] = {}
    for (table, column), by in covered().items():
        if by == who:
            found.setdefault(table, []).append(column)
    return found


def change(table: str, column: str) -> str:
    """A statement that changes a column in one row that has a value there, the last one, and answers how many did."""
    (defined,) = (p.definition for p in to_be_made_of() if (p.kind, p.of, p.name) == ("column", table, column))
    kind = next((kind for kind in CHANGED if f"{defined} ".startswith(f"{kind} ")), "a number")
    changed = CHANGED.get(kind, "{0} + 1").format(column)
    return (
        f"WITH done AS (UPDATE {table} SET {column} = {changed} WHERE ctid = "
        f"(SELECT ctid FROM {table} WHERE {column} IS NOT NULL ORDER BY {column} DESC LIMIT 1) RETURNING 1) "
        "SELECT count(*) FROM done"
    )
