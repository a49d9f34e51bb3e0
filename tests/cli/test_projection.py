import json
import os
import pty
from contextlib import ExitStack
from pathlib import Path
from select import select

import pytest

from tests.cli.acting import LIMIT_SECONDS, Demo, Terminal, interrupted, ndjson, strike, told


def test_rows_are_those_of_rest(demo: Demo, terminal: Terminal):
    rest = demo.get("/v1/projections/city_incidents?group_by=place,kind&kind=strike&at=2025-12-31&at_position=110")
    words = ["--group-by", "place", "--group-by", "kind", "-f", "kind=strike", "--at", "2025-12-31"]
    shown = terminal.data("projection", "show", "city_incidents", *words, "--at-position", "110")
    assert shown == rest
    assert "geonames:698740|strike" in shown["rows"]


def test_one_row_is_that_of_rest(demo: Demo, terminal: Terminal):
    moment = "at=2025-04-20&at_position=110"
    rest = demo.get(f"/v1/projections/ceasefire_status/ceasefire:easter-2025?{moment}")
    shown = terminal.data(
        "projection", "show", "ceasefire_status", "ceasefire:easter-2025", "--at", "2025-04-20", "--at-position", "110"
    )
    assert shown == rest
    assert shown["row"]["state"] == "in_force"


def test_what_was_known_can_be_asked_on_either_basis(terminal: Terminal):
    recorded = terminal.data("projection", "show", "ceasefire_status", "--known-at", "2025-04-01")
    assert recorded["rows"] == {} or recorded["basis"]["position"] == 0
    words = ["--known-at", "2025-04-01", "--basis", "reported"]
    assert "ceasefire:energy-2025" in terminal.data("projection", "show", "ceasefire_status", *words)["rows"]


def test_in_a_pipe_each_row_is_a_line(terminal: Terminal):
    done = terminal.run("projection", "show", "city_incidents", "--group-by", "place", "--at-position", "110")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert {"geonames:698740", "geonames:703448"} <= {row["key"] for row in rows}
    assert done.stderr == ""


def test_a_table_shows_names_and_ranges(terminal: Terminal):
    done = terminal.run("projection", "show", "city_incidents", "--at-position", "110", "-o", "table")
    assert "Sumy" in done.stdout
    assert "120 (117 to 129)" in done.stdout


def test_projections_are_listed(terminal: Terminal):
    listed = {p["name"] for p in terminal.data("projection", "list")["projections"]}
    assert {"ceasefire_status", "city_incidents"} <= listed


@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        (["nosuch"], 3, "no projection is called 'nosuch'"),
        (["city_incidents", "nosuch"], 3, "no row 'nosuch'"),
        (["city_incidents", "--group-by", "nosuch"], 2, "/group_by unknown_dimension"),
        (["city_incidents", "-f", "kind"], 2, "'kind' is no filter"),
        (["city_incidents", "-f", "kind=Strike"], 2, "/kind unknown_value"),
        (["city_incidents", "-f", "country=UKR", "--basis", "reported", "--local"], 2, "/country not_a_country"),
        (["city_incidents", "--at", "yesterday"], 2, "/at not_a_time"),
        (["city_incidents", "--at-position", "-1"], 2, "--at-position"),
        (["city_incidents", "--key", "il_wrong"], 4, "the key is not known"),
        (["city_incidents", "--url", "http://127.0.0.1:1"], 8, "no service at http://127.0.0.1:1"),
        (["city_incidents", "--url", "127.0.0.1:8080"], 2, "is no address"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_refusal_has_its_exit_code_and_says_why(terminal: Terminal, words: list[str], code: int, why: str):
    done = terminal.run("projection", "show", *words)
    assert (done.returncode, done.stdout) == (code, "")
    assert why in done.stderr


def test_a_rebuild_that_is_not_there_is_not_cancelled(terminal: Terminal):
    done = terminal.run("projection", "cancel", "city_incidents")
    assert (done.returncode, done.stdout) == (5, "")
    assert "city_incidents is not being built anew" in done.stderr


def test_watching_tells_the_rows_and_then_every_change(terminal: Terminal):
    with terminal.started(
        "projection", "watch", "city_incidents", "--group-by", "place", "-f", "kind=strike"
    ) as watching:
        snapshot = told(watching)
        assert snapshot["type"] == "snapshot"
        key = "geonames:706483"  # Kharkiv
        before = snapshot["rows"].get(key, {"incidents": 0})["incidents"]
        assert terminal.run("ingest", "-", given=ndjson(strike())).returncode == 0
        update = told(watching)
        assert (update["type"], update["set"][key]["incidents"]) == ("update", before + 1)
        assert interrupted(watching) == 130


def test_watching_goes_on_after_the_service_was_started_again(folder: Path):
    with ExitStack() as stack:
        with Demo(folder / "restarted") as first:
            terminal = Terminal(folder, INCIDENTLOG_URL=first.url, INCIDENTLOG_KEY=first.key)
            watching = stack.enter_context(terminal.started("projection", "watch", "city_incidents"))
            seen = told(watching)["position"]
        with Demo(folder / "restarted", first.url.rpartition(":")[2]):
            assert terminal.run("ingest", "-", given=ndjson(strike())).returncode == 0
            update = told(watching)
            assert (update["type"], update["from"], update["to"]) == ("update", seen, seen + 1)
            assert interrupted(watching) == 130


def test_watching_goes_on_where_it_was_stopped(terminal: Terminal, folder: Path):
    words = ["projection", "watch", "city_incidents", "--group-by", "place", "--resume", str(folder / "watch.json")]
    with terminal.started(*words) as watching:
        seen = told(watching)["position"]
        assert interrupted(watching) == 130
    assert terminal.run("ingest", "-", given=ndjson(strike())).returncode == 0
    with terminal.started(*words) as watching:
        update = told(watching)
        assert (update["type"], update["from"], update["to"]) == ("update", seen, seen + 1)
        assert interrupted(watching) == 130
    other = ["projection", "watch", "talks_ledger", "--resume", str(folder / "watch.json")]
    done = terminal.run(*other)
    assert (done.returncode, done.stdout) == (1, "")
    assert "what was stored is of city_incidents" in done.stderr


def test_on_a_terminal_it_paints_a_table(terminal: Terminal):
    ours, theirs = pty.openpty()
    with terminal.started("projection", "watch", "city_incidents", "-f", "kind=strike", stdout=theirs):
        os.close(theirs)
        painted = b""
        while not (b"city_incidents at" in painted and b"Odesa" in painted):  # a table comes in pieces
            assert select([ours], [], [], LIMIT_SECONDS)[0], painted
            painted += os.read(ours, 65_536)
    os.close(ours)


def test_watching_what_is_not_there_is_refused(terminal: Terminal):
    done = terminal.run("projection", "watch", "nosuch")
    assert done.returncode == 3, done.stderr
