"""Rows as a table that fits where it is shown."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from incidentlog.cli.columns import Columns, Row, member
from incidentlog.cli.ending import printable

WIDEST_CELL = 60
WIDEST_CONTAINER = 40
BETWEEN = 3
"""What a column takes beside its text."""
NOTHING = "-"
_ESTIMATE = frozenset({"low", "best", "high", "qualifier"})


def table(
    rows: Sequence[Row],
    columns: Columns | None = None,
    *,
    width: int,
    height: int | None = None,
    title: str | None = None,
    marked: Collection[str] = (),
) -> Table:
    """The rows as a table, those whose `key` is marked standing out.

    It shows the columns named, else as many members as fit into the width; and at most `height` rows. What is left out
    is said below it.
    """
    listed = rows if height is None else rows[: max(1, height)]
    shown, left_out = (columns, []) if columns else _fitting(listed, width)
    notes = []
    if len(listed) < len(rows):
        notes.append(f"{len(rows) - len(listed)} more below.")
    if left_out:
        notes.append(f"Not shown: {', '.join(left_out)} (-o json has all).")
    made = Table(box=SIMPLE_HEAD, title_justify="left", caption_justify="left", pad_edge=False)
    made.title = None if title is None else Text(printable(title))
    made.caption = Text(printable(" ".join(notes))) if notes else None
    values = [[value(row) for value in shown.values()] for row in listed]
    for n, name in enumerate(shown):
        numeric = all(isinstance(row[n], int | float | None) for row in values)
        made.add_column(Text(printable(name)), justify="right" if numeric else "left", overflow="fold")
    for row, row_values in zip(listed, values, strict=True):
        style = "bold reverse" if row.get("key") in marked else None
        made.add_row(*(Text(cell(value)) for value in row_values), style=style)
    return made


def _fitting(rows: Sequence[Row], width: int) -> tuple[Columns, list[str]]:
    """As many members as fit, in the order met, the name first; and those that do not, or are too large for a table.

    A member that says nothing in any row, or no more than the key, is neither.
    """
    names = list(dict.fromkeys(name for row in rows for name, value in row.items() if _cell(value) != NOTHING))
    names = [name for name in names if name == "key" or any(row.get(name) != row.get("key") for row in rows)]
    names.sort(key=lambda name: name != "name")
    shown: dict[str, Callable[[Row], Any]] = {}
    left_out, left = [], width
    for name in names:
        needed = BETWEEN + max(len(name), *(len(cell(row.get(name))) for row in rows))
        if any(_is_large(row.get(name)) for row in rows) or (needed > left and len(shown) > 1):
            left_out.append(name)
        else:
            shown[name] = member(name)
            left -= needed
    return shown, left_out


def _is_large(value: Any) -> bool:
    return isinstance(value, dict | list) and len(_cell(value)) > WIDEST_CONTAINER


def cell(value: Any) -> str:
    """A value on one line, for people."""
    text = _cell(value)
    return text if len(text) <= WIDEST_CELL else text[: WIDEST_CELL - 1] + "…"


def _cell(value: Any) -> str:
    match value:
        case None:
            return NOTHING
        case bool():
            return "yes" if value else "no"
        case str():
            return printable(value).replace("\n", " ").replace("\t", " ")
        case dict() if value and value.keys() <= _ESTIMATE:
            return _estimate(value)
        case dict():
            told = ((k, _cell(v)) for k, v in value.items())
            return ", ".join(f"{printable(str(k))} {v}" for k, v in told if v != NOTHING) or NOTHING
        case list():
            return ", ".join(map(_cell, value)) or NOTHING
        case _:
            return str(value)


def _estimate(value: Mapping[str, Any]) -> str:
    """`12 (10 to 15)`, or what is known of it."""
    low, best, high = (value.get(name) for name in ("low", "best", "high"))
    span = f"{_cell(low)} to {_cell(high)}" if (low, high) != (best, best) and (low, high) != (None, None) else ""
    if best is None:
        return span or NOTHING
    return f"{best} ({span})" if span else str(best)
