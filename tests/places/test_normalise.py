"""What counts as one spelling."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incidentlog.places.normalise import normalise, normalise_lists, settlement_name


@pytest.mark.parametrize(
    ("written", "compared"),
    [
        ("Odesa", "odesa"),
        ("  ODÉSA ", "odesa"),
        ("Kup'iansk", "kupiansk"),
        ("Kup\u2019iansk", "kupiansk"),
        ("Куп\u02bcянськ", "купянськ"),
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
