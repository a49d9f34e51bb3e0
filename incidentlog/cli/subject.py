"""`incidentlog subject`: what the events of a stream add up to."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final
from urllib.parse import quote

import typer

from incidentlog.cli import events, options
from incidentlog.cli.columns import members
from incidentlog.cli.ending import run
from incidentlog.cli.group import Group
from incidentlog.cli.options import Output
from incidentlog.cli.paging import params

if TYPE_CHECKING:
    from incidentlog.cli.columns import Columns

app = typer.Typer(cls=Group, help="Subjects: what events add up to, such as one strike.", no_args_is_help=True)

At = Annotated[str | None, typer.Option("--at", help="As of this instant of the world.")]
KnownAt = Annotated[str | None, typer.Option("--known-at", help="As known at this instant.")]


@app.command()
def show(
    stream: Annotated[str, typer.Argument(help="The stream, such as strike:odesa-1.", show_default=False)],
    at: At = None,
    known_at: KnownAt = None,
    history: Annotated[bool, typer.Option("--history", help="Every version that was known, and since when.")] = False,
    output: options.Form = None,
    url: options.Url = options.URL,
    key: options.Key = None,
) -> None:
    """Show a subject as it stands, or stood; of a stream that was merged the one it leads to."""
    wanted = params(at=at, known_at=known_at)
    run(_show(url, key, stream, wanted, options.form(output), history=history))


@app.command("list")
def list_(
    category: events.Category = None,
    city: events.City = None,
    admin1: events.Admin1 = None,
    country: events.Country = None,
    actor: events.Actor = None,
    verification: events.Verification = None,
    status: Annotated[
        list[str] | None, typer.Option("--status", help="current, or retracted; current, if left out.")
    ] = None,
    since: events.Since = None,
    until: events.Until = None,
    bbox: events.Bbox = None,
    at: At = None,
    known_at: KnownAt = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="The most subjects.")] = 100,
    all_: Annotated[bool, typer.Option("--all", help="Every subject, however many.")] = False,
    output: options.Form = None,
    url: options.Url = options.URL,
    key: options.Key = None,
) -> None:
    """List subjects as they stand, by stream, a flat row for each; of one category with all its figures."""
    wanted = params(
        category=category, city=city, admin1=admin1, country=country, actor=actor, verification=verification,
        status=status, since=since, until=until, bbox=bbox, at=at, known_at=known_at,
    )  # fmt: skip
    run(_list(url, key, wanted, None if all_ else limit, options.form(output)))


async def _show(
    url: str, key: str | None, stream: str, wanted: list[tuple[str, str]], output: Output, *, history: bool
) -> None:
    from incidentlog.cli.asking import Service
    from incidentlog.cli.output import write

    path = f"/v1/subjects/{quote(stream, safe=':')}"
    async with Service(url, key) as service:
        told = await service.get(path + "/history" * history, wanted)
    if output is Output.TABLE and not history:
        rows = [{"field": name, "value": value} for name, value in told["state"].items() if value not in (None, [])]
        write([{"field": "stream", "value": told["stream"]}, *rows], output, columns=members("field", "value"))
        return
    write(told["versions"] if history else [told], output, whole=told)


async def _list(url: str, key: str | None, wanted: list[tuple[str, str]], limit: int | None, output: Output) -> None:
    from incidentlog.cli.asking import Service
    from incidentlog.cli.paging import write_listed

    async with Service(url, key) as service:
        await write_listed(
            service, "/v1/subjects", "subjects", wanted, limit=limit, output=output, columns=COLUMNS, also=("basis",)
        )


def _days(row: Mapping[str, Any]) -> str | None:
    first, last = row["date_start"], row["date_end"]
    return first if first == last else f"{first} to {last}"


COLUMNS: Final["Columns"] = {
    **members("stream"),
    "occurred": _days,
    "place": lambda row: row["location"],
    **members("verification", "position"),
}
