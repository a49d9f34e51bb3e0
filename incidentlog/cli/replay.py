"""`incidentlog replay`: history again, and whether what is served is what the log gives."""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from incidentlog.cli import options
from incidentlog.cli.ending import Code, Failed, ending, run, say
from incidentlog.cli.options import Output

if TYPE_CHECKING:
    from incidentlog.runner.replay import Replayed
    from incidentlog.store.replay_check import Compared

LINE_BYTES: Final = 4 * 1024 * 1024
RETRY_SECONDS: Final = 2.0
TRIES: Final = 5
"""How often in a row it comes back without having been told anything."""
HEAD: Final = "head"
RECORDED: Final = "recorded"


def replay(
    to: Annotated[
        str | None,
        typer.Option(
            "--to", metavar="POSITION", help="Fold the log up to there (or `head`) and compare what is served."
        ),
    ] = None,
    projection: Annotated[
        str | None, typer.Option("--projection", help="With --to: this projection alone, and the subjects.")
    ] = None,
    since: Annotated[str | None, typer.Option("--from", help="Begin at this date or time.")] = None,
    until: Annotated[str | None, typer.Option("--until", help="End before this date or time.")] = None,
    by: Annotated[str, typer.Option("--by", help="In which order: recorded, or occurred.")] = RECORDED,
    speed: Annotated[float, typer.Option("--speed", min=0, help="How many times faster; 0 does not wait.")] = 3600,
    max_gap: Annotated[float, typer.Option("--max-gap", min=0, help="The longest wait between two, in seconds.")] = 5,
    output: options.Form = None,
    url: options.Url = options.URL,
    key: options.Key = None,
) -> None:
    """Tell history again, spaced as it was; or, with --to, fold it again and compare it with what is served.

    With --to it works on the database, like `serve`: all that is derived is made anew in tables that only this command
    sees, and compared row by row. Exit code 7 when something differs; the first row that does is named.
    """
    if to is not None:
        with ending():
            telling = (("--from", since is not None), ("--until", until is not None), ("--by", by != RECORDED))
            options.alone("--to", *telling)
            _check(to, projection, options.form(output))
        return
    if projection is not None:
        with ending():
            raise Failed("--projection goes with --to", Code.USAGE)
    params = {"from": since, "to": until, "by": by, "speed": f"{speed:f}", "max_gap": f"{max_gap:f}"}
    run(_tell(url, key, {k: v for k, v in params.items() if v is not None}, options.form(output)))


# ------------------------------------------------------------------------------------------------------ telling


async def _tell(url: str, key: str | None, params: dict[str, str], output: Output) -> None:
    from incidentlog.cli.output import line

    if output not in (Output.TABLE, Output.NDJSON):
        raise Failed("a replay is shown as a table or as ndjson", Code.USAGE)
    async for event in _events(url, key, params):
        if output is Output.NDJSON:
            line(event)
        else:
            typer.echo(_row(event))


async def _events(url: str, key: str | None, params: dict[str, str]) -> AsyncIterator[dict[str, Any]]:
    """Every event once, in the order asked for, across lost connections; Failed where none can be made."""
    import asyncio

    import aiohttp

    from incidentlog.cli.asking import Service, refusal

    after, tried, known = 0, 0, dict[str, str]()
    async with Service(url, key) as service:
        while True:
            try:
                where = service.at("/v1/replay").extend_query({**params, **known, "after": str(after)})
                headers = {"Accept": "application/x-ndjson"}
                async with service.session.get(where, headers=headers) as response:
                    if not response.ok:
                        raise await refusal(response)
                    # What is appended meanwhile may change the order: what follows is of the head that it began with.
                    known = {"at_position": response.headers["Log-Position"]}
                    async for said in _lines(response.content):
                        if "end" in said:
                            return
                        after, tried = said["position"], 0
                        yield said
                why: BaseException = ConnectionError("it ended before its end")
            except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
                why = error
            tried += 1
            if tried > TRIES or not after:
                raise service.away(why) from why
            reason = str(why) or type(why).__name__
            say(f"incidentlog: the connection is lost ({reason}); again in {RETRY_SECONDS:.0f} s")
            await asyncio.sleep(RETRY_SECONDS)


