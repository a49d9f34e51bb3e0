"""The tree of commands."""

from typing import Annotated

import typer

from incidentlog.cli import (
    archive,
    backup,
    builds,
    completion,
    configuration,
    database,
    diff,
    doctor,
    event,
    events,
    export,
    importing_log,
    imports,
    ingest,
    key,
    log,
    places,
    projection,
    publish,
    replay,
    restore,
    schema,
    serve,
    sql_tables,
    subject,
    verify,
    webhook,
)
from incidentlog.cli.group import Group

app = typer.Typer(
    name="incidentlog",
    cls=Group,
    help="An event-sourced log of diplomacy and conflict.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # importing rich would double the time --help takes
    pretty_exceptions_enable=False,  # its tracebacks show local variables, keys among them
    epilog="Settings: INCIDENTLOG_* in the environment, or incidentlog.toml in the working directory. "
    "Exit codes: 0 ok, 1 failure, 2 usage, 3 not found, 4 auth, 5 conflict, 6 part of an ingest or import refused, "
    "7 verification failed, 8 unavailable, 130 interrupted.",
)
app.command("serve")(serve.serve)
app.command("demo")(serve.demo)
app.command("ingest")(ingest.ingest)
app.add_typer(imports.app, name="import")
app.add_typer(event.app, name="event")
app.add_typer(events.app, name="events")
app.command("schema")(schema.schema)
app.add_typer(subject.app, name="subject")
projection.app.command("diff")(diff.diff)
projection.app.command("builds")(builds.builds)
projection.app.command("rebuild")(builds.rebuild)
projection.app.command("cancel")(builds.cancel)
projection.app.command("switch")(builds.switch)
projection.app.command("drop")(builds.drop)
projection.app.add_typer(builds.parked_app, name="parked")
app.add_typer(projection.app, name="projection")
app.add_typer(places.app, name="places")
app.add_typer(database.app, name="db")
app.add_typer(key.app, name="key")
app.add_typer(webhook.app, name="webhook")
app.add_typer(publish.app, name="publish")
app.add_typer(log.app, name="log")
app.command("replay")(replay.replay)
app.command("verify")(verify.verify)
app.command("export")(export.export)
app.command("archive")(archive.archive)
app.command("tables")(sql_tables.tables)
app.command("import-log")(importing_log.import_log)
app.command("backup")(backup.backup)
app.command("restore")(restore.restore)
app.add_typer(configuration.app, name="config")
app.command("doctor")(doctor.doctor)
app.command("completion")(completion.completion)


def _version(wanted: bool) -> None:
    if wanted:
        from incidentlog import __version__

        typer.echo(f"incidentlog {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    _: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None: ...
