"""What Schemathesis makes of the description: whatever it sends to a running service, no answer is another than told.

It is large, and so in the dependency group of tools: `.ci/run` installs it, `make test` does without. It takes
SCHEMATHESIS_SECONDS in all (45), a third for each key.
"""

import asyncio
import os
import shutil
import sys
from pathlib import Path
from typing import Final

import pytest

from incidentlog.events.values import Tlp
from tests.api.serving import Served, make_key
from tests.subjects.given import TIMELINE

pytest.importorskip("schemathesis", reason="it is in the dependency group 'tools', which only .ci/run installs")

SECONDS: Final = float(os.environ.get("SCHEMATHESIS_SECONDS", "45"))
LEFT_OUT: Final = (
    "/stream$",  # does not end
    "^/v1/projections/(?!city_incidents|ceasefire_status)",  # as those two are asked
    "^/(page|verify|docs|embed|problems|$)",  # for people
)
CONFIGURED: Final = """
[[operations]]
include-path = "/v1/replay"  # it would take as long as it took
parameters = { "query.speed" = 0 }

[[operations]]
include-path = "/v1/keys/{name}"  # else it ends the key that it has
parameters = { "path.name" = "an-example" }
"""
CHECKS: Final = (
    "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance",
    "response_headers_conformance", "unsupported_method", "ignored_auth", "use_after_free",
)  # fmt: skip
"""Not `positive_data_acceptance`: rules across members, such as that until is not before since, are in words alone."""
KEYS: Final = {"reader": ("read",), "reporter": ("read", "report", "edit"), "operator": ("read", "audit", "admin")}


@pytest.mark.parametrize("name", KEYS)
async def test_every_answer_to_whatever_is_sent_is_one_that_is_told(service: Served, tmp_path: Path, name: str):
    assert (await service.bulk(*TIMELINE.read_bytes().splitlines())).status == 201
    key = f"a-key-of-a-{name}"
    await make_key(service.access, name, key, scopes=KEYS[name], clearance=Tlp.AMBER)
    await make_key(service.access, "an-example", "a-key-that-is-revoked", scopes=("read",))
    (tmp_path / "schemathesis.toml").write_text(CONFIGURED)
    command = shutil.which("schemathesis", path=str(Path(sys.executable).parent))
    assert command is not None
    process = await asyncio.create_subprocess_exec(
        command, "--config-file", str(tmp_path / "schemathesis.toml"), "run", f"{service.url}/openapi.json",
        "--header", f"Authorization: Bearer {key}", "--exclude-path-regex", "|".join(LEFT_OUT), "--checks", ",".join(CHECKS),
        "--phases", "examples,fuzzing,stateful", "--max-time", str(round(SECONDS / len(KEYS))), "--max-examples", "10",
        "--request-timeout", "20", "--no-shrink", "--no-color", "--continue-on-failure", "--generation-database", "none",
        "--warnings", "off",
        cwd=tmp_path, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        async with asyncio.timeout(SECONDS + 60):
            said, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode == 0, said.decode()
    await service.unharmed()
