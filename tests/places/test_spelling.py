"""How Ukrainian names are written in the field's letters, and which spellings are one name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incidentlog.places import bundled, normalise
from incidentlog.places.spelling import romanise, skeleton, skeletons


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("Миколаїв", "Mykolaiv"),
        ("Авдіївка", "Avdiivka"),
        ("Запоріжжя", "Zaporizhzhia"),
        ("Кривий Ріг", "Kryvyi Rih"),
        ("Київ", "Kyiv"),
        ("Слов’янськ", "Sloviansk"),
        ("Єнакієве", "Yenakiieve"),
        ("Їжаківка", "Yizhakivka"),
        ("Згурівка", "Zghurivka"),
        ("Розгадів", "Rozghadiv"),
        ("Щастя", "Shchastia"),
        ("П'ятихатки", "Piatykhatky"),
        ("Йосипівка", "Yosypivka"),
        ("Івано-Франківськ", "Ivano-Frankivsk"),
        ("Нью-Йорк", "Niu-York"),
        ("Євпаторія", "Yevpatoria"),
    ],
)
def test_a_name_is_written_as_the_field_writes_it(name: str, written: str):
    assert romanise(name) == written


@pytest.mark.parametrize(
    "spellings",
    [
        "Новокатеринівка|Новоекатериновка|Novokaterynivka|Novoekaterinovka",
        "Миколаївка|Николаевка|Mykolaivka|Mykolayivka|Nikolaevka",
        "Олександрівка|Александровка|Oleksandrivka|Aleksandrovka",
        "Костянтинівка|Константиновка|Kostiantynivka|Konstantinovka",
        "Красне|Красное|Krasne|Krasnoe|Krasnoye",
        "Дебальцеве|Дебальцево|Debaltseve|Debaltsevo",
        "Піски|Пески|Pisky|Peski",
        "Широкине|Широкино|Shyrokyne|Shirokino",
        "Мар'їнка|Марьинка|Marinka|Maryinka|Mar\u2019yinka",
        "Зайцеве|Зайцево|Zaitseve|Zaytseve|Zaitsevo",
        "Розгадів|Розгадов|Rozghadiv",
    ],
)
def test_the_spellings_of_one_name_have_one_skeleton(spellings: str):
    assert len({skeleton(spelling) for spelling in spellings.split("|")}) == 1


def test_kindred_names_stay_apart():
    names = [
        "Вишневе",
        "Вишневий",
        "Вишнівка",
        "Вишня",
        "Піски",
        "Піщане",
        "Донецьк",
        "Донецьке",
        "Покровськ",
        "Покровка",
    ]
    assert len({skeleton(name) for name in names}) == len(names)


def test_every_settlement_of_the_register_is_found_by_its_name_in_both_letters():
    register = bundled().register
    for place in bundled():
        if place.katottg is not None:
            for name in (place.name, register.own_name(place.katottg)):
                assert place in bundled().named(normalise(name)), name


@given(st.lists(st.text(st.characters(exclude_characters="\n")), min_size=1))
def test_many_at_once_come_out_as_one_by_one(names: list[str]):
    told = [normalise(name) for name in names]
    assert skeletons("\n".join(told)).split("\n") == [skeletons(each) for each in told]
