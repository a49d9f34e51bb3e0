"""Writing rows: a table for people, JSON, NDJSON and CSV for programs."""

import csv
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson

from incidentlog.cli.options import Output

Row = Mapping[str, Any]
Columns = Mapping[str, Callable[[Row], Any]]
"""What a table shows: a column's title, and its value in a row."""

PIPE_WIDTH = 200
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


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

            from incidentlog.cli.tables import table

            console = Console() if sys.stdout.isatty() else Console(width=PIPE_WIDTH)
            console.print(table(rows, columns, width=console.width))
    sys.stdout.flush()


def write_raw(text: bytes) -> None:
    """Write to stdout what is in its form already."""
    sys.stdout.flush()
    sys.stdout.buffer.write(text)
    sys.stdout.buffer.flush()


def line(value: Any, *, indent: bool = False) -> None:
    """One value as JSON, on a line of its own."""
    sys.stdout.write(orjson.dumps(value, option=orjson.OPT_INDENT_2 if indent else 0).decode() + "\n")


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
