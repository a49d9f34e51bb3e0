"""A connection to NATS; what needs none never imports this."""

import re
from pathlib import Path
from typing import Any, Final

import nats.errors
from nats.aio.client import Client as Connection

HEADERS_BYTES: Final = 2_000
"""The most that the headers of a message take."""
_CREDENTIALS: Final = re.compile(r"-+BEGIN [^-\n]+-+\s+(\S+)\s+-+END ")
"""What stands between two lines of a file of credentials: once a JWT, once a seed."""


class CredentialsError(nats.errors.Error):
    """A file has no credentials of NATS; the message says so."""


async def connected(server: str, name: str, *, seconds: float, creds: Path | None = None, **more: Any) -> Connection:
    """A connection to one server that is lost for good when it is lost: whoever has it knows what to look at by then.

    A server that is away is tried twice, for at most `seconds` each; without a limit nats-py (2.16) tries it for two
    minutes, also where it is not to connect anew. `creds` is a file of credentials, read each time: they are renewed by
    writing it anew. `more` are options of `nats.connect`. Raises what that raises, OSError, CredentialsError.
    """
    options: dict[str, Any] = {
        "name": name, "allow_reconnect": False, "max_reconnect_attempts": 1, "reconnect_time_wait": 0.1,
        "connect_timeout": seconds, "error_cb": _passed_over, **more,
    }  # fmt: skip
    if creds is not None:
        _look_at(creds)
        options["user_credentials"] = str(creds)
    connection = Connection()
    try:
        await connection.connect(server, **options)
    except BaseException:
        await connection.close()  # of a server that lets nobody in nats-py (2.16) keeps the socket
        raise
    return connection


def _look_at(creds: Path) -> None:
    """Raises CredentialsError for what is none; of that nats-py (2.16) raises what it comes upon, a TypeError too."""
    try:
        import nkeys  # noqa: PLC0415 - of the extra; who has no credentials needs none
    except ImportError as error:
        raise CredentialsError("credentials are read by an extra: pip install 'incidentlog[nats]'") from error
    blocks = _CREDENTIALS.findall(creds.read_text("utf-8", "replace"))
    try:
        _, seed = blocks
        nkeys.from_seed(seed.encode())
    except (nkeys.NkeysError, ValueError) as error:
        raise CredentialsError(f"{creds} has no credentials of NATS") from error


async def _passed_over(_: Exception) -> None:
    """Whoever waits for an answer is told, too."""
