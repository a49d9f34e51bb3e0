"""One event is appended, amended, retracted and merged at the terminal, and its subject shown."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.acting import Terminal, environment, strike


def killed(terminal: Terminal, stream: str, *more: str) -> object:
    done = terminal.run("subject", "show", stream, "-o", "json", *more)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["state"]["casualties"]["killed"]["best"]


def test_an_event_is_appended_amended_retracted_and_reinstated(terminal: Terminal):
    event = strike(stream="strike:typed-1")
    event["data"] = {**event["data"], "casualties": {"killed": {"best": 2}}}
    (terminal.folder / "event.json").write_text(json.dumps(event))
    done = terminal.run("event", "append", "event.json", "-o", "json")
    assert done.returncode == 0, done.stderr
    placed = json.loads(done.stdout)
    assert placed["id"] == event["id"]
    # Given again it is the same; what is meant for it later names it by its id.
    assert (
        json.loads(terminal.run("event", "append", "event.json", "-o", "json").stdout)["position"] == placed["position"]
    )
    assert killed(terminal, "strike:typed-1") == 2

    patch = '{"data": {"casualties": {"killed": {"best": 3}}}}'
    own = ("--id", "0198c0de-0000-7000-8000-0000000000aa")
    words = ("event", "amend", event["id"], patch, "--reason", "a slip", *own, "-o", "json")
    done = terminal.run(*words)
    assert done.returncode == 0, done.stderr
    assert terminal.run(*words).stdout == done.stdout.replace('"duplicate": false', '"duplicate": true')
    assert killed(terminal, "strike:typed-1") == 3
    (terminal.folder / "patch.json").write_text(patch.replace("3", "4"))
    assert terminal.run("event", "amend", event["id"], "@patch.json", "--reason", "another").returncode == 0
    assert terminal.run("event", "amend", event["id"], "-", "--reason", "x", given=patch).returncode == 0
    assert killed(terminal, "strike:typed-1") == 3

    done = terminal.run("event", "retract", event["id"], "--reason", "it was not there", "--tlp", "GREEN", "-o", "json")
    assert done.returncode == 0, done.stderr
    shown = json.loads(terminal.run("subject", "show", "strike:typed-1", "-o", "json").stdout)
    assert shown["state"]["is_current"] is False
    assert terminal.run("event", "retract", json.loads(done.stdout)["id"], "--reason", "it was").returncode == 0
    assert killed(terminal, "strike:typed-1") == 3


def test_two_records_are_merged_and_the_absorbed_leads_to_the_survivor(terminal: Terminal):
    for n in ("a", "b"):
        assert (
            terminal.run("event", "append", "-", given=json.dumps(strike(stream=f"strike:merged-{n}"))).returncode == 0
        )
    done = terminal.run("event", "merge", "strike:merged-a", "strike:merged-b", "--reason", "one strike")
    assert done.returncode == 0, done.stderr
    shown = json.loads(terminal.run("subject", "show", "strike:merged-b", "-o", "json").stdout)
    assert shown["stream"] == "strike:merged-a"
    listed = terminal.run("subject", "list", "--category", "strike", "--all", "-o", "json")
    assert listed.returncode == 0, listed.stderr
    streams = [subject["stream"] for subject in json.loads(listed.stdout)["subjects"]]
    assert "strike:merged-a" in streams
    assert {stream.partition(":")[0] for stream in streams} == {"strike"}
    assert len(terminal.run("subject", "list", "--limit", "3", "-o", "ndjson").stdout.splitlines()) == 3
    table = terminal.run("subject", "list", "--category", "strike", "--limit", "1", "-o", "csv").stdout.splitlines()
    assert [line.partition(",")[0] for line in table] == ["stream", streams[0]]
    assert terminal.run("subject", "show", "strike:merged-a", "-o", "table").stdout
    history = terminal.run("subject", "show", "strike:merged-a", "--history", "-o", "ndjson")
    assert len(history.stdout.splitlines()) >= 2
    assert terminal.run("subject", "show", "strike:nobody-knows").returncode == 3


def test_the_patchs_shape_is_in_the_help(terminal: Terminal):
    told = " ".join(terminal.run("event", "amend", "--help").stdout.split())
    assert "JSON merge patch (RFC 7396)" in told
    for member in ("occurred", "place", "actors", "data"):
        assert f'"{member}"' in told


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("append", "nowhere.json"), 3, "nowhere.json is not there"),
        (("append", "."), 2, ". cannot be read: Is a directory"),
        (("append", "picture.png"), 2, "picture.png is no UTF-8 text"),
        (("append", "list.json"), 2, "list.json is no JSON object"),
        (("append", "empty.json"), 2, "empty.json is no JSON"),
        (("amend", "x", "@nowhere.json", "--reason", "x"), 3, "nowhere.json is not there"),
        (("amend", "x", "{", "--reason", "x"), 2, "the patch is no JSON"),
        (("amend", "x", "{}", "--reason", "x"), 1, "/data"),
        (("retract", "0198c0de-0000-7000-8000-00000000ffff", "--reason", "x"), 1, "/data/target"),
    ],
)
def test_what_cannot_be_is_told_in_a_line_or_two(terminal: Terminal, words: tuple[str, ...], code: int, says: str):
    (terminal.folder / "picture.png").write_bytes(b"\x89PNG\r\n")
    (terminal.folder / "list.json").write_text("[]")
    (terminal.folder / "empty.json").write_text("")
    done = terminal.run("event", *words)
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) <= 4


def test_a_shell_completes_commands_and_options():
    folder = Path(sys.executable).parent
    lines = """
eval "$(incidentlog completion bash)"
COMP_WORDS=(incidentlog back) COMP_CWORD=1
_incidentlog_completion incidentlog
echo "${COMPREPLY[@]}"
COMP_WORDS=(incidentlog event amend --rea) COMP_CWORD=3
_incidentlog_completion incidentlog
echo "${COMPREPLY[@]}"
"""
    done = subprocess.run(
        ["bash", "-euc", lines], capture_output=True, text=True, timeout=60, check=True,
        env=environment(PATH=f"{folder}:/usr/bin:/bin"),
    )  # fmt: skip
    assert done.stdout.split() == ["backup", "--reason"]
