import csv
import io
import json
from pathlib import Path

from incidentlog.cli.events import occurred_text
from tests.cli.acting import Demo, Terminal, interrupted, ndjson, strike, told


def test_events_are_listed_in_the_order_of_the_log(demo: Demo, terminal: Terminal):
    listed = terminal.data("events", "list", "--limit", "5")
    assert listed["events"] == demo.get("/v1/events?limit=5")["events"]
    assert [e["position"] for e in listed["events"]] == [1, 2, 3, 4, 5]


def test_filters_are_those_of_rest(demo: Demo, terminal: Terminal):
    words = ["--type", "strike.reported", "--type", "talk.held", "--since", "2025-04-01", "--until", "2025-06-30"]
    rest = demo.get("/v1/events?type=strike.reported&type=talk.held&since=2025-04-01&until=2025-06-30")
    assert terminal.data("events", "list", *words)["events"] == rest["events"]


def test_all_means_all(terminal: Terminal):
    lines = terminal.run("events", "list", "--all", "-o", "ndjson").stdout.splitlines()
    positions = [json.loads(line)["position"] for line in lines]
    assert positions == list(range(1, len(positions) + 1))
    assert len(positions) >= 110


def test_csv_is_read_back(terminal: Terminal):
    done = terminal.run("events", "list", "--limit", "3", "-o", "csv")
    rows = list(csv.DictReader(io.StringIO(done.stdout, newline="")))
    assert [row["position"] for row in rows] == ["1", "2", "3"]
    assert rows[0]["occurred_start"] == "2022-02-28"


def test_a_table_shows_a_time_on_the_logs_day_with_its_offset_and_a_date_as_a_date():
    timed = {"date_start": "2025-11-20", "date_end": "2025-11-20", "start": "2025-11-20T00:30:00+02:00", "end": None}
    days = {"date_start": "2025-12-14", "date_end": "2025-12-15", "start": None, "end": None}
    unknown = dict.fromkeys(timed)
    sent = {"start": "2025-11-19T22:30:00Z"}
    shown = [occurred_text({"occurred": sent, "local": local}) for local in (timed, days, unknown)]
    assert shown == ["2025-11-20T00:30:00+02:00", "2025-12-14 to 2025-12-15", "2025-11-19T22:30:00Z"]


def test_one_event_is_shown_whole(demo: Demo, terminal: Terminal):
    event = demo.get("/v1/events?limit=1")["events"][0]
    assert terminal.data("events", "show", event["id"]) == event
    assert event["stream"] in terminal.run("events", "show", event["id"], "-o", "table").stdout


def test_an_event_that_is_not_there_is_not_found(terminal: Terminal):
    assert terminal.run("events", "show", "00000000-0000-0000-0000-000000000000").returncode == 3
    assert terminal.run("events", "show", "../../livez").returncode == 3


def test_what_comes_is_told_as_it_comes(terminal: Terminal):
    words = ["--after", "109", "--type", "strike.reported", "--type", "strike.assessed"]
    with terminal.started("events", "tail", *words) as tail:
        event = strike()
        assert terminal.run("ingest", "-", given=ndjson(event)).returncode == 0
        positions = [109]
        while (line := told(tail))["id"] != event["id"]:
            positions.append(line["position"])
        assert positions == sorted(set(positions))
        assert interrupted(tail) == 130


def test_the_log_is_followed_on_from_where_it_was_stopped(terminal: Terminal, folder: Path):
    words = ["events", "tail", "--after", "100", "--resume", str(folder / "tail.json")]
    event, later = strike(), strike()
    with terminal.started(*words) as tail:
        assert terminal.run("ingest", "-", given=ndjson(event)).returncode == 0
        positions = [100]
        while (line := told(tail))["id"] != event["id"]:
            positions.append(line["position"])
        assert interrupted(tail) == 130
    assert positions == list(range(100, line["position"]))
    assert terminal.run("ingest", "-", given=ndjson(later)).returncode == 0
    with terminal.started(*words) as tail:
        assert told(tail)["id"] == later["id"]
        assert interrupted(tail) == 130


def test_what_never_ends_is_not_written_as_one_json(terminal: Terminal):
    assert terminal.run("events", "tail", "-o", "json").returncode == 2
