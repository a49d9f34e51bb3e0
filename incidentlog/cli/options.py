"""Options that several commands share."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from incidentlog.cli.ending import Code, Failed

Url = Annotated[str, typer.Option("--url", envvar="INCIDENTLOG_URL", help="Where the service answers.")]
Key = Annotated[
    str | None,
    typer.Option("--key", envvar="INCIDENTLOG_KEY", show_envvar=True, help="The key to present.", show_default=False),
]
Resume = Annotated[
    Path | None,
    typer.Option("--resume", dir_okay=False, help="Keep the place in this file, and go on from it next time."),
]
URL = "http://127.0.0.1:8080"


class Output(StrEnum):
    """In which form data is written."""

    TABLE = "table"
    JSON = "json"
    NDJSON = "ndjson"
    CSV = "csv"


Form = Annotated[
    Output | None,
    typer.Option("-o", "--output", help="The form of the data; a table on a terminal, NDJSON in a pipe."),
]


def form(wanted: Output | None) -> Output:
    """The form to write in: as wanted, else what suits stdout."""
    return wanted or (Output.TABLE if sys.stdout.isatty() else Output.NDJSON)


def alone(option: str, *others: tuple[str, bool]) -> None:
    """Refuse what would be passed over: raises Failed where, beside `option`, one of the others is given too."""
    if beside := [other for other, given in others if given]:
        raise Failed(f"{option} does not go with {', '.join(beside)}", Code.USAGE)
