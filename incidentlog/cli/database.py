"""`incidentlog db`: the schema of the log's database, and the version of the PostgreSQL that comes along."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from incidentlog.cli import options
from incidentlog.cli.ending import Code, Failed, ending, say
from incidentlog.cli.group import Group

if TYPE_CHECKING:
    from incidentlog.audit.state import State
    from incidentlog.config import Settings
    from incidentlog.embedded.server import Server

app = typer.Typer(cls=Group, help="The schema and the database's version: bring them up.", no_args_is_help=True)


@app.command()
def migrate() -> None:
    """Bring the schema up to this build; again does no harm."""
    with ending():
        import asyncio

        from incidentlog.cli.settings import load_settings, reaching
        from incidentlog.store.migrate import migrate as bring_up

        settings = load_settings()
        with reaching(settings, make=True) as access:
            applied = asyncio.run(bring_up(access, settings.zone))
        for migration in applied:
            say(f"applied {migration.number:04} {migration.name}")
        if not applied:
            say("nothing to apply")


@app.command()
def status(output: options.Form = None) -> None:
    """Each migration of this build, and whether it is applied; exit code 1 when one is not."""
    with ending():
        import asyncio

        from incidentlog.cli.output import write
        from incidentlog.cli.settings import load_settings, reaching
        from incidentlog.store.migrate import status as ask

        with reaching(load_settings()) as access:
            told = asyncio.run(ask(access))
        rows = [{"number": m.number, "name": m.name, "applied": applied} for m, applied in told]
        write(rows, options.form(output))
        if not all(applied for _, applied in told):
            raise typer.Exit(Code.FAILURE)


@app.command()
def scrub() -> None:
    """Write the tables anew, so that no file of theirs holds what was erased; it waits, and lets wait, while it does.

    The write-ahead log and backups keep it until they are gone: see docs/erasure-and-replay.md.
    """
    with ending():
        import asyncio

        from incidentlog.cli.settings import load_settings, reaching_log
        from incidentlog.store.erase import rewrite

        async def work() -> None:
            connection = await access.connect()
            try:
                await rewrite(connection)
            finally:
                await connection.close()

        with reaching_log(load_settings()) as access:
            asyncio.run(work())
        say("the tables are written anew; the write-ahead log and backups are not")


@app.command()
def upgrade(
    old_bin: Annotated[
        Path | None,
        typer.Option("--old-bin", help="Where PostgreSQL's programs of the earlier version are; else the system's."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check whether it can be done, and change nothing.")
    ] = False,
    remove_old: Annotated[
        bool, typer.Option("--remove-old", help="Remove the earlier data, after an upgrade; do nothing else.")
    ] = False,
    output: options.Form = None,
) -> None:
    """Bring the data of the PostgreSQL that comes along to its next major version; exit code 7 if the log is not whole.

    They are copied by pg_upgrade, with nobody at work on them. The log in the copy is verified against what this
    machine signed before it is taken; until `--remove-old` the earlier data stay, and are served by nobody.
    """
    with ending():
        from incidentlog.cli.settings import database_failures, load_settings, no_log
        from incidentlog.embedded import data_root, has_data

        settings = load_settings()
        if settings.dsn is not None:
            raise Failed("INCIDENTLOG_DSN names a PostgreSQL of yours: upgrade it as you do yours", Code.USAGE)
        root = data_root(settings.data_dir)
        if not has_data(root):
            raise no_log(f"in {root}")
        with database_failures():
            if remove_old:
                _remove_older(root)
            else:
                _upgrade(settings, root, old_bin, output, dry_run=dry_run)


def _remove_older(root: Path) -> None:
    from incidentlog.embedded.upgrade import remove_older

    removed = remove_older(root)
    say(f"removed {', '.join(map(str, removed))}" if removed else "there are no earlier data")


def _upgrade(settings: "Settings", root: Path, old_bin: Path | None, output: options.Form, *, dry_run: bool) -> None:
    from incidentlog.audit.state import folder_of
    from incidentlog.cli.output import write
    from incidentlog.embedded.upgrade import upgrade as bring_up

    state = folder_of(root, settings.schema_name).read()
    verified: dict[str, Any] = {}
    done = bring_up(
        root, old_bin=old_bin, dry_run=dry_run, progress=say,
        check=lambda server: verified.update(_verified(settings, server, state)),
    )  # fmt: skip
    if done is None:
        say("there are no data of an earlier version: nothing to upgrade")
        return
    for setting in done.settings:
        say(f"set in {done.old}, and not in the new configuration: {setting}")
    if dry_run:
        say(f"it can be done; {done.size_bytes:,} bytes are to be copied")
    else:
        say(f"{done.old} is as it was: `incidentlog db upgrade --remove-old` removes it. Take a whole backup")
    told = {
        "from": done.from_major, "to": done.to_major, "old": str(done.old), "new": str(done.new),
        "bytes": done.size_bytes, "upgraded": not dry_run, **verified,
    }  # fmt: skip
    form = options.form(output)
    write([told], options.Output.JSON if form is options.Output.TABLE else form, whole=told)


def _verified(settings: "Settings", server: "Server", state: "State | None") -> dict[str, Any]:
    """What is found of the log on a server, brought up to this build. Failed: it is not what was signed here.

    The next PostgreSQL comes with a later build, which cannot serve the earlier data to bring them up before.
    """
    import asyncio

    from incidentlog.audit.verify import verify_log
    from incidentlog.cli.verify import progress, told_of
    from incidentlog.service.service import access_of
    from incidentlog.store.migrate import is_made, migrate

    access = access_of(settings, server)

    async def work() -> dict[str, Any]:
        if not await is_made(access):
            return {}
        await migrate(access, settings.zone)
        connection = await access.connect()
        try:
            report = await verify_log(connection, state=state, progress=progress)
        finally:
            await connection.close()
        return told_of(report, state, [])

    say("verifying the log in the copy")
    told = asyncio.run(work())
    if not told.get("verified", True):
        raise Failed(f"NOT VERIFIED: {told['detail']}. The earlier data are as they were", Code.NOT_VERIFIED)
    return told
