"""`incidentlog webhook`, in the process of the service that it asks."""

from pathlib import Path

import orjson
from structlog.testing import capture_logs

from incidentlog.store.connect import Access
from tests.api.serving import ADMIN, serving
from tests.api.test_webhooks import HERE
from tests.cli.acting import Terminal
from tests.commands import strike
from tests.webhooks.receiving import receiving


async def test_a_webhook_from_its_making_to_its_end(access: Access, tmp_path: Path):
    with capture_logs():  # of the service, which would be in what the commands print
        async with serving(access, settings=HERE) as service, receiving() as receiver:
            terminal = Terminal(tmp_path, INCIDENTLOG_URL=service.url, INCIDENTLOG_KEY=ADMIN)

            async def run(*words: str, code: int = 0) -> str:
                done = await terminal.run_beside("webhook", *words)
                assert done.returncode == code, done.stderr
                return done.stdout or done.stderr

            await service.add(event := strike(stream="strike:one"), strike(stream="strike:two"))
            wanted = ("--filter", "stream=strike:one", "--filter", "type=strike.reported")
            made = orjson.loads(await run("create", receiver.url, *wanted, "--after", "0", "--note", "a test"))
            assert made["filters"] == {"stream": ["strike:one"], "type": ["strike.reported"]}
            assert made["secret"].startswith("whsec_")
            await receiver.until(1)
            assert receiver.took == [event["id"]]
            assert orjson.loads(await run("test", made["id"]))["status"] == 200
            assert await run("pause", made["id"]) == "it is paused\n"
            assert orjson.loads(await run("list"))["state"] == "paused"
            assert await run("resume", made["id"]) == "it goes on\n"
            assert orjson.loads(await run("change", made["id"], "--note", "another"))["note"] == "another"
            assert orjson.loads(await run("rotate", made["id"]))["secret"] != made["secret"]
            assert await run("dead-letters", "list", made["id"]) == ""
            assert "no dead letters" in await run("dead-letters", "retry", made["id"], event["id"], code=3)
            assert "no NAME=VALUE" in await run("create", receiver.url, "--filter", "country", code=2)
            assert "/url not_allowed: the address is not public" in await run("create", "https://10.0.0.1/", code=2)
            assert await run("remove", made["id"]) == "it is removed\n"
            assert "there is no webhook" in await run("show", made["id"], code=3)
