"""`incidentlog serve` and `incidentlog demo`: the service itself."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from incidentlog.cli.ending import ending, say

if TYPE_CHECKING:
    from incidentlog.api.serve import Ready
    from incidentlog.config import Settings

Host = Annotated[str | None, typer.Option("--host", help="The address to listen on.", show_default="127.0.0.1")]
Port = Annotated[int | None, typer.Option("--port", min=0, max=65_535, help="0 takes a free one.", show_default="8080")]
DataDir = Annotated[
    Path | None, typer.Option("--data-dir", help="Where the PostgreSQL it brings keeps its data.", file_okay=False)
]


def serve(host: Host = None, port: Port = None, data_dir: DataDir = None) -> None:
    """Serve, with a PostgreSQL of its own unless INCIDENTLOG_DSN names one, until Ctrl-C or SIGTERM."""
    with ending():
        from incidentlog.cli.settings import load_settings

        settings = load_settings(host=host, port=port, data_dir=data_dir)
        raise typer.Exit(_serve(settings, settings.log_level, _ready, demo=False))


def demo(host: Host = None, port: Port = None, data_dir: DataDir = None) -> None:
    """Serve with a timeline of real events, reading open to all, and say how to try it."""
    with ending():
        from incidentlog.cli.settings import load_settings
        from incidentlog.cli.trying import Keeper, guide
        from incidentlog.config import ROLES

        settings = load_settings(host=host, port=port, data_dir=data_dir)
        # The guide is to be read: not pushed off the screen by a line about each request.
        level = "warning" if settings.sources()["log_level"] == "default" else settings.log_level
        keeper = Keeper(settings)

        def ready(url: str, admin_key: str | None, loaded: int) -> None:
            typer.echo(guide(url, keeper.key(admin_key), loaded))

        say("Starting ...")
        whole = settings.model_copy(update={"open_read": True, "roles": list(ROLES)})
        raise typer.Exit(_serve(whole, level, ready, demo=True))


def _ready(url: str, admin_key: str | None, _: int) -> None:
    if admin_key is not None:
        typer.echo(f"The admin key, told this once: {admin_key}")
    typer.echo(f"Serving at {url}")


def _serve(settings: "Settings", level: str, ready: "Ready", *, demo: bool) -> int:
    from incidentlog.beside import RUNNER, Processes
    from incidentlog.cli.settings import database_failures
    from incidentlog.collector import held
    from incidentlog.logging import configure_logging

    configure_logging(level)
    # What folds begins before we import, which takes both as long.
    with held(), database_failures(), Processes(RUNNER, ahead="runner" in settings.roles) as apart:
        from incidentlog.api.serve import serve

        return serve(settings, apart, demo=demo, ready=ready)
