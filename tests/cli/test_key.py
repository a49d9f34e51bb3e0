"""`incidentlog key`: keys are listed, shown and revoked where the database is, while a service runs on it."""

import json
from typing import Any

from tests.cli.acting import Demo, Terminal


def run(terminal: Terminal, demo: Demo, *words: str) -> Any:
    return terminal.run("key", *words, INCIDENTLOG_DATA_DIR=str(demo.root))


def test_a_key_is_listed_shown_and_revoked(demo: Demo, terminal: Terminal):
    key = run(terminal, demo, "create", "to-be-revoked", "--scope", "read", "--clearance", "GREEN").stdout.strip()
    assert terminal.run("events", "list", INCIDENTLOG_KEY=key).returncode == 0
    listed = [json.loads(line) for line in run(terminal, demo, "list", "-o", "ndjson").stdout.splitlines()]
    (found,) = (each for each in listed if each["name"] == "to-be-revoked")
    assert (found["scopes"], found["clearance"], found["revoked_at"]) == ("read", "GREEN", None)
    (shown,) = json.loads(run(terminal, demo, "show", "to-be-revoked", "-o", "json").stdout)
    assert shown == found
    revoked = run(terminal, demo, "revoke", "to-be-revoked")
    assert (revoked.returncode, revoked.stdout) == (0, "")
    assert "the key to-be-revoked is revoked" in revoked.stderr
    again = run(terminal, demo, "revoke", "to-be-revoked")
    assert (again.returncode, "was revoked before" in again.stderr) == (0, True)
    assert json.loads(run(terminal, demo, "show", "to-be-revoked", "-o", "ndjson").stdout)["revoked_at"] is not None
    # Each command takes longer than the service needs to notice.
    assert terminal.run("projection", "list", INCIDENTLOG_KEY=key).returncode in {0, 4}  # the demo is open to all
    assert terminal.run("events", "list", INCIDENTLOG_KEY=key).returncode == 4


def test_a_key_that_is_not_there_is_not_found(demo: Demo, terminal: Terminal):
    for words in (("show", "nobody"), ("revoke", "nobody"), ("revoke", "A B")):
        done = run(terminal, demo, *words)
        assert (done.returncode, f"no key is called {words[1]!r}" in done.stderr) == (3, True)
