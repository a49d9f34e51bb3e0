"""The data directory: made whole or not at all, and never opened by another major version."""

import pwd
import re
import secrets
import shlex
import signal
import subprocess
import tempfile
from pathlib import Path

from incidentlog.embedded.account import Account
from incidentlog.embedded.binaries import Binaries
from incidentlog.embedded.errors import EmbeddedError
from incidentlog.embedded.last_words import with_the_disk
from incidentlog.embedded.launch import run, spawn
from incidentlog.embedded.root import Root, remove
from incidentlog.embedded.server import SUPERUSER, read_password
from incidentlog.files import STAGING_PREFIX, sync, write_private

SETTINGS = {
    "max_connections": "200",
    "shared_buffers": "128MB",
    "max_wal_size": "2GB",
    "max_slot_wal_keep_size": "8GB",  # for `backup --follow`: who does not come back must not fill the disk
    "checkpoint_timeout": "15min",
    "jit": "off",  # its compile time exceeds what our short queries take
    "timezone": "UTC",
    "log_timezone": "UTC",
    "logging_collector": "on",
    "log_filename": "postgresql-%a.log",
    "log_rotation_age": "1d",
    "log_rotation_size": "0",
    "log_truncate_on_rotation": "on",
    # DETAIL quotes the values of a row that broke a constraint: what can be erased must not stay in a log.
    "log_error_verbosity": "terse",
}
"""Written into postgresql.conf once, when the data directory is made; from then on they are the operator's."""

_INITDB_SECONDS = 300
_DATABASE = re.compile(r"pg-(\d+)")


def databases(root: Root) -> dict[int, Path]:
    """The data directories below a root, by the major version in their names."""
    found = ((_DATABASE.fullmatch(path.name), path) for path in root.path.iterdir() if path.is_dir())
    return {int(name[1]): path for name, path in sorted(found, key=lambda each: each[1]) if name}


def has_data(path: Path) -> bool:
    """Whether a root has data, of whatever version, or what is left of them; nothing is made.

    EmbeddedError where one may not look.
    """
    try:
        return path.is_dir() and any(any(data.iterdir()) for data in databases(Root.at(path)).values())
    except OSError as error:
        raise EmbeddedError(f"cannot look into {path}: {error.strerror}") from error


def ensure(root: Root, binaries: Binaries, account: Account, *, durable: bool) -> tuple[Path, str]:
    """The data directory for these binaries and the superuser's password; made when there is none.

    Only for the holder of the lock. EmbeddedError, with the command to run, when the data is another version's;
    when the password of existing data is lost; when the server's user cannot enter; when initdb fails.
    """
    data = root.data(binaries.major)
    _refuse_other_versions(root, data, binaries)
    if (data / "PG_VERSION").exists():
        return data, password_of(root)
    _refuse_what_is_not_ours(data)
    if not root.password.exists():
        # Before the data, so that there never is data whose password nobody knows.
        write_private(root.password, secrets.token_urlsafe(24))
    _make(root, data, binaries, account, durable=durable)
    return data, password_of(root)


def password_of(root: Root) -> str:
    """The superuser's password of existing data. EmbeddedError when it is lost."""
    try:
        return read_password(root)
    except FileNotFoundError as error:
        raise EmbeddedError(f"{root.password} is gone, and the data cannot be opened without it: restore it") from error


def _make(root: Root, data: Path, binaries: Binaries, account: Account, *, durable: bool) -> None:
    """Run initdb in a staging directory and give the result its name: an interrupted one leaves nothing in the way."""
    staging = Path(tempfile.mkdtemp(prefix=STAGING_PREFIX, dir=root.path))
    try:
        hand_over(staging, account)
        make_in(root, staging, binaries, account, *(() if durable else ("--no-sync",)))
        (staging / "data").rename(data)
        sync(root.path)
    finally:
        remove(staging)


def make_in(root: Root, staging: Path, binaries: Binaries, account: Account, *words: str) -> None:
    """Make new data in `data` of a staging directory that was handed over; `words` are more for initdb."""
    password = staging / "password"
    write_private(password, read_password(root))
    account.take(password)
    _run_initdb(root, [*_initdb(binaries, staging / "data", password), *words], account)


def hand_over(staging: Path, account: Account) -> None:
    """Hand a directory to the server's user, and see that it can get there. EmbeddedError where it cannot."""
    account.take(staging)
    try:
        run(["test", "-w", staging], account, timeout_seconds=30)
    except subprocess.CalledProcessError as error:
        name = _name(account)
        raise EmbeddedError(
            f"The server would run as the user {name}, who cannot enter {staging.parent}: "
            f"set INCIDENTLOG_DATA_DIR to a directory which {name} can reach"
        ) from error


def _run_initdb(root: Root, command: list[str], account: Account) -> None:
    with root.start_log.open("wb") as log:
        process = spawn(command, account, log, at_parents_death=signal.SIGKILL)
        try:
            code = process.wait(_INITDB_SECONDS)
        finally:
            process.kill()
            process.wait()
    if code != 0:
        said = root.start_log.read_text("utf-8", "replace").strip()
        raise EmbeddedError(with_the_disk(f"initdb failed: {said}", root.path))


def _initdb(binaries: Binaries, data: Path, password: Path) -> list[str]:
    settings = [word for name, value in SETTINGS.items() for word in ("--set", f"{name}={value}")]
    return [
        str(binaries.folder / "initdb"),
        f"--pgdata={data}",
        f"--username={SUPERUSER}",
        f"--pwfile={password}",
        "--auth=scram-sha-256",
        "--locale-provider=builtin",
        "--locale=C.UTF-8",
        "--encoding=UTF8",
        "--no-instructions",
        *settings,
    ]


def _refuse_what_is_not_ours(data: Path) -> None:
    if data.exists() and any(data.iterdir()):
        raise EmbeddedError(f"{data} is neither empty nor a data directory (no PG_VERSION); move it away")


def _refuse_other_versions(root: Root, data: Path, binaries: Binaries) -> None:
    """Refuse data of another major version, be it in this version's directory or in its own with none for this one."""
    others = [path for path in databases(root).values() if path != data and (path / "PG_VERSION").exists()]
    if (data / "PG_VERSION").exists():
        if (made_by := _made_by(data)) != str(binaries.major):
            raise EmbeddedError(_refusal(data, root.path / f"pg-{made_by}", binaries))
    elif others:
        raise EmbeddedError(_refusal(others[-1], others[-1], binaries))


def _made_by(data: Path) -> str:
    return (data / "PG_VERSION").read_text("utf-8").strip()


def _refusal(found: Path, named: Path, binaries: Binaries) -> str:
    """What is wrong, and how the data come to the version we run."""
    made_by = _made_by(found)
    here = f"{found} was made by PostgreSQL {made_by}, and {binaries.folder} is {binaries.major}."
    keep = (
        f"To go on with it as it is, set INCIDENTLOG_PG_BIN=/usr/lib/postgresql/{made_by}/bin "
        f"(or where {made_by} is installed)."
    )
    if made_by.isdecimal() and int(made_by) > binaries.major:
        return f"{here} Data cannot go back to an older version. {keep}"
    move = "" if found == named else f"mv {shlex.quote(str(found))} {shlex.quote(str(named))} && "
    return (
        f"{here} {keep} To bring it to {binaries.major}, stop every service on it, make a backup and run:\n"
        f"{move}incidentlog db upgrade --dry-run && incidentlog db upgrade"
    )


def _name(account: Account) -> str:
    try:
        return pwd.getpwuid(account.uid).pw_name
    except KeyError:
        return f"#{account.uid}"
