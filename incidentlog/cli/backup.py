"""`incidentlog backup`: the database while it is at work, and, elsewhere, what must not lie beside it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from incidentlog.cli.ending import Code, Failed, ending, say
from incidentlog.cli.options import alone

if TYPE_CHECKING:
    from incidentlog.audit.state import Folder
    from incidentlog.config import Settings
    from incidentlog.embedded.backup import Backup
    from incidentlog.embedded.binaries import Binaries
    from incidentlog.embedded.programs import Login
    from incidentlog.store.connect import Access


def backup(
    folder: Annotated[Path, typer.Argument(help="The directory of the backups; made where it is not there.")],
    full: Annotated[bool, typer.Option("--full", help="Take a whole one, though there is one to go on from.")] = False,
    apart: Annotated[
        Path | None,
        typer.Option("--apart", help="Copy the log's signing key and state into this directory, which is elsewhere."),
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", help="Take none, but keep the WAL in DIR/wal until stopped: `restore --until`.")
    ] = False,
    unfollow: Annotated[
        bool, typer.Option("--unfollow", help="Take none; the server need not keep its WAL for `--follow` any more.")
    ] = False,
) -> None:
    """Back up the database while it is at work: whole at first, then what changed since the last one; each is verified.

    The signing key and the state of the log are not in it: beside the data they would let whoever finds it sign, and
    hide that it is older. Prints the directory of the backup.
    """
    with ending(), failures():
        from incidentlog.cli.settings import load_settings, reaching_log

        takes = (("--full", full), ("--apart", apart is not None))
        if follow:
            alone("--follow", ("--unfollow", unfollow), *takes)
        if unfollow:
            alone("--unfollow", *takes)
        settings = load_settings()
        if apart is not None:
            _check_apart(folder, apart)
        with reaching_log(settings) as access:
            binaries, login = _programs(settings, access)
            if follow:
                _follow(access, folder, binaries, login)
                return
            if unfollow:
                _unfollow(binaries, login)
                return
            taken = _take(settings, access, folder, binaries, login, full=full)
        said = "whole" if taken.after is None else f"what changed since {taken.after:04}"
        say(f"{said}; verified; the log was at position {taken.about['head']} when it began")
        _keep_apart(settings, apart)
        typer.echo(str(taken.path))


@contextmanager
def failures() -> Iterator[None]:
    """Say in a line why there is no backup, or none restored."""
    from incidentlog.embedded import EmbeddedError
    from incidentlog.embedded.programs import BackupError

    try:
        yield
    except BackupError as error:
        raise Failed(str(error)) from error
    except EmbeddedError as error:
        raise Failed(str(error), Code.UNAVAILABLE) from error
    except OSError as error:
        raise Failed(f"{error.filename}: {error.strerror}", Code.USAGE) from error


def _programs(settings: "Settings", access: "Access") -> tuple["Binaries", "Login"]:
    """PostgreSQL's programs, and how they reach the server: never by way of a pooler."""
    from incidentlog.embedded import data_root
    from incidentlog.embedded.account import ourselves
    from incidentlog.embedded.binaries import find
    from incidentlog.embedded.programs import Login
    from incidentlog.embedded.root import Root
    from incidentlog.store.connect import NoSessionError

    if not access.has_sessions:
        raise Failed(str(NoSessionError()))
    binaries = find(Root.at(data_root(settings.data_dir)), ourselves())
    return binaries, Login.of(access.direct or access.admin, ours=settings.dsn is None)


def _take(
    settings: "Settings", access: "Access", folder: Path, binaries: "Binaries", login: "Login", *, full: bool
) -> "Backup":
    import asyncio

    from incidentlog.embedded.backup import backups_in, take
    from incidentlog.embedded.programs import BackupError

    earlier = backups_in(folder)
    about, summarizes = asyncio.run(_known(settings, access))
    if earlier and (theirs := earlier[-1].about["log"]) != about["log"]:
        raise Failed(f"{folder} has backups of log {theirs}, and this is {about['log']}", Code.CONFLICT)
    last = earlier[-1] if earlier and not full else None
    if last is not None and last.major != binaries.major:
        say(f"{last.number:04} is of PostgreSQL {last.major}, so this one is whole")
        last = None
    if not summarizes and last is not None:
        say(
            "the server kept no summaries of its WAL (summarize_wal is off), so this one is whole"
            if settings.dsn is None
            else "the server keeps no summaries of its WAL, so this one is whole: ALTER SYSTEM SET summarize_wal = on"
        )
        last = None
    try:
        return take(folder, binaries, login, about, after=last)
    except BackupError as error:
        if last is None:
            raise
        raise BackupError(
            f"{error}\nnothing goes on from {last.number:04} where the server is another than the one it was taken of, "
            "such as a restored one: --full takes a whole one"
        ) from error


