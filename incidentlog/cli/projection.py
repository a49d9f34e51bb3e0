"""`incidentlog projection`: what the log adds up to."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from incidentlog.cli import options
from incidentlog.cli.ending import Code, Failed, run
from incidentlog.cli.group import Group
from incidentlog.cli.options import Output

app = typer.Typer(cls=Group, help="Projections: list them, show one, watch one move.", no_args_is_help=True)

EVENTS = "events"
"""What the live protocol calls the log itself."""

Name = Annotated[str, typer.Argument(metavar="NAME", help="The projection, such as city_incidents.")]
GroupBy = Annotated[
    list[str] | None, typer.Option("--group-by", help="A dimension to group a tally by; repeat for several.")
]
Filter = Annotated[
    list[str] | None,
    typer.Option("-f", "--filter", metavar="DIM=VALUE", help="Narrow a tally; repeat for any of several values."),
]


@app.command("list")
def list_(output: options.Form = None, url: options.Url = options.URL, key: options.Key = None) -> None:
    """List what can be asked, and how far each projection has got."""
    run(_list(url, key, options.form(output)))


async def _list(url: str, key: str | None, output: Output) -> None:
    from incidentlog.cli.asking import Service
    from incidentlog.cli.output import write

    async with Service(url, key) as service:
        answer = await service.get("/v1/projections")
    columns = {name: _member(name) for name in ("name", "version", "shape", "position", "title", "dimensions")}
    write(answer["projections"], output, whole=answer, columns=columns)


@app.command()
def show(
    name: Name,
    row_key: Annotated[str | None, typer.Argument(metavar="[KEY]", help="One row alone.")] = None,
    group_by: GroupBy = None,
    filters: Filter = None,
    at: Annotated[str | None, typer.Option("--at", help="The world at this date or time; now if left out.")] = None,
    known_at: Annotated[str | None, typer.Option("--known-at", help="What was known at this date or time.")] = None,
    at_position: Annotated[
        int | None, typer.Option("--at-position", min=0, help="What was known at this position of the log.")
    ] = None,
    basis: Annotated[
        str | None, typer.Option("--basis", help="Known by when we recorded it, or by when it was reported.")
    ] = None,
    output: options.Form = None,
    url: options.Url = options.URL,
    key: options.Key = None,
) -> None:
    """Show a projection's rows, now or at any instant of the world and of knowledge."""
    moment = {
        "at": at,
        "known_at": known_at,
        "at_position": None if at_position is None else str(at_position),
        "basis": basis,
    }
    params = [(k, v) for k, v in moment.items() if v is not None]
    run(_show(url, key, name, row_key, params, group_by, filters, options.form(output)))


async def _show(
    url: str,
    key: str | None,
    name: str,
    row_key: str | None,
    params: Sequence[tuple[str, str]],
    group_by: Sequence[str] | None,
    filters: Sequence[str] | None,
    output: Output,
) -> None:
    from incidentlog.cli.asking import Service
    from incidentlog.cli.output import write

    query = [*params, *_pairs(filters)]
    if by := _dimensions(group_by):
        query.append(("group_by", ",".join(by)))
    path = f"/v1/projections/{quote(name, safe='')}"
    if row_key is not None:
        path += f"/{quote(row_key, safe='')}"
    async with Service(url, key) as service:
        answer = await service.get(path, query)
    rows = answer["rows"] if "rows" in answer else {answer["key"]: answer["row"]}
    write(keyed(rows), output, whole=answer)


@app.command()
def watch(
    name: Name,
    group_by: GroupBy = None,
    filters: Filter = None,
    resume: options.Resume = None,
    output: options.Form = None,
    url: options.Url = options.URL,
    key: options.Key = None,
) -> None:
    """Watch a projection move, until Ctrl-C: a table that repaints itself, or each message as a line of NDJSON."""
    run(_watch(url, key, name, group_by, filters, resume, options.form(output)))


async def _watch(
    url: str,
    key: str | None,
    name: str,
    group_by: Sequence[str] | None,
    filters: Sequence[str] | None,
    resume: Path | None,
    output: Output,
) -> None:
    from incidentlog.cli.live import client_of, filters_of, snapshot, store_at, tell, update
    from incidentlog.cli.output import write

    if output not in (Output.TABLE, Output.NDJSON):
        raise Failed("what never ends can be shown as a table or as ndjson", Code.USAGE)
    if name == EVENTS:
        raise Failed("the log is no projection: events tail follows it", Code.USAGE)
    narrowed = filters_of(_pairs(filters))
    async with (
        client_of(url, key) as client,
        client.subscribe(
            name, group_by=_dimensions(group_by), filters=narrowed, resume=store_at(resume), notify=tell
        ) as followed,
    ):
        if output is Output.TABLE:
            from incidentlog.cli.painting import paint

            await paint(name, followed)
        if not followed.resumed:
            write([snapshot(followed)], output)
        async for change in followed:
            write([update(change)], output)


def keyed(rows: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows with their keys in them."""
    return [{"key": key, **row} for key, row in rows.items()]


def _dimensions(group_by: Sequence[str] | None) -> list[str]:
    return [part for value in group_by or () for part in value.split(",") if part]


def _pairs(filters: Sequence[str] | None) -> list[tuple[str, str]]:
    pairs = []
    for given in filters or ():
        name, equals, value = given.partition("=")
        if not (name and equals and value):
            raise Failed(f"{given!r} is no filter; give one such as kind=strike", Code.USAGE)
        pairs.append((name, value))
    return pairs


def _member(name: str) -> Any:
    return lambda row: row.get(name)
