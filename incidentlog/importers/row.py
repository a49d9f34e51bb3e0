"""One row of a file."""

from dataclasses import dataclass
from typing import Any, Final

CELL: Final = 1024 * 1024
"""The most characters of a cell."""


@dataclass(slots=True)
class Row:
    """One row."""

    file: str
    line: int
    """Its first line in the file, from 1; of JSON its number."""
    cells: dict[str, Any]
    problem: str | None = None
    """Why it cannot be read as a row."""
    said: dict[str, Any] | None = None
    """Of JSON the object itself, not flattened."""
