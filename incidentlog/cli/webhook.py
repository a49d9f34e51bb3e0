"""`incidentlog webhook`: where events are sent to (docs/webhooks.md)."""

from collections.abc import Mapping
from typing import Annotated, Any, Final
from urllib.parse import quote

import typer

from incidentlog.cli import options
from incidentlog.cli.ending import Code, Failed, run, say
from incidentlog.cli.group import Group
from incidentlog.cli.options import Output

PATH: Final = "/v1/webhooks"
COLUMNS: Final = ("id", "url", "state", "reason", "position", "attempts", "last_failure", "key", "note")
LETTERS: Final = ("position", "event_id", "attempts", "failed_at", "failure", "wanted")

app = typer.Typer(cls=Group, help="Webhooks: have events sent to an address.", no_args_is_help=True)
letters_app = typer.Typer(
    cls=Group, help="Events that could not be delivered: list them, try again, give up.", no_args_is_help=True
)
app.add_typer(letters_app, name="dead-letters")

Id = Annotated[str, typer.Argument(metavar="ID", help="The webhook's id.")]
Events = Annotated[list[str], typer.Argument(metavar="EVENT...", help="The ids of the events.")]
Filter = Annotated[
    list[str] | None,
    typer.Option("--filter", help="NAME=VALUE, as `events list` narrows by: type=strike.reported; repeat for more."),
]
Note = Annotated[str | None, typer.Option("--note", help="What it is for.")]


@app.command("list")
def list_(output: options.Form = None, url: options.Url = options.URL, key: options.Key = None) -> None:
    """List the webhooks of the key; of an admin's all that see no more than it does."""
    run(_list(url, key, PATH, "webhooks", COLUMNS, options.form(output)))


@app.command()
def show(webhook: Id, output: options.Form = None, url: options.Url = options.URL, key: options.Key = None) -> None:
    """Show one, and how far it is."""
    run(_ask(url, key, "GET", _path(webhook), None, options.form(output)))


@app.command()
def create(
    to: Annotated[str, typer.Argument(metavar="URL", help="Where events are to be sent: https://...")],
    filter_: Filter = None,
    after: Annotated[
        int | None, typer.Option("--after", min=0, help="Begin after this position; else with what comes now.")
    ] = None,
    note: Note = None,
    output: options.Form = None,
    url: options.Url = options.URL,
    key: options.Key = None,
) -> None:
    """Make a webhook and print it, with the secret that signs its messages, which is told this once."""
    asked = {"url": to, "filters": filters_of(filter_) or {}, "after": after, "note": note}
    run(_ask(url, key, "POST", PATH, asked, options.form(output)))


@app.command()
def change(
    webhook: Id,
    to: Annotated[str | None, typer.Option("--to", metavar="URL", help="Where events are to be sent.")] = None,
    filter_: Filter = None,
    note: Note = None,
    output: options.Form = None,
    url: options.Url = options.URL,
    key: options.Key = None,
) -> None:
    """Have events sent elsewhere, or others, from where it is on."""
    asked = {"url": to, "filters": filters_of(filter_), "note": note}
    run(_ask(url, key, "PATCH", _path(webhook), asked, options.form(output)))


@app.command()
def pause(webhook: Id, url: options.Url = options.URL, key: options.Key = None) -> None:
    """Send nothing until it is resumed; nothing is missed by that."""
    run(_told(url, key, "PATCH", _path(webhook), {"state": "paused"}, "it is paused"))


@app.command()
def resume(webhook: Id, url: options.Url = options.URL, key: options.Key = None) -> None:
    """Go on where it was paused, or switched off; what comes next is tried at once."""
    run(_told(url, key, "PATCH", _path(webhook), {"state": "active"}, "it goes on"))


