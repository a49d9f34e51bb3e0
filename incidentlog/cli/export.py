"""`incidentlog export`: a part of the log that proves itself."""

from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING, Annotated, Any

import typer

from incidentlog.cli.ending import Code, Failed, ending, say
from incidentlog.cli.key import Clearance

if TYPE_CHECKING:
    from collections.abc import Iterator

    from incidentlog.audit.export import Exported, Wanted
    from incidentlog.config import Settings
    from incidentlog.store.connect import Access


def export(
    folder: Annotated[Path, typer.Argument(help="The directory to make.")],
    after: Annotated[int, typer.Option("--after", min=0, help="Leave out the positions up to this one.")] = 0,
    to: Annotated[int | None, typer.Option("--to", min=0, help="The last position; else all that is sealed.")] = None,
    only: Annotated[
        list[str] | None,
        typer.Option("--filter", help="Open only what matches, as name=value, such as category=strike; repeat."),
    ] = None,
    clearance: Annotated[
        Clearance, typer.Option("--clearance", help="Open bodies up to this marking.")
    ] = Clearance.CLEAR,
    private: Annotated[bool, typer.Option("--private", help="Open the private parts of what is opened too.")] = False,
    whole: Annotated[
        bool, typer.Option("--all", help="Everything, of every marking, for `import-log`: guard it as the database.")
    ] = False,
    purpose: Annotated[str | None, typer.Option("--purpose", help="What it is for; the log keeps it.")] = None,
    by: Annotated[str, typer.Option("--by", help="Who takes it; the log keeps it.")] = "operator",
) -> None:
    """Write a directory that can be verified with nothing but the log's key: `incidentlog verify DIR --vkey FILE`.

    The leaf of every position of the range is in it; what does not match, or is marked higher, is withheld. That it was
    made is recorded in the log.
    """
    with ending():
        from incidentlog.cli.settings import load_settings

        if whole and (after or to is not None or only or private or clearance is not Clearance.CLEAR):
            raise Failed("--all is everything: it takes no part of it", Code.USAGE)
        if folder.exists():
            raise Failed(f"{folder} is there already", Code.CONFLICT)
        settings = load_settings()
        done = _export(
            settings, folder, (after, to, only or []), clearance, private=private, whole=whole, purpose=purpose, by=by
        )
        say(f"{done.leaves} leaves, {done.opened} opened, to position {done.to}, under the tree head {done.head.size}")
        typer.echo(str(folder))


def _export(
    settings: "Settings",
    folder: Path,
    which: tuple[int, int | None, list[str]],
    clearance: Clearance,
    *,
    private: bool,
    whole: bool,
    purpose: str | None,
    by: str,
) -> "Exported":
    import asyncio

    from incidentlog.cli.settings import reaching_log
    from incidentlog.errors import Problem

    async def work() -> "Exported":
        import incidentlog.projections  # noqa: F401 - registers every event
        from incidentlog.audit.export import export as write
        from incidentlog.audit.whole import export_whole
        from incidentlog.cli.verify import progress
        from incidentlog.clock import SystemClock
        from incidentlog.store.read import read_log

        connection = await access.connect()
        try:
            zone = (await read_log(connection)).calendar
            told: Any = {"by": by, "purpose": purpose, "at": SystemClock().now(), "progress": progress}
            with _whole_and_recorded(folder):
                if whole:
                    done = await export_whole(connection, folder, **told)
                else:
                    done = await write(connection, folder, _wanted(which, zone, clearance, private=private), **told)
                await record(access, done, zone=zone, by=by, purpose=purpose)
            return done
        finally:
            await connection.close()

    try:
        with reaching_log(settings) as access:
            return asyncio.run(work())
    except Problem as refusal:
        faults = "".join(f"\n  {fault.pointer}: {fault.detail}" for fault in refusal.errors)
        code = Code.NOT_VERIFIED if refusal.slug == "tampered" else Code.USAGE
        raise Failed(f"{refusal.detail}{faults}", code) from refusal


@contextmanager
def _whole_and_recorded(folder: Path) -> "Iterator[None]":
    """Remove what was written where it is not whole, or the log knows nothing of it: nobody takes it for an export."""
    try:
        yield
    except FileExistsError:  # it is somebody else's
        raise
    except BaseException:
        rmtree(folder, ignore_errors=True)
        raise


def _wanted(which: tuple[int, int | None, list[str]], zone: str, clearance: Clearance, *, private: bool) -> "Wanted":
    from incidentlog.audit.export import Wanted
    from incidentlog.events.values import TLP_LABELS
    from incidentlog.store.filters import parse_event_filter

    after, to, only = which
    told: dict[str, list[str]] = {}
    for text in only:
        name, equals, value = text.partition("=")
        if not equals:
            raise Failed(f"a filter is name=value, not {text!r}", Code.USAGE)
        told.setdefault(name, []).append(value)
    events = parse_event_filter(told, zone)
    return Wanted(after, to, events, told, TLP_LABELS.index(clearance.value), private)


async def record(access: "Access", written: "Exported", *, zone: str, by: str, purpose: str | None) -> None:
    """Append that it was made: whoever reads the log later knows what left it."""
    import orjson

    from incidentlog.audit.export import exported_event
    from incidentlog.clock import SystemClock
    from incidentlog.door import Door, Known
    from incidentlog.store.append import append

    door = Door(Known(), SystemClock(), zone)
    event = orjson.dumps(exported_event(written, by=by, purpose=purpose))
    connection = await access.connect("appender")
    try:
        await append(connection, [door.read(event, recorded_by="export").command])
    finally:
        await connection.close()
