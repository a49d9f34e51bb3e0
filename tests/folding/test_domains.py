"""Which values a dimension can have: what no row can have is refused, and what a row has is taken as it is."""

from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import settings

from incidentlog.errors import BadRequest
from incidentlog.folding.asking import parse_grouping, parse_question
from incidentlog.folding.domains import COMMON, OPEN, read_when
from incidentlog.folding.shapes import Tally
from incidentlog.projections import PROJECTIONS
from tests.folding.test_kept_up import logs, subjects_of
from tests.projections.showing import Given, given
from tests.subjects.given import timeline

TALLIES: dict[str, Tally] = {name: p for name, p in PROJECTIONS.items() if isinstance(p, Tally)}


def refusal(name: str, **params: str) -> dict[str, tuple[str, str]]:
    """The code and the detail of each fault, by pointer; empty where it is not refused."""
    try:
        parse_question(TALLIES[name], {dimension.rstrip("_"): [value] for dimension, value in params.items()})
    except BadRequest as refused:
        return {fault.pointer: (fault.code, fault.detail) for fault in refused.errors}
    return {}


def kept(name: str, dimension: str, *values: str) -> tuple[str, ...]:
    """What the values are looked for as."""
    return parse_grouping(TALLIES[name], {dimension: values}).where[dimension]


@pytest.mark.parametrize(
    ("name", "dimension", "value", "code", "hint"),
    [
        ("city_incidents", "country", "UKR", "not_a_country", "two capital letters"),
        ("city_incidents", "country", "ua", "not_a_country", "two capital letters"),
        ("city_incidents", "kind", "Strike", "unknown_value", "alert, clash, cyber"),
        ("city_incidents", "verification", "maybe", "unknown_value", "corroborated, disputed"),
        ("city_incidents", "month", "May", "not_a_month", "2025-11"),
        ("city_incidents", "month", "2025-13", "not_a_month", "2025-11"),
        ("city_incidents", "day", "2025-5-2", "not_a_day", "2025-11-19"),
        ("city_incidents", "day", "2025-02-30", "not_a_day", "2025-11-19"),
        ("city_incidents", "week", "2025-W54", "not_a_week", "2025-W47"),
        ("city_incidents", "week", "2025-47", "not_a_week", "2025-W47"),
        ("city_incidents", "admin1", "07", "not_an_admin1", "UA.17"),
        ("city_incidents", "admin1", "UA-51", "not_an_admin1", "UA.17"),
        ("city_incidents", "place", "Odesa", "not_a_place", "/v1/places?q="),
        ("city_incidents", "side", "Russia", "not_an_actor", "RUS.MOD"),
        ("strike_profile", "means", "Drone", "unknown_value", "cruise_missile"),
        ("strike_profile", "target_class", "hospital", "unknown_value", "health"),
        ("actor_participation", "role", "mediators", "unknown_value", "mediator"),
        ("actor_participation", "actor", "UA", "not_an_actor", "UKR"),
        ("actor_participation", "with", "UA", "not_an_actor", "UKR"),
        ("actor_participation", "state", "RUS.MOD", "not_an_actor", "UKR"),
        ("actor_participation", "category", "strikes", "unknown_category", "strike, talk"),
        ("violations", "severity", "gravest", "unknown_value", "grave, minor, serious"),
        ("violations", "ceasefire", "easter", "not_a_stream", "category:slug"),
        ("violations", "accused", "RUS+Ukraine", "not_an_actor", "joined by +"),
        ("violations", "also", "easter", "not_a_stream", "category:slug"),
        ("violations", "from_week", "2025-11-19", "not_a_monday", "2025-11-17"),
        ("violations", "to_week", "2025-W47", "not_a_monday", "2025-11-17"),
        ("violation_sheets", "sheet", "ceasefire:easter", "not_a_sheet", "a day"),
        ("violation_sheets", "begins", "2025-11-19", "not_a_time", "offset"),
        ("violation_sheets", "on", "19.11.2025", "not_a_day", "2025-11-19"),
        ("exchange_tally", "kind", "exchanges", "unknown_value", "detainees"),
        ("exchange_tally", "mediator", "ARE+Turkey", "not_an_actor", "UKR"),
        ("exchange_tally", "stream", "exchange", "not_a_stream", "category:slug"),
        ("implementations", "commitment", "pause", "not_a_commitment", "commitment:<slug>"),
        ("implementations", "kind", "handover", "unknown_category", "exchange"),
        ("daily_timeline", "type", "strike", "unknown_type", "strike.reported"),
        ("daily_timeline", "event", "17", "not_an_id", "UUID"),
        ("daily_timeline", "occurred", "2025-11-19T04:00", "not_a_time", "offset"),
        ("escalation_index", "type", "strike", "unknown_type", "talk.held (mediated)"),
        ("escalation_index", "cameo", "20", "unknown_value", "190"),
        ("escalation_index", "category", "alert", "unknown_category", "strike"),
    ],
)
def test_a_value_that_no_row_can_have_is_refused_with_what_can(
    name: str, dimension: str, value: str, code: str, hint: str
):
    told, detail = refusal(name, **{dimension: value})[f"/{dimension}"]
    assert told == code
    assert value in detail
    assert hint in detail


