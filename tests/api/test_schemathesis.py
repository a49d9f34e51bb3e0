"""What Schemathesis makes of the description: whatever it sends to a running service, no answer is another than told.

It is large, and so in the dependency group of tools: `.ci/run` installs it, `make test` does without. It takes
SCHEMATHESIS_SECONDS in all (30), a third for each key; how far it gets by then is told by no test, so give it more
before a release. The examples of the description are asked in test_openapi.py.
"""

import asyncio
import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any, Final

import orjson
import pytest

from incidentlog.api.app import MODULES
from incidentlog.api.openapi import make_document
from incidentlog.events.values import Tlp
from tests.api.serving import Served, make_key
from tests.subjects.given import TIMELINE

COMMAND: Final = shutil.which("schemathesis", path=str(Path(sys.executable).parent))
pytestmark = pytest.mark.skipif(
    COMMAND is None, reason="it is in the dependency group 'tools', which only .ci/run installs"
)

SECONDS: Final = float(os.environ.get("SCHEMATHESIS_SECONDS", "30"))
LEFT_OUT: Final = (
    "/stream$",  # does not end
    "^/v1/projections/(?!city_incidents|ceasefire_status)",  # as those two are asked
    "^/v1/webhooks$",  # it would have the service ask addresses of others
    "^/(page|verify|docs|embed|basemap|problems|$)",  # for people
)
TYPES: Final = ("strike.reported", "talk.held", "ceasefire.agreed", "record.retracted")
"""Of the bodies these: of one that may be any of eighty types it takes a minute to make the first."""
HOOKS: Final = """
import json
import schemathesis

@schemathesis.serializer("application/x-ndjson", "application/ndjson", "application/jsonl")
def lines(ctx, value):
    return json.dumps(value).encode()
"""
"""A body of lines has one, as its schema says."""
CONFIGURED: Final = """
hooks = "hooks.py"
parameters = { "header.Prefer" = "wait=0" }  # it would wait for positions that are far off

[checks.not_a_server_error]
expected-statuses = ["2xx", "3xx", "4xx", 503]  # what lags, or is not ready, says so

[[operations]]
include-path = "/v1/replay"  # it would take as long as it took
parameters = { "query.speed" = 0 }

[[operations]]
include-path = "/v1/keys/{name}"  # else it ends the key that it has
parameters = { "path.name" = "an-example" }
"""
CHECKS: Final = (
    "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance",
    "response_headers_conformance", "unsupported_method", "ignored_auth",
)  # fmt: skip
"""Not `positive_data_acceptance`: rules across members, such as that until is not before since, are in words alone. Nor
`use_after_free`: that there was a key can be read after it was revoked, which DELETE does."""
KEYS: Final = {"reader": ("read",), "reporter": ("read", "report", "edit"), "operator": ("read", "audit", "admin")}


def described() -> dict[str, Any]:
    """The description, with few types of events."""
    document: dict[str, Any] = orjson.loads(orjson.dumps(make_document(MODULES)))
    schemas = document["components"]["schemas"]
    schemas["AnyEvent"] = {"oneOf": [{"$ref": f"#/components/schemas/{name}"} for name in TYPES]}
    return document


@pytest.mark.parametrize("name", KEYS)
async def test_every_answer_to_whatever_is_sent_is_one_that_is_told(service: Served, tmp_path: Path, name: str):
    assert (await service.bulk(*TIMELINE.read_bytes().splitlines())).status == 201
    key = f"a-key-of-a-{name}"
    await make_key(service.access, name, key, scopes=KEYS[name], clearance=Tlp.AMBER)
    await make_key(service.access, "an-example", "a-key-that-is-revoked", scopes=("read",))
    (tmp_path / "schemathesis.toml").write_text(CONFIGURED)
    (tmp_path / "hooks.py").write_text(HOOKS)
    (tmp_path / "openapi.json").write_bytes(orjson.dumps(described()))
    assert COMMAND is not None
    process = await asyncio.create_subprocess_exec(
        COMMAND, "--config-file", str(tmp_path / "schemathesis.toml"), "run", "openapi.json",
        "--url", service.url,
        "--header", f"Authorization: Bearer {key}", "--exclude-path-regex", "|".join(LEFT_OUT), "--checks", ",".join(CHECKS),
        "--phases", "fuzzing,stateful", "--max-time", str(round(SECONDS / len(KEYS))), "--max-examples", "3",
        "--request-timeout", "20", "--no-shrink", "--no-color", "--continue-on-failure", "--generation-database", "none",
        "--warnings", "off",
        cwd=tmp_path, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        async with asyncio.timeout(SECONDS / len(KEYS) + 60):  # of three, four minutes at most
            said, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode == 0, said.decode()
    made = re.search(r"(\d+) generated", said.decode())
    assert made is not None, said.decode()
    assert int(made[1]) > 0, said.decode()  # how many hangs on what else the machine does
    await service.unharmed()
