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

if TYPE_CHECKING:
    from incidentlog.cli.asking import Service
    from incidentlog.cli.columns import Columns

app = typer.Typer(cls=Group, help="The log: list events, show one, follow new ones.", no_args_is_help=True)

PAGE: Final = 1_000

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
        bbox=bbox, **{"import": import_},
    )  # fmt: skip
    run(_list(url, key, wanted, after, None if all_ else limit, options.form(output)))


async def _list(
    url: str, key: str | None, wanted: list[tuple[str, str]], after: int, limit: int | None, output: Output
) -> None:
    from incidentlog.cli.asking import Service
    from incidentlog.cli.output import write

    kept: list[Any] = []
    async with Service(url, key) as service:
        if output is Output.CSV:
            return await write_tables(service, "/v1/events", [*wanted, ("after", str(after))], limit)
        page_size = PAGE if limit is None else min(limit, PAGE)
        params = [*wanted, ("after", str(after)), ("limit", str(page_size))]
        page = await service.get("/v1/events", params)
        count = 0
        while True:
            events = page["events"] if limit is None else page["events"][: limit - count]
            count += len(events)
            if output is Output.NDJSON:
                write(events, output)  # a page at a time: the log may be larger than the memory
            else:
                kept += events
            if (limit is not None and count >= limit) or not page.get("next"):
                break
            page = await service.get(own_path(page["next"]))
    if output is not Output.NDJSON:
        write(kept, output, whole={"events": kept}, columns=COLUMNS)
    return None


async def write_tables(service: "Service", path: str, wanted: list[tuple[str, str]], limit: int | None) -> None:
    """The service's own CSV, a page at a time, with one header; at most so many rows."""
    import csv
    from io import StringIO

    from yarl import URL

    from incidentlog.cli.output import write_raw

    count, following, params = 0, path, [*wanted, ("limit", str(_size(limit, 0)))]
    while True:
        page = await service.table(following, params)
        write_raw(page.body if following == path else page.body.partition(b"\r\n")[2])
        count += sum(1 for _ in csv.reader(StringIO(page.body.decode(), newline=""))) - 1
        if page.next is None or count == limit:
            return
        following = str(URL(own_path(page.next), encoded=True).update_query(limit=_size(limit, count)))
        params = []


def _size(limit: int | None, count: int) -> int:
    """How many rows the next page may have."""
    return PAGE if limit is None else min(limit - count, PAGE)


def own_path(path: str) -> str:
    """Where the next page is; never at another host, who would be shown the key."""
    if not path.startswith("/"):
        raise Failed(f"the service sends us elsewhere for the next page: {path}")
    return path


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


def params(**given: str | list[str] | None) -> list[tuple[str, str]]:
    """Query parameters, one for each value."""
    pairs: list[tuple[str, str]] = []
    for name, value in given.items():
        pairs += [(name, v) for v in ([value] if isinstance(value, str) else value or [])]
    return pairs


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
