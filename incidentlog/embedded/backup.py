"""Base backups of a running server in one directory, each whole or what changed since the one before it.

    0001/backup.json    when it was made, of what, and what is known of the log in it
    0001/data/          what pg_basebackup wrote, with its manifest
    0002/...            an increment on 0001: PostgreSQL's own (17 and newer), by its summaries of the WAL

A backup gets its number when it is whole and verified; what is being made has a name that nobody takes for one.
"""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from incidentlog.embedded.binaries import Binaries
from incidentlog.embedded.programs import BackupError, Login, run_program
from incidentlog.embedded.root import remove
from incidentlog.files import STAGING_PREFIX, sync, write_private

FORMAT: Final = "incidentlog-backup"
VERSION: Final = 1
ABOUT: Final = "backup.json"
MANIFEST: Final = "backup_manifest"
SLOT: Final = "incidentlog_wal"
"""The replication slot by which the server knows what whoever follows has."""


@dataclass(frozen=True, slots=True)
class Backup:
    """One backup, and what is said of it."""

    path: Path
    about: Mapping[str, Any]

    @property
    def number(self) -> int:
        """Its number; the directory is called so."""
        return int(self.path.name)

    @property
    def after(self) -> int | None:
        """The backup that it needs, as it holds what changed since; None for a whole one."""
        after: int | None = self.about["after"]
        return after

    @property
    def data(self) -> Path:
        """What pg_basebackup wrote."""
        return self.path / "data"

    @property
    def major(self) -> int:
        """The PostgreSQL that the data are of."""
        return int((self.data / "PG_VERSION").read_text("utf-8"))


def backups_in(folder: Path) -> list[Backup]:
    """The backups in a directory, the oldest first. Raises BackupError for one that cannot be read."""
    numbered = sorted((path for path in folder.glob("[0-9]*") if path.name.isdigit()), key=lambda path: int(path.name))
    return [Backup(path, _about(path / ABOUT)) for path in numbered]


def chain_to(backups: list[Backup], number: int) -> list[Backup]:
    """A backup and all that it rests on, the whole one first. Raises BackupError where one is missing."""
    by_number = {backup.number: backup for backup in backups}
    chain: list[Backup] = []
    wanted: int | None = number
    while wanted is not None:
        if wanted not in by_number:
            needed = f", which {chain[0].number:04} rests on" if chain else ""
            raise BackupError(f"there is no backup {wanted:04}{needed}")
        chain.insert(0, by_number[wanted])
        wanted = chain[0].after
    return chain


def take(folder: Path, binaries: Binaries, login: Login, about: Mapping[str, Any], *, after: Backup | None) -> Backup:
    """Take a backup of a running server, `after` an earlier one as what changed since then, and verify it.

    It takes as long as the data need; the server goes on meanwhile, and everything that was committed before the end
    is in it. From the main thread. Raises BackupError with what PostgreSQL's programs said; nothing is left then.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=STAGING_PREFIX, dir=folder))
    try:
        data = staging / "data"
        words: list[str | Path] = ["--dbname", login.dsn, "--pgdata", data, "--checkpoint=fast", "--no-password"]
        words += ["--wal-method=stream", "--manifest-checksums=SHA256"]
        if after is not None:
            words += ["--incremental", after.data / MANIFEST]
        run_program(binaries, "pg_basebackup", *words, variables=login.variables)
        verify(binaries, data)
        told = {"format": FORMAT, "version": VERSION, "after": None if after is None else after.number, **about}
        write_private(staging / ABOUT, orjson.dumps(told, option=orjson.OPT_INDENT_2).decode() + "\n")
        sync(staging)
        number = 1 + max((backup.number for backup in backups_in(folder)), default=0)
        path = staging.rename(folder / f"{number:04}")
        sync(folder)
        return Backup(path, told)
    finally:
        remove(staging)


def follow(folder: Path, binaries: Binaries, login: Login) -> None:
    """Keep the server's WAL in `wal/`, as it is written, until interrupted. From the main thread.

    What is acknowledged is there within a moment. The server keeps what is not here yet, also while nobody follows,
    as far as its `max_slot_wal_keep_size` goes. Raises BackupError when the server is gone, when somebody else follows,
    or when what comes next was removed: then let it `forget`, and go on from a new backup.
    """
    wal = folder / "wal"
    wal.mkdir(mode=0o700, parents=True, exist_ok=True)
    run_program(binaries, "pg_receivewal", *_slot(login), "--create-slot", "--if-not-exists", variables=login.variables)
    words: list[str | Path] = [*_slot(login), "--directory", wal, "--synchronous", "--no-loop"]
    run_program(binaries, "pg_receivewal", *words, variables=login.variables)


def forget(binaries: Binaries, login: Login) -> None:
    """Let the server remove the WAL that it keeps for who followed. Raises BackupError where nobody did, or does."""
    run_program(binaries, "pg_receivewal", *_slot(login), "--drop-slot", variables=login.variables)


def _slot(login: Login) -> list[str | Path]:
    return ["--dbname", login.dsn, "--slot", SLOT, "--no-password"]


def verify(binaries: Binaries, data: Path) -> None:
    """Hold every file, and the WAL, against the manifest. Raises BackupError with what is not so."""
    run_program(binaries, "pg_verifybackup", "--exit-on-error", "--quiet", data)


def _about(path: Path) -> dict[str, Any]:
    try:
        about: dict[str, Any] = orjson.loads(path.read_bytes())
        if (about["format"], about["version"]) != (FORMAT, VERSION):
            raise BackupError(f"{path} is of {about['format']} {about['version']}, not of {FORMAT} {VERSION}")
        if not (about["after"] is None or type(about["after"]) is int):
            raise BackupError(f"{path} does not say what the backup rests on")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BackupError(f"{path} cannot be read: {error!r}") from error
    return about
