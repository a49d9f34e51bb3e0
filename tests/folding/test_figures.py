from typing import Any

import pytest

from incidentlog.errors import BadRequest
from incidentlog.folding.asking import TOP, Question, Shaping, parse_question
from incidentlog.folding.figures import compared, figure_names, leading
from incidentlog.folding.rows import Group, Grouping
from incidentlog.folding.shapes import Tally
from incidentlog.projections import PROJECTIONS

TALLIES = [name for name, p in PROJECTIONS.items() if isinstance(p, Tally)]
CITIES: Tally = PROJECTIONS["city_incidents"]  # type: ignore[assignment]
JULY = {"since": ["2025-07-01"], "until": ["2025-08-01"]}


@pytest.mark.parametrize("name", TALLIES)
def test_every_tally_names_its_figures_whatever_it_is_grouped_by(name: str):
    tally: Tally = PROJECTIONS[name]  # type: ignore[assignment]
    for by in (tally.group_by, tally.dimensions[:1], ("day",)):
        assert figure_names(tally, by)


@pytest.mark.parametrize("name", TALLIES)
def test_equal_sums_give_equal_rows_under_keys_that_are_null_in_the_same_places(name: str):
    tally: Tally = PROJECTIONS[name]  # type: ignore[assignment]
    by = tally.dimensions[:8]
    sums = {measure: n for n, measure in enumerate(tally.measures, 1)}
    first, second = (tally.row(dict.fromkeys(by, value), sums) for value in ("2025-11-18", "UKR"))
    assert first == second


def test_figures_are_the_numbers_that_a_row_shows():
    names = figure_names(CITIES, ("place",))
    assert names[:5] == ["incidents", "parts", "reports", "undisclosed", "killed.low"]
    assert {"position", "restated", "place"}.isdisjoint(names)
    exchanges: Tally = PROJECTIONS["exchange_tally"]  # type: ignore[assignment]
    assert {"released", "progress.share"} <= {*figure_names(exchanges, ("side",))}
    assert "note" not in figure_names(exchanges, ("side",))


def group(key: str | None, incidents: int, killed: int | None = None, kind: str = "strike") -> Group:
    sums = dict.fromkeys(CITIES.measures, 0) | {"incidents": incidents}
    if killed is not None:
        sums |= {"killed_best": killed, "killed_told": 1}
    return Group((key, kind), [sums[name] for name in CITIES.measures], 7, restated=False)


GROUPS = [group("d", 1), group("c", 3, 0), group(None, 2), group("b", 9, 5), group("a", 1, 5), group("gone", 0)]


@pytest.mark.parametrize(
    ("order_by", "order"),
    [
        (None, ["a", "b", "c", "d", None]),
        ("incidents", ["b", "c", None, "a", "d"]),
        ("killed.best", ["a", "b", "c", "d", None]),  # nought is known, and what is unknown comes last
        ("place", ["d", "c", "b", "a", None]),
        ("kind", ["a", "b", "c", "d", None]),
    ],
)
def test_the_largest_come_first_equal_ones_by_key_and_unknown_ones_last(order_by: str | None, order: list[str | None]):
    for top in (None, 2):
        found = leading(CITIES, ("place", "kind"), order_by, top, GROUPS)
        assert [place for place, _ in found.keys] == order[:top]
        assert [g.key for g in found.now] == list(found.keys)


def test_the_rest_says_how_many_are_left_out_and_what_they_add_up_to():
    rest = leading(CITIES, ("place", "kind"), "incidents", 2, GROUPS).rest
    assert rest is not None
    assert (rest["rows"], rest["incidents"]) == (3, 4)
    assert (rest["killed"]["best"], rest["injured"]["best"]) == (5, None)
    for top in (5, 100, None):
        assert leading(CITIES, ("place", "kind"), "incidents", top, GROUPS).rest is None


@pytest.mark.parametrize(
    ("order_by", "first"),
    [
        ("incidents", ["a", "b", "new", "old"]),  # what only the period before has is nothing now
        ("previous.incidents", ["old", "b", "a", "new"]),
        ("change.incidents.absolute", ["a", "new", "b", "old"]),
        ("change.killed.best.relative", ["a", "b", "new", "old"]),
    ],
)
def test_the_first_are_found_beside_the_period_before(order_by: str, first: list[str]):
    now, before = [group("a", 9, 4), group("b", 4), group("new", 3)], [group("a", 1, 2), group("b", 3), group("old", 8)]
    found = leading(CITIES, ("place", "kind"), order_by, None, now, before)
    assert [place for place, _ in found.keys] == first
    few = leading(CITIES, ("place", "kind"), order_by, 2, now, before)
    assert [place for place, _ in few.keys] == first[:2]
    assert {g.key[0] for g in few.now} == {"a", "b", "new"} & {*first[:2]}
    assert {g.key[0] for g in few.before} == {"a", "b", "old"} & {*first[:2]}


def row(place: str, incidents: int, killed: int | None = None) -> dict[str, Any]:
    sums = dict.fromkeys(CITIES.measures, 0) | {"incidents": incidents, "reports": incidents}
    if killed is not None:
        sums |= {f"killed_{end}": killed for end in ("low", "best", "high")} | {"killed_told": 1}
    return {"place": place, "name": place, **CITIES.row({"place": place}, sums), "position": 7, "restated": False}


