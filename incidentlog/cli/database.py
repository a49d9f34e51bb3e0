"""`incidentlog db`: the schema of the log's database."""

import typer

from incidentlog.cli import options
from incidentlog.cli.ending import Code, ending, say
from incidentlog.cli.group import Group

app = typer.Typer(cls=Group, help="The schema: bring it up to this build, or ask how far it is.", no_args_is_help=True)


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
