"""`incidentlog import review`: what an import may have told again, to be merged by whoever looked at it."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from incidentlog.cli import importing, options
from incidentlog.cli.ending import Code, Failed, ending, say, unreadable

if TYPE_CHECKING:
    from incidentlog.cli.asking import Service
    from incidentlog.cli.columns import Columns

PAGE: Final = 1_000
AGAIN_SECONDS: Final = 0.5
"""How long after it was told how far the service is it asks again: that answers when it is done, or after a while."""
YES: Final = frozenset({"yes", "y", "x", "1", "true", "так", "да"})
"""What says in the column `merge` that two are one."""
NO: Final = frozenset({"", "no", "n", "0", "false", "ні", "нет"})
SCHEME: Final = "incidentlog-review"
"""Under which a pair's merge has its id: a reviewed file that is given again merges nothing twice."""
NEEDED: Final = ("merge", "subject", "candidate")


def review(
    number: Annotated[int, typer.Argument(metavar="IMPORT", min=1, help="Its number, as `import list` shows it.")],
    likely: Annotated[bool, typer.Option("--likely", help="Only pairs that are likely one thing.")] = False,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="The most subjects.", show_default="all")] = None,
    merge: Annotated[
        Path | None,
        typer.Option("--merge", help="A reviewed CSV: what it has `yes` for in `merge` is merged.", show_default=False),
    ] = None,
    apply: Annotated[bool, typer.Option("--apply", help="Merge; without, it is only shown.")] = False,
    reason: Annotated[str | None, typer.Option("--reason", help="Why, for the record.", show_default=False)] = None,
    output: options.Form = None,
    url: options.Url = options.URL,
    key: options.Key = None,
) -> None:
    """List which subjects of an import may have been told before, the best first, and merge what a person marked.

    `-o csv > suspects.csv` writes a file with an empty column `merge`. Put `yes` where two are one, and give the file
    back with --merge: the subject then leads to the candidate. Nothing is merged by itself.
    """
    with ending(), importing.problems():
        import asyncio

        if merge is None:
            asyncio.run(_list(number, options.form(output), url, key, limit=limit, likely=likely))
            return
        events = list(_merges(merge, reason or f"import {number} was reviewed"))
        if not events:
            say(f"{merge} has no row with yes in `merge`")
        elif not apply:
            say(f"{len(events):,} would be merged; nothing was. To do it say --apply")
        else:
            asyncio.run(_append(events, url, key))


async def _list(
    number: int, output: options.Output, url: str, key: str | None, *, limit: int | None, likely: bool
) -> None:
    """Write a row for each pair."""
    from incidentlog.cli.asking import Service
    from incidentlog.cli.output import write

    asking = Service(url, key)
    rows, groups, page = list[dict[str, Any]](), 0, {"import": str(number), "limit": str(min(limit or PAGE, PAGE))}
    async with asking as service:
        answer = await _asked(service, page)
        while True:
            for group in answer["groups"][: None if limit is None else limit - groups]:
                groups += 1
                rows += [_row(group, c) for c in group["candidates"] if c["likely"] or not likely]
            if "next" not in answer or groups == limit or (likely and not _ends_likely(answer)):
                break
            further = {**page, "after": str(groups), "at_position": str(answer["basis"]["position"])}
            answer = await _asked(service, further)
    write(rows, output, columns=COLUMNS)
    told = (f"{answer['subjects']:,} subjects", f"{answer['suspected']:,} may have been told before")
    say(f"{', '.join(told)}, {answer['likely']:,} of them likely")
    if answer.get("incomplete"):
        say("not everything was compared: there is too much of it; what is listed is not all")


async def _asked(service: "Service", page: Mapping[str, str]) -> Any:
    """A page; how far it is is told while the service compares, and asked again until it is done."""
    import asyncio

    answer = await service.get("/v1/candidates", page.items())
    while "compared" in answer:
        say(f"compared {answer['compared']:,} of {answer['subjects']:,}")
        await asyncio.sleep(AGAIN_SECONDS)
        same = {**page, "at_position": str(answer["basis"]["position"])}
        answer = await service.get("/v1/candidates", same.items())
    return answer


def _ends_likely(answer: Mapping[str, Any]) -> bool:
    """Whether the last subject of a page has a likely twin: they come first, so without one none follows."""
    return bool(answer["groups"]) and answer["groups"][-1]["candidates"][0]["likely"]


def _row(group: Mapping[str, Any], candidate: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "merge": "",
        "likely": candidate["likely"],
        "subject": group["stream"],
        "candidate": candidate["stream"],
        "place": group["place"],
        "start": group["occurred"]["start"],
        "candidate_place": candidate["place"],
        "candidate_start": candidate["occurred"]["start"],
        **{
            name: candidate[name]
            for name in ("where", "kilometres", "minutes_between_starts", "hours_apart", "side", "same_source")
        },
    }


COLUMNS: Final["Columns"] = {
    "subject": lambda row: row["subject"],
    "candidate": lambda row: row["candidate"],
    "place": lambda row: row["place"],
    "start": lambda row: row["start"][:16],
    "min apart": lambda row: row["minutes_between_starts"],
    "km": lambda row: row["kilometres"],
    "why": lambda row: "likely" if row["likely"] else "same source" if row["same_source"] else row["where"],
}


def _merges(path: Path, reason: str) -> Iterator[dict[str, Any]]:
    """A merge for each row of a reviewed file that says yes; raises Failed with the line of one that cannot be read."""
    import csv

    from incidentlog.ids import imported_id

    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file)
            lacking = [name for name in NEEDED if name not in (rows.fieldnames or ())]
            if lacking:
                raise Failed(f"{path} lacks the columns {', '.join(lacking)}: `-o csv` writes them", Code.USAGE)
            for row in rows:
                if not _says_yes(row["merge"], f"{path}, line {rows.line_num}"):
                    continue
                survivor, absorbed = row["candidate"], row["subject"]
                data = {"survivor": survivor, "absorbed": [absorbed], "reason": reason}
                merged = {"type": "record.merged", "data": data}
                yield {**merged, "id": str(imported_id(SCHEME, survivor, absorbed))}
    except OSError as error:
        raise unreadable(path, error) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise Failed(f"{path} is no CSV in UTF-8: {error}", Code.USAGE) from error


def _says_yes(cell: str | None, where: str) -> bool:
    said = (cell or "").strip().casefold()
    if said not in YES | NO:
        raise Failed(f"{where}, merge: {said!r} is neither yes nor no", Code.USAGE)
    return said in YES


async def _append(events: list[dict[str, Any]], url: str, key: str | None) -> None:
    from incidentlog.client.client import Client

    refused: list[Any] = []
    async with Client(url, key) as client:
        done = await client.append_many(events, mode="partial", refused=refused.append)
    for refusal in refused[: importing.TOLD]:
        say(f"{events[refusal.number - 1]['data']['absorbed'][0]}: refused: {refusal.problem.detail}")
    there = f", {done.duplicates:,} were merged by it before" if done.duplicates else ""
    say(f"{done.appended:,} merged{there}")
    if refused:
        say(f"{len(refused):,} refused")
        raise typer.Exit(Code.PARTLY_REFUSED)
