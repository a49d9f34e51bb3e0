"""The register of Ukraine's settlements, raions and hromadas."""

import csv
from pathlib import Path

import pytest

from incidentlog import places as places_module
from incidentlog.places import bundled
from incidentlog.places.register import HROMADA, RAION, Former, Register, Unit
from incidentlog.places.spelling import romanise

SAMAR = "UA12100070010038698"


@pytest.fixture(scope="module")
def register() -> Register:
    return bundled().register


def test_a_settlement_has_a_name_and_the_names_it_had(register: Register):
    assert (register.name(SAMAR), register.own_name(SAMAR), register.category(SAMAR)) == ("Samar", "Самар", "M")
    assert register.formers(SAMAR) == [Former("Новомосковськ", 2024, 2026)]
    assert register.formers("UA80000000000093317") == []


def test_raions_and_hromadas_are_told_by_the_beginning_of_a_code(register: Register):
    assert register.unit("UA1210") == Unit("UA1210", "Samarivskyi raion")
    assert register.unit("UA1210007") == Unit("UA1210007", "Samarivska hromada")
    assert register.unit("UA12") is None
    assert register.unit(None) is None


@pytest.mark.parametrize(
    "text",
    [
        "UA1210",
        "UA12100000000039307",
        "Самарівський район",
        "Samarivskyi",
        "Новомосковський район",
        "Novomoskovsk raion",
    ],
)
def test_a_raion_is_found_by_code_name_and_former_name(register: Register, text: str):
    assert register.find_units(text, RAION) == ["UA1210"]
    assert register.find_units(text, RAION, ["UA12"]) == ["UA1210"]
    assert register.find_units(text, RAION, ["UA14"]) == []


RAIONS = Path(places_module.__file__).with_name("data") / "ua_raion_centres.csv"


def test_every_raion_is_found_by_its_name_and_its_centre_in_ukrainian_and_in_english(register: Register):
    with RAIONS.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 136
    ambiguous = set()
    for row in rows:
        code, own = row["raion"], register.own_name(row["raion"])
        assert (register.own_name(row["centre"]), row["centre"][:RAION]) == (row["name"], code)
        spellings = [f"{own} район", f"{own} р-н", f"район {row['name']}", f"{row['name']} район"]
        spellings += [
            f"{romanise(name)} {kind}" for name in (own, row["name"]) for kind in ("raion", "Raion", "district")
        ]
        for text in spellings:
            assert register.find_units(text, RAION, [code[:4]]) == [code], text
            if register.find_units(text, RAION) != [code]:
                ambiguous.add(code)
    assert ambiguous == {"UA0512", "UA6804"}  # Khmilnyk and Khmelnytskyi, which only the oblast tells apart


def test_a_hromada_is_found_and_a_raion_is_none(register: Register):
    assert register.find_units("Самарівська територіальна громада", HROMADA, ["UA12"]) == ["UA1210007"]
    assert register.find_units("UA1210", HROMADA) == []
    assert register.find_units("UA9999", RAION) == []
    assert register.find_units("", RAION) == []


def test_the_parents_of_a_code_are_in_the_register(register: Register):
    for place in bundled():
        for unit in (place.admin2, place.admin3):
            assert unit is None or register.unit(unit) is not None
    without = {place.name for place in bundled() if place.katottg and place.admin3 is None}
    assert without >= {"Kyiv", "Sevastopol", "Chornobyl"}
    assert len(without) < 40


def test_no_cell_has_stray_blanks(register: Register):
    names = [register.own_name(place.katottg) for place in bundled() if place.katottg]
    assert [name for name in names if name != " ".join(name.split())] == []
