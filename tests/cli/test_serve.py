import json
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from incidentlog.cli import trying
from tests.cli.acting import Demo, Terminal, interrupted, told


def curls(demo: Demo) -> list[str]:
    return [line.strip() for line in demo.guide.splitlines() if line.strip().startswith("curl")]


def typed(line: str) -> str:
    """What a line prints when it is typed as it is."""
    return subprocess.run(["/bin/sh", "-c", line], capture_output=True, text=True, check=True, timeout=60).stdout


@pytest.mark.skipif(shutil.which("curl") is None, reason="the lines are for curl")
def test_the_lines_it_prints_work_as_they_are(demo: Demo):
    ceasefires, cities, report = curls(demo)
    assert "ceasefire:easter-2025" in json.loads(typed(ceasefires))["rows"]
    before = json.loads(typed(cities))["rows"]["geonames:698740"]["incidents"]
    placed = json.loads(typed(report))
    after = json.loads(typed(cities.replace("group_by=place", f"group_by=place&min_position={placed['position']}")))
    assert after["rows"]["geonames:698740"]["incidents"] == before + 1


def test_the_line_to_watch_with_is_one_of_ours(demo: Demo, terminal: Terminal):
    (line,) = (line for line in demo.guide.splitlines() if "projection watch" in line)
    _, *words = shlex.split(line)
    with terminal.started(*words) as watching:
        assert told(watching)["type"] == "snapshot"
        assert interrupted(watching) == 130


def test_the_next_demonstration_knows_the_key_of_the_first(folder: Path):
    with Demo(folder / "again") as first:
        key = first.key
        assert "with 110 events" in first.guide
    with Demo(folder / "again") as second:
        assert second.key == key
        assert "with 110 events" not in second.guide
        assert (folder / "again" / "demo-key").stat().st_mode & 0o777 == 0o600


def test_a_key_of_the_operators_is_never_printed(folder: Path):
    with Demo(folder / "own-key", INCIDENTLOG_ADMIN_KEY="a-key-that-is-secret") as demo:
        assert "a-key-that-is-secret" not in demo.guide + demo.errors
        assert "$INCIDENTLOG_KEY" in demo.guide


def test_a_taken_port_is_told_and_at_a_free_one_it_serves_until_ctrl_c(demo: Demo, terminal: Terminal, folder: Path):
    port = demo.url.rpartition(":")[2]
    done = terminal.run("serve", "--port", port, "--data-dir", str(folder / "port-taken"))
    assert done.returncode == 1
    assert f"port {port} of 127.0.0.1 is taken" in done.stderr
    # The key is told once, by the first start that serves: this was none.
    with terminal.started("serve", "--port", "0", "--data-dir", str(folder / "port-taken")) as serving:
        assert serving.stdout is not None
        assert serving.stdout.readline().startswith("The admin key, told this once: il_")
        assert serving.stdout.readline().startswith("Serving at http://127.0.0.1:")
        assert interrupted(serving) == 0


def test_settings_that_cannot_be_are_all_told(terminal: Terminal):
    done = terminal.run("serve", INCIDENTLOG_PORT="70000", INCIDENTLOG_ZONE="Mars/Base")
    assert done.returncode == 2
    assert "port: " in done.stderr
    assert "zone: " in done.stderr


def test_a_database_that_is_away_is_unavailable(terminal: Terminal):
    dsn = "postgresql://nobody:secret@127.0.0.1:1/x"
    done = terminal.run("serve", "--port", "0", INCIDENTLOG_DSN=dsn, INCIDENTLOG_START_SECONDS="0.1")
    assert done.returncode == 8
    assert "waiting_for_the_database" in done.stderr
    assert "the database does not answer" in done.stderr
    assert "secret" not in done.stderr


def test_the_program_is_called_as_it_can_be_called_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    program = tmp_path / ".venv" / "bin" / "incidentlog"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", [".venv/bin/incidentlog", "demo"])
    monkeypatch.setenv("PATH", "/usr/bin")
    assert trying.program() == ".venv/bin/incidentlog"
    monkeypatch.setenv("PATH", str(program.parent))
    assert trying.program() == "incidentlog"
