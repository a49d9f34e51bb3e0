"""`incidentlog publish`: hand the log on to other systems (docs/publish.md)."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from incidentlog.cli import options
from incidentlog.cli.ending import Code, Failed, run, say
from incidentlog.cli.group import Group

if TYPE_CHECKING:
    from collections.abc import Callable

    from incidentlog.publish import Sink

app = typer.Typer(cls=Group, help="Hand the log on to other systems, each event once.", no_args_is_help=True)


@app.callback()
def _group() -> None: ...


@app.command()
def nats(
    server: Annotated[
        str, typer.Option("--server", envvar="NATS_URL", help="The NATS server; its password may be in it.")
    ] = "nats://127.0.0.1:4222",
    stream: Annotated[
        str, typer.Option("--stream", help="The stream, which is made if it is not there.")
    ] = "INCIDENTLOG",
    subject: Annotated[
        str, typer.Option("--subject", help="What subjects begin with: SUBJECT.strike.reported.")
    ] = "incidentlog",
    creds: Annotated[
        Path | None, typer.Option("--creds", exists=True, dir_okay=False, help="A file with NATS credentials.")
    ] = None,
    filter_: Annotated[
        list[str] | None, typer.Option("--filter", help="NAME=VALUE, as `events list` narrows by; repeat for more.")
    ] = None,
    after: Annotated[
        int | None, typer.Option("--after", min=0, help="Where an empty stream begins; else at the log's beginning.")
    ] = None,
    url: options.Url = options.URL,
    key: options.Key = None,
) -> None:
    """Publish every event that the key sees to NATS JetStream, once, until it is stopped.

    Where it is, is kept in the stream itself: start it again and it goes on, whatever was killed.
    """
    from importlib.util import find_spec

    if find_spec("nats") is None:
        say("incidentlog: NATS is spoken by an extra: pip install 'incidentlog[nats]'")
        raise typer.Exit(Code.USAGE)
    from incidentlog.cli.webhook import filters_of
    from incidentlog.publish.jetstream import JetStream

    run(_publish(url, key, lambda: JetStream(server, stream, subject, creds=creds), filters_of(filter_) or {}, after))


async def _publish(
    url: str, key: str | None, sink: "Callable[[], Sink]", filters: dict[str, list[str]], after: int | None
) -> None:
    from incidentlog.cli.live import client_of
    from incidentlog.publish import Publisher, SinkAwayError, UnfitError

    async with client_of(url, key) as client:
        publisher = Publisher(
            client, sink, filters=filters, after=after,
            say=lambda text: say(f"incidentlog: {text}"), published=_published,
        )  # fmt: skip
        try:
            await publisher.run()
        except UnfitError as error:
            raise Failed(str(error), Code.CONFLICT) from error
        except SinkAwayError as error:
            raise Failed(str(error), Code.UNAVAILABLE) from error


def _published(count: int, position: int) -> None:
    from incidentlog.cli.output import write

    write([{"published": count, "position": position}], options.Output.NDJSON)
