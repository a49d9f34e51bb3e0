from datetime import date, datetime
from typing import Any

import pytest

from incidentlog.importers.cells import BeyondMonth, Repaired, UnclearError, reader_of, text_of
from incidentlog.importers.mapping import Value


def read(cell: Any, **said: Any) -> Any:
    return reader_of(Value.model_validate({"column": "x", **said}), lambda name: [name], frozenset({"n/a"}))(
        {"x": cell}
    )


@pytest.mark.parametrize(
    ("cell", "estimate"),
    [
        ("5", {"best": 5}),
        ("at least 5", {"best": 5, "qualifier": "at_least"}),
        ("щонайменше 5", {"best": 5, "qualifier": "at_least"}),
        ("по меньшей мере 5", {"best": 5, "qualifier": "at_least"}),
        ("як мінімум 5", {"best": 5, "qualifier": "at_least"}),
        ("минимум 5", {"best": 5, "qualifier": "at_least"}),
        ("не менш як 5", {"best": 5, "qualifier": "at_least"}),
        ("не менше ніж 5", {"best": 5, "qualifier": "at_least"}),
        ("не менее чем 5", {"best": 5, "qualifier": "at_least"}),
        ("5 або більше", {"best": 5, "qualifier": "at_least"}),
        ("5 or more", {"best": 5, "qualifier": "at_least"}),
        ("не більш як 5", {"best": 5, "qualifier": "up_to"}),
        ("більш як 5", {"best": 5, "qualifier": "more_than"}),
        ("майже 5", {"best": 5, "qualifier": "about"}),
        ("від 5 до 7", {"low": 5, "high": 7}),
        ("between 5 and 7", {"low": 5, "high": 7}),
        ("принаймні 5", {"best": 5, "qualifier": "at_least"}),
        ("не більше 5", {"best": 5, "qualifier": "up_to"}),
        ("більше ніж 5", {"best": 5, "qualifier": "more_than"}),
        ("орієнтовно 5", {"best": 5, "qualifier": "about"}),
        ("более 1 200", {"best": 1200, "qualifier": "more_than"}),
        ("> 3", {"best": 3, "qualifier": "more_than"}),
        ("about 10", {"best": 10, "qualifier": "about"}),
        ("~10", {"best": 10, "qualifier": "about"}),
        ("up to 7", {"best": 7, "qualifier": "up_to"}),
        ("5-7", {"low": 5, "high": 7}),
        ("5\u20137", {"low": 5, "high": 7}),
        ("20+", {"best": 20, "qualifier": "at_least"}),
        (5.0, {"best": 5}),
        ("N/A", None),
        ("", None),
    ],
)
def test_figures_are_read_with_what_is_said_about_them(cell: Any, estimate: Any):
    assert read(cell, **{"as": "estimate"}) == estimate


@pytest.mark.parametrize("cell", ["several", "5 or so", "-1", "5.5", "٥", "1_000", "5,5"])
def test_what_is_no_figure_is_a_fault_and_no_guess(cell: str):
    with pytest.raises(UnclearError):
        read(cell, **{"as": "estimate"})


def test_an_end_that_contradicts_the_best_figure_is_left_out():
    value = Value.model_validate({"as": "estimate", "column": "best", "low": "low", "high": "high"})
    figures = reader_of(value, lambda name: [name], frozenset())
    said = figures({"best": "6", "low": "7", "high": "9"})
    assert (said, said.was) == ({"best": 6, "high": 9}, "low 7, best 6, high 9")
    assert isinstance(said, Repaired)
    assert not isinstance(figures({"best": "6", "low": "6", "high": "6"}), Repaired)


def test_dates_are_read_in_the_order_that_is_said():
    assert read("05.03.2022", **{"as": "date", "formats": ["%d.%m.%Y"]}) == date(2022, 3, 5)
    assert read("3/5/2022", **{"as": "date", "formats": ["%d.%m.%Y", "%m/%d/%Y"]}) == date(2022, 3, 5)
    assert read("2022-03-05 16:00:00+00:00", **{"as": "date"}) == datetime.fromisoformat("2022-03-05T16:00+00:00")
    with pytest.raises(UnclearError):
        read("05.03.22", **{"as": "date"})
    with pytest.raises(UnclearError):
        read("1753-01-01", **{"as": "date"})


def test_a_day_beyond_its_month_is_known_to_the_month():
    found = read("2022-02-31", **{"as": "date"})
    assert (found, type(found)) == (date(2022, 2, 1), BeyondMonth)
    assert read("31.11.2022", **{"as": "date", "formats": ["%d.%m.%Y"]}) == BeyondMonth(2022, 11, 1)
    with pytest.raises(UnclearError):
        read("2022-02-41", **{"as": "date"})


def test_a_table_says_what_stands_for_what_and_else_it_is_a_fault():
    assert read(" Shelling ", table={"shelling": "s"}) == "s"
    assert read("other", table={"shelling": "s"}, default="d") == "d"
    with pytest.raises(UnclearError, match="is not in the mapping's table"):
        read("other", table={"shelling": "s"})


def test_numbers_go_by_the_sign_that_is_said():
    assert read("47,5", **{"as": "number", "decimal": ","}) == 47.5
    assert read("1,234", **{"as": "count"}) == 1234
    with pytest.raises(UnclearError):
        read("47,5", **{"as": "number"})


def test_invisible_characters_are_no_part_of_a_text():
    assert text_of("\u00a0Од\u00adеса\u2028 ") == "Одеса"
