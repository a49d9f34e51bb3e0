"""`incidentlog restore`: a backup put back, and held against what was signed."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from incidentlog.cli.backup import failures
from incidentlog.cli.ending import Code, Failed, ending, say
from incidentlog.cli.options import Form

if TYPE_CHECKING:
    from incidentlog.audit.notes import Verifier
    from incidentlog.config import Settings
    from incidentlog.embedded.backup import Backup
    from incidentlog.store.connect import Connection


def restore(
    folder: Annotated[Path, typer.Argument(help="The directory that `backup` was given.")],
    to: Annotated[Path, typer.Argument(help="The data directory to make; not there, or empty.")],
    number: Annotated[int | None, typer.Option("--number", min=1, help="Which backup; else the last.")] = None,
    until: Annotated[
        str | None,
        typer.Option("--until", help="Play the WAL that `backup --follow` kept, until this instant, or `end`."),
    ] = None,
    output: Form = None,
) -> None:
    """Put a backup back into an empty data directory, and verify the log in it; exit code 7 when that fails.

    What was published before the backup began must be in it: its last tree head is held against what was restored. Of
    a backup of a PostgreSQL of yours, TO becomes its data directory, which you start.
    """
    with ending(), failures():
        from incidentlog.cli.settings import load_settings
        from incidentlog.embedded.backup import chain_to

        settings = load_settings(data_dir=to)
        _check(folder, to)
        instant = None if until is None else _instant(until)
        chain = chain_to(_backups(folder), number or _last(folder))
        wal = None if until is None else _wal(folder)
        if not chain[-1].about["embedded"]:
            _data_alone(chain, to, until)
            return
        _restore(chain, to, wal, instant)
        _verify(settings, chain[-1], to, output)


def _check(folder: Path, to: Path) -> None:
    if not folder.is_dir():
        raise Failed(f"{folder} is no directory of backups", Code.NOT_FOUND)
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise Failed(f"{to} is not empty: nothing is restored over what is there", Code.CONFLICT)


def _backups(folder: Path) -> list["Backup"]:
    from incidentlog.embedded.backup import backups_in

    return backups_in(folder)


def _last(folder: Path) -> int:
    there = _backups(folder)
    if not there:
        raise Failed(f"there is no backup in {folder}", Code.NOT_FOUND)
    return there[-1].number


def _wal(folder: Path) -> Path:
    if not (wal := folder / "wal").is_dir():
        raise Failed(f"there is no WAL in {folder}: `incidentlog backup --follow` keeps it", Code.NOT_FOUND)
    return wal


def _instant(text: str) -> str | None:
    """The instant as PostgreSQL reads it; None for the end."""
    from datetime import UTC, datetime

    if text == "end":
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        raise Failed(
            f"--until takes an instant with an offset, as 2026-03-01T12:00:00Z, or end; not {text!r}", Code.USAGE
        )
    return instant.astimezone(UTC).isoformat(sep=" ")


def _restore(chain: list["Backup"], to: Path, wal: Path | None, until: str | None) -> None:
    from incidentlog.embedded.restore import restore as put_back

    put_back(chain, to, wal=wal, until=until, progress=say)


def _data_alone(chain: list["Backup"], to: Path, until: str | None) -> None:
    from incidentlog.embedded.account import ourselves
    from incidentlog.embedded.binaries import find
    from incidentlog.embedded.restore import put_together
    from incidentlog.embedded.root import Root

    if until is not None:
        raise Failed(
            "of a PostgreSQL of yours the WAL is played by it: restore_command, recovery_target_time", Code.USAGE
        )
    put_together(chain, to, find(Root.at(to), ourselves()))
    say(
        "verified against its manifest. Put a file recovery.signal in it, set restore_command, give it to the "
        f"user that PostgreSQL {chain[-1].major} runs as, and start that; then `incidentlog verify`"
    )
    typer.echo(str(to))


def _verify(settings: "Settings", backup: "Backup", to: Path, output: Form) -> None:
    """Start the restored server, let the roles in, and hold the log against what was published before the backup.

    A log of an earlier build is migrated before, as this build cannot read it otherwise; the backup stays as it is.
    """
    import asyncio

    from incidentlog.audit.notes import NoteError
    from incidentlog.audit.verify import verify_log
    from incidentlog.cli.settings import database_failures
    from incidentlog.cli.verify import end, progress, told_of
    from incidentlog.embedded import start
    from incidentlog.service.service import access_of
    from incidentlog.store.migrate import MigrationError, migrate, renew_passwords

    checkpoint, vkey = backup.about["checkpoint"], backup.about["vkey"]
    heads = [] if checkpoint is None else [checkpoint.encode()]

    async def work() -> dict[str, Any]:
        await renew_passwords(access)
        if applied := await migrate(access, settings.zone):
            say(f"the backup is of an earlier build: migrated, up to {applied[-1].number:04} {applied[-1].name}")
        connection = await access.connect()
        try:
            keys = await _keys(connection, backup.about["fork"], vkey)
            report = await verify_log(connection, keys=keys, previous=heads, just_begun=True, progress=progress)
        finally:
            await connection.close()
        if report.size < backup.about["head"]:
            report.find(report.size + 1, "shorter", f"the log was at {backup.about['head']} when the backup began")
        return told_of(report, None, heads)

    with database_failures(), start(to, progress=say) as running:
        access = access_of(settings.model_copy(update={"schema_name": backup.about["schema"]}), running.server)
        try:
            told = asyncio.run(work())
        except MigrationError as error:
            raise Failed(f"restored into {to}, and not verified: {error}") from error
        except NoteError as error:
            raise Failed(f"the tree head in {backup.path}: {error}", Code.NOT_VERIFIED) from error
    end({**told, "restored": str(to), "backup": str(backup.path)}, None, output)
    say(
        f"to serve it: INCIDENTLOG_DATA_DIR={to} incidentlog serve. Nobody signs there: put the newest copy of the "
        f"log's key and state into {to / 'log' / backup.about['schema']}, or go on with `incidentlog log fork` "
        "(docs/operate.md says which)"
    )


async def _keys(connection: "Connection", fork: int, vkey: str | None) -> list["Verifier"]:
    """The key that signed when the backup was made, and those that the log names of its other forks."""
    from incidentlog.audit.notes import Verifier
    from incidentlog.store.notary import read_log_key
    from incidentlog.store.read import read_log

    if vkey is None:
        return []
    others = [n for n in range((await read_log(connection)).fork + 1) if n != fork]
    named = [await read_log_key(connection, n) for n in others]
    return [Verifier.parse(text) for text in (vkey, *(key.vkey for key in named if key is not None))]
