"""Writing rows: a table for people, JSON, NDJSON and CSV for programs."""

import sys
from collections.abc import Sequence
from typing import Any

import orjson

from incidentlog.cli.columns import Columns, Row
from incidentlog.cli.options import Output

PIPE_WIDTH = 200


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
    from incidentlog.api.tables import write_csv
    from incidentlog.folding.figures import leaves

    flat = [leaves(row) for row in rows]
    names = list(dict.fromkeys(name for row in flat for name in row))
    write_raw(write_csv(names, ([row.get(name) for name in names] for row in flat)))
