"""Where something was, as dimensions of every tally that counts what has a place."""

from typing import Any

import pytest

from incidentlog.events.envelope import ResolvedPlace
from incidentlog.folding.shapes import Tally
from incidentlog.folding.whereabouts import WHERE, names_with_units, place_names, whereabouts
from incidentlog.places import admin1_name
from incidentlog.projections import PROJECTIONS
from tests.projections.showing import given
from tests.subjects.given import Event, event

ODESA = {"name": "Odesa", "place_id": "geonames:698740", "country": "UA", "admin1": "17", "precision": "settlement"}
REGION = {"name": "Odesa region", "country": "UA", "admin1": "17", "precision": "admin1"}
NOWHERE = {"name": "No-Where", "precision": "settlement"}
SEA = {"name": "Black Sea", "precision": "area"}


def place(**told: Any) -> ResolvedPlace:
    return ResolvedPlace(**{"how": "name", **told})


@pytest.mark.parametrize(
    ("told", "where"),
    [
        (ODESA, ("geonames:698740", "UA.17", "UA")),
        (REGION, (None, "UA.17", "UA")),
        (NOWHERE, ("name:no where", None, None)),
        ({**NOWHERE, "key": "name:no where@UA.05"}, ("name:no where@UA.05", None, None)),
        ({**ODESA, "key": "name:odesa@UA.17"}, ("geonames:698740", "UA.17", "UA")),
        ({"name": "Nowhere region", "precision": "admin1"}, (None, "name:nowhere region", None)),
        (SEA, (None, None, None)),
    ],
)
def test_a_place_is_told_as_far_as_it_is_known(told: dict[str, Any], where: tuple[str | None, ...]):
    assert whereabouts(place(**told)) == where


def test_a_town_of_which_every_report_has_a_point_of_its_own_is_one_to_look_up():
    reports = [place(**ODESA, lat=46 + n / 1000, lon=30.7) for n in range(100)]
    assert len({id(whereabouts(each)) for each in reports}) == 1
    assert len({id(names_with_units(each)) for each in reports}) == 1
    assert len(set(map(hash, reports))) > 90  # those that are looked up whole are not compared one after the other


def test_without_a_place_there_is_nothing_to_tell():
    assert whereabouts(None) == (None,) * len(WHERE)
    assert place_names(None) == {}


def test_a_region_is_called_by_its_name_and_never_by_a_citys():
    told = place_names(place(**ODESA))
    assert told["place", "geonames:698740"] == "Odesa"
    assert told["admin1", "UA.17"] == admin1_name("UA", "17")
    assert place_names(place(**REGION)).keys() == {("admin1", "UA.17")}


def strike(n: int, where: dict[str, Any]) -> Event:
    said: Event = event(
        "strike.reported", f"strike:{n}", means=["drone"], target_class="port", launched={"drone": {"best": 2}}
    )
    return said | {"place": where}


def violation(n: int, where: dict[str, Any]) -> Event:
    said: Event = event(
        "violation.reported", f"violation:{n}", ceasefires=["ceasefire:a"], accused=["RUS"], claimed_by="UKR",
        severity="minor",
    )  # fmt: skip
    return said | {"place": where}


LOG = [
    made(n, where)
    for n, where in enumerate((ODESA, ODESA, REGION, NOWHERE, SEA))
    for made in (strike, violation)
]  # fmt: skip
COUNTED = {
    "city_incidents": "incidents", "strike_profile": "strikes", "escalation_index": "events", "daily_timeline": "events",
    "violations": "violations",
}  # fmt: skip


@pytest.mark.parametrize("name", COUNTED)
def test_what_has_a_place_is_counted_by_place_region_and_country(name: str):
    def counted(by: str) -> dict[str, int]:
        rows = given(*LOG).shows(name, by=(by,))
        return {key: row[COUNTED[name]] for key, row in rows.items()}

    total = sum(counted("month").values())
    each = total // 5
    assert counted("place") == {"geonames:698740": 2 * each, "name:no where": each, "": 2 * each}
    assert counted("admin1") == {"UA.17": 3 * each, "": 2 * each}
    assert counted("country") == {"UA": 3 * each, "": 2 * each}
    assert given(*LOG).shows(name, by=("place",))["geonames:698740"]["name"] == "Odesa"


PERIODS = {"day", "week", "month"}
BESIDE = {"violation_sheets"}
"""Read by a document alone, by the day."""


@pytest.mark.parametrize("name", [n for n, p in PROJECTIONS.items() if isinstance(p, Tally) and n not in BESIDE])
def test_every_tally_can_be_asked_by_day_week_and_month(name: str):
    tally = PROJECTIONS[name]
    assert isinstance(tally, Tally)
    assert {*tally.dimensions} >= PERIODS


def test_who_did_it_or_for_whom_can_be_asked_where_it_makes_sense():
    sides = {"city_incidents": "side", "strike_profile": "side", "exchange_tally": "side", "implementations": "side",
             "violations": "accused", "actor_participation": "actor", "follow_through": "obligor"}  # fmt: skip
    for name, dimension in sides.items():
        assert dimension in PROJECTIONS[name].dimensions  # type: ignore[union-attr]