async def _known(settings: "Settings", access: "Access") -> tuple[dict[str, Any], bool]:
    """What is known of the log before its backup begins, all of which is in it; and whether it may be an increment.

    The server of our own is told to keep what increments need.
    """
    from incidentlog import __version__
    from incidentlog.audit.leaf import instant
    from incidentlog.clock import SystemClock
    from incidentlog.store.backup import summarize, summarizes
    from incidentlog.store.notary import read_last_head, read_log_key
    from incidentlog.store.read import read_head, read_log

    connection = await access.connect()
    try:
        identity = await read_log(connection)
        head = await read_last_head(connection, identity.fork)
        key = await read_log_key(connection, identity.fork)
        about = {
            "at": instant(SystemClock().now()),
            "embedded": settings.dsn is None,
            "schema": settings.schema_name,
            "log": str(identity.id),
            "fork": identity.fork,
            "head": (await read_head(connection)).position,
            "vkey": None if key is None else key.vkey,
            "checkpoint": None if head is None else head.note,
            "by": f"incidentlog {__version__}",
        }
        can = await summarizes(connection)
        if not can and settings.dsn is None:
            await summarize(connection)
        return about, can
    finally:
        await connection.close()


def _follow(access: "Access", folder: Path, binaries: "Binaries", login: "Login") -> None:
    """Keep the WAL as it is written; ends when stopped, or when the server is gone."""
    import asyncio

    from incidentlog.embedded.backup import follow

    bound = asyncio.run(_kept_at_most(access))
    say(f"keeping the WAL in {folder / 'wal'} until Ctrl-C; take the first backup after this")
    say(
        f"while nobody follows, the server keeps up to {bound} for this"
        if bound is not None
        else "while nobody follows, the server keeps all of it until its disk is full: set max_slot_wal_keep_size there"
    )
    follow(folder, binaries, login)


async def _kept_at_most(access: "Access") -> str | None:
    """How much WAL the server keeps for whoever follows; None where nothing bounds it."""
    from incidentlog.store.backup import kept_at_most

    connection = await access.connect()
    try:
        return await kept_at_most(connection)
    finally:
        await connection.close()


def _unfollow(binaries: "Binaries", login: "Login") -> None:
    from incidentlog.embedded.backup import forget

    forget(binaries, login)
    say("the server keeps no WAL for `--follow` any more")


def _check_apart(folder: Path, apart: Path) -> None:
    backups, other = folder.resolve(), apart.resolve()
    if backups == other or backups in other.parents or other in backups.parents:
        raise Failed(f"{apart} is not apart from {folder}: put the key where the data are not", Code.USAGE)


def _keep_apart(settings: "Settings", apart: Path | None) -> None:
    """Copy key and state as they are now: after the backup, so that they never know less than it."""
    from incidentlog.audit.state import Folder, folder_of
    from incidentlog.embedded import data_root

    ours = folder_of(data_root(settings.data_dir), settings.schema_name)
    if apart is None:
        if ours.key.exists():
            say(f"the signing key and the state of the log ({ours.path}) are not in it: --apart copies them elsewhere")
        return
    _copy(ours, Folder(apart / settings.schema_name))


def _copy(ours: "Folder", copy: "Folder") -> None:
    from incidentlog.audit.state import StateError
    from incidentlog.files import write_private

    try:
        state, there = ours.read(), copy.read()
        if state is None:
            raise Failed(f"there is no state of the log in {ours.path}: this machine does not sign it", Code.NOT_FOUND)
        if there is not None and there.log != state.log:
            raise Failed(f"{copy.path} has the state of log {there.log}, and this is {state.log}", Code.CONFLICT)
        copy.make()
        if ours.key.exists():
            write_private(copy.key, ours.key.read_text("utf-8"))
        copy.write(state)
    except StateError as error:
        raise Failed(str(error), Code.CONFLICT) from error
    say(f"{'key and state are' if ours.key.exists() else 'the state, and no key, is'} in {copy.path}")
