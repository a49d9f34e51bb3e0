"""`incidentlog projection`: what the log adds up to."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import typer

from incidentlog.cli import options
from incidentlog.cli.ending import Code, Failed, run
from incidentlog.cli.group import Group
from incidentlog.cli.options import Output

if TYPE_CHECKING:
    from incidentlog.cli.asking import Service

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
At = Annotated[str | None, typer.Option("--at", help="The world at this date or time; now if left out.")]
Basis = Annotated[
    str | None,
    typer.Option("--basis", metavar="recorded|reported", help="Known by when we recorded it, or a source reported it."),
]


@app.command("list")
def list_(output: options.Form = None, url: options.Url = options.URL, key: options.Key = None) -> None:
    """List what can be asked, and how far each projection has got."""
    run(_list(url, key, options.form(output)))


async def _list(url: str, key: str | None, output: Output) -> None:
    from incidentlog.cli.asking import Service
    from incidentlog.cli.columns import members
    from incidentlog.cli.output import write

    async with Service(url, key) as service:
        answer = await service.get("/v1/projections")
    columns = members("name", "version", "shape", "position", "title", "dimensions")
    write(answer["projections"], output, whole=answer, columns=columns)


@app.command()
def show(
    name: Name,
    row_key: Annotated[str | None, typer.Argument(metavar="[KEY]", help="One row alone.")] = None,
    group_by: GroupBy = None,
    filters: Filter = None,
    since: Annotated[str | None, typer.Option("--since", help="Days of a tally from this one on.")] = None,
    until: Annotated[str | None, typer.Option("--until", help="Days of a tally before this one.")] = None,
    top: Annotated[int | None, typer.Option("--top", min=1, help="The largest groups of a tally alone.")] = None,
    order_by: Annotated[
        str | None, typer.Option("--order-by", help="By which figure, such as killed.best; else the first.")
    ] = None,
    compare: Annotated[
        str | None, typer.Option("--compare", metavar="previous", help="Beside each row the period before.")
    ] = None,
    at: At = None,
    known_at: Annotated[str | None, typer.Option("--known-at", help="What was known at this date or time.")] = None,
    at_position: Annotated[
        int | None, typer.Option("--at-position", min=0, help="What was known at this position of the log.")
    ] = None,
    basis: Basis = None,
    local: Annotated[
        bool, typer.Option("--local", help="With --basis reported: read the log and fold it here, however large it is.")
    ] = False,
    output: options.Form = None,
    url: options.Url = options.URL,
    key: options.Key = None,
) -> None:
    """Show a projection's rows, now or at any instant of the world and of knowledge."""
    asked = given(
        at=at, known_at=known_at, at_position=at_position, basis=basis, since=since, until=until, top=top,
        order_by=order_by, compare=compare,
    )  # fmt: skip
    run(_show(url, key, name, row_key, asked, group_by, filters, options.form(output), local=local))


async def _show(
    url: str,
    key: str | None,
    name: str,
    row_key: str | None,
    params: Sequence[tuple[str, str]],
    group_by: Sequence[str] | None,
    filters: Sequence[str] | None,
    output: Output,
    *,
    local: bool,
) -> None:
    from incidentlog.cli.asking import Service
    from incidentlog.cli.output import write, write_raw

    query = [*params, *tally_params(group_by, filters)]
    path = f"/v1/projections/{quote(name, safe='')}"
    if row_key is not None:
        path += f"/{quote(row_key, safe='')}"
    async with Service(url, key) as service:
        if local:
            answer = await _locally(service, name, row_key, query)
        elif output is Output.CSV:
            table = await service.table(path, query)
            if table.content_type == "text/csv":
                return write_raw(table.body)
            answer = service.json(table)
        else:
            answer = await service.get(path, query)
    rows = keyed(answer["rows"] if "rows" in answer else {answer["key"]: answer["row"]})
    if output is Output.TABLE and "compared" in answer:
        rows = [_with_changes(row) for row in rows]
    return write(rows, output, whole=answer)


def _with_changes(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row for a table, each figure with how much it changed beside it."""
    from incidentlog.cli.tables import cell

    shown = {name: value for name, value in row.items() if name not in {"previous", "change"}}
    for name, change in row["change"].items():
        difference = change["absolute"] if "absolute" in change else change.get("best", {}).get("absolute")
        if difference is not None:
            shown[name] = f"{cell(row[name])} ({difference:+,})"
    return shown


async def _locally(
    service: "Service", name: str, row_key: str | None, query: Sequence[tuple[str, str]]
) -> Mapping[str, Any]:
    if ("basis", "reported") not in query:
        raise Failed("--local is for --basis reported: what is recorded is kept up by the service", Code.USAGE)
    from incidentlog.cli.local import show_locally

    answer = await show_locally(service, name, query)
    if row_key is None:
        return answer
    if row_key not in answer["rows"]:
        raise Failed(f"{name} has no row {row_key!r} then", Code.NOT_FOUND)
    return {**{k: v for k, v in answer.items() if k != "rows"}, "key": row_key, "row": answer["rows"][row_key]}


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


def given(**options: Any) -> list[tuple[str, str]]:
    """The options that were given, as parameters of a request."""
    return [(name, str(value)) for name, value in options.items() if value is not None]


def tally_params(group_by: Sequence[str] | None, filters: Sequence[str] | None) -> list[tuple[str, str]]:
    """How a tally is grouped and narrowed, as parameters of a request."""
    by = _dimensions(group_by)
    return [*_pairs(filters), *([("group_by", ",".join(by))] if by else [])]


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