@app.command()
def rotate(
    webhook: Id,
    overlap_hours: Annotated[
        float, typer.Option("--overlap-hours", min=0, max=8_760, help="How long the secret before it signs, too.")
    ] = 24.0,
    output: options.Form = None,
    url: options.Url = options.URL,
    key: options.Key = None,
) -> None:
    """Give it another secret and print it; for a while messages are signed with either."""
    run(_ask(url, key, "POST", _path(webhook, "/secret"), {"overlap_hours": overlap_hours}, options.form(output)))


@app.command()
def remove(webhook: Id, url: options.Url = options.URL, key: options.Key = None) -> None:
    """Remove it, with its dead letters."""
    run(_told(url, key, "DELETE", _path(webhook), None, "it is removed"))


@app.command("test")
def try_(webhook: Id, output: options.Form = None, url: options.Url = options.URL, key: options.Key = None) -> None:
    """Send a message to try it, and print what became of it."""
    run(_try(url, key, _path(webhook, "/test"), options.form(output)))


@letters_app.command("list")
def list_letters(
    webhook: Id, output: options.Form = None, url: options.Url = options.URL, key: options.Key = None
) -> None:
    """List the events that could not be delivered, and why."""
    path = _path(webhook, "/dead-letters")
    run(_list(url, key, path, "dead_letters", LETTERS, options.form(output)))


@letters_app.command()
def retry(webhook: Id, events: Events, url: options.Url = options.URL, key: options.Key = None) -> None:
    """Try some of them once more, out of their order."""
    run(_settle(url, key, webhook, "retry", events))


@letters_app.command()
def discard(webhook: Id, events: Events, url: options.Url = options.URL, key: options.Key = None) -> None:
    """Give some of them up."""
    run(_settle(url, key, webhook, "discard", events))


def _path(webhook: str, rest: str = "") -> str:
    return f"{PATH}/{quote(webhook, safe='')}{rest}"


def filters_of(given: list[str] | None) -> dict[str, list[str]] | None:
    """Values by name. Raises BadParameter for what has no name."""
    if given is None:
        return None
    filters: dict[str, list[str]] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals:
            raise typer.BadParameter(f"{text!r} is no NAME=VALUE", param_hint="--filter")
        filters.setdefault(name, []).append(value)
    return filters


async def _list(url: str, key: str | None, path: str, member: str, columns: tuple[str, ...], output: Output) -> None:
    from incidentlog.cli.asking import Service
    from incidentlog.cli.columns import members
    from incidentlog.cli.output import write
    from incidentlog.cli.paging import pages

    async with Service(url, key) as service:
        rows = [row async for page in pages(service, path) for row in page[member]]
    write(rows, output, columns=members(*columns))


async def _ask(
    url: str, key: str | None, method: str, path: str, body: Mapping[str, Any] | None, output: Output
) -> None:
    from incidentlog.cli.asking import Service
    from incidentlog.cli.output import write

    async with Service(url, key) as service:
        told = await service.send(method, path, None if body is None else _given(body))
    write([told], output, whole=told)


async def _told(url: str, key: str | None, method: str, path: str, body: Mapping[str, Any] | None, saying: str) -> None:
    from incidentlog.cli.asking import Service

    async with Service(url, key) as service:
        await service.send(method, path, body)
    say(saying)


async def _try(url: str, key: str | None, path: str, output: Output) -> None:
    from incidentlog.cli.asking import Service
    from incidentlog.cli.output import write

    async with Service(url, key) as service:
        told = await service.send("POST", path, None)
    write([told], output, whole=told)
    if told["failure"] is not None:
        raise Failed(told["failure"], Code.FAILURE)


async def _settle(url: str, key: str | None, webhook: str, do: str, events: list[str]) -> None:
    from incidentlog.cli.asking import Service

    async with Service(url, key) as service:
        told = await service.send("POST", _path(webhook, "/dead-letters"), {"do": do, "events": events})
    missing = sorted({*events} - {*told["events"]})
    if told["events"]:
        say(f"{len(told['events'])} {'are tried once more' if do == 'retry' else 'are given up'}")
    if missing:
        raise Failed(f"no dead letters: {', '.join(missing)}", Code.NOT_FOUND)


def _given(body: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if value is not None}
