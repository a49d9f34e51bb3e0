"""A receiver as a process that can be killed: `python -m tests.webhooks.receiver PORT FILE`. What it took is in the file."""

import os
import sys
from pathlib import Path

from aiohttp import web


def main(port: int, kept: Path) -> None:
    descriptor = os.open(kept, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    async def take(request: web.Request) -> web.Response:
        body = await request.json()
        os.write(descriptor, f"{body['id']} {body['sequence']}\n".encode())  # before it says that it has it
        return web.Response(status=204)

    app = web.Application()
    app.router.add_post("/", take)
    web.run_app(app, host="127.0.0.1", port=port, print=None, access_log=None, reuse_address=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
