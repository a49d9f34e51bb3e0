"""`incidentlog subject`: what the events of a stream add up to."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final
from urllib.parse import quote

import typer

from incidentlog.cli import options
from incidentlog.cli.columns import members
from incidentlog.cli.ending import Failed, run
from incidentlog.cli.group import Group
from incidentlog.cli.options import Output

if TYPE_CHECKING:
    from incidentlog.cli.columns import Columns

app = typer.Typer(cls=Group, help="Subjects: what events add up to, such as one strike.", no_args_is_help=True)

PAGE: Final = 1_000

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
    params = [(name, value) for name, value in (("at", at), ("known_at", known_at)) if value is not None]
    run(_show(url, key, stream, params, options.form(output), history=history))


@app.command("list")
def list_(
    category: Annotated[str | None, typer.Option("--category", help="Only these, such as strike.")] = None,
    known_at: KnownAt = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="The most subjects.")] = 100,
    all_: Annotated[bool, typer.Option("--all", help="Every subject, however many.")] = False,
    output: options.Form = None,
    url: options.Url = options.URL,
    key: options.Key = None,
) -> None:
    """List the subjects that stand, by stream, with the last event that made each what it is."""
    params = [] if known_at is None else [("to_known", known_at)]
    run(_list(url, key, category, params, None if all_ else limit, options.form(output)))


async def _show(
    url: str, key: str | None, stream: str, params: list[tuple[str, str]], output: Output, *, history: bool
) -> None:
    from incidentlog.cli.asking import Service
    from incidentlog.cli.output import write

    path = f"/v1/subjects/{quote(stream, safe=':')}"
    async with Service(url, key) as service:
        told = await service.get(path + "/history" * history, params)
    if output is Output.TABLE and not history:
        rows = [{"field": name, "value": value} for name, value in told["state"].items() if value not in (None, [])]
        write([{"field": "stream", "value": told["stream"]}, *rows], output, columns=members("field", "value"))
        return
    write(told["versions"] if history else [told], output, whole=told)


async def _list(
    url: str, key: str | None, category: str | None, params: list[tuple[str, str]], limit: int | None, output: Output
) -> None:
    from incidentlog.cli.asking import Service
    from incidentlog.cli.output import write

    kept: list[dict[str, Any]] = []
    async with Service(url, key) as service:
        page = await service.get("/v1/diff", [("from_position", "0"), *params, ("limit", str(PAGE))])
        while True:
            kept += (row for row in _standing(page) if category in {None, row["category"]})
            if (limit is not None and len(kept) >= limit) or "next" not in page:
                break
            if not page["next"].startswith("/"):
                raise Failed(f"the service sends us elsewhere for the next page: {page['next']}")
            page = await service.get(page["next"])
    shown = kept[:limit]
    write(shown, output, whole={"subjects": shown, "basis": page["basis"]}, columns=COLUMNS)


def _standing(page: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The subjects of a page: since the log was empty, what stands was added."""
    for stream, own in sorted(page["added"].items()):
        last = own["causes"][-1] if own["causes"] else {}
        yield {"stream": stream, "category": stream.partition(":")[0], "position": last.get("position")}


COLUMNS: Final["Columns"] = members("stream", "category", "position")
