from typing import Any

import pytest

from incidentlog.errors import BadRequest
from incidentlog.folding.asking import parse_grouping
from incidentlog.folding.rows import Grouping
from incidentlog.folding.shapes import Tally
from incidentlog.projections import PROJECTIONS

CITIES: Tally = PROJECTIONS["city_incidents"]  # type: ignore[assignment]


def test_without_anything_a_tally_has_its_own_grouping():
    assert parse_grouping(CITIES, {}) == Grouping(("place",))
    assert parse_grouping(CITIES, {}, []) == Grouping(("place",))


def test_dimensions_narrow_and_values_of_one_mean_any_of_them():
    params = {"kind": ["strike", "alert", "strike"], "since": ["2025-01-01"], "until": ["2025-02-01"]}
    wanted = Grouping(("day", "kind"), {"kind": ("strike", "alert")}, "2025-01-01", "2025-02-01")
    assert parse_grouping(CITIES, params, ["day", "kind"]) == wanted


@pytest.mark.parametrize(
    ("params", "by", "pointer", "code"),
    [
        ({}, ["colour"], "/group_by", "unknown_dimension"),
        ({}, ["day", "day"], "/group_by", "repeated"),
        ({}, list(CITIES.dimensions), "/group_by", "too_many"),
        ({"colour": ["red"]}, [], "/colour", "unknown_dimension"),
        ({"kind": []}, [], "/kind", "empty"),
        ({"kind": [""]}, [], "/kind", "unknown_value"),
        ({"place": ["name:" + "a" * 200]}, [], "/place", "not_a_value"),
        ({"admin1": ["UA.\ud800"]}, [], "/admin1", "not_a_value"),
        ({"kind": [str(n) for n in range(201)]}, [], "/kind", "too_many"),
        ({d: ["x"] for d in CITIES.dimensions[:7]}, [], "", "too_many"),
        ({"since": ["2025-02-30"]}, [], "/since", "not_a_day"),
        ({"since": ["2025-02-01\n"]}, [], "/since", "not_a_day"),
        ({"since": ["2025-02-01", "2025-02-02"]}, [], "/since", "repeated"),
        ({"since": ["2025-02-01"], "until": ["2025-01-01"]}, [], "/until", "ends_before_start"),
    ],
)
def test_a_grouping_that_cannot_be_is_refused_with_its_place(
    params: dict[str, Any], by: list[str], pointer: str, code: str
):
    with pytest.raises(BadRequest) as refused:
        parse_grouping(CITIES, params, by)
    assert (pointer, code) in [(fault.pointer, fault.code) for fault in refused.value.errors]


@pytest.mark.parametrize("text", ["", "a\0", "\ud800", "x" * 201])
@pytest.mark.parametrize("name", [name for name, p in PROJECTIONS.items() if isinstance(p, Tally)])
def test_what_cannot_be_stored_is_refused_by_every_dimension(name: str, text: str):
    tally: Tally = PROJECTIONS[name]  # type: ignore[assignment]
    for dimension in tally.dimensions:
        with pytest.raises(BadRequest) as refused:
            parse_grouping(tally, {dimension: [text]})
        assert [fault.pointer for fault in refused.value.errors] == [f"/{dimension}"]


def test_every_fault_is_named_at_once_below_the_members_own_pointer():
    with pytest.raises(BadRequest) as refused:
        parse_grouping(CITIES, {"a/b": ["x"], "since": ["soon"]}, ["colour"], under="/filter")
    pointers = [fault.pointer for fault in refused.value.errors]
    assert pointers == ["/group_by", "/filter/a~1b", "/filter/since"]
