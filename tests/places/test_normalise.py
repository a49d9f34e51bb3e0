"""What counts as one spelling."""

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incidentlog.places.normalise import normalise, normalise_lists, settlement_name, sound


@pytest.mark.parametrize(
    ("written", "compared"),
    [
        ("Odesa", "odesa"),
        ("  ODÉSA ", "odesa"),
        ("Kup'iansk", "kupiansk"),
        ("Kup\u2019iansk", "kupiansk"),
        ("Куп\u02bcянськ", "купянськ"),
        ("Кам\u00b4янське", "камянське"),
        ('Кам"янське', "камянське"),
        ("Кам''янське", "камянське"),
        ("Ivano-Frankivsk", "ivano frankivsk"),
        ("St. Petersburg", "st petersburg"),
        ("Straße", "strasse"),
        ("İzmir", "izmir"),
        ("\uff2byiv", "kyiv"),
        ("min\u200ds\u200dka", "minska"),
        ("!?", ""),
    ],
)
def test_case_marks_apostrophes_and_punctuation_make_no_difference(written: str, compared: str):
    assert normalise(written) == compared


def test_every_apostrophe_of_unicode_and_what_is_typed_for_one_is_joined_over():
    called = [c for c in map(chr, range(0x10000)) if re.search(r"(?<!BY )APOSTROPHE", unicodedata.name(c, ""))]
    typed = [
        *called,
        "\u00b4",
        "`",
        '"',
        "\u2018",
        "\u2019",
        "\u201d",
        "\u2032",
        "\u2033",
        "\u02b9",
        "\u05f3",
        "\uff40",
    ]
    assert {c: normalise(f"Кам{c}янське") for c in typed} == dict.fromkeys(typed, "камянське")


@pytest.mark.parametrize(
    "spellings",
    [
        "Slovyansk|Sloviansk|Slov'jans'k|Slavyansk|Slowjansk|Słowiańsk|Словянськ|Слов'янськ|Славянск|Славјанск",
        "Kharkiv|Kharkov|Harkov|Харків|Харьков",
        "Zaporizhzhya|Zaporizhia|Zaporozh'e|Запоріжжя|Запорожье",
        "Rivne|Rovno|Równe|Рівне|Ровно",
        "Cherkasy|Tscherkassy|Čerkasy|Черкаси|Черкассы",
        "Khmelnytskyi|Khmel'nyts'kyy|Хмельницький|Хмельницкий",
    ],
)
def test_the_spellings_of_a_name_in_the_languages_around_sound_the_same(spellings: str):
    assert len({sound(normalise(spelling)) for spelling in spellings.split("|")}) == 1


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("Slovyansk", "Nikopol"),
        ("Podilsk", "Podilskyi"),
        ("Podilsk", "Kotovsk"),
        ("Kamyanske", "Dniprodzerzhynsk"),
        ("Voznesensk", "Voznesenka"),
        ("Bakhmut", "Artemivsk"),
    ],
)
def test_another_name_sounds_otherwise(name: str, other: str):
    assert sound(normalise(name)) != sound(normalise(other))


@given(st.text())
def test_any_text_has_a_sound(name: str):
    assert isinstance(sound(normalise(name)), str)


@given(st.text())
def test_normalising_twice_changes_nothing(name: str):
    assert normalise(normalise(name)) == normalise(name)


@given(st.text(), st.text())
def test_names_are_compared_word_by_word(one: str, other: str):
    assert normalise(f"{one} {other}").split() == normalise(one).split() + normalise(other).split()


@given(st.lists(st.lists(st.text(st.characters(exclude_characters="|\n")), min_size=1), min_size=1))
def test_many_at_once_come_out_as_one_by_one(lists: list[list[str]]):
    text = "\n".join("|".join(names) for names in lists)
    assert normalise_lists(text) == [[normalise(name) for name in names] for names in lists]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Donetsk town", "Donetsk"),
        ("village of Pisky", "Pisky"),
        ("Kiev/Kyiv city (Maidan protest camp)", "Kiev"),
        ("м. Нікополь", "Нікополь"),
        ("Novomykhailivka urban-type settlement, Donetsk region", "Novomykhailivka"),
        ("Kansas City", "Kansas"),
        ("village", "village"),
        ("", ""),
    ],
)
def test_importers_can_take_off_what_stands_beside_a_name(text: str, name: str):
    assert settlement_name(text) == name