async def _lines(content: Any) -> AsyncIterator[dict[str, Any]]:
    """The JSON of each line; empty ones only say that the service is there."""
    import orjson

    rest = b""
    async for piece in content.iter_any():
        *whole, rest = (rest + piece).split(b"\n")
        if len(rest) > LINE_BYTES:
            raise Failed("the service sends a line without an end")
        for line in whole:
            if line:
                yield orjson.loads(line)


def _row(event: dict[str, Any]) -> str:
    """An event on one line."""
    from incidentlog.cli.ending import printable
    from incidentlog.cli.events import occurred_text

    place = event.get("place") or {}
    name = (place.get("resolved") or place).get("name") or ""
    status = "" if event["status"] == "effective" else f" ({event['status']})"
    return printable(
        f"{event['position']:>7}  {occurred_text(event):<25}  {event['type']:<26}  {event['stream']}  {name}{status}"
    )


# ----------------------------------------------------------------------------------------------------- checking


def _check(to: str, projection: str | None, output: Output) -> None:
    from incidentlog.cli.columns import members
    from incidentlog.cli.output import write

    position = _position(to)
    replayed = _replayed(position, projection)
    rows = [_said(c) for c in replayed.compared]
    whole = {"position": replayed.position, "generation": replayed.generation, "same": replayed.same, "compared": rows}
    columns = members("name", "rows", "same", "served", "replayed")
    write(rows, output, whole=whole, columns=columns)
    if replayed.same:
        say(f"as of position {replayed.position}, all that is served is what the log gives")
        return
    first = next(c for c in replayed.compared if not c.same)
    raise Failed(f"as of position {replayed.position}, {_difference(first)}", Code.NOT_VERIFIED)


def _position(to: str) -> int | None:
    if to == HEAD:
        return None
    if to.isascii() and to.isdigit() and len(to) <= 16:  # noqa: PLR2004 - the digits of the last position
        return int(to)
    raise Failed(f"{to!r} is no position: a whole number, or {HEAD}", Code.USAGE)


def _replayed(position: int | None, projection: str | None) -> "Replayed":
    import asyncio

    from incidentlog.cli.settings import load_settings, reaching_log
    from incidentlog.logging import configure_logging
    from incidentlog.projections import PROJECTIONS
    from incidentlog.runner.replay import ReplayError, replay

    if projection is not None and projection not in PROJECTIONS:
        raise Failed(f"no projection is called {projection!r}: {', '.join(sorted(PROJECTIONS))}", Code.NOT_FOUND)
    settings = load_settings()
    configure_logging("warning")
    with reaching_log(settings) as access:
        try:
            return asyncio.run(replay(access, to=position, projection=projection, progress=_progress()))
        except ReplayError as error:
            raise Failed(str(error), Code.UNAVAILABLE) from error


def _progress() -> Any:
    """A line that is written over, on a terminal alone."""
    import sys

    def tell(done: int, goal: int) -> None:
        if sys.stderr.isatty():
            end = "\n" if done == goal else "\r"
            sys.stderr.write(f"folded {done:,} of {goal:,} events{end}")
            sys.stderr.flush()

    return tell


def _said(compared: "Compared") -> dict[str, Any]:
    difference = compared.difference
    said: dict[str, Any] = {
        "name": compared.name,
        "rows": compared.rows,
        "same": compared.same,
        "served": compared.served,
        "replayed": compared.replayed,
    }
    if difference is not None:
        said["first"] = {
            "table": difference.table,
            "key": list(difference.key),
            "served": difference.served,
            "replayed": difference.replayed,
        }
    return said


def _difference(compared: "Compared") -> str:
    """What differs first, for a person."""
    found = compared.difference
    assert found is not None  # noqa: S101 - asked of what differs
    lines = [f"{compared.name} is not what the log gives: the first row is in {found.table}, {found.key}"]
    lines += [
        f"  {side}: {row or 'no such row'}" for side, row in (("served", found.served), ("the log", found.replayed))
    ]
    return "\n".join(lines)
