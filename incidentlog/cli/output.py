"""Writing rows: a table for people, JSON, NDJSON and CSV for programs."""

import csv
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import orjson

from incidentlog.cli.ending import printable
from incidentlog.cli.options import Output

if TYPE_CHECKING:
    from rich.table import Table

Row = Mapping[str, Any]
Columns = Mapping[str, Callable[[Row], Any]]
"""What a table shows: a column's title, and its value in a row."""

WIDEST_CELL = 60
WIDEST_CONTAINER = 40
NOTHING = "-"
PIPE_WIDTH = 200
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_ESTIMATE = frozenset({"low", "best", "high", "qualifier"})


def write(rows: Sequence[Row], output: Output, *, whole: Any = None, columns: Columns | None = None) -> None:
    """Write rows to stdout. As JSON it is `whole`, the answer they came in; a table shows `columns`, else all."""
    match output:
        case Output.JSON:
            line(rows if whole is None else whole, indent=True)
        case Output.NDJSON:
            for row in rows:
                line(row)
        case Output.CSV:
            _write_csv(rows)
        case Output.TABLE:
            from rich.console import Console

            console = Console() if sys.stdout.isatty() else Console(width=PIPE_WIDTH)
            console.print(table(rows, columns))
    sys.stdout.flush()


def line(value: Any, *, indent: bool = False) -> None:
    """One value as JSON, on a line of its own."""
    sys.stdout.write(orjson.dumps(value, option=orjson.OPT_INDENT_2 if indent else 0).decode() + "\n")


def table(
    rows: Sequence[Row],
    columns: Columns | None = None,
    *,
    caption: str | None = None,
    marked: Collection[str] = (),
) -> "Table":
    """The rows as a table; those whose `key` is marked stand out."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    shown, left_out = (columns, []) if columns else _all_columns(rows)
    said = " ".join(
        filter(None, [caption, f"Not shown: {', '.join(left_out)}; -o json has all." if left_out else None])
    )
    made = Table(
        box=SIMPLE_HEAD, caption=Text(printable(said)) if said else None, caption_justify="left", pad_edge=False
    )
    values = [[value(row) for value in shown.values()] for row in rows]
    for n, title in enumerate(shown):
        numeric = all(isinstance(row[n], int | float | None) for row in values)
        made.add_column(Text(printable(title)), justify="right" if numeric else "left", overflow="fold")
    for row, shown_values in zip(rows, values, strict=True):
        style = "bold reverse" if row.get("key") in marked else None
        made.add_row(*(Text(cell(value)) for value in shown_values), style=style)
    return made


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


def _all_columns(rows: Sequence[Row]) -> tuple[Columns, list[str]]:
    """Every member that says something in some row, in the order met; and those too large for a table."""
    names = dict.fromkeys(name for row in rows for name, value in row.items() if _cell(value) != NOTHING)
    large = [name for name in names if any(_is_large(row.get(name)) for row in rows)]
    return {name: _member(name) for name in names if name not in large}, large


def _is_large(value: Any) -> bool:
    return isinstance(value, dict | list) and len(_cell(value)) > WIDEST_CONTAINER


def _member(name: str) -> Callable[[Row], Any]:
    return lambda row: row.get(name)


def _write_csv(rows: Sequence[Row]) -> None:
    """RFC 4180, a column per leaf (`killed.best`); text that a spreadsheet would run is quoted with an apostrophe."""
    flat = [_flat(row) for row in rows]
    names = list(dict.fromkeys(name for row in flat for name in row))
    writer = csv.writer(sys.stdout, lineterminator="\r\n")
    writer.writerow(map(_harmless, names))
    writer.writerows([_harmless(row.get(name)) for name in names] for row in flat)


def _flat(row: Row, prefix: str = "") -> dict[str, Any]:
    leaves: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, Mapping) and value:
            leaves |= _flat(value, f"{prefix}{name}.")
        else:
            leaves[f"{prefix}{name}"] = value
    return leaves


def _harmless(value: Any) -> Any:
    if isinstance(value, list | dict):
        return orjson.dumps(value).decode()
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
