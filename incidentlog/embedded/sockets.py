"""Where the server listens: a private socket directory, and a port on the loopback."""

import hashlib
import os
import random
import socket
import stat
import tempfile
from pathlib import Path

from incidentlog.embedded.account import Account
from incidentlog.embedded.root import Root
from incidentlog.embedded.server import LOOPBACK

LONGEST_SOCKET = 107
"""Bytes of a socket's path that fit into `sockaddr_un`, on Linux."""

_SHORT = Path("/tmp")  # noqa: S108 -- tempfile's may be long too; what is made there is checked
_PRIVATE = 0o700
# Below what Linux hands out for outgoing connections: a port from there may be taken at the next start.
_FIRST_PORT, _LAST_PORT = 20_000, 32_000
_TRIES = 100


def socket_folder(root: Root, account: Account) -> Path:
    """The socket directory, 0700, emptied: below the root, or a short one when that is too long for a socket.

    Only for the holder of the lock, when no server runs.
    """
    # A comma separates hosts in a DSN.
    if len(os.fsencode(root.sockets / ".s.PGSQL.65535")) <= LONGEST_SOCKET and "," not in str(root.sockets):
        folder = root.sockets
    else:
        folder = _SHORT / f"incidentlog-{hashlib.sha256(os.fsencode(root.path)).hexdigest()[:16]}"
    folder = _private(folder, account)
    for stale in folder.glob(".s.PGSQL.*"):
        # Its lock names a pid, and PostgreSQL would not start if that is any process of ours by now.
        stale.unlink(missing_ok=True)
    return folder


def remove_short_folder(root: Root, folder: Path) -> None:
    """Remove what we made outside the root, unless something is in it."""
    if folder != root.sockets and folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def _private(folder: Path, account: Account) -> Path:
    try:
        folder.mkdir(mode=_PRIVATE)
    except FileExistsError:
        found = folder.lstat()
        # In /tmp anybody may have made it first, to listen in our place.
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in (account.uid, os.geteuid()):
            folder = Path(tempfile.mkdtemp(prefix="incidentlog-", dir=folder.parent))
    folder.chmod(_PRIVATE)
    account.take(folder)
    return folder


def choose_port(root: Root) -> int:
    """The port of the last start if it is free, else one that is, and remember it."""
    try:
        remembered = int(root.port.read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        remembered = 0
    if remembered and is_free(remembered):
        return remembered
    port = free_port()
    root.port.write_text(f"{port}\n", "utf-8")
    return port


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of the loopback now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as PostgreSQL does: TIME_WAIT is no hindrance
        try:
            probe.bind((LOOPBACK, port))
            probe.listen(1)
        except (OSError, OverflowError):
            return False
    return True


def free_port() -> int:
    """A port that nobody listens on, below those that the system gives to connections: still free after a restart."""
    for _ in range(_TRIES):
        if is_free(port := random.randint(_FIRST_PORT, _LAST_PORT)):  # noqa: S311 -- no secret
            return port
    with socket.socket() as any_port:
        any_port.bind((LOOPBACK, 0))
        return int(any_port.getsockname()[1])
