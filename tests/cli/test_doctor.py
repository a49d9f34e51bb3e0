import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from incidentlog.zones import packaged
from tests.cli.acting import Demo, Terminal


def checks(terminal: Terminal, **variables: str) -> tuple[int, dict[str, dict[str, str]]]:
    done = terminal.run("doctor", "-o", "ndjson", **variables)
    return done.returncode, {c["check"]: c for c in (rename(json.loads(line)) for line in done.stdout.splitlines())}


def rename(check: dict[str, str]) -> dict[str, str]:
    return {"check": check["name"], **check}


def test_a_service_that_runs_is_well(demo: Demo, terminal: Terminal):
    port = demo.url.rpartition(":")[2]
    code, found = checks(terminal, INCIDENTLOG_DATA_DIR=str(demo.root), INCIDENTLOG_PORT=port)
    assert code == 0, found
    assert found["service"]["detail"].startswith(f"answers at {demo.url}")
    assert {"python", "gazetteer", "postgresql", "database", "clock", "migrations", "recorded", "roles"} <= set(found)
    assert found["zone data"]["detail"].startswith(packaged().id)
    assert found["days"]["detail"] == f"the log counts them in Europe/Kyiv, by the zone data {packaged().id}"
    assert found["signing"]["detail"].endswith(", here")
    assert {check["status"] for check in found.values()} == {"ok"}


def test_what_is_in_the_way_of_signing_is_told_beside_a_service_that_is_stopped(folder: Path, terminal: Terminal):
    with Demo(folder / "signed") as demo:
        pass
    at = {"INCIDENTLOG_DATA_DIR": str(demo.root), "INCIDENTLOG_PORT": "0"}
    kept = demo.root / "log" / "incidentlog"
    state = (kept / "state.json").read_bytes()
    for content, told in ((None, "there is a key, but no "), (state[:40], "cannot be read")):
        (kept / "state.json").unlink()
        if content is not None:
            (kept / "state.json").write_bytes(content)
        code, found = checks(terminal, **at)
        assert (code, found["signing"]["status"]) == (1, "fail")
        assert told in found["signing"]["detail"]
        (kept / "state.json").write_bytes(state)
    (kept / "contradiction.json").write_text('{"kind": "changed", "detail": "position 7: not what was sealed"}')
    code, found = checks(terminal, **at)
    assert (code, found["signing"]["status"]) == (1, "fail")
    assert "tampered: position 7: not what was sealed" in found["signing"]["detail"]
    assert (kept / "contradiction.json").exists()
    (kept / "contradiction.json").unlink()
    code, found = checks(terminal, INCIDENTLOG_ZONE="Asia/Tokyo", INCIDENTLOG_ORIGIN="log.example.org/a", **at)
    assert (code, found["days"]["status"], found["signing"]["status"]) == (0, "warn", "warn")
    assert "INCIDENTLOG_ZONE=Asia/Tokyo does not count" in found["days"]["detail"]
    assert "INCIDENTLOG_ORIGIN=log.example.org/a does not count" in found["signing"]["detail"]


def test_before_the_first_start_it_makes_nothing(folder: Path, terminal: Terminal):
    code, found = checks(terminal, INCIDENTLOG_DATA_DIR=str(folder / "nosuch"), INCIDENTLOG_PORT="0")
    assert code == 0, found
    assert "first start" in found["database"]["detail"]
    assert not (folder / "nosuch").exists()


def test_what_is_left_of_data_is_no_place_for_a_new_log(folder: Path, terminal: Terminal):
    """Whoever lost a file of the data is not told that the first start makes them."""
    (folder / "harmed" / "pg-18").mkdir(parents=True)
    (folder / "harmed").chmod(0o711)
    (folder / "harmed" / "pg-18" / "base").mkdir()
    if os.geteuid() == 0:
        os.chown(folder / "harmed" / "pg-18", 65534, 65534)
    at = {"INCIDENTLOG_DATA_DIR": str(folder / "harmed"), "INCIDENTLOG_PORT": "0"}
    code, found = checks(terminal, **at)
    assert (code, found["database"]["status"]) == (1, "fail")
    assert "neither empty nor a data directory" in found["database"]["detail"]
    done = terminal.run("verify", **at)
    assert (done.returncode, "neither empty nor a data directory" in done.stderr) == (8, True)


def test_what_is_missing_is_told_and_the_rest_is_looked_at_all_the_same(folder: Path, terminal: Terminal):
    (folder / "a-file").touch()
    code, found = checks(
        terminal,
        INCIDENTLOG_DATA_DIR=str(folder / "a-file" / "data"),
        INCIDENTLOG_PG_BIN=str(folder / "nothing"),
        INCIDENTLOG_PORT="0",
    )
    assert code == 1
    assert found["data directory"]["status"] == found["postgresql"]["status"] == "fail"
    assert found["gazetteer"]["status"] == "ok"


def test_a_database_that_is_away_is_told_without_its_password(terminal: Terminal):
    code, found = checks(terminal, INCIDENTLOG_DSN="postgresql://nobody:secret@127.0.0.1:1/x", INCIDENTLOG_PORT="0")
    assert code == 1
    assert found["database"]["status"] == "fail"
    assert "secret" not in found["database"]["detail"]


def test_a_port_in_other_hands_is_told(terminal: Terminal, folder: Path):
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as other:
        Thread(target=other.serve_forever, daemon=True).start()
        port = str(other.server_address[1])
        code, found = checks(terminal, INCIDENTLOG_DATA_DIR=str(folder / "nosuch"), INCIDENTLOG_PORT=port)
        other.shutdown()
    assert code == 1
    assert "taken by something else" in found["service"]["detail"]
