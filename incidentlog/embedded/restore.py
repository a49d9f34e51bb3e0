"""A backup put back into an empty directory: put together, verified, recovered, and opened with a password of its own.

The password is new, and so is what the roles' passwords are derived from: the backup holds neither, so whoever reads it
cannot log in where it was made. The data get a timeline of their own, so that an increment on what the first server did
afterwards is not taken for one on this.
"""

import os
import secrets
import shlex
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from incidentlog.embedded.account import Account, server_account
from incidentlog.embedded.backup import Backup, verify
from incidentlog.embedded.binaries import Binaries, find
from incidentlog.embedded.cluster import hand_over
from incidentlog.embedded.ending import Patience, end
from incidentlog.embedded.launch import environment, spawn
from incidentlog.embedded.processes import MARK, read_pid_file
from incidentlog.embedded.programs import BackupError, run_program
from incidentlog.embedded.root import Root, remove
from incidentlog.embedded.server import SUPERUSER
from incidentlog.embedded.sockets import remove_short_folder, socket_folder
from incidentlog.embedded.waiting import Progress, polling, silent
from incidentlog.files import STAGING_PREFIX, sync, write_private

RECOVERY_SECONDS: Final = 24 * 3600.0
"""How long recovery may take: days of WAL take hours."""
_ALONE_SECONDS: Final = 600.0
_SAID_BYTES: Final = 65_536


def put_together(chain: Sequence[Backup], to: Path, binaries: Binaries) -> None:
    """Make one data directory of a whole backup and the increments on it, and verify each and what it comes to.

    Raises BackupError for another major version than the programs', and for what is not what was backed up.
    """
    if (major := chain[-1].major) != binaries.major:
        raise BackupError(
            f"the backup is of PostgreSQL {major}, and {binaries.folder} is {binaries.major}: point INCIDENTLOG_PG_BIN "
            f"at the programs of {major}; `incidentlog export --all` is what any version takes in"
        )
    for backup in chain:
        verify(binaries, backup.data)
    run_program(binaries, "pg_combinebackup", *(backup.data for backup in chain), "--output", to)
    verify(binaries, to)


def restore(
    chain: Sequence[Backup], to: Path, *, wal: Path | None = None, until: str | None = None, progress: Progress = silent
) -> None:
    """Make an empty directory a data root of the embedded server, with what a backup holds.

    `wal` is a folder of archived WAL, which is played on the backup: `until` an instant (RFC 3339), else to its end.
    From the main thread. Raises BackupError, EmbeddedError; the directory is empty again then.
    """
    place = Root.at(to)
    if place.path.exists() and any(place.path.iterdir()):
        raise BackupError(f"{place.path} is not empty")
    place.prepare()
    with _emptied_on_failure(place.path):
        account = server_account(place.path / "none")
        binaries = find(place, account)
        staging = Path(tempfile.mkdtemp(prefix=STAGING_PREFIX, dir=place.path))
        hand_over(staging, account)
        data = staging / "data"
        progress("putting the backup together")
        put_together(chain, data, binaries)
        source = None if wal is None else _collected(wal, data / "pg_wal", staging / "wal")
        (data / "recovery.signal").touch()
        _give(staging, account)
        progress("recovering")
        with (staging / "recovery.log").open("w+b") as said:
            recovery = _Recovery(place, data, binaries, account, said, source, until)
            recovery.run(progress)
        password = secrets.token_urlsafe(24)
        _set_password(data, binaries, account, password)
        write_private(place.password, password)
        data.rename(place.data(binaries.major))
        remove(staging)
        sync(place.path)


@contextmanager
def _emptied_on_failure(folder: Path) -> Iterator[None]:
    try:
        yield
    except BaseException:
        for path in folder.iterdir():
            remove(path)
        raise


def _collected(wal: Path, shipped: Path, into: Path) -> Path:
    """The archived segments from the first that the backup has on, where the server's user can read them.

    The last one may still be written to when it is archived (`.partial`): it is as good as far as it goes.
    """
    first = min((path.name for path in shipped.iterdir() if path.is_file() and len(path.name) == 24), default="")  # noqa: PLR2004
    into.mkdir()
    for path in sorted(wal.iterdir()):
        name = path.name.removesuffix(".partial")
        if path.is_file() and (name.endswith(".history") or name[8:] >= first[8:]) and not (into / name).exists():
            shutil.copy2(path, into / name)
    return into


def _give(tree: Path, account: Account) -> None:
    for path in (tree, *tree.rglob("*")):
        account.take(path)


@dataclass(frozen=True, slots=True)
class _Recovery:
    """A server that nobody can reach plays the WAL to the end, or until an instant, and is stopped."""

    root: Root
    data: Path
    binaries: Binaries
    account: Account
    said: IO[bytes]
    source: Path | None
    until: str | None

    def run(self, progress: Progress) -> None:
        """Raises BackupError with the server's reason when it does not get there."""
        sockets = socket_folder(self.root, self.account)
        process = spawn(self._command(sockets), self.account, self.said, at_parents_death=signal.SIGINT)
        try:
            for _ in polling(lambda: "recovering", RECOVERY_SECONDS, progress):
                if process.poll() is not None:
                    raise BackupError(self._why())
                if (file := read_pid_file(self.data)) is not None and file.pid == process.pid and file.ready:
                    break
        finally:
            end(process, self.data, Patience())
            remove_short_folder(self.root, sockets)

    def _command(self, sockets: Path) -> list[str | Path]:
        quoted = str(sockets).replace('"', '""')
        fetch = "false" if self.source is None else f"cp {shlex.quote(str(self.source)).replace('%', '%%')}/%f %p"
        settings = [
            MARK,
            "listen_addresses=",
            f'unix_socket_directories="{quoted}"',
            "hot_standby=off",  # so that it is ready only when it has recovered
            "logging_collector=off",
            "archive_mode=off",
            f"restore_command={fetch}",
            "recovery_target_action=promote",
            *(() if self.until is None else (f"recovery_target_time={self.until}",)),
        ]
        return [self.binaries.folder / "postgres", "-D", self.data, *(w for s in settings for w in ("-c", s))]

    def _why(self) -> str:
        said = os.pread(self.said.fileno(), _SAID_BYTES, 0).decode("utf-8", "replace")
        if self.until is not None and "before configured recovery target was reached" in said:
            return f"the archived WAL ends before {self.until}: without --until all of it is played"
        fatal = [line.partition("FATAL:")[2].strip() for line in said.split("\n") if "FATAL:" in line]
        return f"the backup does not recover: {'; '.join(fatal) or said[-500:]}"


def _set_password(data: Path, binaries: Binaries, account: Account, password: str) -> None:
    """Give the superuser another password, with nobody else at the data."""
    drop = {"user": account.uid, "group": account.gid, "extra_groups": []} if account.changes else {}
    done = subprocess.run(  # type: ignore[call-overload]  # noqa: S603 - our own programs
        [str(binaries.folder / "postgres"), "--single", "-D", str(data), "postgres"],
        input=f"ALTER ROLE {SUPERUSER} PASSWORD '{password}'\n",
        capture_output=True, text=True, timeout=_ALONE_SECONDS, env=environment(), cwd="/", check=False, **drop,
    )  # fmt: skip
    if done.returncode != 0 or "ERROR:" in done.stderr:
        raise BackupError(f"the restored server takes no new password: {done.stderr.strip()[-500:]}")
