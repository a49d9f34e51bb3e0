"""`incidentlog event`: one event into the log, and what corrects one that is there."""

import sys
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from incidentlog.cli import options
from incidentlog.cli.ending import Code, Failed, run, say, told_fault, unreadable
from incidentlog.cli.group import Group

app = typer.Typer(cls=Group, help="Append an event; amend, retract, merge those that are there.", no_args_is_help=True)

LARGEST: Final = 1024 * 1024
"""Bytes of an event that are read; the service takes fewer."""


class Marking(StrEnum):
    """Who may see it."""

    CLEAR = "CLEAR"
    GREEN = "GREEN"
    AMBER = "AMBER"
    AMBER_STRICT = "AMBER+STRICT"
    RED = "RED"


Reason = Annotated[str, typer.Option("--reason", help="Why; it stays in the log.")]
Target = Annotated[str, typer.Argument(metavar="ID", help="The id of the event that is meant.", show_default=False)]
Id = Annotated[
    str | None, typer.Option("--id", help="The id of the new event, to give the command again without doing it twice.")
]
Tlp = Annotated[Marking | None, typer.Option("--tlp", help="How what is said here is marked; else CLEAR.")]


@app.command()
def append(
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="The event as JSON (docs/events.md); - reads stdin.")],
    output: options.Form = None,
    url: options.Url = options.URL,
    key: options.Key = None,
) -> None:
    """Append one event. Without an id it is given one, which is printed; many at once: `incidentlog ingest`."""
    run(_append(url, key, lambda: _object(_text(file), file), options.form(output)))


@app.command()
def amend(
    target: Target,
    patch: Annotated[str, typer.Argument(metavar="PATCH", help="The patch as JSON; @FILE reads a file, - stdin.")],
    reason: Reason,
    tlp: Tlp = None,
    event_id: Id = None,
    output: options.Form = None,
    url: options.Url = options.URL,
    key: options.Key = None,
) -> None:
    """Correct what the record of an event says; the earlier answer stays where it was.

    PATCH is a JSON merge patch (RFC 7396) with at least one of four members, each as in an event:

    "occurred" (an object), "place" (an object, or null), "actors" (the whole list, or null), "data" (an object).

    A member of an object that the patch does not name stays, null takes one away, a list replaces the list:
    '{"data": {"casualties": {"killed": {"best": 3}}}, "place": {"place_id": "geonames:698740"}}'.
    Type, stream and sources cannot be patched: retract the event, and tell it again.
    """

    def made() -> dict[str, Any]:
        text = _text(patch[1:]) if patch.startswith("@") else _text(patch) if patch == "-" else patch
        return _record("record.amended", {"target": target, "patch": _object(text, "the patch"), "reason": reason})

    run(_append(url, key, made, options.form(output), tlp=tlp, event_id=event_id))


@app.command()
def retract(
    target: Target,
    reason: Reason,
    tlp: Tlp = None,
    event_id: Id = None,
    output: options.Form = None,
    url: options.Url = options.URL,
    key: options.Key = None,
) -> None:
    """Take back the record of an event; of a retraction: reinstate what it took back."""
    made = _record("record.retracted", {"target": target, "reason": reason})
    run(_append(url, key, lambda: made, options.form(output), tlp=tlp, event_id=event_id))


@app.command()
def merge(
    survivor: Annotated[str, typer.Argument(help="The stream that stays, such as strike:odesa-1.", show_default=False)],
    absorbed: Annotated[list[str], typer.Argument(help="The streams that lead to it from now on.", show_default=False)],
    reason: Reason,
    tlp: Tlp = None,
    event_id: Id = None,
    output: options.Form = None,
    url: options.Url = options.URL,
    key: options.Key = None,
) -> None:
    """Say that records are of one thing; retracting the merge restores all of them."""
    made = _record("record.merged", {"survivor": survivor, "absorbed": absorbed, "reason": reason})
    run(_append(url, key, lambda: made, options.form(output), tlp=tlp, event_id=event_id))


def _record(kind: str, data: dict[str, Any]) -> dict[str, Any]:
    return {"type": kind, "data": data}


def _text(file: str) -> str:
    """What a file says, or stdin. Raises Failed where it is not there, or no text."""
    try:
        raw = sys.stdin.buffer.read(LARGEST + 1) if file == "-" else Path(file).read_bytes()
        if len(raw) > LARGEST:
            raise Failed(f"{file} is larger than any event: {LARGEST:,} bytes", Code.USAGE)
        return raw.decode("utf-8-sig")
    except OSError as error:
        raise unreadable(file, error) from error
    except UnicodeDecodeError as error:
        raise Failed(f"{file} is no UTF-8 text", Code.USAGE) from error


def _object(text: str, what: str) -> dict[str, Any]:
    import orjson

    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise Failed(f"{what} is no JSON: {error}", Code.USAGE) from error
    if not isinstance(value, dict):
        raise Failed(f"{what} is no JSON object", Code.USAGE)
    return value


async def _append(
    url: str,
    key: str | None,
    made: Callable[[], dict[str, Any]],
    output: options.Output,
    *,
    tlp: Marking | None = None,
    event_id: str | None = None,
) -> None:
    import orjson

    from incidentlog.cli.asking import Service
    from incidentlog.cli.output import write
    from incidentlog.clock import SystemClock
    from incidentlog.ids import uuid7

    asking = Service(url, key)
    event = made()
    event.setdefault("id", event_id or str(uuid7(SystemClock().now())))
    if tlp is not None:
        event["tlp"] = tlp.value
    async with asking as service:
        told = await service.post("/v1/events", orjson.dumps(event), "application/json")
    for warning in told.pop("warnings", ()):
        say(f"warning: {told_fault(warning)}")
    write([told], output, whole=told)
