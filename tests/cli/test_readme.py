"""What the README says, held to it: the session works as pasted, the examples run, the paths exist."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

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


@pytest.mark.parametrize("path", re.findall(r"\]\((?!http)([^)]+)\)", README))
def test_the_pages_it_links_exist(path: str):
    assert (ROOT / path).exists()


@pytest.mark.parametrize("name", re.findall(r"`make (\w+)`", README))
def test_make_knows_its_targets(name: str):
    assert re.search(rf"^{name}:", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)


def test_a_new_event_type_is_as_little_work_as_it_says():
    """The class, registered where no other test sees it, is accepted as an event's data."""
    from incidentlog.subjects import registry, values
    from incidentlog.subjects.envelope import EventData

    (source,) = (b for b in blocks("python") if "@event" in b)
    own = registry.Registry()
    names: dict[str, Any] = {
        "event": lambda name: registry.event(name, registry=own),
        "EventData": EventData,
        "ActorCode": values.ActorCode,
    }
    exec(source, names)
    found = own.find("strike.claimed")
    assert found is not None
    assert found.categories == ("strike",)
    assert found.model.model_validate({"by": "UKR"}).model_dump() == {"by": "UKR"}


def test_a_new_projection_is_as_little_work_as_it_says():
    from collections.abc import Iterable
    from datetime import UTC, datetime

    from incidentlog.projections.afresh import Afresh
    from incidentlog.projections.shapes import Contribution, Tally
    from incidentlog.subjects.strike import Strike
    from incidentlog.subjects.subject import Subject
    from tests.subjects.given import KYIV, given, timeline

    (source,) = (b for b in blocks("python") if "@projection" in b)
    names: dict[str, Any] = {
        "projection": lambda *_, **__: lambda cls: cls,
        "Tally": Tally, "Strike": Strike, "Subject": Subject, "Contribution": Contribution, "Iterable": Iterable,
    }  # fmt: skip
    exec(source, names)
    rows = Afresh(given(*timeline()), KYIV).rows(names["StrikesByTarget"](), datetime(2026, 6, 1, tzinfo=UTC))
    assert {key: row["strikes"] for key, row in rows.items()} == {
        "civilian": 4, "energy": 1, "military": 1, "transport": 1,
    }  # fmt: skip


def test_the_command_line_it_names_is_there():
    done = Terminal(ROOT).run("--help")
    for name in ("serve", "ingest", "events", "projection", "db", "doctor"):
        assert name in done.stdout
