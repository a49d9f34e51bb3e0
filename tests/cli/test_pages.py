"""The pages' lines for a shell, typed as they stand beside the demonstration."""

import re
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from tests.cli.acting import LIMIT_SECONDS, Demo, environment
from tests.commands import DOOR

DOCS = Path(__file__).parents[2] / "docs"
LINES = [
    ("audit.md", "incidentlog export REPORT", '"verified"'),
    ("erasure-and-replay.md", "curl -sN", '{"end":'),
    ("erasure-and-replay.md", "incidentlog replay --to head", '"same":true'),
    ("metrics.md", "incidentlog key create prometheus", "il_"),
    ("operate.md", "incidentlog backup", "backups/0002"),
    ("operate.md", "curl -s", "under the tree head"),
    ("places.md", "incidentlog places search", "place:dacha-17"),
    ("knowledge.md", "incidentlog projection show city_incidents", '"geonames:'),
]
"""A page, how its lines begin, and what they show."""


def block(page: str, begins: str) -> str:
    fenced = re.findall(r"^```\w*\n(.*?)^```$", (DOCS / page).read_text("utf-8"), re.MULTILINE | re.DOTALL)
    (found,) = (text for text in fenced if text.startswith(begins))
    return str(found)


@pytest.mark.parametrize(("page", "begins", "shows"), LINES)
def test_the_lines_for_a_shell_run(demo: Demo, tmp_path: Path, page: str, begins: str, shows: str):
    lines = block(page, begins).replace("http://127.0.0.1:8080", demo.url)
    # History as fast as it can be told: a test does not wait for it.
    lines = lines.replace("speed=3600", "speed=0").replace("--speed 86400", "--speed 0")
    first = 'curl -sf "$INCIDENTLOG_URL/log/checkpoint" > checkpoint\n'
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", first + lines],
        cwd=tmp_path, capture_output=True, text=True, encoding="utf-8", timeout=LIMIT_SECONDS, check=False,
        env=environment(
            PATH=f"{Path(sys.executable).parent}:/usr/bin:/bin", KEY=demo.key, INCIDENTLOG_KEY=demo.key,
            INCIDENTLOG_URL=demo.url, INCIDENTLOG_DATA_DIR=str(demo.root), VKEY=demo.get("/v1/log/key")["vkey"],
        ),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert shows in done.stdout.replace(": ", ":") + done.stderr


def test_an_erasure_is_written_as_it_says():
    sent = orjson.loads(block("erasure-and-replay.md", '{"type": "record.erased"'))
    assert sent["data"]["target"] == "<the event's id>"
    sent["data"]["target"] = "0198c0de-0000-7000-8000-000000000001"
    assert DOOR.read(orjson.dumps(sent), recorded_by="somebody").command.type == "record.erased"
