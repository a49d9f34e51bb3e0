"""Ukrainian names among the gazetteer's alternate ones."""

import json
from importlib.resources import files

import pytest

from incidentlog.places.ukrainian import catalogue, romanised, ukrainian_name


@pytest.mark.parametrize(
    ("name", "latin"),
    [
        ("Миколаїв", "Mykolaiv"), ("Харків", "Kharkiv"), ("Запоріжжя", "Zaporizhzhia"), ("Згурівка", "Zghurivka"),
        ("Кам'янське", "Kamianske"), ("Єнакієве", "Yenakiieve"), ("Біла Церква", "Bila Tserkva"),
    ],
)  # fmt: skip
def test_a_name_is_romanised_as_the_rule_of_2010_says(name: str, latin: str):
    assert romanised(name) == latin


def test_the_ukrainian_name_is_told_from_the_russian_one():
    assert ukrainian_name("Kharkiv", ["Kharkov", "Харков", "Харьков", "Харків"]) == "Харків"
    assert ukrainian_name("Mykolayiv", ["Николаев", "Миколаїв"]) == "Миколаїв"


def test_of_several_that_pass_none_is_taken():
    assert ukrainian_name("Kut", ["Кут", "Куть"]) is None
    assert ukrainian_name("Kut", ["Кутъ"]) is None


def test_the_page_has_what_the_rule_gives():
    kept = json.loads((files("incidentlog") / "page" / "texts" / "places.json").read_text("utf-8"))
    assert kept == catalogue()
