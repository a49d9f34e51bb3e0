"""The directory that holds everything of one embedded PostgreSQL."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from incidentlog.embedded.errors import EmbeddedError
from incidentlog.files import STAGING_PREFIX


def data_root(configured: Path | None) -> Path:
    """Where the embedded server keeps its things: as configured, else the user's data folder, as root a system's."""
    if configured is not None:
        return _absolute(configured.expanduser())
    if os.geteuid() == 0:
        return Path("/var/lib/incidentlog")
    return platformdirs.user_data_path("incidentlog", appauthor=False)


@dataclass(frozen=True, slots=True)
class Root:
    """The names of the files below one data root."""

    path: Path

    @classmethod
    def at(cls, path: Path) -> "Root":
        """The root at a path, made absolute: the server starts in `/`, not where we are."""
        return cls(_absolute(path))

    def data(self, major: int) -> Path:
        """The data directory of one major version."""
        return self.path / f"pg-{major}"

    @property
    def lock(self) -> Path:
        """Whoever has this locked runs the server. Never deleted: two could then hold "the" lock."""
        return self.path / "lock"

    @property
    def password(self) -> Path:
        """The superuser's password, 0600."""
        return self.path / "password"

    @property
    def connection(self) -> Path:
        """How others find the running server, 0600; there while it runs."""
        return self.path / "connection.json"

    @property
    def port(self) -> Path:
        """The port of the last start."""
        return self.path / "port"

    @property
    def sockets(self) -> Path:
        """The socket directory, 0700, unless its path is too long for a socket."""
        return self.path / "run"

    @property
    def start_log(self) -> Path:
        """What the server said before it opened its own log, since the last start."""
        return self.path / "start.log"

    @property
    def copies(self) -> Path:
        """Copies of the binaries, for a server's user that cannot enter where they are installed."""
        return self.path / "binaries"

    def prepare(self) -> None:
        """Make the root and what is missing above it. What exists keeps its mode: it may be somebody else's."""
        # The server's own user must pass through to its data; nobody else can list or read anything on the way.
        mode = 0o711 if os.geteuid() == 0 else 0o700
        try:
            for folder in reversed((self.path, *self.path.parents)):
                if not folder.exists():
                    folder.mkdir()
                    folder.chmod(mode)  # mkdir's own mode is cut by the umask
        except OSError as error:
            raise EmbeddedError(
                f"Cannot make {self.path}: {error}. Set INCIDENTLOG_DATA_DIR to a writable directory."
            ) from error

    def tidy(self) -> None:
        """Remove what an interrupted start left half made. Only for the holder of the lock."""
        for folder in (self.path, self.copies):
            for left in folder.glob(f"{STAGING_PREFIX}*"):
                remove(left)


def remove(path: Path) -> None:
    """Remove a file or a tree; what resists is left for the next start."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path))  # noqa: PTH100 -- resolve() would replace the links the operator chose
