"""`incidentlog projection builds|rebuild|cancel|switch|drop|parked`: build anew; what was not taken in."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from incidentlog.cli import options
from incidentlog.cli.ending import Code, Failed, run, say
from incidentlog.cli.group import Group
from incidentlog.cli.options import Output

if TYPE_CHECKING:
    from incidentlog.cli.asking import Service

POLL_SECONDS = 0.5

parked_app = typer.Typer(
    cls=Group, help="Streams that a projection could not take in: list them, try again, give up.", no_args_is_help=True
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The projection; `subjects` is everything.")]
Stream = Annotated[str, typer.Argument(metavar="STREAM", help="The stream, such as strike:2025-11-19-ternopil.")]
COLUMNS = ("projection", "build", "version", "state", "position", "of_this_code")
PARKED = ("projection", "stream", "from_position", "to_position", "wish", "reason", "note")


def builds(output: options.Form = None, url: options.Url = options.URL, key: options.Key = None) -> None:
    """List every build: what answers, what is under way, what could be brought back."""
    run(_list(url, key, "/v1/builds", "builds", COLUMNS, options.form(output)))


def rebuild(
    name: Name,
    wait: Annotated[bool, typer.Option(help="Wait until it answers, and show how far it is.")] = True,
    url: options.Url = options.URL,
    key: options.Key = None,
) -> None:
    """Build a projection anew beside what answers; it is switched to when it has caught up."""
    run(_order(url, key, name, "rebuild", wait=wait))


def cancel(name: Name, url: options.Url = options.URL, key: options.Key = None) -> None:
    """Give up what is being built anew of a projection: what answers goes on."""
    run(_delete(url, key, name, "cancel"))


def switch(
    name: Name,
    wait: Annotated[bool, typer.Option(help="Wait until it answers, and show how far it is.")] = True,
    url: options.Url = options.URL,
    key: options.Key = None,
) -> None:
    """Bring back the build that answered before; it catches up first."""
    run(_order(url, key, name, "switch", wait=wait))


def drop(name: Name, url: options.Url = options.URL, key: options.Key = None) -> None:
    """Delete the builds of a projection that answer no more, to make room: there is no way back to them then."""
    run(_delete(url, key, name, "drop"))


@parked_app.command("list")
def list_parked(output: options.Form = None, url: options.Url = options.URL, key: options.Key = None) -> None:
    """List the streams that projections could not take in, and why."""
    run(_list(url, key, "/v1/parked", "parked", PARKED, options.form(output)))


@parked_app.command()
def retry(name: Name, stream: Stream, url: options.Url = options.URL, key: options.Key = None) -> None:
    """Try a parked stream again, with the next event that comes."""
    run(_settle(url, key, {"projection": name, "stream": stream, "do": "retry"}))


@parked_app.command()
def discard(
    name: Name,
    stream: Stream,
    reason: Annotated[str, typer.Option("--reason", help="Why it is given up.")],
    url: options.Url = options.URL,
    key: options.Key = None,
) -> None:
    """Give a parked stream up: answers no longer say that they are incomplete for it."""
    run(_settle(url, key, {"projection": name, "stream": stream, "do": "discard", "reason": reason}))


async def _list(url: str, key: str | None, path: str, member: str, columns: tuple[str, ...], output: Output) -> None:
    from incidentlog.cli.asking import Service
    from incidentlog.cli.columns import members
    from incidentlog.cli.output import write

    async with Service(url, key) as service:
        answer = await service.get(path)
    write(answer[member], output, whole=answer, columns=members(*columns))


async def _order(url: str, key: str | None, name: str, do: str, *, wait: bool) -> None:
    from incidentlog.cli.asking import Service

    async with Service(url, key) as service:
        begun = await _post(service, "/v1/builds", {"projection": name, "do": do})
        numbers = {b["build"] for b in begun["builds"]}
        if wait:
            await _until_answering(service, numbers)
            say(f"{name} answers from its new build")


async def _delete(url: str, key: str | None, name: str, do: str) -> None:
    from incidentlog.cli.asking import Service

    async with Service(url, key) as service:
        gone = (await _post(service, "/v1/builds", {"projection": name, "do": do}))["builds"]
    named = ", ".join(f"{b['projection']} {b['build']}" for b in gone)
    say(f"deleted: {named}" if gone else "there is nothing to delete")


async def _until_answering(service: "Service", numbers: set[int]) -> None:
    """Show how far the builds are until they answer. Raises Failed when they are gone."""
    import asyncio

    from incidentlog.cli.progress import progress

    first = await service.get("/v1/builds")
    with progress("building", first["head"]) as advance:
        shown = 0
        answer = first
        while True:
            ours = [b for b in answer["builds"] if b["build"] in numbers]
            if len(ours) < len(numbers):
                raise Failed("the build was dropped", Code.FAILURE)
            position = min(b["position"] for b in ours)
            advance(position - shown)
            shown = position
            if all(b["state"] != "building" for b in ours):
                return
            await asyncio.sleep(POLL_SECONDS)
            answer = await service.get("/v1/builds")


async def _settle(url: str, key: str | None, wanted: Mapping[str, str]) -> None:
    from incidentlog.cli.asking import Service

    async with Service(url, key) as service:
        await _post(service, "/v1/parked", wanted)
    say("with the next event" if wanted["do"] == "retry" else "given up")


async def _post(service: "Service", path: str, body: Mapping[str, str]) -> Any:
    import orjson

    return await service.post(path, orjson.dumps(body), "application/json")
