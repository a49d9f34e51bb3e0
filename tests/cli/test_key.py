"""`incidentlog key`: keys are listed, shown and revoked where the database is, while a service runs on it."""

import json
from typing import Any

from tests.cli.acting import LIMIT_SECONDS, Demo, Terminal
from tests.embedded.acting import eventually


def run(terminal: Terminal, demo: Demo, *words: str) -> Any:
    return terminal.run("key", *words, INCIDENTLOG_DATA_DIR=str(demo.root))


def shown_by(terminal: Terminal, demo: Demo, name: str) -> Any:
    return json.loads(run(terminal, demo, "show", name, "-o", "ndjson").stdout)


def test_a_key_is_listed_shown_and_revoked(demo: Demo, terminal: Terminal):
    key = run(terminal, demo, "create", "to-be-revoked", "--scope", "read", "--clearance", "GREEN").stdout.strip()
    assert terminal.run("events", "list", INCIDENTLOG_KEY=key).returncode == 0
    listed = [json.loads(line) for line in run(terminal, demo, "list", "-o", "ndjson").stdout.splitlines()]
    (found,) = (each for each in listed if each["name"] == "to-be-revoked")
    assert (found["scopes"], found["clearance"], found["revoked_at"]) == ("read", "GREEN", None)
    shown = shown_by(terminal, demo, "to-be-revoked")
    assert {**shown, "last_used_at": None} == {**found, "last_used_at": None}  # it is written down a moment later
    revoked = run(terminal, demo, "revoke", "to-be-revoked")
    assert (revoked.returncode, revoked.stdout) == (0, "")
    assert "the key to-be-revoked is revoked" in revoked.stderr
    again = run(terminal, demo, "revoke", "to-be-revoked")
    assert (again.returncode, "was revoked before" in again.stderr) == (0, True)
    assert shown_by(terminal, demo, "to-be-revoked")["revoked_at"] is not None
    eventually(lambda: terminal.run("events", "list", INCIDENTLOG_KEY=key).returncode == 4, LIMIT_SECONDS)


def test_a_key_that_is_not_there_is_not_found(demo: Demo, terminal: Terminal):
    for words in (("show", "nobody"), ("revoke", "nobody"), ("revoke", "A B")):
        done = run(terminal, demo, *words)
        assert (done.returncode, f"no key is called {words[1]!r}" in done.stderr) == (3, True)


def test_a_key_is_rotated_changed_and_told_of(demo: Demo, terminal: Terminal):
    made = ("create", "to-be-rotated", "--note", "a feed of Odesa", "--expires", "2100-01-01", "--requests", "600")
    before = run(terminal, demo, *made).stdout.strip()
    rotated = run(terminal, demo, "rotate", "to-be-rotated", "--overlap-hours", "1")
    after = rotated.stdout.strip()
    assert after.startswith("il_")
    assert after != before
    assert "opens the same until" in rotated.stderr
    for key in (before, after):
        assert terminal.run("events", "list", INCIDENTLOG_KEY=key).returncode == 0
    done = run(terminal, demo, "change", "to-be-rotated", "--expires", "never", "--requests", "0")
    assert (done.returncode, done.stdout) == (0, "")
    shown = shown_by(terminal, demo, "to-be-rotated")
    assert (shown["note"], shown["expires_at"], shown["requests"]) == ("a feed of Odesa", None, 0)
    assert shown["former_until"]
    eventually(
        lambda: shown_by(terminal, demo, "to-be-rotated")["last_used_at"] is not None, LIMIT_SECONDS
    )  # it is put off
    run(terminal, demo, "revoke", "to-be-rotated")
    for words in (("rotate", "to-be-rotated"), ("change", "to-be-rotated", "--note", "x")):
        again = run(terminal, demo, *words)
        assert (again.returncode, "is revoked" in again.stderr) == (5, True)


def test_how_a_key_cannot_be_looked_after_is_told(demo: Demo, terminal: Terminal):
    for words, says in (
        (("create", "x", "--expires", "soon"), "--expires"),
        (("create", "x", "--expires", "2020-01-01"), "is over"),
        (("create", "x", "--note", "two\nlines"), "one line"),
        (("create", "x", "--requests", "-1"), "requests"),
        (("change", "admin"), "say what to change"),
        (("rotate", "admin", "--overlap-hours", "-1"), "overlap"),
    ):
        done = run(terminal, demo, *words)
        assert (done.returncode, says in done.stderr, done.stdout) == (2, True, ""), (words, done.stderr)
    assert run(terminal, demo, "rotate", "nobody").returncode == 3
    assert run(terminal, demo, "show", "x").returncode == 3
