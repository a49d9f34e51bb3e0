"""`incidentlog config`: every setting, to what it is set, and by what."""

from typing import Any

import typer

from incidentlog.cli import options
from incidentlog.cli.ending import ending
from incidentlog.cli.group import Group

HIDDEN = "***"
"""What is shown of a value that may be a secret."""

app = typer.Typer(cls=Group, help="The settings.", no_args_is_help=True)


@app.callback()
def _group() -> None: ...


@app.command()
def show(output: options.Form = None) -> None:
    """Show each setting, its value and where that comes from: a variable, incidentlog.toml, or the default.

    Keys and passwords are not shown. The settings are judged as by any command: what cannot be is told, and exits 2.
    """
    with ending():
        from incidentlog.cli.output import write
        from incidentlog.cli.settings import load_settings
        from incidentlog.config import variables
        from incidentlog.described import docstring_of

        settings = load_settings()
        sources = settings.sources()
        rows = [
            {
                "setting": variable,
                "value": _shown(getattr(settings, name), secret=not field.repr),
                "from": sources[name],
                "meaning": (docstring_of(type(settings), name) or "").replace("\n", " "),
            }
            for variable, (name, field) in variables().items()
        ]
        wanted = options.form(output)
        # A table is for people, who know the meanings or look them up: they would make a paragraph of each line.
        shown = {n: (lambda row, n=n: row[n]) for n in ("setting", "value", "from")}
        write(rows, wanted, columns=shown if wanted is options.Output.TABLE else None)


def _shown(value: Any, *, secret: bool) -> Any:
    if secret and value:
        return HIDDEN
    return value if value is None or isinstance(value, bool | int | float | str | list) else str(value)