@pytest.mark.parametrize("name", TALLIES)
def test_every_dimension_says_which_values_it_can_have(name: str):
    tally = TALLIES[name]
    assert {*tally.domains} <= {*tally.dimensions}
    assert [d for d in tally.dimensions if tally.domain(d) is OPEN] == []
    assert {*tally.dimensions} <= {*tally.domains, *COMMON}


def check_values(log: Given) -> None:
    for subject in subjects_of(log):
        for tally in TALLIES.values():
            if tally.categories is not None and subject.stream.partition(":")[0] not in tally.categories:
                continue
            for contribution in tally.contributions(subject):
                for dimension, value in zip(tally.dimensions, contribution.dimensions, strict=not tally.rolling):
                    assert value is None or tally.domain(dimension).read(value) == value, (tally.name, dimension)


def test_every_value_that_the_timeline_gives_can_be_asked_for():
    check_values(given(*timeline()))


@settings(max_examples=60)
@for_all(logs())
def test_every_value_of_any_row_can_be_asked_for(log: Given):
    check_values(log)


@pytest.mark.parametrize("value", ["RUS+UKR", "UKR+RUS", "RUS UKR", "RUS+UKR+RUS"])
def test_several_in_one_value_are_found_in_any_order_and_with_a_plus_sign_that_came_as_a_blank(value: str):
    assert kept("violations", "accused", value) == ("RUS+UKR",)


def test_a_name_is_found_however_it_is_spelt():
    assert kept("city_incidents", "place", "name:ODÉSA-Port") == ("name:odesa port",)
    assert kept("city_incidents", "place", "name:ODÉSA-Port@UA.17") == ("name:odesa port@UA.17",)
    assert kept("city_incidents", "place", "name:ODÉSA-Port@UA.17.UA5110") == ("name:odesa port@UA.17.UA5110",)
    assert kept("city_incidents", "place", "name:Port@Sea") == ("name:port sea",)
    assert kept("city_incidents", "place", "point:47.82,38.21") == ("point:47.8200,38.2100",)
    assert kept("city_incidents", "place", "katottg:UA14100050190086312") == ("katottg:UA14100050190086312",)
    assert kept("city_incidents", "admin1", "name:Nowhere Region") == ("name:nowhere region",)


def test_an_instant_is_found_in_any_zone_and_with_a_plus_sign_that_came_as_a_blank():
    known = ("2025-11-19T02:00:00.000000+00:00",)
    for text in ("2025-11-19T04:00+02:00", "2025-11-19T04:00 02:00", "2025-11-19T02:00:00Z", *known):
        assert kept("daily_timeline", "occurred", text) == known


@pytest.mark.parametrize(
    "text", ["2025-11-19 04:00", "2025-11-19T04:00  02:00", "2025-11-19T04:00 0200", " 2025-11-19", "2025-11-19 "]
)
def test_a_blank_is_a_plus_sign_before_an_offset_alone(text: str):
    assert read_when(text) is None


def test_the_formula_of_an_exchange_is_any_text():
    assert refusal("exchange_tally", formula="all for all") == {}
    assert kept("exchange_tally", "formula", "1000|1000") == ("1000/1000",)


def test_every_value_is_judged_and_every_dimension_is_told():
    faults: dict[str, Any] = refusal("city_incidents", kind="strike", country="UKR", month="May")
    assert faults.keys() == {"/country", "/month"}
    with pytest.raises(BadRequest):
        parse_grouping(TALLIES["city_incidents"], {"kind": ["strike", "Strike"]})
