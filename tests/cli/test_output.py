import csv
import io

import pytest

from incidentlog.cli.ending import BY_STATUS, Code, Refused, printable
from incidentlog.cli.options import Output
from incidentlog.cli.output import write
from incidentlog.cli.tables import cell, table
from incidentlog.errors import PROBLEMS


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "-"),
        ({"low": 7, "best": 8, "high": 9}, "8 (7 to 9)"),
        ({"low": 8, "best": 8, "high": 8}, "8"),
        ({"low": None, "best": 8, "high": None}, "8"),
        ({"low": 7, "best": None, "high": None}, "7 to -"),
        ({"RUS": "agreed", "UKR": None}, "RUS agreed"),
        ({"by_claimant": {}}, "-"),
        (["a", "b"], "a, b"),
        (True, "yes"),
        ("x" * 100, "x" * 59 + "…"),
        ("two\nlines", "two lines"),
    ],
)
def test_a_cell_is_short_and_says_what_is_known(value: object, shown: str):
    assert cell(value) == shown


def test_a_table_shows_what_fits_and_says_what_does_not():
    rows = [
        {"key": "k" * 20, "place": "k" * 20, "name": "Odesa", "a": 1, "b": {"x": "y" * 50}, "c": None, "d": "z" * 30}
    ] * 3
    made = table(rows, width=40, height=2)
    assert [str(column.header) for column in made.columns] == ["name", "key", "a"]
    assert str(made.caption) == "1 more below. Not shown: b, d (-o json has all)."


def test_what_other_people_wrote_cannot_steer_the_terminal():
    assert printable("\x1b[2Jgone\x07 Одеса") == "\\x1b[2Jgone\\x07 Одеса"


def test_csv_has_a_column_for_each_leaf_and_nothing_that_a_spreadsheet_runs(capsys: pytest.CaptureFixture[str]):
    rows = [{"key": "=1+1", "killed": {"best": 3}, "n": -2}, {"key": "a,b", "killed": {"best": None}, "list": ["x"]}]
    write(rows, Output.CSV)
    told = list(csv.reader(io.StringIO(capsys.readouterr().out, newline="")))
    assert told == [["key", "killed.best", "n", "list"], ["'=1+1", "3", "-2", ""], ["a,b", "", "", '["x"]']]


def test_every_problem_of_the_service_has_an_exit_code():
    codes = {problem.slug: BY_STATUS.get(problem.status, Code.FAILURE) for problem in PROBLEMS}
    assert codes["not-found"] is Code.NOT_FOUND
    assert codes["unauthenticated"] is codes["forbidden"] is Code.AUTH
    assert codes["id-conflict"] is codes["wrong-version"] is Code.CONFLICT
    assert codes["unavailable"] is codes["overloaded"] is codes["projection-lagging"] is Code.UNAVAILABLE
    assert codes["bad-request"] is Code.USAGE


def test_a_refusal_lists_its_faults():
    problem = {"title": "No", "detail": "2 faults", "errors": [{"pointer": "/a", "code": "b", "detail": "c"}]}
    assert str(Refused(422, problem)) == "No: 2 faults\n  /a b: c"
