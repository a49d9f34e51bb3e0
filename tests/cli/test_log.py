"""Signing, exporting and verifying at the terminal, beside a service that runs."""

import json
from pathlib import Path
from urllib.request import urlopen

from tests.cli.acting import Demo, Terminal


def test_an_export_and_the_log_itself_are_verified(demo: Demo, terminal: Terminal, folder: Path):
    at = {"INCIDENTLOG_DATA_DIR": str(demo.root)}
    (folder / "log.vkey").write_text(demo.get("/v1/log/key")["vkey"])
    with urlopen(f"{demo.url}/log/checkpoint", timeout=60) as answer:
        (folder / "kept").write_bytes(answer.read())
    done = terminal.run("verify", "--previous", "kept", "-o", "json", **at)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["verified"]
    done = terminal.run("export", "taken", "--filter", "category=strike", "--purpose", "a test", **at)
    assert (done.returncode, done.stdout) == (0, "taken\n"), done.stderr
    exported = json.loads((folder / "taken/manifest.json").read_text())
    assert exported["filters"] == {"category": ["strike"]}
    done = terminal.run("verify", "taken", "--vkey", "log.vkey", "--previous", "kept", "-o", "json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["leaves"] == exported["counts"]["leaves"]
    assert json.loads(done.stdout)["said_by_the_exporter"]["exporter"]["purpose"] == "a test"
    told = terminal.run("events", "list", "--category", "audit", "-o", "json")
    last = json.loads(told.stdout)["events"][-1]
    assert (last["type"], last["data"]["purpose"], last["recorded_by"]) == ("audit.exported", "a test", "export")
    # What is changed is found, by position, with its own exit code.
    lines = (folder / "taken/events.ndjson").read_bytes().splitlines(keepends=True)
    (folder / "taken/events.ndjson").write_bytes(b"".join([*lines[:6], *lines[7:]]))
    done = terminal.run("verify", "taken", "--vkey", "log.vkey", "--evidence", "evidence.json")
    assert done.returncode == 7
    assert "after position 6 comes 8" in done.stderr
    assert json.loads((folder / "evidence.json").read_text())["position"] == 7
    # It does not write over what is there, and takes no key from what it checks.
    assert terminal.run("export", "taken", **at).returncode == 5
    assert terminal.run("verify", "taken").returncode == 2
    assert terminal.run("verify", "taken", "--vkey", "nowhere").returncode == 3
    assert terminal.run("export", "other", "--filter", "nonsense=1", **at).returncode == 2
    # What the log cannot be told of is not left there, whole as it is.
    done = terminal.run("export", "other", "--purpose", "long " * 1_000, **at)
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert "/data/purpose" in done.stderr
    assert not (folder / "other").exists()


def test_a_log_that_another_key_signs_than_the_one_given_is_not_verified(demo: Demo, terminal: Terminal, folder: Path):
    """Who holds the machine can sign all anew, and put its own key beside the log: a key from elsewhere shows it."""
    at = {"INCIDENTLOG_DATA_DIR": str(demo.root)}
    vkey = demo.get("/v1/log/key")["vkey"]
    (folder / "log.vkey").write_text(vkey)
    other = terminal.run("log", "keygen", vkey.partition("+")[0], "--out", "other.key")
    (folder / "other.vkey").write_text(other.stdout)
    done = terminal.run("verify", "--vkey", "log.vkey", **at)
    assert done.returncode == 0, done.stderr
    done = terminal.run("verify", "--vkey", "other.vkey", **at)
    assert (done.returncode, done.stdout) == (7, "")
    assert f"the log is signed by {vkey}, none of the keys given" in done.stderr
    done = terminal.run("verify", "--vkey", "other.vkey", "--vkey", "log.vkey", **at)
    assert done.returncode == 0, done.stderr
    # The wrong key proves nothing against the log, which goes on signing.
    with urlopen(f"{demo.url}/readyz", timeout=60) as answer:
        assert answer.status == 200


def test_a_log_at_work_is_neither_begun_again_nor_forked(demo: Demo, terminal: Terminal):
    at = {"INCIDENTLOG_DATA_DIR": str(demo.root)}
    again, forked = terminal.run("log", "init", **at), terminal.run("log", "fork", **at)
    assert (again.returncode, forked.returncode) == (5, 5)
    assert "already" in again.stderr
    assert "stop it first" in forked.stderr


def test_a_log_that_verifies_is_forked_only_when_that_is_told_twice(folder: Path, terminal: Terminal):
    with Demo(folder / "to-fork") as demo:
        vkey = demo.get("/v1/log/key")["vkey"]
    at = {"INCIDENTLOG_DATA_DIR": str(demo.root)}
    for words in ((), ("--yes",)):
        done = terminal.run("log", "fork", *words, **at)
        assert (done.returncode, done.stdout) == (5, "")
        assert "the log verifies up to position 110" in done.stderr
        assert f"the key {vkey} verifies nothing that is signed after the fork" in done.stderr
        assert "nothing was forked; --force does it nevertheless" in done.stderr
    done = terminal.run("log", "fork", "--force", **at)  # nobody can be asked
    assert (done.returncode, done.stdout) == (5, "")
    assert "say --force --yes" in done.stderr
    done = terminal.run("log", "fork", "--force", "--yes", **at)
    assert done.returncode == 0, done.stderr
    assert "what will no longer verify" in done.stderr
    assert "this is fork 1" in done.stderr
    assert done.stdout.strip() != vkey


def test_a_witness_runs_with_a_key_of_its_own(terminal: Terminal, demo: Demo, folder: Path):
    made = terminal.run("log", "keygen", "witness.example/w1", "--witness", "--out", "witness.key")
    assert made.returncode == 0, made.stderr
    assert made.stdout.startswith("witness.example/w1+")
    assert (folder / "witness.key").stat().st_mode & 0o777 == 0o600
    assert terminal.run("log", "keygen", "w", "--witness", "--out", "witness.key").returncode == 5
    vkey = demo.get("/v1/log/key")["vkey"]
    words = ("log", "witness", "--key", "witness.key", "--log", vkey, "--port", "0")
    with terminal.started(*words) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("Witnessing at http://127.0.0.1:")
    assert terminal.run(*words[:4], "--log", "nonsense").returncode == 2
