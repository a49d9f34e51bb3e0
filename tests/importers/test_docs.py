"""What docs/import.md shows does what it says."""

import json
import re
from pathlib import Path

from typer.testing import CliRunner

from incidentlog.cli.app import app
from incidentlog.importers.mapping import Mapping, Value, load_mapping, parse_mapping, presets
from incidentlog.subjects.toll import Toll
from tests.importers.rowing import events_of, imported
from tests.subjects.given import subject_of

DOCS = Path(__file__).parents[2] / "docs"
TEXT = (DOCS / "import.md").read_text("utf-8")


def shown(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)
    assert found
    return found[1]


def test_the_spreadsheet_goes_in_by_the_mapping_beside_it(tmp_path):
    (path := tmp_path / "incidents.csv").write_text(shown("csv"), "utf-8")
    made, account = imported(parse_mapping(shown("toml").encode()), path)
    assert (account.rows, account.refused) == (3, 0), [m.faults for m in made]
    first, second, third = events_of(made)
    assert [e["occurred"]["start"] for e in (first, second, third)] == ["2025-03-05", "2025-03-06", "2025-03-07"]
    assert first["data"] == {"kind": "shelling", "casualties": {"killed": {"best": 3, "qualifier": "at_least"}}}
    assert second["data"] == {"kind": "clash", "casualties": {"killed": {"low": 1, "high": 2}}}
    assert third["data"] == {"kind": "shelling"}
    assert first["private"] == {"Телефон": "555-01"}


def test_it_is_judged_by_the_door_as_the_document_says(tmp_path):
    (sheet := tmp_path / "incidents.csv").write_text(shown("csv"), "utf-8")
    (mapping := tmp_path / "incidents.toml").write_text(shown("toml"), "utf-8")
    done = CliRunner().invoke(app, ["import", str(mapping), str(sheet), "--dry-run"])
    assert done.exit_code == 0, done.stderr
    assert "0 refused" in done.stderr
    assert "3 events would be sent" in done.stderr
    assert "not found" not in done.stderr  # Одеса, Харьков and Kherson, in three languages


def test_a_guessed_mapping_takes_it_too(tmp_path):
    (sheet := tmp_path / "incidents.csv").write_text(shown("csv"), "utf-8")
    guessed = CliRunner().invoke(app, ["import", "--guess", str(sheet)])
    made, account = imported(parse_mapping(guessed.stdout.encode()), sheet)
    assert (account.rows, account.refused) == (3, 0), [m.faults for m in made]
    by_hand = events_of(imported(parse_mapping(shown("toml").encode()), sheet)[0])
    alike = [[e[name] for name in ("occurred", "data", "private")] for e in events_of(made)]
    assert alike == [[e[name] for name in ("occurred", "data", "private")] for e in by_hand]
    assert guessed.stdout.count("CHECK") > 3  # what a person has to look at


def test_totals_that_grow_go_on_one_stream_by_the_mapping_that_is_shown(tmp_path):
    (shown,) = (block for block in re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL) if "losses-of-equipment" in block)
    mapping = parse_mapping(shown.encode())
    rows = [
        {"date": "2022-02-25", "tank": 80, "aircraft": 10, "day": 2},
        {"date": "2022-02-26", "tank": 146, "aircraft": 27, "day": 3},
        {"date": "2022-02-27", "tank": 140, "aircraft": 27, "day": 4},
    ]
    (path := tmp_path / "losses.json").write_text(json.dumps(rows), "utf-8")
    made, account = imported(mapping, path)
    assert (account.rows, account.refused) == (3, 0), [m.faults for m in made]
    totals = subject_of(*events_of(made), kind=Toll, stream="toll:losses-of-equipment").totals
    assert [stated.figure.best for stated in totals["tanks"]] == [80, 146, 140]


def test_actors_of_ones_own_are_named_as_it_shows(tmp_path):
    (shown,) = (
        block for block in re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL) if block.startswith("[[register]]")
    )
    head = """mapping = 1
title = "Sides"
[id]
scheme = "sides"
columns = ["id"]
[when]
start = { column = "day", formats = ["%Y-%m-%d"] }
zone = "Europe/Kyiv"
[[sources]]
source_id = "paper"
title = "A paper"
reliability = "B"
credibility = 2
[[events]]
type = "incident.reported"
[events.data]
kind = "clash"
"""
    (path := tmp_path / "sides.csv").write_text("id,day,side_b\n1,2022-02-25,ДНР\n2,2022-02-26,\n", "utf-8")
    mapping = parse_mapping((head + shown).encode())
    assert [actor.code for actor in mapping.register_] == ["XDPR"]
    made, account = imported(mapping, path)
    assert (account.rows, account.refused) == (2, 0), [m.faults for m in made]
    first, second = events_of(made)
    assert first["actors"] == [{"code": "XDPR", "role": "party"}]
    assert not second.get("actors")


def test_each_mapping_that_comes_along_has_a_page_with_commands_that_are_there():
    commands = (("import",), ("import", "review"))
    options = "".join(CliRunner().invoke(app, [*words, "--help"]).stdout for words in commands)
    for name in presets():
        page = (DOCS / f"import-{name}.md").read_text("utf-8")
        assert f"incidentlog import {name} " in page
        assert set(re.findall(r"--[a-z][a-z-]+", page)) <= set(re.findall(r"--[a-z][a-z-]+", options))
        columns = {c for given in load_mapping(name).columns.values() for c in given} | set(load_mapping(name).optional)
        assert name in {"ndjson", "timemap", "hxl"} or any(f"`{column}`" in page for column in columns)


def test_every_option_table_and_mapping_is_named():
    commands = (("import",), ("import", "undo"), ("import", "review"), ("events", "list"))
    options = "".join(CliRunner().invoke(app, [*words, "--help"]).stdout for words in commands)
    assert set(re.findall(r"--[a-z][a-z-]+", TEXT)) <= set(re.findall(r"--[a-z][a-z-]+", options))
    for name in presets():
        assert f"| `{name}` ([page](import-{name}.md)) |" in TEXT
    for name, spec in Mapping.model_fields.items():
        assert f"{spec.alias or name}" in TEXT or name in {"title", "about", "events_as_they_are"}, name
    for name, spec in Value.model_fields.items():
        assert f"`{spec.alias or name}`" in TEXT or name in {"group", "const"}, name
