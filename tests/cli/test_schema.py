"""`incidentlog schema`."""

import json
from pathlib import Path

from incidentlog.subjects import EVENTS
from tests.cli.acting import Terminal


def test_the_schema_of_a_type_is_shown():
    told = json.loads(Terminal(Path()).run("schema", "strike.reported").stdout)
    assert told["properties"]["type"]["const"] == "strike.reported"
    assert "data" in told["required"]


def test_all_types_are_listed():
    assert Terminal(Path()).run("schema").stdout.split() == sorted(EVENTS.newest)


def test_a_type_that_is_none_is_told_with_the_nearest():
    done = Terminal(Path()).run("schema", "strike.reportd")
    assert (done.returncode, done.stdout) == (3, "")
    assert "did you mean strike.reported?" in done.stderr
    assert Terminal(Path()).run("schema", "strike.reported", "--version", "9").returncode == 3
