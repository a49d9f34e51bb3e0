"""`incidentlog schema`: what an event of a type has to be."""

from typing import Annotated

import typer

from incidentlog.cli.ending import Code, Failed, ending


def schema(
    name: Annotated[str | None, typer.Argument(metavar="TYPE", help="Such as strike.reported; else all.")] = None,
    version: Annotated[
        int | None, typer.Option("--version", min=1, help="A version of the type.", show_default="the newest")
    ] = None,
) -> None:
    """Show the JSON Schema of a type of events, as they are sent; without a type, list the types."""
    with ending():
        _show(name, version)


def _show(name: str | None, version: int | None) -> None:
    import json
    from difflib import get_close_matches

    from incidentlog.events.schema import event_schema
    from incidentlog.subjects import EVENTS

    if name is None:
        for each in sorted(EVENTS.newest):
            typer.echo(each)
        return
    found = EVENTS.find(name, version)
    if found is None:
        near = get_close_matches(name, EVENTS.newest, n=1)
        hint = f"; did you mean {near[0]}?" if near and near[0] != name else ""
        raise Failed(f"no type is called {name}{f' in version {version}' if version else ''}{hint}", Code.NOT_FOUND)
    typer.echo(json.dumps(event_schema(found), indent=2))