def test_beside_every_row_is_what_it_was_and_how_it_changed():
    now, before = {"a": row("a", 6, 3)}, {"a": row("a", 4, 5)}
    shown = compared(CITIES, ("place",), now, before)["a"]
    assert shown["incidents"] == 6
    assert shown["previous"]["incidents"] == 4
    assert shown["change"]["incidents"] == {"absolute": 2, "relative": 0.5}
    assert shown["change"]["killed"]["best"] == {"absolute": -2, "relative": -0.4}
    assert {"position", "restated", "name"}.isdisjoint(shown["change"])


def test_a_change_is_null_where_it_is_undefined():
    now, before = {"a": row("a", 6, 3), "b": row("b", 1)}, {"a": row("a", 4)}
    rows = compared(CITIES, ("place",), now, before)
    assert rows["a"]["change"]["killed"]["best"] == {"absolute": None, "relative": None}
    assert rows["b"]["change"]["incidents"] == {"absolute": 1, "relative": None}


def test_a_row_that_only_the_period_before_has_is_nothing_now():
    rows = compared(CITIES, ("place",), {}, {"a": row("a", 4, 5)})
    assert (rows["a"]["place"], rows["a"]["incidents"], rows["a"]["killed"]["best"]) == ("a", 0, None)
    assert rows["a"]["change"]["incidents"] == {"absolute": -4, "relative": -1.0}


def test_differences_of_decimals_have_no_tail():
    index: Tally = PROJECTIONS["escalation_index"]  # type: ignore[assignment]
    now, before = (
        {"x": {"category": "x", "index": 0.3, "events": 1}},
        {"x": {"category": "x", "index": 0.1, "events": 1}},
    )
    change = compared(index, ("category",), now, before)["x"]["change"]["index"]
    assert change == {"absolute": 0.2, "relative": 2.0}


# ------------------------------------------------------------------------------------------------- the question


def test_a_question_without_shaping_is_a_grouping():
    assert parse_question(CITIES, {"group_by": ["place,kind", "day"]}) == Question(Grouping(("place", "kind", "day")))


def test_top_is_by_the_first_figure_unless_another_is_named():
    assert parse_question(CITIES, {"top": ["3"]}).shaping == Shaping("incidents", 3)
    assert parse_question(CITIES, {"top": ["3"], "order_by": ["killed.high"]}).shaping == Shaping("killed.high", 3)
    assert parse_question(CITIES, {"order_by": ["reports"]}).shaping == Shaping("reports")


@pytest.mark.parametrize(
    ("since", "until", "before"),
    [
        ("2025-07-01", "2025-08-01", "2025-05-31"),  # as many days, not the month before
        ("2025-07-02", "2025-07-03", "2025-07-01"),
        ("2024-03-01", "2024-03-02", "2024-02-29"),
        ("2025-03-30", "2025-03-31", "2025-03-29"),  # a day is a day, though one of them had 23 hours
    ],
)
def test_the_previous_period_is_as_many_days_immediately_before(since: str, until: str, before: str):
    asked = parse_question(CITIES, {"compare": ["previous"], "since": [since], "until": [until], "kind": ["strike"]})
    assert asked.shaping.previous == Grouping(("place",), {"kind": ("strike",)}, before, since)


@pytest.mark.parametrize(
    ("params", "pointer", "code"),
    [
        *(({"top": [n]}, "/top", "not_a_number") for n in ("0", "-1", "1.5", "1_0", "٣", "", "9" * 400, str(TOP + 1))),
        ({"top": ["1", "2"]}, "/top", "repeated"),
        ({"order_by": ["kind"]}, "/order_by", "unknown_figure"),  # which it is not grouped by
        ({"order_by": ["killed"]}, "/order_by", "unknown_figure"),
        ({"order_by": ["\0"]}, "/order_by", "unknown_figure"),
        ({"order_by": ["change.incidents.absolute"]}, "/order_by", "unknown_figure"),
        ({"order_by": ["incidents", "reports"]}, "/order_by", "repeated"),
        ({"compare": ["previous"]}, "/compare", "no_period"),
        ({"compare": ["previous"], "since": ["2025-07-01"]}, "/compare", "no_period"),
        ({"compare": ["last year"], **JULY}, "/compare", "unknown_value"),
        ({"compare": ["previous", "previous"], **JULY}, "/compare", "repeated"),
        ({"compare": ["previous"], "since": ["2025-07-01"], "until": ["2025-07-01"]}, "/until", "empty"),
        ({"compare": ["previous"], "since": ["0001-01-01"], "until": ["2025-07-01"]}, "/since", "not_a_day"),
        *(({"compare": ["previous"], "group_by": [d], **JULY}, "/group_by", "not_comparable") for d in ("day", "week", "place,month")),
    ],
)  # fmt: skip
def test_a_question_that_cannot_be_is_refused_with_its_place(params: dict[str, Any], pointer: str, code: str):
    with pytest.raises(BadRequest) as refused:
        parse_question(CITIES, params)
    assert (pointer, code) in [(fault.pointer, fault.code) for fault in refused.value.errors]


def test_every_fault_of_a_question_is_named_at_once():
    with pytest.raises(BadRequest) as refused:
        parse_question(
            CITIES, {"group_by": ["colour"], "top": ["x"], "compare": ["y"], "town": ["z"], "since": ["soon"]}
        )
    pointers = {fault.pointer for fault in refused.value.errors}
    assert pointers == {"/group_by", "/top", "/compare", "/town", "/since"}


def test_what_changed_most_can_come_first():
    params = {"compare": ["previous"], "order_by": ["change.incidents.absolute"], **JULY}
    assert parse_question(CITIES, params).shaping.order_by == "change.incidents.absolute"
