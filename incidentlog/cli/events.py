"""`incidentlog events`: the log itself."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final
from urllib.parse import quote

import typer

from incidentlog.cli import options
from incidentlog.cli.ending import Code, Failed, run, say
from incidentlog.cli.group import Group
from incidentlog.cli.options import Output
from incidentlog.cli.paging import params

if TYPE_CHECKING:
    from incidentlog.cli.columns import Columns

app = typer.Typer(cls=Group, help="The log: list events, show one, follow new ones.", no_args_is_help=True)

Several = Annotated[list[str] | None, typer.Option(show_default=False)]
Type = Annotated[list[str] | None, typer.Option("--type", help="An event type; repeat for any of several.")]
Stream = Annotated[list[str] | None, typer.Option("--stream", help="A stream, such as ceasefire:easter-2025.")]
Category = Annotated[list[str] | None, typer.Option("--category", help="A stream's category, such as strike.")]
City = Annotated[list[str] | None, typer.Option("--city", help="A place's id, such as geonames:698740.")]
Admin1 = Annotated[list[str] | None, typer.Option("--admin1", help="A region, such as UA.17.")]
Country = Annotated[list[str] | None, typer.Option("--country", help="ISO 3166-1 alpha-2.")]
Actor = Annotated[list[str] | None, typer.Option("--actor", help="An actor's code, such as UKR.")]
Verification = Annotated[list[str] | None, typer.Option("--verification", help="How well it is verified.")]
Since = Annotated[str | None, typer.Option("--since", help="Occurred from this time on.")]
Until = Annotated[str | None, typer.Option("--until", help="Occurred before this time.")]
RecordedSince = Annotated[str | None, typer.Option("--recorded-since", help="Recorded from this time on.")]
ExternalId = Annotated[
    list[str] | None, typer.Option("--external-id", help="With this id elsewhere: scheme:id, or scheme:* for all.")
]
Import = Annotated[list[str] | None, typer.Option("--import", help="That came with this import, by its number.")]
Bbox = Annotated[str | None, typer.Option("--bbox", help="West,south,east,north in degrees.")]


@app.command("list")
def list_(
    type_: Type = None,
    stream: Stream = None,
    category: Category = None,
    city: City = None,
    admin1: Admin1 = None,
    country: Country = None,
    actor: Actor = None,
    verification: Verification = None,
    external_id: ExternalId = None,
    import_: Import = None,
    since: Since = None,
    until: Until = None,
    recorded_since: RecordedSince = None,
    bbox: Bbox = None,
    after: Annotated[int, typer.Option("--after", min=0, help="Begin after this position.")] = 0,
    limit: Annotated[int, typer.Option("--limit", min=1, help="The most events.")] = 100,
    all_: Annotated[bool, typer.Option("--all", help="Every event, however many.")] = False,
    output: options.Form = None,
    url: options.Url = options.URL,
    key: options.Key = None,
) -> None:
    """List events in the order of the log."""
    wanted = params(
        type=type_, stream=stream, category=category, city=city, admin1=admin1, country=country, actor=actor,
        verification=verification, external_id=external_id, since=since, until=until, recorded_since=recorded_since,
        bbox=bbox, after=str(after), **{"import": import_},
    )  # fmt: skip
    run(_list(url, key, wanted, None if all_ else limit, options.form(output)))


async def _list(url: str, key: str | None, wanted: list[tuple[str, str]], limit: int | None, output: Output) -> None:
    from incidentlog.cli.asking import Service
    from incidentlog.cli.paging import write_listed

    async with Service(url, key) as service:
        await write_listed(service, "/v1/events", "events", wanted, limit=limit, output=output, columns=COLUMNS)


@app.command()
def show(
    event_id: Annotated[str, typer.Argument(metavar="ID", help="The event's id.")],
    output: options.Form = None,
    url: options.Url = options.URL,
    key: options.Key = None,
) -> None:
    """Show one event, whole."""
    run(_show(url, key, event_id, options.form(output)))


async def _show(url: str, key: str | None, event_id: str, output: Output) -> None:
    from incidentlog.cli.asking import Service
    from incidentlog.cli.output import write

    async with Service(url, key) as service:
        event = await service.get(f"/v1/events/{quote(event_id, safe='')}")
    if output is Output.TABLE:
        write([{"field": k, "value": v} for k, v in event.items() if v not in (None, [])], output, columns=FIELDS)
    else:
        write([event], output, whole=event)


@app.command()
def tail(
    type_: Type = None,
    stream: Stream = None,
    category: Category = None,
    city: City = None,
    admin1: Admin1 = None,
    country: Country = None,
    actor: Actor = None,
    verification: Verification = None,
    after: Annotated[
        int | None, typer.Option("--after", min=0, help="Begin after this position; else with what comes now.")
    ] = None,
    resume: options.Resume = None,
    output: options.Form = None,
    url: options.Url = options.URL,
    key: options.Key = None,
) -> None:
    """Follow the log: every event once, in its order, until Ctrl-C."""
    wanted = params(
        type=type_, stream=stream, category=category, city=city, admin1=admin1, country=country, actor=actor,
        verification=verification,
    )  # fmt: skip
    run(_tail(url, key, wanted, after, resume, options.form(output)))


async def _tail(
    url: str, key: str | None, wanted: list[tuple[str, str]], after: int | None, resume: Path | None, output: Output
) -> None:
    from incidentlog.cli.live import client_of, filters_of, store_at, tell
    from incidentlog.cli.output import write

    if output not in (Output.TABLE, Output.NDJSON):
        raise Failed("what never ends can be shown as a table or as ndjson", Code.USAGE)
    async with (
        client_of(url, key) as client,
        client.subscribe(
            "events", after=after, filters=filters_of(wanted), resume=store_at(resume), notify=tell
        ) as log,
    ):
        async for events in log:
            if events.reason:
                say(f"incidentlog: the log is told anew: {events.reason.replace('_', ' ')}")
            if events.items:
                write(events.items, output, columns=COLUMNS)


def _place(event: Mapping[str, Any]) -> str | None:
    place = event.get("place") or {}
    name = (place.get("resolved") or place).get("name")
    return name if isinstance(name, str) else None


def occurred_text(event: Mapping[str, Any]) -> str:
    """When it was, in the log's zone: a time with its offset, else the day or the days, else as it was sent."""
    local = event["local"]
    first, last = local["date_start"], local["date_end"]
    return local["start"] or (first if first == last else f"{first} to {last}") or event["occurred"]["start"]


FIELDS: Final["Columns"] = {"field": lambda f: f["field"], "value": lambda f: f["value"]}
COLUMNS: Final["Columns"] = {
    "position": lambda e: e["position"],
    "occurred": occurred_text,
    "type": lambda e: e["type"],
    "stream": lambda e: e["stream"],
    "place": _place,
    "verification": lambda e: e["verification"],
    "status": lambda e: e.get("status"),
}
