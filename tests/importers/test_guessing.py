"""A new user's spreadsheet: from a guessed mapping to all rows in, by what docs/import.md says."""

import re
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from incidentlog.cli.app import app
from incidentlog.errors import BadRequest
from incidentlog.importers.guessing import guess
from incidentlog.importers.mapping import parse_mapping
from tests.importers.rowing import SLICES, events_of, imported

SHEET = SLICES / "new_users_spreadsheet.csv"


def guessed(folder: Path, text: str, name: str = "rows.csv", encoding: str = "utf-8") -> str:
    (path := folder / name).write_text(text, encoding)
    return guess(str(path))


def taken(folder: Path, text: str, mapping: str | None = None) -> list[dict[str, Any]]:
    """The events of a text by the mapping that is guessed for it; every row has to give some."""
    made, account = imported(parse_mapping((mapping or guessed(folder, text)).encode()), folder / "rows.csv")
    assert account.refused == 0, [m.faults for m in made]
    return events_of(made)


def tried(mapping: Path) -> str:
    done = CliRunner().invoke(app, ["import", str(mapping), str(SHEET), "--dry-run"])
    return done.stderr.replace("\n", " ")


def test_three_hundred_rows_of_a_new_user_are_in_after_two_rounds(tmp_path: Path):
    done = CliRunner().invoke(app, ["import", "--guess", str(SHEET)])
    assert done.exit_code == 0, done.stderr
    (mapping := tmp_path / "ours.toml").write_text(done.stdout, "utf-8")

    first = tried(mapping)
    assert "300 rows in" in first
    assert "37 refused" in first
    assert "Поранено: refused: 'кілька' is no whole number" in first
    assert '# CHECK: no figure: "кілька" (37). Add it to missing' in done.stdout
    assert "not found" not in first  # in two languages, with districts in brackets, with and without a word before

    mapping.write_text(done.stdout.replace("missing = [", 'missing = ["кілька", '), "utf-8")
    second = tried(mapping)
    assert "0 refused" in second
    assert "300 events would be sent" in second


def test_what_the_new_user_meant_is_what_is_taken_in(tmp_path: Path):
    mapping = guess(str(SHEET)).replace("missing = [", 'missing = ["кілька", ')
    made, _ = imported(parse_mapping(mapping.encode()), SHEET)
    events = events_of(made)
    days = [date.fromisoformat(event["occurred"]["start"]) for event in events]
    assert days == [date.fromordinal(date(2025, 1, 3).toordinal() + n // 2) for n in range(300)]
    assert [event["type"] for event in events[:3]] == ["incident.reported", "incident.reported", "strike.reported"]
    assert events[1]["place"] == {
        "name": "Харьков", "country": "UA", "admin1": "Харьковская область", "precision": "settlement",
    }  # fmt: skip
    assert "Населений пункт: Харьков (Салтовский район)" in events[1]["notes"]
    assert events[1]["private"] == {"Телефон": "+38 050 555 0001"}
    assert events[2]["data"] == {
        "means": ["drone"],
        "target_class": "unknown",
        "casualties": {"killed": {"best": 3, "qualifier": "at_least"}, "injured": {"best": 7, "qualifier": "up_to"}},
    }


def test_the_spreadsheet_is_what_its_script_writes():
    script = Path(__file__).parents[1] / "data" / "make_spreadsheet.py"
    done = subprocess.run([sys.executable, str(script)], check=True, capture_output=True, timeout=60)
    assert done.stdout == SHEET.read_bytes()


def test_a_day_that_could_be_a_month_is_left_to_a_person(tmp_path: Path):
    told = guessed(tmp_path, "id,date,city\n1,05/03/2025,Odesa\n2,06/03/2025,Kyiv\n")
    assert "# CHECK: nobody can tell which of 05/03/2025 is the day: add %d/%m/%Y or %m/%d/%Y." in told
    assert "formats" not in re.sub("#.*", "", told)
    sure = guessed(tmp_path, "id,date,city\n1,05/03/2025,Odesa\n2,03/25/2025,Kyiv\n")
    assert 'formats = ["%m/%d/%Y"]' in sure


def test_lines_above_the_header_totals_below_and_an_old_encoding_are_seen(tmp_path: Path):
    text = "Звіт\n\n№;Дата;Місто;Загинуло\n1;05.03.2025;Одеса;1\n2;06.03.2025;Київ;2\nРазом;;;3\n"
    mapping = guessed(tmp_path, text, encoding="cp1251")
    assert [event["data"]["casualties"]["killed"] for event in taken(tmp_path, text, mapping)] == [
        {"best": 1},
        {"best": 2},
    ]


def test_without_an_id_of_their_own_rows_are_told_apart_by_what_tells_them_apart(tmp_path: Path):
    text = "date,city,what happened\n2025-03-05,Odesa,shelling\n2025-03-05,Odesa,clash\n"
    assert len({event["id"] for event in taken(tmp_path, text)}) == 2


def test_points_with_a_decimal_comma_and_a_country_are_taken(tmp_path: Path):
    text = "id;date;city;country;lat;lon\n1;2025-03-05;Odesa;Ukraine;46,48;30,73\n"
    (event,) = taken(tmp_path, text)
    assert event["place"] == {
        "name": "Odesa", "country": "UA", "lat": 46.48, "lon": 30.73, "precision": "settlement",
    }  # fmt: skip


@pytest.mark.parametrize(("name", "text"), [("rows.json", "[]"), ("rows.csv", ""), ("rows.csv", "id,date\n")])
def test_what_is_no_spreadsheet_is_refused(tmp_path: Path, name: str, text: str):
    with pytest.raises(BadRequest):
        guessed(tmp_path, text, name)


def test_what_a_column_is_for_is_told_by_its_cells_where_its_header_does_not_say(tmp_path: Path):
    text = "№;Подробиці;Коли це;Н.п.\n1;артобстріл;1.2.2025;Суми\n2;удар дрона;2.2.2025;Суми\n3;обстрел;3.2.2025;Суми\n"
    mapping = guessed(tmp_path, text)
    assert 'start = { column = "Коли це"' in mapping
    strike, shelling = (next(e for e in taken(tmp_path, text, mapping) if e["type"] == t) for t in (
        "strike.reported", "incident.reported",
    ))  # fmt: skip
    assert (strike["data"]["means"], shelling["data"]["kind"]) == (["drone"], "shelling")
