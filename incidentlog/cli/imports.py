"""`incidentlog import`: bring files in, list what was brought in, review and undo it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from incidentlog.cli import importing, options, review
from incidentlog.cli.ending import Code, Failed, ending, say
from incidentlog.cli.group import Group

if TYPE_CHECKING:
    from incidentlog.cli.columns import Columns
    from incidentlog.client.client import Client
    from incidentlog.importers.undoing import Undoing

RUN: Final = "run"
"""The command that is meant where none is named: `incidentlog import ucdp-ged FILE`."""
PAGE: Final = 1_000
NAMED: Final = 100
"""How many events one request may name by their ids."""


SAID: Final = (
    "files", "mapping", "scheme", "release", "vanished", "undoes", "reason", "ended", "rows", "refused", "repaired",
    "passed_over", "appended", "already_there", "changes", "undone_by",
)  # fmt: skip
"""What is told of an import; null where nothing is said."""


class _Group(Group):
    """A group in which the first word may be a mapping instead of a command."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """The words; where they begin with no command of the group, `run` is meant."""
        if not args or args[0] not in self.commands:
            args = [RUN, *args]
        return super().parse_args(ctx, args)


app = typer.Typer(cls=_Group, help="Files: bring them in, list what was brought in, review and undo it.")
app.command(RUN)(importing.import_)
app.command("review")(review.review)


@app.command("list")
def list_(output: options.Form = None, url: options.Url = options.URL, key: options.Key = None) -> None:
    """List the imports: what was read, by what mapping, what came of it, and what was undone since."""
    with ending(), importing.problems():
        import asyncio

        from incidentlog.cli.output import write

        rows = asyncio.run(_imports(url, key))
        write(rows, options.form(output), columns=COLUMNS)


async def _imports(url: str, key: str | None) -> list[dict[str, Any]]:
    """Each import that has begun, with what its ends say."""
    from incidentlog.cli.live import RETRY_SECONDS
    from incidentlog.client.client import Client

    rows: dict[str, dict[str, Any]] = {}
    async with Client(url, key, retry_seconds=RETRY_SECONDS) as client:
        async for event in client.events(filters={"type": ["import.begun", "import.ended"]}, page=PAGE):
            if event["type"] == "import.begun":
                told = {"import": event["position"], "began": event["recorded_at"], "by": event["recorded_by"]}
                rows[event["stream"]] = {**told, **dict.fromkeys(SAID), **event["data"]}
            elif (row := rows.get(event["stream"])) is not None:
                said = {n: each for n, each in event["data"].items() if n != "files" or each}
                appended = (row["appended"] or 0) + said["appended"]
                row |= {**said, "appended": appended, "ended": event["recorded_at"]}
    by_number = {row["import"]: row for row in rows.values()}
    for row in rows.values():
        if row["undoes"] in by_number:
            by_number[row["undoes"]]["undone_by"] = row["import"]
    return list(rows.values())


def _state(row: Mapping[str, Any]) -> str:
    if row["undone_by"] is not None:
        return f"undone by {row['undone_by']}"
    return "broken off" if row["ended"] is None else "ended"


COLUMNS: Final["Columns"] = {
    "import": lambda row: row["import"],
    "began": lambda row: row["began"][:16],
    "by": lambda row: row["by"],
    "mapping": lambda row: row["mapping"]["name"] if row["mapping"] else f"undoes {row['undoes']}",
    "files": lambda row: ", ".join(file["name"] for file in row["files"] or ()) or None,
    "rows": lambda row: row["rows"],
    "appended": lambda row: row["appended"],
    "refused": lambda row: row["refused"],
    "state": _state,
}


@app.command()
def undo(
    number: Annotated[int, typer.Argument(metavar="IMPORT", min=1, help="Its number, as `import list` shows it.")],
    apply: Annotated[bool, typer.Option("--apply", help="Do it; without, it is only shown.")] = False,
    reason: Annotated[str | None, typer.Option("--reason", help="Why, for the record.", show_default=False)] = None,
    url: options.Url = options.URL,
    key: options.Key = None,
) -> None:
    """Take back what an import appended and what still stands of it: events are retracted, amendments taken back.

    What others said of these events goes with them, and is counted. Nothing leaves the log: as known before, all is as
    it was. The undoing is an import of its own, that can be undone. To bring the file in again, use --update.
    """
    with ending(), importing.problems():
        import asyncio

        with asyncio.Runner() as loop:
            undoing = loop.run(_learned(number, reason, url, key))
            events = list(undoing.retractions())
            for kind, n in undoing.counts.items():
                say(f"  {n:,} {kind}")
            if not events:
                say(f"nothing of import {number} stands")
            elif not apply:
                say(f"{len(events):,} retractions would be sent; nothing was. To do it say --apply")
            else:
                _undo(undoing, events, loop, url, key)


async def _learned(number: int, reason: str | None, url: str, key: str | None) -> "Undoing":
    """An import, read to the head of the log."""
    from incidentlog.cli.live import RETRY_SECONDS
    from incidentlog.client.client import Client
    from incidentlog.importers.undoing import Undoing

    async with Client(url, key, retry_seconds=RETRY_SECONDS) as client:
        undoing = Undoing(number, reason or f"import {number} was undone", await _tlp(client, number))
        async for event in client.events(filters={"import": str(number)}, page=PAGE):
            undoing.learn(event)
        wanted = list(undoing.targets)
        for start in range(0, len(wanted), NAMED):
            async for event in client.events(filters={"id": wanted[start : start + NAMED]}):
                undoing.learn_target(event)
    return undoing


async def _tlp(client: "Client", number: int) -> str:
    """How an import is marked; raises Failed where there is none of the number."""
    async for event in client.events(number - 1, at_position=number):
        if event["type"] == "import.begun":
            return str(event["tlp"])
    raise Failed(f"no import has the number {number}; `incidentlog import list` shows which there are", Code.NOT_FOUND)


def _undo(undoing: "Undoing", events: list[dict[str, Any]], loop: Any, url: str, key: str | None) -> None:
    """Append what undoes it, as an import of its own."""
    refused: list[Any] = []
    with importing.Recording(undoing.plan(), loop, url, key) as recording:
        done = recording.append(events, refused.append)
        recording.end({"appended": done.appended, "already_there": done.duplicates, "refused": len(refused)})
    for refusal in refused[: importing.TOLD]:
        say(f"{events[refusal.number - 1]['data']['target']}: refused: {refusal.problem.detail}")
    say(f"{done.appended:,} retractions appended, as import {recording.number}")
    if refused:
        say(f"{len(refused):,} refused")
        raise typer.Exit(Code.PARTLY_REFUSED)
