"""What a table shows of rows: its columns, each a title and a value in a row."""

from collections.abc import Callable, Mapping
from typing import Any

Row = Mapping[str, Any]
Columns = Mapping[str, Callable[[Row], Any]]
"""What a table shows: a column's title, and its value in a row."""


def member(name: str) -> Callable[[Row], Any]:
    """A column that shows a row's own member, or nothing where there is none."""
    return lambda row: row.get(name)


def members(*names: str) -> Columns:
    """Columns that show the members of these names, in this order."""
    return {name: member(name) for name in names}
