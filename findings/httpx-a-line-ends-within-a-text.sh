#!/usr/bin/env bash
# An event's text has a line separator (U+2028) in it: httpx's iter_lines breaks it in two, aiosseclient gives half of it.
#
# What one would guess: in newline-delimited JSON and in Server-Sent Events a line ends with LF or CR LF, as their
#   descriptions say, and no JSON has these within a text. Whoever gives out "lines" of a response gives out these.
# What happens: httpx and, if it decodes, requests cut as Python's splitlines does: also at U+2028, U+2029 and U+0085, which
#   JSON may have in a text as they are, and which pasted statements and old exports do have. The first half is no JSON and
#   the second is none; who skips what does not parse has lost the event, who does not has lost the stream. requests without
#   decoding cuts bytes, and is right for these. Of three clients for Server-Sent Events httpx-sse and sseclient-py do not
#   cut there; aiosseclient does, gives the first half as the event's data, drops the second with a line in the log, and
#   moves the id on, so that the event is not sent again. Files that are read by Python's open() are cut at line ends only,
#   so the same export is right once it is saved.
# Why it matters here: one statement with such a character, among thousands without, and the reader of a feed stops at it
#   for ever or passes over it. Split at b"\n" yourself, and write JSON in ASCII if the readers are others' (json.dumps
#   does).
# Versions: httpx 0.28.1, requests 2.34.2, aiosseclient 0.1.8 (aiohttp 3.14.5), httpx-sse 0.4.3, sseclient-py 1.9.0. Seen
#   2026-11-30 with Python 3.11.
# Output (of three events, the first two with U+2028 and U+0085 in a text):
#   a file by open(): 1, 2, 3
#   httpx, iter_lines: broken, broken, broken, broken, 3
#   requests, iter_lines of text: broken, broken, broken, broken, 3
#   requests, iter_lines of bytes: 1, 2, 3
#   httpx-sse: 1, 2, 3
#   sseclient-py: 1, 2, 3
#   aiosseclient: broken, broken, 3; ids 1, 2, 3
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  httpx==0.28.1 requests==2.34.2 aiosseclient==0.1.8 aiohttp==3.14.5 httpx-sse==0.4.3 sseclient-py==1.9.0

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import asyncio
import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import aiosseclient
import httpx
import requests
import sseclient
from httpx_sse import connect_sse

TEXTS = ("first\u2028second", "first\u0085second", "first second")
EVENTS = [json.dumps({"n": n, "text": text}, ensure_ascii=False) for n, text in enumerate(TEXTS, 1)]
BODIES = {
    "/lines": "".join(f"{event}\n" for event in EVENTS).encode(),
    "/events": "".join(f"id: {n}\ndata: {event}\n\n" for n, event in enumerate(EVENTS, 1)).encode(),
}


class Feed(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        kinds = {"/lines": "application/x-ndjson; charset=utf-8", "/events": "text/event-stream"}
        self.send_header("Content-Type", kinds[self.path])
        self.send_header("Content-Length", str(len(BODIES[self.path])))
        self.end_headers()
        self.wfile.write(BODIES[self.path])

    def log_message(self, *_):
        pass


def number(line):
    try:
        return str(json.loads(line)["n"])
    except ValueError:
        return "broken"


def told(lines):
    return ", ".join(number(line) for line in lines if line)


def by_httpx_sse():
    with httpx.Client() as client, connect_sse(client, "GET", f"{url}/events") as source:
        return [event.data for event in source.iter_sse()]


async def by_aiosseclient():
    return [event async for event in aiosseclient.aiosseclient(f"{url}/events")]


Path("lines").write_bytes(BODIES["/lines"])
with ThreadingHTTPServer(("127.0.0.1", 0), Feed) as server:
    Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    with open("lines", encoding="utf-8") as file, requests.get(f"{url}/events", stream=True) as events:
        seen = [
            f"a file by open(): {told(file)}",
            f"httpx, iter_lines: {told(httpx.get(f'{url}/lines').iter_lines())}",
            f"requests, iter_lines of text: {told(requests.get(f'{url}/lines').iter_lines(decode_unicode=True))}",
            f"requests, iter_lines of bytes: {told(requests.get(f'{url}/lines').iter_lines())}",
            f"httpx-sse: {told(by_httpx_sse())}",
            f"sseclient-py: {told(event.data for event in sseclient.SSEClient(events).events())}",
        ]
    by_aiohttp = asyncio.run(by_aiosseclient())
    ids = ", ".join(event.id for event in by_aiohttp)
    seen.append(f"aiosseclient: {told(event.data for event in by_aiohttp)}; ids {ids}")
    server.shutdown()
print(*seen, sep="\n")
expected = [
    "a file by open(): 1, 2, 3",
    "httpx, iter_lines: broken, broken, broken, broken, 3",
    "requests, iter_lines of text: broken, broken, broken, broken, 3",
    "requests, iter_lines of bytes: 1, 2, 3",
    "httpx-sse: 1, 2, 3",
    "sseclient-py: 1, 2, 3",
    "aiosseclient: broken, broken, 3; ids 1, 2, 3",
]
sys.exit(0 if seen == expected else f"it behaves otherwise now; expected {expected}")
PYTHON
