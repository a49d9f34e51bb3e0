"""Who the server runs as: PostgreSQL refuses to run as root, so root drops to a system user."""

import os
import pwd
from dataclasses import dataclass
from pathlib import Path

from incidentlog.embedded.errors import EmbeddedError

CANDIDATES = ("incidentlog", "postgres", "nobody")


@dataclass(frozen=True, slots=True)
class Account:
    """The system user a server runs as. It gets no supplementary groups."""

    uid: int
    gid: int
    changes: bool
    """Whether we must drop to it, being root; else it is who we are."""

    def take(self, path: Path) -> None:
        """Make it the owner of a file or folder that we made."""
        if self.changes:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)


def ourselves() -> Account:
    """Who we are, with nothing to drop to."""
    return Account(os.geteuid(), os.getegid(), changes=False)


def server_account(data: Path) -> Account:
    """Ourselves; as root the owner of the data, or the first that exists of incidentlog, postgres and nobody.

    The data's owner comes first: a user `incidentlog` made later must not lock the server out of its own files.
    EmbeddedError when the data is root's, or there is none of these users.
    """
    if os.geteuid() != 0:
        return ourselves()
    if data.exists():
        owner = data.stat()
        if owner.st_uid == 0:
            raise EmbeddedError(f"{data} belongs to root, as whom PostgreSQL does not run: chown -R postgres {data}")
        return Account(owner.st_uid, _group(owner.st_uid), changes=True)
    for name in CANDIDATES:
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        if user.pw_uid != 0:
            return Account(user.pw_uid, user.pw_gid, changes=True)
    raise EmbeddedError(
        f"PostgreSQL does not run as root, and there is no user {', '.join(CANDIDATES)}: useradd --system incidentlog"
    )


def _group(uid: int) -> int:
    """A user's own group, not its files', which may be root's; without an entry, as in a container, the same number."""
    try:
        return pwd.getpwuid(uid).pw_gid
    except KeyError:
        return uid
