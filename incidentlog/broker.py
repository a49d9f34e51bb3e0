"""A connection to NATS; what needs none never imports this."""

from typing import Any, Final

import nats
from nats.aio.client import Client as Connection

HEADERS_BYTES: Final = 2_000
"""The most that the headers of a message take."""


async def connected(server: str, name: str, *, seconds: float, **more: Any) -> Connection:
    """A connection to one server that is lost for good when it is lost: whoever has it knows what to look at by then.

    A server that is away is tried twice, for at most `seconds` each; without a limit nats-py (2.16) tries it for two
    minutes, also where it is not to connect anew. `more` are options of `nats.connect`. Raises what that raises.
    """
    return await nats.connect(
        server, name=name, allow_reconnect=False, max_reconnect_attempts=1, reconnect_time_wait=0.1,
        connect_timeout=seconds, error_cb=_passed_over, **more,
    )  # fmt: skip


async def _passed_over(_: Exception) -> None:
    """Whoever waits for an answer is told, too."""
