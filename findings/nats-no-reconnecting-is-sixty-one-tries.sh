#!/usr/bin/env bash
# A NATS client that is told not to reconnect tries a server that is away 61 times, in two minutes, before it says so.
#
# What one would guess: `nats.connect(server, allow_reconnect=False)` fails as soon as the server refuses the connection; and
#   `max_reconnect_attempts=0`, none, does so all the more.
# What happens: both speak of a connection that was there. The first one is tried until each server has been tried
#   `max_reconnect_attempts` times and once more, 60 by default, with `reconnect_time_wait` between, 2 s by default; with
#   `allow_reconnect` true or false alike. 0 is like -1: no limit. `connect_timeout` is of one try. With 1 there are two.
# Why it matters here: a service that goes to the next server of its own list, as it knows which of them it can do
#   without, stays with the first that is away for two minutes, and a command that says whether a server answers takes as
#   long. Give `max_reconnect_attempts=1` and a short wait; never 0.
# Versions: nats-py 2.16.0. Seen 2026-11-30. The wait is 0.01 s here, so that it is soon over.
# Output:
#   allow_reconnect=False: 61 tries, NoServersError
#   allow_reconnect=True: 61 tries, NoServersError
#   and max_reconnect_attempts=1: 2 tries, NoServersError
#   and max_reconnect_attempts=0: over 200 tries, and it goes on
#   seconds by default: 120
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check nats-py==2.16.0

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import asyncio
import inspect
import socket
import sys

import nats

ENOUGH = 200
with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]


async def tries(**how):
    count, enough = 0, asyncio.Event()

    async def tried(_error):
        nonlocal count
        count += 1
        if count > ENOUGH:
            enough.set()

    connecting = asyncio.create_task(
        nats.connect(f"nats://127.0.0.1:{port}", error_cb=tried, reconnect_time_wait=0.01, **how)
    )
    waiting = asyncio.create_task(enough.wait())
    await asyncio.wait({connecting, waiting}, timeout=60, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if connecting.done():
        return f"{count} tries, {type(connecting.exception()).__name__}"
    connecting.cancel()
    return f"over {ENOUGH} tries, and it goes on"


async def main():
    client = inspect.signature(nats.aio.client.Client.connect).parameters
    wait, most = client["reconnect_time_wait"].default, client["max_reconnect_attempts"].default
    return {
        "allow_reconnect=False": await tries(allow_reconnect=False),
        "allow_reconnect=True": await tries(allow_reconnect=True),
        "and max_reconnect_attempts=1": await tries(allow_reconnect=False, max_reconnect_attempts=1),
        "and max_reconnect_attempts=0": await tries(allow_reconnect=False, max_reconnect_attempts=0),
        "seconds by default": str(wait * most),
    }


seen = asyncio.run(main())
expected = {
    "allow_reconnect=False": "61 tries, NoServersError",
    "allow_reconnect=True": "61 tries, NoServersError",
    "and max_reconnect_attempts=1": "2 tries, NoServersError",
    "and max_reconnect_attempts=0": "over 200 tries, and it goes on",
    "seconds by default": "120",
}
for name, value in seen.items():
    print(f"{name}: {value}")
sys.exit(0 if seen == expected else f"it behaves otherwise now; expected {expected}")
PYTHON
