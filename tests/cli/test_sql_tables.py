"""`incidentlog tables`, and the views of it that DuckDB has."""

import json
import re
from pathlib import Path

import pytest

from incidentlog.cli.ending import Failed
from incidentlog.cli.sql_tables import refuse_paths
from incidentlog.folding.shapes import PROJECTIONS
from incidentlog.folding.subject import Subject
from incidentlog.sqlfiles import sql_root
from tests.cli.acting import Demo, Terminal

DOCUMENT = Path(__file__).parents[2] / "docs" / "sql.md"
EXAMPLE = re.compile(r"```sql\n(.*?)```", re.DOTALL)
WHY = "it is in the dependency group 'tools', which only .ci/run installs"
pytest.importorskip("pyarrow", reason=WHY)


@pytest.mark.parametrize(
    ("name", "as_of"), [("../cities", 1), ("/tmp", 1), ("", 1), (None, 1), ("cities", "/.."), ("cities", True)]
)
def test_no_service_has_a_file_written_outside_the_directory(name: str | None, as_of: object):
    refuse_paths(["cities"], 1)
    with pytest.raises(Failed):
        refuse_paths([name], as_of)


def test_there_is_a_view_and_an_as_of_of_every_table():
    text = (sql_root() / "views" / "duckdb.sql").read_text("utf-8")
    tables = {"events", *PROJECTIONS, *(f"subjects_{category}" for category in Subject.families)}
    assert set(re.findall(r"VIEW (\w+) AS FROM every", text)) == tables
    assert set(re.findall(r"MACRO (\w+)_at\(known\)", text)) == tables


def test_duckdb_answers_what_the_service_does_now_and_as_known_before(demo: Demo, terminal: Terminal, tmp_path: Path):
    duckdb = pytest.importorskip("duckdb", reason=WHY)
    folder = tmp_path / "tables"
    before = terminal.data("projection", "show", "city_incidents", "--at-position", "60", "-o", "json")
    for known in (["--known-at", before["basis"].get("known_at", "2025-11-20")], []):
        done = terminal.run("tables", str(folder), *known, "--by", "city_incidents=place,kind")
        assert done.returncode == 0, done.stderr
    assert "already" in terminal.run("tables", str(folder)).stderr
    connection = duckdb.connect()
    connection.execute(f"SET file_search_path = '{folder}'; SET TimeZone = 'UTC'")
    connection.execute((folder / "views.sql").read_text("utf-8"))
    told = terminal.data("projection", "show", "city_incidents", "-o", "json")["rows"].values()
    [(count, killed)] = connection.sql("SELECT sum(incidents), sum(best) FROM city_incidents").fetchall()
    assert (count, killed) == (sum(row["incidents"] for row in told), sum(row["killed"]["best"] or 0 for row in told))
    total = "sum(coalesce(killed_best, killed_low, killed_high))"
    attacks = "SELECT * FROM subjects_strike UNION ALL BY NAME SELECT * FROM subjects_incident"
    assert connection.sql(f"SELECT {total} FROM ({attacks})").fetchall() == [(killed,)]
    bases = connection.sql("SELECT as_of, known_at FROM bases ORDER BY as_of").fetchall()
    assert len(bases) >= 1
    assert connection.sql("SELECT count(*), max(position) FROM events").fetchall() == [(bases[-1][0], bases[-1][0])]
    states = dict(connection.sql("SELECT key, state FROM ceasefire_states").fetchall())
    shown = terminal.data("projection", "show", "ceasefire_status", "-o", "json")["rows"]
    assert states == {key: row.get("state") for key, row in shown.items()}
    for statement in "".join(EXAMPLE.findall(DOCUMENT.read_text("utf-8"))).split(";\n"):
        if statement.strip():
            assert connection.sql(statement).fetchall() or "_at(" in statement, statement
    for name in ("events", "city_incidents", "subjects_talk", "ceasefire_status"):
        assert connection.sql(f"SELECT count(*) FROM {name}_at('2000-01-01')").fetchall() == [(0,)]
        assert connection.sql(f"SELECT count(*) FROM {name}_at('2100-01-01')").fetchall()[0][0] > 0
    assert json.loads((folder / "bases" / f"{bases[-1][0]}.json").read_text("utf-8"))["by"] == "recorded"


@pytest.mark.parametrize("by", ["city_incidents", "nothing=place", "ceasefire_status=key"])
def test_a_grouping_that_is_none_is_refused(demo: Demo, terminal: Terminal, tmp_path: Path, by: str):
    done = terminal.run("tables", str(tmp_path / "none"), "--by", by)
    assert done.returncode == 2
    assert not (tmp_path / "none").exists()
