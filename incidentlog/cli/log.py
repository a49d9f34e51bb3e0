"""`incidentlog log`: signing the log, and witnessing others'."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from incidentlog.cli.ending import Code, Failed, ending, say
from incidentlog.cli.group import Group
from incidentlog.cli.options import alone

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from incidentlog.audit.beginning import Begun, Weighed
    from incidentlog.audit.state import Folder
    from incidentlog.config import Settings
    from incidentlog.store.connect import Access

T = TypeVar("T")
app = typer.Typer(cls=Group, help="Sign the log, so that others can check it; witness others'.", no_args_is_help=True)

Origin = Annotated[
    str | None, typer.Option("--origin", help="The name under which it is signed, as host/path.", show_default=False)
]


@app.command()
def init(origin: Origin = None) -> None:
    """Begin to sign the log, once; prints the key to publish, by which others verify it.

    A new log in a new data directory is begun by itself.
    """
    with ending():
        from functools import partial

        from incidentlog.audit.beginning import init as begin
        from incidentlog.cli.settings import reaching

        settings = _settings(origin)
        with _folder(settings) as folder, reaching(settings, make=True) as access:
            work = partial(begin, access, folder, origin=settings.origin, key=settings.log_key)
            _tell(_run(access, settings, work))


@app.command()
def fork(
    origin: Origin = None,
    accept: Annotated[
        bool, typer.Option("--accept", help="Take in, here, a fork that an operator began on another machine.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Fork a log that verifies, or that a service is at work on; asks again.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="With --force: take yes for the answer.")] = False,
) -> None:
    """Go on with a database that was restored: under another name and key, in another epoch.

    What was signed before stays true, and is kept beside. A log that verifies has no need of it, and is not forked
    unless that is told twice: by --force, and by the answer to a question (or --yes).
    """
    with ending():
        from functools import partial

        from incidentlog.audit.beginning import accept_fork
        from incidentlog.audit.beginning import fork as begin
        from incidentlog.cli.settings import reaching_log
        from incidentlog.cli.verify import progress

        if accept:
            alone("--accept", ("--origin", origin is not None), ("--force", force), ("--yes", yes))
        settings = _settings(origin)
        agree = partial(_agree, force=force, yes=yes)
        with _folder(settings) as folder, reaching_log(settings, migrates=True) as access:
            if accept:
                say(f"fork {_run(access, settings, partial(accept_fork, access, folder))} is taken in here")
                return
            work = partial(begin, access, folder, origin=settings.origin, key=settings.log_key)
            begun = _run(access, settings, partial(work, agree=agree, progress=progress))
            say(f"this is fork {begun.fork}: followers begin anew, and so do those who verify")
            _tell(begun)


def _agree(weighed: "Weighed", *, force: bool, yes: bool) -> None:
    """Tell what a fork costs; raises Failed unless nothing speaks against it, or it is wanted nevertheless."""
    import sys

    for reason in weighed.against:
        say(f"incidentlog: {reason}")
    say(f"incidentlog: {weighed.lost}")
    if not weighed.against or (force and yes):
        return
    if not force:
        raise Failed("nothing was forked; --force does it nevertheless", Code.CONFLICT)
    if not sys.stdin.isatty():
        raise Failed("nothing was forked; where nobody can be asked, say --force --yes", Code.CONFLICT)
    if not typer.confirm("Fork the log nevertheless?", err=True):
        raise Failed("nothing was forked", Code.CONFLICT)


@app.command()
def keygen(
    origin: Annotated[str, typer.Argument(help="The name under which the log is to be signed, as host/path.")],
    witness: Annotated[bool, typer.Option("--witness", help="A key that cosigns others' logs.")] = False,
    out: Annotated[
        Path | None, typer.Option("--out", help="The file for the signing key; else where the log's next key is kept.")
    ] = None,
) -> None:
    """Make a signing key in a file that only you can read; prints the key to publish, by which others verify."""
    with ending():
        from incidentlog.audit.notes import COSIGNATURE, ED25519, Signer
        from incidentlog.files import write_private

        settings = _settings(None)
        with _folder(settings) as folder:
            if out is None and not witness:
                typer.echo(folder.make_key(origin).verifier.vkey)
                return
            path = out or Path("witness.key")
            if path.exists():
                raise Failed(f"{path} is there already", Code.CONFLICT)
            signer = Signer.make(origin, COSIGNATURE if witness else ED25519)
            write_private(path, signer.skey + "\n")
            say(f"the signing key is in {path}")
            typer.echo(signer.verifier.vkey)


@app.command()
def witness(
    key: Annotated[Path, typer.Option("--key", help="The file with the key that cosigns (`log keygen --witness`).")],
    log: Annotated[list[str], typer.Option("--log", help="The verifier key of a log to witness; repeat for several.")],
    state: Annotated[Path, typer.Option("--state", help="Where it remembers what it has seen.")] = Path("witness.json"),
    host: Annotated[str, typer.Option("--host", help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65_535, help="0 takes a free one.")] = 8081,
) -> None:
    """Watch others' logs: cosign a tree head if it continues every one seen before (C2SP tlog-witness)."""
    with ending(), _refusals():
        from incidentlog.audit.notes import NoteError, Signer, Verifier
        from incidentlog.audit.witnessing import serve

        try:
            signer = Signer.parse(key.read_text("utf-8", "replace"))
        except NoteError as error:
            raise Failed(f"{key}: {error}", Code.USAGE) from error
        logs = [Verifier.parse(text) for text in log]
        serve(signer, logs, state, host=host, port=port, ready=lambda url: typer.echo(f"Witnessing at {url}"))


def _settings(origin: str | None) -> "Settings":
    from incidentlog.cli.settings import load_settings

    return load_settings(origin=origin)


@contextmanager
def _folder(settings: "Settings") -> Iterator["Folder"]:
    from incidentlog.audit.state import folder_of
    from incidentlog.embedded import data_root

    with _refusals():
        yield folder_of(data_root(settings.data_dir), settings.schema_name)


@contextmanager
def _refusals() -> Iterator[None]:
    from incidentlog.addresses import ListenError
    from incidentlog.audit.notes import NoteError
    from incidentlog.audit.state import StateError

    try:
        yield
    except ListenError as error:
        raise Failed(str(error), Code.FAILURE if error.taken else Code.USAGE) from error
    except StateError as error:
        raise Failed(str(error), Code.CONFLICT) from error
    except NoteError as error:
        raise Failed(str(error), Code.USAGE) from error
    except FileNotFoundError as error:
        raise Failed(f"{error.filename} is not there", Code.NOT_FOUND) from error
    except OSError as error:
        raise Failed(f"{error.filename}: {error.strerror}", Code.USAGE) from error


def _run(access: "Access", settings: "Settings", work: "Callable[[], Awaitable[T]]") -> "T":
    import asyncio

    from incidentlog.store.migrate import migrate

    async def migrated() -> "T":
        await migrate(access, settings.zone)
        return await work()

    return asyncio.run(migrated())


def _tell(begun: "Begun") -> None:
    say(f"the log is signed from now on, as {begun.signer.name}; publish this key where others will find it:")
    typer.echo(begun.signer.verifier.vkey)
