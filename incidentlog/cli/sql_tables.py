"""`incidentlog tables`: the log, its subjects and its projections as files for SQL."""

import re
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from incidentlog.cli import options
from incidentlog.cli.ending import Code, Failed, run, say

if TYPE_CHECKING:
    from incidentlog.cli.asking import Service

PAGE: Final = 1_000
SCHEMA: Final = "incidentlog_tables"
NAME: Final = re.compile(r"[a-z][a-z0-9_]*")
Params = list[tuple[str, str]]


def tables(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The directory; it may have what earlier runs wrote.")],
    at: Annotated[str | None, typer.Option("--at", help="As of this instant of the world.")] = None,
    known_at: Annotated[str | None, typer.Option("--known-at", help="As known at this instant.")] = None,
    by: Annotated[
        list[str] | None,
        typer.Option("--by", help="How a tally is grouped, as city_incidents=place,day; else by its own; repeat."),
    ] = None,
    into: Annotated[
        str | None,
        typer.Option("--into", metavar="DSN", help="Then load what is there into a PostgreSQL of your own, too."),
    ] = None,
    schema: Annotated[str, typer.Option("--schema", help="The schema that it is loaded into.")] = SCHEMA,
    reader: Annotated[str | None, typer.Option("--reader", help="A role that may read that schema.")] = None,
    url: options.Url = options.URL,
    key: options.Key = None,
) -> None:
    """Write what a key may read as Parquet, and views of it for DuckDB: `duckdb -init views.sql` in the directory.

    Each run adds a state of knowledge under its position of the log; what is there stays. The service needs the
    extra `incidentlog[parquet]`; so does this command with `--into`.
    """
    moment = [(name, value) for name, value in (("at", at), ("known_at", known_at)) if value is not None]

    async def work() -> None:
        if into is None and (reader is not None or schema != SCHEMA):
            raise Failed("--schema and --reader are of what is loaded: say --into too", Code.USAGE)
        if into is not None:
            await _check(into, schema, reader)
        await _tables(url, key, folder, moment, by or [])
        if into is not None:
            await _load(folder, into, schema, reader)

    run(work())


async def _check(into: str, schema: str, reader: str | None) -> None:
    if find_spec("pyarrow") is None:
        raise Failed("--into reads Parquet by pyarrow, which is not here: pip install 'incidentlog[parquet]'")
    from incidentlog.cli.sql_database import check

    await check(into, schema, reader)


async def _load(folder: Path, into: str, schema: str, reader: str | None) -> None:
    from incidentlog.cli.sql_database import load

    loaded = await load(folder, into, schema, reader)
    say(f"loaded into {schema}: {', '.join(f'position {each}' for each in loaded) or 'nothing that was not there'}")


def _grouping(text: str) -> tuple[str, str]:
    name, equals, dimensions = text.partition("=")
    if not (name and equals and dimensions):
        raise Failed(f"--by is NAME=DIMENSIONS, not {text!r}", Code.USAGE)
    return name, dimensions


async def _tables(url: str, key: str | None, folder: Path, moment: Params, by: list[str]) -> None:
    from incidentlog.cli.asking import Service

    grouped = dict(_grouping(text) for text in by)
    async with Service(url, key) as service:
        listed = (await service.get("/v1/projections"))["projections"]
        if unknown := sorted(grouped.keys() - {p["name"] for p in listed if p["shape"] == "tally"}):
            raise Failed(f"no tally is called {unknown[0]!r}", Code.USAGE)
        basis = (await service.get("/v1/subjects", [*moment, ("limit", "1")]))["basis"]
        position = basis["position"]
        refuse_paths([p["name"] for p in listed], position)
        if (folder / "bases" / f"{position}.json").exists():
            say(f"incidentlog: {folder} has the state at position {position} already")
            return
        _begin(folder)
        pinned = [(name, str(basis[name])) for name in ("at", "by")] + [("at_position", str(position))]
        pinned += [("known_at", basis["known_at"])] if "known_at" in basis else []
        pages = 0
        for name, path, params in _asked(listed, grouped):
            pages += await _write(service, folder / name / f"basis={position}", path, [*params, *pinned])
        _finish(folder, basis)
    say(f"{pages} files, as of position {position}")
    typer.echo(str(folder))


def refuse_paths(names: list[Any], position: Any) -> None:
    """Raises Failed for what the service told that would lead out of the directory, whose files are replaced."""
    if type(position) is not int or not all(isinstance(name, str) and NAME.fullmatch(name) for name in names):
        raise Failed("the service tells of projections, or of a position, that are none")


def _asked(listed: list[dict[str, Any]], grouped: dict[str, str]) -> list[tuple[str, str, Params]]:
    """What is asked for each table: its name, the path and the parameters."""
    import incidentlog.projections  # noqa: F401 - registers every subject
    from incidentlog.folding.subject import Subject

    limit = ("limit", str(PAGE))
    found: list[tuple[str, str, Params]] = [("events", "/v1/events", [("format", "parquet"), limit])]
    found += [
        (f"subjects_{category}", "/v1/subjects", [("format", "parquet"), ("category", category), limit])
        for category in sorted(Subject.families)
    ]
    for each in listed:
        name, tally = each["name"], each["shape"] == "tally"
        own = [("group_by", grouped[name])] if name in grouped else []
        found.append((name, f"/v1/projections/{name}", [("format", "parquet" if tally else "ndjson"), *own]))
    return found


async def _write(service: "Service", folder: Path, path: str, params: Params) -> int:
    """Every page as a file; how many there are. What an interrupted run left there is written again."""
    from incidentlog.cli.paging import own_path

    _empty(folder)
    ending = dict(params)["format"]
    following: str | None = path
    count = 0
    while following is not None:
        page = await service.raw(following, params)
        count += 1
        (folder / f"{count:06}.{ending}").write_bytes(page.body)
        following, params = None if page.next is None else own_path(page.next), []
    return count


def _empty(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()


def _begin(folder: Path) -> None:
    from incidentlog.sqlfiles import sql_root

    (folder / "bases").mkdir(parents=True, exist_ok=True)
    (folder / "views.sql").write_bytes((sql_root() / "views" / "duckdb.sql").read_bytes())


def _finish(folder: Path, basis: dict[str, Any]) -> None:
    """Say last what it rests on: until then no view shows any of it."""
    import orjson

    told = {"basis": basis["position"], "at": basis["at"], "known_at": basis.get("known_at"), "by": basis["by"]}
    (folder / "bases" / f"{basis['position']}.json").write_bytes(orjson.dumps(told) + b"\n")
