"""What the README says, held to it: the session works as pasted, the examples run, the paths exist."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from incidentlog.config import Settings
from tests.cli.acting import Demo, Terminal, environment

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_the_session_works_as_pasted(folder: Path):
    with Demo(folder / "as-pasted") as demo:  # what it counts is counted in a log of its own
        paste(demo)


def paste(demo: Demo) -> None:
    (session,) = (b for b in blocks("sh") if b.startswith("KEY="))
    session = session.replace("il_...", demo.key).replace("http://127.0.0.1:8080", demo.url)
    session = session.replace("curl -s", "curl -sw '\\n'")  # each answer on a line of its own
    done = subprocess.run(
        ["bash", "-euc", session], capture_output=True, text=True, timeout=60, check=True, env=environment()
    )
    first, posted, moved, retracted, back, then = (json.loads(line) for line in done.stdout.splitlines())

    def odesa(answer: dict[str, Any]) -> dict[str, Any]:
        return answer["rows"]["geonames:698740"]

    assert odesa(first)["incidents"] == 1
    assert posted["stream_version"] == 1
    assert odesa(moved)["incidents"] == 2
    assert odesa(moved)["killed"] == {"low": 2, "best": 3, "high": 3}
    assert retracted["stream"] == posted["stream"]
    assert (odesa(back)["incidents"], odesa(back)["restated"]) == (1, True)
    assert odesa(then) == odesa(moved)


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`((?:incidentlog|sql|store)/[\w/.]+)`", README))))
def test_the_paths_it_names_exist(path: str):
    assert (ROOT / path).exists() or (ROOT / "incidentlog" / path).exists()


@pytest.mark.parametrize("path", re.findall(r"\]\((?!http)([^)#]+)[^)]*\)", README))
def test_the_pages_it_links_exist(path: str):
    assert (ROOT / path).exists()


@pytest.mark.parametrize("name", re.findall(r"`make (\w+)`", README))
def test_make_knows_its_targets(name: str):
    assert re.search(rf"^{name}:", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)


def run(*sources: str) -> str:
    """What a program prints that begins with examples as they stand; in a process of its own, as they register things."""
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(sources)],
        cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_new_event_type_is_as_little_work_as_it_says():
    """The class is accepted at the door, and the method learns from it."""
    (added,) = (b for b in blocks("python") if "@event" in b)
    (evolve,) = (b for b in blocks("python") if "def evolve" in b)
    door = """
from types import SimpleNamespace
import orjson
from tests.commands import DOOR, strike
sent = strike(type="strike.claimed", stream="strike:x", data={"by": "UKR"})
learned = Learning().evolve(SimpleNamespace(data=StrikeClaimed(by="RUS")))
print(DOOR.read(orjson.dumps(sent), recorded_by="me").command.type, learned)
"""
    learning = "from typing import Any, Self\nfrom incidentlog.folding.subject import Effective\nclass Learning:\n"
    but = "    def but(self, **changes):\n        return changes\n"
    assert run(added, learning + evolve + but, door) == "strike.claimed {'claimed_by': 'RUS'}"


def test_a_new_projection_is_as_little_work_as_it_says():
    (source,) = (b for b in blocks("python") if "@projection" in b)
    asked = """
import json
from datetime import UTC, datetime
import incidentlog.projections
from incidentlog.folding.afresh import Afresh
from tests.subjects.given import KYIV, given, timeline
rows = Afresh(given(*timeline()), KYIV).rows(StrikesByTarget(), datetime(2026, 6, 1, tzinfo=UTC))
print(json.dumps({key: row["strikes"] for key, row in rows.items()}))
"""
    assert json.loads(run(source, asked)) == {"civilian": 4, "energy": 1, "military": 1, "transport": 1}


def test_every_setting_it_names_is_one_and_may_stand_in_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """By its whole name and without its beginning, as it says."""
    (row,) = (line for line in README.splitlines() if line.startswith("| settings |"))
    named = [name.lower() for name in re.findall(r"`(?:INCIDENTLOG)?_([A-Z_]+)`", row)]
    fields = {field.alias or name: field for name, field in Settings.model_fields.items()}
    assert sorted(named) == sorted(fields)
    monkeypatch.chdir(tmp_path)
    for name in named:
        monkeypatch.delenv(f"INCIDENTLOG_{name.upper()}", raising=False)
    values = {"data_dir": "/var/x", "dsn": "postgresql://h/d", "direct_dsn": "postgresql://h/e", "dsn_read": "postgresql://h/f", "fanout_url": ["nats://h"], "fanout_creds": "/var/y", "pooler": "transaction", "admin_key": "a-key-long-enough", "origin": "log.example/x",
              "log_key": "PRIVATE+KEY+x", "oidc_issuer": "https://issuer.example", "oidc_audience": "incidentlog",
              "basemap": "https://tiles.example/{z}/{x}/{y}.png", "basemap_attribution": "Maps of somebody"}  # fmt: skip
    for written in (str, lambda name: f"INCIDENTLOG_{name.upper()}"):
        lines = []
        for name, field in fields.items():
            value = values.get(name, field.default)
            lines.append(f"{written(name)} = {json.dumps(value)}\n")
        Path("incidentlog.toml").write_text("".join(lines))
        assert set(Settings().sources().values()) == {"incidentlog.toml"}


def test_the_command_line_it_names_is_there():
    done = Terminal(ROOT).run("--help")
    for name in ("serve", "ingest", "events", "projection", "db", "doctor"):
        assert name in done.stdout
